//! CommandRule: which commands in the arguments of tools pass, wait for a person, or are denied.
#![allow(clippy::duplicated_attributes, reason = "each printer column has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::approval::policy::Mode;
use crate::connection::Size;
use crate::rule::{self, validations};
use crate::schema::{set, text, with_rules};
use crate::target::{Selector, TargetReference};
use crate::text as format;

/// Which commands in the arguments of tools pass, wait for a person, or are denied. A command is read as its server
/// would read it, and judged by what it does. Where several hold for a call, their rules count together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::RULE_HOLDS_FOR_SOMETHING])))]
#[kube(
    group = "lychgate.dev",
    version = "v1alpha1",
    kind = "CommandRule",
    plural = "commandrules",
    shortname = "cmdr",
    category = "lychgate",
    namespaced,
    status = "CommandRuleStatus",
    derive = "PartialEq",
    doc = "Which commands in the arguments of tools pass, wait for a person, or are denied.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Tools", type_ = "string", json_path = ".spec.extract[*].tools"),
    printcolumn(name = "Connections", type_ = "integer", json_path = ".status.connectionCount"),
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
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].reason",
        priority = 1
    ),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRefs[*].name", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct CommandRuleSpec {
    /// The connections and gateways that the rules hold for, in the same namespace. Rules for a gateway hold for each
    /// of its connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"])
    )]
    pub target_refs: Vec<TargetReference>,
    /// Connections that the rules hold for, by their labels: those of the rules' namespace, or of the namespaces that
    /// namespaceSelector selects. An empty selector selects every connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_selector: Option<Selector>,
    /// Namespaces whose connections the rules hold for, by their labels, so that one object binds every tenant. It
    /// counts in the namespace of the operator alone. An empty selector selects every namespace. Without
    /// connectionSelector, all connections in them are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<Selector>,
    /// Enforce: what is found decides. Audit: calls pass, and the record says what would have become of them.
    #[serde(default)]
    pub mode: Mode,
    /// Where commands stand. A call of a tool that is named here is judged by the rules.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub extract: Vec<Extraction>,
    /// What becomes of commands, by their effects. Every effect of every command gets a verdict: Deny if a rule that
    /// names it says so, else RequireApproval, else Allow; the strictest one counts for the call. Where no rule names
    /// an effect, Read is allowed and everything else denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub rules: Vec<Clause>,
    /// What becomes of a call whose command is absent, no text, too long, or cannot be read with certainty.
    #[serde(default)]
    pub on_unparseable: OnUnparseable,
    /// What becomes of a call of a tool that no CommandRule names. Inherit: the grants decide.
    #[serde(default)]
    pub on_unknown_tool: OnUnknownTool,
    /// What becomes of a call whose arguments hold a mask that Lychgate wrote, such as `[REDACTED:Email]`, which would
    /// end up in the data.
    #[serde(default)]
    pub masked_value_in_request: MaskedValue,
    /// Sizes that no command exceeds. One that does cannot be read.
    #[serde(default)]
    pub limits: CommandLimits,
}

/// Where a command stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extraction {
    /// Patterns over tool names. An asterisk stands for any run of characters.
    #[schemars(schema_with = "tools")]
    pub tools: Vec<String>,
    /// The place of the command in the arguments, such as `$.sql`: all of RFC 9535. With a
    /// wildcard, every text that it finds is a command.
    #[schemars(schema_with = "argument")]
    pub argument: String,
    /// The language of the command.
    pub language: Language,
    /// The dialect of the server that runs it. What servers would read differently is not read at all.
    pub dialect: Dialect,
}

/// A language of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Language {
    /// Statements of SQL.
    #[serde(rename = "SQL")]
    Sql,
}

/// A dialect of SQL, by the name of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Dialect {
    /// PostgreSQL.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
    /// Microsoft SQL Server.
    SqlServer,
    /// SQLite.
    Sqlite,
    /// Snowflake.
    Snowflake,
    /// BigQuery.
    BigQuery,
    /// Oracle.
    Oracle,
    /// ClickHouse.
    ClickHouse,
    /// What all of them have in common.
    Generic,
}

/// What becomes of commands with some effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::CREDENTIAL_WITH_ALLOW])))]
pub struct Clause {
    /// The name by which answers and records speak of the rule.
    #[schemars(schema_with = "name")]
    pub name: String,
    /// The effects that the rule is about. Read: changes nothing. Write: changes rows. WriteAll: changes rows without
    /// a condition that restricts them. Schema: creates, changes or drops objects. Admin: roles, grants, settings.
    /// Exec: runs code that cannot be seen. Exfiltrate: files and other servers.
    #[schemars(length(min = 1, max = 7), extend("x-kubernetes-list-type" = "set"))]
    pub effects: Vec<Effect>,
    /// A condition in CEL over caller, tool, args, connection, now and statement. Where it is false, the rule does not
    /// count. Where it cannot be evaluated, the call is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition")]
    pub when: Option<String>,
    /// What becomes of the call. RequireApproval: it waits, as the ApprovalPolicies say that match it; if none does, as
    /// all of the connection's say; without any, it is denied.
    pub action: ClauseAction,
    /// The credential of the connection that is injected into the call in place of the usual one, with Allow alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "name")]
    pub credential: Option<String>,
    /// What the agent is told where the call does not simply pass: why, and what to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "message")]
    pub message: Option<String>,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It changes rows.
    Write,
    /// It changes rows without a condition that restricts them.
    WriteAll,
    /// It creates, changes or drops objects.
    Schema,
    /// It changes roles, grants or settings.
    Admin,
    /// It runs code that cannot be seen.
    Exec,
    /// It reaches files or other servers.
    Exfiltrate,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ClauseAction {
    /// It is refused.
    Deny,
    /// It waits for a person.
    RequireApproval,
    /// It passes.
    Allow,
}

/// What becomes of a call whose command cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OnUnparseable {
    /// It is refused.
    #[default]
    Deny,
    /// It waits for a person.
    RequireApproval,
}

/// What becomes of a call of a tool that nobody names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OnUnknownTool {
    /// The grants decide.
    #[default]
    Inherit,
    /// It is refused.
    Deny,
}

/// What becomes of a call whose arguments hold a mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum MaskedValue {
    /// It is refused.
    #[default]
    Deny,
    /// It is judged as any other.
    Allow,
}

/// Sizes that no command exceeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandLimits {
    /// The longest command, in bytes, as a quantity of at most 64Ki.
    #[serde(default = "default_statement_bytes")]
    #[schemars(schema_with = "statement_bytes")]
    pub statement_bytes: Size,
    /// How many statements one command may have.
    #[serde(default = "default_statements")]
    #[schemars(range(min = 1, max = 20))]
    pub statements: i32,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self { statement_bytes: default_statement_bytes(), statements: default_statements() }
    }
}

/// What the operator says of a CommandRule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandRuleStatus {
    /// The generation of the object that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the object stands: Accepted, Programmed and Conflicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// How many connections the rules hold for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_count: Option<i64>,
    /// The connections that the rules hold for, as namespace/name; the first 64 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub connections: Vec<String>,
}

fn default_statement_bytes() -> Size {
    Size::Quantity("64Ki".to_owned())
}

fn default_statements() -> i32 {
    20
}

fn tools(_: &mut SchemaGenerator) -> Schema {
    let mut tools = set(64, &text(&format::GLOB));
    tools.insert("minItems".to_owned(), 1.into());
    tools
}

fn argument(_: &mut SchemaGenerator) -> Schema {
    text(&format::JSON_PATH)
}

fn name(_: &mut SchemaGenerator) -> Schema {
    text(&format::LABEL)
}

pub(crate) fn condition(_: &mut SchemaGenerator) -> Schema {
    text(&format::CONDITION)
}

fn message(_: &mut SchemaGenerator) -> Schema {
    text(&format::MESSAGE)
}

fn statement_bytes(_: &mut SchemaGenerator) -> Schema {
    let size = schemars::json_schema!({
        "x-kubernetes-int-or-string": true,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": format::SIZE.pattern,
        "maxLength": format::SIZE.maximum_length,
    });
    with_rules(size, &[rule::STATEMENT_SIZE_IN_RANGE])
}
