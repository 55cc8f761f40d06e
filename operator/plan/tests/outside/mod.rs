//! A Service that leads outside of the cluster, and connections that name it.

use serde_json::{Value, json};

/// A Service that stands for a name outside of the cluster.
pub(crate) const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: outside}\n\
                                  spec: {type: ExternalName, externalName: db.example.com}\n";

/// It is the server.
pub(crate) fn upstream() -> Value {
    json!({"serviceRef": {"name": "outside", "port": 80, "scheme": "HTTP"}})
}

/// It is the server, and closed to all but gateways.
pub(crate) fn upstream_alone() -> Value {
    let mut upstream = upstream();
    upstream["serviceRef"]["networkPolicy"] = json!("GatewayOnly");
    upstream
}
