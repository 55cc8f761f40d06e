//! What approvers are shown of the commands in a call: its statements as they would run, what they do, and how much
//! that is.

use lychgate_crds::approval::{MAXIMUM_ARGUMENTS, Risk};
use lychgate_crds::command::Effect;
use lychgate_gateway_policy::command::{Commands, Verdict};
use lychgate_gateway_policy::config;

use super::refusal::Refusal;

/// What approvers see of the commands in a call; nothing where no command rule looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownCommands {
    /// The statements, each on a line of its own.
    pub statement: Option<String>,
    /// What they do.
    pub effects: Vec<Effect>,
    /// How much that is.
    pub risk: Option<Risk>,
}

/// What approvers see. Where something of the arguments is hidden from them, the statements are, too: they are seen in
/// the arguments, as far as they may be.
///
/// # Errors
/// It is longer than they could be shown.
pub fn shown(commands: &Commands, is_hidden: bool) -> Result<ShownCommands, Refusal> {
    let Some(verdict) = &commands.enforced else { return Ok(ShownCommands::default()) };
    let statements: Vec<&str> = verdict.statements.iter().map(|statement| statement.text.as_str()).collect();
    let statement = (!is_hidden && !statements.is_empty()).then(|| statements.join("\n"));
    if let Some(characters) = statement.as_ref().map(|text| text.chars().count())
        && characters > MAXIMUM_ARGUMENTS
    {
        return Err(Refusal::TooLong { characters });
    }
    let effects: Vec<Effect> = verdict.effects().into_iter().map(effect).collect();
    Ok(ShownCommands { statement, risk: Some(risk(verdict)), effects })
}

/// What could not be read may do anything.
fn risk(verdict: &Verdict) -> Risk {
    let is_unread = verdict.findings.iter().any(|finding| finding.effect.is_none()) || verdict.omitted > 0;
    verdict.effects().into_iter().map(risk_of).fold(if is_unread { Risk::High } else { Risk::Low }, higher)
}

fn risk_of(effect: config::Effect) -> Risk {
    match effect {
        config::Effect::Read => Risk::Low,
        config::Effect::Write => Risk::Medium,
        config::Effect::WriteAll
        | config::Effect::Schema
        | config::Effect::Admin
        | config::Effect::Exec
        | config::Effect::Exfiltrate => Risk::High,
    }
}

fn higher(one: Risk, other: Risk) -> Risk {
    match (one, other) {
        (Risk::High, _) | (_, Risk::High) => Risk::High,
        (Risk::Medium, _) | (_, Risk::Medium) => Risk::Medium,
        (Risk::Low, Risk::Low) => Risk::Low,
    }
}

fn effect(effect: config::Effect) -> Effect {
    match effect {
        config::Effect::Read => Effect::Read,
        config::Effect::Write => Effect::Write,
        config::Effect::WriteAll => Effect::WriteAll,
        config::Effect::Schema => Effect::Schema,
        config::Effect::Admin => Effect::Admin,
        config::Effect::Exec => Effect::Exec,
        config::Effect::Exfiltrate => Effect::Exfiltrate,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use bytes::Bytes;
    use lychgate_crds::approval::{MAXIMUM_ARGUMENTS, Risk};
    use lychgate_crds::command::Effect;
    use lychgate_gateway_mcp::json::Limits;
    use lychgate_gateway_mcp::message::Message;
    use lychgate_gateway_policy::command::Commands;
    use lychgate_gateway_policy::{Call, Caller, Decision, decide};
    use serde_json::json;

    use super::{ShownCommands, shown};
    use crate::approval::refusal::Refusal;
    use crate::approval::testing;

    /// What a policy finds in the call of a tool with a statement. Its rule reads those of `execute_sql`.
    fn commands(tool: &str, sql: &str, audit: bool) -> Commands {
        let rule = json!({
            "namespace": "agents", "name": "sql", "uid": "uid-sql", "generation": 1, "audit": audit,
            "extract": [
                {"tools": ["execute_sql"], "argument": "$.sql", "language": "SQL", "dialect": "postgresql"},
            ],
            "rules": [{"name": "bulk", "effects": ["Write", "WriteAll"], "action": "RequireApproval"}],
        });
        let policy = testing::policy(|config| {
            config.access = serde_json::from_value(json!([{"groups": ["*"], "tools": ["*"]}])).unwrap();
            config.commands = vec![serde_json::from_value(rule).unwrap()];
        });
        let params = json!({"name": tool, "arguments": {"sql": sql}});
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let message = Message::parse(Bytes::from(text), Limits::with_bytes(1 << 20)).unwrap();
        let caller = Caller { anonymous: false, ..Caller::anonymous() };
        match decide(&policy, &caller, Call::new(message).unwrap(), &[], 0) {
            Decision::Allow(permit) => permit.commands().clone(),
            Decision::Ask(ask) => ask.commands().clone(),
            Decision::Deny(denial) => denial.commands().clone(),
        }
    }

    #[test]
    fn approvers_see_each_statement_on_its_line_and_what_all_of_them_do_and_how_much_that_is() {
        for (sql, statement, effects, risk) in [
            ("SELECT 1", Some("SELECT 1"), &[Effect::Read][..], Risk::Low),
            ("SELECT 1;\nSELECT 2", Some("SELECT 1\nSELECT 2"), &[Effect::Read], Risk::Low),
            (
                "delete from t\nwhere id = 7 -- why",
                Some("delete from t where id = 7"),
                &[Effect::Write],
                Risk::Medium,
            ),
            (
                "SELECT 1; INSERT INTO t VALUES (1)",
                Some("SELECT 1\nINSERT INTO t VALUES (1)"),
                &[Effect::Read, Effect::Write],
                Risk::Medium,
            ),
            ("DELETE FROM t", Some("DELETE FROM t"), &[Effect::WriteAll], Risk::High),
            (
                "DROP TABLE t; SELECT 1",
                Some("DROP TABLE t\nSELECT 1"),
                &[Effect::Read, Effect::Schema],
                Risk::High,
            ),
            ("DROP ROLE r", Some("DROP ROLE r"), &[Effect::Admin], Risk::High),
            ("CALL p()", Some("CALL p()"), &[Effect::Exec], Risk::High),
            ("COPY t TO '/x'", Some("COPY t TO '/x'"), &[Effect::Exfiltrate], Risk::High),
            // What cannot be read may do anything.
            ("SELECT 'open", None, &[], Risk::High),
        ] {
            let found = commands("execute_sql", sql, false);
            let expected = ShownCommands {
                statement: statement.map(str::to_owned),
                effects: effects.to_vec(),
                risk: Some(risk),
            };
            assert_eq!(shown(&found, false).ok(), Some(expected.clone()), "{sql}");
            let hidden = ShownCommands { statement: None, ..expected };
            assert_eq!(shown(&found, true).ok(), Some(hidden), "{sql}, where something is hidden");
        }
    }

    #[test]
    fn approvers_see_no_commands_where_no_enforced_rule_looks_for_them() {
        for (tool, audit) in [("list_tables", false), ("execute_sql", true)] {
            let found = commands(tool, "DROP TABLE t", audit);
            assert_eq!(shown(&found, false).ok(), Some(ShownCommands::default()), "{tool}, audit {audit}");
        }
    }

    #[test]
    fn statements_are_shown_whole_or_not_at_all() {
        let of_length = |characters: usize| {
            let sql = format!("SELECT '{}'", "é".repeat(characters - "SELECT ''".len()));
            shown(&commands("execute_sql", &sql, false), false)
        };
        let longest = of_length(MAXIMUM_ARGUMENTS).unwrap().statement.unwrap();
        assert_eq!(longest.chars().count(), MAXIMUM_ARGUMENTS);
        let over = MAXIMUM_ARGUMENTS + 1;
        assert!(matches!(of_length(over), Err(Refusal::TooLong { characters }) if characters == over));
    }
}
