//! ApprovalPolicy: which calls wait for a person, who decides, and for how long that holds.
#![allow(clippy::duplicated_attributes, reason = "each printer column has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::command::condition;
use crate::rule::{self, validations};
use crate::schema::{set, text, with_rules};
use crate::target::{Selector, TargetReference};
use crate::text as format;

/// Which calls wait for a person, who decides, and for how long that holds. Where several hold for a call, the
/// largest number of approvals counts, the approvers that all of them name, and the shortest times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::RULE_HOLDS_FOR_SOMETHING, rule::BREAK_GLASS_IS_APART]
)))]
#[kube(
    group = "lychgate.dev",
    version = "v1alpha1",
    kind = "ApprovalPolicy",
    plural = "approvalpolicies",
    shortname = "appp",
    category = "lychgate",
    namespaced,
    status = "ApprovalPolicyStatus",
    derive = "PartialEq",
    doc = "Which calls wait for a person, who decides, and for how long that holds.",
    printcolumn(name = "Approvals", type_ = "integer", json_path = ".spec.required.approvals"),
    printcolumn(name = "Groups", type_ = "string", json_path = ".spec.approvers.groups"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Connections", type_ = "integer", json_path = ".status.connectionCount"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(
        name = "Guarded",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='AdmissionGuarded')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].reason",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct ApprovalPolicySpec {
    /// The connections and gateways that the policy holds for, in the same namespace. A policy for a gateway
    /// holds for each of its connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"])
    )]
    pub target_refs: Vec<TargetReference>,
    /// Connections that the policy holds for, by their labels: those of the policy's namespace, or of the
    /// namespaces that namespaceSelector selects. An empty selector selects every connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_selector: Option<Selector>,
    /// Namespaces whose connections the policy holds for, by their labels, so that one policy binds every
    /// tenant. It counts in the namespace of the operator alone. An empty selector selects every namespace.
    /// Without connectionSelector, all connections in them are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<Selector>,
    /// Enforce: calls wait. Audit: they pass, and the record says that they would have waited.
    #[serde(default)]
    pub mode: Mode,
    /// Which calls. Without it, every tool call, every resource that is read and every prompt.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<ApprovalMatch>,
    /// Who decides. Each needs the verb approve on this ApprovalPolicy besides. Nobody decides on a call of his
    /// own.
    pub approvers: Approvers,
    /// What it takes.
    #[serde(default)]
    pub required: Required,
    /// How long a call may wait for a decision; then it has expired.
    #[serde(default = "default_expires_after")]
    #[schemars(schema_with = "duration")]
    pub expires_after: String,
    /// What an approval is good for.
    #[serde(default)]
    pub grant: Grant,
    /// What the caller's client gets while the call waits.
    #[serde(default)]
    pub wait: Wait,
    /// What approvers see of the arguments. Full: all. Masked: what the MaskingRules leave, with the number of
    /// hidden values beside each path.
    #[serde(default)]
    pub show: Show,
    /// Who may approve alone in an emergency. It is told by an Event, a metric and the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// How many calls of one caller may wait at once on one connection; more are refused.
    #[serde(default = "default_pending")]
    #[schemars(range(min = 1, max = 100))]
    pub max_pending_per_caller: i32,
}

/// Whether a policy is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// It is only recorded what it would have done.
    Audit,
}

/// Which calls a policy is about. A call must match one pattern of its own kind, if there are any patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::MATCH_NAMES_SOMETHING])))]
pub struct ApprovalMatch {
    /// Patterns over tool names. An asterisk stands for any run of characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub tools: Vec<String>,
    /// Patterns over the URIs of resources that are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub resources: Vec<String>,
    /// Patterns over names of prompts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "globs")]
    pub prompts: Vec<String>,
    /// A condition in CEL over caller, tool, args, connection and now, which must be true besides. Where it cannot be
    /// evaluated, the call is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition")]
    pub when: Option<String>,
}

/// Who decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::SOMEBODY_APPROVES])))]
pub struct Approvers {
    /// Groups, as the API server knows them (kubectl auth whoami), of which an approver has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "approver_groups")]
    pub groups: Vec<String>,
    /// Service accounts that may approve, as system:serviceaccount:NAMESPACE:NAME. Others may not, whatever
    /// their groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "service_accounts")]
    pub service_accounts: Vec<String>,
}

/// What it takes for a call to be approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Required {
    /// How many different people must approve.
    #[serde(default = "default_approvals")]
    #[schemars(range(min = 1, max = 5))]
    pub approvals: i32,
    /// Whether a vote must have a reason.
    #[serde(default = "yes")]
    pub require_reason: bool,
    /// Whether a vote must repeat the digest of the request, which proves what was read.
    #[serde(default)]
    pub require_digest: bool,
    /// Whether one Deny is enough to deny. Otherwise a Deny is a vote that does not approve.
    #[serde(default = "yes")]
    pub deny_is_veto: bool,
}

impl Default for Required {
    fn default() -> Self {
        Self {
            approvals: default_approvals(),
            require_reason: true,
            require_digest: false,
            deny_is_veto: true,
        }
    }
}

/// What an approval is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// How often the call may be made, with the very same arguments by the same caller.
    #[serde(default = "default_uses")]
    #[schemars(range(min = 1, max = 100))]
    pub uses: i32,
    /// How long after the decision.
    #[serde(default = "default_valid_for")]
    #[schemars(schema_with = "duration")]
    pub valid_for: String,
}

impl Default for Grant {
    fn default() -> Self {
        Self { uses: default_uses(), valid_for: default_valid_for() }
    }
}

/// What the caller's client gets while the call waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// Hold: the answer is held back for a while. Return: the client is told at once to repeat the call later.
    #[serde(default)]
    pub mode: WaitMode,
    /// How long an answer is held; many clients give up after 60s.
    #[serde(default = "default_wait", rename = "for")]
    #[schemars(schema_with = "duration")]
    pub for_: String,
}

impl Default for Wait {
    fn default() -> Self {
        Self { mode: WaitMode::default(), for_: default_wait() }
    }
}

/// What the client of a call that waits gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum WaitMode {
    /// The answer, if it is decided in time.
    #[default]
    Hold,
    /// Word that the call waits, at once.
    Return,
}

/// What approvers see of the arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Show {
    /// All of them.
    #[default]
    Full,
    /// What the MaskingRules leave.
    Masked,
}

/// Who may approve alone in an emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakGlass {
    /// Groups, as the API server knows them. None may be among the approvers. A reason is required always.
    #[schemars(schema_with = "break_glass_groups")]
    pub groups: Vec<String>,
}

/// What the operator says of an ApprovalPolicy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPolicyStatus {
    /// The generation of the object that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the object stands: Accepted, Programmed, Conflicted and AdmissionGuarded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// How many connections the policy holds for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_count: Option<i64>,
    /// The connections that the policy holds for, as namespace/name; the first 64 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub connections: Vec<String>,
}

fn default_expires_after() -> String {
    "30m".to_owned()
}

fn default_valid_for() -> String {
    "5m".to_owned()
}

fn default_wait() -> String {
    "50s".to_owned()
}

fn default_pending() -> i32 {
    5
}

fn default_approvals() -> i32 {
    1
}

fn default_uses() -> i32 {
    1
}

fn yes() -> bool {
    true
}

fn duration(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::DURATION), &[rule::TIMEOUT_WITHIN_A_DAY])
}

fn globs(_: &mut SchemaGenerator) -> Schema {
    set(64, &text(&format::GLOB))
}

fn approver_groups(_: &mut SchemaGenerator) -> Schema {
    set(16, &with_rules(text(&format::NAME_OF_GROUP), &[rule::GROUP_OF_PEOPLE]))
}

fn break_glass_groups(_: &mut SchemaGenerator) -> Schema {
    let mut groups = set(8, &with_rules(text(&format::NAME_OF_GROUP), &[rule::GROUP_OF_PEOPLE]));
    groups.insert("minItems".to_owned(), 1.into());
    groups
}

fn service_accounts(_: &mut SchemaGenerator) -> Schema {
    set(8, &text(&format::SERVICE_ACCOUNT))
}
