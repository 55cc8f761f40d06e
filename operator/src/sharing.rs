//! How many replicas of each autoscaled connection divide the limits of its callers among themselves.
//!
//! [`Sharers`] has the rule; here are the clock and what is remembered. What was published last is noted on the ConfigMap
//! with the document, so that an operator that begins anew goes on from there.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lychgate_operator_plan::{SHARERS_ANNOTATION, Sharers};

/// What counts for each connection, by its uid.
pub struct Sharing {
    since: Instant,
    known: Mutex<HashMap<String, Sharers>>,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { since: Instant::now(), known: Mutex::default() }
    }
}

impl Sharing {
    /// How many share the limits of a connection's callers now that `ready` are ready, and when that should be looked at
    /// again. `annotations` are those of the ConfigMap that is published now, `numbers` what an autoscaler may choose.
    pub fn count(
        &self,
        uid: &str,
        ready: usize,
        numbers: &RangeInclusive<u32>,
        annotations: Option<&BTreeMap<String, String>>,
    ) -> (u32, Option<Duration>) {
        let now = self.since.elapsed();
        let ready = u32::try_from(ready).unwrap_or(u32::MAX);
        let published = annotations.and_then(|annotations| annotations.get(SHARERS_ANNOTATION)?.parse().ok());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.get(uid).copied();
        let before = before.unwrap_or_else(|| Sharers::new(published.unwrap_or(ready)));
        let after = before.with(ready, numbers, now);
        known.insert(uid.to_owned(), after);
        (after.count(), after.due(now))
    }

    /// Forgets a connection whose number of pods is written: what is ready when that ends counts then.
    pub fn forget(&self, uid: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lychgate_operator_plan::SHARERS_ANNOTATION;

    use super::Sharing;

    #[test]
    fn an_operator_without_memory_goes_on_from_what_was_published() {
        let published = BTreeMap::from([(SHARERS_ANNOTATION.to_owned(), "5".to_owned())]);
        let (count, due) = Sharing::default().count("u", 3, &(2..=9), Some(&published));
        assert_eq!((count, due.is_some()), (5, true), "two may be lost for a moment");
        assert_eq!(Sharing::default().count("u", 3, &(2..=9), None), (3, None));
        let forged = BTreeMap::from([(SHARERS_ANNOTATION.to_owned(), "1000".to_owned())]);
        assert_eq!(Sharing::default().count("u", 9, &(2..=9), Some(&forged)), (9, None));
    }

    #[test]
    fn what_is_forgotten_begins_with_what_is_ready() {
        let sharing = Sharing::default();
        assert_eq!(sharing.count("u", 5, &(2..=9), None), (5, None));
        assert_eq!(sharing.count("u", 2, &(2..=9), None).0, 5);
        sharing.forget("u");
        assert_eq!(sharing.count("u", 2, &(2..=9), None), (2, None));
    }
}
