//! What expressions give: values, borrowed from the call where they can be. `number` has what numbers of JSON are and
//! how numbers compare, `time` points in time and durations, `compare` equality and order.

pub(crate) mod compare;
pub(crate) mod number;
pub(crate) mod time;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lychgate_gateway_mcp::json;

use crate::failure::Why;
use crate::input::Budget;

/// How many steps it takes to read a number that is more than a few digits.
const LONG_NUMBER_STEPS: usize = 32;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'a, str>),
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Timestamp(i128),
    /// Nanoseconds.
    Duration(i64),
    Kind(Kind),
    List(List<'a>),
    Map(Map<'a>),
}

/// A list.
#[derive(Debug, Clone)]
pub(crate) enum List<'a> {
    Json(json::Value<'a>),
    Texts(&'a [String]),
    Names(&'a [&'a str]),
    Own(Arc<[Value<'a>]>),
}

/// Names and their values.
#[derive(Debug, Clone)]
pub(crate) enum Map<'a> {
    /// What a call without arguments has.
    Empty,
    Json(json::Value<'a>),
    Labels(&'a BTreeMap<String, String>),
}

/// What `type` answers, and what errors speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Timestamp,
    Duration,
    Type,
    List,
    Map,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 11] = [
        Self::Null,
        Self::Bool,
        Self::Int,
        Self::Uint,
        Self::Double,
        Self::Text,
        Self::Timestamp,
        Self::Duration,
        Self::Type,
        Self::List,
        Self::Map,
    ];

    /// The name that CEL has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Text => "string",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Type => "type",
            Self::List => "list",
            Self::Map => "map",
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

impl<'a> Value<'a> {
    /// What `value` is in a condition.
    pub(crate) fn of_json(value: json::Value<'a>, budget: &Budget) -> Result<Self, Why> {
        Ok(match value.kind() {
            json::Kind::Null => Self::Null,
            json::Kind::Bool => Self::Bool(value.as_bool() == Some(true)),
            json::Kind::Number => match number::short_int(value.raw()) {
                Some(short) => Self::Int(short),
                None => {
                    compare::spend(budget, LONG_NUMBER_STEPS)?;
                    number::of_json(value.raw()).ok_or(Why::Inexact)?
                }
            },
            json::Kind::String => {
                let text = value.text().unwrap_or_default();
                if matches!(text, Cow::Owned(_)) {
                    compare::spend(budget, value.raw().len() / 8)?;
                }
                Self::Text(text)
            }
            json::Kind::Array => Self::List(List::Json(value)),
            json::Kind::Object => Self::Map(Map::Json(value)),
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Uint(_) => Kind::Uint,
            Self::Double(_) => Kind::Double,
            Self::Text(_) => Kind::Text,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::Duration(_) => Kind::Duration,
            Self::Kind(_) => Kind::Type,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
        }
    }

    /// The same value without a copy of its text.
    pub(crate) fn borrowed(&'a self) -> Self {
        match self {
            Self::Text(text) => Self::Text(Cow::Borrowed(text)),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Timestamp(_)
            | Self::Duration(_)
            | Self::Kind(_)
            | Self::List(_)
            | Self::Map(_) => self.clone(),
        }
    }

    /// The same value with nothing of a call in it. None for what is a call's own.
    pub(crate) fn owned(&self) -> Option<Value<'static>> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(own) => Value::Bool(*own),
            Self::Int(own) => Value::Int(*own),
            Self::Uint(own) => Value::Uint(*own),
            Self::Double(own) => Value::Double(*own),
            Self::Text(own) => Value::Text(Cow::Owned(own.clone().into_owned())),
            Self::Timestamp(own) => Value::Timestamp(*own),
            Self::Duration(own) => Value::Duration(*own),
            Self::Kind(own) => Value::Kind(*own),
            Self::List(List::Own(items)) => {
                Value::List(List::Own(items.iter().map(Value::owned).collect::<Option<Arc<[_]>>>()?))
            }
            Self::List(List::Json(_) | List::Texts(_) | List::Names(_)) | Self::Map(_) => return None,
        })
    }

    /// How many steps it takes to copy or to look through the value itself, not what is in it.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() / 16,
            Self::List(List::Own(items)) => items.len(),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Timestamp(_)
            | Self::Duration(_)
            | Self::Kind(_)
            | Self::List(List::Json(_) | List::Texts(_) | List::Names(_))
            | Self::Map(_) => 0,
        }
    }
}

impl<'a> List<'a> {
    /// How many items there are. Those of JSON are counted one by one.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(array) => array.items().count(),
            Self::Texts(texts) => texts.len(),
            Self::Names(names) => names.len(),
            Self::Own(items) => items.len(),
        }
    }

    /// The item at `index`, from 0.
    pub(crate) fn get(&self, index: usize, budget: &Budget) -> Result<Option<Value<'a>>, Why> {
        match self {
            Self::Json(array) => {
                array.items().nth(index).map(|item| Value::of_json(item, budget)).transpose()
            }
            Self::Texts(texts) => Ok(texts.get(index).map(|text| Value::Text(Cow::Borrowed(text.as_str())))),
            Self::Names(names) => Ok(names.get(index).map(|name| Value::Text(Cow::Borrowed(*name)))),
            Self::Own(items) => Ok(items.get(index).cloned()),
        }
    }

    /// Goes through the items until `visit` has an answer.
    pub(crate) fn find<T>(
        &self,
        budget: &Budget,
        mut visit: impl FnMut(Result<&Value<'a>, Why>) -> Option<T>,
    ) -> Option<T> {
        match self {
            Self::Json(array) => array.items().find_map(|item| match Value::of_json(item, budget) {
                Ok(item) => visit(Ok(&item)),
                Err(why) => visit(Err(why)),
            }),
            Self::Texts(texts) => texts.iter().find_map(|own| visit(Ok(&Value::Text(Cow::Borrowed(own))))),
            Self::Names(names) => names.iter().find_map(|own| visit(Ok(&Value::Text(Cow::Borrowed(own))))),
            Self::Own(items) => items.iter().find_map(|item| visit(Ok(item))),
        }
    }
}

impl<'a> Map<'a> {
    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Json(object) => object.members().count(),
            Self::Labels(labels) => labels.len(),
        }
    }

    /// The names in the order of the text, until `visit` has an answer.
    pub(crate) fn find_name<T>(&self, mut visit: impl FnMut(Cow<'a, str>) -> Option<T>) -> Option<T> {
        match self {
            Self::Empty => None,
            Self::Json(object) => {
                object.members().find_map(|member| visit(member.key.text().unwrap_or_default()))
            }
            Self::Labels(labels) => labels.keys().find_map(|name| visit(Cow::Borrowed(name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn a_value_is_small_enough_to_be_passed_around() {
        assert!(size_of::<Value<'_>>() <= 32, "{}", size_of::<Value<'_>>());
    }
}
