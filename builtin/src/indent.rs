//! JSON laid out for people, without a change to any value.

use std::io::{self, Write};

/// Writes `json`, which is valid, with one field or item a line. Numbers and texts stay byte for
/// byte what they are; `indent` is the number of spaces before its closing brace.
pub(crate) fn write_indented(out: &mut impl Write, json: &str, indent: usize) -> io::Result<()> {
    let bytes = json.as_bytes();
    let (mut depth, mut at) = (0, 0);
    let line = |out: &mut _, depth: usize| {
        let out: &mut dyn Write = out;
        write!(out, "\n{:1$}", "", indent + 2 * depth)
    };
    while at < bytes.len() {
        let next = at + token_bytes(&bytes[at..]);
        match bytes[at] {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            open @ (b'{' | b'[') => {
                let rest = json[next..].trim_ascii_start();
                out.write_all(&[open])?;
                if rest.starts_with(['}', ']']) {
                    let close = json.len() - rest.len();
                    out.write_all(&bytes[close..=close])?;
                    at = close + 1;
                    continue;
                }
                depth += 1;
                line(out, depth)?;
            }
            close @ (b'}' | b']') => {
                depth = usize::saturating_sub(depth, 1);
                line(out, depth)?;
                out.write_all(&[close])?;
            }
            b',' => {
                out.write_all(b",")?;
                line(out, depth)?;
            }
            b':' => out.write_all(b": ")?,
            _ => out.write_all(&bytes[at..next])?,
        }
        at = next;
    }
    Ok(())
}

/// Bytes of what begins here: a text with its quotes, or a run of plain bytes, or one byte of
/// structure.
fn token_bytes(bytes: &[u8]) -> usize {
    let structure = |byte: &u8| b"{}[],:\" \t\r\n".contains(byte);
    if bytes[0] != b'"' {
        return bytes.iter().position(structure).unwrap_or(bytes.len()).max(1);
    }
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indented(json: &str) -> String {
        let mut out = Vec::new();
        write_indented(&mut out, json, 2).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_and_items_have_lines_of_their_own() {
        assert_eq!(
            indented(r#"{"a":1.50,"b" : [ ] ,"c":[true,{"d":{}}]}"#),
            "{\n    \"a\": 1.50,\n    \"b\": [],\n    \"c\": [\n      true,\n      {\n        \"d\": {}\n      }\n    ]\n  }"
        );
    }

    #[test]
    fn texts_and_numbers_stay_as_they_are() {
        for json in [
            r#""{\"a\": [1, 2],}\\""#,
            "123456789012345678901234567890",
            "1e400",
            r#""\u00e9 é""#,
            "null",
        ] {
            assert_eq!(indented(json), json);
        }
    }

    #[test]
    fn the_layout_means_the_same() {
        let json = r#"{"":[[],[[0]],{"x":"}"}],"é\"":{"a":[{},{"b":null}]}}"#;
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&indented(json)), value(json));
    }
}
