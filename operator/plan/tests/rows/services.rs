//! Wrong values of a Service that is named as the server.

use serde_json::{Value, json};

use super::{CombinedRow, Row, long};

/// Each beside the URL that is there, so that both are written.
pub(super) fn rows() -> Vec<Row> {
    vec![
        ("spec.upstream.serviceRef", json!("dbhub"), "", "write a mapping"),
        ("spec.upstream.serviceRef", json!({}), "spec.upstream.serviceRef.name", "missing; write it"),
        (
            "spec.upstream.serviceRef",
            json!({"name": "a", "port": 1}),
            "spec.upstream",
            "exactly one of url and",
        ),
        ("spec.upstream.serviceRef.name", json!("dbhub.data"), "", "a short name"),
        (
            "spec.upstream.serviceRef.namespace",
            json!("data"),
            "",
            "there is no such field; write one of name",
        ),
        ("spec.upstream.serviceRef.port", json!("http"), "", "is a text; write a whole number"),
        ("spec.upstream.serviceRef.port", json!(0), "", "between 1 and 65535"),
        ("spec.upstream.serviceRef.port", json!(65536), "", "between 1 and 65535"),
        ("spec.upstream.serviceRef.scheme", json!("http"), "", "write one of HTTPS, HTTP"),
        ("spec.upstream.serviceRef.networkPolicy", json!("gatewayOnly"), "", "did you mean GatewayOnly?"),
        ("spec.upstream.serviceRef.networkPolicy", json!(true), "", "is a boolean"),
        ("spec.upstream.serviceRef.path", json!("mcp"), "", "beginning with '/'"),
        ("spec.upstream.serviceRef.path", json!("/mcp?key=1"), "", "without a query"),
        ("spec.upstream.serviceRef.path", json!("/mcp#top"), "", "without a query"),
        ("spec.upstream.serviceRef.path", json!("//@evil.example\n"), "", "beginning with '/'"),
        ("spec.upstream.serviceRef.path", long(1025), "", "write at most 1024"),
    ]
}

/// In place of the URL.
pub(super) fn combined_rows() -> Vec<CombinedRow> {
    let service = |more: Value| {
        let mut service = json!({"name": "dbhub", "port": 8443});
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vec![("spec.upstream.url", None), ("spec.upstream.serviceRef", Some(service))]
    };
    let with = |more: Value, field: &'static str, value: Option<Value>| {
        let mut changes = service(more);
        changes.push((field, value));
        changes
    };
    let plain = || json!({"scheme": "HTTP"});
    vec![
        ("McpConnection", service(plain()), "spec.upstream.tls", "in plain http"),
        (
            "McpConnection",
            with(json!({}), "spec.upstream.tls", None),
            "spec.upstream.tls",
            "no public authority certifies names in a cluster",
        ),
        (
            "McpConnection",
            {
                let mut changes = with(plain(), "spec.upstream.tls", None);
                changes.push(("spec.upstream.insecurePlaintext", None));
                changes
            },
            "spec.upstream.serviceRef.scheme",
            "would travel over plain http; write HTTPS, or insecurePlaintext: true",
        ),
    ]
}
