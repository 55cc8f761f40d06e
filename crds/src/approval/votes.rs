//! What votes amount to.

use super::{ApprovalSpec, Decision, Event};

/// Votes, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many approve.
    pub approvals: usize,
    /// How many of them do so as approvers, and not in an emergency.
    pub ordinary: usize,
    /// How many must.
    pub needed: usize,
    /// Who denies.
    pub denied_by: Vec<String>,
    /// Who approves in an emergency, alone.
    pub broken_glass_by: Option<String>,
    /// Whether a Deny is a veto.
    pub veto: bool,
}

/// Counts the votes of an Approval. Who may vote was decided when each was cast: only those who may can write one.
#[must_use]
pub fn tally(spec: &ApprovalSpec) -> Tally {
    let by = |decision: Decision| spec.votes.iter().filter(move |(_, vote)| vote.decision == decision);
    let in_emergency = || by(Decision::Approve).filter(|(_, vote)| vote.break_glass == Some(true));
    let approvals = by(Decision::Approve).count();
    Tally {
        approvals,
        ordinary: approvals.saturating_sub(in_emergency().count()),
        needed: usize::try_from(spec.required.approvals).unwrap_or(usize::MAX),
        denied_by: by(Decision::Deny).map(|(voter, _)| voter.clone()).collect(),
        broken_glass_by: in_emergency().next().map(|(voter, _)| voter.clone()),
        veto: spec.required.deny_is_veto,
    }
}

impl Tally {
    /// What the votes say of the Approval at this moment.
    #[must_use]
    pub fn event(&self) -> Event {
        if self.veto && !self.denied_by.is_empty() {
            Event::QuorumLost { vetoed: true }
        } else if self.broken_glass_by.is_some() || self.approvals >= self.needed {
            Event::QuorumReached
        } else {
            Event::QuorumLost { vetoed: false }
        }
    }

    /// Whether it takes the emergency for them to suffice.
    #[must_use]
    pub fn breaks_glass(&self) -> bool {
        self.broken_glass_by.is_some() && self.ordinary < self.needed
    }

    /// The tally in short, such as `1/2`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}/{}", self.approvals, self.needed)
    }
}
