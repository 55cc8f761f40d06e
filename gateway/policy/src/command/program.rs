//! From the CommandRules of a document to what a call can be judged with.

use lychgate_gateway_command::sql;
use lychgate_gateway_condition::Scope;

use super::check::check_rule;
use crate::approval::PolicyReference;
use crate::compile::Problem;
use crate::config::{
    self, CommandAction, Effect, GatewayConfig, MaskedValueInRequest, OnUnknownTool, OnUnparseable,
};
use crate::glob::Glob;
use crate::path::Path;
use crate::when::{self, When};

/// The most CommandRules of one connection.
pub const MAXIMUM_RULES: usize = 16;

/// The compiled CommandRules of a connection.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(super) rules: Vec<Rule>,
}

/// One compiled CommandRule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) reference: PolicyReference,
    pub(super) is_audited: bool,
    pub(super) extractions: Vec<Extraction>,
    pub(super) clauses: Vec<Clause>,
    pub(super) on_unparseable: CommandAction,
    pub(super) denies_unknown_tools: bool,
    pub(super) denies_masks: bool,
    pub(super) limits: sql::Limits,
}

/// Where a text stands, and whose SQL it is.
#[derive(Debug)]
pub(super) struct Extraction {
    pub(super) tools: Vec<Glob>,
    pub(super) path: Path,
    /// The path as it was written.
    pub(super) place: String,
    pub(super) dialect: sql::Dialect,
}

/// What becomes of some effects.
#[derive(Debug)]
pub(super) struct Clause {
    /// As records and denials call it, such as `commandrule[agents/sql] rules[0] no-ddl`.
    pub(super) label: String,
    pub(super) effects: Vec<Effect>,
    pub(super) when: When,
    pub(super) action: CommandAction,
    pub(super) credential: Option<String>,
    pub(super) message: Option<String>,
}

/// Compiles the CommandRules of a document, and finds all that is wrong with them.
pub(crate) fn compile(config: &GatewayConfig, problems: &mut Vec<Problem>) -> Program {
    if config.commands.len() > MAXIMUM_RULES {
        let message = format!("has more than {MAXIMUM_RULES} CommandRules; merge some of them");
        problems.push(Problem::new("commands", message));
    }
    for (index, rule) in config.commands.iter().enumerate() {
        let path = format!("commands[{index}]");
        let place = |problem: Problem| Problem::new(format!("{path}.{}", problem.path), problem.message);
        problems.extend(check_rule(rule).into_iter().map(place));
        let same =
            |other: &config::CommandRule| (&other.namespace, &other.name) == (&rule.namespace, &rule.name);
        if config.commands.iter().take(index).any(same) {
            problems.push(Problem::new(format!("{path}.name"), "stands twice; name each rule once"));
        }
    }
    Program { rules: config.commands.iter().map(|rule| Rule::new(rule, config)).collect() }
}

impl Rule {
    /// Takes a rule that [`check_rule`] has found right; what it would have refused is left out.
    fn new(rule: &config::CommandRule, config: &GatewayConfig) -> Self {
        let name = format!("commandrule[{}/{}]", rule.namespace, rule.name);
        let extraction = |extraction: &config::Extraction| {
            Some(Extraction {
                tools: extraction.tools.iter().map(|pattern| Glob::new(pattern)).collect(),
                path: Path::parse(&extraction.argument).ok()?,
                place: extraction.argument.clone(),
                dialect: match extraction.language {
                    config::Language::Sql => extraction.dialect.into(),
                },
            })
        };
        let clause = |(index, clause): (usize, &config::CommandClause)| Clause {
            label: format!("{name} rules[{index}] {}", clause.name),
            effects: clause.effects.clone(),
            when: when::compile(clause.when.as_deref(), Scope::Command, config),
            action: clause.action,
            credential: clause.credential.clone(),
            message: clause.message.clone(),
        };
        Self {
            reference: PolicyReference {
                namespace: rule.namespace.clone(),
                name: rule.name.clone(),
                uid: rule.uid.clone(),
                generation: rule.generation,
            },
            is_audited: rule.audit,
            extractions: rule.extract.iter().filter_map(extraction).collect(),
            clauses: rule.rules.iter().enumerate().map(clause).collect(),
            on_unparseable: match rule.on_unparseable {
                OnUnparseable::RequireApproval => CommandAction::RequireApproval,
                OnUnparseable::Deny => CommandAction::Deny,
            },
            denies_unknown_tools: rule.on_unknown_tool == OnUnknownTool::Deny,
            denies_masks: rule.masked_value_in_request == MaskedValueInRequest::Deny,
            limits: sql::Limits {
                statement_bytes: usize::try_from(rule.limits.statement_bytes).unwrap_or(usize::MAX),
                statements: usize::try_from(rule.limits.statements).unwrap_or(usize::MAX),
            },
        }
    }

    /// The name by which records and denials call it.
    pub(super) fn label(&self) -> String {
        format!("commandrule[{}/{}]", self.reference.namespace, self.reference.name)
    }
}
