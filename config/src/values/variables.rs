//! Values for variables from outside: `--var`, `--var-file`, `DSTREAM_VAR_name`; and which counts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use hcl_edit::expr::Expression;
use hcl_edit::structure::Structure;

use super::evaluate::{Evaluator, Failed, plain_value, span_of};
use super::log::Log;
use super::types::Type;
use super::value::Value;
use crate::Surroundings;
use crate::blocks::declared::{Declared, Variable};
use crate::limits::FILE_BYTES_MAX;
use crate::text::script::Script;
use crate::text::syntax;
use dstream_reference::did_you_mean;
use dstream_task::{Diagnostic, SourceText};

/// What an environment variable that gives a variable's value begins with.
const ENV_PREFIX: &str = "DSTREAM_VAR_";

/// What stands where a value must not be shown.
const HIDDEN: &str = "…";

/// A value from outside, not typed yet.
#[derive(Debug)]
pub(crate) enum GivenValue {
    /// Of `--var` or the environment.
    Text { text: String, source: Arc<SourceText>, span: Range<usize> },
    /// Of a variable file.
    Expression { expression: Box<Expression>, script: Arc<Script> },
}

/// All values from outside, the one that counts for each name.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: BTreeMap<String, GivenValue>,
}

impl Given {
    pub(crate) fn get(&self, name: &str) -> Option<&GivenValue> {
        self.values.get(name)
    }

    /// Collects the values. `--var` counts before `--var-file`, that before the environment; of
    /// equals the last one.
    pub(crate) fn collect(declared: &Declared, surroundings: &Surroundings, log: &Log) -> Self {
        let mut given = Self::default();
        for variable in &declared.variables {
            let key = format!("{ENV_PREFIX}{}", variable.name);
            if let Some(text) = surroundings.env.get(&key) {
                let source = SourceText { path: "environment".into(), text: key };
                let span = 0..source.text.len();
                let source = Arc::new(source);
                let value = GivenValue::Text { text: text.clone(), source, span };
                given.values.insert(variable.name.clone(), value);
            }
        }
        for path in &surroundings.var_files {
            given.read_file(path, declared, log);
        }
        for (name, text) in &surroundings.vars {
            let variable = declared.variables.iter().find(|known| known.name == *name);
            let shown = match variable {
                Some(variable) if !variable.sensitive => text.as_str(),
                _ => HIDDEN,
            };
            let source = SourceText { path: "--var".into(), text: format!("{name}={shown}") };
            let source = Arc::new(source);
            if variable.is_some() {
                let span = name.len() + 1..source.text.len();
                let value = GivenValue::Text { text: text.clone(), source, span };
                given.values.insert(name.clone(), value);
            } else {
                let message = format!("unknown variable `{name}`");
                log.push(unknown(
                    Diagnostic::error(&source, 0..name.len(), message),
                    name,
                    declared,
                ));
            }
        }
        given
    }

    fn read_file(&mut self, path: &Path, declared: &Declared, log: &Log) {
        let source = match read(path) {
            Ok(text) => Arc::new(SourceText { path: path.to_owned(), text }),
            Err(message) => {
                let source = Arc::new(SourceText { path: path.to_owned(), text: String::new() });
                let help = "a variable file has one `name = value` a line";
                return log.push(Diagnostic::error(&source, 0..0, message).with_help(help));
            }
        };
        let script = Arc::new(Script::plain(source));
        let parsed = syntax::parse(&script);
        parsed.problems.into_iter().for_each(|problem| log.push(problem));
        for structure in parsed.body {
            let attribute = match structure {
                Structure::Attribute(attribute) => attribute,
                Structure::Block(block) => {
                    let message = "a variable file has attributes only, no blocks";
                    log.push(script.error(&span_of(&block.ident), message));
                    continue;
                }
            };
            let name = attribute.key.as_str();
            if declared.variables.iter().any(|known| known.name == name) {
                let (name, expression) = (name.to_owned(), Box::new(attribute.value));
                let script = Arc::clone(&script);
                self.values.insert(name, GivenValue::Expression { expression, script });
            } else {
                // One file may serve several configurations.
                let message = format!("the configuration has no variable `{name}`");
                let warning = script.warning(&span_of(&attribute.key), message);
                log.push(unknown(warning, name, declared));
            }
        }
    }
}

fn unknown(problem: Diagnostic, name: &str, declared: &Declared) -> Diagnostic {
    let known = declared.variables.iter().map(|known| known.name.as_str());
    let help = did_you_mean(name, known)
        .unwrap_or_else(|| format!("declare it: `variable \"{name}\" {{}}`"));
    problem.with_help(help)
}

/// A variable file's text, or why there is none.
fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("the variable file cannot be read: {error}");
    let length = std::fs::metadata(path).map_err(cannot)?.len();
    if length > FILE_BYTES_MAX as u64 {
        return Err(format!("the variable file has more than {FILE_BYTES_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|_| "the variable file is not UTF-8".to_owned())
}

/// The value of a variable: given from outside, else its default, else none.
pub(crate) fn value(
    variable: &Variable,
    given: Option<&GivenValue>,
    by: &Evaluator<'_>,
) -> Result<Option<Value>, Failed> {
    let in_default = Evaluator { names: None, ..*by };
    let default = match &variable.default {
        Some(default) if given.is_none() || variable.kind.is_none() => {
            Some(in_default.value(default)?)
        }
        _ => None,
    };
    let implied = default.as_ref().map(Type::of).filter(|kind| *kind != Type::Any);
    let kind = variable.kind.clone().or(implied);
    let typed = match given {
        Some(GivenValue::Text { text, source, span }) => {
            typed_text(text, kind.as_ref()).map_err(|message| {
                let message = format!("variable `{}` {message}", variable.name);
                let problem = Diagnostic::error(source, span.clone(), message);
                by.log.push(match &kind {
                    Some(kind) if !kind.is_primitive() => problem.with_help(
                        "write it as an HCL expression, such as `[\"a\", \"b\"]`, in single \
                         quotes for the shell",
                    ),
                    _ => problem,
                });
                Failed
            })?
        }
        Some(GivenValue::Expression { expression, script }) => {
            let plain = Evaluator::plain(script, by.log);
            let value = plain.value(expression)?;
            convert(value, kind.as_ref()).map_err(|message| {
                let message = format!("variable `{}` {message}", variable.name);
                by.log.push(wrong_value(script, &span_of(expression.as_ref()), message, variable));
                Failed
            })?
        }
        None => {
            let Some(default) = default else { return Ok(None) };
            convert(default, kind.as_ref()).map_err(|message| {
                let span = variable.default.as_ref().map_or(0..0, span_of);
                by.fail(&span, format!("the default of variable `{}` {message}", variable.name))
            })?
        }
    };
    if !variable.sensitive {
        return Ok(Some(typed));
    }
    let typed = typed.tainted(true);
    let mut texts = std::collections::BTreeSet::new();
    typed.collect_texts(true, &mut texts);
    by.log.add_secrets(texts);
    Ok(Some(typed))
}

/// An error at a value in a variable file; a sensitive one is not in the text that is shown.
fn wrong_value(
    script: &Script,
    span: &Range<usize>,
    message: String,
    variable: &Variable,
) -> Diagnostic {
    if !variable.sensitive {
        return script.error(span, message);
    }
    let text = &script.source.text;
    let before = text.get(..span.start).unwrap_or_default();
    let source = SourceText { path: script.source.path.clone(), text: format!("{before}{HIDDEN}") };
    Diagnostic::error(&Arc::new(source), span.start..span.start + HIDDEN.len(), message)
}

fn convert(value: Value, kind: Option<&Type>) -> Result<Value, String> {
    kind.map_or(Ok(value.clone()), |kind| kind.convert(value))
}

/// A text as a value: as it is for texts and variables that say nothing of their type, as an HCL
/// expression for lists and the like.
fn typed_text(text: &str, kind: Option<&Type>) -> Result<Value, String> {
    let Some(kind) = kind else { return Type::String.read(text) };
    if kind.is_primitive() {
        return kind.read(text);
    }
    let value = plain_value(text.trim()).ok_or("is not given as a plain HCL value")?;
    kind.convert(value)
}
