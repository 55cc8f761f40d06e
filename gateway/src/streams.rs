//! The event streams of MCP 2024-11-05 that are open at this replica, each by the name of its session.
//!
//! A message that a client posts need not meet the replica at which its stream is open. Where it does, more can be
//! told over the stream: why a call was refused, that it still waits for people, and that its answer does not come.
//! Nothing is decided by what is kept here: which call an answer belongs to matters to the record and to time-outs, and
//! never to what is masked, because a client chooses the ids and could use one twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lychgate_gateway_mcp::message::Id;
use lychgate_gateway_policy::Caller;
use lychgate_gateway_policy::mask::Masked;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::reply::ReplyBody;
use crate::ticket::Ticket;
use crate::usage::Turn;

/// How many calls of one stream are waited for at once; others are answered all the same.
const MAXIMUM_CALLS: usize = 256;
/// How many of the gateway's own words may wait for one stream.
const MAXIMUM_WORDS: usize = 64;

/// The streams that are open here.
#[derive(Clone, Default)]
pub struct EventStreams(Arc<Mutex<HashMap<String, Arc<EventStream>>>>);

/// A stream, as those see it who handle its client's messages.
pub struct EventStream {
    words: mpsc::Sender<Word>,
    caller: Mutex<Caller>,
    calls: Mutex<HashMap<Id, Waiting>>,
    changed: Notify,
}

/// What the gateway itself says over a stream.
pub enum Word {
    /// A message.
    Message(Masked),
    /// The open answer of a call that waits for people.
    Answer(ReplyBody),
}

/// A call whose answer is to come.
pub struct Waiting {
    /// Its page in the record.
    pub ticket: Ticket,
    /// When it must have come.
    pub until: Instant,
    /// Its caller's place among the calls that the server has at once.
    pub turn: Option<Turn>,
}

/// A stream's place among them; it is given up when it is dropped.
pub struct Place {
    streams: EventStreams,
    name: String,
    /// What is said over the stream.
    pub words: mpsc::Receiver<Word>,
    /// The stream, as others see it.
    pub open: Arc<EventStream>,
}

impl EventStreams {
    /// A stream opens. How many may is bounded elsewhere, for each caller ([`crate::open`]).
    #[must_use]
    pub fn enter(&self, name: &str, caller: &Caller) -> Place {
        let (sender, words) = mpsc::channel(MAXIMUM_WORDS);
        let open = Arc::new(EventStream {
            words: sender,
            caller: Mutex::new(caller.clone()),
            calls: Mutex::default(),
            changed: Notify::new(),
        });
        lock(&self.0).insert(name.to_owned(), Arc::clone(&open));
        Place { streams: self.clone(), name: name.to_owned(), words, open }
    }

    /// The stream of that session, if it is open here.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<EventStream>> {
        lock(&self.0).get(name).cloned()
    }
}

impl EventStream {
    /// Has something said over the stream.
    ///
    /// # Errors
    /// The stream has ended, or too much waits for it.
    pub fn say(&self, word: Word) -> Result<(), Word> {
        self.words.try_send(word).map_err(|error| match error {
            mpsc::error::TrySendError::Full(word) | mpsc::error::TrySendError::Closed(word) => word,
        })
    }

    /// The caller, as his last message presented him.
    #[must_use]
    pub fn caller(&self) -> Caller {
        lock(&self.caller).clone()
    }

    /// The caller presents himself anew: his groups may have changed.
    pub fn seen(&self, caller: &Caller) {
        *lock(&self.caller) = caller.clone();
    }

    /// Waits for the answer to a call.
    ///
    /// # Errors
    /// As many are waited for as may be, or one of the same id is.
    pub fn expect(&self, id: &Id, waiting: Waiting) -> Result<(), Box<Waiting>> {
        let mut calls = lock(&self.calls);
        if calls.len() >= MAXIMUM_CALLS || calls.contains_key(id) {
            return Err(Box::new(waiting));
        }
        calls.insert(id.clone(), waiting);
        drop(calls);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits no more for the answer to a call.
    #[must_use]
    pub fn settle(&self, id: &Id) -> Option<Waiting> {
        lock(&self.calls).remove(id)
    }

    /// A call whose time is over, or any at all if `all`.
    #[must_use]
    pub fn overdue(&self, now: Instant, all: bool) -> Option<(Id, Waiting)> {
        let mut calls = lock(&self.calls);
        let id = calls.iter().find(|(_, waiting)| all || waiting.until <= now).map(|(id, _)| id.clone())?;
        calls.remove(&id).map(|waiting| (id, waiting))
    }

    /// When the first of the calls must have its answer; none if none is waited for.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        lock(&self.calls).values().map(|waiting| waiting.until).min()
    }

    /// Waits until a call is waited for that was not.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.streams.0).remove(&self.name);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::EventStreams;
    use lychgate_gateway_policy::Caller;

    #[test]
    fn a_stream_is_found_while_it_is_open_and_its_caller_is_as_his_last_message_presented_him() {
        let streams = EventStreams::default();
        let place = streams.enter("s-1", &Caller::anonymous());
        let later = Caller { groups: vec!["later".into()], ..Caller::anonymous() };
        streams.find("s-1").unwrap().seen(&later);
        assert_eq!(place.open.caller(), later);
        assert!(streams.find("s-2").is_none());
        drop(place);
        assert!(streams.find("s-1").is_none());
    }
}
