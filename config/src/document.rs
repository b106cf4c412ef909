//! A configuration file: parsed once, evaluated task by task.

use std::path::Path;
use std::sync::Arc;

use dstream_reference::{Reference, nearest};
use dstream_task::{
    Diagnostic, Diagnostics, MASK, ProviderBlock, ProviderRef, Secrets, Severity, SourceText, Task,
};
use dstream_template::TemplateScope;
use hcl_edit::Span;
use hcl_edit::structure::Attribute;
use hcl_edit::visit::{Visit, visit_func_call};
use thiserror::Error;

use super::blocks::declared::{Declared, ProviderDeclaration, TaskDeclaration};
use super::blocks::task::TaskReader;
use super::blocks::{schema, settings, shapes};
use super::functions;
use super::limits::{FILE_BYTES_MAX, STACK_BYTES};
use super::text::script::Script;
use super::text::syntax;
use super::values::evaluate::{EvalContext, Evaluator, span_of};
use super::values::log::Log;
use super::values::names::Names;
use super::values::variables::Given;
use super::{Settings, Surroundings};

/// A parsed file whose structure was checked; its values are not evaluated yet.
#[derive(Debug, Clone)]
pub struct Document {
    script: Arc<Script>,
    declared: Arc<Declared>,
}

/// Why there is no task of that name to run.
#[derive(Debug, Clone, Error)]
pub enum TaskError {
    /// The file has no task of this name.
    #[error("there is no task `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The task whose name is closest, if one is close.
        nearest: Option<String>,
        /// All tasks there are, in the order of the file.
        known: Vec<String>,
    },
    /// The task is there, but wrong.
    #[error("the configuration is not valid")]
    Invalid(Diagnostics),
}

/// A task as `dstream list` shows it: nothing evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSummary {
    /// The label of its block.
    pub name: String,
    /// Its input.
    pub input: ProviderSummary,
    /// Its outputs, in the order of the file.
    pub outputs: Vec<ProviderSummary>,
    /// The line of the file that its block starts in, from 1.
    pub line: usize,
}

/// An `input` or `output` block as `dstream list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSummary {
    /// The attribute that names the provider: `provider`, `provider_path` or `provider_ref`.
    pub kind: &'static str,
    /// Its value as written; `(secret)` where showing it would need a secret to be evaluated.
    pub value: String,
    /// The block's label, if it has one.
    pub label: Option<String>,
}

impl Document {
    /// Reads the structure of a whole file, and whatever else shows without asking for a value
    /// from outside: wrong types, unknown names, providers that do not exist. Warnings come with
    /// the document, errors instead of it; with them, those of the evaluation of every task, so
    /// that all problems are told at once.
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

    /// The names of all tasks, in the order of the file.
    pub fn task_names(&self) -> Vec<String> {
        self.declared.tasks.iter().map(|task| task.name.clone()).collect()
    }

    /// Evaluates and checks one task, and the locals and variables that it uses.
    pub fn task(
        &self,
        name: &str,
        surroundings: &Surroundings,
    ) -> Result<(Task, Diagnostics), TaskError> {
        let task = std::slice::from_ref(self.find(name)?);
        let (mut tasks, warnings) =
            self.evaluate(task, surroundings, false).map_err(TaskError::Invalid)?;
        match tasks.pop() {
            Some(task) => Ok((task, warnings)),
            None => Err(TaskError::Invalid(warnings)),
        }
    }

    /// The same for several tasks at once, in the order of `names`: what they share is evaluated,
    /// and warned of, once. All names that there are not are told.
    pub fn tasks(
        &self,
        names: &[String],
        surroundings: &Surroundings,
    ) -> Result<(Vec<Task>, Diagnostics), Vec<TaskError>> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.find(name) {
                Ok(task) => found.push(task.clone()),
                Err(error) => missing.push(error),
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let evaluated = self.evaluate(&found, surroundings, false);
        evaluated.map_err(|problems| vec![TaskError::Invalid(problems)])
    }

    fn find(&self, name: &str) -> Result<&TaskDeclaration, TaskError> {
        let tasks = &self.declared.tasks;
        tasks.iter().find(|task| task.name == name).ok_or_else(|| {
            let known: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
            let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            TaskError::Unknown { name: name.to_owned(), nearest, known }
        })
    }

    /// Evaluates and checks everything: `dstream validate`.
    pub fn validate(
        &self,
        surroundings: &Surroundings,
    ) -> Result<(Vec<Task>, Diagnostics), Diagnostics> {
        self.evaluate(&self.declared.tasks, surroundings, true)
    }

    fn evaluate(
        &self,
        tasks: &[TaskDeclaration],
        surroundings: &Surroundings,
        everything: bool,
    ) -> Result<(Vec<Task>, Diagnostics), Diagnostics> {
        self.evaluated(surroundings, |names, values| {
            if everything {
                names.evaluate_all(&values);
            } else {
                names.evaluate_given(&values);
            }
            let log = values.log;
            let mut tasks = read_tasks(&self.declared, values, surroundings, tasks);
            let secrets = log.secrets();
            for task in &mut tasks {
                task.secrets = secrets.clone();
                for block in task.outputs.iter_mut().chain([&mut task.input]) {
                    block.places.secrets = secrets.clone();
                    builtin_refusal(block, surroundings).into_iter().for_each(|it| log.push(it));
                }
            }
            tasks
        })
    }

    /// What the `dstream` block says; the tasks are not looked at.
    pub fn settings(
        &self,
        surroundings: &Surroundings,
    ) -> Result<(Settings, Diagnostics), Diagnostics> {
        self.evaluated(surroundings, |_, values| {
            read_settings(&self.declared, &values, surroundings)
        })
    }

    /// All complete references of providers in the file, each once, in the order of the file. Of
    /// the blocks nothing else is evaluated.
    pub fn references(
        &self,
        surroundings: &Surroundings,
    ) -> Result<(Vec<Reference>, Diagnostics), Diagnostics> {
        self.evaluated(surroundings, |_, values| {
            let registry = read_settings(&self.declared, &values, surroundings).registry;
            let reader = TaskReader { values, surroundings, registry };
            let tasks = &self.declared.tasks;
            let blocks = tasks.iter().flat_map(|task| task.input.iter().chain(&task.outputs));
            let mut references: Vec<Reference> = Vec::new();
            for reference in blocks.filter_map(|block| reader.reference(block)) {
                if !references.contains(&reference) {
                    references.push(reference);
                }
            }
            references
        })
    }

    /// Evaluates something of the file; what goes wrong there comes instead of it.
    fn evaluated<T: Send>(
        &self,
        surroundings: &Surroundings,
        read: impl FnOnce(&Names<'_>, Evaluator<'_>) -> T + Send,
    ) -> Result<(T, Diagnostics), Diagnostics> {
        on_large_stack(|| {
            let context = eval_context(surroundings);
            let log = Log::default();
            log.add_secrets(self.script.secrets.iter().cloned());
            let given = Given::collect(&self.declared, surroundings, &log);
            let names = Names::new(&self.declared, given);
            let plain = Evaluator::plain(&self.script, &log);
            let values = Evaluator { names: Some(&names), context: Some(&context), ..plain };
            let value = read(&names, values);
            let failed = log.has_errors();
            let problems = sorted(log.into_problems(), Some(&self.script.source.path));
            if failed { Err(problems) } else { Ok((value, problems)) }
        })
    }

    /// What `dstream list` shows of each task, in the order of the file. Needs nothing from
    /// outside.
    pub fn summaries(&self) -> Vec<TaskSummary> {
        let summary = |task: &TaskDeclaration| {
            let header = self.script.file_span(&task.header);
            Some(TaskSummary {
                name: task.name.clone(),
                input: self.provider_summary(task.input.as_ref()?)?,
                outputs: task
                    .outputs
                    .iter()
                    .map(|output| self.provider_summary(output))
                    .collect::<Option<_>>()?,
                line: self.script.source.line_column(header.start).0,
            })
        };
        self.declared.tasks.iter().filter_map(summary).collect()
    }

    fn provider_summary(&self, declared: &ProviderDeclaration) -> Option<ProviderSummary> {
        let attribute = declared.provider.as_ref()?;
        let kinds = shapes::PROVIDER_KINDS;
        Some(ProviderSummary {
            kind: kinds.into_iter().find(|kind| attribute.has_key(kind))?,
            value: self.shown(attribute),
            label: declared.label.as_ref().map(|label| label.text.clone()),
        })
    }

    /// The value of a provider attribute for people: its text if it is one, else the expression,
    /// unless that asks for a secret.
    fn shown(&self, attribute: &Attribute) -> String {
        let span = span_of(&attribute.value);
        if self.script.has_inserts(&span) || asks_for_secrets(attribute) {
            return MASK.to_owned();
        }
        if let Some(text) = attribute.value.as_str() {
            // What text rendering put there may have come from the environment.
            return match self.script.written(&span) {
                Some(_) => text.to_owned(),
                None => self.known_secrets().mask(text),
            };
        }
        let written = attribute.value.span().and_then(|span| self.script.written(&span));
        written.map_or_else(|| MASK.to_owned(), |text| text.trim().to_owned())
    }

    fn known_secrets(&self) -> Secrets {
        let log = Log::default();
        log.add_secrets(self.script.secrets.iter().cloned());
        log.secrets()
    }
}

/// Reads tasks; what is wrong goes to the evaluator's log.
fn read_tasks(
    declared: &Declared,
    values: Evaluator<'_>,
    surroundings: &Surroundings,
    tasks: &[TaskDeclaration],
) -> Vec<Task> {
    let registry = read_settings(declared, &values, surroundings).registry;
    let reader = TaskReader { values, surroundings, registry };
    tasks.iter().filter_map(|task| reader.task(task)).collect()
}

fn read_settings(
    declared: &Declared,
    values: &Evaluator<'_>,
    surroundings: &Surroundings,
) -> Settings {
    let read = |declared| settings::read(declared, values, &surroundings.base_dir);
    declared.settings.as_ref().map(read).unwrap_or_default()
}

fn eval_context(surroundings: &Surroundings) -> EvalContext<'_> {
    let now = surroundings.now.clone().unwrap_or_else(jiff::Zoned::now);
    let functions = functions::Context {
        env: &surroundings.env,
        base_dir: &surroundings.base_dir,
        now: now.timestamp(),
    };
    EvalContext { functions, templates: TemplateScope { env: &surroundings.env, now } }
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

/// Whether an expression calls `env` or a function that reads files.
fn asks_for_secrets(attribute: &Attribute) -> bool {
    struct Finder(bool);
    impl Visit for Finder {
        fn visit_func_call(&mut self, call: &hcl_edit::expr::FuncCall) {
            let name = call.name.name.as_str();
            self.0 |= name == "env" || name == "sensitive" || name.starts_with("file");
            self.0 |= name == "templatefile";
            visit_func_call(self, call);
        }
    }
    let mut finder = Finder(false);
    finder.visit_expr(&attribute.value);
    finder.0
}

/// What a built-in provider has against its config.
fn builtin_refusal(block: &ProviderBlock, surroundings: &Surroundings) -> Option<Diagnostic> {
    let ProviderRef::Builtin(name) = &block.provider else { return None };
    let check = surroundings.check_builtin?;
    let refusal = check(block.side, name, &block.config).err()?;
    let message = format!("the config of `{name}` is wrong: {}", refusal.message);
    Some(block.places.error(&refusal.path, &message, None))
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
