//! What functions may ask of the world, and what they have told about secrets.
//!
//! `hcl-rs` calls plain fn pointers, so this lies in a thread-local for as long as [`with_scope`]
//! runs. Scopes nest; each knows only of itself.
//!
//! Secrets are followed by value. What `env` and `file` read is one. A string that a function
//! makes out of arguments that hold a secret is one too, unless it shows the secret as it is (then
//! masking that is enough) or stood in the arguments beside it: `split("/", "pg/${env("PW")}")`
//! does not turn `pg` into a secret, `base64encode(env("PW"))` makes one. Values shorter than
//! [`MASKED_BYTES_MIN`] are not followed, as they are never masked.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use hcl::Value;

use super::limits::DERIVED_SECRETS_MAX;
use dstream_task::MASKED_BYTES_MIN;
use dstream_task::Secrets;

/// What functions may ask of the world.
#[derive(Debug, Clone)]
pub(crate) struct FunctionScope {
    /// The environment: `env`, and `HOME` for a path that begins with `~`.
    pub(crate) env: Arc<BTreeMap<String, String>>,
    /// What relative paths of `file` and its relatives are relative to.
    pub(crate) base_dir: PathBuf,
    /// The answer of `timestamp()`.
    pub(crate) now: jiff::Timestamp,
}

/// What one evaluation touched.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Secrets that were read or made: values of `env`, `file` and `sensitive`, and what functions
    /// made of them.
    pub(crate) secrets: Vec<String>,
    /// Whether a secret was read at all, be it one that is no string. `nonsensitive` takes it back.
    pub(crate) any: bool,
}

struct Frame {
    scope: FunctionScope,
    found: BTreeSet<String>,
    /// How many of `found` were made by functions.
    derived_count: usize,
    /// A secret was read that `found` does not show.
    opaque: bool,
    /// What `nonsensitive` let go.
    revealed: BTreeSet<String>,
    /// Secrets of earlier evaluations.
    recalled: Secrets,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Runs `run` with `scope` at the functions' disposal. The scope before is back afterwards, also
/// when `run` panics.
pub(crate) fn with_scope<R>(scope: FunctionScope, run: impl FnOnce() -> R) -> (R, Touched) {
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            FRAMES.with_borrow_mut(Vec::pop);
        }
    }

    FRAMES.with_borrow_mut(|frames| {
        frames.push(Frame {
            scope,
            found: BTreeSet::new(),
            derived_count: 0,
            opaque: false,
            revealed: BTreeSet::new(),
            recalled: Secrets::default(),
        });
    });
    let pop = Pop;
    let result = run();
    let touched = with_frame(|frame| Touched {
        any: frame.opaque || !frame.found.is_empty(),
        secrets: std::mem::take(&mut frame.found).into_iter().collect(),
    });
    drop(pop);
    (result, touched.unwrap_or_default())
}

/// Tells the functions which values are secrets already, so that they follow those that come in
/// through variables: without it `upper(local.password)` makes no secret. Called within
/// [`with_scope`]; what is recalled is not told again in [`Touched`].
pub(crate) fn recall(secrets: &Secrets) {
    with_frame(|frame| frame.recalled.extend(secrets));
}

/// Runs `run` on the innermost frame; none is there when a function is called without a scope.
fn with_frame<R>(run: impl FnOnce(&mut Frame) -> R) -> Option<R> {
    FRAMES.with_borrow_mut(|frames| frames.last_mut().map(run))
}

/// What `ask` takes from the scope.
pub(super) fn ask<R>(ask: impl FnOnce(&FunctionScope) -> R) -> Result<R, String> {
    with_frame(|frame| ask(&frame.scope)).ok_or_else(|| "is not available here".to_owned())
}

/// Remembers a secret.
pub(super) fn keep_secret(value: &str) {
    with_frame(|frame| {
        if value.is_empty() {
            frame.opaque = true;
        } else {
            frame.found.insert(value.to_owned());
        }
    });
}

/// Remembers that a secret was read which is no string, and hence is not searched for.
pub(super) fn keep_opaque_secret() {
    with_frame(|frame| frame.opaque = true);
}

/// Forgets the secrets that the strings of `value` show; if it has none, those that are no strings.
pub(super) fn reveal(value: &Value) {
    with_frame(|frame| {
        let mut has_text = false;
        each_leaf(value, &mut |text| {
            has_text |= !text.is_empty();
            frame.found.retain(|secret| !text.contains(secret.as_str()));
            frame.revealed.insert(text.to_owned());
        });
        frame.opaque &= has_text;
    });
}

/// `text` without the secrets known so far.
pub(super) fn masked(text: &str) -> String {
    with_frame(|frame| frame.mask(text)).unwrap_or_else(|| text.to_owned())
}

/// The texts of `values` without secrets, if there is a secret in them; else nothing.
pub(super) fn trail(values: &[Value]) -> Option<BTreeSet<String>> {
    with_frame(|frame| {
        if frame.found.is_empty() && frame.recalled.is_empty() {
            return None;
        }
        let mut texts = BTreeSet::new();
        let mut holds_secret = false;
        for value in values {
            each_text(value, &mut |text| {
                let masked = frame.mask(text);
                holds_secret |= masked != text;
                texts.insert(masked);
            });
        }
        holds_secret.then_some(texts)
    })
    .flatten()
}

/// Remembers the strings of `value` that were made out of a secret; `trail` is what [`trail`] gave
/// for the arguments.
pub(super) fn follow(trail: &BTreeSet<String>, value: &Value) -> Result<(), String> {
    with_frame(|frame| {
        let mut made = BTreeSet::new();
        each_leaf(value, &mut |text| {
            let stood_there =
                || trail.contains(text) || trail.iter().any(|masked| masked.contains(text));
            let shows_secret = || frame.mask(text) != text;
            if text.len() >= MASKED_BYTES_MIN
                && !frame.revealed.contains(text)
                && !stood_there()
                && !shows_secret()
            {
                made.insert(text.to_owned());
            }
        });
        frame.derived_count += made.len();
        frame.found.append(&mut made);
        frame.derived_count <= DERIVED_SECRETS_MAX
    })
    .filter(|fits| !fits)
    .map_or(Ok(()), |_| {
        Err(format!(
            "makes more than {DERIVED_SECRETS_MAX} secrets out of one; \
             wrap it in `nonsensitive(…)` if it may be shown"
        ))
    })
}

impl Frame {
    fn mask(&self, text: &str) -> String {
        let mut text = self.recalled.mask(text);
        let shown =
            |secret: &&String| secret.len() >= MASKED_BYTES_MIN && text.contains(secret.as_str());
        if self.found.iter().any(|secret| shown(&secret)) {
            let mut secrets = Secrets::default();
            self.found.iter().filter(shown).for_each(|secret| secrets.add(secret));
            text = secrets.mask(&text);
        }
        text
    }
}

/// Every string in `value`.
fn each_leaf(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| each_leaf(item, see)),
        Value::Object(entries) => entries.values().for_each(|item| each_leaf(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Every string in `value`, and every key.
fn each_text(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, see)),
        Value::Object(entries) => entries.iter().for_each(|(key, item)| {
            see(key);
            each_text(item, see);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
