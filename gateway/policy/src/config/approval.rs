//! Which calls wait for a person, as the operator tells a gateway.

use serde::{Deserialize, Serialize};

use super::{ConfigMapKey, SecretKey};

/// All that a gateway needs to know to hold calls of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalConfig {
    /// The uid of the McpConnection.
    pub connection_uid: String,
    /// The generation of the McpConnection.
    pub connection_generation: i64,
    /// The user name of the gateway's service account at the API server.
    pub gateway: String,
    /// The policies that hold for the connection; never none.
    pub policies: Vec<ApprovalPolicy>,
    /// Who is told of calls that wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<Notification>,
}

/// One receiver of messages about calls that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notification {
    /// The name by which metrics and logs speak of it.
    pub name: String,
    /// The host that the URL must have, with a port if it is not 443.
    pub host: String,
    /// The URL, which may be a secret as a whole.
    pub url: SecretKey,
    /// A bundle of certificate authorities for the receiver's TLS; the public ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapKey>,
    /// How messages are written.
    pub template: NotificationTemplate,
    /// The key that messages are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SecretKey>,
    /// What is told.
    pub events: Vec<NotificationEvent>,
    /// Whether the arguments of calls are told, as approvers see them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub arguments: bool,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationTemplate {
    /// JSON for programs.
    Json,
    /// Slack's blocks.
    Slack,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationEvent {
    /// A call waits.
    Asked,
    /// People have decided, or it has ended without.
    Decided,
}

/// One ApprovalPolicy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// Its namespace: that of the connection, or the operator's.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Whether it is only recorded what it would have done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub audit: bool,
    /// Which calls; every tool call, resource that is read and prompt when all is empty.
    #[serde(default, rename = "match")]
    pub matching: ApprovalMatch,
    /// Groups that decide.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Service accounts that decide.
    #[serde(default)]
    pub service_accounts: Vec<String>,
    /// Groups of which one member may approve alone.
    #[serde(default)]
    pub break_glass_groups: Vec<String>,
    /// How many different people must approve.
    pub approvals: u32,
    /// Whether a vote must have a reason.
    pub require_reason: bool,
    /// Whether a vote must repeat the digest of the request.
    pub require_digest: bool,
    /// Whether one Deny is enough to deny.
    pub deny_is_veto: bool,
    /// How long a call may wait for a decision, in milliseconds.
    pub expires_after_milliseconds: u64,
    /// How often an approved call may be made.
    pub uses: u32,
    /// How long after the decision, in milliseconds.
    pub valid_for_milliseconds: u64,
    /// Whether the client is told at once to repeat the call later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub return_at_once: bool,
    /// How long an answer is held otherwise, in milliseconds.
    pub wait_milliseconds: u64,
    /// Whether approvers see the arguments as the MaskingRules leave them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// How many calls of one caller may wait at once.
    pub max_pending_per_caller: u32,
}

/// Which calls a policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalMatch {
    /// Globs over tool names.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Globs over the URIs of resources that are read.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Globs over names of prompts.
    #[serde(default)]
    pub prompts: Vec<String>,
    /// A condition in CEL, beside the globs; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}
