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

mod fault;
mod input;

pub use fault::{EvaluationError, Fault};
pub use input::{Budget, Caller, Connection, Input, Statement};

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
    always: bool,
}

/// Reads and checks a condition.
///
/// # Errors
/// Everything that is wrong with `text`, in the order of the text; never nothing.
pub fn compile(text: &str, scope: Scope) -> Result<Condition, Vec<Fault>> {
    match (text, scope) {
        ("true", Scope::Access | Scope::Command) => Ok(Condition { always: true }),
        ("false", Scope::Access | Scope::Command) => Ok(Condition { always: false }),
        (_, Scope::Access | Scope::Command) => {
            Err(vec![Fault::new(text, 0, "only `true` and `false` are known so far".to_owned())])
        }
    }
}

impl Condition {
    /// Whether it asks about `args`.
    #[must_use]
    pub fn needs_arguments(&self) -> bool {
        false
    }

    /// Whether it asks about `statement`.
    #[must_use]
    pub fn needs_statement(&self) -> bool {
        false
    }

    /// Whether it asks about `connection`.
    #[must_use]
    pub fn needs_connection(&self) -> bool {
        false
    }

    /// The same condition with what it asks of the connection answered for good, so that each call asks less.
    #[must_use]
    pub fn bind(self, connection: &Connection<'_>) -> Self {
        let Connection { namespace: _, name: _, labels: _ } = connection;
        self
    }

    /// The answer for one call.
    ///
    /// # Errors
    /// Something that the condition asks about is absent or of the wrong type, or the budget is spent.
    pub fn holds(&self, input: &Input<'_>) -> Result<bool, EvaluationError> {
        input.budget.spend(1).then_some(self.always).ok_or_else(EvaluationError::over_budget)
    }
}
