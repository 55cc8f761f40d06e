//! The one document that the operator gives a gateway for each connection, as it stands on the wire.
//!
//! Only shapes live here; what the values mean, and which are wrong, is [`crate::compile()`]'s business.
//! Unknown members are refused: a gateway that is older than its operator must not enforce half a policy.
//! Credentials are named, never contained.

mod approval;
mod command;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use approval::{
    ApprovalConfig, ApprovalMatch, ApprovalPolicy, Notification, NotificationEvent, NotificationTemplate,
};
pub use command::{
    CommandAction, CommandClause, CommandLimits, CommandRule, Dialect, Effect, Extraction, Language,
    MaskedValueInRequest, OnUnknownTool, OnUnparseable,
};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// The Secret's name.
    pub secret: String,
    /// The key in its data.
    pub key: String,
}

/// Where an MCP server is, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// The URL of the server's Streamable HTTP endpoint.
    pub url: String,
    /// A bundle of certificate authorities for the server's TLS; the public ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapKey>,
    /// Whether a credential may travel over plain `http`.
    #[serde(default)]
    pub insecure_plaintext: bool,
    /// How long to wait for a connection, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// How long a call may take until its last byte, in milliseconds.
    pub call_timeout_milliseconds: u64,
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

/// What is masked in which messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaskingRule {
    /// The MaskingRule's name, as records show it.
    pub name: String,
    /// Which way the messages go.
    pub directions: Vec<Direction>,
    /// Which messages; all when empty.
    #[serde(default, rename = "match")]
    pub matching: MaskingMatch,
    /// What is looked for in text.
    #[serde(default)]
    pub detectors: Vec<Detector>,
    /// What is masked by its place.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// What stays.
    #[serde(default)]
    pub exclude: Exclude,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client: results, errors, notifications and the server's own requests.
    Response,
}

/// Which messages a MaskingRule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaskingMatch {
    /// Globs over tool names, of which one must match and none that begins with `!` may; any tool, and
    /// every message that is no tool's, when empty.
    #[serde(default)]
    pub tools: Vec<String>,
}

/// One kind of sensitive text, or a group of kinds, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detector {
    /// One kind; exactly one of `type` and `group` is set.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<DetectorType>,
    /// A group of kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<DetectorGroup>,
    /// What becomes of it.
    pub action: Action,
}

/// A kind of sensitive text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DetectorType {
    /// Payment card numbers: 12 to 19 digits, a known issuer's prefix, Luhn (ISO/IEC 7812).
    CreditCard,
    /// E-mail addresses (the dot-atom form of RFC 5322).
    Email,
    /// International bank account numbers with valid length and mod-97 (ISO 13616).
    Iban,
    /// United States social security numbers.
    UsSsn,
    /// Telephone numbers: E.164, and North American ones written with separators.
    Phone,
    /// AWS access key ids, and secret access keys beside their name.
    AwsKey,
    /// GitHub tokens (`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_`).
    GithubToken,
    /// Slack tokens (`xoxb-` and its kin) and webhook URLs.
    SlackToken,
    /// JSON Web Tokens in compact form (RFC 7519).
    JsonWebToken,
    /// PEM private keys (RFC 7468), whole or cut.
    PrivateKey,
}

/// A group of kinds of sensitive text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DetectorGroup {
    /// CreditCard, Email, Iban, UsSsn, Phone.
    PersonalData,
    /// AwsKey, GithubToken, SlackToken, JsonWebToken, PrivateKey.
    Secrets,
}

/// Values masked by their place. Exactly one of `jsonPath` and `keys` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// A path (a subset of RFC 9535: names, indices and wildcards) from the root of `structuredContent`, of
    /// JSON in a text, or of the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_path: Option<String>,
    /// Globs over member names at any depth, compared without case.
    #[serde(default)]
    pub keys: Vec<String>,
    /// What becomes of the value.
    pub action: Action,
}

/// What becomes of a sensitive value. In order of strength: redact, replace, partial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// The value becomes `[REDACTED:<kind>]`; a number becomes 0, a boolean false, objects and arrays empty.
    Redact {},
    /// The value becomes the given one.
    Replace(Replacement),
    /// All but the last characters become `*`; separators stay.
    Partial(Partial),
}

/// The value of a `replace` action: exactly one member is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replacement {
    /// For strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// For numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
}

/// How much of a value a `partial` action shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Partial {
    /// How many letters and digits at the end stay, 1 to 8; never more than half of the value.
    pub keep_last: u32,
}

/// What stays although a rule would mask it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exclude {
    /// Paths as in [`Field::json_path`]; what stands at them, and below, stays.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Values that stay.
    #[serde(default)]
    pub values: ExcludedValues,
    /// Callers who see everything. The record stays masked all the same.
    #[serde(default)]
    pub callers: ExcludedCallers,
}

/// Values that stay although a rule would mask them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedValues {
    /// Whole values.
    #[serde(default)]
    pub exact: Vec<String>,
    /// Regular expressions that match a whole value (RE2 syntax, linear time).
    #[serde(default)]
    pub regex: Vec<String>,
}

/// Callers for whom a rule does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedCallers {
    /// Groups of which the caller must have one.
    #[serde(default)]
    pub groups: Vec<String>,
}
