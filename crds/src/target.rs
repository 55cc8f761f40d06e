//! How policies say what they hold for: by reference (Gateway API GEP-713), or by labels.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::gateway::object_name;
use crate::rule::{self, validations};
use crate::schema::{set, text};
use crate::text as format;

/// Objects by their labels: all of matchLabels and all of matchExpressions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selector {
    /// Labels with the value that each must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "match_labels")]
    pub match_labels: BTreeMap<String, String>,
    /// Requirements on single labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Vec<Requirement>,
}

/// What is required of one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::VALUES_WITH_IN])))]
pub struct Requirement {
    /// The label's key.
    #[schemars(schema_with = "label_key")]
    pub key: String,
    /// What is required. In and NotIn: that the value is, or is not, one of values (a label that is not there
    /// is not in). Exists and DoesNotExist: that the label is there, or is not.
    pub operator: Operator,
    /// Values, with In and NotIn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "label_values")]
    pub values: Vec<String>,
}

/// What may be required of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Operator {
    /// The value is one of those listed.
    In,
    /// The value is none of those listed.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// What a rule holds for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetReference {
    /// The kind of the object.
    pub kind: TargetKind,
    /// The object's name, in the same namespace.
    #[schemars(schema_with = "object_name")]
    pub name: String,
}

/// The kinds that rules can hold for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TargetKind {
    /// One connection.
    McpConnection,
    /// Every connection of a gateway.
    McpGateway,
}

fn match_labels(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": text(&format::LABEL_VALUE),
    })
}

fn label_key(_: &mut SchemaGenerator) -> Schema {
    text(&format::LABEL_KEY)
}

fn label_values(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::LABEL_VALUE))
}
