//! What is wrong with a CommandRule: every fault, each at its field, with what to write instead.
//!
//! Paths are spelled as in the CommandRule's `spec`, so that the operator, `lychgate validate` and the gateway show
//! one and the same text. Nothing is compiled for later here.

use lychgate_gateway_condition::Scope;

use crate::compile::Problem;
use crate::config::{CommandAction, CommandClause, CommandRule, Extraction};
use crate::path::Path;
use crate::when;

/// The most entries of `extract`.
pub const MAXIMUM_EXTRACTIONS: usize = 16;
/// The most entries of `rules`.
pub const MAXIMUM_CLAUSES: usize = 32;
/// The longest text of all commands of a call, in bytes.
pub const STATEMENT_BYTES: std::ops::RangeInclusive<u64> = 1..=64 * 1024;
/// The most statements of a text.
pub const STATEMENTS: std::ops::RangeInclusive<u32> = 1..=20;
/// The longest message to the caller, in characters.
const MAXIMUM_MESSAGE: usize = 256;

/// Everything that is wrong with `rule`, at paths relative to it such as `extract[0].argument`. Whether its
/// credentials exist is for the whole document to say.
#[must_use]
pub fn check_rule(rule: &CommandRule) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (member, value) in [("namespace", &rule.namespace), ("name", &rule.name)] {
        if value.is_empty() {
            problems.push(Problem::new(member, "is empty; the operator fills it in"));
        }
    }
    if rule.extract.is_empty() || rule.extract.len() > MAXIMUM_EXTRACTIONS {
        let message = format!("says of 1 to {MAXIMUM_EXTRACTIONS} places where commands stand");
        problems.push(Problem::new("extract", message));
    }
    if rule.rules.len() > MAXIMUM_CLAUSES {
        let message = format!("has more than {MAXIMUM_CLAUSES} entries; write a second CommandRule");
        problems.push(Problem::new("rules", message));
    }
    for (index, extraction) in rule.extract.iter().enumerate() {
        check_extraction(extraction, &format!("extract[{index}]"), &mut problems);
    }
    for (index, clause) in rule.rules.iter().enumerate() {
        let path = format!("rules[{index}]");
        check_clause(clause, &path, &mut problems);
        if rule.rules.iter().take(index).any(|other| other.name == clause.name) {
            problems.push(Problem::new(format!("{path}.name"), "stands twice; give each its own name"));
        }
    }
    if !STATEMENT_BYTES.contains(&rule.limits.statement_bytes) {
        problems.push(Problem::new("limits.statementBytes", "write a size between 1 and 64Ki"));
    }
    if !STATEMENTS.contains(&rule.limits.statements) {
        let message = format!("write a number between {} and {}", STATEMENTS.start(), STATEMENTS.end());
        problems.push(Problem::new("limits.statements", message));
    }
    problems
}

fn check_extraction(extraction: &Extraction, path: &str, problems: &mut Vec<Problem>) {
    if extraction.tools.is_empty() {
        let message = "is empty, which matches no tool; write a name, or * for every tool";
        problems.push(Problem::new(format!("{path}.tools"), message));
    }
    for (index, _) in extraction.tools.iter().enumerate().filter(|(_, pattern)| pattern.is_empty()) {
        let message = "is empty, which matches no tool; write a name, or remove the line";
        problems.push(Problem::new(format!("{path}.tools[{index}]"), message));
    }
    if let Err(error) = Path::parse(&extraction.argument) {
        problems.push(Problem::new(format!("{path}.argument"), error.to_string()));
    }
}

fn check_clause(clause: &CommandClause, path: &str, problems: &mut Vec<Problem>) {
    if clause.name.is_empty() {
        let message = "is empty; write the name by which records and denials call it";
        problems.push(Problem::new(format!("{path}.name"), message));
    }
    if clause.effects.is_empty() {
        let message = "is empty, so the rule is about nothing; write for example Schema";
        problems.push(Problem::new(format!("{path}.effects"), message));
    }
    if clause.credential.is_some() && clause.action != CommandAction::Allow {
        let message = "only a call that is allowed has a credential; remove it, or write action: Allow";
        problems.push(Problem::new(format!("{path}.credential"), message));
    }
    if clause.message.as_ref().is_some_and(|message| message.chars().count() > MAXIMUM_MESSAGE) {
        let message = format!("is longer than {MAXIMUM_MESSAGE} characters; write a shorter sentence");
        problems.push(Problem::new(format!("{path}.message"), message));
    }
    when::check(clause.when.as_deref(), Scope::Command, &format!("{path}.when"), problems);
}
