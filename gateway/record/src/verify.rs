//! Reads a journal from its first byte to its last and tells what was changed. It sees every change
//! that breaks the chain, the signatures or the form; `docs/record-format.md` says what no reader
//! of the journal alone can see.

use std::collections::{BTreeMap, HashSet};

use crate::entry::{Entry, Opened};
use crate::hash::Hash;
use crate::key::VerifyingKey;
use crate::line::{Content, Head, KINDS, LineError, Recorded, verify_head};
use crate::problem::{Place, Problem};
use crate::report::{Anchor, Report};
use crate::split::{Piece, Splitter};

/// Whose signatures count.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of these keys, which came to the verifier by another way than the journal.
    In(Vec<VerifyingKey>),
    /// Those of the key that the journal's latest `Opened` entry names. Whoever rewrites the whole
    /// journal can name his own key there, so this finds accidents, not attackers.
    Declared,
}

/// Takes a journal's segments in order, as bytes in pieces of any size, and gives a [`Report`].
pub struct Verifier {
    trust: Trust,
    anchors: BTreeMap<u64, Hash>,
    splitter: Splitter,
    place: Place,
    expected: Expected,
    torn: Option<Torn>,
    declared: Option<VerifyingKey>,
    sessions: HashSet<(String, String)>,
    report: Report,
}

/// What the lines so far say about the next one. Nothing is expected where it cannot be known.
struct Expected {
    /// Whether no line has come yet.
    beginning: bool,
    sequence: Option<u64>,
    previous: Option<Hash>,
    /// Entries since the last head.
    unsigned: Option<u64>,
}

/// Torn bytes since the last whole line, for which the next whole line must account.
struct Torn {
    place: Place,
    bytes: u64,
}

impl Verifier {
    /// Begins with an empty journal.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            anchors: BTreeMap::new(),
            splitter: Splitter::default(),
            place: Place { segment: String::new(), line: 0 },
            expected: Expected {
                beginning: true,
                sequence: Some(0),
                previous: Some(Hash::ZERO),
                unsigned: Some(0),
            },
            torn: None,
            declared: None,
            sessions: HashSet::new(),
            report: Report::default(),
        }
    }

    /// Adds a line that the journal must hold. Only this shows a journal that was cut behind a
    /// head, or rewritten by somebody with the key.
    pub fn expect(&mut self, anchor: Anchor) {
        self.anchors.insert(anchor.sequence, anchor.hash);
    }

    /// Begins the next segment; `name` is for the places of problems.
    pub fn segment(&mut self, name: &str) {
        self.end_segment();
        self.place = Place { segment: name.to_owned(), line: 0 };
    }

    /// Takes the next bytes of the segment and gives the entries that became whole with them,
    /// whether they can be believed or not.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Vec<Recorded> {
        let mut entries = Vec::new();
        while let Some(piece) = self.splitter.next_line(&mut chunk) {
            self.place.line += 1;
            match piece {
                Piece::Line(line) => entries.extend(self.line(&line)),
                Piece::Oversized(bytes) => {
                    self.report.add(Problem::Oversized { place: self.place.clone(), bytes });
                    self.expected.pass_unreadable(None);
                }
            }
        }
        entries
    }

    /// Ends the journal.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.end_segment();
        if let Some(Torn { place, bytes }) = self.torn {
            self.report.add(Problem::TornTail { place, bytes });
        }
        for sequence in self.anchors.into_keys() {
            self.report.add(Problem::AnchorMissing { sequence });
        }
        self.report.sessions = self.sessions.len() as u64;
        self.report
    }

    fn end_segment(&mut self) {
        let bytes = self.splitter.take_torn();
        if bytes > 0 {
            let before = self.torn.take().map_or(0, |torn| torn.bytes);
            let place = Place { line: self.place.line + 1, ..self.place.clone() };
            self.torn = Some(Torn { place, bytes: before.saturating_add(bytes) });
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<Recorded> {
        let hash = Hash::of(line);
        match Recorded::parse(line) {
            Ok(recorded) => {
                self.entry(line, hash, &recorded);
                Some(recorded)
            }
            Err(error) => {
                let place = self.place.clone();
                self.report.add(match error {
                    LineError::NotJson => Problem::NotJson { place },
                    LineError::NotAnEntry => Problem::NotAnEntry { place },
                    LineError::UnknownVersion(version) => Problem::UnknownVersion { place, version },
                });
                self.expected.pass_unreadable(Some(hash));
                None
            }
        }
    }

    fn entry(&mut self, line: &[u8], hash: Hash, recorded: &Recorded) {
        let starts_late = self.expected.beginning && recorded.sequence > 0;
        self.report.entries += 1;
        self.report.unsigned_tail += 1;
        if starts_late {
            let (place, sequence) = (self.place.clone(), recorded.sequence);
            self.report.add(Problem::StartsLate { place, sequence });
        } else {
            self.check_link(recorded);
        }
        let unsigned = if starts_late { None } else { self.expected.unsigned };
        self.expected.pass(recorded.sequence, hash, unsigned.map(|count| count + 1));
        let anchor = Anchor { sequence: recorded.sequence, hash };
        self.check_anchor(anchor);
        self.check_opening(&recorded.content, starts_late);
        match &recorded.content {
            Content::Entry(entry) => self.note_session(entry),
            Content::Head(head) => {
                self.expected.unsigned = Some(0);
                self.check_count(head, unsigned);
                self.check_signature(line, head, anchor);
            }
            Content::Unknown { kind, .. } => self.note_unknown(kind),
        }
    }

    /// Holds a line's number and predecessor against the line before. A line out of place is
    /// reported once, and what follows is held against it as it stands.
    fn check_link(&mut self, recorded: &Recorded) {
        let found = recorded.sequence;
        if let Some(expected) = self.expected.sequence.filter(|expected| *expected != found) {
            let place = self.place.clone();
            self.report.add(Problem::WrongSequence { place, expected, found });
            self.expected.unsigned = None;
        }
        if self.expected.previous.is_some_and(|expected| expected != recorded.previous) {
            self.report.add(Problem::BrokenChain { place: self.place.clone() });
            self.expected.unsigned = None;
        }
    }

    fn check_anchor(&mut self, found: Anchor) {
        let expected = self.anchors.remove(&found.sequence);
        if let Some(expected) = expected.filter(|expected| *expected != found.hash) {
            let place = self.place.clone();
            self.report.add(Problem::AnchorMismatch { place, expected, found: found.hash });
        }
    }

    /// Checks what may stand at the beginning of a segment, and that torn bytes before this line
    /// are accounted for. A journal that starts late may have lost the torn bytes to retention.
    fn check_opening(&mut self, content: &Content, starts_late: bool) {
        let torn = self.torn.take().map_or(0, |torn| torn.bytes);
        let recovered = match content {
            Content::Entry(Entry::Opened(opened)) => {
                self.check_replica(opened);
                self.declared = Some(opened.public_key.clone());
                opened.recovered.as_ref().map_or(0, |recovered| recovered.torn_bytes)
            }
            // It may say what this version cannot read.
            Content::Unknown { kind, .. } if kind == "Opened" => torn,
            Content::Entry(_) | Content::Head(_) | Content::Unknown { .. } => {
                if self.place.line == 1 {
                    self.report.add(Problem::MissingOpened { place: self.place.clone() });
                }
                0
            }
        };
        let lost_to_retention = starts_late && torn == 0;
        if torn != recovered && !lost_to_retention {
            let place = self.place.clone();
            self.report.add(Problem::UnaccountedTornTail { place, bytes: torn, recovered });
        }
    }

    fn check_replica(&mut self, opened: &Opened) {
        let expected = self.report.replica.get_or_insert_with(|| opened.replica.clone());
        if *expected != opened.replica {
            let (expected, found) = (expected.clone(), opened.replica.clone());
            let place = self.place.clone();
            self.report.add(Problem::OtherReplica { place, expected, found });
        }
    }

    fn check_count(&mut self, head: &Head, unsigned: Option<u64>) {
        let found = head.entries;
        if let Some(expected) = unsigned.filter(|expected| *expected != found) {
            self.report.add(Problem::WrongCount { place: self.place.clone(), expected, found });
        }
    }

    fn check_signature(&mut self, line: &[u8], head: &Head, anchor: Anchor) {
        let key = match &self.trust {
            Trust::In(keys) => keys.iter().find(|key| key.id() == head.key_id),
            Trust::Declared => self.declared.as_ref().filter(|key| key.id() == head.key_id),
        };
        let place = self.place.clone();
        match key {
            None => self.report.add(Problem::UnknownKey { place, key_id: head.key_id.clone() }),
            Some(key) if !verify_head(line, key) => {
                self.report.add(Problem::BadSignature { place });
            }
            Some(_) => {
                self.report.heads += 1;
                self.report.unsigned_tail = 0;
                self.report.last_head = Some(anchor);
                self.report.key_ids.insert(head.key_id.clone());
            }
        }
    }

    fn note_session(&mut self, entry: &Entry) {
        let (connection, session) = match entry {
            Entry::Request(request) => (&request.connection, &request.session),
            Entry::Event(event) => (&event.connection, &event.session),
            Entry::Opened(_)
            | Entry::Injected(_)
            | Entry::Flagged(_)
            | Entry::Response(_)
            | Entry::Failed(_)
            | Entry::Rejected(_)
            | Entry::Asked(_)
            | Entry::Decided(_)
            | Entry::Ended(_) => return,
        };
        self.sessions.insert((connection.clone(), session.clone()));
    }

    fn note_unknown(&mut self, kind: &str) {
        let (place, kind) = (self.place.clone(), kind.to_owned());
        self.report.add(match kind.as_str() {
            // A head that cannot be read signs nothing.
            "Head" => Problem::BadSignature { place },
            known if KINDS.contains(&known) => Problem::UnreadableBody { place, kind },
            _ => Problem::UnknownKind { place, kind },
        });
    }
}

impl Expected {
    fn pass(&mut self, sequence: u64, hash: Hash, unsigned: Option<u64>) {
        *self = Self { beginning: false, sequence: sequence.checked_add(1), previous: Some(hash), unsigned };
    }

    /// A line that cannot be read is taken for one entry.
    fn pass_unreadable(&mut self, hash: Option<Hash>) {
        *self = Self {
            beginning: false,
            sequence: self.sequence.and_then(|sequence| sequence.checked_add(1)),
            previous: hash,
            unsigned: None,
        };
    }
}
