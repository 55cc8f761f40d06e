//! JSON as serde_json reads it, with what its own `Value` forgets: the order of members, and a second one of a name.

use std::fmt;

use lychgate_gateway_mcp::json::{Kind, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// A number without fraction and exponent that 64 bits hold.
    Integer(i128),
    /// Any other number.
    Float(f64),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The one value that `bytes` are.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// How many arrays and objects are open at once.
    pub(crate) fn depth(&self) -> usize {
        let below = |deepest: Option<usize>| 1 + deepest.unwrap_or(0);
        match self {
            Self::Array(items) => below(items.iter().map(Self::depth).max()),
            Self::Object(members) => below(members.iter().map(|(_, value)| value.depth()).max()),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::Text(_) => 0,
        }
    }

    /// Whether an object in it has two members of one name.
    pub(crate) fn has_twins(&self) -> bool {
        match self {
            Self::Array(items) => items.iter().any(Self::has_twins),
            Self::Object(members) => {
                let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                names.windows(2).any(|pair| pair[0] == pair[1])
                    || members.iter().any(|(_, value)| value.has_twins())
            }
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::Text(_) => false,
        }
    }

    /// Calls `see` with every text and every name in it.
    pub(crate) fn texts(&self, see: &mut impl FnMut(&str)) {
        match self {
            Self::Text(text) => see(text),
            Self::Array(items) => items.iter().for_each(|item| item.texts(see)),
            Self::Object(members) => {
                for (name, value) in members {
                    see(name);
                    value.texts(see);
                }
            }
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => {}
        }
    }

    /// Whether our reader's `value` is the same. Numbers that no 64 bits hold are rounded by serde_json, so that they
    /// may differ in the last digits.
    pub(crate) fn is(&self, value: Value<'_>) -> bool {
        match (self, value.kind()) {
            (Self::Null, Kind::Null) => true,
            (Self::Bool(expected), Kind::Bool) => value.as_bool() == Some(*expected),
            (Self::Integer(expected), Kind::Number) => raw(value).parse() == Ok(*expected),
            (Self::Float(expected), Kind::Number) => {
                raw(value).parse::<f64>().is_ok_and(|found| is_near(found, *expected))
            }
            (Self::Text(expected), Kind::String) => {
                value.text().is_some_and(|text| text == *expected) && value.is_text(expected)
            }
            (Self::Array(expected), Kind::Array) => {
                expected.len() == value.len()
                    && expected.iter().zip(value.items()).all(|(one, item)| one.is(item))
            }
            (Self::Object(expected), Kind::Object) => {
                expected.len() == value.len()
                    && expected.iter().zip(value.members()).all(|((name, one), member)| {
                        member.key.is_text(name) && member.key.is_name() && one.is(member.value)
                    })
            }
            (
                Self::Null
                | Self::Bool(_)
                | Self::Integer(_)
                | Self::Float(_)
                | Self::Text(_)
                | Self::Array(_)
                | Self::Object(_),
                Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array | Kind::Object,
            ) => false,
        }
    }

    /// Whether both are the same, whatever the order of members.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(another)) => is_near(*one, *another),
            (Self::Float(one), Self::Integer(another)) | (Self::Integer(another), Self::Float(one)) => {
                another.to_string().parse().is_ok_and(|another| is_near(*one, another))
            }
            (Self::Array(one), Self::Array(another)) => {
                one.len() == another.len() && one.iter().zip(another).all(|(one, other)| one.is_like(other))
            }
            (Self::Object(one), Self::Object(another)) => {
                let find = |name: &str| another.iter().find(|(other, _)| other == name);
                one.len() == another.len()
                    && one
                        .iter()
                        .all(|(name, value)| find(name).is_some_and(|(_, other)| value.is_like(other)))
            }
            (
                Self::Null
                | Self::Bool(_)
                | Self::Integer(_)
                | Self::Float(_)
                | Self::Text(_)
                | Self::Array(_)
                | Self::Object(_),
                _,
            ) => self == other,
        }
    }
}

fn raw(value: Value<'_>) -> &str {
    std::str::from_utf8(value.raw()).unwrap()
}

/// Whether two numbers are the same but for rounding.
fn is_near(one: f64, other: f64) -> bool {
    one == other || (one - other).abs() <= one.abs().max(other.abs()) * 1e-14
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Tree;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Integer(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Integer(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
                let mut tree = Vec::new();
                while let Some(item) = items.next_element()? {
                    tree.push(item);
                }
                Ok(Tree::Array(tree))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
                let mut tree = Vec::new();
                while let Some(member) = members.next_entry()? {
                    tree.push(member);
                }
                Ok(Tree::Object(tree))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
