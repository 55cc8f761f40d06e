//! CommandRules as the gateway knows them, and what the gateway's own check says of them.

use lychgate_crds::Reason;
use lychgate_crds::approval::policy::Mode;
use lychgate_crds::command::{
    self, Clause, ClauseAction, CommandLimits, CommandRuleSpec, Extraction, MaskedValue,
};
use lychgate_gateway_policy::command::{STATEMENT_BYTES, check_rule};
use lychgate_gateway_policy::config;

use crate::approval::NO_UID;
use crate::inventory::Entry;
use crate::problem::Finding;

/// A rule as the gateway knows it. What its schema allows and the gateway could not take is impossible; where a size
/// were wrong all the same, the strictest stands in.
pub(crate) fn to_config(entry: &Entry<CommandRuleSpec>, spec: &CommandRuleSpec) -> config::CommandRule {
    config::CommandRule {
        namespace: entry.key.namespace.clone(),
        name: entry.key.name.clone(),
        uid: entry.uid.clone().unwrap_or_else(|| NO_UID.to_owned()),
        generation: entry.generation.unwrap_or_default(),
        ..content(spec)
    }
}

/// What is wrong with a rule beyond its schema: paths, above all.
pub(crate) fn check(spec: &CommandRuleSpec) -> Vec<Finding> {
    let problems = check_rule(&content(spec)).into_iter();
    let problems = problems.filter(|problem| !["namespace", "name"].contains(&problem.path.as_str()));
    problems
        .map(|problem| Finding::new(format!("spec.{}", problem.path), Reason::InvalidValue, problem.message))
        .collect()
}

/// What a rule says, without its name.
fn content(spec: &CommandRuleSpec) -> config::CommandRule {
    let CommandRuleSpec {
        target_refs: _,
        connection_selector: _,
        namespace_selector: _,
        mode,
        extract,
        rules,
        on_unparseable,
        on_unknown_tool,
        masked_value_in_request,
        limits: CommandLimits { statement_bytes, statements },
    } = spec;
    config::CommandRule {
        audit: *mode == Mode::Audit,
        extract: extract.iter().map(extraction).collect(),
        rules: rules.iter().map(clause).collect(),
        on_unparseable: match on_unparseable {
            command::OnUnparseable::Deny => config::OnUnparseable::Deny,
            command::OnUnparseable::RequireApproval => config::OnUnparseable::RequireApproval,
        },
        on_unknown_tool: match on_unknown_tool {
            command::OnUnknownTool::Inherit => config::OnUnknownTool::Inherit,
            command::OnUnknownTool::Deny => config::OnUnknownTool::Deny,
        },
        masked_value_in_request: match masked_value_in_request {
            MaskedValue::Deny => config::MaskedValueInRequest::Deny,
            MaskedValue::Allow => config::MaskedValueInRequest::Allow,
        },
        limits: config::CommandLimits {
            statement_bytes: statement_bytes.bytes().unwrap_or(*STATEMENT_BYTES.start()),
            statements: u32::try_from(*statements).unwrap_or(1),
        },
        ..config::CommandRule::default()
    }
}

fn extraction(extraction: &Extraction) -> config::Extraction {
    let Extraction { tools, argument, language, dialect } = extraction;
    config::Extraction {
        tools: tools.clone(),
        argument: argument.clone(),
        language: match language {
            command::Language::Sql => config::Language::Sql,
        },
        dialect: self::dialect(*dialect),
    }
}

fn dialect(dialect: command::Dialect) -> config::Dialect {
    match dialect {
        command::Dialect::PostgreSql => config::Dialect::PostgreSql,
        command::Dialect::MySql => config::Dialect::MySql,
        command::Dialect::SqlServer => config::Dialect::SqlServer,
        command::Dialect::Sqlite => config::Dialect::Sqlite,
        command::Dialect::Snowflake => config::Dialect::Snowflake,
        command::Dialect::BigQuery => config::Dialect::BigQuery,
        command::Dialect::Oracle => config::Dialect::Oracle,
        command::Dialect::ClickHouse => config::Dialect::ClickHouse,
        command::Dialect::Generic => config::Dialect::Generic,
    }
}

fn clause(clause: &Clause) -> config::CommandClause {
    let Clause { name, effects, when, action, credential, message } = clause;
    config::CommandClause {
        name: name.clone(),
        effects: effects.iter().copied().map(effect).collect(),
        when: when.clone(),
        action: match action {
            ClauseAction::Deny => config::CommandAction::Deny,
            ClauseAction::RequireApproval => config::CommandAction::RequireApproval,
            ClauseAction::Allow => config::CommandAction::Allow,
        },
        credential: credential.clone(),
        message: message.clone(),
    }
}

fn effect(effect: command::Effect) -> config::Effect {
    match effect {
        command::Effect::Read => config::Effect::Read,
        command::Effect::Write => config::Effect::Write,
        command::Effect::WriteAll => config::Effect::WriteAll,
        command::Effect::Schema => config::Effect::Schema,
        command::Effect::Admin => config::Effect::Admin,
        command::Effect::Exec => config::Effect::Exec,
        command::Effect::Exfiltrate => config::Effect::Exfiltrate,
    }
}
