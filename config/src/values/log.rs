//! What comes to light while values are evaluated: problems, secrets, and how much was used.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::value::Value;
use crate::limits::{EVALUATION_BYTES_MAX, EVALUATION_DEPTH_MAX, PROBLEMS_MAX};
use dstream_task::{Diagnostic, Secrets};

/// Kept by everything that evaluates values of one file together.
#[derive(Debug, Default)]
pub(crate) struct Log {
    problems: RefCell<Vec<Diagnostic>>,
    secrets: RefCell<BTreeSet<String>>,
    /// What `nonsensitive` revealed.
    revealed: RefCell<BTreeSet<String>>,
    bytes: Cell<usize>,
    depth: Cell<usize>,
    exhausted: Cell<bool>,
}

/// A limit of the evaluation was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// Just now: it is to be reported.
    Now,
    /// It has been reported.
    Before,
}

impl Log {
    /// Notes a problem; the same one at the same place only once.
    pub(crate) fn push(&self, problem: Diagnostic) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_MAX && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Whether there is a problem of a kind.
    pub(crate) fn any(&self, is: impl FnMut(&Diagnostic) -> bool) -> bool {
        self.problems.borrow().iter().any(is)
    }

    /// All problems, as they came up. Messages are made without secrets; should one slip into
    /// them nevertheless, it ends here.
    pub(crate) fn into_problems(self) -> Vec<Diagnostic> {
        let secrets = self.secrets();
        let mut problems = self.problems.into_inner();
        for problem in problems.iter_mut().filter(|_| !secrets.is_empty()) {
            problem.message = secrets.mask(&problem.message);
            problem.help = problem.help.take().map(|help| secrets.mask(&help));
        }
        problems
    }

    /// How many problems there are; for [`Self::forget`].
    pub(crate) fn mark(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Takes back all problems since a mark.
    pub(crate) fn forget(&self, mark: usize) {
        self.problems.borrow_mut().truncate(mark);
    }

    /// Notes a value that was read from where secrets are.
    pub(crate) fn add_secrets(&self, values: impl IntoIterator<Item = String>) {
        self.secrets.borrow_mut().extend(values);
    }

    /// Notes that the strings of a value may be shown, and with them what is shown in them.
    pub(crate) fn reveal(&self, value: &Value) {
        value.collect_texts(false, &mut self.revealed.borrow_mut());
    }

    /// All secrets so far.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.secret_texts().iter().for_each(|text| secrets.add(text));
        secrets
    }

    /// The texts that became secrets and were not revealed.
    pub(crate) fn secret_texts(&self) -> Vec<String> {
        let (secrets, revealed) = (self.secrets.borrow(), self.revealed.borrow());
        let hidden = |text: &&String| !revealed.iter().any(|shown| shown.contains(text.as_str()));
        secrets.iter().filter(hidden).cloned().collect()
    }

    /// The first problem's message.
    #[cfg(test)]
    pub(crate) fn first_message(&self) -> String {
        self.problems.borrow().first().map(|first| first.message.clone()).unwrap_or_default()
    }

    /// Counts memory.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Exhausted> {
        let used = self.bytes.get().saturating_add(bytes);
        self.bytes.set(used);
        if used <= EVALUATION_BYTES_MAX { Ok(()) } else { Err(self.exhaust()) }
    }

    /// Runs `run` one level deeper.
    pub(crate) fn deeper<R>(&self, run: impl FnOnce() -> R) -> Result<R, Exhausted> {
        if self.depth.get() >= EVALUATION_DEPTH_MAX {
            return Err(self.exhaust());
        }
        self.depth.set(self.depth.get() + 1);
        let outcome = run();
        self.depth.set(self.depth.get() - 1);
        Ok(outcome)
    }

    fn exhaust(&self) -> Exhausted {
        if self.exhausted.replace(true) { Exhausted::Before } else { Exhausted::Now }
    }
}
