//! Conditions: `when` in access rules, command rules and approval policies.
//!
//! A condition is an expression in CEL, the Common Expression Language that Kubernetes has, and answers yes or no for
//! one call. [`compile`] finds everything that is wrong with a text before anything depends on it;
//! [`Condition::holds`] answers for an [`Input`]. `docs/conditions.md` says what can be written.
//!
//! This crate is pure: no clock, no environment, no file, no socket, no task and no log of its own.
//!
//! Two promises. **An error is never an answer:** what is absent, of the wrong type or too much is an
//! [`EvaluationError`], which denies. **A condition ends:** whatever the arguments hold, it takes no more steps than
//! its [`Budget`] has.

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a type that an operation does not name is refused, whatever types there will be"
)]
mod check;
mod failure;
mod fault;
mod fold;
mod functions;
mod input;
mod limits;
mod program;
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a value of a type that an operation does not name is a failure, whatever types there will be"
)]
mod run;
mod suggest;
mod syntax;
mod value;

use program::{Expr, Field, Node};
use run::Run;
use value::Value;

pub use fault::{EvaluationError, Fault};
pub use input::{Budget, Caller, Connection, Input, Statement};
pub use limits::TEXT_BYTES;

/// Where a condition stands, and so what it can speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `caller`, `tool`, `args`, `connection` and `now`.
    Access,
    /// The same, and `statement`.
    Command,
}

/// A condition that can be asked.
#[derive(Debug, Clone)]
pub struct Condition {
    /// For errors, which quote from it.
    text: Box<str>,
    expr: Expr,
}

/// Reads and checks a condition.
///
/// # Errors
/// Everything that is wrong with `text`, in the order of the text; never nothing. Where it does not parse, what stands
/// behind the first mistake is not looked at.
pub fn compile(text: &str, scope: Scope) -> Result<Condition, Vec<Fault>> {
    let tree = syntax::parse(text)?;
    let expr = check::check(text, scope, &tree)?;
    match fold::constants(expr) {
        Ok(expr) => Ok(Condition { text: text.into(), expr }),
        Err(failures) => {
            let mut faults: Vec<_> = failures.into_iter().map(|failure| failure.into_fault(text)).collect();
            faults.sort_by_key(|fault| fault.at);
            Err(faults)
        }
    }
}

impl Condition {
    /// Whether it asks about `args`.
    #[must_use]
    pub fn needs_arguments(&self) -> bool {
        self.asks(|field| field == Field::Args)
    }

    /// Whether it asks about `statement`.
    #[must_use]
    pub fn needs_statement(&self) -> bool {
        self.asks(|field| matches!(field, Field::StatementEffects | Field::StatementText))
    }

    /// Whether it asks about `connection`.
    #[must_use]
    pub fn needs_connection(&self) -> bool {
        let of_connection = [Field::ConnectionName, Field::ConnectionNamespace, Field::ConnectionLabels];
        self.asks(|field| of_connection.contains(&field))
    }

    fn asks(&self, wanted: impl Fn(Field) -> bool) -> bool {
        self.expr.any(&|node| matches!(node, Node::Field(field) if wanted(*field)))
    }

    /// The same condition with what it asks of the connection answered for good, so that each call asks less. It must
    /// not be asked about another connection afterwards.
    #[must_use]
    pub fn bind(self, connection: &Connection<'_>) -> Self {
        Self { text: self.text, expr: fold::connection(self.expr, *connection) }
    }

    /// The answer for one call.
    ///
    /// # Errors
    /// Something that the condition asks about is absent or of the wrong type, or the budget is spent.
    pub fn holds(&self, input: &Input<'_>) -> Result<bool, EvaluationError> {
        let run = Run { input };
        run.truth(&self.expr, &Value::Null).map_err(|failure| failure.explain(&self.text))
    }
}
