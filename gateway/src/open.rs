//! How many streams without an end each caller has open: each holds a connection here and one at the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lychgate_gateway_policy::Caller;

/// The most streams without an end that one caller has open on one connection, on each replica.
pub const MAXIMUM_STREAMS: usize = 256;

/// A connection's label, and who the caller is: issuer, subject and user name.
type Key = (String, String, String, String);

/// The streams that are open.
#[derive(Clone, Default)]
pub struct OpenStreams(Arc<Mutex<HashMap<Key, usize>>>);

/// A stream's place among them; it is given up when it is dropped.
pub struct Place {
    streams: OpenStreams,
    key: Key,
}

impl OpenStreams {
    /// A place for one stream more; none if the caller has as many as he may.
    #[must_use]
    pub fn enter(&self, connection: &str, caller: &Caller) -> Option<Place> {
        let Caller { issuer, subject, username, .. } = caller;
        let key = (connection.to_owned(), issuer.clone(), subject.clone(), username.clone());
        let mut streams = self.lock();
        let open = streams.entry(key.clone()).or_default();
        if *open >= MAXIMUM_STREAMS {
            return None;
        }
        *open += 1;
        drop(streams);
        Some(Place { streams: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.streams.lock();
        if let Some(open) = streams.get_mut(&self.key) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                streams.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAXIMUM_STREAMS, OpenStreams};
    use lychgate_gateway_policy::Caller;

    #[test]
    fn a_caller_has_so_many_streams_on_a_connection_and_what_he_closes_makes_room_and_leaves_nothing() {
        let streams = OpenStreams::default();
        let alice = Caller { username: "alice".into(), ..Caller::anonymous() };
        let mut open: Vec<_> = (0..MAXIMUM_STREAMS).filter_map(|_| streams.enter("a/db", &alice)).collect();
        assert_eq!(open.len(), MAXIMUM_STREAMS);
        assert!(streams.enter("a/db", &alice).is_none());
        assert!(streams.enter("a/other", &alice).is_some());
        assert!(streams.enter("a/db", &Caller::anonymous()).is_some());
        open.pop();
        open.extend(streams.enter("a/db", &alice));
        assert_eq!(open.len(), MAXIMUM_STREAMS);
        open.clear();
        assert!(streams.lock().is_empty());
    }
}
