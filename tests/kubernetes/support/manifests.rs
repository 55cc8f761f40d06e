//! Manifests, with what a test says of them over what all have in common.

use serde_json::{Value, json};

/// The name of the gateway that every connection here has.
pub const GATEWAY: &str = "default";
/// The annotation with the name of the connection that an object was made for.
pub const CONNECTION_ANNOTATION: &str = "lychgate.dev/connection";

/// The McpGateway, with these fields of its spec besides.
pub fn gateway(spec: Value) -> Value {
    let base = json!({"identity": {"oidc": [{"issuer": "https://idp.example.com"}]}});
    object("McpGateway", GATEWAY, &over(base, spec))
}

/// What a McpGateway says so that an autoscaler chooses between 2 and so many pods. No adapter serves the metric here, so
/// that the real autoscaler holds the bounds and leaves alone what is between them.
pub fn autoscaled(maximum: u32) -> Value {
    json!({"deployment": {"autoscaling": {"maxReplicas": maximum, "callsUnderWay": 20}}})
}

/// A McpConnection without credentials, with these fields of its spec besides.
pub fn connection(name: &str, spec: Value) -> Value {
    let base = json!({
        "gatewayRef": {"name": GATEWAY},
        "upstream": {"url": "https://dbhub.example.com/mcp"},
        "access": [{"groups": ["analysts"], "tools": ["query*"]}],
    });
    object("McpConnection", name, &over(base, spec))
}

/// A MaskingRule that redacts e-mail addresses, with these fields of its spec besides.
pub fn rule(name: &str, spec: Value) -> Value {
    let base = json!({"detectors": [{"type": "Email", "action": {"redact": {}}}]});
    object("MaskingRule", name, &over(base, spec))
}

/// A CommandRule for the tool `execute_sql` that denies what is no row, with these fields of its spec besides.
pub fn command_rule(name: &str, spec: Value) -> Value {
    let base = json!({
        "extract": [{"tools": ["execute_sql"], "argument": "$.sql", "language": "SQL", "dialect": "postgresql"}],
        "rules": [{"name": "no-ddl", "effects": ["Schema", "Admin", "Exec", "Exfiltrate"], "action": "Deny"}],
    });
    object("CommandRule", name, &over(base, spec))
}

/// Says that a rule holds for one connection.
pub fn targets(connection: &str) -> Value {
    json!({"targetRefs": [{"kind": "McpConnection", "name": connection}]})
}

/// Says that a connection injects the key `token` of a Secret.
pub fn credential(secret: &str) -> Value {
    json!({"credentials": [{
        "name": "default",
        "inject": {"header": "Authorization", "format": "Bearer {value}"},
        "from": {"secretKeyRef": {"name": secret, "key": "token"}},
    }]})
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "lychgate.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// `base` with the members of `more` in place of its own.
fn over(mut base: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("members of a spec: {more}") };
    base.as_object_mut().unwrap().extend(more);
    base
}
