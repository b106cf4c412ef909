//! Values that must never be shown: where they are kept, and how text is cleared of them.

use std::collections::BTreeSet;

/// A shorter value is not masked in free text: hiding every `1` or `yes` of a log would make it
/// unreadable and protect nothing.
pub const MASKED_BYTES_MIN: usize = 4;

/// Values of settings, which are no secrets although they come from the environment.
const PLAIN_WORDS: [&str; 10] =
    ["true", "false", "null", "none", "debug", "info", "warn", "error", "json", "text"];

/// What stands in the place of a secret.
pub const MASK: &str = "(secret)";

/// The values that came from `env`, `file` or a sensitive variable.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    values: BTreeSet<String>,
}

impl Secrets {
    /// Remembers a value, the form it takes inside a JSON string, and each of its lines: logs are
    /// lines, and what a file holds ends with a newline.
    pub fn add(&mut self, value: &str) {
        self.add_whole(value);
        value.lines().for_each(|line| self.add_whole(line.trim()));
    }

    fn add_whole(&mut self, value: &str) {
        if value.len() < MASKED_BYTES_MIN || PLAIN_WORDS.contains(&value) {
            return;
        }
        let quoted = serde_json::Value::from(value).to_string();
        let escaped = &quoted[1..quoted.len() - 1];
        if escaped != value {
            self.values.insert(escaped.to_owned());
        }
        self.values.insert(value.to_owned());
    }

    /// Takes in all values of another set.
    pub fn extend(&mut self, other: &Self) {
        self.values.extend(other.values.iter().cloned());
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// `text` with every secret in it replaced by a mark; longer values first, so that one
    /// that contains another goes whole.
    pub fn mask(&self, text: &str) -> String {
        if !self.values.iter().any(|value| text.contains(value.as_str())) {
            return text.to_owned();
        }
        let mut values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.iter().fold(text.to_owned(), |text, value| text.replace(value, MASK))
    }
}

impl Secrets {
    /// [`Secrets::mask`] for a text that was cut off: the beginning of a secret at its end, which
    /// nobody would recognise, is masked as well.
    pub fn mask_cut(&self, text: &str) -> String {
        let begun = |value: &str| {
            let longest = value.len().min(text.len());
            (MASKED_BYTES_MIN..=longest).rev().find(|&length| {
                text.as_bytes().ends_with(&value.as_bytes()[..length])
                    && text.is_char_boundary(text.len() - length)
            })
        };
        match self.values.iter().filter_map(|value| begun(value)).max() {
            Some(length) => self.mask(&text[..text.len() - length]) + MASK,
            None => self.mask(text),
        }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} values)", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_plain_and_escaped_forms_longest_first() {
        let mut secrets = Secrets::default();
        secrets.add("pass\"word");
        secrets.add("pass\"word-and-more");
        secrets.add("abc");
        assert_eq!(secrets.mask("x pass\"word-and-more y"), "x (secret) y");
        assert_eq!(secrets.mask(r#"{"p":"pass\"word"}"#), r#"{"p":"(secret)"}"#);
        assert_eq!(secrets.mask("abc stays"), "abc stays");
    }

    #[test]
    fn a_secret_that_is_cut_in_two_is_masked() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2222");
        secrets.add("terrible");
        assert_eq!(secrets.mask_cut("a hunter2222 and a hunter22"), "a (secret) and a (secret)");
        assert_eq!(secrets.mask_cut("all of hunter2222"), "all of (secret)");
        assert_eq!(secrets.mask_cut("a hunt"), "a (secret)");
        assert_eq!(secrets.mask_cut("a hun"), "a hun");
        // Two that overlap: the longer beginning counts.
        secrets.add("2222 is more");
        assert_eq!(secrets.mask_cut("a hunter2222"), "a (secret)");
    }

    #[test]
    fn the_lines_of_a_file_are_masked_one_by_one() {
        let mut secrets = Secrets::default();
        secrets.add("BEGIN KEY\n  c2VjcmV0\n\nEND KEY\n");
        assert_eq!(secrets.mask("read c2VjcmV0 from END KEY"), "read (secret) from (secret)");
    }

    #[test]
    fn words_of_settings_are_no_secrets() {
        let mut secrets = Secrets::default();
        secrets.add("true");
        secrets.add("info");
        assert!(secrets.is_empty());
    }

    #[test]
    fn debug_shows_no_value() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2222");
        assert!(!format!("{secrets:?}").contains("hunter"));
    }
}
