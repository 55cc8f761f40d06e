//! Conditions: every text is compiled or all that is wrong has its place; an answer is the same however the condition is
//! put; and what the connection says can be answered beforehand.

use std::collections::BTreeMap;

use bytes::Bytes;
use lychgate_gateway_condition::{Budget, Caller, Condition, Connection, Input, Scope, Statement, compile};
use lychgate_gateway_mcp::json::{Document, Value};

use crate::readers::{LIMITS, two_parts};

/// As much as rules may have, in bytes.
const TEXT_BYTES: usize = 2048;

/// A condition on one line, and arguments.
pub(crate) fn run(data: &[u8]) {
    let (text, arguments) = two_parts(data);
    let Ok(text) = std::str::from_utf8(text) else { return };
    if text.len() > TEXT_BYTES {
        return;
    }
    let condition = match compile(text, Scope::Command) {
        Ok(condition) => condition,
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.at <= text.len() && fault.line == 1 && fault.column >= 1, "{fault:?}");
            }
            return;
        }
    };
    let arguments = Document::parse(Bytes::copy_from_slice(arguments), LIMITS).ok();
    let arguments = arguments.as_ref().map(Document::root);
    let answer = ask(&condition, arguments);
    assert_eq!(ask(&condition, arguments), answer, "asked again, it answers the same");
    if condition.needs_arguments() {
        // Without arguments there is nothing to compare with.
    } else {
        assert_eq!(ask(&condition, None), answer, "what does not ask for arguments has no need of them");
    }
    let bound = with_input(None, |input| condition.clone().bind(&input.connection));
    assert_eq!(ask(&bound, arguments), answer, "bound to its connection, it answers the same");
    // Longer forms of the same take a few steps more, and may be over another bound.
    for (form, expected) in [
        (format!("({text})"), answer),
        (format!("!({text})"), answer.map(|answer| !answer)),
        (format!("true && ({text})"), answer),
        (format!("({text}) || false"), answer),
        (format!("({text}) ? true : false"), answer),
    ] {
        let Ok(other) = compile(&form, Scope::Command) else { continue };
        let found = ask(&other, arguments);
        assert!(found == expected || is_spent(&other, arguments), "{form}");
    }
}

/// The answer, if there is one.
fn ask(condition: &Condition, arguments: Option<Value<'_>>) -> Option<bool> {
    with_input(arguments, |input| condition.holds(input)).ok()
}

/// Whether there is no answer because it takes too long.
fn is_spent(condition: &Condition, arguments: Option<Value<'_>>) -> bool {
    with_input(arguments, |input| condition.holds(input))
        .is_err_and(|error| error.to_string().contains("the conditions of this call take more than"))
}

fn with_input<T>(args: Option<Value<'_>>, ask: impl FnOnce(&Input<'_>) -> T) -> T {
    let groups = ["dba".to_owned(), "analysts".to_owned()];
    let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    ask(&Input {
        caller: Caller {
            issuer: "https://idp.example.com",
            username: "alice",
            subject: "0001",
            groups: &groups,
            anonymous: false,
        },
        tool: Some("query"),
        args,
        connection: Connection { namespace: "agents", name: "db", labels: &labels },
        now: 1_796_040_000_000,
        statement: Some(Statement { effects: &["Read", "Write"], text: "DELETE FROM t" }),
        budget: &Budget::new(),
    })
}
