//! A line of a file → a line of the stream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_sdk::{Envelope, EnvelopeWriter, Line, ProviderError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the lines of a file are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Each line is what it looks like.
    #[default]
    Auto,
    Envelope,
    Json,
    Text,
}

/// Where a wrapped line comes from.
#[derive(Serialize)]
struct Metadata<'a> {
    provider: &'static str,
    path: &'a str,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

/// Writes one line. `number` counts from 1, if it is known.
pub(crate) fn write(
    out: &mut EnvelopeWriter,
    format: Format,
    path: &str,
    number: Option<u64>,
    line: &Line<'_>,
) -> Result<(), ProviderError> {
    let bytes = line.bytes;
    if is_blank(bytes) {
        return Ok(());
    }
    let wrong = |what: &str| {
        let place = number.map_or_else(String::new, |number| format!(":{number}"));
        let offset = line.offset;
        ProviderError::permanent(format!("{path}{place} (offset {offset}) is {what}"))
    };
    if matches!(format, Format::Auto | Format::Envelope) {
        if Envelope::new(bytes).parts().is_some() {
            out.write_lines(bytes)?;
            return Ok(out.write_lines(b"\n")?);
        }
        if format == Format::Envelope {
            return Err(wrong(
                "no envelope: not a JSON object with `data`; `format` says what the lines are",
            ));
        }
    }
    let metadata =
        Metadata { provider: "file", path, offset: line.offset, line: number, encoding: None };
    if format != Format::Text {
        match serde_json::from_slice::<&RawValue>(bytes) {
            Ok(value) => return Ok(out.write(value, &metadata)?),
            Err(_) if format == Format::Json => {
                return Err(wrong("not JSON; `format` says what the lines are"));
            }
            Err(_) => {}
        }
    }
    // The CR of a CRLF belongs to the end of the line.
    let text = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match std::str::from_utf8(text) {
        Ok(text) => out.write(text, &metadata)?,
        Err(_) => {
            let encoding = Some("base64");
            out.write(&STANDARD.encode(text), &Metadata { encoding, ..metadata })?;
        }
    }
    Ok(())
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0c))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, bytes: &[u8]) -> Result<String, String> {
        let sink = Sink::default();
        let mut out = EnvelopeWriter::new(sink.clone());
        write(&mut out, format, "a.log", Some(3), &Line { bytes, offset: 20 })
            .map_err(|error| error.to_string())?;
        out.flush().unwrap();
        let bytes = sink.0.lock().unwrap().clone();
        Ok(String::from_utf8(bytes).unwrap())
    }

    fn wrapped(data: &str) -> String {
        format!(
            "{{\"data\":{data},\"metadata\":{{\"provider\":\"file\",\"path\":\"a.log\",\"offset\":20,\"line\":3}}}}\n"
        )
    }

    #[test]
    fn auto_takes_each_line_for_what_it_is() {
        for (line, expected) in [
            (r#" {"x":1, "data": 1.50} "#, " {\"x\":1, \"data\": 1.50} \n".to_owned()),
            ("{\"data\":null}\r", "{\"data\":null}\r\n".to_owned()),
            (r#"{"a" : 1.50}"#, wrapped(r#"{"a" : 1.50}"#)),
            (r#"{"data":1,"data":2}"#, wrapped(r#"{"data":1,"data":2}"#)),
            (" [1,2]\r", wrapped("[1,2]")),
            ("12345678901234567890.5", wrapped("12345678901234567890.5")),
            ("plain \"text\"\r", wrapped(r#""plain \"text\"""#)),
            ("{\"cut\":", wrapped(r#""{\"cut\":""#)),
            (" \t\r", String::new()),
        ] {
            assert_eq!(written(Format::Auto, line.as_bytes()), Ok(expected), "{line}");
        }
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert_eq!(written(Format::Auto, deep.as_bytes()), Ok(wrapped(&deep)));
    }

    #[test]
    fn what_is_not_utf_8_is_not_lost() {
        let expected = "{\"data\":\"/2EA\",\"metadata\":{\"provider\":\"file\",\"path\":\"a.log\",\
                        \"offset\":20,\"line\":3,\"encoding\":\"base64\"}}\n";
        for format in [Format::Auto, Format::Text] {
            assert_eq!(written(format, b"\xffa\0\r").as_deref(), Ok(expected));
        }
    }

    #[test]
    fn text_is_text_whatever_it_looks_like() {
        let line = r#"{"data":1}"#;
        assert_eq!(written(Format::Text, line.as_bytes()), Ok(wrapped(r#""{\"data\":1}""#)));
        assert_eq!(written(Format::Json, line.as_bytes()), Ok(wrapped(line)));
    }

    #[test]
    fn what_is_demanded_and_not_there_is_an_error_with_its_place() {
        for (format, line) in [(Format::Envelope, "{\"a\":1}"), (Format::Json, "text")] {
            let error = written(format, line.as_bytes()).unwrap_err();
            assert!(error.starts_with("a.log:3 (offset 20) is no"), "{error}");
        }
    }
}
