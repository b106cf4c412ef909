//! The lines that go through: envelopes of stated sizes.

use dstream_engine::protocol::EnvelopeCheck;
use dstream_task::Validate;

/// A size of line, newline not counted, and the name it has in every figure.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
}

/// Real lines: changes that a PostgreSQL server made.
const CHANGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/changes/changes.jsonl");

/// All of them.
pub(crate) fn changes() -> Vec<u8> {
    std::fs::read(CHANGES).unwrap()
}

/// Lines without their newlines.
pub(crate) fn split(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.trim_ascii_end().split(|&byte| byte == b'\n').collect()
}

/// From a counter's line to a document.
pub(crate) const SIZES: [Size; 4] = [
    Size { name: "43B", bytes: 43 },
    Size { name: "515B", bytes: 515 },
    Size { name: "3500B", bytes: 3500 },
    Size { name: "64KiB", bytes: 64 << 10 },
];

/// How closely lines are looked at, and the name of it.
pub(crate) const LEVELS: [(Validate, &str); 3] =
    [(Validate::Off, "off"), (Validate::Shape, "shape"), (Validate::Full, "full")];

/// What a task's lines are checked by.
pub(crate) fn check(level: Validate) -> EnvelopeCheck {
    EnvelopeCheck::new(level, None)
}

/// An envelope of exactly `bytes`, at least 43, without a newline: fields of the usual kinds, as
/// many as fit, and a text for the rest.
pub(crate) fn envelope(bytes: usize) -> Vec<u8> {
    const TAIL: &str = "},\"metadata\":{\"seq\":1}}";
    let mut line = String::from("{\"data\":{");
    for number in 0.. {
        let field = format!(
            "\"id_{number}\":{},\"name_{number}\":\"Zoë \\\"Z\\\" {number}\",\"at_{number}\":\"2026-11-23T06:01:35Z\",\
             \"paid_{number}\":true,\"price_{number}\":{}.95,\"note_{number}\":null,",
            1_000_003 * number,
            17 * number,
        );
        if line.len() + field.len() + "\"text\":\"\"".len() + TAIL.len() > bytes {
            break;
        }
        line.push_str(&field);
    }
    let text = bytes - line.len() - "\"t\":\"\"".len() - TAIL.len();
    line.push_str(&format!("\"t\":\"{}\"{TAIL}", "x".repeat(text)));
    assert_eq!(line.len(), bytes);
    line.into_bytes()
}

/// As many such envelopes as fit into `bytes_max`, each with its newline, and how many there are.
pub(crate) fn envelopes(size: Size, bytes_max: usize) -> (Vec<u8>, u64) {
    let mut line = envelope(size.bytes);
    line.push(b'\n');
    let count = bytes_max / line.len();
    (line.repeat(count), count as u64)
}
