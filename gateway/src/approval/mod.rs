//! Calls that wait for people: the Approvals that are made for them, waited for, checked and used.
//!
//! Which calls wait, and what suffices, is decided in `lychgate-gateway-policy`; what an Approval is stands in
//! `lychgate-crds`. Here they are made, found again, followed and marked as used, at the API server or in a folder.
//! The path of a call that waits is [`crate::call`]'s.

pub mod command;
pub mod digest;
pub mod folder;
mod follow;
pub mod held;
pub mod refusal;
pub mod seen;
mod server;
pub mod shown;
pub mod spec;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use lychgate_crds::approval::{Approval, ApprovalStatus, Consumed, Phase};
use lychgate_gateway_policy::{Ask, Caller, Evidence, SKEW_MILLISECONDS, Unapproved};
use lychgate_gateway_record::{Decided, Entry};
use tokio::time::Instant;

use self::folder::Folder;
use self::refusal::{Refusal, SOMETHING};
use self::seen::{Found, Seen, name, phase};
use self::spec::Wanted;
use self::store::{Store, StoreError, Unproved};
use self::time::{now_milliseconds, parse_milliseconds, text_of};
use crate::api_server::{ApiServer, ApiSettings};
use crate::failure::Failure;
use crate::recorder::Recorder;
use crate::state::Gateway;

/// How often a name that is taken is tried again with the next number.
const MAXIMUM_NUMBERS_TRIED: u32 = 8;
/// How often a use is tried again when the Approval has changed meanwhile.
const MAXIMUM_USES_TRIED: u32 = 5;
/// How often an Approval is read while a call waits for it, whatever the watch says.
const RECHECK: Duration = Duration::from_secs(5);
/// The condition that says that the record has what became of an Approval.
const RECORDED: &str = "Recorded";

/// Where Approvals are kept.
#[derive(Clone, Debug)]
pub enum ApprovalSettings {
    /// At the API server.
    ApiServer(ApiSettings),
    /// In a folder, for `lychgate dev`.
    Folder(PathBuf),
}

/// The Approvals of a gateway.
pub struct Approvals {
    store: Store,
    seen: Seen,
    replica: String,
}

/// An Approval that a call waits for.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The Approval as it is.
    pub approval: Approval,
    /// Whether an earlier call asked for the same.
    pub attached: bool,
}

/// A call that is about to use its Approval.
pub struct Use<'a> {
    /// The call that waited.
    pub ask: &'a Ask,
    /// Who calls.
    pub caller: &'a Caller,
    /// What the call wants now.
    pub wanted: &'a Wanted,
    /// The Approval that it waited for.
    pub asked: &'a Approval,
    /// The call's identifier.
    pub call: &'a str,
    /// Where the votes are written down before.
    pub recorder: &'a Recorder,
}

impl Approvals {
    /// Takes up the way to the Approvals.
    #[must_use]
    pub fn new(settings: ApprovalSettings, replica: String) -> Self {
        let store = match settings {
            ApprovalSettings::ApiServer(settings) => Store::ApiServer(ApiServer::new(settings)),
            ApprovalSettings::Folder(folder) => Store::Folder(Folder::new(folder)),
        };
        Self { store, seen: Seen::default(), replica }
    }

    /// Follows the Approvals until it is dropped.
    pub async fn follow(self: Arc<Self>, gateway: Arc<Gateway>) {
        follow::run(self, gateway).await;
    }

    /// The Approval for a call: the one that waits already for the very same, or a new one.
    ///
    /// # Errors
    /// Too many wait, or none can be made.
    pub async fn ask(&self, wanted: &Wanted) -> Result<Standing, Refusal> {
        for _ in 0..MAXIMUM_NUMBERS_TRIED {
            let number = match self.seen.find(wanted) {
                Found::Live(approval) if phase(&approval).is_final() => {
                    return Ok(Standing { approval: *approval, attached: true });
                }
                Found::Live(known) => match self.renew(*known).await? {
                    Some(approval) => return Ok(Standing { approval, attached: true }),
                    None => continue,
                },
                Found::TooMany => return Err(Refusal::TooMany { limit: wanted.max_pending }),
                Found::Next(number) => number,
            };
            let wished = format!("{}{number}", wanted.name_prefix);
            if let Some(existing) = self.read(&wished).await? {
                self.seen.see(existing);
                continue;
            }
            match self.store.create(&wanted.approval(&wished)).await {
                Ok(approval) if wanted.is_for(&approval) => {
                    self.seen.see(approval.clone());
                    return Ok(Standing { approval, attached: false });
                }
                Ok(_) => return Err(unavailable("what was made is not what was asked for")),
                // Another replica was faster. The next attempt reads what it has made.
                Err(StoreError::Exists) => {}
                Err(error) => return Err(unavailable(&error.to_string())),
            }
        }
        Err(unavailable("the names of this call's Approvals are taken by others"))
    }

    /// The Approval of that name as it is now, if the API server's clock and ours agree: else no time limit of it, or
    /// of one that is made, would be worth anything.
    async fn read(&self, name: &str) -> Result<Option<Approval>, Refusal> {
        let read = self.store.get(name).await.map_err(|error| unavailable(&error.to_string()))?;
        let ahead = self.store.ahead_milliseconds();
        if ahead.unsigned_abs() > SKEW_MILLISECONDS {
            return Err(Refusal::Clocks { ahead_seconds: ahead / 1000 });
        }
        Ok(read)
    }

    /// A live Approval as it is now, whatever the watch has told; nothing if it is at its end, or gone.
    async fn renew(&self, known: Approval) -> Result<Option<Approval>, Refusal> {
        let read = self.read(name(&known)).await?;
        let Some(read) = read.filter(|read| read.metadata.uid == known.metadata.uid) else {
            self.seen.forget(name(&known));
            return Ok(None);
        };
        self.seen.see(read.clone());
        Ok((!phase(&read).is_final()).then_some(read))
    }

    /// The Approval as soon as it does not wait any more, or as it is at `until`. May be dropped and called again.
    pub async fn settle(&self, asked: &Approval, until: Instant) -> Approval {
        let mut changes = self.seen.changes();
        let mut latest = asked.clone();
        loop {
            changes.mark_unchanged();
            if let Some(seen) =
                self.seen.get(name(asked)).filter(|seen| seen.metadata.uid == asked.metadata.uid)
            {
                latest = seen;
            }
            if phase(&latest) != Phase::Pending || Instant::now() >= until {
                return latest;
            }
            // An API server that does not answer is no reason to let the caller wait for longer.
            let recheck = async {
                tokio::time::sleep(RECHECK).await;
                self.store.get(name(asked)).await
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(until) => {}
                read = recheck => match read {
                    Ok(Some(read)) => self.seen.see(read),
                    Ok(None) => {
                        self.seen.forget(name(asked));
                        latest.status.get_or_insert_default().phase = Phase::Expired;
                        return latest;
                    }
                    Err(error) => tracing::debug!(approval = name(asked), %error, "an Approval cannot be read"),
                },
            }
        }
    }

    /// What the caller is told of an Approval that does not open his call: that it is pending, or its end.
    #[must_use]
    pub fn refusal(&self, approval: &Approval) -> Refusal {
        let full = full_name(approval);
        let deadline = approval.spec.required.deadline.clone();
        let is_over = parse_milliseconds(&deadline).is_none_or(|deadline| deadline < now_milliseconds());
        let refusal = match phase(approval) {
            Phase::Pending if is_over => Refusal::Expired { approval: full },
            Phase::Pending => {
                self.seen.owe(name(approval));
                return Refusal::Pending { approval: full, deadline };
            }
            Phase::Denied => Refusal::Denied { approval: full, reasons: spec::denials(approval) },
            Phase::Revoked | Phase::Cancelled => {
                let (why, reasons) = (spec::withdrawn_since(approval), spec::denials(approval));
                Refusal::Withdrawn { approval: full, why, reasons }
            }
            Phase::Expired => Refusal::Expired { approval: full },
            Phase::Consumed => Refusal::Used { approval: full },
            Phase::Approved => {
                Refusal::Unfit { approval: full, changed: SOMETHING, cause: "it is approved".to_owned() }
            }
        };
        self.seen.tell(name(approval));
        refusal
    }

    /// Marks an Approval as used by a call, once everything about it is checked once more and is in the record. What
    /// comes back opens the call.
    ///
    /// # Errors
    /// Why the call must not be made.
    pub async fn use_up(&self, using: &Use<'_>) -> Result<Evidence, Failure> {
        let full = full_name(using.asked);
        let unfit = |cause: &dyn std::fmt::Display| {
            let (approval, cause) = (full.clone(), cause.to_string());
            Failure::from(Refusal::Unfit { approval, changed: SOMETHING, cause })
        };
        let mut recorded = false;
        for _ in 0..MAXIMUM_USES_TRIED {
            let Some(current) = self.read(name(using.asked)).await? else {
                return Err(Refusal::Expired { approval: full }.into());
            };
            if current.metadata.uid != using.asked.metadata.uid || !using.wanted.is_for(&current) {
                return Err(unfit(&"another Approval has its name now, or it is for another call"));
            }
            self.seen.see(current.clone());
            if phase(&current) != Phase::Approved {
                return Err(self.refusal(&current).into());
            }
            let evidence = spec::evidence(&current, &using.wanted.request.digest);
            using.ask.check(using.caller, &evidence, now_milliseconds()).map_err(|cause| match cause {
                Unapproved::Over => Refusal::Expired { approval: full.clone() }.into(),
                Unapproved::Used => Refusal::Used { approval: full.clone() }.into(),
                Unapproved::Digest
                | Unapproved::Phase
                | Unapproved::Decided
                | Unapproved::Requester
                | Unapproved::Vetoed
                | Unapproved::Ballot
                | Unapproved::Quorum => unfit(&cause),
            })?;
            match self.store.prove_guard(&current).await {
                Ok(()) => {}
                Err(Unproved::Changed) => continue,
                Err(Unproved::Unguarded(cause)) => return Err(Refusal::Unguarded(cause).into()),
            }
            let status = self.used(&current, &evidence, using);
            if !recorded {
                let usage = status.consumed.as_ref().and_then(|consumed| u32::try_from(consumed.count).ok());
                let decided = Decided { call: Some(using.call.to_owned()), ..self.decided(&current, usage) };
                let entry = Entry::Decided(Box::new(decided));
                using.recorder.append(&[&entry]).await.map_err(|_| Failure::Recorder)?;
                recorded = true;
            }
            match self.store.write(&current, &status).await {
                Ok(written) => return self.won(written, evidence, using),
                Err(StoreError::Conflict) => {}
                Err(error @ (StoreError::Exists | StoreError::Other(_))) => {
                    return Err(unavailable(&error.to_string()).into());
                }
            }
        }
        Err(unavailable("the Approval changes faster than it can be used").into())
    }

    /// The status after a use.
    fn used(&self, current: &Approval, evidence: &Evidence, using: &Use<'_>) -> ApprovalStatus {
        let count = i32::try_from(evidence.uses.saturating_add(1)).unwrap_or(i32::MAX);
        let is_last = count >= current.spec.required.grant.uses;
        let mut status =
            if is_last { with_recorded(current) } else { current.status.clone().unwrap_or_default() };
        if is_last {
            status.phase = Phase::Consumed;
        }
        let (replica, call_id) = (self.replica.clone(), using.call.to_owned());
        status.consumed = Some(Consumed { at: text_of(now_milliseconds()), replica, call_id, count });
        status
    }

    /// Whether what was written is this call's use: a patch that changes nothing is answered like one that does.
    fn won(&self, written: Approval, evidence: Evidence, using: &Use<'_>) -> Result<Evidence, Failure> {
        let consumed = written.status.as_ref().and_then(|status| status.consumed.as_ref());
        let is_ours = consumed.is_some_and(|consumed| consumed.call_id == using.call);
        let approval = full_name(&written);
        self.seen.tell(name(&written));
        self.seen.see(written);
        if is_ours { Ok(evidence) } else { Err(Refusal::Used { approval }.into()) }
    }
}

/// Namespace and name.
#[must_use]
pub fn full_name(approval: &Approval) -> String {
    match &approval.metadata.namespace {
        Some(namespace) => format!("{namespace}/{}", name(approval)),
        None => name(approval).to_owned(),
    }
}

fn unavailable(cause: &str) -> Refusal {
    Refusal::Unavailable(cause.to_owned())
}

/// Whether the record has what became of it.
pub(crate) fn is_recorded(approval: &Approval) -> bool {
    let mut conditions = approval.status.iter().flat_map(|status| &status.conditions);
    conditions.any(|condition| condition.type_ == RECORDED && condition.status == "True")
}

/// The status with the condition that says so. All others stay.
fn with_recorded(approval: &Approval) -> ApprovalStatus {
    let mut status = approval.status.clone().unwrap_or_default();
    status.conditions.retain(|condition| condition.type_ != RECORDED);
    let now = k8s_openapi::jiff::Timestamp::now();
    let whole_seconds = k8s_openapi::jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    status.conditions.push(Condition {
        type_: RECORDED.to_owned(),
        status: "True".to_owned(),
        reason: RECORDED.to_owned(),
        message: "The gateway has written what became of it into its record".to_owned(),
        last_transition_time: Time(whole_seconds),
        observed_generation: approval.metadata.generation,
    });
    status
}
