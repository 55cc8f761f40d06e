//! A Service of the cluster as the place of an MCP server.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::schema::text;
use crate::text as format;

/// A port of a Service in the same namespace, and how its server is spoken to. The gateway reaches it as
/// NAME.NAMESPACE.svc:PORT: that is the host in the server's certificate and in lychgate-allowed-hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceReference {
    /// The Service's name, in the same namespace. One that leads elsewhere (ExternalName), to a gateway or to
    /// the API server is refused.
    #[schemars(schema_with = "service_name")]
    pub name: String,
    /// The number of the Service's port, not that of its pods.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// How the server is spoken to. HTTPS needs tls.caRef, since no public authority certifies names in a
    /// cluster. HTTP can be read by whoever reads the cluster's network; with a credential it needs
    /// insecurePlaintext, too.
    #[serde(default)]
    pub scheme: Scheme,
    /// The path of the server's Streamable HTTP endpoint.
    #[serde(default = "default_path")]
    #[schemars(schema_with = "path")]
    pub path: String,
    /// Who else may connect to the pods that the Service selects. With GatewayOnly, a NetworkPolicy admits the
    /// gateways of connections to the Service and cuts everybody else off, other clients and monitoring
    /// included; what other NetworkPolicies admit stays.
    #[serde(default)]
    pub network_policy: ServerNetworkPolicy,
}

/// Whether the operator makes a NetworkPolicy for the pods of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ServerNetworkPolicy {
    /// It makes none.
    #[default]
    Unmanaged,
    /// It makes one that admits gateways of connections to the server alone.
    GatewayOnly,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Scheme {
    /// Over TLS.
    #[default]
    #[serde(rename = "HTTPS")]
    Https,
    /// In plain text.
    #[serde(rename = "HTTP")]
    Http,
}

impl Scheme {
    /// The scheme as an URL has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

fn default_path() -> String {
    "/mcp".to_owned()
}

fn service_name(_: &mut SchemaGenerator) -> Schema {
    text(&format::LABEL)
}

fn path(_: &mut SchemaGenerator) -> Schema {
    text(&format::PATH)
}
