//! A list of conditions in the making.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use lychgate_crds::{ConditionType, Progress, Reason};

/// What stands before, and when the object is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The object's `metadata.generation`.
    pub generation: i64,
    /// The conditions that it has.
    pub previous: &'a [Condition],
    /// The time.
    pub now: Timestamp,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It does not.
    False,
    /// Nobody can tell yet.
    Unknown,
    /// It does.
    True,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::False => "False",
            Self::Unknown => "Unknown",
            Self::True => "True",
        }
    }
}

/// Whether a condition of a list holds; one that is not there is unknown.
#[must_use]
pub fn state_of(conditions: &[Condition], kind: ConditionType) -> State {
    match conditions.iter().find(|condition| condition.type_ == kind.as_str()) {
        Some(condition) if condition.status == "True" => State::True,
        Some(condition) if condition.status == "False" => State::False,
        Some(_) | None => State::Unknown,
    }
}

/// What is said of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: State,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Verdict {
    /// It holds; the condition's own type is the reason.
    pub(super) fn holds(kind: ConditionType, message: impl Into<String>) -> Self {
        Self { state: State::True, reason: kind.as_str(), message: message.into() }
    }

    /// It does not, because of what somebody wrote.
    pub(super) fn refused(reason: Reason, message: impl Into<String>) -> Self {
        Self { state: State::False, reason: reason.as_str(), message: message.into() }
    }

    /// It does not, because of how far things have come.
    pub(super) fn fails(progress: Progress, message: impl Into<String>) -> Self {
        Self { state: State::False, reason: progress.as_str(), message: message.into() }
    }

    /// Nobody can tell yet.
    pub(super) fn unknown(progress: Progress, message: impl Into<String>) -> Self {
        Self { state: State::Unknown, reason: progress.as_str(), message: message.into() }
    }
}

/// The conditions, in the order in which they are given.
pub(super) fn conditions(observed: Observed<'_>, verdicts: Vec<(ConditionType, Verdict)>) -> Vec<Condition> {
    verdicts.into_iter().map(|(kind, verdict)| condition(observed, kind, verdict)).collect()
}

fn condition(observed: Observed<'_>, kind: ConditionType, verdict: Verdict) -> Condition {
    let Verdict { state, reason, message } = verdict;
    let previous = observed.previous.iter().find(|condition| condition.type_ == kind.as_str());
    let since = match previous.filter(|previous| previous.status == state.as_str()) {
        Some(previous) => previous.last_transition_time.clone(),
        // The API keeps whole seconds: what is computed again must be equal to what was read back.
        None => Time(Timestamp::from_second(observed.now.as_second()).unwrap_or(observed.now)),
    };
    Condition {
        type_: kind.as_str().to_owned(),
        status: state.as_str().to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: Some(observed.generation),
        last_transition_time: since,
    }
}
