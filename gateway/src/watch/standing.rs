//! How it stands with each watch, for the metrics and for whoever asks what is in use.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// A watched object: its kind and its name.
pub type Watched = (&'static str, String);

/// How it stands with one watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether what was seen last is the truth, as far as anybody can tell.
    pub in_sync: bool,
    /// When the API server said something about it last, in seconds since the Unix epoch.
    pub heard_seconds: Option<u64>,
    /// Why it is not in sync; none before the first attempt has ended.
    pub problem: Option<String>,
}

/// How it stands with each watch; empty where nothing is watched.
#[derive(Default)]
pub struct Standings(Mutex<BTreeMap<Watched, Standing>>);

impl Standings {
    /// The object is watched from now on.
    pub(crate) fn begin(&self, kind: &'static str, name: &str) {
        self.lock().insert((kind, name.to_owned()), Standing::default());
    }

    /// The object is not watched any more.
    pub(crate) fn end(&self, kind: &'static str, name: &str) {
        self.lock().remove(&(kind, name.to_owned()));
    }

    /// Notes that the API server has said something about the object.
    pub(crate) fn hear(&self, watched: &Watched, now_seconds: u64) {
        if let Some(standing) = self.lock().get_mut(watched) {
            standing.heard_seconds = Some(now_seconds);
        }
    }

    /// Notes that what was seen last is the truth. Says whether that is new.
    pub(crate) fn find(&self, watched: &Watched) -> bool {
        let mut standings = self.lock();
        let Some(standing) = standings.get_mut(watched) else { return false };
        standing.problem = None;
        !std::mem::replace(&mut standing.in_sync, true)
    }

    /// Notes that what was seen last need not be the truth any more. Says whether that is new.
    pub(crate) fn lose(&self, watched: &Watched, problem: &str) -> bool {
        let mut standings = self.lock();
        let Some(standing) = standings.get_mut(watched) else { return false };
        let told_before = standing.problem.replace(problem.to_owned()).is_some();
        standing.in_sync = false;
        !told_before
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<(Watched, Standing)> {
        self.lock().iter().map(|(watched, standing)| (watched.clone(), standing.clone())).collect()
    }

    /// All of them, for whoever asks what is in use.
    #[must_use]
    pub fn report(&self) -> Vec<Value> {
        let report = |((kind, name), standing): (Watched, Standing)| {
            let mut report = json!({"kind": kind, "name": name, "inSync": standing.in_sync});
            if let (Some(problem), Some(members)) = (standing.problem, report.as_object_mut()) {
                members.insert("problem".to_owned(), problem.into());
            }
            report
        };
        self.all().into_iter().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Watched, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, Standings};

    #[test]
    fn a_change_is_new_once_and_of_what_is_not_watched_any_more_nothing_is_noted() {
        let standings = Standings::default();
        let watched = ("Secret", "db".to_owned());
        standings.begin("Secret", "db");
        assert!(standings.lose(&watched, "away"));
        assert!(!standings.lose(&watched, "still away"));
        standings.hear(&watched, 7);
        assert!(standings.find(&watched));
        assert!(!standings.find(&watched));
        let expected = Standing { in_sync: true, heard_seconds: Some(7), problem: None };
        assert_eq!(standings.all(), [(watched.clone(), expected)]);
        assert!(standings.lose(&watched, "away again"));
        assert_eq!(standings.report().first().map(|report| report["problem"] == "away again"), Some(true));

        standings.end("Secret", "db");
        assert!(!standings.find(&watched) && !standings.lose(&watched, "late"));
        standings.hear(&watched, 8);
        assert_eq!(standings.all(), []);
    }
}
