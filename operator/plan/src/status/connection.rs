//! The status of a McpConnection.

use std::fmt::Write as _;

use lychgate_crds::connection::McpConnectionStatus;
use lychgate_crds::{ConditionType, Progress, Reason};
use lychgate_gateway_policy::config::{Closed, PinningMode};

use super::conditions::{Observed, State, Verdict, conditions};
use super::pinned::{DefinitionsAnswer, pinned};
use super::{ODD, describe, refusal, unresolved};
use crate::problem::Problem;

/// The most policies that a status lists.
const MAXIMUM_POLICIES: usize = 64;

/// All that a connection's status is computed from.
#[derive(Clone, Debug)]
pub struct ConnectionFacts<'a> {
    /// What stood before.
    pub observed: Observed<'a>,
    /// What is wrong with the object.
    pub problems: Vec<&'a Problem>,
    /// What is served, if the connection is valid.
    pub valid: Option<ValidFacts>,
    /// What the API server said when the connection's objects were applied, if it refused one.
    pub failure: Option<String>,
    /// The configuration that was last published.
    pub published: Option<Published>,
    /// The pods of the gateway that have an address and are not about to end.
    pub replicas: &'a [Replica],
}

/// What of a valid connection goes into its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidFacts {
    /// Where clients reach it.
    pub url: Option<String>,
    /// The policies that hold for it, in words.
    pub policies: Vec<String>,
    /// Why nothing may pass, if that is so.
    pub closed: Option<Closed>,
    /// Whether anything is injected.
    pub has_credentials: bool,
    /// How its tools are held to their pins, if they are.
    pub pinning: Option<PinningMode>,
}

/// A configuration that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its sequence.
    pub sequence: u64,
    /// SHA-256 of the document, in hexadecimal.
    pub hash: String,
}

/// A pod of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The pod's name.
    pub name: String,
    /// What it answered when it was last asked; nothing if it was not asked yet.
    pub answer: Option<Result<Answer, String>>,
}

/// What a gateway says of a connection (`GET /config`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The configuration in use, if there is one.
    pub in_use: Option<Published>,
    /// A newer one that it refuses.
    pub refused: Option<Refusal>,
    /// Its credentials.
    pub credentials: Vec<CredentialAnswer>,
    /// What the server said of itself last; nothing if the gateway has not heard anything.
    pub definitions: Option<DefinitionsAnswer>,
}

/// A configuration that a gateway refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// SHA-256 of the document, in hexadecimal.
    pub hash: String,
    /// Why.
    pub problem: String,
}

/// What a gateway says of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialAnswer {
    /// The credential's name.
    pub name: String,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<String>,
}

/// The status of a connection.
#[must_use]
pub fn connection(facts: &ConnectionFacts<'_>) -> McpConnectionStatus {
    let accepted = accepted(facts);
    let resolved = resolved(facts);
    let programmed = programmed(facts);
    let ready = ready(facts, &accepted, &resolved, &programmed);
    let valid = facts.valid.as_ref();
    let mut verdicts = vec![
        (ConditionType::Accepted, accepted),
        (ConditionType::ResolvedRefs, resolved),
        (ConditionType::Programmed, programmed),
        (ConditionType::Ready, ready),
    ];
    verdicts.extend(pinned(facts).map(|verdict| (ConditionType::ToolsPinned, verdict)));
    McpConnectionStatus {
        observed_generation: Some(facts.observed.generation),
        url: valid.and_then(|valid| valid.url.clone()),
        policies: valid
            .map(|valid| valid.policies.iter().take(MAXIMUM_POLICIES).cloned().collect())
            .unwrap_or_default(),
        conditions: conditions(facts.observed, verdicts),
    }
}

fn accepted(facts: &ConnectionFacts<'_>) -> Verdict {
    if let Some((reason, message)) = refusal(&facts.problems) {
        return Verdict::refused(reason, message);
    }
    match describe(&facts.problems) {
        warnings if warnings.is_empty() => Verdict::holds(ConditionType::Accepted, "everything is valid"),
        warnings => Verdict::holds(ConditionType::Accepted, format!("{ODD}{warnings}")),
    }
}

fn resolved(facts: &ConnectionFacts<'_>) -> Verdict {
    if let Some(message) = unresolved(&facts.problems) {
        return Verdict::refused(Reason::RefNotFound, message);
    }
    let Some(valid) = &facts.valid else {
        return Verdict::unknown(Progress::NotAccepted, "the connection is not accepted");
    };
    let answers = facts.replicas.iter().filter_map(|replica| match &replica.answer {
        Some(Ok(answer)) => Some((replica, answer)),
        Some(Err(_)) | None => None,
    });
    let mut asked = false;
    let mut refused = None;
    for (replica, answer) in answers {
        asked = true;
        let refusal = answer.refused.as_ref();
        refused =
            refused.or(refusal.filter(|refusal| is_of(refusal, facts)).map(|refusal| (replica, refusal)));
        let problems: Vec<String> = answer.credentials.iter().filter_map(in_words).collect();
        if !problems.is_empty() {
            let message = format!("{} (pod {})", problems.join("; "), replica.name);
            return Verdict::fails(Progress::CredentialUnusable, message);
        }
    }
    if let Some((replica, refusal)) = refused {
        // What it lacks may be an object that is named.
        let message =
            format!("not told by a gateway that refuses: {} (pod {})", refusal.problem, replica.name);
        return Verdict::unknown(Progress::ConfigurationRefused, message);
    }
    if asked || !valid.has_credentials {
        Verdict::holds(ConditionType::ResolvedRefs, "everything that is named is there")
    } else {
        let message = "the gateways, which read the credentials, have not been asked yet";
        Verdict::unknown(Progress::Pending, message)
    }
}

/// Why a credential cannot be used, if it cannot.
fn in_words(credential: &CredentialAnswer) -> Option<String> {
    let CredentialAnswer { name, problem } = credential;
    problem.as_ref().map(|problem| format!("credential {name}: {problem}"))
}

/// Whether a refusal is one of what was published.
fn is_of(refusal: &Refusal, facts: &ConnectionFacts<'_>) -> bool {
    facts.published.as_ref().is_some_and(|published| published.hash == refusal.hash)
}

fn programmed(facts: &ConnectionFacts<'_>) -> Verdict {
    if facts.valid.is_none() {
        let message = match &facts.published {
            Some(published) => format!("not accepted; gateways keep sequence {}", published.sequence),
            None => "not accepted; there is no gateway".to_owned(),
        };
        return Verdict::fails(Progress::NotAccepted, message);
    }
    if let Some(failure) = &facts.failure {
        return Verdict::fails(Progress::ApplyFailed, failure.clone());
    }
    let Some(published) = &facts.published else {
        return Verdict::unknown(Progress::Pending, "the configuration is not published yet");
    };
    if facts.replicas.is_empty() {
        return Verdict::unknown(Progress::NoReplica, "no pod of the gateway has an address yet");
    }
    let mut behind = None;
    let mut unasked = None;
    let mut acknowledged = 0_usize;
    for replica in facts.replicas {
        match &replica.answer {
            None => unasked = unasked.or(Some(replica)),
            Some(Err(error)) => {
                behind = behind.or_else(|| Some(format!("pod {} does not answer: {error}", replica.name)));
            }
            Some(Ok(answer)) => match &answer.refused {
                Some(refusal) if is_of(refusal, facts) => {
                    let message = format!("pod {}: {}", replica.name, refusal.problem);
                    return Verdict::fails(Progress::ConfigurationRefused, message);
                }
                Some(_) | None if answer.in_use.as_ref() == Some(published) => acknowledged += 1,
                Some(_) | None => behind = behind.or_else(|| Some(lag(replica, answer))),
            },
        }
    }
    let count = facts.replicas.len();
    let sequence = published.sequence;
    match (behind, unasked) {
        (Some(behind), _) => {
            let message =
                format!("{acknowledged} of {count} replicas acknowledged sequence {sequence}; {behind}");
            Verdict::fails(Progress::NotAcknowledged, message)
        }
        (None, Some(replica)) => {
            let message = format!("pod {} has not been asked yet", replica.name);
            Verdict::unknown(Progress::Pending, message)
        }
        (None, None) => {
            let message = format!("{count} of {count} replicas acknowledged sequence {sequence}");
            Verdict::holds(ConditionType::Programmed, message)
        }
    }
}

fn lag(replica: &Replica, answer: &Answer) -> String {
    let mut text = format!("pod {} ", replica.name);
    // Writing to a text cannot fail.
    let _written = match &answer.in_use {
        Some(in_use) => write!(text, "uses sequence {}", in_use.sequence),
        None => write!(text, "has no configuration"),
    };
    text
}

fn ready(
    facts: &ConnectionFacts<'_>,
    accepted: &Verdict,
    resolved: &Verdict,
    programmed: &Verdict,
) -> Verdict {
    let closed = facts.valid.as_ref().and_then(|valid| valid.closed);
    if accepted.state != State::True {
        return Verdict::fails(Progress::NotAccepted, accepted.message.clone());
    }
    match closed {
        Some(Closed::Suspended) => {
            return Verdict::refused(Reason::Suspended, "suspended: every call is denied");
        }
        Some(Closed::RequiredPolicyMissing) => {
            let message =
                "the gateway requires a policy that does not hold for this connection: every call is denied";
            return Verdict::refused(Reason::RequiredPolicyMissing, message);
        }
        None => {}
    }
    for cause in [resolved, programmed] {
        if cause.state == State::False {
            return cause.clone();
        }
    }
    if programmed.state == State::Unknown {
        return programmed.clone();
    }
    Verdict::holds(ConditionType::Ready, "calls can be made")
}
