//! Calls that wait with an open answer, so that a client can take one back: some clients that give up say so and leave
//! the stream open, and nothing must run for a client that has left.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lychgate_gateway_mcp::message::Id;
use tokio::sync::Notify;

/// A session's name, and the id of a request in it.
type Key = (String, Id);

/// The calls that wait.
#[derive(Clone, Default)]
pub struct HeldCalls(Arc<Mutex<Calls>>);

#[derive(Default)]
struct Calls {
    by_request: HashMap<Key, Arc<Notify>>,
    /// Since when each waits, in the order in which they came.
    waiting: BTreeMap<u64, Instant>,
    next: u64,
}

/// A call's place among them; it is given up when it is dropped.
pub struct Place {
    calls: HeldCalls,
    key: Key,
    number: u64,
    cancelled: Arc<Notify>,
}

impl HeldCalls {
    /// A call begins to wait.
    #[must_use]
    pub fn enter(&self, session: &str, id: &Id) -> Place {
        let key = (session.to_owned(), id.clone());
        let cancelled = Arc::new(Notify::new());
        let mut calls = self.lock();
        let number = calls.next;
        calls.next = number.wrapping_add(1);
        calls.waiting.insert(number, Instant::now());
        calls.by_request.insert(key.clone(), Arc::clone(&cancelled));
        drop(calls);
        Place { calls: self.clone(), key, number, cancelled }
    }

    /// How many wait, and how long the first of them has.
    #[must_use]
    pub fn waiting(&self) -> (usize, Duration) {
        let calls = self.lock();
        let oldest = calls.waiting.first_key_value().map(|(_, since)| since.elapsed());
        (calls.waiting.len(), oldest.unwrap_or_default())
    }

    /// The client takes a call back.
    pub fn cancel(&self, session: &str, id: &Id) {
        if let Some(cancelled) = self.lock().by_request.get(&(session.to_owned(), id.clone())) {
            cancelled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the client takes the call back.
    pub async fn cancelled(&self) {
        self.cancelled.notified().await;
    }

    /// The call waits no more: it is made, or refused.
    pub fn decided(&self) {
        self.calls.lock().waiting.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        calls.waiting.remove(&self.number);
        // Another call of the same id may have taken the place.
        if calls.by_request.get(&self.key).is_some_and(|held| Arc::ptr_eq(held, &self.cancelled)) {
            calls.by_request.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HeldCalls;
    use lychgate_gateway_mcp::message::Id;

    #[tokio::test]
    async fn a_call_is_taken_back_by_its_own_session_alone_and_leaves_nothing_behind() {
        let calls = HeldCalls::default();
        let place = calls.enter("s-1", &Id::Number(7));
        calls.cancel("s-2", &Id::Number(7));
        calls.cancel("s-1", &Id::String("7".into()));
        let pending = futures_util::FutureExt::now_or_never(place.cancelled());
        assert!(pending.is_none());
        calls.cancel("s-1", &Id::Number(7));
        place.cancelled().await;
        drop(place);
        assert!(calls.lock().by_request.is_empty());
    }

    #[test]
    fn the_oldest_is_the_first_that_still_waits_also_where_two_have_one_id() {
        let calls = HeldCalls::default();
        assert_eq!(calls.waiting(), (0, std::time::Duration::ZERO));
        let first = calls.enter("s-1", &Id::Number(7));
        let second = calls.enter("s-1", &Id::Number(7));
        let since = |calls: &HeldCalls| calls.lock().waiting.first_key_value().map(|(_, since)| *since);
        let first_since = since(&calls);
        assert_eq!(calls.waiting().0, 2);
        first.decided();
        assert_eq!(calls.waiting().0, 1);
        assert!(since(&calls) >= first_since && calls.lock().waiting.contains_key(&second.number));
        drop(first);
        drop(second);
        assert_eq!(calls.waiting(), (0, std::time::Duration::ZERO));
    }
}
