//! A state file's text: a line about it, and the checkpoint as the input wrote it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Stored;
use crate::limits::STATE_BYTES_MAX;

/// The one version there is.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    dstream_state: u64,
    task: String,
    saved_at: jiff::Timestamp,
    sha256: String,
}

pub(super) fn encode(task: &str, saved_at: jiff::Timestamp, checkpoint: &RawValue) -> String {
    let sha256 = checksum(task, saved_at, checkpoint.get());
    let header = Header { dstream_state: VERSION, task: task.to_owned(), saved_at, sha256 };
    // A header can always be written.
    let header = serde_json::to_string(&header).unwrap_or_default();
    format!("{header}\n{}\n", checkpoint.get())
}

/// Reads a file; what is wrong with it, in words.
pub(super) fn decode(task: &str, bytes: &[u8]) -> Result<Stored, String> {
    if bytes.len() as u64 > STATE_BYTES_MAX {
        return Err(format!("it has more than {STATE_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let (header, rest) = text.split_once('\n').ok_or("its first line is not whole")?;
    let header: Header =
        serde_json::from_str(header).map_err(|error| format!("its first line: {error}"))?;
    if header.dstream_state != VERSION {
        return Err(format!(
            "it is of version {}, which this DStream does not know",
            header.dstream_state
        ));
    }
    let checkpoint = rest.strip_suffix('\n').ok_or("its end is missing")?;
    if header.task != task {
        return Err(format!("it is that of task `{}`", header.task.escape_debug()));
    }
    if header.sha256 != checksum(task, header.saved_at, checkpoint) {
        return Err("its checksum does not fit".to_owned());
    }
    let checkpoint = RawValue::from_string(checkpoint.to_owned())
        .map_err(|error| format!("its checkpoint is no JSON: {error}"))?;
    Ok(Stored { task: header.task, saved_at: header.saved_at, checkpoint })
}

/// Which task such a file is about, damaged or not, as far as its first line says so.
pub(super) fn task_within(bytes: &[u8]) -> Option<String> {
    let header = bytes.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice::<Header>(header).ok().map(|header| header.task)
}

fn checksum(task: &str, saved_at: jiff::Timestamp, checkpoint: &str) -> String {
    sha256(format!("{task}\n{saved_at}\n{checkpoint}").as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The longest name, so that it and its longest ending are no longer than a file system allows.
const NAME_BYTES_MAX: usize = 200;

/// Digits of the checksum in a name that is cut.
const NAME_DIGITS: usize = 32;

/// The name of a task's file without its ending: what is no letter, digit, `-` or `_` as `%xx`. A
/// longer one is cut, and ends in `~` and a checksum of the task's name.
pub(super) fn name_of(task: &str) -> String {
    let mut name = escaped(task);
    if name.len() > NAME_BYTES_MAX {
        let digits = sha256(task.as_bytes());
        name.truncate(NAME_BYTES_MAX - NAME_DIGITS - 1);
        name = format!("{name}~{}", &digits[..NAME_DIGITS]);
    }
    name
}

fn escaped(task: &str) -> String {
    task.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
        name
    })
}

/// The task of such a name; `None` if it is none, or cut.
pub(super) fn task_of(name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    let task = String::from_utf8(bytes).ok()?;
    (name_of(&task) == name).then_some(task)
}
