//! Why an expression has no value. Small and without text, since conditions meet failures that they then do not need
//! (`a || b`); the words are found when an answer is a failure.

use crate::fault::{EvaluationError, Fault, short};
use crate::input::Budget;
use crate::syntax::Span;
use crate::value::Kind;

/// What went wrong where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Failure {
    pub(crate) span: Span,
    pub(crate) why: Why,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Why {
    /// A member is not there.
    Absent,
    /// A key or an index is not there.
    NoSuchKey,
    /// Nothing of this sort is part of the call.
    NoTool,
    NoStatement,
    /// Something is of this kind, and what is done with it takes another.
    Unfit {
        found: Kind,
        wanted: &'static str,
    },
    /// Two things that can never be equal are compared.
    Unequal {
        left: Kind,
        right: Kind,
    },
    /// An operator does not take these two.
    Operands {
        sign: &'static str,
        left: Kind,
        right: Kind,
    },
    /// A number of JSON is none that is held exactly.
    Inexact,
    /// A result is too large or small.
    Overflow,
    DivisionByZero,
    /// A text does not stand for what it should.
    Unreadable {
        as_what: &'static str,
    },
    /// There is no unambiguous text for it.
    Unwritable,
    /// The budget is spent. Nothing can make up for it.
    OverBudget,
}

impl Failure {
    /// The failure in words, for the condition with this text.
    pub(crate) fn explain(self, text: &str) -> EvaluationError {
        let own = text.get(self.span.start as usize..self.span.end as usize).unwrap_or_default();
        EvaluationError::new(text, self.span.start as usize, self.why.explain(&short(own)))
    }

    /// The same as a fault of the text, where no call is needed to meet it.
    pub(crate) fn into_fault(self, text: &str) -> Fault {
        Fault::new(text, self.span.start as usize, self.explain(text).message)
    }
}

impl Why {
    /// The words for it; `own` is the text of the expression.
    fn explain(self, own: &str) -> String {
        match self {
            Self::Absent => format!("{own} is absent: guard it with has({own})"),
            Self::NoSuchKey => {
                let guard = own.strip_suffix(']').and_then(|open| open.rsplit_once('[')).map_or_else(
                    || "guard it with `in` or size()".to_owned(),
                    |(of, key)| format!("guard it with {key} in {of}, or size({of}) for a list"),
                );
                format!("{own} is absent: {guard}")
            }
            Self::NoTool => format!("{own}: no tool is called; this condition is for tools alone"),
            Self::NoStatement => {
                format!("{own}: there is no statement; this condition is for statements alone")
            }
            Self::Unfit { found, wanted } => {
                let found = found.name();
                format!("{own} is of type {found}, and must be {wanted}; guard it with type({own})")
            }
            Self::Unequal { left, right } => {
                let (left, right) = (left.name(), right.name());
                format!("{own} compares {left} with {right}; convert one, or guard it with type()")
            }
            Self::Operands { sign, left, right } => {
                let (left, right) = (left.name(), right.name());
                format!(
                    "{own}: {sign} does not take {left} and {right}; convert one, or guard it with type()"
                )
            }
            Self::Inexact => {
                format!(
                    "{own} holds a number that cannot be held exactly; send fewer digits, or send it as a string"
                )
            }
            Self::Overflow => format!("{own} is too large or too small for its type"),
            Self::DivisionByZero => format!("{own} divides by zero: guard it with a comparison"),
            Self::Unreadable { as_what } => format!("{own} is no {as_what}: guard it with matches()"),
            Self::Unwritable => {
                format!("{own}: a double has no one text; write int() first, or compare numbers")
            }
            Self::OverBudget => format!(
                "the conditions of this call take more than {} steps; send less, or ask less of long lists and texts",
                Budget::STEPS
            ),
        }
    }
}
