//! Why a text is refused.

use super::effect::Place;

/// A text whose effects cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{cause}", place.map(|place| format!("{place}: ")).unwrap_or_default())]
pub struct Unparseable {
    /// Where in the text; nowhere when it is about the whole.
    pub place: Option<Place>,
    /// Why.
    pub cause: Cause,
}

impl Unparseable {
    pub(super) fn whole(cause: Cause) -> Self {
        Self { place: None, cause }
    }

    pub(super) fn at(place: Place, cause: Cause) -> Self {
        Self { place: Some(place), cause }
    }

    pub(super) fn unsettled(place: Place, why: &'static str) -> Self {
        Self::at(place, Cause::Unsettled(why))
    }
}

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The text is longer than the limit.
    #[error("the text has {bytes} bytes, and {most} are the most; send less at once")]
    TooLong {
        /// Its length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        most: usize,
    },
    /// There are more statements than the limit.
    #[error("the text holds more than {most} statements; send fewer at once")]
    TooManyStatements {
        /// The limit.
        most: usize,
    },
    /// There is no statement.
    #[error("there is no statement")]
    Empty,
    /// It nests or chains deeper than the limit.
    #[error("the statement nests or chains too deep; write lists with IN, or split it")]
    TooDeep,
    /// It does not parse. The text is what the parser said, with unseen characters escaped.
    #[error("{0}")]
    Syntax(String),
    /// Servers, or settings of one server, differ in how they read this.
    #[error("{0}")]
    Unsettled(&'static str),
}
