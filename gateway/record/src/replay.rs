//! One session, step by step: which entries belong to it and which way they went. How a step looks
//! on a terminal is the rendering's matter.

use std::collections::HashSet;

use crate::entry::{Direction, Entry};
use crate::line::{Content, Recorded};
use crate::timestamp::Timestamp;

/// One thing that happened in a session.
#[derive(Clone, Debug)]
pub struct Step {
    /// The entry's number in its journal.
    pub sequence: u64,
    /// When it was written. To join a session's steps from several journals, keep the order within
    /// each journal and merge by this.
    pub time: Timestamp,
    /// Which way a message went; nothing for what happened inside the gateway. A denied request
    /// came from the caller and went no further.
    pub direction: Option<Direction>,
    /// What happened: never a head.
    pub content: Content,
}

/// Picks the steps of one session out of a journal's entries, one at a time.
#[derive(Debug)]
pub struct Replay {
    session: String,
    calls: HashSet<String>,
}

/// The steps of a session in the journal's order.
#[must_use]
pub fn replay(entries: impl IntoIterator<Item = Recorded>, session: &str) -> Vec<Step> {
    let mut replay = Replay::new(session);
    entries.into_iter().filter_map(|recorded| replay.step(recorded)).collect()
}

impl Replay {
    /// Begins at a journal's first entry.
    #[must_use]
    pub fn new(session: &str) -> Self {
        Self { session: session.to_owned(), calls: HashSet::new() }
    }

    /// Takes the next entry, and gives it back as a step if it belongs to the session: because it
    /// names the session, or a call that a request of the session began.
    pub fn step(&mut self, recorded: Recorded) -> Option<Step> {
        let Recorded { sequence, time, previous: _, content } = recorded;
        let named = content.session() == Some(self.session.as_str());
        let call = content.call();
        if !named && !call.is_some_and(|call| self.calls.contains(call)) {
            return None;
        }
        let direction = match &content {
            Content::Entry(entry) => {
                self.follow(entry);
                direction(entry)
            }
            Content::Head(_) => return None,
            Content::Unknown { .. } => None,
        };
        Some(Step { sequence, time, direction, content })
    }

    fn follow(&mut self, entry: &Entry) {
        match entry {
            Entry::Request(request) => {
                self.calls.insert(request.call.clone());
            }
            Entry::Ended(ended) => {
                if let Some(call) = &ended.call {
                    self.calls.remove(call);
                }
            }
            Entry::Opened(_)
            | Entry::Asked(_)
            | Entry::Decided(_)
            | Entry::Injected(_)
            | Entry::Flagged(_)
            | Entry::Response(_)
            | Entry::Failed(_)
            | Entry::Event(_)
            | Entry::Rejected(_) => {}
        }
    }
}

fn direction(entry: &Entry) -> Option<Direction> {
    match entry {
        Entry::Request(_) => Some(Direction::ToServer),
        Entry::Response(_) | Entry::Failed(_) => Some(Direction::ToClient),
        Entry::Event(event) => Some(event.direction),
        Entry::Opened(_)
        | Entry::Asked(_)
        | Entry::Decided(_)
        | Entry::Injected(_)
        | Entry::Flagged(_)
        | Entry::Rejected(_)
        | Entry::Ended(_) => None,
    }
}
