//! Whom gateways tell of calls that wait for people: a part of McpGateway.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::connection::SecretKeyReference;
use crate::gateway::CaReference;
use crate::rule::{self, validations};
use crate::schema::{text, with_rules};
use crate::text as format;

/// A receiver of messages about calls that wait for people. Gateways send them over https, and no call waits for
/// that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::JSON_IS_SIGNED])))]
pub struct Notification {
    /// The name by which metrics and logs speak of it.
    #[schemars(schema_with = "name")]
    pub name: String,
    /// The host that messages go to, with a port if it is not 443, such as hooks.slack.com. A URL of another host is
    /// not called.
    #[schemars(schema_with = "host")]
    pub host: String,
    /// The Secret with the receiver's https URL.
    pub url_secret_ref: SecretKeyReference,
    /// The certificate authorities for the receiver's TLS. Without it, the public ones are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_ref: Option<CaReference>,
    /// How messages are written. Json: for programs, signed. Slack: for a channel, by an incoming webhook of Slack or
    /// of what understands the same.
    pub template: NotificationTemplate,
    /// The Secret with the key that messages are signed with (Standard Webhooks): whsec_ and 24 to 64 bytes in base64.
    /// Needed where template is Json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret_ref: Option<SecretKeyReference>,
    /// What is told. Asked: a call waits. Decided: people have decided, or it has ended without.
    #[serde(default = "default_events")]
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub events: Vec<NotificationEvent>,
    /// Whether messages have the arguments of calls, as approvers see them. Omit: they do not leave the cluster.
    /// Include: they do.
    #[serde(default)]
    pub arguments: NotifiedArguments,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum NotificationTemplate {
    /// JSON for programs.
    Json,
    /// Slack's blocks.
    Slack,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum NotificationEvent {
    /// A call waits.
    Asked,
    /// People have decided, or it has ended without.
    Decided,
}

/// Whether messages have the arguments of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum NotifiedArguments {
    /// They stay in the cluster.
    #[default]
    Omit,
    /// They are in the message.
    Include,
}

fn default_events() -> Vec<NotificationEvent> {
    vec![NotificationEvent::Asked, NotificationEvent::Decided]
}

fn name(_: &mut SchemaGenerator) -> Schema {
    text(&format::LABEL)
}

fn host(_: &mut SchemaGenerator) -> Schema {
    with_rules(text(&format::HOSTNAME), &[rule::PORT_IS_IN_RANGE])
}
