//! What an output says to DStream in a line of its stdout: acknowledgements, and lines that it returns.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_protocol::{BarrierAck, Reject, RejectedLine as Returned};

use crate::limits::REJECT_REASON_BYTES_MAX;

/// What an output tells DStream in a line of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ControlMessage {
    /// Everything up to this checkpoint is lasting.
    Ack(u64),
    /// It has not taken a line, and goes on.
    Reject(RejectedLine),
    /// It was to be that, and cannot be, for this reason.
    BadReject(String),
}

/// A line that an output has given back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RejectedLine {
    /// Byte for byte, without its newline.
    pub(crate) line: Vec<u8>,
    /// Why, in the output's words.
    pub(crate) reason: String,
}

/// What a line of an output says that was asked for acknowledgements.
pub(crate) fn acks(line: &[u8]) -> Option<ControlMessage> {
    BarrierAck::decode(line).map(|ack| ControlMessage::Ack(ack.id))
}

/// Of one that was asked to give lines back.
pub(crate) fn rejects(line: &[u8]) -> Option<ControlMessage> {
    begins_as_reject(line)
        .then(|| reject_of(line).map_or_else(ControlMessage::BadReject, ControlMessage::Reject))
}

/// Of one that was asked for both.
pub(crate) fn acks_and_rejects(line: &[u8]) -> Option<ControlMessage> {
    acks(line).or_else(|| rejects(line))
}

/// Whether a line returns another one, as far as its beginning tells.
pub(crate) fn begins_as_reject(line: &[u8]) -> bool {
    Reject::begins(line)
}

fn reject_of(line: &[u8]) -> Result<RejectedLine, String> {
    let Reject { reason, line } = Reject::decode(line)?;
    let line = match line {
        Returned::Envelope(json) => json.get().as_bytes().to_vec(),
        Returned::Line(text) => text.into_owned().into_bytes(),
        Returned::LineBase64(text) => {
            STANDARD.decode(&*text).map_err(|error| format!("`line_base64`: {error}"))?
        }
    };
    if line.contains(&b'\n') {
        return Err("what it gives back is more than one line".to_owned());
    }
    let mut reason = reason.into_owned();
    if reason.len() > REJECT_REASON_BYTES_MAX {
        let is_boundary = |len: &usize| reason.is_char_boundary(*len);
        let len = (0..=REJECT_REASON_BYTES_MAX).rev().find(is_boundary).unwrap_or_default();
        reason.truncate(len);
        reason.push('…');
    }
    Ok(RejectedLine { line, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_back(line: &[u8]) -> Option<ControlMessage> {
        let (line, reason) = (line.to_vec(), "full".to_owned());
        Some(ControlMessage::Reject(RejectedLine { line, reason }))
    }

    #[test]
    fn a_line_comes_back_byte_for_byte() {
        for (said, line) in [
            (
                r#"{"reject":{"reason":"full","envelope":{"data": 1e400 ,"metadata":{}}}}"#,
                &br#"{"data": 1e400 ,"metadata":{}}"#[..],
            ),
            (r#" { "reject" : {"envelope":7,"reason":"full","more":1} } "#, b"7"),
            (r#"{"reject":{"reason":"full","line":"no \"json\"\r"}}"#, b"no \"json\"\r"),
            (r#"{"reject":{"reason":"full","line_base64":"/wA="}}"#, b"\xff\0"),
        ] {
            assert_eq!(rejects(format!("{said}\n").as_bytes()), given_back(line), "{said}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let said = format!("{{\"reject\":{{\"reason\":\"full\",\"envelope\":{deep}}}}}");
        assert_eq!(rejects(said.as_bytes()), given_back(deep.as_bytes()));
    }

    #[test]
    fn what_cannot_be_understood_is_no_text_for_people() {
        for said in [
            r#"{"reject":"#,
            r#"{"reject":7}"#,
            r#"{"reject":{"envelope":7}}"#,
            r#"{"reject":{"reason":"full"}}"#,
            r#"{"reject":{"reason":"full","envelope":7,"line":"x"}}"#,
            r#"{"reject":{"reason":"full","line":"a\nb"}}"#,
            r#"{"reject":{"reason":"full","line_base64":"?"}}"#,
        ] {
            let taken = rejects(said.as_bytes());
            assert!(matches!(taken, Some(ControlMessage::BadReject(_))), "{said}: {taken:?}");
        }
        for text in ["rejected", "{\"reject\"", "{\"rejects\":7}", "{\"a\":{\"reject\":1}}", ""] {
            assert_eq!(rejects(text.as_bytes()), None, "{text}");
        }
        let ack = b"{\"ack\":{\"id\":7}}\n";
        assert_eq!((acks(ack), rejects(ack)), (Some(ControlMessage::Ack(7)), None));
        assert_eq!(acks_and_rejects(ack), Some(ControlMessage::Ack(7)));
        let long = format!(
            "{{\"reject\":{{\"reason\":\"{}\",\"line\":\"\"}}}}",
            "é".repeat(REJECT_REASON_BYTES_MAX)
        );
        let Some(ControlMessage::Reject(RejectedLine { reason, .. })) = rejects(long.as_bytes())
        else {
            panic!("not taken");
        };
        assert!(reason.len() <= REJECT_REASON_BYTES_MAX + 3 && reason.ends_with("é…"));
    }
}
