//! Sessions as views of a journal: one line of facts for each. The steps of one session are the
//! replay's matter.

use std::collections::HashMap;

use crate::entry::{AUDITED, Caller, Entry, Outcome};
use crate::line::{Content, Recorded};
use crate::timestamp::Timestamp;

/// What is known of one session on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// The session's identifier.
    pub session: String,
    /// The connection, as `namespace/name`.
    pub connection: String,
    /// Who used it, each once, in the order in which they came. A session belongs to one caller, so
    /// a second one is worth a look.
    pub callers: Vec<Caller>,
    /// The earliest time of an entry about a call, or of an event.
    pub first: Timestamp,
    /// The latest time of such an entry.
    pub last: Timestamp,
    /// Calls, allowed and denied.
    pub calls: u64,
    /// Calls that policy denied.
    pub denied: u64,
    /// Values that were masked, in both directions.
    pub masked: u64,
}

/// Collects summaries from entries, one at a time and from as many journals as there are: any
/// replica may have served a part of a session.
#[derive(Debug, Default)]
pub struct Summaries {
    summaries: Vec<SessionSummary>,
    by_session: HashMap<(String, String), usize>,
    by_call: HashMap<String, usize>,
}

/// The summaries of all sessions in these entries, the earliest first.
#[must_use]
pub fn summarize<'a>(entries: impl IntoIterator<Item = &'a Recorded>) -> Vec<SessionSummary> {
    let mut summaries = Summaries::default();
    entries.into_iter().for_each(|recorded| summaries.add(recorded));
    summaries.finish()
}

impl Summaries {
    /// Takes the next entry of a journal. Entries of no session are passed over.
    pub fn add(&mut self, recorded: &Recorded) {
        let entry = match &recorded.content {
            Content::Entry(entry) => entry,
            Content::Head(_) | Content::Unknown { .. } => return,
        };
        let Some(summary) = self.find(entry, recorded.time) else {
            return;
        };
        summary.first = summary.first.min(recorded.time);
        summary.last = summary.last.max(recorded.time);
        let masks = entry.payload().into_iter().flat_map(|(_, _, masks)| masks.iter());
        let masks = masks.filter(|(detector, _)| !detector.starts_with(AUDITED)).map(|(_, count)| count);
        summary.masked = masks.fold(summary.masked, |sum, count| sum.saturating_add(*count));
        if let Entry::Request(request) = entry {
            summary.calls += 1;
            summary.denied += u64::from(request.decision.outcome == Outcome::Deny);
            let caller = request.caller.as_ref();
            if let Some(caller) = caller.filter(|caller| !summary.callers.contains(caller)) {
                summary.callers.push(caller.clone());
            }
        }
        if let (Entry::Ended(_), Some(call)) = (entry, entry.call()) {
            self.by_call.remove(call);
        }
    }

    /// The summaries, the earliest first.
    #[must_use]
    pub fn finish(mut self) -> Vec<SessionSummary> {
        self.summaries.sort_by(|one, other| {
            (one.first, &one.session, &one.connection).cmp(&(other.first, &other.session, &other.connection))
        });
        self.summaries
    }

    fn find(&mut self, entry: &Entry, time: Timestamp) -> Option<&mut SessionSummary> {
        let index = match entry {
            Entry::Request(request) => {
                let index = self.index(&request.connection, &request.session, time);
                self.by_call.insert(request.call.clone(), index);
                index
            }
            Entry::Event(event) => self.index(&event.connection, &event.session, time),
            Entry::Asked(_)
            | Entry::Decided(_)
            | Entry::Injected(_)
            | Entry::Flagged(_)
            | Entry::Response(_)
            | Entry::Failed(_)
            | Entry::Ended(_) => *self.by_call.get(entry.call()?)?,
            Entry::Opened(_) | Entry::Rejected(_) => return None,
        };
        self.summaries.get_mut(index)
    }

    fn index(&mut self, connection: &str, session: &str, time: Timestamp) -> usize {
        let key = (connection.to_owned(), session.to_owned());
        *self.by_session.entry(key).or_insert_with(|| {
            self.summaries.push(SessionSummary {
                session: session.to_owned(),
                connection: connection.to_owned(),
                callers: Vec::new(),
                first: time,
                last: time,
                calls: 0,
                denied: 0,
                masked: 0,
            });
            self.summaries.len() - 1
        })
    }
}
