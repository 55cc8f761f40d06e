//! The status of a MaskingRule.

use lychgate_crds::masking::MaskingRuleStatus;
use lychgate_crds::{ConditionType, Reason};

use super::conditions::{Observed, State, Verdict, conditions};
use super::gateway::{accepted, programmed};
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

/// The status of a MaskingRule.
#[must_use]
pub fn masking_rule(facts: &PolicyFacts<'_>) -> MaskingRuleStatus {
    let accepted = match facts.problems.iter().find(|problem| problem.reason == Reason::NoTarget) {
        // A selector that matches nothing is legal, and the policy holds for nothing all the same.
        Some(problem) if facts.connections.is_empty() => {
            Verdict::refused(Reason::NoTarget, super::describe(&[*problem]))
        }
        Some(_) | None => accepted(&facts.problems),
    };
    let programmed = programmed(&accepted, &facts.connections);
    MaskingRuleStatus {
        observed_generation: Some(facts.observed.generation),
        conditions: conditions(
            facts.observed,
            vec![(ConditionType::Accepted, accepted), (ConditionType::Programmed, programmed)],
        ),
        connection_count: i64::try_from(facts.connections.len()).ok(),
        connections: facts
            .connections
            .iter()
            .map(|(name, _)| name.clone())
            .take(MAXIMUM_CONNECTIONS)
            .collect(),
    }
}
