//! Approval: one exact call that waits, or waited, for a person; and ApprovalPolicy, by which it does.
//!
//! A gateway makes Approvals, approvers patch `spec.votes`, the operator turns votes into phases, and the gateway
//! that made it marks it used before it makes the call. Who may write what is said by admission policies; what may
//! ever change is said by the rules in [`transitions`], for everybody.
#![allow(clippy::duplicated_attributes, reason = "each printer column has a type of its own")]

pub mod policy;
pub mod state;
pub mod transitions;
pub mod votes;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

pub use policy::{ApprovalPolicy, ApprovalPolicySpec};
pub use state::{Event, Phase, Step};
pub use votes::{Tally, tally};

use crate::command::Effect;
use crate::schema::text;
use crate::text as format;

/// The longest text of arguments that approvers are shown, in characters. What is longer is denied, never cut.
pub const MAXIMUM_ARGUMENTS: usize = 8192;
/// The most policies that one Approval stands for: the admission policy checks the verb `approve` on each.
pub const MAXIMUM_POLICIES: usize = 8;
/// The verb, on ApprovalPolicies, that lets somebody approve by them.
pub const APPROVE_VERB: &str = "approve";

/// One exact call that waits, or waited, for a person. Made by a gateway; decided with kubectl patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "lychgate.dev",
    version = "v1alpha1",
    kind = "Approval",
    plural = "approvals",
    shortname = "appr",
    category = "lychgate",
    namespaced,
    status = "ApprovalStatus",
    derive = "PartialEq",
    doc = "One exact call that waits, or waited, for a person. Made by a gateway; decided with kubectl patch.",
    selectable = ".status.phase",
    selectable = ".spec.request.connectionRef.name",
    selectable = ".spec.request.gateway",
    printcolumn(name = "Tool", type_ = "string", json_path = ".spec.request.tool"),
    printcolumn(name = "Connection", type_ = "string", json_path = ".spec.request.connectionRef.name"),
    printcolumn(name = "Caller", type_ = "string", json_path = ".spec.request.caller.username"),
    printcolumn(name = "Risk", type_ = "string", json_path = ".spec.request.risk"),
    printcolumn(name = "Votes", type_ = "string", json_path = ".status.tally"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    // A date would be printed as the time since, and a deadline lies ahead.
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.required.deadline"),
    printcolumn(name = "Arguments", type_ = "string", json_path = ".spec.request.arguments", priority = 1),
    printcolumn(name = "Gateway", type_ = "string", json_path = ".spec.request.gateway", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct ApprovalSpec {
    /// What is asked. It never changes.
    pub request: ApprovalRequest,
    /// What it takes, as the policies were when the call came. It never changes.
    pub required: Requirements,
    /// A decision, for kubectl patch. It is turned into your vote at once, on Kubernetes 1.36 and newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The reason of that decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reason")]
    pub reason: Option<String>,
    /// Votes, each under its voter's user name (kubectl auth whoami). A vote stays; an Approve may become a Deny.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "votes_schema")]
    pub votes: BTreeMap<String, Vote>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequest {
    /// HMAC-SHA-256 with a key of the connection, over the connection, the policies, the caller, the tool with its
    /// definition and the arguments (RFC 8785). One changed byte makes another digest, and so another Approval.
    #[schemars(schema_with = "digest")]
    pub digest: String,
    /// The connection, as it was.
    pub connection_ref: Reference,
    /// The policies that ask, as they were. An approver needs the verb approve on each.
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub policy_refs: Vec<PolicyReference>,
    /// What kind of call it is.
    pub operation: Operation,
    /// The name of the tool or prompt, or the URI of the resource.
    #[schemars(schema_with = "tool")]
    pub tool: String,
    /// The arguments as JSON, whole, as the policies' show says. Characters that a terminal would obey or hide are
    /// escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "arguments")]
    pub arguments: Option<String>,
    /// What of the arguments is hidden from approvers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub hidden: Vec<Hidden>,
    /// The statements that would run, each on a line of its own as it would be sent, without comments; where command
    /// rules look at the call, and nothing of it is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "statement")]
    pub statement: Option<String>,
    /// What the statements do, where command rules look at the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "set"))]
    pub effects: Vec<Effect>,
    /// How much that is: Low if they only read, Medium if they write no more than some rows, else High.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// The CommandRules that look at the call, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub command_refs: Vec<PolicyReference>,
    /// Who asks.
    pub caller: Requester,
    /// The user name of the gateway's service account, which made this object.
    #[schemars(schema_with = "user_name")]
    pub gateway: String,
}

/// How much a call may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Risk {
    /// It only reads.
    Low,
    /// It changes some rows.
    Medium,
    /// It may do more than that.
    High,
}

/// An object as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Its name, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// Its generation.
    #[schemars(range(min = 0))]
    pub generation: i64,
}

/// An ApprovalPolicy as it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReference {
    /// Its namespace: that of the Approval, or the operator's.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// Its generation.
    #[schemars(range(min = 0))]
    pub generation: i64,
}

/// What kind of call an Approval is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Operation {
    /// `tools/call`.
    CallTool,
    /// `resources/read`, and what else reads a resource.
    ReadResource,
    /// `prompts/get`.
    GetPrompt,
}

/// Values that approvers do not see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// Where they stand, such as `$.rows[*].salary`.
    #[schemars(schema_with = "path")]
    pub path: String,
    /// How many there are.
    #[schemars(range(min = 1))]
    pub count: i32,
}

/// Who asks, under all names by which the API server could know him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requester {
    /// The issuer of his token.
    #[schemars(schema_with = "line")]
    pub issuer: String,
    /// The subject of his token.
    #[schemars(schema_with = "line")]
    pub subject: String,
    /// His user name, as grants know it.
    #[schemars(schema_with = "user_name")]
    pub username: String,
    /// His groups, as grants know them; the first 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "groups")]
    pub groups: Vec<String>,
    /// His user names at the API server. None of them may decide.
    #[schemars(schema_with = "user_names")]
    pub kubernetes_usernames: Vec<String>,
}

/// What it takes for a call to be approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// How many different people must approve.
    #[schemars(range(min = 1, max = 5))]
    pub approvals: i32,
    /// Groups that decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"), inner(length(max = 256)))]
    pub groups: Vec<String>,
    /// Service accounts that decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"), inner(length(max = 340)))]
    pub service_accounts: Vec<String>,
    /// Groups of which one member may approve alone, and says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"), inner(length(max = 256)))]
    pub break_glass_groups: Vec<String>,
    /// Whether a vote must have a reason.
    pub require_reason: bool,
    /// Whether a vote must repeat the digest of the request.
    pub require_digest: bool,
    /// Whether one Deny is enough to deny.
    pub deny_is_veto: bool,
    /// When a decision comes too late (RFC 3339).
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub deadline: String,
    /// What an approval is good for.
    pub grant: Granted,
}

/// What an approval is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// How often the call may be made.
    #[schemars(range(min = 1, max = 100))]
    pub uses: i32,
    /// How long after the decision.
    #[schemars(schema_with = "duration")]
    pub valid_for: String,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Decision {
    /// The call may be made.
    Approve,
    /// It may not.
    Deny,
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// What is decided.
    pub decision: Decision,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "reason")]
    pub reason: Option<String>,
    /// The digest of what was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "digest")]
    pub digest: Option<String>,
    /// Whether this is an emergency, in which a member of a break-glass group approves alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<bool>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalStatus {
    /// Where it stands.
    #[serde(default)]
    pub phase: Phase,
    /// Votes that approve, of those that are needed, such as 1/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tally: Option<String>,
    /// The votes as the operator saw them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["approver"])
    )]
    pub votes: Vec<SeenVote>,
    /// When it was approved, denied, or ended otherwise (RFC 3339). A grant counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub decided_at: Option<String>,
    /// The use that was made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed: Option<Consumed>,
    /// Recorded: the gateway has written what became of it into its record. BrokenGlass: it was approved in an
    /// emergency. Withdrawn: why it was cancelled or revoked, if nobody denied it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
}

/// A vote as the operator saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenVote {
    /// The voter's user name.
    #[schemars(schema_with = "user_name")]
    pub approver: String,
    /// What he decided.
    pub decision: Decision,
    /// When it was seen first (RFC 3339).
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub observed_at: String,
}

/// The use that was made of an Approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consumed {
    /// When it was last used (RFC 3339).
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub at: String,
    /// The pod that made the call.
    #[schemars(length(max = 253))]
    pub replica: String,
    /// The call, as the record knows it. Whoever reads another one here than his own has lost the race.
    #[schemars(length(max = 64))]
    pub call_id: String,
    /// How often it was used.
    #[schemars(range(min = 1, max = 100))]
    pub count: i32,
}

fn digest(_: &mut SchemaGenerator) -> Schema {
    text(&format::DIGEST)
}

fn duration(_: &mut SchemaGenerator) -> Schema {
    text(&format::DURATION)
}

fn path(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(text(&format::JSON_PATH))
}

fn groups(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": transitions::visible(schemars::json_schema!({"type": "string", "maxLength": 256})),
        "x-kubernetes-list-type": "atomic",
    })
}

fn tool(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(text(&format::NAME_OF_TOOL))
}

fn arguments(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(text(&format::ARGUMENTS))
}

fn statement(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(schemars::json_schema!({"type": "string", "maxLength": MAXIMUM_ARGUMENTS}))
}

fn line(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(schemars::json_schema!({"type": "string", "maxLength": 512}))
}

fn reason(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(schemars::json_schema!({"type": "string", "maxLength": 1024}))
}

fn user_name(_: &mut SchemaGenerator) -> Schema {
    transitions::visible(text(&format::NAME_OF_CALLER))
}

fn user_names(generator: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 8,
        "items": user_name(generator),
        "x-kubernetes-list-type": "set",
    })
}

fn votes_schema(generator: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": generator.subschema_for::<Vote>(),
    })
}
