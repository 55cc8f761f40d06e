//! The Approvals of this gateway as they were last seen, and who was told of them.
//!
//! What is in here decides nothing: before a call is made, its Approval is read anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lychgate_crds::approval::{Approval, ApprovalRequest, Phase};
use tokio::sync::watch;

use super::spec::Wanted;

/// How many outcomes are kept for callers who were told to come back; beyond, a repeated call asks anew.
const MAXIMUM_OWED: usize = 1000;

/// What was seen.
pub struct Seen {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    approvals: BTreeMap<String, Approval>,
    /// The names of those whose caller was told that they are pending.
    owed: BTreeSet<String>,
}

/// What there is for a call.
pub enum Found {
    /// An Approval that waits or is approved, or one whose end its caller was not told.
    Live(Box<Approval>),
    /// The number that the next Approval of this digest has.
    Next(u32),
    /// As many of the caller's calls wait as may.
    TooMany,
}

impl Default for Seen {
    fn default() -> Self {
        Self { state: Mutex::default(), changes: watch::channel(()).0 }
    }
}

/// Where an Approval stands.
#[must_use]
pub fn phase(approval: &Approval) -> Phase {
    approval.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

/// Its name.
#[must_use]
pub fn name(approval: &Approval) -> &str {
    approval.metadata.name.as_deref().unwrap_or_default()
}

impl Seen {
    /// Takes an Approval as it is now, unless it is known in a newer form.
    pub fn see(&self, approval: Approval) {
        let mut state = self.lock();
        let known = state.approvals.get(name(&approval));
        if !known.is_some_and(|known| is_newer(known, &approval)) {
            state.approvals.insert(name(&approval).to_owned(), approval);
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// Takes all Approvals of a gateway as they are now; others of it have gone.
    pub fn see_all(&self, gateway: &str, approvals: Vec<Approval>) {
        let mut state = self.lock();
        let State { approvals: known, owed } = &mut *state;
        known.retain(|name, it| {
            it.spec.request.gateway != gateway || (owed.contains(name) && phase(it).is_final())
        });
        known.extend(approvals.into_iter().map(|approval| (name(&approval).to_owned(), approval)));
        drop(state);
        self.changes.send_replace(());
    }

    /// An Approval has gone. What its caller is still owed stays.
    pub fn forget(&self, name: &str) {
        let mut state = self.lock();
        let is_owed = state.owed.contains(name);
        if !is_owed || !state.approvals.get(name).is_some_and(|known| phase(known).is_final()) {
            state.approvals.remove(name);
            state.owed.remove(name);
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// The Approval of that name, as it was last seen.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Approval> {
        self.lock().approvals.get(name).cloned()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Approval> {
        self.lock().approvals.values().cloned().collect()
    }

    /// What `pick` takes of each of them.
    pub fn each<T>(&self, pick: impl Fn(&Approval) -> Option<T>) -> Vec<T> {
        self.lock().approvals.values().filter_map(pick).collect()
    }

    /// What there is for a call.
    #[must_use]
    pub fn find(&self, wanted: &Wanted) -> Found {
        let state = self.lock();
        let mut last: u32 = 0;
        for (known, approval) in state.approvals.range(wanted.name_prefix.clone()..) {
            let Some(number) = known.strip_prefix(&wanted.name_prefix) else { break };
            last = last.max(number.parse().unwrap_or(0));
            let is_live = !phase(approval).is_final() || state.owed.contains(known);
            if is_live && wanted.is_for(approval) {
                return Found::Live(Box::new(approval.clone()));
            }
        }
        let waits =
            |it: &&Approval| phase(it) == Phase::Pending && is_same(&it.spec.request, &wanted.request);
        let waiting = state.approvals.values().filter(waits).count();
        if waiting >= usize::try_from(wanted.max_pending).unwrap_or(usize::MAX) {
            return Found::TooMany;
        }
        Found::Next(last.saturating_add(1))
    }

    /// The caller was told that the Approval is pending, and is owed its outcome.
    pub fn owe(&self, name: &str) {
        let mut state = self.lock();
        if state.owed.len() < MAXIMUM_OWED {
            state.owed.insert(name.to_owned());
        }
    }

    /// The caller was told the outcome.
    pub fn tell(&self, name: &str) {
        self.lock().owed.remove(name);
    }

    /// Tells of each change from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two requests are of one caller on one connection.
fn is_same(one: &ApprovalRequest, other: &ApprovalRequest) -> bool {
    let caller = |it: &ApprovalRequest| {
        (it.caller.issuer.clone(), it.caller.subject.clone(), it.caller.username.clone())
    };
    caller(one) == caller(other) && one.connection_ref.name == other.connection_ref.name
}

/// Whether `known` is a later state of the same object. Versions are compared as numbers, which the API server
/// promises since 1.35; where they are none, what comes counts.
fn is_newer(known: &Approval, coming: &Approval) -> bool {
    let version =
        |it: &Approval| it.metadata.resource_version.as_ref().and_then(|text| text.parse::<u64>().ok());
    match (version(known), version(coming)) {
        (Some(known_version), Some(coming_version)) => {
            known.metadata.uid == coming.metadata.uid && known_version > coming_version
        }
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::{Found, Seen, name};
    use crate::approval::testing::{approval, wanted};
    use lychgate_crds::approval::{Approval, ApprovalStatus, Phase};

    fn in_phase(mut approval: Approval, phase: Phase) -> Approval {
        approval.status = Some(ApprovalStatus { phase, ..ApprovalStatus::default() });
        approval
    }

    fn found(seen: &Seen, wanted: &super::Wanted) -> String {
        match seen.find(wanted) {
            Found::Live(approval) => name(&approval).rsplit('-').next().unwrap().to_owned(),
            Found::Next(number) => format!("next {number}"),
            Found::TooMany => "too many".to_owned(),
        }
    }

    #[test]
    fn a_repeated_call_joins_the_one_that_waits_and_asks_anew_after_its_end() {
        let (seen, wanted) = (Seen::default(), wanted(1_000_000));
        assert_eq!(found(&seen, &wanted), "next 1");
        let first = approval(&wanted);
        for phase in [Phase::Pending, Phase::Approved] {
            seen.see(in_phase(first.clone(), phase));
            assert_eq!(found(&seen, &wanted), "1", "{phase}");
        }
        for phase in [Phase::Denied, Phase::Expired, Phase::Consumed, Phase::Revoked, Phase::Cancelled] {
            seen.see(in_phase(first.clone(), phase));
            assert_eq!(found(&seen, &wanted), "next 2", "{phase}");
        }
        seen.forget(name(&first));
        assert_eq!(found(&seen, &wanted), "next 1");
    }

    #[test]
    fn who_was_told_to_come_back_is_told_the_end_once_even_if_the_object_has_gone() {
        let (seen, wanted) = (Seen::default(), wanted(1_000_000));
        let first = approval(&wanted);
        seen.see(first.clone());
        seen.owe(name(&first));
        seen.see(in_phase(first.clone(), Phase::Denied));
        seen.forget(name(&first));
        seen.see_all(&wanted.request.gateway, vec![]);
        assert_eq!(found(&seen, &wanted), "1");
        seen.tell(name(&first));
        assert_eq!(found(&seen, &wanted), "next 2");
    }

    #[test]
    fn a_caller_may_wait_for_so_many_and_others_are_not_counted() {
        let (seen, first) = (Seen::default(), wanted(1_000_000));
        let mut second = first.clone();
        second.name_prefix = "appr-other-".into();
        second.max_pending = 1;
        seen.see(approval(&first));
        assert_eq!(found(&seen, &second), "too many");
        second.request.caller.username = "bob".into();
        assert_eq!(found(&seen, &second), "next 1");
    }

    #[test]
    fn one_of_the_same_name_that_takes_less_is_passed_over_and_an_older_state_changes_nothing() {
        let (seen, wanted) = (Seen::default(), wanted(1_000_000));
        let mut cheap = approval(&wanted);
        cheap.spec.required.require_reason = false;
        seen.see(cheap);
        assert_eq!(found(&seen, &wanted), "next 2");

        let version = |number: u64, phase| {
            let mut it = in_phase(approval(&wanted), phase);
            it.metadata.resource_version = Some(number.to_string());
            it
        };
        seen.see(version(10, Phase::Denied));
        seen.see(version(9, Phase::Pending));
        assert_eq!(found(&seen, &wanted), "next 2");
    }
}
