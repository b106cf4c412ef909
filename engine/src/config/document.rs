//! A configuration file: parsed once, evaluated task by task.

use std::path::Path;
use std::sync::Arc;

use hcl::eval::Evaluate;
use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};

use super::{
    ConfigFormat, Diagnostic, Diagnostics, Handshake, ProviderBlock, ProviderRef, Restart, Secrets,
    Side, SourceText, StreamOptions, Surroundings, Task,
};

/// A parsed file whose structure was checked; its values are not evaluated yet.
#[derive(Debug, Clone)]
pub struct Document {
    source: Arc<SourceText>,
    body: Body,
}

/// Why there is no task of that name to run.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// Reads the structure of a whole file. Warnings come with the document, errors instead of it.
    pub fn parse(
        path: &Path,
        text: String,
        surroundings: &Surroundings,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let _ = surroundings;
        let source = Arc::new(SourceText { path: path.to_owned(), text });
        match hcl_edit::parser::parse_body(&source.text) {
            Ok(body) => Ok((Self { source, body }, Diagnostics::default())),
            Err(error) => {
                let at = error.location().offset();
                Err(Diagnostics(vec![Diagnostic::error(&source, at..at, error.message())]))
            }
        }
    }

    /// Evaluates and checks one task and what it uses.
    pub fn task(
        &self,
        name: &str,
        surroundings: &Surroundings,
    ) -> Result<(Task, Diagnostics), TaskError> {
        let known: Vec<String> = self.task_blocks().map(label).collect();
        let Some(block) = self.task_blocks().find(|block| label(block) == name) else {
            let nearest = known
                .iter()
                .filter(|known| strsim::damerau_levenshtein(known, name) <= 3)
                .min_by_key(|known| strsim::damerau_levenshtein(known, name))
                .cloned();
            return Err(TaskError::Unknown { name: name.to_owned(), nearest, known });
        };
        let mut blocks = block.body.blocks().filter_map(|block| self.provider(block, surroundings));
        let missing = || {
            TaskError::Invalid(Diagnostics(vec![Diagnostic::error(
                &self.source,
                block.span().unwrap_or(0..0),
                "a task needs an input and an output",
            )]))
        };
        let input = blocks.next().ok_or_else(missing)?;
        let outputs: Vec<ProviderBlock> = blocks.collect();
        let task = Task {
            name: name.to_owned(),
            input,
            outputs,
            stream: StreamOptions::default(),
            secrets: Secrets::default(),
        };
        Ok((task, Diagnostics::default()))
    }

    /// Evaluates and checks everything: `dstream validate`.
    pub fn validate(
        &self,
        surroundings: &Surroundings,
    ) -> Result<(Vec<Task>, Diagnostics), Diagnostics> {
        let mut tasks = Vec::new();
        for block in self.task_blocks() {
            match self.task(&label(block), surroundings) {
                Ok((task, _)) => tasks.push(task),
                Err(TaskError::Invalid(problems)) => return Err(problems),
                Err(TaskError::Unknown { .. }) => {}
            }
        }
        Ok((tasks, Diagnostics::default()))
    }

    /// What `dstream list` shows of each task, in the order of the file.
    pub fn summaries(&self) -> Vec<TaskSummary> {
        let surroundings = Surroundings::default();
        let summary = |block: &ProviderBlock| ProviderSummary {
            kind: match block.provider {
                ProviderRef::Builtin(_) => "provider",
                ProviderRef::Path(_) => "provider_path",
                ProviderRef::Oci(_) => "provider_ref",
            },
            value: block.provider.to_string(),
            label: None,
        };
        let tasks = self.task_blocks().filter_map(|block| {
            let (task, _) = self.task(&label(block), &surroundings).ok()?;
            Some(TaskSummary {
                name: task.name.clone(),
                input: summary(&task.input),
                outputs: task.outputs.iter().map(summary).collect(),
                line: self.source.line_column(block.span()?.start).0,
            })
        });
        tasks.collect()
    }

    fn task_blocks(&self) -> impl Iterator<Item = &Block> {
        self.body.get_blocks("task")
    }

    fn provider(&self, block: &Block, surroundings: &Surroundings) -> Option<ProviderBlock> {
        let side = match block.ident.as_str() {
            "input" => Side::Input,
            "output" => Side::Output,
            _ => return None,
        };
        let text = |name| Some(block.body.get_attribute(name)?.value.as_str()?.to_owned());
        let provider = text("provider")
            .map(ProviderRef::Builtin)
            .or_else(|| Some(ProviderRef::Path(surroundings.base_dir.join(text("provider_path")?))))
            .or_else(|| text("provider_ref").map(ProviderRef::Oci))?;
        let mut config = serde_json::Map::new();
        for attribute in block.body.get_blocks("config").flat_map(|block| block.body.attributes()) {
            let value = evaluate(&attribute.value)?;
            config.insert(attribute.key.to_string(), serde_json::to_value(value).ok()?);
        }
        Some(ProviderBlock {
            name: block.labels.first().map_or_else(|| provider.to_string(), |l| l.as_str().into()),
            side,
            handshake: match provider {
                ProviderRef::Builtin(_) => Handshake::Required,
                _ => Handshake::Auto,
            },
            provider,
            config,
            env: Vec::new(),
            config_format: ConfigFormat::Command,
            startup_timeout: std::time::Duration::from_secs(30),
            shutdown_timeout: std::time::Duration::from_secs(10),
            restart: Restart::default(),
        })
    }
}

fn label(block: &Block) -> String {
    block.labels.first().map(|label| label.as_str().to_owned()).unwrap_or_default()
}

fn evaluate(expression: &Expression) -> Option<hcl::Value> {
    hcl::Expression::from(expression.clone()).evaluate(&hcl::eval::Context::new()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let surroundings = Surroundings::default();
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
