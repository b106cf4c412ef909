//! One call of a function: its arguments, and the types they are asked for as.

use std::ops::Range;
use std::rc::Rc;

use jiff::Zoned;

use super::super::context::{Context, Outcome, Problem, TextBuilder};
use super::super::limits::VALUE_DEPTH_MAX;
use super::super::show::show;
use super::super::value::{DictId, List, Value};

/// One call. An argument is counted from 0 and, up to the function's least number, always there.
pub(in super::super) struct Call<'m, 's> {
    pub(in super::super) context: &'m mut Context<'s>,
    pub(in super::super) name: &'static str,
    /// The call in the source.
    pub(in super::super) span: &'m Range<usize>,
    pub(in super::super) arguments: Vec<Value>,
}

impl Call<'_, '_> {
    pub(super) fn count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument as it is; nil if there is none.
    pub(super) fn value(&self, index: usize) -> Value {
        self.arguments.get(index).cloned().unwrap_or(Value::Nil)
    }

    /// The arguments from `index` on.
    pub(super) fn rest(&self, index: usize) -> Vec<Value> {
        self.arguments.iter().skip(index).cloned().collect()
    }

    pub(super) fn is_true(&self, index: usize) -> bool {
        self.value(index).is_true(&self.context.dicts)
    }

    /// The error that an argument is of the wrong type.
    pub(super) fn wrong(&self, index: usize, wanted: &str) -> Problem {
        let found = self.value(index).described();
        Problem::argument(index, format!("`{}` needs {wanted} here, not {found}", self.name))
    }

    pub(super) fn text(&mut self, index: usize) -> Result<Rc<str>, Problem> {
        match self.value(index) {
            Value::Text(text) => self.context.read(&text),
            _ => Err(self.wrong(index, "a text")),
        }
    }

    pub(super) fn int(&self, index: usize) -> Result<i64, Problem> {
        match self.value(index) {
            Value::Int(number) => Ok(number),
            _ => Err(self.wrong(index, "a whole number")),
        }
    }

    /// A whole number that counts something.
    pub(super) fn size(&self, index: usize) -> Result<usize, Problem> {
        let message = || format!("`{}` needs a number that is not negative here", self.name);
        usize::try_from(self.int(index)?).map_err(|_| Problem::argument(index, message()))
    }

    pub(super) fn list(&self, index: usize) -> Result<List, Problem> {
        match self.value(index) {
            Value::List(list) => Ok(list),
            _ => Err(self.wrong(index, "a list")),
        }
    }

    pub(super) fn dict(&self, index: usize) -> Result<DictId, Problem> {
        match self.value(index) {
            Value::Dict(id) => Ok(id),
            _ => Err(self.wrong(index, "a dict")),
        }
    }

    /// A time, or the seconds since 1970 of one.
    pub(super) fn time(&self, index: usize) -> Result<Rc<Zoned>, Problem> {
        match self.value(index) {
            Value::Time(time) => Ok(time),
            Value::Int(seconds) => {
                let zone = self.context.scope.now.time_zone().clone();
                let time = jiff::Timestamp::from_second(seconds);
                time.map(|time| Rc::new(time.to_zoned(zone)))
                    .map_err(|_| Problem::argument(index, "a time so far off is not supported"))
            }
            _ => Err(self.wrong(index, "a time, such as `now`, or seconds since 1970")),
        }
    }

    /// An argument as printing shows it.
    pub(super) fn shown(&mut self, index: usize) -> Result<String, Problem> {
        let value = self.value(index);
        self.show(&value)
    }

    /// A value as printing shows it.
    pub(super) fn show(&mut self, value: &Value) -> Result<String, Problem> {
        let mut shown = TextBuilder::default();
        show(self.context, value, &mut shown, 0)?;
        Ok(shown.into_string())
    }

    /// What Sprig takes for a list of texts: a list without its nils, or one value.
    pub(super) fn texts(&mut self, index: usize) -> Result<Vec<String>, Problem> {
        match self.value(index) {
            Value::Nil => Ok(Vec::new()),
            Value::List(list) => {
                self.context.check_items(list.items().len())?;
                let items = list.items().iter().filter(|item| !matches!(item, Value::Nil));
                let mut bytes = 0;
                let mut texts = Vec::new();
                for item in items {
                    let text = self.show(item)?;
                    bytes += text.len();
                    self.context.charge(text.len())?;
                    texts.push(text);
                }
                self.context.charge(bytes)?;
                Ok(texts)
            }
            value => Ok(vec![self.show(&value)?]),
        }
    }

    pub(super) fn new_text(&mut self, text: &str) -> Outcome {
        self.context.new_text(text)
    }

    pub(super) fn new_texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> Outcome {
        let mut items = Vec::new();
        for text in texts {
            self.context.check_items(1)?;
            items.push(self.context.new_text(text)?);
        }
        self.context.new_list(items)
    }

    /// Whether two values are the same in type and content.
    pub(super) fn same(&mut self, left: &Value, right: &Value) -> Result<bool, Problem> {
        same(self.context, left, right, 0)
    }
}

fn same(
    context: &mut Context<'_>,
    left: &Value,
    right: &Value,
    depth: usize,
) -> Result<bool, Problem> {
    context.charge(1)?;
    if depth > VALUE_DEPTH_MAX {
        return Err(Problem::too_deep());
    }
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => {
            context.charge(left.text.len().min(right.text.len()))?;
            left.text == right.text
        }
        (Value::Time(left), Value::Time(right)) => left.timestamp() == right.timestamp(),
        (Value::List(left), Value::List(right)) => {
            if left.items().len() != right.items().len() {
                return Ok(false);
            }
            for (left, right) in left.items().iter().zip(right.items()) {
                if !same(context, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(left), Value::Dict(right)) => {
            if left == right {
                return Ok(true);
            }
            let (left, right) = (context.entries(*left)?, context.entries(*right)?);
            if left.len() != right.len() {
                return Ok(false);
            }
            for ((left_key, left), (right_key, right)) in left.iter().zip(&right) {
                if left_key != right_key || !same(context, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}
