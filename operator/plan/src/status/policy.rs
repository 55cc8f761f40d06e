//! The statuses of policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use lychgate_crds::approval::policy::ApprovalPolicyStatus;
use lychgate_crds::command::CommandRuleStatus;
use lychgate_crds::masking::MaskingRuleStatus;
use lychgate_crds::{ConditionType, Progress, Reason};
use serde_json::Value;

use super::conditions::{Observed, State, Verdict, conditions};
use super::gateway::{accepted, programmed};
use crate::masking;
use crate::problem::Problem;

/// The most connections that a status lists.
const MAXIMUM_CONNECTIONS: usize = 64;

/// All that a policy's status is computed from.
#[derive(Clone, Debug)]
pub struct PolicyFacts<'a> {
    /// What stood before.
    pub observed: Observed<'a>,
    /// What is wrong with the object.
    pub problems: Vec<&'a Problem>,
    /// The connections that it holds for, as `namespace/name`, and whether each is programmed.
    pub connections: Vec<(String, State)>,
}

/// Whether the API server refuses votes and Approvals that nobody may write, as far as the operator has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nobody can tell, for this reason; without one, nothing has been proved yet.
    Unknown(Option<String>),
    /// It does.
    Guarded,
    /// It does not, or the operator can no longer prove it, for this reason.
    Lapsed(String),
}

/// The status of a MaskingRule, which is `object` as the API server has it. `config_maps` are those of its namespace with
/// words.
#[must_use]
pub fn masking_rule(
    facts: &PolicyFacts<'_>,
    object: &Value,
    config_maps: &BTreeMap<String, Arc<Value>>,
) -> MaskingRuleStatus {
    let accepted = accepted_policy(facts);
    let programmed = programmed(&accepted, &facts.connections);
    MaskingRuleStatus {
        observed_generation: Some(facts.observed.generation),
        conditions: conditions(
            facts.observed,
            vec![(ConditionType::Accepted, accepted), (ConditionType::Programmed, programmed)],
        ),
        program: masking::program(object, config_maps),
        connection_count: i64::try_from(facts.connections.len()).ok(),
        connections: listed(facts),
    }
}

/// The status of a CommandRule.
#[must_use]
pub fn command_rule(facts: &PolicyFacts<'_>) -> CommandRuleStatus {
    let accepted = accepted_policy(facts);
    let programmed = programmed(&accepted, &facts.connections);
    CommandRuleStatus {
        observed_generation: Some(facts.observed.generation),
        conditions: conditions(
            facts.observed,
            vec![
                (ConditionType::Accepted, accepted),
                (ConditionType::Programmed, programmed),
                (ConditionType::Conflicted, conflicted(facts)),
            ],
        ),
        connection_count: i64::try_from(facts.connections.len()).ok(),
        connections: listed(facts),
    }
}

/// The status of an ApprovalPolicy.
#[must_use]
pub fn approval_policy(facts: &PolicyFacts<'_>, guard: &Guard) -> ApprovalPolicyStatus {
    let accepted = accepted_policy(facts);
    let programmed = programmed(&accepted, &facts.connections);
    ApprovalPolicyStatus {
        observed_generation: Some(facts.observed.generation),
        conditions: conditions(
            facts.observed,
            vec![
                (ConditionType::Accepted, accepted),
                (ConditionType::Programmed, programmed),
                (ConditionType::Conflicted, conflicted(facts)),
                (ConditionType::AdmissionGuarded, guarded(guard)),
            ],
        ),
        connection_count: i64::try_from(facts.connections.len()).ok(),
        connections: listed(facts),
    }
}

/// The one condition that is True when something is wrong.
fn conflicted(facts: &PolicyFacts<'_>) -> Verdict {
    let conflicts: Vec<&Problem> =
        facts.problems.iter().copied().filter(|problem| is_conflict(problem)).collect();
    match conflicts.first() {
        Some(first) => {
            let message = super::describe(&conflicts);
            Verdict { state: State::True, ..Verdict::refused(first.reason, message) }
        }
        None => Verdict::fails(Progress::NoConflict, "no other policy contradicts this one"),
    }
}

fn is_conflict(problem: &Problem) -> bool {
    problem.reason.condition() == ConditionType::Conflicted
}

fn guarded(guard: &Guard) -> Verdict {
    match guard {
        Guard::Unknown(None) => {
            Verdict::unknown(Progress::Pending, "nobody has proved yet that votes are guarded")
        }
        Guard::Unknown(Some(message)) => Verdict::unknown(Progress::NotGuarded, message.clone()),
        Guard::Guarded => Verdict::holds(
            ConditionType::AdmissionGuarded,
            "votes and Approvals that nobody may write are refused",
        ),
        Guard::Lapsed(message) => Verdict::fails(Progress::NotGuarded, message.clone()),
    }
}

fn listed(facts: &PolicyFacts<'_>) -> Vec<String> {
    facts.connections.iter().map(|(name, _)| name.clone()).take(MAXIMUM_CONNECTIONS).collect()
}

fn accepted_policy(facts: &PolicyFacts<'_>) -> Verdict {
    let problems: Vec<&Problem> =
        facts.problems.iter().copied().filter(|problem| !is_conflict(problem)).collect();
    match problems.iter().find(|problem| problem.reason == Reason::NoTarget) {
        // A selector that matches nothing is legal, and the policy holds for nothing all the same.
        Some(problem) if facts.connections.is_empty() => {
            Verdict::refused(Reason::NoTarget, super::describe(&[*problem]))
        }
        Some(_) | None => accepted(&problems),
    }
}
