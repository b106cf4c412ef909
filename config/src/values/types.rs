//! Types of variables: what `type = …` may say, and how a value is brought to one.

use std::ops::Range;

use hcl::Map;
use hcl_edit::expr::{Expression, ObjectKey};

use super::evaluate::span_of;
use super::value::{Data, Value};
use dstream_reference::did_you_mean;

/// What a type may be, for messages.
pub(crate) const HELP: &str = "a type is `string`, `number`, `bool`, `any`, `list(…)`, `set(…)`, `map(…)`, `tuple([…])` or \
     `object({ name = … })`";

const NAMES: [&str; 9] =
    ["string", "number", "bool", "any", "list", "set", "map", "tuple", "object"];

/// A type constraint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Type>),
    /// A list without duplicates.
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    /// Attributes in order, and which of them may be missing.
    Object(Vec<(String, Type, bool)>),
}

impl Type {
    /// Whether a text given for it is taken as it is, not as an HCL expression.
    pub(crate) fn is_primitive(&self) -> bool {
        matches!(self, Self::String | Self::Number | Self::Bool)
    }

    /// The type that a default stands for.
    pub(crate) fn of(value: &Value) -> Self {
        match &value.data {
            Data::Bool(_) => Self::Bool,
            Data::Number(_) => Self::Number,
            Data::String(_) => Self::String,
            Data::List(_) => Self::List(Box::new(Self::Any)),
            Data::Object(_) => Self::Map(Box::new(Self::Any)),
            Data::Null => Self::Any,
        }
    }

    /// How messages call it.
    fn title(&self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::List(_) | Self::Set(_) | Self::Tuple(_) => "a list",
            Self::Map(_) | Self::Object(_) => "an object",
        }
    }

    /// Reads a text that stands for a value of a primitive type.
    pub(crate) fn read(&self, text: &str) -> Result<Value, String> {
        self.convert(Value::new(Data::String(text.to_owned())))
    }

    /// Brings a value to the type, or says why that cannot be. `null` is of every type.
    pub(crate) fn convert(&self, value: Value) -> Result<Value, String> {
        let secret = value.is_secret();
        let mismatch = format!("needs {}, not {}", self.title(), value.kind());
        let data = match (self, value.data) {
            (Self::Any, data) => return Ok(with(data, secret)),
            (_, Data::Null) => Data::Null,
            (Self::String, data) => {
                let value = Value::new(data);
                Data::String(value.to_text().ok_or(mismatch)?)
            }
            (Self::Number, Data::String(text)) => {
                let text = Value::new(Data::String(text.trim().to_owned()));
                Data::Number(text.to_number().ok_or("needs a number")?)
            }
            (Self::Number, Data::Number(number)) => Data::Number(number),
            (Self::Bool, Data::Bool(bool)) => Data::Bool(bool),
            (Self::Bool, Data::String(text)) => match text.trim() {
                "true" | "1" => Data::Bool(true),
                "false" | "0" => Data::Bool(false),
                _ => return Err("needs `true` or `false`".to_owned()),
            },
            (Self::List(kind), Data::List(items)) => Data::List(convert_all(kind, items)?),
            (Self::Set(kind), Data::List(items)) => {
                let mut unique: Vec<Value> = Vec::new();
                for item in convert_all(kind, items)? {
                    if !unique.contains(&item) {
                        unique.push(item);
                    }
                }
                Data::List(unique)
            }
            (Self::Map(kind), Data::Object(items)) => {
                let items = items.into_iter().map(|(key, item)| {
                    let item = kind.convert(item).map_err(|error| format!("`{key}` {error}"))?;
                    Ok((key, item))
                });
                Data::Object(items.collect::<Result<_, String>>()?)
            }
            (Self::Tuple(kinds), Data::List(items)) => {
                if kinds.len() != items.len() {
                    return Err(format!("needs {} items, not {}", kinds.len(), items.len()));
                }
                let items = kinds.iter().zip(items).enumerate().map(|(index, (kind, item))| {
                    kind.convert(item).map_err(|error| format!("item {index} {error}"))
                });
                Data::List(items.collect::<Result<_, _>>()?)
            }
            (Self::Object(attributes), Data::Object(mut items)) => {
                let mut object = Map::new();
                for (name, kind, optional) in attributes {
                    let item = match items.shift_remove(name) {
                        Some(item) => item,
                        None if *optional => Value::default(),
                        None => return Err(format!("needs an attribute `{name}`")),
                    };
                    let item = kind.convert(item).map_err(|error| format!("`{name}` {error}"))?;
                    object.insert(name.clone(), item);
                }
                Data::Object(object)
            }
            _ => return Err(mismatch),
        };
        Ok(with(data, secret))
    }
}

/// Items know for themselves whether they are secrets; other values get the flag here.
fn with(data: Data, secret: bool) -> Value {
    let holds = matches!(data, Data::List(_) | Data::Object(_));
    Value::new(data).tainted(secret && !holds)
}

fn convert_all(kind: &Type, items: Vec<Value>) -> Result<Vec<Value>, String> {
    let items = items.into_iter().enumerate();
    items
        .map(|(index, item)| kind.convert(item).map_err(|error| format!("item {index} {error}")))
        .collect()
}

/// Reads `string`, `list(number)`, … or the old `"string"`.
pub(crate) fn parse(expression: &Expression) -> Result<Type, (Range<usize>, String)> {
    let span = span_of(expression);
    match expression {
        Expression::Variable(name) => named(name.as_str(), &span),
        Expression::String(name) => named(name.as_str(), &span),
        Expression::Parenthesis(inner) => parse(inner.inner()),
        Expression::FuncCall(call) => {
            let name = call.name.name.as_str();
            let arguments: Vec<&Expression> = call.args.iter().collect();
            match (name, arguments.as_slice()) {
                ("list", [item]) => Ok(Type::List(Box::new(parse(item)?))),
                ("set", [item]) => Ok(Type::Set(Box::new(parse(item)?))),
                ("map", [item]) => Ok(Type::Map(Box::new(parse(item)?))),
                ("tuple", [Expression::Array(items)]) => {
                    Ok(Type::Tuple(items.iter().map(parse).collect::<Result<_, _>>()?))
                }
                ("object", [Expression::Object(items)]) => items
                    .iter()
                    .map(|(key, value)| attribute(key, value.expr()))
                    .collect::<Result<_, _>>()
                    .map(Type::Object),
                _ => Err((span, format!("unknown type `{name}(…)`"))),
            }
        }
        _ => Err((span, "invalid type".to_owned())),
    }
}

fn attribute(
    key: &ObjectKey,
    value: &Expression,
) -> Result<(String, Type, bool), (Range<usize>, String)> {
    let name = match key {
        ObjectKey::Ident(name) => name.as_str().to_owned(),
        ObjectKey::Expression(Expression::String(name)) => name.as_str().to_owned(),
        ObjectKey::Expression(key) => {
            return Err((span_of(key), "an attribute of an object type is a name".to_owned()));
        }
    };
    if let Expression::FuncCall(call) = value
        && call.name.name.as_str() == "optional"
        && call.args.len() == 1
        && let Some(inner) = call.args.get(0)
    {
        return Ok((name, parse(inner)?, true));
    }
    Ok((name, parse(value)?, false))
}

fn named(name: &str, span: &Range<usize>) -> Result<Type, (Range<usize>, String)> {
    Ok(match name {
        "string" => Type::String,
        "number" => Type::Number,
        "bool" => Type::Bool,
        "any" => Type::Any,
        "list" | "tuple" => Type::List(Box::new(Type::Any)),
        "set" => Type::Set(Box::new(Type::Any)),
        "map" | "object" => Type::Map(Box::new(Type::Any)),
        _ => {
            let meant = did_you_mean(name, NAMES).map(|meant| format!("; {meant}"));
            return Err((
                span.clone(),
                format!("unknown type `{name}`{}", meant.unwrap_or_default()),
            ));
        }
    })
}
