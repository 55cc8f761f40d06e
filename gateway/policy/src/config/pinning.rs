//! Which definitions of tools somebody has looked at, as the operator tells a gateway.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The definitions of a connection's tools that somebody has looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolPinning {
    /// What becomes of a tool that is not as it was pinned.
    pub mode: PinningMode,
    /// For each tool the hash of its definition (see [`crate::pinning::Definition`]).
    #[serde(default)]
    pub pins: BTreeMap<String, String>,
}

/// What becomes of a tool that is not as it was pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinningMode {
    /// It is told, and nothing else.
    Audit,
    /// It is neither shown nor called.
    Enforce,
}
