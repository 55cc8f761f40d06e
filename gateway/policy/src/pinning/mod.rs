//! Tool pinning: a tool is what somebody has looked at, or it is told and, where that is enforced, not used.
//!
//! A server may change what it says of a tool at any time, and a model reads it as an instruction. A pin is the hash of
//! a [`Definition`]; [`Pinning`] holds a tool to its pin. [`hidden`] finds characters that people who look do not see,
//! and [`survey()`] gathers both from a message of a server. Nothing that a server says of a tool, its annotations
//! least of all, ever loosens a decision: `decide` does not read it.

mod definition;
mod finding;
pub mod hidden;
mod survey;

use std::collections::BTreeMap;

use lychgate_gateway_mcp::json::Value;

pub use definition::{Definition, MAXIMUM_PLACES, is_hash};
pub use finding::{Finding, HIDDEN_CHARACTERS};
pub use hidden::Hidden;
pub use survey::{Flagged, MAXIMUM_FLAGGED, MAXIMUM_TOOLS, Survey, survey};

use crate::compile::Problem;
use crate::config::{GatewayConfig, PinningMode};
use crate::denial::DenialReason;

/// The most pins of one connection.
pub const MAXIMUM_PINS: usize = 512;
/// The longest name of a tool that can be pinned, in characters (MCP 2025-11-25, Tools, Tool Names).
pub const MAXIMUM_NAME_LENGTH: usize = 128;

/// What a model is told that calls a tool which has changed.
pub const CHANGED: &str = "Not sent: the server says something else of this tool now than when people looked at it. Do not \
                           use it, and tell the person you work for: whoever operates this connection has to look at it again";

/// How a connection's tools are held to their pins.
#[derive(Debug, Default)]
pub struct Pinning {
    /// None where tools are not pinned.
    mode: Option<PinningMode>,
    pins: BTreeMap<String, String>,
}

/// How a tool stands to its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The server says of it what was pinned.
    AsPinned,
    /// The server says something else than what was pinned.
    Changed,
    /// It has no pin.
    NotPinned,
    /// It has a pin, and the server does not list it.
    NotListed,
}

impl Standing {
    /// The stable name, as records, metrics and `/config` show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsPinned => "AsPinned",
            Self::Changed => "Changed",
            Self::NotPinned => "NotPinned",
            Self::NotListed => "NotListed",
        }
    }

    /// Why a call is denied where pins are enforced; nothing where the tool is as it was pinned.
    #[must_use]
    pub fn denial(self) -> Option<DenialReason> {
        match self {
            Self::AsPinned => None,
            Self::Changed => Some(DenialReason::ToolChanged),
            Self::NotPinned => Some(DenialReason::ToolNotPinned),
            Self::NotListed => Some(DenialReason::ToolNotListed),
        }
    }
}

impl Pinning {
    /// Whether anybody has to know how tools stand to their pins.
    #[must_use]
    pub fn watches(&self) -> bool {
        self.mode.is_some()
    }

    /// Whether a tool that is not as it was pinned is neither shown nor called.
    #[must_use]
    pub fn enforces(&self) -> bool {
        match self.mode {
            Some(PinningMode::Enforce) => true,
            Some(PinningMode::Audit) | None => false,
        }
    }

    /// The mode as people write it.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        match self.mode {
            None => "Off",
            Some(PinningMode::Audit) => "Audit",
            Some(PinningMode::Enforce) => "Enforce",
        }
    }

    /// The pin of a tool.
    #[must_use]
    pub fn pin(&self, tool: &str) -> Option<&str> {
        self.pins.get(tool).map(String::as_str)
    }

    /// The tools that have a pin.
    pub fn pinned(&self) -> impl Iterator<Item = &str> {
        self.pins.keys().map(String::as_str)
    }

    /// How a tool stands to its pin. `hash` is that of its definition; none if the server does not list it.
    #[must_use]
    pub fn judge(&self, tool: &str, hash: Option<&str>) -> Standing {
        match (self.pin(tool), hash) {
            (None, _) => Standing::NotPinned,
            (Some(_), None) => Standing::NotListed,
            (Some(pin), Some(hash)) if pin == hash => Standing::AsPinned,
            (Some(_), Some(_)) => Standing::Changed,
        }
    }

    /// Why no definition of the tool could be called, whatever the server says.
    pub(crate) fn refuses(&self, tool: &str) -> Option<DenialReason> {
        let refused = self.enforces() && self.pin(tool).is_none();
        refused.then_some(DenialReason::ToolNotPinned)
    }

    /// Whether an item of a list of tools is shown.
    pub(crate) fn shows(&self, item: Value<'_>) -> bool {
        !self.enforces()
            || Definition::of(item).is_some_and(|definition| {
                self.judge(&definition.name, Some(&definition.hash)) == Standing::AsPinned
            })
    }
}

pub(crate) fn compile(config: &GatewayConfig, problems: &mut Vec<Problem>) -> Pinning {
    let Some(pinning) = &config.tool_pinning else { return Pinning::default() };
    if pinning.pins.len() > MAXIMUM_PINS {
        problems.push(Problem::new(
            "toolPinning.pins",
            format!("holds more than {MAXIMUM_PINS}; pin fewer tools"),
        ));
    }
    for (name, hash) in &pinning.pins {
        if name.is_empty() || name.chars().count() > MAXIMUM_NAME_LENGTH {
            let message =
                format!("names a tool by a name that is empty or longer than {MAXIMUM_NAME_LENGTH}");
            problems.push(Problem::new("toolPinning.pins", message));
        }
        if !is_hash(hash) {
            let message = "write 64 hexadecimal digits in lower case, as lychgate pin prints them";
            problems.push(Problem::new(format!("toolPinning.pins[{name:?}]"), message));
        }
    }
    Pinning { mode: Some(pinning.mode), pins: pinning.pins.clone() }
}

#[cfg(test)]
mod tests;
