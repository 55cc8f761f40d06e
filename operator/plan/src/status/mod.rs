//! What the operator says of each object, computed from what was found and what gateways answered.
//!
//! Values in, a status out: time comes in as `now`, and conditions keep the time of their last transition
//! from those that stood before. A status that says the same as the one before is equal to it, so that the
//! operator writes nothing when nothing has changed.

mod conditions;
mod connection;
mod gateway;
mod health;
mod lead;
mod pinned;
mod pods;
mod policy;

use lychgate_crds::Reason;

pub use conditions::{Observed, State, state_of};
pub use connection::{
    Answer, ConnectionFacts, CredentialAnswer, Published, Refusal, Replica, ValidFacts, connection,
};
pub use gateway::{GatewayFacts, gateway};
pub use health::{Diagnosis, Finding, Health, Workload, diagnose};
pub use lead::lead;
pub use pinned::{DefinitionsAnswer, ToolAnswer};
pub use policy::{Guard, PolicyFacts, approval_policy, command_rule, masking_rule};

use crate::problem::Problem;

/// The most of a message that a condition holds, in characters; the API server takes 32,768.
const MAXIMUM_MESSAGE_LENGTH: usize = 4096;

/// How the message of a condition begins that holds although something is odd.
const ODD: &str = "valid; ";

/// Problems in one text, each with its field, those of errors first.
fn describe(problems: &[&Problem]) -> String {
    let mut text = String::new();
    for (index, problem) in problems.iter().enumerate() {
        let line = match problem.path.as_str() {
            "" => problem.message.clone(),
            path => format!("{path}: {}", problem.message),
        };
        if text.chars().count() + line.chars().count() > MAXIMUM_MESSAGE_LENGTH {
            text.push_str(&format!("; and {} more", problems.len() - index));
            break;
        }
        if index > 0 {
            text.push_str("; ");
        }
        text.push_str(&line);
    }
    text
}

/// The first problem that makes the object invalid, and all of them in words.
fn refusal(problems: &[&Problem]) -> Option<(Reason, String)> {
    let errors: Vec<&Problem> = problems
        .iter()
        .copied()
        .filter(|problem| problem.severity == crate::problem::Severity::Error)
        .collect();
    let first = errors.first()?;
    Some((first.reason, describe(&errors)))
}

/// References to what does not exist, in words.
fn unresolved(problems: &[&Problem]) -> Option<String> {
    let missing: Vec<&Problem> = problems
        .iter()
        .copied()
        .filter(|problem| {
            problem.reason == Reason::RefNotFound && problem.severity == crate::problem::Severity::Error
        })
        .collect();
    if missing.is_empty() { None } else { Some(describe(&missing)) }
}
