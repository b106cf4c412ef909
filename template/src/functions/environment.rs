//! The environment: the one thing outside its file that a template may read.

use std::rc::Rc;

use super::super::context::{Outcome, Problem, TextBuilder};
use super::super::value::{Text, Unset, Value};
use super::{Call, Function, derives, function};

pub(super) const FUNCTIONS: &[Function] =
    &[function("env", (1, 1), env), derives("expandenv", (1, 1), expandenv)];

fn unset(call: &Call<'_, '_>, name: &str) -> Value {
    Value::Unset(Rc::new(Unset { name: name.to_owned(), span: call.span.clone() }))
}

/// The value of a variable, which is a secret whatever it is.
fn read(call: &mut Call<'_, '_>, name: &str) -> Result<Option<Rc<str>>, Problem> {
    let Some(value) = call.context.scope.env.get(name) else { return Ok(None) };
    call.context.charge(value.len())?;
    if !value.is_empty() {
        call.context.secrets.insert(value.clone());
    }
    Ok(Some(value.as_str().into()))
}

fn env(call: &mut Call<'_, '_>) -> Outcome {
    let name = call.text(0)?;
    Ok(match read(call, &name)? {
        Some(text) => Value::Text(Text { text, secret: true }),
        None => unset(call, &name),
    })
}

/// A text with its `$NAME`s and `${NAME}`s put in.
fn expandenv(call: &mut Call<'_, '_>) -> Outcome {
    let source = call.text(0)?;
    let mut rest = &*source;
    let mut out = TextBuilder::default();
    while let Some((before, behind)) = rest.split_once('$') {
        out.push(before)?;
        let (name, behind) = name(behind);
        rest = behind;
        match name {
            None => out.push("$")?,
            Some("") => {}
            Some(name) => match read(call, name)? {
                Some(value) => {
                    call.context.touched_secret = true;
                    out.push(&value)?;
                }
                None => return Ok(unset(call, name)),
            },
        }
    }
    out.push(rest)?;
    call.new_text(out.as_str())
}

/// The name behind a dollar, and what follows it: `None` if it is only a dollar, an empty one for
/// braces without a name, which Go swallows.
fn name(text: &str) -> (Option<&str>, &str) {
    if let Some(inner) = text.strip_prefix('{') {
        return match inner.split_once('}') {
            Some((name, rest)) => (Some(name), rest),
            None => (Some(""), inner),
        };
    }
    if text.starts_with(|c: char| c.is_ascii_digit() || "*#$@!?-".contains(c)) {
        return (Some(&text[..1]), &text[1..]);
    }
    let length = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    match text.split_at(length) {
        ("", _) => (None, text),
        (name, rest) => (Some(name), rest),
    }
}
