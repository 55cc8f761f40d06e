//! What commands in the arguments of a call may do: the CommandRules of a connection.
//!
//! What a statement does is found in `lychgate-gateway-command`; what becomes of it is decided here. `check` says what
//! is wrong with a rule, `program` compiles it, `extract` finds texts in arguments, `judge` weighs every effect of
//! every statement, and `verdict` is what it finds, with its reasons. `sentence` tells the caller.

mod check;
mod extract;
mod judge;
mod program;
mod sentence;
mod subject;
#[cfg(test)]
mod tests;
mod verdict;

pub use check::{MAXIMUM_CLAUSES, MAXIMUM_EXTRACTIONS, STATEMENT_BYTES, STATEMENTS, check_rule};
pub use program::MAXIMUM_RULES;
pub use verdict::{Commands, Finding, MAXIMUM_FINDINGS, Statement, Verdict};

pub(crate) use program::{Program, compile};
pub(crate) use sentence::{nobody, sentence};
pub(crate) use subject::Subject;
