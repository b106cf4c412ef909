//! An output of which it is known, whenever it is killed, what it has taken: it has its lines moved from
//! its stdin into a file by `splice`. A byte is in the file or still in the pipe, since the kernel takes
//! out of the pipe what it has written, in one call that no signal ends in between.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::pipe::{SpliceFlags, splice};

/// Bytes of one move: it should be killed in the middle of lines.
const MOVED_BYTES: usize = 1 << 14;

/// Says that it is ready and moves lines to the end of `path`, until there are no more.
pub(crate) fn sink(path: &Path) -> Result<(), String> {
    move_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn move_all(path: &Path) -> std::io::Result<()> {
    let mut stdin = File::from(rustix::io::dup(std::io::stdin())?);
    // By single bytes: what comes behind the command is not to be read.
    let mut byte = [0];
    while stdin.read(&mut byte)? == 1 && byte[0] != b'\n' {}
    let mut file =
        File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut byte)?;
        if byte[0] != b'\n' {
            file.write_all(b"\n")?; // the one before was killed in the middle of a line
        }
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(b"{\"status\":\"ready\",\"protocol\":1}\n")?;
    stdout.flush()?;
    while splice(&stdin, None, &file, None, MOVED_BYTES, SpliceFlags::empty())? > 0 {}
    Ok(())
}
