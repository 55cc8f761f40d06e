//! Which commands calls may hold, as the operator tells a gateway.

use lychgate_gateway_command::sql;
use serde::{Deserialize, Serialize};

/// One CommandRule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandRule {
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
    /// Where commands stand in calls.
    pub extract: Vec<Extraction>,
    /// What becomes of their effects.
    #[serde(default)]
    pub rules: Vec<CommandClause>,
    /// What becomes of a call whose command cannot be read.
    #[serde(default)]
    pub on_unparseable: OnUnparseable,
    /// What becomes of a call of a tool that no rule extracts anything from.
    #[serde(default)]
    pub on_unknown_tool: OnUnknownTool,
    /// Whether a call may hold what a gateway has written in place of a value.
    #[serde(default)]
    pub masked_value_in_request: MaskedValueInRequest,
    /// How much is read before it counts as unreadable.
    #[serde(default)]
    pub limits: CommandLimits,
}

/// Where a command stands, and in what language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extraction {
    /// Globs over tool names, of which one must match.
    pub tools: Vec<String>,
    /// The path to the text from the root of the arguments, as [`super::Field::json_path`].
    pub argument: String,
    /// The language.
    pub language: Language,
    /// Whose SQL it is.
    pub dialect: Dialect,
}

/// The language of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// Statements for a database.
    #[serde(rename = "SQL")]
    Sql,
}

/// Whose SQL a text is; what each stands for says [`sql::Dialect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names of products say what they are")]
pub enum Dialect {
    PostgreSql,
    MySql,
    SqlServer,
    Sqlite,
    Snowflake,
    BigQuery,
    Oracle,
    ClickHouse,
    /// Not known: what dialects disagree on cannot be read.
    Generic,
}

/// What a statement does; what each means says [`sql::Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are told once, where they are found")]
pub enum Effect {
    Read,
    Write,
    WriteAll,
    Schema,
    Admin,
    Exec,
    Exfiltrate,
}

/// What becomes of some effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandClause {
    /// The name by which records and denials speak of it.
    pub name: String,
    /// The effects that it is about; at least one.
    pub effects: Vec<Effect>,
    /// A condition in CEL; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What becomes of them.
    pub action: CommandAction,
    /// The credential that the call is made with; only with `Allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// What the caller is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What becomes of an effect. In order of strength: deny, require approval, allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CommandAction {
    /// The call may be made, as far as this effect goes.
    Allow,
    /// The call waits for a person.
    RequireApproval,
    /// The call is denied.
    Deny,
}

/// What becomes of a call whose command cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OnUnparseable {
    /// It waits for a person.
    RequireApproval,
    /// It is denied.
    #[default]
    Deny,
}

/// What becomes of a call of a tool that no rule extracts anything from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnUnknownTool {
    /// Grants decide.
    #[default]
    Inherit,
    /// It is denied.
    Deny,
}

/// Whether a call may hold what a gateway has written in place of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MaskedValueInRequest {
    /// It may.
    Allow,
    /// It is denied: a mask must not be written back as data.
    #[default]
    Deny,
}

/// How much is read before it counts as unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandLimits {
    /// The longest text, in bytes.
    pub statement_bytes: u64,
    /// The most statements in one text.
    pub statements: u32,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self { statement_bytes: 64 * 1024, statements: 20 }
    }
}

impl From<Dialect> for sql::Dialect {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::PostgreSql => Self::PostgreSql,
            Dialect::MySql => Self::MySql,
            Dialect::SqlServer => Self::SqlServer,
            Dialect::Sqlite => Self::Sqlite,
            Dialect::Snowflake => Self::Snowflake,
            Dialect::BigQuery => Self::BigQuery,
            Dialect::Oracle => Self::Oracle,
            Dialect::ClickHouse => Self::ClickHouse,
            Dialect::Generic => Self::Generic,
        }
    }
}

impl From<sql::Kind> for Effect {
    fn from(kind: sql::Kind) -> Self {
        match kind {
            sql::Kind::Read => Self::Read,
            sql::Kind::Write => Self::Write,
            sql::Kind::WriteAll => Self::WriteAll,
            sql::Kind::Schema => Self::Schema,
            sql::Kind::Admin => Self::Admin,
            sql::Kind::Exec => Self::Exec,
            sql::Kind::Exfiltrate => Self::Exfiltrate,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use lychgate_gateway_command::sql;

    use super::{Dialect, Effect};

    #[test]
    fn dialects_and_effects_are_called_here_as_where_they_are_found() {
        for expected in sql::Dialect::ALL {
            let named: Dialect = serde_json::from_value(expected.name().into()).unwrap();
            assert_eq!(sql::Dialect::from(named), expected);
        }
        for kind in sql::Kind::ALL {
            assert_eq!(serde_json::to_value(Effect::from(kind)).unwrap(), kind.name());
        }
    }
}
