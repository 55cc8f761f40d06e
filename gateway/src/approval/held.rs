//! Calls that wait with an open answer, so that a client can take one back: some clients that give up say so and leave
//! the stream open, and nothing must run for a client that has left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lychgate_gateway_mcp::message::Id;
use tokio::sync::Notify;

/// A session's name, and the id of a request in it.
type Key = (String, Id);

/// The calls that wait.
#[derive(Clone, Default)]
pub struct HeldCalls(Arc<Mutex<HashMap<Key, Arc<Notify>>>>);

/// A call's place among them; it is given up when it is dropped.
pub struct Place {
    calls: HeldCalls,
    key: Key,
    cancelled: Arc<Notify>,
}

impl HeldCalls {
    /// A call begins to wait.
    #[must_use]
    pub fn enter(&self, session: &str, id: &Id) -> Place {
        let key = (session.to_owned(), id.clone());
        let cancelled = Arc::new(Notify::new());
        self.lock().insert(key.clone(), Arc::clone(&cancelled));
        Place { calls: self.clone(), key, cancelled }
    }

    /// The client takes a call back.
    pub fn cancel(&self, session: &str, id: &Id) {
        if let Some(cancelled) = self.lock().get(&(session.to_owned(), id.clone())) {
            cancelled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the client takes the call back.
    pub async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        // Another call of the same id may have taken the place.
        if calls.get(&self.key).is_some_and(|held| Arc::ptr_eq(held, &self.cancelled)) {
            calls.remove(&self.key);
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
        assert!(calls.lock().is_empty());
    }
}
