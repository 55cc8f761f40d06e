//! The Approvals that are known, and when each is to be looked at.
//!
//! One that has changed is looked at at once, one that waits when it is due, and one of which a write is under way not
//! before that has ended. An Approval is looked at no more often than something happens to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use lychgate_crds::approval::Phase;
use lychgate_operator_plan::approvals::Waiting;

use super::write::Outcome;

/// How long after the API server was not to be had a write is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(2);

/// The namespace and the name of an Approval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// One Approval.
struct Entry {
    waiting: Waiting,
    /// When it was seen in this version.
    arrived: Timestamp,
    scope: usize,
    step: Step,
}

/// When an Approval is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// As soon as possible.
    Ready,
    /// At this moment.
    Due(Timestamp),
    /// When a write has ended; and at once, if it has changed meanwhile.
    Writing { changed: bool },
}

/// The Approvals that are known.
#[derive(Default)]
pub(super) struct Book {
    entries: HashMap<Key, Entry>,
    ready: VecDeque<Key>,
    due: BTreeSet<(Timestamp, Key)>,
    /// Those that wait for votes, the oldest first.
    pending: BTreeSet<(Timestamp, Key)>,
    waiting: BTreeMap<String, usize>,
}

impl Book {
    /// Takes in an Approval as it was just seen.
    pub(super) fn put(&mut self, key: Key, scope: usize, waiting: Waiting, now: Timestamp) {
        if self.entries.get(&key).is_some_and(|known| is_older(&waiting, &known.waiting)) {
            return;
        }
        let step = match self.entries.get(&key).map(|known| known.step) {
            Some(Step::Writing { changed: _ }) => Step::Writing { changed: true },
            Some(Step::Ready | Step::Due(_)) | None => Step::Ready,
        };
        self.forget(&key);
        if waiting.phase == Phase::Pending {
            self.pending.insert((waiting.created, key.clone()));
            *self.waiting.entry(key.namespace.clone()).or_default() += 1;
        }
        if step == Step::Ready {
            self.ready.push_back(key.clone());
        }
        self.entries.insert(key, Entry { waiting, arrived: now, scope, step });
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.forget(key);
    }

    /// What a new list of a scope does not hold is gone.
    pub(super) fn retain(&mut self, scope: usize, listed: &HashSet<Key>) {
        let gone = self.entries.iter().filter(|(key, entry)| entry.scope == scope && !listed.contains(*key));
        let gone: Vec<Key> = gone.map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.forget(&key);
        }
    }

    /// What everything depends on has changed.
    pub(super) fn look_at_all(&mut self) {
        self.due.clear();
        for (key, entry) in &mut self.entries {
            match entry.step {
                Step::Ready => {}
                Step::Due(_) => {
                    entry.step = Step::Ready;
                    self.ready.push_back(key.clone());
                }
                Step::Writing { changed: _ } => entry.step = Step::Writing { changed: true },
            }
        }
    }

    /// The next Approval to look at, and when it was seen. It stays the next until something is said of it.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(Key, &Waiting, Timestamp)> {
        while let Some(key) = self.ready.pop_front() {
            if self.entries.get(&key).is_some_and(|entry| entry.step == Step::Ready) {
                let entry = self.entries.get(&key)?;
                return Some((key, &entry.waiting, entry.arrived));
            }
        }
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        let entry = self.entries.get_mut(&key)?;
        entry.step = Step::Ready;
        Some((key, &entry.waiting, entry.arrived))
    }

    /// When the next is due that waits; now, if one is ready.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if !self.ready.is_empty() {
            return Some(Timestamp::UNIX_EPOCH);
        }
        self.due.first().map(|(at, _)| *at)
    }

    /// Nothing is to be done with it before `due`.
    pub(super) fn wait(&mut self, key: &Key, due: Timestamp) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.step = Step::Due(due);
            self.due.insert((due, key.clone()));
        }
    }

    /// It is being written.
    pub(super) fn begin(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.step = Step::Writing { changed: false };
        }
    }

    /// A write has ended.
    pub(super) fn done(&mut self, key: &Key, outcome: Outcome, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let changed = matches!(entry.step, Step::Writing { changed: true });
        let scope = entry.scope;
        match outcome {
            Outcome::Written(waiting) => {
                entry.step = Step::Ready;
                // An answer is faster than the watch, as a rule; what the watch has told since is newer.
                let (waiting, arrived) = if is_older(&waiting, &entry.waiting) {
                    (entry.waiting.clone(), entry.arrived)
                } else {
                    (*waiting, now)
                };
                self.put(key.clone(), scope, waiting, arrived);
            }
            // The watch tells of the other.
            Outcome::Gone => self.forget(key),
            Outcome::Outrun | Outcome::Failed if changed => {
                entry.step = Step::Ready;
                self.ready.push_back(key.clone());
            }
            Outcome::Outrun | Outcome::Failed => {
                let again = now.checked_add(RETRY).unwrap_or(now);
                self.wait(key, again);
            }
        }
    }

    /// When the oldest was made that waits for votes.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.pending.first().map(|(created, _)| *created)
    }

    /// How many wait for votes, by namespace.
    pub(super) fn waiting(&self) -> &BTreeMap<String, usize> {
        &self.waiting
    }

    fn forget(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        if let Step::Due(due) = entry.step {
            self.due.remove(&(due, key.clone()));
        }
        if self.pending.remove(&(entry.waiting.created, key.clone()))
            && let Some(count) = self.waiting.get_mut(&key.namespace)
        {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&key.namespace);
            }
        }
    }
}

/// Whether one is an older version of the other. Versions that are no numbers cannot be compared.
fn is_older(new: &Waiting, known: &Waiting) -> bool {
    let version = |waiting: &Waiting| waiting.resource_version.parse::<u128>().ok();
    new.uid == known.uid && version(new).zip(version(known)).is_some_and(|(new, known)| new < known)
}
