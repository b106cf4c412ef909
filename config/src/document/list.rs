//! What `dstream list` shows of a file, with nothing evaluated.

use dstream_task::{MASK, Secrets};
use hcl_edit::Span;
use hcl_edit::structure::Attribute;
use hcl_edit::visit::{Visit, visit_func_call};

use super::Document;
use crate::blocks::declared::{ProviderDeclaration, TaskDeclaration};
use crate::blocks::shapes;
use crate::values::evaluate::span_of;
use crate::values::log::Log;

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
