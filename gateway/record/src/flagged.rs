//! What the record says of what a server says of itself: tools that are not as they were pinned, and characters that
//! people do not see.

use serde::{Deserialize, Serialize};

/// What was noticed about definitions, in an answer or before a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flagged {
    /// The call on which it was noticed.
    pub call: String,
    /// What was noticed.
    pub flags: Vec<Flag>,
    /// How many are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

/// One thing that was noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flag {
    /// What it is about, such as `tool query` or `instructions`.
    pub subject: String,
    /// The name of the reason, as the documentation lists it.
    pub reason: String,
    /// Whether it was refused or not shown for it.
    pub enforced: bool,
    /// The hash of the tool's definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// The hash that it was pinned with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// Where hidden characters stand, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
