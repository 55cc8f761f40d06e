//! The life of an Approval: pure, and every pair of phase and event has its answer.
//!
//! ```text
//! Pending ──▶ Approved ──▶ Consumed
//!    │            ├─────▶ Expired     its time is over
//!    │            └─────▶ Revoked     somebody denied after all, or it is withdrawn
//!    ├─────▶ Denied
//!    ├─────▶ Expired
//!    └─────▶ Cancelled               what was asked is no longer what would be done
//! ```

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an Approval stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum Phase {
    /// It waits for votes.
    #[default]
    Pending,
    /// The call may be made, for a limited time.
    Approved,
    /// Somebody who may has refused.
    Denied,
    /// Nobody has decided in time, or nobody has made the call in time.
    Expired,
    /// It was withdrawn while it waited.
    Cancelled,
    /// The call was made as often as was granted.
    Consumed,
    /// It was approved, and then denied or withdrawn before its last use.
    Revoked,
}

/// Something that happens to an Approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Enough people have approved, and nobody who could has vetoed.
    QuorumReached,
    /// The votes do not suffice: somebody has vetoed, or has taken back his approval.
    QuorumLost {
        /// Whether somebody vetoed.
        vetoed: bool,
    },
    /// The deadline of the decision, or the time of the grant, is over.
    Overdue,
    /// The gateway is about to make the call.
    Used {
        /// Whether that is the last use.
        last: bool,
    },
    /// What was asked is no longer what would be done, or the guard of votes has failed.
    Withdrawn,
}

/// What becomes of an Approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is in another phase from now on.
    To(Phase),
    /// It stays where it is.
    Stay,
    /// That cannot happen in this phase; the text says why.
    Refused(&'static str),
}

/// Why nothing moves any more.
const FINAL: &str = "the phase is final";
/// Why a call is not made.
const NOT_APPROVED: &str = "the call is not approved";

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Consumed,
        Self::Revoked,
    ];

    /// The phase as an Approval has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Approved => "Approved",
            Self::Denied => "Denied",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
            Self::Consumed => "Consumed",
            Self::Revoked => "Revoked",
        }
    }

    /// Whether nothing moves any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Approved => false,
            Self::Denied | Self::Expired | Self::Cancelled | Self::Consumed | Self::Revoked => true,
        }
    }

    /// What becomes of an Approval in this phase when something happens.
    #[must_use]
    pub fn next(self, event: Event) -> Step {
        match (self, event) {
            (Self::Pending, Event::QuorumReached) => Step::To(Self::Approved),
            (Self::Pending, Event::QuorumLost { vetoed: true }) => Step::To(Self::Denied),
            (Self::Pending | Self::Approved, Event::Overdue) => Step::To(Self::Expired),
            (Self::Pending, Event::Used { last: true | false }) => Step::Refused(NOT_APPROVED),
            (Self::Pending, Event::Withdrawn) => Step::To(Self::Cancelled),
            (Self::Approved, Event::QuorumLost { vetoed: true | false } | Event::Withdrawn) => {
                Step::To(Self::Revoked)
            }
            (Self::Approved, Event::Used { last: true }) => Step::To(Self::Consumed),
            (Self::Pending, Event::QuorumLost { vetoed: false })
            | (Self::Approved, Event::QuorumReached | Event::Used { last: false }) => Step::Stay,
            (
                Self::Denied | Self::Expired | Self::Cancelled | Self::Consumed | Self::Revoked,
                Event::QuorumReached
                | Event::QuorumLost { vetoed: true | false }
                | Event::Overdue
                | Event::Used { last: true | false }
                | Event::Withdrawn,
            ) => Step::Refused(FINAL),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, FINAL, NOT_APPROVED, Phase, Step};

    const EVENTS: [Event; 7] = [
        Event::QuorumReached,
        Event::QuorumLost { vetoed: true },
        Event::QuorumLost { vetoed: false },
        Event::Overdue,
        Event::Used { last: true },
        Event::Used { last: false },
        Event::Withdrawn,
    ];

    #[test]
    fn every_pair_of_phase_and_event_has_its_answer() {
        use Phase::{Approved, Cancelled, Consumed, Denied, Expired, Pending, Revoked};
        let refused = Step::Refused(NOT_APPROVED);
        for (phase, expected) in [
            (
                Pending,
                [
                    Step::To(Approved),
                    Step::To(Denied),
                    Step::Stay,
                    Step::To(Expired),
                    refused,
                    refused,
                    Step::To(Cancelled),
                ],
            ),
            (
                Approved,
                [
                    Step::Stay,
                    Step::To(Revoked),
                    Step::To(Revoked),
                    Step::To(Expired),
                    Step::To(Consumed),
                    Step::Stay,
                    Step::To(Revoked),
                ],
            ),
            (Denied, [Step::Refused(FINAL); 7]),
            (Expired, [Step::Refused(FINAL); 7]),
            (Cancelled, [Step::Refused(FINAL); 7]),
            (Consumed, [Step::Refused(FINAL); 7]),
            (Revoked, [Step::Refused(FINAL); 7]),
        ] {
            assert_eq!(EVENTS.map(|event| phase.next(event)), expected, "{phase}");
        }
    }

    #[test]
    fn a_final_phase_is_one_that_nothing_leaves() {
        for phase in Phase::ALL {
            let leaves = EVENTS.iter().any(|event| matches!(phase.next(*event), Step::To(_)));
            assert_eq!(phase.is_final(), !leaves, "{phase}");
        }
    }
}
