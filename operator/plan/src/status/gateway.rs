//! The status of a McpGateway.

use lychgate_crds::gateway::McpGatewayStatus;
use lychgate_crds::{ConditionType, Progress, Reason};

use super::conditions::{Observed, State, Verdict, conditions};
use super::{ODD, describe, refusal, unresolved};
use crate::problem::Problem;

/// All that a gateway's status is computed from.
#[derive(Clone, Debug)]
pub struct GatewayFacts<'a> {
    /// What stood before.
    pub observed: Observed<'a>,
    /// What is wrong with the object.
    pub problems: Vec<&'a Problem>,
    /// Whether `suspended: true` is written.
    pub suspended: bool,
    /// Its connections, and whether each is programmed.
    pub connections: Vec<(String, State)>,
}

/// The status of a gateway.
#[must_use]
pub fn gateway(facts: &GatewayFacts<'_>) -> McpGatewayStatus {
    let accepted = accepted(&facts.problems);
    let resolved = match unresolved(&facts.problems) {
        Some(message) => Verdict::refused(Reason::RefNotFound, message),
        None => Verdict::holds(ConditionType::ResolvedRefs, "everything that is named is there"),
    };
    let programmed = programmed(&accepted, &facts.connections);
    let ready = if accepted.state != State::True {
        Verdict::fails(Progress::NotAccepted, accepted.message.clone())
    } else if facts.suspended {
        Verdict::refused(Reason::Suspended, "suspended: every call on every connection is denied")
    } else if programmed.state != State::True {
        programmed.clone()
    } else {
        Verdict::holds(ConditionType::Ready, "connections can be served")
    };
    McpGatewayStatus {
        observed_generation: Some(facts.observed.generation),
        conditions: conditions(
            facts.observed,
            vec![
                (ConditionType::Accepted, accepted),
                (ConditionType::ResolvedRefs, resolved),
                (ConditionType::Programmed, programmed),
                (ConditionType::Ready, ready),
            ],
        ),
    }
}

pub(super) fn accepted(problems: &[&Problem]) -> Verdict {
    match (refusal(problems), describe(problems)) {
        (Some((reason, message)), _) => Verdict::refused(reason, message),
        (None, warnings) if warnings.is_empty() => {
            Verdict::holds(ConditionType::Accepted, "everything is valid")
        }
        (None, warnings) => Verdict::holds(ConditionType::Accepted, format!("{ODD}{warnings}")),
    }
}

/// Whether all connections are programmed: one that is not makes all not.
pub(super) fn programmed(accepted: &Verdict, connections: &[(String, State)]) -> Verdict {
    if accepted.state != State::True {
        return Verdict::fails(Progress::NotAccepted, "not accepted; gateways keep what they have");
    }
    let count = connections.len();
    let done = connections.iter().filter(|(_, state)| *state == State::True).count();
    let worst = connections.iter().min_by_key(|(_, state)| *state);
    let message =
        |name: &str| format!("{done} of {count} connections use the newest configuration; not {name}");
    match worst {
        Some((name, State::False)) => Verdict::fails(Progress::ConnectionsPending, message(name)),
        Some((name, State::Unknown)) => Verdict::unknown(Progress::ConnectionsPending, message(name)),
        Some((_, State::True)) | None => {
            let message = format!("{count} of {count} connections use the newest configuration");
            Verdict::holds(ConditionType::Programmed, message)
        }
    }
}
