//! The one document that the operator gives a gateway for each connection, as it stands on the wire.
//!
//! Only shapes live here; what the values mean, and which are wrong, is [`crate::compile()`]'s business.
//! Unknown members are refused: a gateway that is older than its operator must not enforce half a policy.
//! Credentials are named, never contained.

mod action;
mod approval;
mod command;
mod masking;
mod pinning;
mod upstream;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use action::{Action, AddressPart, DatePart, Fpe, Generalize, Hash, Partial, Replacement};
pub use approval::{
    ApprovalConfig, ApprovalMatch, ApprovalPolicy, Notification, NotificationEvent, NotificationTemplate,
};
pub use command::{
    CommandAction, CommandClause, CommandLimits, CommandRule, Dialect, Effect, Extraction, Language,
    MaskedValueInRequest, OnUnknownTool, OnUnparseable,
};
pub use masking::{
    Checksum, Custom, Decode, Detector, DetectorGroup, DetectorType, Direction, Exclude, ExcludedCallers,
    ExcludedValues, Field, MaskingMatch, MaskingRule, Unicode,
};
pub use pinning::{PinningMode, ToolPinning};
pub use upstream::{Transport, Upstream};

/// The value of [`GatewayConfig::api_version`] that this crate reads and writes.
pub const API_VERSION: &str = "gateway.lychgate.dev/v1alpha1";

/// Everything a gateway needs to know to serve one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayConfig {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// Raised by the operator when anything else in this document changes; a gateway never steps back.
    pub sequence: u64,
    /// The McpConnection that this document was made from.
    pub connection: ObjectName,
    /// The McpConnection's labels, where a condition in this document may ask for them; else none, so that the
    /// document does not change with them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub connection_labels: BTreeMap<String, String>,
    /// The McpGateway that the connection belongs to.
    pub gateway: ObjectName,
    /// The OAuth resource identifiers of the connection (RFC 8707), each an absolute URL. The first is the
    /// one that metadata shows when the called host names no other.
    pub resources: Vec<String>,
    /// Values of the `Host` header that are answered, `host` or `host:port`, beside those of `resources`.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// Who may present themselves.
    pub identity: Identity,
    /// Where the MCP server is.
    pub upstream: Upstream,
    /// What is injected into requests to the server.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// Who may call what. Nothing listed, nothing allowed.
    #[serde(default)]
    pub access: Vec<Grant>,
    /// What is masked. Every rule that matches applies.
    #[serde(default)]
    pub masking: Vec<MaskingRule>,
    /// What commands may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandRule>,
    /// Which calls wait for a person. Without it, none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalConfig>,
    /// Which requests the server may send to the client.
    #[serde(default)]
    pub server_requests: ServerRequests,
    /// Which definitions of tools somebody has looked at. Without it, nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_pinning: Option<ToolPinning>,
    /// How large a message may be, and how much each caller may ask for.
    pub limits: CallLimits,
    /// Set where nothing may pass at all, whatever the grants say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

/// Why nothing may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closed {
    /// Somebody has written `suspended: true` on the connection or its gateway.
    Suspended,
    /// The gateway requires a kind of policy of which none holds for the connection.
    RequiredPolicyMissing,
}

/// A namespaced name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Who may present themselves to a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// OpenID Connect issuers whose tokens are accepted.
    #[serde(default)]
    pub oidc: Vec<OidcIssuer>,
    /// The cluster whose service accounts are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesIssuer>,
    /// Whether callers without a token are served, as user `anonymous` without groups.
    #[serde(default)]
    pub anonymous: bool,
}

/// One OpenID Connect issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcIssuer {
    /// The issuer's URL, compared exactly with the token's `iss`.
    pub issuer: String,
    /// A bundle of certificate authorities for the issuer's own TLS; the public ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapKey>,
    /// Values of `aud` of which one must be present; the connection's resource identifiers when empty.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The claim with the user's name; members of nested objects are separated by dots.
    pub username_claim: String,
    /// The claim with the user's groups: a string or a list of strings, nested as above.
    pub groups_claim: String,
    /// The caller's user names at the API server, each with claims in braces, such as `oidc:{email}`. Nobody
    /// decides on a call of his own, under none of these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kubernetes_usernames: Vec<String>,
    /// Plain `http` is accepted for an issuer on a loopback address. Only `lychgate dev` sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_loopback: bool,
}

/// The cluster's own issuer of service-account tokens. A caller's user name is the token's subject, such as
/// `system:serviceaccount:agents:billing`, and its groups are those that the API server gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesIssuer {
    /// The issuer, compared exactly with the token's `iss`.
    pub issuer: String,
    /// Values of `aud` of which one must be present; the connection's resource identifiers when empty.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The public keys that tokens are signed with, each a JSON Web Key (RFC 7517). Without any, no token is
    /// accepted.
    pub keys: Vec<serde_json::Value>,
}

/// A key of a ConfigMap that is mounted into the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapKey {
    /// The ConfigMap's name.
    pub config_map: String,
    /// The key in its data.
    pub key: String,
}

/// A key of a Secret that is mounted into the gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// The Secret's name.
    pub secret: String,
    /// The key in its data.
    pub key: String,
}

/// A credential: where its value comes from, and where it goes in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credential {
    /// The name by which records speak of it.
    pub name: String,
    /// Where it goes.
    pub inject: Inject,
    /// Where the value comes from.
    pub from: CredentialSource,
}

/// Where a credential's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum CredentialSource {
    /// A key of a Secret, which says itself to which hosts it may go.
    SecretKeyRef(SecretKey),
    /// A token of the gateway's own service account, projected for one audience. It is mounted under the
    /// credential's name.
    ServiceAccountToken(ServiceAccountToken),
}

/// A projected token (KEP-1205).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountToken {
    /// The value of `aud` that the token has.
    pub audience: String,
}

/// Where a credential goes in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inject {
    /// The header's name.
    pub header: String,
    /// The header's value, with `{value}` where the credential stands.
    pub format: String,
}

/// One grant: these callers may use these tools, resources and prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Groups of which the caller must have one (or be among `users`). `*` is any authenticated caller.
    #[serde(default)]
    pub groups: Vec<String>,
    /// User names of which the caller must be one (or have one of `groups`).
    #[serde(default)]
    pub users: Vec<String>,
    /// Globs over tool names.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Globs over resource URIs.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Globs over prompt names.
    #[serde(default)]
    pub prompts: Vec<String>,
    /// A condition in CEL; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The credential that calls by this grant are made with, in place of others for the same header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Which requests a server may send to the client during a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerRequests {
    /// `sampling/createMessage`: the server uses the client's model.
    #[serde(default)]
    pub sampling: bool,
    /// `elicitation/create`: the server asks the person.
    #[serde(default)]
    pub elicitation: bool,
    /// `roots/list`: the server asks which folders the client works in.
    #[serde(default)]
    pub roots: bool,
}

/// How large a message may be, and how much each caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallLimits {
    /// The largest message in either direction, in bytes.
    pub message_bytes: u64,
    /// How many messages each caller may send in a minute, to all replicas together; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// How many calls of each caller may be with the server at once, through all replicas together; any number when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<u32>,
    /// How many replicas divide the two among themselves.
    #[serde(default = "one")]
    pub replicas: u32,
}

fn one() -> u32 {
    1
}
