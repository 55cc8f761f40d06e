//! The call of a tool, as command rules look at it.

use lychgate_gateway_mcp::json::Value;

use crate::mask;
use crate::when::Asked;

/// The call of a tool.
pub(crate) struct Subject<'a> {
    /// The tool.
    pub(crate) tool: &'a str,
    /// What conditions are asked, with the arguments as they will be sent.
    pub(crate) asked: Asked<'a>,
    /// The arguments as they came, before the gateway has masked anything in them.
    pub(crate) received: Option<Value<'a>>,
    /// The masks that the gateway writes.
    pub(crate) masking: &'a mask::Program,
}

impl Subject<'_> {
    /// The same, with a budget of its own.
    pub(super) fn again(&self) -> Self {
        Self { tool: self.tool, asked: self.asked.again(), received: self.received, masking: self.masking }
    }
}
