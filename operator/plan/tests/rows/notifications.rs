//! Wrong values of the receivers of a McpGateway.

use serde_json::json;

use super::{Row, many};

pub(super) fn rows() -> Vec<Row> {
    vec![
        ("spec.notifications", json!({}), "", "is a mapping; write a list"),
        ("spec.notifications", many(5), "", "write at most 4"),
        ("spec.notifications[0].url", json!("https://relay.ops.svc"), "", "there is no such field"),
        ("spec.notifications[1].name", json!("relay"), "", "stands twice"),
        ("spec.notifications[0].name", json!("On call"), "", "lower-case letters"),
        ("spec.notifications[0].host", json!("https://relay.ops.svc"), "", "a host name in lower case"),
        ("spec.notifications[0].host", json!("relay.ops.svc:70000"), "", "between 1 and 65535"),
        ("spec.notifications[0].host", json!("169.254.169.254"), "", "which no message goes to"),
        ("spec.notifications[0].host", json!("kubernetes.default.svc"), "", "cluster's own API server"),
        (
            "spec.notifications[0].host",
            json!("relay.ops.svc"),
            "spec.notifications[0].urlSecretRef.key",
            "relay-url of Secret notifications leads to another host than relay.ops.svc",
        ),
        ("spec.notifications[0].urlSecretRef", json!("notifications"), "", "write a mapping"),
        ("spec.notifications[0].urlSecretRef.name", json!("notification"), "", "did you mean notifications?"),
        ("spec.notifications[0].urlSecretRef.key", json!("url"), "", "Secret notifications has no key url"),
        ("spec.notifications[0].urlSecretRef.key", json!("relay-key"), "", "is no URL"),
        ("spec.notifications[0].caRef", json!("internal-ca"), "", "write a mapping"),
        ("spec.notifications[0].caRef.kind", json!("Secret"), "", "write one of ConfigMap"),
        ("spec.notifications[0].caRef.name", json!("internal-cas"), "", "did you mean internal-ca?"),
        ("spec.notifications[0].caRef.key", json!("ca.pem"), "", "ConfigMap internal-ca has no key ca.pem"),
        ("spec.notifications[0].template", json!("json"), "", "did you mean Json?"),
        (
            "spec.notifications[1].template",
            json!("Json"),
            "spec.notifications[1].signingSecretRef",
            "name the Secret with the key",
        ),
        ("spec.notifications[0].signingSecretRef", json!([]), "", "write a mapping"),
        ("spec.notifications[0].signingSecretRef.name", json!("Keys"), "", "lower-case letters"),
        ("spec.notifications[0].signingSecretRef.key", json!("slack-url"), "", "write whsec_ and 24 to 64"),
        ("spec.notifications[0].events", json!([]), "", "write at least 1"),
        ("spec.notifications[0].events", json!(["Used"]), "spec.notifications[0].events[0]", "one of Asked"),
        (
            "spec.notifications[0].events",
            json!(["Asked", "Asked"]),
            "spec.notifications[0].events[1]",
            "stands twice",
        ),
        ("spec.notifications[0].arguments", json!(true), "", "is a boolean"),
    ]
}
