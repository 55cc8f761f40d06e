//! What the record says of commands in the arguments of a call.

use serde::{Deserialize, Serialize};

use crate::entry::Outcome;

/// What commands in the arguments of a call do. The texts stand in the message, masked, and not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commands {
    /// What becomes of the call, as far as its commands go.
    pub outcome: Outcome,
    /// How many statements there are.
    pub statements: u64,
    /// What they do, each once.
    pub effects: Vec<String>,
    /// What was found, the strictest first.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

/// One thing about a command, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Where in the arguments, such as `$.sql`.
    pub place: String,
    /// The line of the text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The character in the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The effect, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// What was found, in words.
    pub why: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why it is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The rule that says so; none where no rule is about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
