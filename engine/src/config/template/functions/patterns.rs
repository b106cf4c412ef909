//! Regular expressions. The syntax is Go's but for rarities; matching is linear in the text.

use regex::Regex;

use super::super::machine::{Outcome, Problem, TextBuilder};
use super::super::value::Value;
use super::{Call, Function, derives, function};

pub(super) const FUNCTIONS: &[Function] = &[
    function("regexMatch", (2, 2), |call| {
        let (pattern, text) = (pattern(call)?, call.text(1)?);
        Ok(Value::Bool(pattern.is_match(&text)))
    }),
    derives("regexFind", (2, 2), |call| {
        let (pattern, text) = (pattern(call)?, call.text(1)?);
        call.new_text(pattern.find(&text).map_or("", |found| found.as_str()))
    }),
    derives("regexFindAll", (3, 3), |call| {
        let (pattern, text, limit) = (pattern(call)?, call.text(1)?, limit(call)?);
        call.new_texts(pattern.find_iter(&text).take(limit).map(|found| found.as_str()))
    }),
    derives("regexReplaceAll", (3, 3), |call| replace(call, true)),
    derives("regexReplaceAllLiteral", (3, 3), |call| replace(call, false)),
    derives("regexSplit", (3, 3), |call| {
        let (pattern, text, limit) = (pattern(call)?, call.text(1)?, limit(call)?);
        call.new_texts(pattern.splitn(&text, limit))
    }),
    derives("regexQuoteMeta", (1, 1), |call| {
        let text = call.text(0)?;
        call.new_text(&regex::escape(&text))
    }),
];

/// Memory of one compiled pattern, bytes. Compiling takes time in proportion.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// What compiling costs of a rendering's allowance.
const PATTERN_WORK: usize = 64 << 10;

fn pattern(call: &mut Call<'_, '_>) -> Result<Regex, Problem> {
    let pattern = call.text(0)?;
    call.machine.charge(PATTERN_WORK)?;
    let compiled =
        regex::RegexBuilder::new(&pattern).size_limit(PATTERN_BYTES_MAX).nest_limit(50).build();
    compiled.map_err(|error| {
        Problem::argument(
            0,
            match error {
                regex::Error::CompiledTooBig(_) => "this regular expression is too large",
                _ => "this is no valid regular expression",
            },
        )
    })
}

/// How many are wanted; a negative number is all.
fn limit(call: &Call<'_, '_>) -> Result<usize, Problem> {
    Ok(usize::try_from(call.int(2)?).unwrap_or(usize::MAX))
}

fn replace(call: &mut Call<'_, '_>, expands: bool) -> Outcome {
    let (pattern, text, by) = (pattern(call)?, call.text(1)?, call.text(2)?);
    let mut out = TextBuilder::default();
    let mut end = 0;
    for found in pattern.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        out.push(&text[end..whole.start()])?;
        if expands {
            let mut expanded = String::new();
            call.machine.charge(by.len())?;
            found.expand(&by, &mut expanded);
            out.push(&expanded)?;
        } else {
            out.push(&by)?;
        }
        end = whole.end();
    }
    out.push(&text[end..])?;
    call.new_text(out.as_str())
}
