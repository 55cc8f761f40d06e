//! What CommandRules say of themselves, of each other, and of the connections that they hold for: rules that never
//! count, credentials that contradict each other or are not there, and approvals that nobody could give.

use lychgate_crds::Reason;
use lychgate_crds::connection::Credential;
use lychgate_gateway_policy::config::{CommandAction, CommandClause, CommandRule, OnUnparseable};

use super::approvers::globs_meet;
use super::attached::{Attached, Effective};
use crate::inventory::Inventory;
use crate::problem::{Finding, ObjectKey, Problem};

/// A rule of a CommandRule, and where it stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: &'a ObjectKey,
    index: usize,
    clause: &'a CommandClause,
}

/// What is odd with CommandRules that are right by themselves.
pub(super) fn check(inventory: &Inventory, attached: &Attached<'_>, problems: &mut Vec<Problem>) {
    let mut conflicts: Vec<(&ObjectKey, Finding)> = Vec::new();
    for place in 0..inventory.connections.len() {
        let holding = attached.commands.holding(place);
        let enforced: Vec<(&ObjectKey, &CommandRule)> = holding
            .filter_map(|policy| policy.config.as_ref().map(|config| (policy.key, config)))
            .filter(|(_, config)| !config.audit)
            .collect();
        conflicts.extend(credential_conflicts(&enforced));
    }
    for entry in &inventory.command_rules {
        let config = attached.commands.config(&entry.key);
        let mut findings: Vec<Finding> = config.map(without_effect).unwrap_or_default();
        for (key, finding) in &conflicts {
            if **key == entry.key && !findings.contains(finding) {
                findings.push(finding.clone());
            }
        }
        problems.extend(entry.problems(findings));
    }
}

/// Rules that never decide anything, and words that nobody reads.
fn without_effect(rule: &CommandRule) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, clause) in rule.rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        if let Some(stronger) = overruled_by(clause, &rule.rules) {
            let message = format!(
                "never counts: for each of its effects {stronger}, which always holds, says the stricter thing; remove it, \
                 or take its effects out there"
            );
            findings.push(Finding::warning(path, Reason::NoEffect, message));
        } else if clause.action == CommandAction::Allow && clause.message.is_some() {
            let message = "nobody is told: a call that is allowed simply passes; remove it";
            findings.push(Finding::warning(format!("{path}.message"), Reason::NoEffect, message));
        }
    }
    findings
}

/// The names of rules that always hold and are stricter for every effect of a clause, in words. A clause with a
/// condition counts even so if it can only be overruled by an approval, since its condition may fail, which denies.
fn overruled_by(clause: &CommandClause, rules: &[CommandClause]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for effect in &clause.effects {
        let stronger = rules.iter().find(|other| {
            other.when.is_none()
                && other.action > clause.action
                && (clause.when.is_none() || other.action == CommandAction::Deny)
                && other.effects.contains(effect)
        })?;
        if !names.contains(&stronger.name.as_str()) {
            names.push(&stronger.name);
        }
    }
    Some(names.join(" and "))
}

/// Pairs of rules that always hold, can allow one effect of one call, and choose different credentials for it.
fn credential_conflicts<'a>(enforced: &[(&'a ObjectKey, &'a CommandRule)]) -> Vec<(&'a ObjectKey, Finding)> {
    let mut found = Vec::new();
    for (position, (left_key, left)) in enforced.iter().enumerate() {
        for (right_key, right) in enforced.iter().skip(position) {
            if !tools_meet(left, right) {
                continue;
            }
            for one in choices(left_key, left) {
                for other in choices(right_key, right) {
                    let is_later = left_key != right_key || other.index > one.index;
                    if is_later && contradict(one.clause, other.clause) {
                        found.push((one.key, conflict(&one, &other)));
                        found.push((other.key, conflict(&other, &one)));
                    }
                }
            }
        }
    }
    found
}

/// The rules that always choose a credential.
fn choices<'a>(key: &'a ObjectKey, rule: &'a CommandRule) -> impl Iterator<Item = Place<'a>> {
    let places = rule.rules.iter().enumerate().map(move |(index, clause)| Place { key, index, clause });
    places.filter(|place| {
        let clause = place.clause;
        clause.credential.is_some() && clause.when.is_none() && overruled_by(clause, &rule.rules).is_none()
    })
}

fn contradict(left: &CommandClause, right: &CommandClause) -> bool {
    left.credential != right.credential && left.effects.iter().any(|effect| right.effects.contains(effect))
}

fn tools_meet(left: &CommandRule, right: &CommandRule) -> bool {
    let tools = |rule: &CommandRule| -> Vec<String> {
        rule.extract.iter().flat_map(|extraction| extraction.tools.clone()).collect()
    };
    let (left, right) = (tools(left), tools(right));
    left.iter().any(|left| right.iter().any(|right| globs_meet(left, right)))
}

fn conflict(own: &Place<'_>, other: &Place<'_>) -> Finding {
    let whose = if own.key == other.key {
        format!("rules[{}] {}", other.index, other.clause.name)
    } else {
        let name = other.key.seen_from(&own.key.namespace);
        format!("{name} rules[{}] {}", other.index, other.clause.name)
    };
    let message = format!(
        "{whose} chooses another credential for the same effect, so that calls which both allow are denied; choose the \
         same in both, or let them be about different effects or tools"
    );
    Finding::warning(format!("spec.rules[{}].credential", own.index), Reason::CredentialConflict, message)
}

/// What CommandRules ask of a connection and it does not have. One that only reports is to be ready to be enforced.
pub(super) fn demands(policies: &Effective<'_>, credentials: &[Credential]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &policies.commands {
        for (index, clause) in rule.rules.iter().enumerate() {
            let Some(name) = &clause.credential else { continue };
            if credentials.iter().any(|credential| credential.name == *name) {
                continue;
            }
            let message = format!(
                "there is no credential {name}, which {} rules[{index}] {} chooses; add it, or name another there",
                in_words(rule),
                clause.name
            );
            findings.push(Finding::new("spec.credentials", Reason::InvalidValue, message));
        }
    }
    findings.extend(unheard(policies));
    findings
}

/// Approvals that are asked for, and that nobody could give.
fn unheard(policies: &Effective<'_>) -> Option<Finding> {
    // A broken one is told of elsewhere.
    let is_broken = policies.broken.iter().any(|key| key.kind == "ApprovalPolicy");
    if is_broken || policies.enforced_approvals().next().is_some() {
        return None;
    }
    let (rule, what) =
        policies.enforced_commands().find_map(|rule| Some((rule, asks_for_approval(rule)?)))?;
    let message = format!(
        "no ApprovalPolicy is enforced for it, so that what waits for approval by {} {what} is denied; attach one",
        in_words(rule)
    );
    Some(Finding::warning("", Reason::NoApprovers, message))
}

/// What of a CommandRule makes a call wait.
fn asks_for_approval(rule: &CommandRule) -> Option<String> {
    let mut clauses = rule.rules.iter().enumerate();
    let clause = clauses.find(|(_, clause)| clause.action == CommandAction::RequireApproval);
    let clause = clause.map(|(index, clause)| format!("rules[{index}] {}", clause.name));
    clause.or_else(|| {
        (rule.on_unparseable == OnUnparseable::RequireApproval).then(|| "onUnparseable".to_owned())
    })
}

fn in_words(rule: &CommandRule) -> String {
    format!("CommandRule {}/{}", rule.namespace, rule.name)
}
