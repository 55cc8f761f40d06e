//! What becomes of an Approval: from its votes, the time and what is known of the guard, to what is written of it.
//!
//! Values in, values out. Votes count only while the API server is known to refuse forged ones ([`Trust`]); what
//! somebody voted on while it may not have is withdrawn, whatever the votes say.

mod basis;
pub mod guard;
mod notice;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use lychgate_crds::approval::{
    Approval, Decision, Event, Phase, SeenVote, Step, Tally, Vote, tally as count,
};
use lychgate_crds::units;
use serde_json::{Value, json};

pub use basis::{Basis, Sight, Withdrawal};
pub use notice::Notice;

/// The condition of an Approval that the gateway has recorded.
pub const RECORDED: &str = "Recorded";
/// The condition of an Approval that one person approved in an emergency.
pub const BROKEN_GLASS: &str = "BrokenGlass";
/// The condition of an Approval that was withdrawn, with the reason.
pub const WITHDRAWN: &str = "Withdrawn";
/// How long an Approval that has ended and is recorded can still be looked at.
const KEPT_WHEN_RECORDED: Duration = Duration::from_secs(10 * 60);
/// How long one that has ended waits for being recorded.
const KEPT_OTHERWISE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether the API server refuses votes that nobody may cast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nobody can tell at the moment. Votes wait.
    #[default]
    Unknown,
    /// It does.
    Guarded {
        /// Since when: what guards has not changed since, and no proof has failed.
        since: Timestamp,
        /// When that was proved first.
        proved: Timestamp,
    },
    /// It does not.
    Lapsed {
        /// When it was proved last; nothing if it never was.
        last_good: Option<Timestamp>,
    },
}

/// What is kept of an Approval: nothing of what is asked but what tells it from others.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The uid.
    pub uid: String,
    /// The version.
    pub resource_version: String,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// What is asked, for Events: the tool and the connection.
    subject: String,
    /// What it was asked for.
    basis: Vec<Basis>,
    tally: Tally,
    votes: BTreeMap<String, Decision>,
    seen: Vec<SeenVote>,
    written_tally: Option<String>,
    decided_at: Option<Timestamp>,
    /// When a decision comes too late.
    deadline: Timestamp,
    valid_for: Duration,
    conditions: Vec<Condition>,
}

/// What is to be done with an Approval.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook {
    /// Nothing before this moment, unless it changes.
    Wait(Timestamp),
    /// This status is written, if nobody was faster.
    Write {
        /// The members of `status` that change, for a merge patch.
        status: Value,
        /// The phase from then on, if that changes.
        phase: Option<Phase>,
        /// What people are told.
        told: Vec<Notice>,
    },
    /// It is deleted.
    Delete,
}

impl Waiting {
    /// Reads an Approval.
    ///
    /// # Errors
    /// What cannot be read, in words. The schema allows none of that.
    pub fn read(approval: &Approval) -> Result<Self, String> {
        let metadata = &approval.metadata;
        let text =
            |text: &Option<String>, what: &str| text.clone().ok_or_else(|| format!("it has no {what}"));
        let status = approval.status.clone().unwrap_or_default();
        let required = &approval.spec.required;
        let request = &approval.spec.request;
        let vote = |(voter, vote): (&String, &Vote)| (voter.clone(), vote.decision);
        Ok(Self {
            uid: text(&metadata.uid, "uid")?,
            resource_version: text(&metadata.resource_version, "resourceVersion")?,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
            phase: status.phase,
            subject: format!("{} on {}", request.tool, request.connection_ref.name),
            basis: Basis::all_of(request, metadata.namespace.as_deref().unwrap_or_default()),
            tally: count(&approval.spec),
            votes: approval.spec.votes.iter().map(vote).collect(),
            seen: status.votes,
            written_tally: status.tally,
            decided_at: status.decided_at.as_deref().map(timestamp).transpose()?,
            deadline: timestamp(&required.deadline)?,
            valid_for: units::parse_duration(&required.grant.valid_for)
                .ok_or_else(|| format!("{} is no length of time", required.grant.valid_for))?,
            conditions: status.conditions,
        })
    }

    /// Why it opens nothing any more whatever the votes say, by what is known of all that it was asked for.
    #[must_use]
    pub fn withdrawal(&self, sight: impl Fn(&Basis) -> Sight) -> Option<Withdrawal> {
        self.basis.iter().find_map(|basis| basis.withdrawal(&sight(basis)))
    }

    /// What is to be done with it. `arrived` is when it was seen in this version.
    #[must_use]
    pub fn look(
        &self,
        trust: &Trust,
        withdrawal: Option<Withdrawal>,
        arrived: Timestamp,
        now: Timestamp,
    ) -> Outlook {
        if self.phase.is_final() {
            let end = self.removed_at();
            return if now >= end { Outlook::Delete } else { Outlook::Wait(end) };
        }
        let (event, withdrawal) = self.event(trust, withdrawal, arrived, now);
        match event.map(|event| (event, self.phase.next(event))) {
            Some((event, Step::To(phase))) => self.moves(phase, event, withdrawal.as_ref(), trust, now),
            None | Some((_, Step::Stay | Step::Refused(_))) if self.is_counted(trust) => {
                Outlook::Wait(self.due())
            }
            None | Some((_, Step::Stay | Step::Refused(_))) => Outlook::Write {
                status: json!({"phase": self.phase, "tally": self.tally.short(), "votes": self.observed(now)}),
                phase: None,
                told: Vec::new(),
            },
        }
    }

    /// What happens to it now, and why if it is withdrawn: what takes a decision away comes before what makes one.
    fn event(
        &self,
        trust: &Trust,
        withdrawal: Option<Withdrawal>,
        arrived: Timestamp,
        now: Timestamp,
    ) -> (Option<Event>, Option<Withdrawal>) {
        let counted = match trust {
            Trust::Guarded { .. } => Some(self.tally.event()),
            Trust::Unknown | Trust::Lapsed { .. } => None,
        };
        let is_lost = match (self.phase, counted) {
            (Phase::Approved, Some(Event::QuorumLost { .. })) => true,
            (_, Some(Event::QuorumLost { vetoed })) => vetoed,
            (_, _) => false,
        };
        if self.is_suspect(trust, arrived) {
            (Some(Event::Withdrawn), Some(Withdrawal::unguarded()))
        } else if is_lost {
            (counted, None)
        } else if withdrawal.is_some() {
            (Some(Event::Withdrawn), withdrawal)
        } else if now >= self.due() {
            (Some(Event::Overdue), None)
        } else {
            (counted, None)
        }
    }

    /// Whether a vote may have been cast while the API server refused none.
    fn is_suspect(&self, trust: &Trust, arrived: Timestamp) -> bool {
        match trust {
            Trust::Unknown => false,
            Trust::Guarded { since, proved } => {
                self.has_unseen() && self.created < *since && arrived <= *proved
            }
            Trust::Lapsed { last_good } => {
                let is_new = |vote: &SeenVote| {
                    // What was seen has whole seconds.
                    let observed = timestamp(&vote.observed_at).ok();
                    let good = last_good.map(|good| good.as_second());
                    observed.zip(good).is_none_or(|(observed, good)| observed.as_second() >= good)
                };
                self.has_unseen() || self.seen.iter().any(is_new)
            }
        }
    }

    fn has_unseen(&self) -> bool {
        self.votes.iter().any(|(voter, decision)| self.seen_vote(voter, *decision).is_none())
    }

    fn seen_vote(&self, voter: &str, decision: Decision) -> Option<&SeenVote> {
        self.seen.iter().find(|seen| seen.approver == voter && seen.decision == decision)
    }

    /// Whether the status says what the votes say, as far as they count.
    fn is_counted(&self, trust: &Trust) -> bool {
        match trust {
            Trust::Guarded { .. } => {
                !self.has_unseen() && self.written_tally.as_deref() == Some(&self.tally.short())
            }
            Trust::Unknown | Trust::Lapsed { .. } => true,
        }
    }

    fn moves(
        &self,
        phase: Phase,
        event: Event,
        withdrawal: Option<&Withdrawal>,
        trust: &Trust,
        now: Timestamp,
    ) -> Outlook {
        let mut status = json!({"phase": phase, "decidedAt": written(now)});
        // Votes that count for nothing are not told as seen.
        let votes_count = matches!(trust, Trust::Guarded { .. }) && event != Event::Withdrawn;
        let has_broken_glass = phase == Phase::Approved && self.tally.breaks_glass();
        if let Value::Object(members) = &mut status {
            if votes_count {
                members.insert("tally".to_owned(), self.tally.short().into());
                members.insert("votes".to_owned(), json!(self.observed(now)));
            }
            if has_broken_glass {
                let who = self.tally.broken_glass_by.as_deref().unwrap_or("somebody");
                let message = format!("approved by {who} alone, in an emergency");
                let conditions = self.with_condition(BROKEN_GLASS, BROKEN_GLASS, message, now);
                members.insert("conditions".to_owned(), json!(conditions));
            }
            if let Some(Withdrawal { reason, message, .. }) = withdrawal {
                let conditions = self.with_condition(WITHDRAWN, reason, message.clone(), now);
                members.insert("conditions".to_owned(), json!(conditions));
            }
        }
        let told = self.told(phase, withdrawal, has_broken_glass, now);
        Outlook::Write { status, phase: Some(phase), told }
    }

    /// All votes, each with when it was seen first.
    fn observed(&self, now: Timestamp) -> Vec<SeenVote> {
        let seen = |(voter, decision): (&String, &Decision)| match self.seen_vote(voter, *decision) {
            Some(seen) => seen.clone(),
            None => SeenVote { approver: voter.clone(), decision: *decision, observed_at: written(now) },
        };
        self.votes.iter().map(seen).collect()
    }

    /// Its conditions with one that is true.
    fn with_condition(&self, kind: &str, reason: &str, message: String, now: Timestamp) -> Vec<Condition> {
        let mut conditions = self.conditions.clone();
        conditions.retain(|condition| condition.type_ != kind);
        conditions.push(Condition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: Time(whole_seconds(now)),
            observed_generation: None,
        });
        conditions
    }

    /// When it is over if nobody does anything.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        match (self.phase, self.decided_at) {
            (Phase::Approved, Some(decided)) => later(decided, self.valid_for),
            // Approved by nobody who says when: over.
            (Phase::Approved, None) => self.created,
            (_, _) => self.deadline,
        }
    }

    fn removed_at(&self) -> Timestamp {
        let is_recorded = |condition: &Condition| condition.type_ == RECORDED && condition.status == "True";
        let is_recorded = self.conditions.iter().any(is_recorded);
        let kept = if is_recorded { KEPT_WHEN_RECORDED } else { KEPT_OTHERWISE };
        later(self.decided_at.unwrap_or(self.created), kept)
    }
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("{text} is no time"))
}

fn written(time: Timestamp) -> String {
    whole_seconds(time).to_string()
}

/// The API keeps whole seconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
