//! A configuration file: parsed once here, evaluated task by task in [`evaluate`], listed in [`list`].

mod evaluate;
mod list;

use std::path::Path;
use std::sync::Arc;

use dstream_task::{Diagnostic, Diagnostics, Severity, SourceText};

pub use self::evaluate::TaskError;
use self::evaluate::{eval_context, read_tasks};
pub use self::list::{ProviderSummary, TaskSummary};
use super::Surroundings;
use super::blocks::declared::Declared;
use super::blocks::schema;
use super::limits::{FILE_BYTES_MAX, STACK_BYTES};
use super::text::script::Script;
use super::text::syntax;
use super::values::evaluate::Evaluator;
use super::values::log::Log;
use super::values::names::Names;
use super::values::variables::Given;

/// A parsed file whose structure was checked; its values are not evaluated yet.
#[derive(Debug, Clone)]
pub struct Document {
    script: Arc<Script>,
    declared: Arc<Declared>,
}

impl Document {
    /// Reads the structure of a whole file, and whatever else shows without asking for a value
    /// from outside: wrong types, unknown names, providers that do not exist. Warnings come with
    /// the document, errors instead of it; with them, those of the evaluation of every task, so
    /// that all problems are reported at once.
    ///
    /// The environment is asked for only by text templates around blocks and in labels.
    pub fn parse(
        path: &Path,
        text: String,
        surroundings: &Surroundings,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        // An editor's byte order mark is no part of the language.
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let length = text.len();
        let source = Arc::new(SourceText { path: path.to_owned(), text });
        if length > FILE_BYTES_MAX {
            let message = format!("the file has {length} bytes; at most {FILE_BYTES_MAX} are read");
            return Err(Diagnostics(vec![Diagnostic::error(&source, 0..0, message)]));
        }
        on_large_stack(|| Self::parse_source(source, surroundings))
    }

    fn parse_source(
        source: Arc<SourceText>,
        surroundings: &Surroundings,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let context = eval_context(surroundings);
        let (script, warnings) =
            Script::prepare(source, &context.templates).map_err(|found| sorted(found, None))?;
        let log = Log::default();
        warnings.into_iter().for_each(|warning| log.push(warning));
        let parsed = syntax::parse(&script);
        parsed.problems.into_iter().for_each(|problem| log.push(problem));
        let plain = Evaluator::plain(&script, &log);
        let labels = Evaluator { context: Some(&context), ..plain };
        let declared = schema::read(parsed.body, &labels, &parsed.damaged);
        let structural = log.mark();

        let names = Names::new(&declared, Given::default());
        let constants = Evaluator { names: Some(&names), constants_only: true, ..plain };
        names.check(&constants);
        read_tasks(&declared, constants, surroundings, &declared.tasks);
        if log.has_errors() {
            let names = Names::new(&declared, Given::collect(&declared, surroundings, &log));
            let values = Evaluator { context: Some(&context), names: Some(&names), ..plain };
            names.evaluate_all(&values);
            read_tasks(&declared, values, surroundings, &declared.tasks);
            let path = script.source.path.clone();
            return Err(sorted(log.into_problems(), Some(&path)));
        }
        // The warnings about values come with the tasks they are about.
        log.forget(structural);
        let warnings = sorted(log.into_problems(), None);
        Ok((Self { script: Arc::new(script), declared: Arc::new(declared) }, warnings))
    }
}

/// Problems in the order of their places; those of `first` before those of other files.
fn sorted(mut problems: Vec<Diagnostic>, first: Option<&Path>) -> Diagnostics {
    problems.sort_by(|one, two| {
        let key = |problem: &Diagnostic| {
            let elsewhere = first.is_some_and(|first| problem.source.path != first);
            (elsewhere, problem.source.path.clone(), problem.span.start)
        };
        key(one).cmp(&key(two))
    });
    Diagnostics(problems)
}

/// Runs `run` where nesting within the limits cannot overflow the stack.
fn on_large_stack<R>(run: impl FnOnce() -> R) -> R {
    stacker::grow(STACK_BYTES, run)
}

impl Log {
    fn has_errors(&self) -> bool {
        self.any(|problem| problem.severity == Severity::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BuiltinProvider;
    use dstream_task::ProviderRef;
    use dstream_task::Side;

    #[test]
    fn loads_the_quick_start() {
        let text = r#"
task "quickstart" {
  type = "providers"
  input {
    provider = "counter"
    config {
      interval = 1000
      maxCount = 5
    }
  }
  output {
    provider = "console"
    config { outputFormat = "simple" }
  }
}
"#;
        let surroundings = Surroundings {
            builtins: vec![
                BuiltinProvider { name: "counter", side: Side::Input },
                BuiltinProvider { name: "console", side: Side::Output },
            ],
            ..Surroundings::default()
        };
        let (document, _) =
            Document::parse(Path::new("dstream.hcl"), text.to_owned(), &surroundings).unwrap();
        let (task, _) = document.task("quickstart", &surroundings).unwrap();
        assert_eq!(
            serde_json::to_string(&task.input.config).unwrap(),
            r#"{"interval":1000,"maxCount":5}"#
        );
        assert_eq!(task.outputs[0].provider, ProviderRef::Builtin("console".to_owned()));
        assert_eq!(document.summaries()[0].line, 2);
    }
}
