//! Whether an object is still as it was applied, told from its metadata alone.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::json;

use crate::apply::hash;

/// A kind whose generations nobody counts although it has a status, which its controller writes every few seconds.
const WITHOUT_GENERATION: &str = "HorizontalPodAutoscaler";

/// Changes when somebody changes what the operator has said of an object of this kind. Where the API server counts
/// generations, a change of status is none. Where it does not, every change is one, or, if the status is written all the
/// time, every one of which the API server notes that it was of something else: who wrote which fields, and when.
#[must_use]
pub fn fingerprint(kind: &str, metadata: &ObjectMeta) -> String {
    // The Deployment controller counts its own revisions there.
    let annotations: BTreeMap<&String, &String> = metadata
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| !key.starts_with("deployment.kubernetes.io/"))
        .collect();
    let version = match metadata.generation {
        Some(generation) if generation > 0 => generation.to_string(),
        Some(_) | None if kind == WITHOUT_GENERATION => writes(metadata),
        Some(_) | None => metadata.resource_version.clone().unwrap_or_default(),
    };
    let facts = json!([
        metadata.uid,
        metadata.labels,
        annotations,
        metadata.owner_references,
        metadata.deletion_timestamp.is_some(),
        version
    ]);
    hash(facts.to_string().as_bytes())
}

/// What was written of an object beside its status.
fn writes(metadata: &ObjectMeta) -> String {
    let is_of_status = |entry: &&ManagedFieldsEntry| entry.subresource.as_deref() == Some("status");
    let others: Vec<_> =
        metadata.managed_fields.iter().flatten().filter(|entry| !is_of_status(entry)).collect();
    json!(others).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::{Value, json};

    use super::fingerprint;

    fn of(kind: &str, version: &str, generation: Option<i64>, entries: &Value) -> String {
        let metadata = json!({
            "uid": "u",
            "resourceVersion": version,
            "generation": generation,
            "managedFields": entries,
        });
        let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
        fingerprint(kind, &metadata)
    }

    fn entry(manager: &str, subresource: Option<&str>, second: u32, field: &str) -> Value {
        json!({
            "manager": manager,
            "operation": "Update",
            "subresource": subresource,
            "time": format!("2026-11-30T12:00:{second:02}Z"),
            "fieldsV1": {"f:spec": {field: {}}},
        })
    }

    #[test]
    fn a_status_is_no_change_where_it_can_be_told_from_one() {
        let own = entry("lychgate-operator", None, 1, "f:maxReplicas");
        let none = json!([own]);
        for (kind, generation, is_same) in [
            ("ConfigMap", None, false),
            ("Deployment", Some(3), true),
            ("HorizontalPodAutoscaler", None, true),
        ] {
            let status = json!([own, entry("kube-controller-manager", Some("status"), 2, "f:status")]);
            let (before, after) = (of(kind, "7", generation, &none), of(kind, "8", generation, &status));
            assert_eq!(before == after, is_same, "{kind}");
        }
    }

    #[test]
    fn whoever_writes_more_of_an_autoscaler_than_its_status_is_seen() {
        let kind = "HorizontalPodAutoscaler";
        let own = entry("lychgate-operator", None, 1, "f:maxReplicas");
        let before = of(kind, "7", None, &json!([own]));
        for entries in [
            json!([own, entry("somebody", None, 2, "f:behavior")]),
            json!([own, entry("somebody", Some("scale"), 2, "f:replicas")]),
            json!([entry("lychgate-operator", None, 2, "f:maxReplicas")]),
            json!([entry("lychgate-operator", None, 1, "f:minReplicas")]),
            json!([]),
        ] {
            assert_ne!(of(kind, "8", None, &entries), before, "{entries}");
        }
    }
}
