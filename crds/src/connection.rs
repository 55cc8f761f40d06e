//! McpConnection: one MCP server, the credential that is injected, and who may call what.
#![allow(clippy::duplicated_attributes, reason = "each printer column has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::command::condition;
use crate::gateway::{CaReference, data_key, object_name};
use crate::pinning::ToolPinning;
use crate::rule::{self, validations};
use crate::schema::{set, text, with_rules};
use crate::service::ServiceReference;
use crate::text as format;

/// One MCP server behind a gateway: where it is, which credential is injected, and who may call what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::PLAINTEXT_IS_WRITTEN, rule::SERVICE_PLAINTEXT_IS_WRITTEN, rule::CREDENTIAL_OF_GRANT_EXISTS]
)))]
#[kube(
    group = "lychgate.dev",
    version = "v1alpha1",
    kind = "McpConnection",
    plural = "mcpconnections",
    shortname = "mcpc",
    category = "lychgate",
    namespaced,
    status = "McpConnectionStatus",
    derive = "PartialEq",
    doc = "One MCP server behind a gateway: where it is, which credential is injected, and who may call what.",
    printcolumn(name = "Gateway", type_ = "string", json_path = ".spec.gatewayRef.name"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(
        name = "Programmed",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Programmed')].status"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].reason",
        priority = 1
    ),
    printcolumn(name = "Upstream", type_ = "string", json_path = ".spec.upstream.url", priority = 1),
    printcolumn(
        name = "Service",
        type_ = "string",
        json_path = ".spec.upstream.serviceRef.name",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct McpConnectionSpec {
    /// The McpGateway that this connection belongs to, in the same namespace.
    pub gateway_ref: GatewayReference,
    /// Where the MCP server is.
    pub upstream: Upstream,
    /// What is injected into requests to the server. A caller never sees it. One that a grant or a CommandRule names is
    /// injected only where it is chosen, in place of others in the same header; the others always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub credentials: Vec<Credential>,
    /// Who may call what: each entry is a grant, and what no grant allows is denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub access: Vec<Grant>,
    /// Which requests the server may send to the client.
    #[serde(default)]
    pub server_requests: ServerRequests,
    /// Which definitions of tools somebody has looked at, and what becomes of others.
    #[serde(default)]
    pub tool_pinning: ToolPinning,
    /// How large a message may be, and how much each caller may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// Whether every call is refused, for emergencies.
    #[serde(default)]
    pub suspended: bool,
}

/// A McpGateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayReference {
    /// The McpGateway's name.
    #[schemars(schema_with = "object_name")]
    pub name: String,
}

/// Where an MCP server is: exactly one of url and serviceRef.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::ONE_UPSTREAM, rule::TLS_WITH_HTTPS, rule::SERVICE_WITH_AUTHORITY]
)))]
pub struct Upstream {
    /// The http or https URL of the server's endpoint, without user name and fragment; with transport SSE, of its
    /// event stream. Link-local, metadata, multicast and unspecified addresses are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "upstream_url")]
    pub url: Option<String>,
    /// A Service in the same namespace with the server's pods, in place of an URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ref: Option<ServiceReference>,
    /// How the server speaks MCP: by Streamable HTTP, or by the transport of MCP 2024-11-05, HTTP+SSE, which its
    /// clients must then speak, too.
    #[serde(default)]
    pub transport: Transport,
    /// How the server's certificate is checked. Without it, the public authorities are trusted for an URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<UpstreamTls>,
    /// Whether a credential may travel to the server over plain http, where whoever reads the network reads
    /// the credential.
    #[serde(default)]
    pub insecure_plaintext: bool,
    /// How long the server may take.
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// How a server speaks MCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Transport {
    /// By Streamable HTTP (MCP 2025-03-26 and later).
    #[default]
    #[serde(rename = "StreamableHTTP")]
    StreamableHttp,
    /// By HTTP with server-sent events: an event stream, and an endpoint for messages (MCP 2024-11-05).
    #[serde(rename = "SSE")]
    Sse,
}

/// How a server's certificate is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamTls {
    /// The certificate authorities for the server, in PEM.
    pub ca_ref: CaReference,
}

/// How long a server may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timeouts {
    /// How long to wait for a connection: a number and ms, s, m, h or d.
    #[serde(default = "default_connect_timeout")]
    #[schemars(schema_with = "timeout")]
    pub connect: String,
    /// How long a call may take until its last byte: a number and ms, s, m, h or d.
    #[serde(default = "default_call_timeout")]
    #[schemars(schema_with = "timeout")]
    pub call: String,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: default_connect_timeout(), call: default_call_timeout() }
    }
}

/// A credential: where its value comes from, and where it goes in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credential {
    /// The name by which records speak of it.
    #[schemars(schema_with = "credential_name")]
    pub name: String,
    /// Where it goes in a request.
    pub inject: Inject,
    /// Where its value comes from.
    pub from: CredentialSource,
}

/// Where a credential goes in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inject {
    /// The header's name, such as Authorization. Headers that belong to the connection, the message or the
    /// protocol are refused.
    #[schemars(schema_with = "header")]
    pub header: String,
    /// The header's value, with {value} where the credential stands, such as "Bearer {value}".
    #[serde(default = "default_format")]
    #[schemars(schema_with = "header_format")]
    pub format: String,
}

/// Where a credential's value comes from: exactly one of secretKeyRef and serviceAccountToken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::ONE_SOURCE])))]
pub struct CredentialSource {
    /// A Secret in the same namespace. It must say itself where its values may go: the data key
    /// lychgate-allowed-hosts lists hosts, one a line, as host or host:port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyReference>,
    /// A token of the gateway's own service account, made for the server alone: nobody has to store a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_token: Option<ServiceAccountToken>,
}

/// A projected token of the gateway's own service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountToken {
    /// The token's aud: the name by which the server knows itself. The API server's own is refused.
    #[schemars(schema_with = "audience")]
    pub audience: String,
    /// How long a token is valid, in seconds. The kubelet replaces it after four fifths of that.
    #[serde(default = "default_expiration_seconds")]
    #[schemars(range(min = 600, max = 86400))]
    pub expiration_seconds: i64,
}

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKeyReference {
    /// The Secret's name, in the same namespace.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// The key in the Secret's data.
    #[schemars(schema_with = "data_key")]
    pub key: String,
}

/// One grant: these callers may use these tools, resources and prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::GRANT_NAMES_SOMEBODY, rule::GRANT_ALLOWS_SOMETHING]
)))]
pub struct Grant {
    /// Groups of which the caller must have one, or be among users. "*" is any authenticated caller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "callers")]
    pub groups: Vec<String>,
    /// User names of which the caller must have one, or be in one of groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "callers")]
    pub users: Vec<String>,
    /// Tools that may be called. An asterisk stands for any run of characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub tools: Vec<String>,
    /// URIs of resources that may be read. An asterisk stands for any run of characters. A URI with a segment "..", also
    /// one written with percent signs or between backslashes, is covered by no pattern but itself: a server may resolve it
    /// to another folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub resources: Vec<String>,
    /// Prompts that may be used. An asterisk stands for any run of characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub prompts: Vec<String>,
    /// A condition in CEL over caller, tool, args, connection and now. Where it is false, the grant does not count. Where
    /// it cannot be evaluated, the call is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition")]
    pub when: Option<String>,
    /// The credential that is injected into calls by this grant, in place of others in the same header. Of several grants
    /// that allow a call, the first counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "credential_name")]
    pub credential: Option<String>,
}

/// Which requests a server may send to the client during a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerRequests {
    /// Whether the server may use the client's model (sampling/createMessage).
    #[serde(default)]
    pub sampling: bool,
    /// Whether the server may ask the person at the client (elicitation/create).
    #[serde(default)]
    pub elicitation: bool,
    /// Whether the server may ask which folders the client works in (roots/list).
    #[serde(default)]
    pub roots: bool,
}

/// How large a message may be, and how much each caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// How many messages each caller may send in a minute, so many at once after a minute of silence. Replicas divide it
    /// among themselves.
    #[serde(default = "default_requests_per_minute")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: i32,
    /// How many calls of each caller may be with the server at the same time. Replicas divide it among themselves.
    #[serde(default = "default_concurrent_calls")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrent_calls: i32,
    /// The largest message in either direction, in bytes, as a quantity between 1Ki and 64Mi.
    #[serde(default)]
    #[schemars(schema_with = "message_bytes")]
    pub message_bytes: Size,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: default_requests_per_minute(),
            concurrent_calls: default_concurrent_calls(),
            message_bytes: Size::default(),
        }
    }
}

/// A size as it is written: a number of bytes, or a number with a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// A number of bytes.
    Bytes(u64),
    /// A quantity, such as `4Mi`.
    Quantity(String),
}

impl Size {
    /// The size in bytes; `None` if it is not one (see [`crate::units::parse_size`]).
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(*bytes),
            Self::Quantity(text) => crate::units::parse_size(text),
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self::Quantity("4Mi".to_owned())
    }
}

/// What the operator says of a McpConnection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct McpConnectionStatus {
    /// The generation of the object that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where clients reach the connection: the first of its URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the object stands: Accepted, ResolvedRefs, Programmed and Ready, and ToolsPinned where tools are pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// The policies that hold for the connection, as Kind name, or Kind namespace/name for one of the
    /// operator's namespace; the first 64 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub policies: Vec<String>,
}

fn default_connect_timeout() -> String {
    "5s".to_owned()
}

fn default_call_timeout() -> String {
    "120s".to_owned()
}

fn default_requests_per_minute() -> i32 {
    600
}

fn default_concurrent_calls() -> i32 {
    32
}

fn default_expiration_seconds() -> i64 {
    3600
}

fn default_format() -> String {
    "{value}".to_owned()
}

fn upstream_url(_: &mut SchemaGenerator) -> Schema {
    with_rules(
        text(&format::URL),
        &[rule::URL_NAMES_A_HOST, rule::URL_WITHOUT_USER, rule::URL_OUTSIDE_REFUSED_ADDRESSES],
    )
}

fn timeout(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::DURATION), &[rule::TIMEOUT_WITHIN_A_DAY])
}

fn credential_name(_: &mut SchemaGenerator) -> Schema {
    text(&format::LABEL)
}

fn audience(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::AUDIENCE), &[rule::AUDIENCE_IS_NOT_THE_API_SERVER])
}

fn header(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::HEADER), &[rule::HEADER_IS_FREE])
}

fn header_format(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::HEADER_FORMAT), &[rule::FORMAT_HAS_ONE_VALUE])
}

fn callers(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::NAME_OF_CALLER))
}

fn globs(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::GLOB))
}

pub(crate) fn message_bytes(_: &mut SchemaGenerator) -> Schema {
    let size = schemars::json_schema!({
        "x-kubernetes-int-or-string": true,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": format::SIZE.pattern,
        "maxLength": format::SIZE.maximum_length,
    });
    with_rules(size, &[rule::SIZE_IN_RANGE])
}
