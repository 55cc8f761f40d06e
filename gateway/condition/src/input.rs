//! What a condition can ask about, borrowed from whoever asks.

use std::cell::Cell;
use std::collections::BTreeMap;

use lychgate_gateway_mcp::json::Value;

/// One call, as a condition sees it.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// `caller`.
    pub caller: Caller<'a>,
    /// `tool`: the name of the tool that is called. None where no tool is called; asking is an error then.
    pub tool: Option<&'a str>,
    /// `args`: the arguments of the call. None counts as an empty object, which is how MCP reads it.
    pub args: Option<Value<'a>>,
    /// `connection`.
    pub connection: Connection<'a>,
    /// `now`, in milliseconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// `statement`. None where there is none; asking is an error then.
    pub statement: Option<Statement<'a>>,
    /// The steps that are left. All conditions of a call share one.
    pub budget: &'a Budget,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// `caller.issuer`: who vouches for the name; empty for an anonymous caller.
    pub issuer: &'a str,
    /// `caller.username`: the name that access rules speak of.
    pub username: &'a str,
    /// `caller.subject`: the token's subject.
    pub subject: &'a str,
    /// `caller.groups`.
    pub groups: &'a [String],
    /// `caller.anonymous`: whether there was no token.
    pub anonymous: bool,
}

/// Which connection is called.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// `connection.namespace`
    pub namespace: &'a str,
    /// `connection.name`
    pub name: &'a str,
    /// `connection.labels`
    pub labels: &'a BTreeMap<String, String>,
}

/// One statement of a command.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// `statement.effects`: the names of its effects.
    pub effects: &'a [&'a str],
    /// `statement.text`: the statement as it was sent, without comments.
    pub text: &'a str,
}

/// How many steps the conditions of one call may take, all together. What takes long takes many steps.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u32>,
}

impl Budget {
    /// The steps for one call: about ten milliseconds at the worst.
    pub const STEPS: u32 = 1_000_000;

    /// A full budget.
    #[must_use]
    pub fn new() -> Self {
        Self { left: Cell::new(Self::STEPS) }
    }

    /// Takes steps away, and says whether there were that many.
    pub(crate) fn spend(&self, steps: u32) -> bool {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}
