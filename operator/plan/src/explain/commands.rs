//! What CommandRules say, in words: where commands stand, and what becomes of each effect.

use lychgate_gateway_policy::config::{
    CommandAction, CommandClause, CommandRule, Dialect, Effect, Extraction, Language, MaskedValueInRequest,
    OnUnknownTool, OnUnparseable,
};

/// A rule, one thing a line.
pub(super) fn in_words(rule: &CommandRule) -> Vec<String> {
    let audit = if rule.audit { " (Audit: it only reports)" } else { "" };
    let mut lines: Vec<String> = Vec::new();
    for (index, extraction) in rule.extract.iter().enumerate() {
        let name = format!("CommandRule {}/{}{audit}", rule.namespace, rule.name);
        lines.push(format!("{name} extract[{index}] {}", extracted(extraction)));
    }
    let clauses = rule.rules.iter().enumerate();
    lines.extend(
        clauses.map(|(index, clause)| format!("  rules[{index}] {}: {}", clause.name, judged(clause))),
    );
    let unread = match rule.on_unparseable {
        OnUnparseable::Deny => "denied",
        OnUnparseable::RequireApproval => "for approval",
    };
    let rest = if judges_reads(rule) { "the rest" } else { "Read allowed, the rest" };
    lines.push(format!("  otherwise: {rest} denied; what cannot be read: {unread}"));
    if rule.on_unknown_tool == OnUnknownTool::Deny {
        lines.push("  tools that no CommandRule names: denied".to_owned());
    }
    if rule.masked_value_in_request == MaskedValueInRequest::Allow {
        lines.push("  arguments that hold a mask: judged as any other".to_owned());
    }
    lines
}

fn judges_reads(rule: &CommandRule) -> bool {
    rule.rules.iter().any(|clause| clause.when.is_none() && clause.effects.contains(&Effect::Read))
}

fn extracted(extraction: &Extraction) -> String {
    let Extraction { tools, argument, language, dialect } = extraction;
    let language = match language {
        Language::Sql => "SQL",
    };
    format!("{argument} of tools {}: {language} of {}", tools.join(", "), server(*dialect))
}

fn server(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::PostgreSql => "postgresql",
        Dialect::MySql => "mysql",
        Dialect::SqlServer => "sqlserver",
        Dialect::Sqlite => "sqlite",
        Dialect::Snowflake => "snowflake",
        Dialect::BigQuery => "bigquery",
        Dialect::Oracle => "oracle",
        Dialect::ClickHouse => "clickhouse",
        Dialect::Generic => "any server",
    }
}

fn judged(clause: &CommandClause) -> String {
    let CommandClause { name: _, effects, when, action, credential, message: _ } = clause;
    let action = match action {
        CommandAction::Deny => "denied",
        CommandAction::RequireApproval => "for approval",
        CommandAction::Allow => "allowed",
    };
    let effects: Vec<&str> = effects.iter().map(|effect| named(*effect)).collect();
    let condition = when.as_ref().map(|when| format!(" when {when}")).unwrap_or_default();
    let credential =
        credential.as_ref().map(|name| format!(" with the credential {name}")).unwrap_or_default();
    format!("{} {action}{credential}{condition}", effects.join(", "))
}

fn named(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "Read",
        Effect::Write => "Write",
        Effect::WriteAll => "WriteAll",
        Effect::Schema => "Schema",
        Effect::Admin => "Admin",
        Effect::Exec => "Exec",
        Effect::Exfiltrate => "Exfiltrate",
    }
}
