//! Values masked by their place, and what stays although a rule would mask it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Action;
use crate::rule::{self, validations};
use crate::schema::{set, text, with_rules};
use crate::text as format;

/// Values masked by their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::FIELD_PATH_KEYS_OR_COLUMNS])))]
pub struct Field {
    /// A path such as `$.rows[*].salary` from the root of structured content, of JSON in a text, or of the
    /// arguments: all of RFC 9535, filters (`$.rows[?@.type == 'x'].value`) among it. Write one of jsonPath, keys and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_path")]
    pub json_path: Option<String>,
    /// Patterns over the names of members at any depth, compared without case. An asterisk stands for any
    /// run of characters. Write one of jsonPath, keys and columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub keys: Vec<String>,
    /// Patterns over the names of columns, compared without case, in tables that stand in a text: CSV, the same with
    /// tabs, semicolons or bars, Markdown, and what psql and MySQL print. Write one of jsonPath, keys and columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub columns: Vec<String>,
    /// What becomes of the value.
    pub action: Action,
}

/// What stays although a rule would mask it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exclude {
    /// Paths as in `fields[].jsonPath`. What stands there, and below, stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "json_paths")]
    pub fields: Vec<String>,
    /// Values that stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<ExcludedValues>,
    /// Callers who see everything. The record stays masked all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<ExcludedCallers>,
}

/// Values that stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedValues {
    /// Whole values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "values")]
    pub exact: Vec<String>,
    /// Regular expressions that match a whole value (RE2 syntax).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "regexes")]
    pub regex: Vec<String>,
}

/// Callers for whom a rule does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedCallers {
    /// Groups of which the caller must have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "groups")]
    pub groups: Vec<String>,
}

fn globs(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::GLOB))
}

fn json_path(_: &mut SchemaGenerator) -> Schema {
    text(&format::JSON_PATH)
}

fn json_paths(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::JSON_PATH))
}

fn values(_: &mut SchemaGenerator) -> Schema {
    set(256, &text(&format::VALUE))
}

fn regexes(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::REGEX))
}

fn groups(_: &mut SchemaGenerator) -> Schema {
    set(64, &with_rules(text(&format::NAME_OF_CALLER), &[rule::GROUP_IS_NO_PATTERN]))
}
