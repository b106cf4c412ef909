//! Rust source as the house rules read it: which lines belong to the product, and which only to tests.

use std::ops::Range;

/// The lines of a file that no `#[cfg(test)]` item holds. Code before, between and behind such items counts.
pub(super) fn product_lines(text: &str) -> usize {
    let code = blank_text(text);
    let in_tests = test_items(&code).map(|item| code[item].lines().count()).sum::<usize>();
    text.lines().count() - in_tests
}

/// The numbers of the lines whose code, tests aside, has a word.
pub(super) fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let code = blank_text(text);
    let tests: Vec<Range<usize>> = test_items(&code).collect();
    let found = code.match_indices(word).map(|(start, _)| start);
    let in_product = found.filter(|start| !tests.iter().any(|item| item.contains(start)));
    in_product.map(|start| code[..start].matches('\n').count() + 1).collect()
}

/// Where the items with `#[cfg(test)]` are, attribute included.
fn test_items(code: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + code[end..].find("#[cfg(test)]")?;
        end = item_end(code, start);
        Some(start..end)
    })
}

/// Where the item ends that the attribute at `start` is on: behind its block, its semicolon, or the comma of a
/// field.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth -= 1;
                if depth < 0 {
                    return offset;
                }
                if depth == 0 && byte == b'}' {
                    return offset + 1;
                }
            }
            b';' | b',' if depth == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// The same text with comments and what stands in quotes as spaces, byte for byte, newlines kept.
fn blank_text(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = text_len(rest);
        let is_word = first.is_alphanumeric() || first == '_';
        if taken > 0 {
            let blank = rest[..taken].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
            code.extend(blank);
            rest = &rest[taken..];
        } else {
            // A whole word at once: the `r` at its end begins no raw string.
            let end = rest.find(|c: char| !is_word || !(c.is_alphanumeric() || c == '_'));
            let end = end.unwrap_or(rest.len()).max(first.len_utf8());
            code.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    code
}

/// How many bytes the comment, string or character takes that `rest` begins with; 0 if it begins with code.
fn text_len(rest: &str) -> usize {
    let until = |from: usize, end: &str| match rest[from..].find(end) {
        Some(offset) => from + offset + end.len(),
        None => rest.len(),
    };
    if rest.starts_with("//") {
        return until(0, "\n").max(2) - usize::from(rest.contains('\n'));
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    let quoted = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - quoted.len();
    if prefix > 1 {
        return 0;
    }
    if let Some(raw) = quoted.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(prefix + 1 + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
        }
        return 0;
    }
    match quoted.as_bytes() {
        [b'"', ..] => prefix + closed(quoted, '"'),
        [b'\'', b'\\', ..] => prefix + closed(quoted, '\''),
        [b'\'', ..] => {
            // `'a'` is a character, `'a` a lifetime.
            let mut chars = quoted[1..].chars();
            let width = chars.next().map_or(0, char::len_utf8);
            if chars.next() == Some('\'') { prefix + width + 2 } else { 0 }
        }
        _ => 0,
    }
}

/// The length of what begins with a quote, up to the quote that is not escaped.
fn closed(quoted: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, c) in quoted.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return offset + 1,
            _ => {}
        }
    }
    quoted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_behind_a_test_item_belongs_to_the_product() {
        let text = r##"use a::b;
#[cfg(test)]
use a::{
    c, d,
};
fn one() {}
#[cfg(test)]
mod tests;
struct S {
    a: u8,
    #[cfg(test)]
    b: [u8; 2],
}
#[cfg(test)]
#[path = "x.rs"]
mod more {
    const TEXT: &str = r#"
}
{{{
"#;
    fn two() -> char { '}' }
}
fn three<'a>() -> &'a str { "#[cfg(test)]" }
"##;
        assert_eq!(product_lines(text), "use one S a } three".split(' ').count());
        assert_eq!(lines_with(text, "fn "), [6, 23]);
        assert_eq!(lines_with(text, "cfg"), [0; 0]);
    }

    #[test]
    fn comments_and_quotes_are_no_code() {
        for (text, code) in [
            ("a // }\nb", "a     \nb"),
            ("a /* }\n */ b", "a     \n    b"),
            (r#"f("\"}", b"{", 'x', '\'', '{')"#, "f(     ,     ,    ,     ,    )"),
            (r###"(r#"}"#, br"{", for"x")"###, "(      ,      , for   )"),
            ("x<'a, 'b>", "x<'a, 'b>"),
            ("'é'", "    "),
        ] {
            assert_eq!(blank_text(text), code, "{text}");
        }
    }
}
