//! Conditions in their places: what is wrong with one, and what one is asked about a call.
//!
//! What a condition is, and what it answers, is `lychgate-gateway-condition`'s business.

use std::collections::BTreeMap;

use lychgate_gateway_condition::{self as condition, Budget, Condition, Input, Scope, Statement};
use lychgate_gateway_mcp::json::Value;
use lychgate_gateway_mcp::message::Message;

use crate::call::Operation;
use crate::compile::Problem;
use crate::config::GatewayConfig;
use crate::decide::Caller;

/// The longest condition, in characters.
const MAXIMUM_CHARACTERS: usize = 2048;

/// Everything that is wrong with a condition at `path`, if there is one.
pub(crate) fn check(text: Option<&str>, scope: Scope, path: &str, problems: &mut Vec<Problem>) {
    let Some(text) = text else { return };
    if text.chars().count() > MAXIMUM_CHARACTERS {
        let message = format!("is longer than {MAXIMUM_CHARACTERS} characters; write several rules");
        problems.push(Problem::new(path, message));
        return;
    }
    if let Err(faults) = condition::compile(text, scope) {
        problems.extend(faults.iter().map(|fault| Problem::new(path, fault.to_string())));
    }
}

/// The same for a condition that is asked where there are no arguments.
pub(crate) fn check_without_arguments(text: Option<&str>, path: &str, problems: &mut Vec<Problem>) {
    let before = problems.len();
    check(text, Scope::Access, path, problems);
    let Some(text) = text.filter(|_| problems.len() == before) else { return };
    if condition::compile(text, Scope::Access).is_ok_and(|condition| condition.needs_arguments()) {
        problems.push(Problem::new(
            path,
            "asks about args, which an answer does not have; ask about caller, tool, connection or now",
        ));
    }
}

/// A condition that [`check`] has found right, with what it asks of the connection answered for good. One that is
/// wrong never holds.
pub(crate) fn compile(text: Option<&str>, scope: Scope, config: &GatewayConfig) -> When {
    let compile = |text| condition::compile(text, scope).map(|found| found.bind(&connection(config)));
    match text.map(compile) {
        None => When::Always,
        Some(Ok(condition)) => When::If(Box::new(condition)),
        Some(Err(_)) => When::Never,
    }
}

/// When something counts.
#[derive(Clone, Debug)]
pub(crate) enum When {
    /// Without a condition.
    Always,
    /// Where this holds.
    If(Box<Condition>),
    /// Where nobody can say when.
    Never,
}

impl When {
    /// Whether it holds for a call.
    ///
    /// # Errors
    /// Why there is no answer, in words that the caller may read.
    pub(crate) fn holds(&self, asked: &Asked<'_>, statement: Option<Statement<'_>>) -> Result<bool, String> {
        match self {
            Self::Always => Ok(true),
            Self::If(condition) => {
                condition.holds(&asked.input(statement)).map_err(|error| error.to_string())
            }
            Self::Never => Err("the condition cannot be read".to_owned()),
        }
    }

    /// Whether it holds where nothing but the caller, the tool and the time are known, as for an answer.
    ///
    /// # Errors
    /// As [`When::holds`].
    pub(crate) fn holds_without_arguments(
        &self,
        caller: &Caller,
        tool: Option<&str>,
        now: u64,
    ) -> Result<bool, String> {
        match self {
            Self::Always => Ok(true),
            Self::Never => Err("the condition cannot be read".to_owned()),
            Self::If(condition) => {
                let (labels, budget) = (BTreeMap::new(), Budget::new());
                // What it asks of the connection was answered when it was compiled.
                let connection = condition::Connection { namespace: "", name: "", labels: &labels };
                let input = input(caller, tool, None, connection, now, None, &budget);
                condition.holds(&input).map_err(|error| error.to_string())
            }
        }
    }

    /// Whether it may hold for one tool and not for another, or at one time and not at another: then it says less about
    /// a list than its pattern does.
    pub(crate) fn narrows(&self) -> bool {
        match self {
            Self::Always => false,
            Self::Never => true,
            Self::If(condition) => !condition.needs_arguments(),
        }
    }

    /// Whether it asks about arguments.
    pub(crate) fn needs_arguments(&self) -> bool {
        match self {
            Self::Always | Self::Never => false,
            Self::If(condition) => condition.needs_arguments(),
        }
    }
}

/// What conditions are asked about one call. They share one budget.
pub(crate) struct Asked<'a> {
    config: &'a GatewayConfig,
    caller: &'a Caller,
    tool: Option<&'a str>,
    /// The arguments as the server will get them.
    pub(crate) arguments: Option<Value<'a>>,
    now: u64,
    budget: Budget,
}

impl<'a> Asked<'a> {
    /// About an operation, and the message that asks for it where there is one.
    pub(crate) fn new(
        config: &'a GatewayConfig,
        caller: &'a Caller,
        operation: &'a Operation,
        message: Option<&'a Message>,
        now: u64,
    ) -> Self {
        let arguments = message.and_then(Message::params).and_then(|params| params.get("arguments"));
        Self { config, caller, tool: operation.tool_behind(), arguments, now, budget: Budget::new() }
    }

    /// The same, with a budget of its own.
    pub(crate) fn again(&self) -> Self {
        Self { budget: Budget::new(), ..*self }
    }

    fn input<'b>(&'b self, statement: Option<Statement<'b>>) -> Input<'b> {
        let connection = connection(self.config);
        input(self.caller, self.tool, self.arguments, connection, self.now, statement, &self.budget)
    }
}

fn input<'a>(
    caller: &'a Caller,
    tool: Option<&'a str>,
    args: Option<Value<'a>>,
    connection: condition::Connection<'a>,
    now: u64,
    statement: Option<Statement<'a>>,
    budget: &'a Budget,
) -> Input<'a> {
    let Caller { issuer, subject, username, groups, kubernetes_usernames: _, anonymous } = caller;
    Input {
        caller: condition::Caller { issuer, username, subject, groups, anonymous: *anonymous },
        tool,
        args,
        connection,
        now: i64::try_from(now).unwrap_or(i64::MAX),
        statement,
        budget,
    }
}

fn connection(config: &GatewayConfig) -> condition::Connection<'_> {
    condition::Connection {
        namespace: &config.connection.namespace,
        name: &config.connection.name,
        labels: &config.connection_labels,
    }
}
