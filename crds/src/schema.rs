//! From Rust types to CustomResourceDefinitions that an API server takes.
//!
//! The derive macros do most of it. What is here: the schemas of text fields and lists by their
//! [`Format`], and the last touches that the macros leave out ([`tidy`]).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;
use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::approval::transitions;
use crate::text::Format;
use crate::{Approval, ApprovalPolicy, CommandRule, MaskingRule, McpConnection, McpGateway};

/// One kind as the API server is told of it.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The kind, such as `McpConnection`.
    pub kind: &'static str,
    /// The CustomResourceDefinition, as JSON.
    pub manifest: Value,
    /// The schema of a whole object.
    pub schema: JSONSchemaProps,
}

/// Every kind, in the order in which people meet them.
///
/// # Errors
/// Only if a derived definition were not what the API server calls one; a test holds that none is.
pub fn definitions() -> Result<Vec<Definition>, serde_json::Error> {
    [
        ("McpGateway", McpGateway::crd()),
        ("McpConnection", McpConnection::crd()),
        ("MaskingRule", MaskingRule::crd()),
        ("CommandRule", CommandRule::crd()),
        ("ApprovalPolicy", ApprovalPolicy::crd()),
        ("Approval", Approval::crd()),
    ]
    .into_iter()
    .map(|(kind, derived)| define(kind, &derived))
    .collect()
}

fn define(kind: &'static str, derived: &CustomResourceDefinition) -> Result<Definition, serde_json::Error> {
    let mut manifest = serde_json::to_value(derived)?;
    let schema_path = "/spec/versions/0/schema/openAPIV3Schema";
    if let Some(schema) = manifest.pointer_mut(schema_path) {
        tidy(schema);
        if kind == "Approval" {
            transitions::add(schema);
        }
    }
    let schema = manifest.pointer(schema_path).cloned().unwrap_or(Value::Null);
    Ok(Definition { kind, manifest, schema: serde_json::from_value(schema)? })
}

/// Takes out what a structural schema may not have or should not say: `nullable` (an absent field is the
/// only way to say nothing), `title`, and `additionalProperties: false` (the API server prunes what it does
/// not know); and joins the lines of descriptions, which break where the source breaks.
fn tidy(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    members.remove("nullable");
    members.remove("title");
    if let Some(Value::String(description)) = members.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if members.get("additionalProperties") == Some(&Value::Bool(false)) {
        members.remove("additionalProperties");
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(nested) = members.get_mut(nested) {
            tidy(nested);
        }
    }
}

/// The schema of one text.
pub(crate) fn text(format: &Format) -> Schema {
    let mut members = Map::new();
    members.insert("type".to_owned(), json!("string"));
    members.insert("minLength".to_owned(), json!(format.minimum_length));
    members.insert("maxLength".to_owned(), json!(format.maximum_length));
    if let Some(pattern) = format.pattern {
        members.insert("pattern".to_owned(), json!(pattern));
    }
    members.into()
}

/// The schema of a list of texts of which none stands twice.
pub(crate) fn set(maximum: u32, item: &Schema) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": maximum,
        "items": item,
        "x-kubernetes-list-type": "set",
    })
}

/// Adds rules to a schema.
pub(crate) fn with_rules(mut schema: Schema, rules: &[crate::rule::Rule]) -> Schema {
    schema.insert("x-kubernetes-validations".to_owned(), crate::rule::validations(rules));
    schema
}
