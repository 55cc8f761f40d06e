//! A call that waits for a person, and the only way on from there.
//!
//! [`crate::decide()`] makes an [`Ask`], which holds the permit under lock. [`Ask::approved`] opens it, for evidence
//! that is checked here once more, whatever the API server and the operator have checked before.

use crate::approval::Terms;
use crate::call::Call;
use crate::command::Commands;
use crate::decide::{Caller, Permit};
use crate::mask::Masked;

/// How far the clocks of gateway, operator and API server may differ, in milliseconds.
pub const SKEW_MILLISECONDS: u64 = 30_000;

/// A call that may be sent once people have approved it.
#[derive(Debug)]
pub struct Ask {
    permit: Permit,
    terms: Terms,
}

/// What is known of the Approval of a call. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The digest of the call as it would be made now.
    pub digest: String,
    /// The digest that the Approval is for.
    pub approved_digest: String,
    /// Whether the Approval says that it is approved.
    pub is_approved: bool,
    /// When it was decided.
    pub decided_at: Option<u64>,
    /// When a decision came too late.
    pub deadline: u64,
    /// How often it was used before.
    pub uses: u32,
    /// The votes; voters are different people.
    pub votes: Vec<Ballot>,
}

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// The voter's user name at the API server.
    pub voter: String,
    /// Whether he approves.
    pub approves: bool,
    /// Whether he does so in an emergency, alone.
    pub is_emergency: bool,
    /// Whether he gave a reason.
    pub has_reason: bool,
    /// The digest of what he has read, if he said so.
    pub digest: Option<String>,
}

/// Why an Approval does not open its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unapproved {
    /// It is for another call, or for this one under other circumstances.
    #[error("the Approval has another digest than the call has now")]
    Digest,
    /// It is not approved.
    #[error("the Approval is not approved")]
    Phase,
    /// It was decided too late, or in the future, or nobody says when.
    #[error("the Approval was not decided between its creation and its deadline")]
    Decided,
    /// Its time is over.
    #[error("the Approval was good for a time that is over")]
    Over,
    /// It was used as often as it may be.
    #[error("the Approval was used as often as it may be")]
    Used,
    /// The caller has voted himself.
    #[error("the caller is among those who voted")]
    Requester,
    /// Somebody denies.
    #[error("somebody denies")]
    Vetoed,
    /// A vote that counts lacks a reason or a digest that is demanded.
    #[error("a vote lacks the reason or the digest that the policies demand, or has another digest")]
    Ballot,
    /// Too few approve.
    #[error("fewer people approve than the policies demand")]
    Quorum,
}

impl Ask {
    pub(crate) fn new(permit: Permit, terms: Terms) -> Self {
        Self { permit, terms }
    }

    /// The call as the record has it.
    #[must_use]
    pub fn recorded(&self) -> Option<&Masked> {
        self.permit.recorded()
    }

    /// The call as it was received.
    #[must_use]
    pub fn call(&self) -> &Call {
        self.permit.call()
    }

    /// The bytes that will be sent.
    #[must_use]
    pub fn outbound(&self) -> &bytes::Bytes {
        self.permit.outbound()
    }

    /// The same with tokens in the place of values, as people may see it.
    #[must_use]
    pub fn told(&self) -> &bytes::Bytes {
        self.permit.told()
    }

    /// The grants that allow the call, and the policies for which it waits.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        self.permit.rules()
    }

    /// What its commands do, and what rules say of that.
    #[must_use]
    pub fn commands(&self) -> &Commands {
        self.permit.commands()
    }

    /// The credentials that it will be made with, by name.
    #[must_use]
    pub fn credentials(&self) -> &[String] {
        self.permit.credentials()
    }

    /// What it takes.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether the evidence suffices at `now` (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// The first thing that is missing.
    pub fn check(&self, caller: &Caller, evidence: &Evidence, now: u64) -> Result<(), Unapproved> {
        check(&self.terms, caller, evidence, now)
    }

    /// The permit, if the evidence suffices at `now` (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// The first thing that is missing.
    pub fn approved(self, caller: &Caller, evidence: &Evidence, now: u64) -> Result<Permit, Unapproved> {
        check(&self.terms, caller, evidence, now).map(|()| self.permit)
    }
}

fn check(terms: &Terms, caller: &Caller, evidence: &Evidence, now: u64) -> Result<(), Unapproved> {
    if evidence.digest.is_empty() || evidence.digest != evidence.approved_digest {
        return Err(Unapproved::Digest);
    }
    if !evidence.is_approved {
        return Err(Unapproved::Phase);
    }
    let decided = evidence.decided_at.ok_or(Unapproved::Decided)?;
    let too_late = decided > evidence.deadline.saturating_add(SKEW_MILLISECONDS);
    if too_late || decided > now.saturating_add(SKEW_MILLISECONDS) {
        return Err(Unapproved::Decided);
    }
    let end = decided.saturating_add(terms.valid_for_milliseconds).saturating_add(SKEW_MILLISECONDS);
    if now > end {
        return Err(Unapproved::Over);
    }
    if evidence.uses >= terms.uses {
        return Err(Unapproved::Used);
    }
    count(terms, caller, evidence)
}

fn count(terms: &Terms, caller: &Caller, evidence: &Evidence) -> Result<(), Unapproved> {
    let votes = &evidence.votes;
    if votes.iter().any(|vote| caller.kubernetes_usernames.contains(&vote.voter)) {
        return Err(Unapproved::Requester);
    }
    if terms.deny_is_veto && votes.iter().any(|vote| !vote.approves) {
        return Err(Unapproved::Vetoed);
    }
    let foreign = |vote: &Ballot| vote.digest.as_ref().is_some_and(|digest| *digest != evidence.digest);
    let incomplete = |vote: &Ballot| {
        ((terms.require_reason || vote.is_emergency) && !vote.has_reason)
            || (terms.require_digest && vote.digest.is_none())
    };
    let approving = || votes.iter().filter(|vote| vote.approves);
    if approving().any(|vote| foreign(vote) || incomplete(vote)) {
        return Err(Unapproved::Ballot);
    }
    let in_emergency = !terms.break_glass_groups.is_empty() && approving().any(|vote| vote.is_emergency);
    let mut voters: Vec<&str> = approving().map(|vote| vote.voter.as_str()).collect();
    voters.sort_unstable();
    voters.dedup();
    if in_emergency || voters.len() >= usize::try_from(terms.approvals).unwrap_or(usize::MAX) {
        Ok(())
    } else {
        Err(Unapproved::Quorum)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::{Ballot, Evidence, SKEW_MILLISECONDS, Unapproved};
    use crate::config::ApprovalPolicy;
    use crate::testing::{approval, approval_policy, call, caller, policy, request};
    use crate::{Decision, decide};

    const NOW: u64 = 10_000_000;

    fn ballot(voter: &str) -> Ballot {
        Ballot {
            voter: voter.to_owned(),
            approves: true,
            is_emergency: false,
            has_reason: true,
            digest: Some("d".to_owned()),
        }
    }

    fn evidence() -> Evidence {
        Evidence {
            digest: "d".to_owned(),
            approved_digest: "d".to_owned(),
            is_approved: true,
            decided_at: Some(NOW - 1000),
            deadline: NOW + 1000,
            uses: 0,
            votes: vec![ballot("oidc:erin"), ballot("oidc:frank")],
        }
    }

    type Change = fn(&mut Evidence, &mut ApprovalPolicy);

    fn outcome(change: Change) -> Result<(), Unapproved> {
        let (mut evidence, mut written) = (evidence(), approval_policy("one"));
        written.approvals = 2;
        change(&mut evidence, &mut written);
        let policy = policy(|config| config.approval = Some(approval(vec![written])));
        let alice = caller("alice", &[]);
        let message = request("tools/call", r#"{"name":"drop"}"#);
        let Decision::Ask(ask) = decide(&policy, &alice, call(&message), &[], 0) else { panic!("no ask") };
        ask.approved(&alice, &evidence, NOW).map(|permit| {
            assert_eq!(
                permit.outbound(),
                message.as_bytes(),
                "the permit is for the call that was asked about"
            );
        })
    }

    #[test]
    fn only_evidence_that_lacks_nothing_opens_the_permit() {
        let cases: [(Result<(), Unapproved>, Change); 27] = [
            (Ok(()), |_, _| {}),
            (Err(Unapproved::Digest), |it, _| it.digest = "other".into()),
            (Err(Unapproved::Digest), |it, _| it.approved_digest = "other".into()),
            (Err(Unapproved::Digest), |it, _| (it.digest, it.approved_digest) = Default::default()),
            (Err(Unapproved::Phase), |it, _| it.is_approved = false),
            (Err(Unapproved::Decided), |it, _| it.decided_at = None),
            (Err(Unapproved::Decided), |it, _| it.deadline = NOW - 1001 - SKEW_MILLISECONDS),
            (Ok(()), |it, _| it.deadline = NOW - 1000 - SKEW_MILLISECONDS),
            (Err(Unapproved::Decided), |it, _| {
                (it.decided_at, it.deadline) = (Some(NOW + SKEW_MILLISECONDS + 1), u64::MAX);
            }),
            (Ok(()), |it, _| it.decided_at = Some(NOW + 1000)),
            (Err(Unapproved::Over), |it, policy| {
                policy.valid_for_milliseconds = 1000;
                it.decided_at = Some(NOW - 1001 - SKEW_MILLISECONDS);
            }),
            (Ok(()), |it, policy| {
                policy.valid_for_milliseconds = 1000;
                it.decided_at = Some(NOW - 1000 - SKEW_MILLISECONDS);
            }),
            (Err(Unapproved::Used), |it, _| it.uses = 1),
            (Ok(()), |it, policy| (it.uses, policy.uses) = (1, 2)),
            (Err(Unapproved::Requester), |it, _| it.votes.push(ballot("oidc:alice"))),
            (Err(Unapproved::Requester), |it, _| {
                it.votes.push(Ballot { approves: false, ..ballot("oidc:alice") });
            }),
            (Err(Unapproved::Vetoed), |it, _| {
                it.votes.push(Ballot { approves: false, ..ballot("oidc:grace") });
            }),
            (Ok(()), |it, policy| {
                it.votes.push(Ballot { approves: false, ..ballot("oidc:grace") });
                policy.deny_is_veto = false;
            }),
            (Err(Unapproved::Ballot), |it, _| it.votes[0].has_reason = false),
            (Ok(()), |it, policy| (it.votes[0].has_reason, policy.require_reason) = (false, false)),
            (Ok(()), |it, _| it.votes[0].digest = None),
            (Err(Unapproved::Ballot), |it, policy| {
                (it.votes[0].digest, policy.require_digest) = (None, true);
            }),
            (Err(Unapproved::Ballot), |it, _| it.votes[0].digest = Some("other".into())),
            (Err(Unapproved::Quorum), |it, _| it.votes[1].voter = "oidc:erin".into()),
            (Err(Unapproved::Quorum), |it, _| {
                it.votes.truncate(1);
                it.votes[0].is_emergency = true;
            }),
            (Ok(()), |it, policy| {
                it.votes.truncate(1);
                it.votes[0].is_emergency = true;
                policy.break_glass_groups = vec!["root".into()];
            }),
            (Err(Unapproved::Ballot), |it, policy| {
                it.votes.truncate(1);
                (it.votes[0].is_emergency, it.votes[0].has_reason) = (true, false);
                policy.require_reason = false;
                policy.break_glass_groups = vec!["root".into()];
            }),
        ];
        for (number, (expected, change)) in cases.into_iter().enumerate() {
            assert_eq!(outcome(change), expected, "case {number}");
        }
    }
}
