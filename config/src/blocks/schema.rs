//! Which blocks and attributes there are, and where: the file's structure, checked as a whole.
//!
//! Whatever is wrong is noted and left out; the rest goes on, so that one look finds everything.

use std::collections::BTreeSet;
use std::ops::Range;

use hcl_edit::structure::{Attribute, Block, BlockLabel, Body, Structure};

use super::declared::{
    ConfigDeclaration, Declared, Fields, Label, Local, ProviderDeclaration, SettingsDeclaration,
    TaskDeclaration, TrustDeclaration, Variable,
};
use super::shapes::{
    FILE, INPUT, LIMITS, OUTPUT, PROVIDER_KINDS, RESTART, SANDBOX, SETTINGS, STREAM, Shape, TASK,
    TRUST, VARIABLE,
};
use crate::limits::{LABEL_CHARS_MAX, NAMES_MAX, OUTPUTS_MAX, TASKS_MAX};
use crate::values::evaluate::{Evaluator, span_of};
use crate::values::types;
use dstream_reference::{did_you_mean, listed, nearest};
use dstream_task::Side;

/// The known parts of a block.
#[derive(Default)]
struct Parts {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
}

impl Parts {
    fn take(&mut self, name: &str) -> Option<Attribute> {
        let index = self.attributes.iter().position(|attribute| attribute.has_key(name))?;
        Some(self.attributes.remove(index))
    }
}

/// Sorts a file out.
///
/// `labels` evaluates what stands in labels: template actions may. In the blocks that `damaged`
/// touches, nothing is reported as missing: a syntax error took it away.
pub(crate) fn read(body: Body, labels: &Evaluator<'_>, damaged: &[Range<usize>]) -> Declared {
    Reader { labels, damaged }.file(body)
}

struct Reader<'a> {
    labels: &'a Evaluator<'a>,
    damaged: &'a [Range<usize>],
}

impl Reader<'_> {
    fn error(&self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.labels.fail_with(span, message, help);
    }

    fn file(&self, body: Body) -> Declared {
        let mut declared = Declared::default();
        for block in self.parts(body, &FILE).blocks {
            match block.ident.as_str() {
                "dstream" => self.settings(block, &mut declared),
                "variable" => declared.variables.extend(self.variable(block)),
                "locals" => self.locals(block, &mut declared),
                _ => declared.tasks.extend(self.task(block)),
            }
        }
        self.unique("variable", declared.variables.iter().map(|v| (&v.name, &v.header)));
        self.unique("task", declared.tasks.iter().map(|task| (&task.name, &task.header)));
        for (count, max, what) in [
            (declared.variables.len(), NAMES_MAX, "variables"),
            (declared.locals.len(), NAMES_MAX, "locals"),
            (declared.tasks.len(), TASKS_MAX, "tasks"),
        ] {
            if count > max {
                self.error(&(0..0), format!("{count} {what} in one file; at most {max} fit"), None);
            }
        }
        declared
    }

    /// The parts of a body that its shape knows; the others are reported.
    fn parts(&self, body: Body, shape: &Shape) -> Parts {
        let mut parts = Parts::default();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    if shape.attributes.contains(&attribute.key.as_str()) {
                        parts.attributes.push(attribute);
                    } else {
                        self.unknown_attribute(&attribute, shape);
                    }
                }
                Structure::Block(block) => {
                    if shape.blocks.contains(&block.ident.as_str()) {
                        parts.blocks.push(block);
                    } else {
                        self.unknown_block(&block, shape);
                    }
                }
            }
        }
        parts
    }

    fn unknown_attribute(&self, attribute: &Attribute, shape: &Shape) {
        let name = attribute.key.as_str();
        let span = span_of(&attribute.key);
        if shape.blocks.contains(&name) {
            let help = format!("write `{name} {{ … }}`, without `=`");
            return self.error(&span, format!("`{name}` is a block, not an attribute"), Some(help));
        }
        let message = format!("unknown attribute `{name}` in {}", shape.title);
        let known = shape.attributes;
        let help = did_you_mean(name, known.iter().copied().chain(shape.blocks.iter().copied()))
            .or_else(|| shape.hint.map(str::to_owned))
            .or_else(|| match known {
                [] if shape.title == FILE.title => {
                    Some("define values that several places use in `locals { … }`".to_owned())
                }
                [] => None,
                _ => Some(format!("valid here: {}", listed(known.iter().copied()))),
            });
        self.error(&span, message, help);
    }

    fn unknown_block(&self, block: &Block, shape: &Shape) {
        let name = block.ident.as_str();
        let span = header(block);
        if shape.attributes.contains(&name) {
            let help = if name == "env" {
                "write `env = { … }`".to_owned()
            } else {
                format!("write `{name} = …`")
            };
            return self.error(&span, format!("`{name}` is an attribute, not a block"), Some(help));
        }
        let message = format!("unknown block `{name}` in {}", shape.title);
        let known = shape.blocks.iter().copied();
        let help = did_you_mean(name, known.clone().chain(shape.attributes.iter().copied()))
            .or_else(|| match shape.blocks {
                [] => None,
                _ => Some(format!("valid here: {}", listed(known))),
            });
        self.error(&span, message, help);
    }

    /// The label of a block that has exactly one.
    fn label(&self, block: &Block) -> Option<Label> {
        let what = block.ident.as_str();
        match block.labels.as_slice() {
            [label] => self.label_text(label),
            labels => {
                let message = match labels {
                    [] => format!("this `{what}` block needs a name"),
                    _ => format!("this `{what}` block has more than one name"),
                };
                let help = format!("write `{what} \"name\" {{ … }}`");
                self.error(&header(block), message, Some(help));
                None
            }
        }
    }

    /// The label of a block that may have one.
    fn optional_label(&self, block: &Block) -> Option<Label> {
        if block.labels.is_empty() { None } else { self.label(block) }
    }

    fn no_label(&self, block: &Block) {
        if let Some(label) = block.labels.first() {
            let what = block.ident.as_str();
            let message = format!("`{what}` blocks have no label");
            self.error(&span_of(label), message, Some(format!("write `{what} {{ … }}`")));
        }
    }

    fn label_text(&self, label: &BlockLabel) -> Option<Label> {
        let span = span_of(label);
        let text = match label {
            BlockLabel::Ident(name) => name.as_str().to_owned(),
            BlockLabel::String(text) => {
                self.labels.literal(text, &span).ok()?.into_value().to_text()?
            }
        };
        let problem = if text.is_empty() {
            "a name cannot be empty".to_owned()
        } else if text.chars().any(char::is_control) {
            "a name cannot have control characters".to_owned()
        } else if text.chars().count() > LABEL_CHARS_MAX {
            format!("a name has at most {LABEL_CHARS_MAX} characters")
        } else {
            return Some(Label { text, span });
        };
        self.error(&span, problem, None);
        None
    }

    fn unique<'n>(&self, what: &str, names: impl Iterator<Item = (&'n String, &'n Range<usize>)>) {
        let mut seen = BTreeSet::new();
        for (name, span) in names {
            if !seen.insert(name) {
                let help = "rename one of them";
                let message = format!("duplicate {what} `{name}`");
                self.error(span, message, Some(help.to_owned()));
            }
        }
    }

    fn fields(&self, block: Block, shape: &Shape) -> Fields {
        self.no_label(&block);
        Fields { attributes: self.parts(block.body, shape).attributes }
    }

    fn settings(&self, block: Block, declared: &mut Declared) {
        if declared.settings.is_some() {
            return self.error(&header(&block), "duplicate `dstream` block", None);
        }
        self.no_label(&block);
        let parts = self.parts(block.body, &SETTINGS);
        let mut trust = Vec::new();
        for block in parts.blocks {
            let pattern = self.label(&block);
            let fields = Fields { attributes: self.parts(block.body, &TRUST).attributes };
            trust.extend(pattern.map(|pattern| TrustDeclaration { pattern, fields }));
        }
        let fields = Fields { attributes: parts.attributes };
        declared.settings = Some(SettingsDeclaration { fields, trust });
    }

    fn variable(&self, block: Block) -> Option<Variable> {
        let label = self.label(&block);
        let header = header(&block);
        let mut parts = self.parts(block.body, &VARIABLE);
        let constant = |attribute: &Attribute, wanted: &str| {
            let span = span_of(&attribute.value);
            self.error(&span, format!("`{}` must be {wanted}", attribute.key.as_str()), None);
        };
        if let Some(description) = parts.take("description")
            && !description.value.is_str()
        {
            constant(&description, "a string");
        }
        let sensitive = parts.take("sensitive").is_some_and(|sensitive| {
            sensitive.value.as_bool().unwrap_or_else(|| {
                constant(&sensitive, "true or false");
                // Better hidden without need than shown by mistake.
                true
            })
        });
        let kind = parts.take("type").and_then(|kind| {
            types::parse(&kind.value)
                .map_err(|(span, message)| self.error(&span, message, Some(types::HELP.to_owned())))
                .ok()
        });
        let default = parts.take("default").map(|default| default.value);
        Some(Variable { name: label?.text, header, default, kind, sensitive })
    }

    fn locals(&self, block: Block, declared: &mut Declared) {
        self.no_label(&block);
        for structure in block.body {
            match structure {
                Structure::Attribute(attribute) => {
                    let name = attribute.key.as_str().to_owned();
                    if declared.locals.iter().any(|local| local.name == name) {
                        let message = format!("duplicate local `{name}`");
                        self.error(&span_of(&attribute.key), message, None);
                    } else {
                        declared.locals.push(Local { name, value: attribute.value });
                    }
                }
                Structure::Block(block) => {
                    let name = block.ident.as_str();
                    let message = format!("unknown block `{name}` in a `locals` block");
                    let help = format!("write `{name} = {{ … }}`");
                    self.error(&header(&block), message, Some(help));
                }
            }
        }
    }

    fn task(&self, block: Block) -> Option<TaskDeclaration> {
        let label = self.label(&block);
        let header = header(&block);
        let whole = self.is_whole(&block);
        // A task of the original's old kind has other blocks and attributes. That it is one is
        // reported by who evaluates `type`; nothing else about it is worth a word.
        let plugin = block.body.get_attribute("type").cloned();
        let plugin = plugin.filter(|kind| kind.value.as_str() == Some("plugin"));
        // A block of an unknown name may be the one that is missing.
        let known = |block: &Block| TASK.blocks.contains(&block.ident.as_str());
        let whole = whole && plugin.is_none() && block.body.blocks().all(known);
        let mut parts = match plugin {
            Some(kind) => Parts { attributes: vec![kind], blocks: Vec::new() },
            None => self.parts(block.body, &TASK),
        };
        let kind = parts.take("type");
        let mut task = TaskDeclaration {
            name: String::new(),
            header,
            kind,
            input: None,
            outputs: Vec::new(),
            stream: None,
        };
        for block in parts.blocks {
            let span = self::header(&block);
            match block.ident.as_str() {
                "input" if task.input.is_some() => {
                    let help = "for a second source, write a second task".to_owned();
                    self.error(&span, "a task has one input", Some(help));
                }
                "input" => task.input = Some(self.provider(block, Side::Input)),
                "output" => task.outputs.push(self.provider(block, Side::Output)),
                _ if task.stream.is_some() => {
                    self.error(&span, "a task has one `stream` block", None);
                }
                _ => task.stream = Some(self.fields(block, &STREAM)),
            }
        }
        if whole {
            if task.input.is_none() {
                let help = "add `input { … }` with a provider".to_owned();
                self.error(&task.header, "this task has no input", Some(help));
            }
            if task.outputs.is_empty() {
                let help = "add `output { … }` with a provider".to_owned();
                self.error(&task.header, "this task has no output", Some(help));
            }
        }
        if task.outputs.len() > OUTPUTS_MAX {
            let message = format!("a task has at most {OUTPUTS_MAX} outputs");
            self.error(&task.header, message, None);
        }
        let labels = task.outputs.iter().chain(&task.input);
        let labels = labels.filter_map(|block| block.label.as_ref());
        let mut seen = BTreeSet::new();
        for label in labels {
            if !seen.insert(label.text.as_str()) {
                let message = format!("duplicate block label `{}` in this task", label.text);
                self.error(&label.span, message, Some("rename one of them".to_owned()));
            }
        }
        task.name = label?.text;
        Some(task)
    }

    fn provider(&self, block: Block, side: Side) -> ProviderDeclaration {
        let label = self.optional_label(&block);
        let header = header(&block);
        let misspelt = |attribute: &Attribute| {
            nearest(attribute.key.as_str(), PROVIDER_KINDS).is_some()
                && !OUTPUT.attributes.contains(&attribute.key.as_str())
        };
        let whole = self.is_whole(&block) && !block.body.attributes().any(misspelt);
        let shape = match side {
            Side::Input => INPUT,
            Side::Output => OUTPUT,
        };
        let mut parts = self.parts(block.body, &shape);
        let mut config = parts.take("config").map(ConfigDeclaration::Attribute);
        let mut fixed: [Option<Fields>; 3] = [None, None, None];
        for block in parts.blocks {
            let span = self::header(&block);
            // Blocks with a fixed set of attributes, in the order of `fixed`.
            let shape = match block.ident.as_str() {
                "limits" => Some((0, &LIMITS)),
                "restart" => Some((1, &RESTART)),
                "sandbox" => Some((2, &SANDBOX)),
                _ => None,
            };
            if shape.map_or(config.is_some(), |(at, _)| fixed[at].is_some()) {
                let message = format!("duplicate `{}`", block.ident.as_str());
                self.error(&span, message, Some("merge them into one".to_owned()));
            } else if let Some((at, shape)) = shape {
                fixed[at] = Some(self.fields(block, shape));
            } else {
                self.no_label(&block);
                config = Some(ConfigDeclaration::Block(block));
            }
        }
        let [limits, restart, sandbox] = fixed;
        let named: Vec<&Attribute> = parts
            .attributes
            .iter()
            .filter(|attribute| PROVIDER_KINDS.contains(&attribute.key.as_str()))
            .collect();
        let provider = match named.as_slice() {
            [only] => Some((*only).clone()),
            [] => {
                if whole {
                    self.error(
                        &header,
                        format!("this {side} names no provider"),
                        Some(
                            "add `provider = \"…\"` (built in), `provider_path = \"…\"` (a \
                             program) or `provider_ref = \"…\"` (from a registry)"
                                .to_owned(),
                        ),
                    );
                }
                None
            }
            [first, others @ ..] => {
                let first = first.key.as_str();
                for other in others {
                    let message = format!("this {side} already has a provider: `{first}`");
                    let kinds = listed(PROVIDER_KINDS);
                    let help = format!("each block takes exactly one of {kinds}");
                    self.error(&span_of(&other.key), message, Some(help));
                }
                None
            }
        };
        let fields = Fields { attributes: parts.attributes };
        ProviderDeclaration {
            side,
            header,
            label,
            fields,
            provider,
            config,
            limits,
            restart,
            sandbox,
        }
    }

    /// Whether no syntax error took anything out of a block.
    fn is_whole(&self, block: &Block) -> bool {
        let span = span_of(block);
        !self.damaged.iter().any(|damaged| span.start <= damaged.start && damaged.end <= span.end)
    }
}

/// A block's name and labels.
fn header(block: &Block) -> Range<usize> {
    let name = span_of(&block.ident);
    let end = block.labels.last().map_or(name.end, |label| span_of(label).end);
    name.start..end
}
