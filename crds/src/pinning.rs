//! Tool pinning: which definitions of a connection's tools somebody has looked at.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::rule;
use crate::schema::{text, with_rules};
use crate::text as format;

/// The definitions of tools that somebody has looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolPinning {
    /// What becomes of a tool that is not as it was pinned. Off: nothing. Audit: it is told in the condition ToolsPinned,
    /// the record and metrics. Enforce: it is told, and neither shown nor called.
    #[serde(default)]
    pub mode: PinningMode,
    /// For each tool, by its name, the hash of its definition, as lychgate pin prints it: SHA-256 in hexadecimal digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "pins")]
    pub pins: BTreeMap<String, String>,
}

/// What becomes of a tool that is not as it was pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum PinningMode {
    /// Nothing.
    #[default]
    Off,
    /// It is told.
    Audit,
    /// It is told, and neither shown nor called.
    Enforce,
}

fn pins(_: &mut SchemaGenerator) -> Schema {
    let schema = schemars::json_schema!({
        "type": "object",
        "maxProperties": 512,
        "additionalProperties": text(&format::DEFINITION_HASH),
    });
    with_rules(schema, &[rule::PIN_NAMES_A_TOOL])
}
