//! Texts as Go quotes them.

/// `%q`: in `quote`s, with escapes for what is not printable, and with `ascii_only` for all that
/// is not ASCII.
pub(super) fn quoted(text: &str, quote: char, ascii_only: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            _ if c == quote => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            ' '..='~' => out.push(c),
            '\0'..='\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ if !ascii_only && is_printable(c) => out.push(c),
            '\u{80}'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push(quote);
    out
}

/// Whether a character beyond ASCII shows, as Rust's tables have it. A mark that joins the letter
/// before it does.
fn is_printable(c: char) -> bool {
    !format!("a{c}").escape_debug().any(|escaped| escaped == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quoted("a\"b\\\n\u{1}\u{7f}", '"', false), r#""a\"b\\\n\x01\x7f""#);
        assert_eq!(quoted("ü\u{a0}\u{200b}e\u{301}", '"', false), "\"ü\\u00a0\\u200be\u{301}\"");
        assert_eq!(quoted("ü😀", '"', true), r#""\u00fc\U0001f600""#);
        assert_eq!(quoted("'", '\'', false), r"'\''");
    }
}
