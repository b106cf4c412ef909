//! A parsed file → its tasks and settings, as values.

use dstream_reference::{Reference, nearest};
use dstream_task::{Diagnostic, Diagnostics, ProviderBlock, ProviderRef, Task};
use dstream_template::TemplateScope;
use thiserror::Error;

use super::{Document, on_large_stack, sorted};
use crate::blocks::declared::{Declared, TaskDeclaration};
use crate::blocks::settings;
use crate::blocks::task::TaskReader;
use crate::functions;
use crate::values::evaluate::{EvalContext, Evaluator};
use crate::values::log::Log;
use crate::values::names::Names;
use crate::values::variables::Given;
use crate::{Settings, Surroundings};

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

impl Document {
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
    /// and warned of, once. All unknown names are reported.
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
}

/// Reads tasks; what is wrong goes to the evaluator's log.
pub(super) fn read_tasks(
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

pub(super) fn eval_context(surroundings: &Surroundings) -> EvalContext<'_> {
    let now = surroundings.now.clone().unwrap_or_else(jiff::Zoned::now);
    let functions = functions::Context {
        env: &surroundings.env,
        base_dir: &surroundings.base_dir,
        now: now.timestamp(),
    };
    EvalContext { functions, templates: TemplateScope { env: &surroundings.env, now } }
}

/// What a built-in provider has against its config.
fn builtin_refusal(block: &ProviderBlock, surroundings: &Surroundings) -> Option<Diagnostic> {
    let ProviderRef::Builtin(name) = &block.provider else { return None };
    let check = surroundings.check_builtin?;
    let refusal = check(block.side, name, &block.config).err()?;
    let message = format!("the config of `{name}` is wrong: {}", refusal.message);
    Some(block.places.error(&refusal.path, &message, None))
}
