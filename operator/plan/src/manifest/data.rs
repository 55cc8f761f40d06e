//! What Secrets and ConfigMaps of the manifests hold.
//!
//! No message in here shows a value.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lychgate_crds::Reason;

use super::node::{Node, child};
use super::object::check_fields;
use crate::problem::Finding;
use crate::secret::SecretValue;

const COMMON_FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "data", "immutable"];

/// The data of a Secret: `data` in base64, over it `stringData` as it stands.
pub(super) fn read_secret(node: &Node, findings: &mut Vec<Finding>) -> BTreeMap<String, SecretValue> {
    check_fields("", node, &[&COMMON_FIELDS[..], &["stringData", "type"]].concat(), findings);
    let mut data = BTreeMap::new();
    for (key, text) in texts(node, "data", findings) {
        // Long values are broken over lines, which the API server takes as well.
        let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        match STANDARD.decode(compact) {
            Ok(bytes) => {
                data.insert(key.to_owned(), SecretValue::new(bytes));
            }
            Err(_) => {
                let message = "not base64; encode the value, or write it as it is under stringData";
                findings.push(Finding::new(child("data", key), Reason::InvalidValue, message));
            }
        }
    }
    for (key, text) in texts(node, "stringData", findings) {
        data.insert(key.to_owned(), SecretValue::new(text.as_bytes().to_vec()));
    }
    data
}

/// The data of a ConfigMap.
pub(super) fn read_config_map(node: &Node, findings: &mut Vec<Finding>) -> BTreeMap<String, String> {
    check_fields("", node, &[&COMMON_FIELDS[..], &["binaryData"]].concat(), findings);
    texts(node, "data", findings).into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
}

/// The members of a mapping that are texts; what is none is noted.
fn texts<'a>(node: &'a Node, name: &str, findings: &mut Vec<Finding>) -> Vec<(&'a str, &'a str)> {
    let Some(mapping) = node.get(name) else { return Vec::new() };
    let Some(members) = mapping.members() else {
        findings.push(Finding::new(
            name,
            Reason::InvalidValue,
            format!("is {}; write a mapping", mapping.kind()),
        ));
        return Vec::new();
    };
    let mut texts = Vec::new();
    for member in members {
        match member.value.text() {
            Some(text) => texts.push((member.key.as_str(), text)),
            None => {
                let message = format!("is {}; write a text, in quotes", member.value.kind());
                findings.push(Finding::new(child(name, &member.key), Reason::InvalidValue, message));
            }
        }
    }
    texts
}
