//! Regular expressions. The syntax is Go's but for rarities.
//!
//! One search is linear in the text, but many searches of one text are not, and a large pattern
//! takes its time for each character. So a search is charged for all that it may look at.

use regex::Regex;

use super::super::context::{Outcome, Problem, TextBuilder};
use super::super::value::Value;
use super::{Call, Function, derives, function};

pub(super) const FUNCTIONS: &[Function] = &[
    function("regexMatch", (2, 2), |call| {
        let (pattern, text) = (Pattern::read(call)?, call.text(1)?);
        pattern.charge(call, text.len())?;
        Ok(Value::Bool(pattern.regex.is_match(&text)))
    }),
    derives("regexFind", (2, 2), |call| {
        let (pattern, text) = (Pattern::read(call)?, call.text(1)?);
        pattern.charge(call, text.len())?;
        call.new_text(pattern.regex.find(&text).map_or("", |found| found.as_str()))
    }),
    derives("regexFindAll", (3, 3), |call| {
        let (pattern, text, limit) = (Pattern::read(call)?, call.text(1)?, limit(call)?);
        let found = pattern.places(call, &text, limit)?;
        call.new_texts(found.into_iter().map(|place| &text[place]))
    }),
    derives("regexReplaceAll", (3, 3), |call| replace(call, true)),
    derives("regexReplaceAllLiteral", (3, 3), |call| replace(call, false)),
    derives("regexSplit", (3, 3), split),
    derives("regexQuoteMeta", (1, 1), |call| {
        let text = call.text(0)?;
        call.new_text(&regex::escape(&text))
    }),
];

/// Memory of a compiled pattern, bytes, up to which searching with it is cheap; enough for one
/// without Unicode classes such as `\w`.
const SMALL_BYTES_MAX: usize = 16 << 10;

/// Memory of any compiled pattern, bytes. Compiling takes time in proportion.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// Groups within groups of a pattern.
const PATTERN_NESTING_MAX: u32 = 50;

struct Pattern {
    regex: Regex,
    /// What looking at one byte of text costs of a rendering's allowance.
    byte_work: usize,
}

impl Pattern {
    /// The first argument.
    fn read(call: &mut Call<'_, '_>) -> Result<Self, Problem> {
        let pattern = call.text(0)?;
        let compile = |bytes_max| {
            regex::RegexBuilder::new(&pattern)
                .size_limit(bytes_max)
                .nest_limit(PATTERN_NESTING_MAX)
                .build()
        };
        call.context.charge(SMALL_BYTES_MAX)?;
        if let Ok(regex) = compile(SMALL_BYTES_MAX) {
            return Ok(Self { regex, byte_work: 2 });
        }
        call.context.charge(PATTERN_BYTES_MAX)?;
        let regex = compile(PATTERN_BYTES_MAX).map_err(|error| {
            let message = match error {
                regex::Error::CompiledTooBig(_) => "this regular expression is too large",
                _ => "this is no valid regular expression",
            };
            Problem::argument(0, message)
        })?;
        Ok(Self { regex, byte_work: 16 })
    }

    fn charge(&self, call: &mut Call<'_, '_>, bytes: usize) -> Result<(), Problem> {
        call.context.charge(bytes.saturating_add(1).saturating_mul(self.byte_work))
    }

    /// Where it matches, up to `limit` times.
    fn places(
        &self,
        call: &mut Call<'_, '_>,
        text: &str,
        limit: usize,
    ) -> Result<Vec<std::ops::Range<usize>>, Problem> {
        self.charge(call, text.len())?;
        let mut places = Vec::new();
        for found in self.regex.find_iter(text).take(limit) {
            self.charge(call, text.len() - found.end())?;
            call.context.check_items(1)?;
            places.push(found.range());
        }
        Ok(places)
    }
}

/// How many are wanted; a negative number is all.
fn limit(call: &Call<'_, '_>) -> Result<usize, Problem> {
    Ok(usize::try_from(call.int(2)?).unwrap_or(usize::MAX))
}

/// As Go has it: no part before an empty match at the start or behind one at the end.
fn split(call: &mut Call<'_, '_>) -> Outcome {
    let (pattern, text, limit) = (Pattern::read(call)?, call.text(1)?, limit(call)?);
    let Some(cuts) = limit.checked_sub(1) else { return call.context.new_list(Vec::new()) };
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    // A match that cuts nothing off does not count; there is one at most.
    for place in pattern.places(call, &text, cuts.saturating_add(1))? {
        if parts.len() == cuts {
            break;
        }
        end = place.start;
        if place.end != 0 {
            parts.push(&text[start..end]);
        }
        start = place.end;
    }
    if end != text.len() || text.is_empty() {
        parts.push(&text[start..]);
    }
    call.new_texts(parts)
}

fn replace(call: &mut Call<'_, '_>, expands: bool) -> Outcome {
    let (pattern, text, by) = (Pattern::read(call)?, call.text(1)?, call.text(2)?);
    let mut out = TextBuilder::default();
    let mut end = 0;
    let references = by.matches('$').count();
    pattern.charge(call, text.len())?;
    for found in pattern.regex.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        pattern.charge(call, text.len() - whole.end())?;
        out.push(&text[end..whole.start()])?;
        if expands {
            // A reference gives at most the whole match.
            let longest = by.len() + references.saturating_mul(whole.len());
            call.context.charge(longest)?;
            let mut expanded = String::new();
            found.expand(&by, &mut expanded);
            out.push(&expanded)?;
        } else {
            call.context.charge(by.len())?;
            out.push(&by)?;
        }
        end = whole.end();
    }
    out.push(&text[end..])?;
    call.new_text(out.as_str())
}
