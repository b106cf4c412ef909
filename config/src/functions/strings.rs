//! Strings. What counts, cuts or turns around works on grapheme clusters, as in Terraform: what a
//! reader takes for one character, however many code points it has.

use unicode_segmentation::UnicodeSegmentation;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::limits::{self, PADDING_MAX};
use crate::values::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("chomp", "text", chomp),
    function("endswith", "text, suffix", endswith),
    function("indent", "count, text", indent),
    function("join", "separator, lists...", join),
    function("lower", "text", lower),
    function("split", "separator, text", split),
    function("startswith", "text, prefix", startswith),
    function("strcontains", "text, part", strcontains),
    function("strrev", "text", strrev),
    function("substr", "text, offset, length", substr),
    function("title", "text", title),
    function("trim", "text, characters", trim),
    function("trimprefix", "text, prefix", trimprefix),
    function("trimspace", "text", |arguments| Ok(arguments.text()?.trim().into())),
    function("trimsuffix", "text, suffix", trimsuffix),
    function("upper", "text", upper),
];

fn chomp(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(arguments.text()?.trim_end_matches(['\r', '\n']).into())
}

fn startswith(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    Ok(text.starts_with(&arguments.text()?).into())
}

fn endswith(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    Ok(text.ends_with(&arguments.text()?).into())
}

fn strcontains(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    Ok(text.contains(&arguments.text()?).into())
}

/// Every line but the first.
fn indent(arguments: &mut Arguments<'_>) -> Outcome {
    let count = arguments.count()?;
    if count > PADDING_MAX {
        return Err(arguments.refuse(&format!("must be at most {PADDING_MAX}")));
    }
    let text = arguments.text()?;
    limits::text_fits(text.len() + text.matches('\n').count() * count)?;
    Ok(text.replace('\n', &format!("\n{}", " ".repeat(count))).into())
}

fn join(arguments: &mut Arguments<'_>) -> Outcome {
    let separator = arguments.text()?;
    if arguments.left() == 0 {
        return Err("needs at least one list".to_owned());
    }
    let mut parts = Vec::new();
    while arguments.left() > 0 {
        parts.append(&mut arguments.texts()?);
    }
    let separators = parts.len().saturating_sub(1).saturating_mul(separator.len());
    limits::text_fits(parts.iter().map(String::len).sum::<usize>().saturating_add(separators))?;
    Ok(parts.join(&separator).into())
}

fn split(arguments: &mut Arguments<'_>) -> Outcome {
    let separator = arguments.text()?;
    let text = arguments.text()?;
    if separator.is_empty() {
        return Ok(text.chars().map(String::from).collect::<Vec<_>>().into());
    }
    Ok(text.split(&separator).map(Value::from).collect::<Vec<_>>().into())
}

fn lower(arguments: &mut Arguments<'_>) -> Outcome {
    let lower = |character: char| {
        // `İ` becomes `i` and a combining dot; Terraform keeps to one code point for one.
        character.to_lowercase().next().unwrap_or(character)
    };
    Ok(arguments.text()?.chars().map(lower).collect::<String>().into())
}

fn upper(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(arguments.text()?.chars().map(upper_character).collect::<String>().into())
}

/// `ß` and others that would become two code points stay, as in Terraform.
fn upper_character(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => character,
    }
}

/// The first letter of each word in upper case. A word is letters, digits and underscores.
fn title(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    let mut at_start = true;
    let titled = text.chars().map(|character| {
        let starts_word = at_start;
        at_start = match character {
            '_' => false,
            _ if character.is_alphanumeric() => false,
            _ => character.is_ascii() || character.is_whitespace(),
        };
        if starts_word { upper_character(character) } else { character }
    });
    Ok(titled.collect::<String>().into())
}

fn trim(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    let characters = arguments.text()?;
    Ok(text.trim_matches(|character| characters.contains(character)).into())
}

fn trimprefix(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    Ok(text.strip_prefix(arguments.text()?.as_str()).unwrap_or(&text).into())
}

fn trimsuffix(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    Ok(text.strip_suffix(arguments.text()?.as_str()).unwrap_or(&text).into())
}

fn strrev(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(arguments.text()?.graphemes(true).rev().collect::<String>().into())
}

/// A negative offset counts from the end; a negative length means the rest.
fn substr(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    let offset = arguments.whole()?;
    let length = arguments.whole()?;
    let skipped = match usize::try_from(offset) {
        Ok(offset) => offset,
        Err(_) => {
            let back = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            text.graphemes(true).count().saturating_sub(back)
        }
    };
    let taken = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(text.graphemes(true).skip(skipped).take(taken).collect::<String>().into())
}
