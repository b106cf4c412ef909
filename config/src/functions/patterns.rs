//! Regular expressions: `regex`, `regexall`, and `replace` with a pattern between slashes.
//!
//! People write them for Go's RE2 syntax. The `regex` crate has the same roots and, like RE2, no
//! backtracking, but a few things mean something else in it; [`translate`] rewrites those.

use std::fmt::Write as _;

use hcl::Map;
use regex::{Captures, Regex};

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::limits;
use crate::values::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("regex", "pattern, text", regex),
    function("regexall", "pattern, text", regexall),
    function("replace", "text, part, replacement", replace),
];

/// What matched: a string; with groups a list of them; with named groups an object.
fn regex(arguments: &mut Arguments<'_>) -> Outcome {
    let pattern = Pattern::compile(&arguments.text()?).map_err(|why| arguments.refuse(&why))?;
    let text = arguments.text()?;
    let found = pattern.regex.captures(&text).ok_or_else(|| "nothing matches".to_owned())?;
    pattern.value(&found, &mut Room::default())
}

fn regexall(arguments: &mut Arguments<'_>) -> Outcome {
    let pattern = Pattern::compile(&arguments.text()?).map_err(|why| arguments.refuse(&why))?;
    let text = arguments.text()?;
    let mut room = Room::default();
    let found = pattern.regex.captures_iter(&text).map(|found| pattern.value(&found, &mut room));
    found.collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn replace(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    let part = arguments.text()?;
    let pattern = part.strip_prefix('/').and_then(|part| part.strip_suffix('/'));
    let regex = pattern.map(compile).transpose().map_err(|why| arguments.refuse(&why))?;
    let replacement = arguments.text()?;
    match regex {
        Some(regex) => replace_matches(&regex, &text, &replacement),
        None => {
            let count = text.matches(&part).count();
            limits::text_fits(count.saturating_mul(replacement.len()).saturating_add(text.len()))?;
            Ok(text.replace(&part, &replacement).into())
        }
    }
}

/// `$1`, `$name` and `${name}` in `replacement` stand for groups, `$$` for a dollar sign.
fn replace_matches(regex: &Regex, text: &str, replacement: &str) -> Outcome {
    // What the replacement can stand for: no group is longer than what matched.
    let groups = replacement.matches('$').count();
    let mut replaced = String::new();
    let mut copied = 0;
    for captures in regex.captures_iter(text) {
        let found = captures.get_match();
        replaced.push_str(&text[copied..found.start()]);
        let expanded = groups.saturating_mul(found.len()).saturating_add(replacement.len());
        limits::text_fits(expanded.saturating_add(replaced.len()))?;
        captures.expand(replacement, &mut replaced);
        copied = found.end();
    }
    replaced.push_str(&text[copied..]);
    Ok(replaced.into())
}

struct Pattern {
    regex: Regex,
    /// The names of the groups, in order; empty when there are none or they have none.
    names: Vec<String>,
}

impl Pattern {
    fn compile(pattern: &str) -> Result<Self, String> {
        let regex = compile(pattern)?;
        let names: Vec<_> = regex.capture_names().skip(1).flatten().map(str::to_owned).collect();
        if !names.is_empty() && names.len() + 1 != regex.captures_len() {
            return Err("must not have both named and unnamed groups".to_owned());
        }
        Ok(Self { regex, names })
    }

    fn value(&self, found: &Captures<'_>, room: &mut Room) -> Outcome {
        room.take(found)?;
        let group = |group: Option<regex::Match<'_>>| {
            group.map_or_else(Value::default, |group| group.as_str().into())
        };
        if !self.names.is_empty() {
            let entry = |name: &String| (name.clone(), group(found.name(name)));
            return Ok(Value::from(self.names.iter().map(entry).collect::<Map<_, _>>()));
        }
        if found.len() > 1 {
            return Ok(found.iter().skip(1).map(group).collect());
        }
        Ok(group(found.get(0)))
    }
}

/// How much has been taken out of a text. Groups within groups can hold it many times over.
#[derive(Default)]
struct Room {
    items: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, found: &Captures<'_>) -> Result<(), String> {
        self.items += found.len();
        self.bytes += found.iter().flatten().map(|group| group.len()).sum::<usize>();
        limits::items_fit(self.items)?;
        limits::text_fits(self.bytes)
    }
}

/// A regular expression in Go's syntax, or why it is none.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&translate(pattern)).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large a regular expression".to_owned(),
        // The crate's message is several lines with the pattern in them; its last says why.
        other => {
            let message = other.to_string();
            let why = message.lines().last().unwrap_or_default();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            format!("is not a regular expression: {why}")
        }
    })
}

/// Go's syntax in the `regex` crate's words: `\d`, `\s`, `\w` and `\b` are ASCII, `[` and doubled
/// operators within a class are themselves, so is a `{` that begins no repetition; `\Q…\E` quotes;
/// `\101` is an octal code point; `\<` is a `<`.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    // Within a class: whether it is still empty, when a `]` is one of its members.
    let mut class: Option<bool> = None;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        let was_in_class = class.is_some();
        rest = match (character, class) {
            ('\\', class) => escape(after, class.is_some(), &mut out),
            ('[', None) => {
                let negated = after.starts_with('^');
                out.push_str(if negated { "[^" } else { "[" });
                class = Some(true);
                &after[usize::from(negated)..]
            }
            ('{', None) if !is_repetition(after) => {
                out.push_str("\\{");
                after
            }
            (_, None) => {
                out.push(character);
                after
            }
            (']', Some(false)) => {
                out.push(']');
                class = None;
                after
            }
            ('[', Some(_)) if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").map_or(0, |at| at + 2);
                out.push('[');
                out.push_str(&after[..end]);
                &after[end..]
            }
            ('[' | ']' | '&' | '~', Some(_)) => {
                out.push('\\');
                out.push(character);
                after
            }
            ('-', Some(_)) if after.starts_with('-') => {
                out.push_str("\\-");
                after
            }
            (_, Some(_)) => {
                out.push(character);
                after
            }
        };
        if was_in_class && class.is_some() {
            class = Some(false);
        }
    }
    out
}

/// Writes what `\` and the beginning of `after` mean; gives back what follows.
fn escape<'a>(after: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(character) = after.chars().next() else {
        out.push('\\');
        return after;
    };
    let rest = &after[character.len_utf8()..];
    let ascii = |inside: &'static str, outside: &'static str| {
        if in_class { inside } else { outside }
    };
    match character {
        'd' => out.push_str(ascii("0-9", "[0-9]")),
        'D' => out.push_str("[^0-9]"),
        's' => out.push_str(ascii(r"\t\n\x0C\r ", r"[\t\n\x0C\r ]")),
        'S' => out.push_str(r"[^\t\n\x0C\r ]"),
        'w' => out.push_str(ascii("0-9A-Za-z_", "[0-9A-Za-z_]")),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'b' if !in_class => out.push_str(r"(?-u:\b)"),
        '<' | '>' => out.push(character),
        'Q' => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(quoted));
            return rest;
        }
        '0'..='7' => {
            let digits = after.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte));
            let digits = digits.count();
            // A single digit from 1 refers back to a group, which there is not: left for the
            // crate to refuse.
            if digits > 1 || character == '0' {
                let code = u32::from_str_radix(&after[..digits], 8).unwrap_or_default();
                // Writing into a String cannot fail.
                let _ = write!(out, "\\x{{{code:X}}}");
                return &after[digits..];
            }
            out.push('\\');
            out.push(character);
        }
        _ => {
            out.push('\\');
            out.push(character);
        }
    }
    rest
}

/// Whether `{` and what follows is `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, "0"));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_digits(least) && is_digits(most)
}
