//! A call to ask conditions about.

#[allow(dead_code, reason = "each test uses what it needs")]
pub(crate) mod worst;

use std::collections::BTreeMap;

use lychgate_gateway_condition::{Budget, Caller, Condition, Connection, Input, Scope, Statement, compile};
use lychgate_gateway_mcp::json::{Document, Limits};

/// 2026-11-25T16:00:00.500Z, a Wednesday.
pub(crate) const NOW: i64 = 1_795_622_400_500;

/// The condition, which must be right.
pub(crate) fn condition(text: &str) -> Condition {
    compile(text, Scope::Command).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

/// What is wrong with the condition, each as users see it.
#[allow(dead_code, reason = "each test uses what it needs")]
pub(crate) fn faults(text: &str, scope: Scope) -> Vec<String> {
    let faults = compile(text, scope).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// The answer for alice's call with these arguments.
#[allow(dead_code, reason = "each test uses what it needs")]
pub(crate) fn ask(text: &str, args: &str) -> Result<bool, String> {
    ask_condition(&condition(text), args).map_err(|error| error.to_string())
}

/// The answer of a condition for alice's call with these arguments, as it is and bound to its connection.
#[allow(dead_code, reason = "each test uses what it needs")]
pub(crate) fn ask_condition(
    condition: &Condition,
    args: &str,
) -> Result<bool, lychgate_gateway_condition::EvaluationError> {
    with_input(args, |input| {
        let answer = condition.holds(input);
        let budget = Budget::new();
        let bound = condition.clone().bind(&input.connection);
        let bound = bound.holds(&Input { budget: &budget, ..*input });
        assert_eq!(answer, bound, "bound to its connection, a condition has the same answer");
        answer
    })
}

/// Alice's call with these arguments.
pub(crate) fn with_input<T>(args: &str, ask: impl FnOnce(&Input<'_>) -> T) -> T {
    let bytes = args.as_bytes().to_vec().into();
    let document = Document::parse(bytes, Limits::with_bytes(1 << 24)).unwrap();
    let groups = ["dba".to_owned(), "analysts".to_owned()];
    let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("tier".to_owned(), "1".to_owned())]);
    ask(&Input {
        caller: Caller {
            issuer: "https://login.example.com",
            username: "alice",
            subject: "0001",
            groups: &groups,
            anonymous: false,
        },
        tool: Some("execute_sql"),
        args: Some(document.root()),
        connection: Connection { namespace: "data", name: "billing-db", labels: &labels },
        now: NOW,
        statement: Some(Statement { effects: &["Read", "Write"], text: "DELETE FROM t" }),
        budget: &Budget::new(),
    })
}
