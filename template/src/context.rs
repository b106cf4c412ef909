//! What evaluating needs beside the template: the world it may ask, what it made, and how much of
//! its allowance is left.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::TemplateScope;
use super::limits::{
    ITEM_WORK, ITEMS_MAX, LIST_DEPTH_MAX, TEXT_BYTES_MAX, VALUE_DEPTH_MAX, WORK_MAX,
};
use super::value::{DictId, Dicts, Entries, List, Text, Unset, Value};

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Problem {
    /// A mistake at an argument, counted from 0, or at the call itself.
    Wrong { argument: Option<usize>, message: String, help: Option<String> },
    /// A variable that is not set reached something that needs a value.
    Unset(Rc<Unset>),
    /// The whole rendering has used up its allowance.
    Exhausted,
    /// It comes from something that was reported already.
    Broken,
}

impl Problem {
    /// A mistake of the call as a whole.
    pub(super) fn call(message: impl Into<String>) -> Self {
        Self::Wrong { argument: None, message: message.into(), help: None }
    }

    /// A mistake of one argument.
    pub(super) fn argument(index: usize, message: impl Into<String>) -> Self {
        Self::Wrong { argument: Some(index), message: message.into(), help: None }
    }

    /// The same with advice.
    pub(super) fn with_help(mut self, advice: impl Into<String>) -> Self {
        if let Self::Wrong { help, .. } = &mut self {
            *help = Some(advice.into());
        }
        self
    }

    /// A value is nested too deeply to be followed or made.
    pub(super) fn too_deep() -> Self {
        Self::call(format!("the value is nested more than {VALUE_DEPTH_MAX} levels deep"))
    }

    fn too_long() -> Self {
        Self::call(format!("the text gets longer than {TEXT_BYTES_MAX} bytes"))
    }
}

/// A value, or why there is none.
pub(super) type Outcome = Result<Value, Problem>;

/// The state of one rendering that functions can reach.
pub(super) struct Context<'s> {
    pub(super) scope: &'s TemplateScope<'s>,
    pub(super) dicts: Dicts,
    /// Environment values that were read, and texts made from them.
    pub(super) secrets: BTreeSet<String>,
    /// A secret text was read since this was last cleared.
    pub(super) touched_secret: bool,
    work_left: u64,
}

impl<'s> Context<'s> {
    pub(super) fn new(scope: &'s TemplateScope<'s>) -> Self {
        Self {
            scope,
            dicts: Dicts::default(),
            secrets: BTreeSet::new(),
            touched_secret: false,
            work_left: WORK_MAX,
        }
    }

    /// Takes work from the allowance; see [`WORK_MAX`].
    pub(super) fn charge(&mut self, work: usize) -> Result<(), Problem> {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        let left = self.work_left.checked_sub(work);
        self.work_left = left.unwrap_or(0);
        left.map(drop).ok_or(Problem::Exhausted)
    }

    /// The text for reading: charged for, and noted if it is a secret.
    pub(super) fn read(&mut self, text: &Text) -> Result<Rc<str>, Problem> {
        self.charge(text.text.len())?;
        self.touched_secret |= text.secret;
        Ok(Rc::clone(&text.text))
    }

    pub(super) fn new_text(&mut self, text: &str) -> Outcome {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Problem::too_long());
        }
        self.charge(text.len())?;
        Ok(Value::text(text))
    }

    pub(super) fn new_list(&mut self, items: Vec<Value>) -> Outcome {
        self.check_items(items.len())?;
        let deep = format!("the list is nested more than {LIST_DEPTH_MAX} levels deep");
        List::new(items).map(Value::List).ok_or_else(|| Problem::call(deep))
    }

    pub(super) fn new_dict(&mut self, entries: Entries) -> Outcome {
        self.check_items(entries.len())?;
        self.charge(ITEM_WORK)?;
        Ok(Value::Dict(self.dicts.add(entries)))
    }

    /// Charges for a collection of `count` elements before it is made.
    pub(super) fn check_items(&mut self, count: usize) -> Result<(), Problem> {
        if count > ITEMS_MAX {
            return Err(Problem::call(format!("more than {ITEMS_MAX} elements")));
        }
        self.charge(count * ITEM_WORK)
    }

    /// A copy of a dictionary's entries, charged for.
    pub(super) fn entries(&mut self, id: DictId) -> Result<Entries, Problem> {
        self.check_items(self.dicts.get(id).len())?;
        Ok(self.dicts.get(id).clone())
    }

    /// Marks every text in a value that was made from a secret as one.
    pub(super) fn mark_secret(&mut self, value: Value, depth: usize) -> Outcome {
        if depth > VALUE_DEPTH_MAX {
            return Err(Problem::too_deep());
        }
        match value {
            Value::Text(text) => {
                self.charge(text.text.len())?;
                if !text.text.is_empty() {
                    self.secrets.insert(text.text.as_ref().to_owned());
                }
                Ok(Value::Text(Text { secret: true, ..text }))
            }
            Value::List(list) => {
                let items = list.items().iter().cloned();
                let marked: Result<Vec<Value>, Problem> =
                    items.map(|item| self.mark_secret(item, depth + 1)).collect();
                self.new_list(marked?)
            }
            Value::Dict(id) => {
                for (key, value) in self.entries(id)? {
                    let value = self.mark_secret(value, depth + 1)?;
                    self.dicts.get_mut(id).insert(key, value);
                }
                Ok(value)
            }
            other => Ok(other),
        }
    }
}

/// A text that grows up to [`TEXT_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct TextBuilder {
    text: String,
}

impl TextBuilder {
    pub(super) fn push(&mut self, piece: &str) -> Result<(), Problem> {
        if self.text.len() + piece.len() > TEXT_BYTES_MAX {
            return Err(Problem::too_long());
        }
        self.text.push_str(piece);
        Ok(())
    }

    pub(super) fn push_char(&mut self, c: char) -> Result<(), Problem> {
        self.push(c.encode_utf8(&mut [0; 4]))
    }

    /// `piece`, `count` times.
    pub(super) fn push_repeated(&mut self, piece: &str, count: usize) -> Result<(), Problem> {
        let bytes = piece.len().checked_mul(count).filter(|&bytes| bytes <= TEXT_BYTES_MAX);
        if bytes.is_none_or(|bytes| self.text.len() + bytes > TEXT_BYTES_MAX) {
            return Err(Problem::too_long());
        }
        if !piece.is_empty() {
            self.text.extend(std::iter::repeat_n(piece, count));
        }
        Ok(())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}
