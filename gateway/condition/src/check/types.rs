//! Types, as far as they are known without a call.

use std::fmt;

use crate::functions::Shape;

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// Not known before the call.
    Any,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Timestamp,
    Duration,
    Kind,
    List(Box<Type>),
    /// From names to values.
    Map(Box<Type>),
}

impl Type {
    /// The type of what is one or the other.
    pub(super) fn or(self, other: &Self) -> Self {
        if self == *other { self } else { Self::Any }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether values of the two can be equal.
    pub(super) fn may_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(left), Self::List(right)) | (Self::Map(left), Self::Map(right)) => {
                left.may_equal(right)
            }
            (left, right) => left == right || left.is_number() && right.is_number(),
        }
    }

    /// Whether a function that takes `shape` may take this.
    pub(super) fn fits(&self, shape: Shape) -> bool {
        if *self == Self::Any {
            return true;
        }
        match shape {
            Shape::Anything => true,
            Shape::Sized => matches!(self, Self::Text | Self::List(_) | Self::Map(_)),
            Shape::Time => matches!(self, Self::Timestamp | Self::Duration),
            Shape::NumberOrText => self.is_number() || *self == Self::Text,
            Shape::Texts => matches!(self, Self::List(items) if matches!(**items, Self::Text | Self::Any)),
            Shape::Bool
            | Shape::Int
            | Shape::Uint
            | Shape::Double
            | Shape::Text
            | Shape::Timestamp
            | Shape::Duration
            | Shape::Kind => *self == Self::from(shape),
        }
    }
}

impl From<Shape> for Type {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Anything | Shape::Sized | Shape::Time | Shape::NumberOrText => Self::Any,
            Shape::Bool => Self::Bool,
            Shape::Int => Self::Int,
            Shape::Uint => Self::Uint,
            Shape::Double => Self::Double,
            Shape::Text => Self::Text,
            Shape::Texts => Self::List(Box::new(Self::Text)),
            Shape::Timestamp => Self::Timestamp,
            Shape::Duration => Self::Duration,
            Shape::Kind => Self::Kind,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Int => "an int",
            Self::Uint => "a uint",
            Self::Double => "a double",
            Self::Text => "a string",
            Self::Timestamp => "a timestamp",
            Self::Duration => "a duration",
            Self::Kind => "a type",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        })
    }
}

/// What a function takes, in words.
pub(super) fn words(shape: Shape) -> String {
    match shape {
        Shape::Sized => "a string, a list or a map".to_owned(),
        Shape::Time => "a timestamp or a duration".to_owned(),
        Shape::NumberOrText => "a number or a string".to_owned(),
        Shape::Texts => "a list of strings".to_owned(),
        Shape::Anything
        | Shape::Bool
        | Shape::Int
        | Shape::Uint
        | Shape::Double
        | Shape::Text
        | Shape::Timestamp
        | Shape::Duration
        | Shape::Kind => Type::from(shape).to_string(),
    }
}
