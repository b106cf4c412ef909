//! What `var.x`, `local.x` and a bare `x` mean, evaluated when first asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::evaluate::{Evaluator, Failed, Outcome};
use super::value::Value;
use super::variables::{self, Given};
use crate::blocks::declared::Declared;
use dstream_reference::did_you_mean;

/// The two families of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    Variable,
    Local,
}

impl Root {
    /// The family that a name stands for.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "var" => Some(Self::Variable),
            "local" => Some(Self::Local),
            _ => None,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Variable => "var",
            Self::Local => "local",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Variable => "variable",
            Self::Local => "local",
        }
    }
}

/// How far the evaluation of a name is.
#[derive(Debug)]
enum Slot {
    InProgress,
    Done(Outcome),
}

/// The names of a file.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    declared: &'a Declared,
    given: Given,
    slots: RefCell<BTreeMap<(Root, String), Slot>>,
    /// Names that wait for each other, outermost first.
    waiting: RefCell<Vec<String>>,
}

impl<'a> Names<'a> {
    /// The names that `declared` declares, with values from outside for its variables.
    pub(crate) fn new(declared: &'a Declared, given: Given) -> Self {
        let (slots, waiting) = (RefCell::default(), RefCell::default());
        Self { declared, given, slots, waiting }
    }

    fn known(&self, root: Root) -> Vec<&'a str> {
        let declared = self.declared;
        match root {
            Root::Variable => declared.variables.iter().map(|known| known.name.as_str()).collect(),
            Root::Local => declared.locals.iter().map(|known| known.name.as_str()).collect(),
        }
    }

    /// A name without `var.` or `local.` before it: the original made locals known by such.
    pub(crate) fn bare(&self, name: &str, span: &Range<usize>, by: &Evaluator<'_>) -> Outcome {
        if let Some(root) = Root::of(name) {
            return Err(self.root_alone(root, span, by));
        }
        let locals = self.known(Root::Local);
        if locals.contains(&name) {
            return self.resolve(Root::Local, name, span, by);
        }
        let help = if self.known(Root::Variable).contains(&name) {
            format!("a variable is written `var.{name}`")
        } else if name == "env" {
            "a variable of the environment is written `env(\"NAME\")`".to_owned()
        } else {
            let known = locals.into_iter().chain(by.line_names.iter().copied());
            did_you_mean(name, known).unwrap_or_else(|| match by.line_names {
                [] => format!("strings need quotes: \"{name}\""),
                _ => format!(
                    "strings need quotes: \"{name}\"; a line's field is written `metadata.{name}` \
                     or `data.{name}`"
                ),
            })
        };
        Err(by.fail_with(span, format!("unknown name `{name}`"), Some(help)))
    }

    /// `var` or `local` with no name behind it.
    pub(crate) fn root_alone(&self, root: Root, span: &Range<usize>, by: &Evaluator<'_>) -> Failed {
        let prefix = root.prefix();
        let help = match self.known(root).first() {
            Some(name) => format!("write `{prefix}.{name}`, for example"),
            None => format!("this file declares no {}", root.title()),
        };
        by.fail_with(span, format!("`{prefix}` needs a name after it"), Some(help))
    }

    /// The value of a name.
    pub(crate) fn resolve(
        &self,
        root: Root,
        name: &str,
        span: &Range<usize>,
        by: &Evaluator<'_>,
    ) -> Outcome {
        let known = self.known(root);
        if !known.contains(&name) {
            let title = root.title();
            let help = did_you_mean(name, known).or_else(|| match root {
                Root::Variable => Some(format!("declare it: `variable \"{name}\" {{}}`")),
                Root::Local => Some(format!("declare it: `locals {{ {name} = … }}`")),
            });
            return Err(by.fail_with(span, format!("unknown {title} `{name}`"), help));
        }
        if by.constants_only {
            return Err(Failed);
        }
        let key = (root, name.to_owned());
        let value = match self.slots.borrow().get(&key) {
            Some(Slot::Done(outcome)) => Some(outcome.clone()),
            Some(Slot::InProgress) => {
                let path = self.path(&format!("{}.{name}", root.prefix()));
                let message = format!("circular reference: {path}");
                return Err(by.fail(span, message));
            }
            None => None,
        };
        let value = match value {
            Some(value) => value,
            None => {
                self.slots.borrow_mut().insert(key.clone(), Slot::InProgress);
                self.waiting.borrow_mut().push(format!("{}.{name}", root.prefix()));
                let outcome = self.compute(root, name, span, by);
                self.waiting.borrow_mut().pop();
                self.slots.borrow_mut().insert(key, Slot::Done(outcome.clone()));
                outcome
            }
        }?;
        by.charge(value.size_bytes(), span)?;
        Ok(value)
    }

    /// `local.a → local.b → local.a`
    fn path(&self, name: &str) -> String {
        let waiting = self.waiting.borrow();
        let start = waiting.iter().position(|known| known == name).unwrap_or(0);
        let mut path = waiting[start..].join(" → ");
        path.push_str(" → ");
        path.push_str(name);
        path
    }

    fn compute(&self, root: Root, name: &str, span: &Range<usize>, by: &Evaluator<'_>) -> Outcome {
        // Elsewhere in the file there is no line.
        let by = &Evaluator { line_names: &[], ..*by };
        match root {
            Root::Local => {
                let local = self.declared.locals.iter().find(|local| local.name == name);
                local.map_or(Err(Failed), |local| by.value(&local.value))
            }
            Root::Variable => {
                let variable = self.declared.variables.iter().find(|known| known.name == name);
                let Some(variable) = variable else { return Err(Failed) };
                match variables::value(variable, self.given.get(name), by)? {
                    Some(value) => Ok(value),
                    None => {
                        let help = format!(
                            "give it with `--var {name}=…` or `DSTREAM_VAR_{name}`, or write a \
                             `default` into its block"
                        );
                        let message = format!("variable `{name}` has no value");
                        Err(by.fail_with(span, message, Some(help)))
                    }
                }
            }
        }
    }

    /// Has `by` look at everything that a name could stand for, for what shows without a value.
    pub(crate) fn check(&self, by: &Evaluator<'_>) {
        for local in &self.declared.locals {
            // A problem is in the log.
            let _: Outcome = by.value(&local.value);
        }
        let in_default = Evaluator { names: None, ..*by };
        for default in self.declared.variables.iter().filter_map(|known| known.default.as_ref()) {
            let _: Outcome = in_default.value(default);
        }
    }

    /// Evaluates all locals, and all variables that have a value: for `validate`.
    pub(crate) fn evaluate_all(&self, by: &Evaluator<'_>) {
        for name in self.known(Root::Local) {
            // A problem is in the log.
            let _: Outcome = self.resolve(Root::Local, name, &(0..0), by);
        }
        for variable in &self.declared.variables {
            if variable.default.is_some() || self.given.get(&variable.name).is_some() {
                let _: Outcome = self.resolve(Root::Variable, &variable.name, &variable.header, by);
            }
        }
    }

    /// Evaluates the variables that were given from outside: a wrong one is a problem even where
    /// nothing asks for it.
    pub(crate) fn evaluate_given(&self, by: &Evaluator<'_>) {
        for variable in &self.declared.variables {
            if self.given.get(&variable.name).is_some() {
                let _: Result<Value, Failed> =
                    self.resolve(Root::Variable, &variable.name, &variable.header, by);
            }
        }
    }
}
