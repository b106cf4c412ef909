//! A built-in provider as a program of its own, for this crate's tests and for trying one without
//! DStream: `echo '{"maxCount":3}' | cargo run -p dstream-providers -- input counter`.

use std::io::Write;
use std::process::ExitCode;

use dstream_builtin::{PROVIDERS, Side};

/// What the command line names does not exist.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (side, name) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let status = Side::parse(&side).and_then(|side| dstream_builtin::run(side, &name));
    status.unwrap_or_else(|| {
        let known = PROVIDERS.iter().map(|it| format!("{} {}", it.side, it.name));
        let known = known.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            std::io::stderr(),
            "error: there is no provider `{side} {name}`; there are {known}"
        );
        ExitCode::from(USAGE)
    })
}
