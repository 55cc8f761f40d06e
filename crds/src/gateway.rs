//! McpGateway: what several connections share, above all who may call.
#![allow(clippy::duplicated_attributes, reason = "each printer column has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;
use crate::notification::Notification;
use crate::rule::{self, validations};
use crate::schema::{set, text, with_rules};
use crate::text as format;

/// What several connections share: who may call, under which host names, with which certificate, and how
/// many replicas serve each connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[kube(
    group = "lychgate.dev",
    version = "v1alpha1",
    kind = "McpGateway",
    plural = "mcpgateways",
    shortname = "mcpgw",
    category = "lychgate",
    namespaced,
    status = "McpGatewayStatus",
    derive = "PartialEq",
    doc = "What several connections share: who may call, under which host names, with which certificate, and \
           how many replicas serve each connection.",
    printcolumn(name = "Hostname", type_ = "string", json_path = ".spec.listener.hostnames[0]"),
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
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct McpGatewaySpec {
    /// Who may present themselves to the connections of this gateway.
    pub identity: Identity,
    /// How the connections of this gateway are reached.
    #[serde(default)]
    pub listener: Listener,
    /// Kinds of policies of which one must hold for each connection. A connection that lacks one denies every
    /// call, so that it can never be open before its rules are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub requires: Vec<RequiredPolicy>,
    /// How credentials reach the gateways. Mount: as volumes, so that neither operator nor gateway has a right
    /// to read Secrets, and a new value arrives with the kubelet, within about a minute. Watch: also from the
    /// API server, each Secret by its name, within a second; only in namespaces for which the installation of
    /// the operator allows it (secretAccess.watchNamespaces of the Helm chart).
    #[serde(default)]
    pub secret_access: SecretAccess,
    /// Who is told of calls that wait for people, and of what was decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 4),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub notifications: Vec<Notification>,
    /// How the connections of this gateway are run.
    #[serde(default)]
    pub deployment: Deployment,
    /// Whether every call on every connection of this gateway is refused, for emergencies.
    #[serde(default)]
    pub suspended: bool,
}

/// A kind of policy that must hold for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum RequiredPolicy {
    /// A MaskingRule.
    MaskingRule,
    /// A CommandRule that is enforced.
    CommandRule,
    /// An ApprovalPolicy that is enforced.
    ApprovalPolicy,
}

impl RequiredPolicy {
    /// The kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaskingRule => "MaskingRule",
            Self::CommandRule => "CommandRule",
            Self::ApprovalPolicy => "ApprovalPolicy",
        }
    }
}

/// How credentials reach the gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum SecretAccess {
    /// As volumes.
    #[default]
    Mount,
    /// As volumes, and from the API server.
    Watch,
}

/// Who may present themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::SOMEBODY_CAN_CALL])))]
pub struct Identity {
    /// OpenID Connect issuers whose tokens are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["issuer"])
    )]
    pub oidc: Vec<OidcIssuer>,
    /// Agents in the cluster, which present a projected token of their service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesIdentity>,
    /// Whether callers without a token are served, as user "anonymous" without groups.
    #[serde(default)]
    pub anonymous: bool,
}

/// Agents in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesIdentity {
    /// Whether tokens of this cluster's service accounts are accepted. The user name is
    /// system:serviceaccount:NAMESPACE:NAME; the groups are system:serviceaccounts,
    /// system:serviceaccounts:NAMESPACE and system:authenticated.
    #[serde(default)]
    pub enabled: bool,
    /// Values of aud of which a token must have one. Without any, a token must be made for the URL of the
    /// connection that is called, which is safer. The audience of the API server is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "audiences_for_callers")]
    pub audiences: Vec<String>,
}

/// One OpenID Connect issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcIssuer {
    /// The issuer's https URL, without query and fragment. It is compared exactly with iss in the tokens.
    #[schemars(schema_with = "issuer")]
    pub issuer: String,
    /// The certificate authorities for the issuer's own TLS. Without it, the public ones are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_ref: Option<CaReference>,
    /// Values of aud of which a token must have one. Without any, a token must be made for the URL of the
    /// connection that is called (RFC 8707), which is safer: write audiences only for issuers that cannot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "audiences")]
    pub audiences: Vec<String>,
    /// The claim with the user's name. Members of nested objects are separated by dots.
    #[serde(default = "default_username_claim")]
    #[schemars(schema_with = "claim")]
    pub username_claim: String,
    /// The claim with the user's groups, a string or a list of strings. Members of nested objects are
    /// separated by dots.
    #[serde(default = "default_groups_claim")]
    #[schemars(schema_with = "claim")]
    pub groups_claim: String,
    /// The caller's user names at the API server, each with claims in braces, such as "oidc:{email}", so that nobody
    /// decides on a call of his own. Needed where an ApprovalPolicy holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes_usernames")]
    pub kubernetes_usernames: Vec<String>,
}

/// A bundle of certificate authorities in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaReference {
    /// The kind of the object that holds the bundle.
    #[serde(default)]
    pub kind: CaKind,
    /// The object's name, in the same namespace.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// The key in the object's data.
    #[schemars(schema_with = "data_key")]
    pub key: String,
}

/// What may hold certificate authorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CaKind {
    /// A ConfigMap.
    #[default]
    ConfigMap,
}

/// How connections are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// Host names (with a port if it is not 443) under which the connections are reached from outside the
    /// cluster. A connection's URL is https://HOST/CONNECTION/mcp for each. Within the cluster the name of
    /// the connection's Service is always answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "hostnames")]
    pub hostnames: Vec<String>,
    /// The certificate that the gateway shows.
    #[serde(default)]
    pub tls: ListenerTls,
}

/// The certificate that the gateway shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::SECRET_NAME_WITH_MODE_SECRET])))]
pub struct ListenerTls {
    /// Where the certificate comes from. Operator: made by the operator's own authority. Secret: from the
    /// Secret that secretName names. Disabled: none, for meshes that encrypt themselves.
    #[serde(default)]
    pub mode: ListenerTlsMode,
    /// The Secret of type kubernetes.io/tls with the certificate, in the same namespace, if mode is Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "object_name")]
    pub secret_name: Option<String>,
}

/// Where a gateway's certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ListenerTlsMode {
    /// Made by the operator's own authority.
    #[default]
    Operator,
    /// From a Secret.
    Secret,
    /// None: plain HTTP.
    Disabled,
}

/// What the operator says of a McpGateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct McpGatewayStatus {
    /// The generation of the object that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the object stands: Accepted, ResolvedRefs, Programmed and Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
}

fn default_username_claim() -> String {
    "sub".to_owned()
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

fn issuer(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::ISSUER), &[rule::ISSUER_IS_HTTPS])
}

fn audiences(_: &mut SchemaGenerator) -> Schema {
    set(16, &text(&format::AUDIENCE))
}

fn audiences_for_callers(_: &mut SchemaGenerator) -> Schema {
    set(16, &with_rules(text(&format::AUDIENCE), &[rule::AUDIENCE_IS_NOT_THE_API_SERVER]))
}

fn claim(_: &mut SchemaGenerator) -> Schema {
    text(&format::CLAIM)
}

fn hostnames(_: &mut SchemaGenerator) -> Schema {
    set(16, &with_rules(text(&format::HOSTNAME), &[rule::PORT_IS_IN_RANGE]))
}

pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(&format::OBJECT_NAME)
}

pub(crate) fn data_key(_: &mut SchemaGenerator) -> Schema {
    text(&format::DATA_KEY)
}

fn kubernetes_usernames(_: &mut SchemaGenerator) -> Schema {
    set(8, &text(&format::KUBERNETES_USERNAME))
}
