//! Which values of a document may change at all. Most messages have none, and most others few: the rest of them is
//! passed over, and a message without one is not read a second time.
//!
//! What is let through is looked at again by who masks it, with all that a rule says; so the sieve may let through too
//! much, and never too little. It knows what detectors, credentials and rules' own
//! descriptions find in a text, and nothing of rules about places.

use std::borrow::Cow;
use std::ops::Range;

use lychgate_gateway_mcp::json::{Document, Entry, Kind, Member, Span, Value};
use lychgate_gateway_mcp::message::Message;

use super::columns::may_hold_table;
use super::custom::Gate;
use super::decode::{Undo, View, encoded, may_be_split};
use super::detect::{Finder, Hit, Sample, Wanted, name_in_label};
use super::document::looks_like_json;
use super::known::Known;
use super::number::is_number_to_look_at;
use super::scan::{BLOCK, Block, Cursor};
use super::text::Masker;

/// The values of one document that may change.
#[derive(Debug)]
pub(super) enum Sieve {
    /// All of them, for all that is known.
    All,
    /// These, and no others.
    Only(Suspects),
}

/// What may change, and what was found in it.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// The numbers of their entries, in order.
    entries: Vec<usize>,
    /// The texts of some of them, in order.
    searched: Vec<Searched>,
    /// What was found in these.
    hits: Vec<Hit>,
}

/// A text that was searched. It stands in the document without escapes, and is known by where that is.
#[derive(Debug)]
struct Searched {
    text: Location,
    label: Location,
    /// What was found in it, of all that was found.
    hits: Range<usize>,
    has_run: bool,
}

/// Where a text stands in memory, and how long it is. It says which text it is as long as the text is there, as the document is
/// that a sieve is of, and the names in it.
type Location = (usize, usize);

fn location(text: &str) -> Location {
    if text.is_empty() { (0, 0) } else { (text.as_ptr().addr(), text.len()) }
}

impl Sieve {
    /// Whether one of some entries may change.
    pub(super) fn lets_through(&self, entries: Range<usize>) -> bool {
        match self {
            Self::All => true,
            Self::Only(suspects) => {
                let next = suspects.entries.partition_point(|suspect| *suspect < entries.start);
                suspects.entries.get(next).is_some_and(|suspect| *suspect < entries.end)
            }
        }
    }

    /// Whether nothing may change.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Only(suspects) => suspects.entries.is_empty(),
        }
    }

    /// What was found in a text of the document that stands under a name, and whether it has a run of characters of tokens;
    /// `None` if that is not known.
    fn found_in(&self, text: &str, label: &str) -> Option<(&[Hit], bool)> {
        let Self::Only(suspects) = self else { return None };
        let text = location(text);
        let index = suspects.searched.partition_point(|searched| searched.text < text);
        let searched = suspects.searched.get(index)?;
        let is_it = searched.text == text && searched.label == location(label);
        let hits = suspects.hits.get(searched.hits.clone())?;
        is_it.then_some((hits, searched.has_run))
    }
}

impl Masker<'_> {
    /// Looks which values of a message may change, before they are masked.
    pub(super) fn sift(&mut self, message: &Message) {
        self.sieve = self.sieve_of(message.document(), "");
    }

    /// Whether all that masking does follows from texts and numbers, so that a part of a message in which none changes
    /// need not be walked through.
    pub(super) fn prunes(&self) -> bool {
        !self.active.has_fields()
    }

    /// Searches a text for all that is wanted, or takes up what the sieve has found in it.
    pub(super) fn search(&mut self, text: &str, label: &str) {
        match self.sieve.found_in(text, label) {
            Some((hits, has_run)) => self.finder.take_up(hits, has_run),
            None => self.finder.find(Sample::new(text, label), self.active.wanted()),
        }
    }

    /// Whether masking may change a value, or something in it. Nothing is said of what is masked because of its place.
    pub(super) fn may_change(&self, value: Value<'_>) -> bool {
        let entries = value.entries();
        (entries.len() > 1 && !self.prunes()) || self.sieve.lets_through(entries)
    }

    /// The same of a member, its name and its value.
    pub(super) fn may_change_member(&self, member: Member<'_>) -> bool {
        !self.prunes() || self.sieve.lets_through(member.key.entries().start..member.value.entries().end)
    }

    /// The sieve of a document that stands under the name `label`.
    pub(super) fn sieve_of(&mut self, document: &Document, label: &str) -> Sieve {
        let Ok(text) = std::str::from_utf8(document.bytes()) else { return Sieve::All };
        let gate = self.active.gate();
        let has_numbers =
            !self.active.wanted_in_numbers().is_empty() || !self.known.is_empty() || gate.is_some();
        let wanted = self.active.wanted();
        let mut sifting = Sifting {
            text,
            cursor: Cursor::new(text.as_bytes()),
            known: self.known,
            finder: &mut self.finder,
            wanted,
            undo: self.active.decode().undo,
            reads_base64: self.active.decode().base64,
            gate,
            has_numbers,
            has_columns: self.active.has_columns(),
            labels: vec![Label::new(Cow::Borrowed(label), usize::MAX, wanted)],
            name: None,
            suspects: Suspects::default(),
            suspect_until: 0,
        };
        for (index, (entry, value)) in document.entries().zip(document.root().walk()).enumerate() {
            sifting.entry(index, entry, value);
        }
        Sieve::Only(sifting.suspects)
    }
}

/// A name, and the values that stand under it.
struct Label<'d> {
    name: Cow<'d, str>,
    /// The first entry that does not stand under it.
    end: usize,
    /// Whether it says by itself that what stands under it may be wanted.
    is_telling: bool,
}

impl<'d> Label<'d> {
    fn new(name: Cow<'d, str>, end: usize, wanted: Wanted) -> Self {
        let is_telling = Finder::is_telling(name_in_label(&name), wanted);
        Self { name, end, is_telling }
    }
}

struct Sifting<'d> {
    text: &'d str,
    cursor: Cursor<'d>,
    known: &'d [Known],
    finder: &'d mut Finder,
    wanted: Wanted,
    undo: Undo,
    reads_base64: bool,
    /// What rules describe themselves, if they do.
    gate: Option<&'d Gate>,
    /// Whether anything is looked for in numbers.
    has_numbers: bool,
    /// Whether cells of tables are masked.
    has_columns: bool,
    /// The names that the entry stands under, the innermost last; the document's own is first.
    labels: Vec<Label<'d>>,
    /// The name of the member whose value is next, and whether the name may change.
    name: Option<(Cow<'d, str>, bool)>,
    suspects: Suspects,
    /// Below a name that may change all may change, for the new name may speak of it.
    suspect_until: usize,
}

impl<'d> Sifting<'d> {
    fn entry(&mut self, index: usize, entry: Entry, value: Value<'d>) {
        while self.labels.last().is_some_and(|label| label.end <= index) {
            self.labels.pop();
        }
        if entry.is_name {
            let (name, start) = self.string(entry, value);
            let may_change = self.may_change(&name, start, None);
            if may_change {
                self.suspects.entries.push(index);
            }
            self.name = Some((name, may_change));
            return;
        }
        if let Some((name, may_change)) = self.name.take() {
            self.labels.push(Label::new(name, entry.next, self.wanted));
            if may_change {
                self.suspect_until = self.suspect_until.max(entry.next);
            }
        }
        let may_change = match entry.kind {
            _ if index < self.suspect_until => true,
            Kind::String => {
                let (text, start) = self.string(entry, value);
                let label = self.labels.pop();
                let may_change = self.may_change(&text, start, label.as_ref());
                self.labels.extend(label);
                may_change
            }
            Kind::Number => {
                let Span { start, end } = entry.span;
                let is_looked_at = |spelled| self.gate.is_some() || is_number_to_look_at(spelled);
                self.has_numbers && self.text.get(start..end).is_none_or(is_looked_at)
            }
            // What is split over its items is found in none of them.
            Kind::Array if !self.wanted.is_empty() && may_be_split(value) => {
                self.suspect_until = self.suspect_until.max(entry.next);
                true
            }
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => false,
        };
        if may_change {
            self.suspects.entries.push(index);
        }
    }

    /// The text of a string, and where it stands in the document's, if it has no escapes.
    fn string(&self, entry: Entry, value: Value<'d>) -> (Cow<'d, str>, Option<usize>) {
        if entry.is_escaped {
            return (value.text().unwrap_or_default(), None);
        }
        let Span { start, end } = entry.span;
        let inside = self.text.get(start + 1..end.saturating_sub(1)).unwrap_or_default();
        (Cow::Borrowed(inside), Some(start + 1))
    }

    /// Whether masking may change a text.
    fn may_change(&mut self, text: &str, start: Option<usize>, label: Option<&Label<'_>>) -> bool {
        if self.gate.is_some_and(|gate| gate.lets_through(text)) || (self.has_columns && may_hold_table(text))
        {
            return true;
        }
        let is_telling = label.is_some_and(|label| label.is_telling);
        if let Some(start) = start
            && !is_telling
            && self.is_plain(text, start)
        {
            return false;
        }
        let sample = Sample::new(text, label.map_or("", |label| name_in_label(&label.name)));
        let wanted = if is_telling { self.wanted } else { self.wanted.without_labels() };
        match start {
            Some(start) => self.finder.find_at(sample, wanted, &mut self.cursor, start),
            None => self.finder.find(sample, wanted),
        }
        let has_run = self.finder.has_run();
        let may_change = !self.finder.hits().is_empty()
            || looks_like_json(text)
            || self.known.iter().any(|known| known.is_in_where(text, has_run))
            || (has_run && self.reads_base64 && encoded::may_be_in(text))
            || (self.finder.may_be_disguised() && View::of(text, self.undo).is_some());
        if may_change && start.is_some() && !text.is_empty() {
            self.note(text, label, has_run);
        }
        may_change
    }

    /// Notes what the finder has found in a text of the document.
    fn note(&mut self, text: &str, label: Option<&Label<'_>>, has_run: bool) {
        let label = match label.map(|label| &label.name) {
            Some(Cow::Borrowed(name)) => location(name_in_label(name)),
            None => location(""),
            // It is not there for long.
            Some(Cow::Owned(_)) => return,
        };
        let Suspects { searched, hits, .. } = &mut self.suspects;
        let first = hits.len();
        hits.extend_from_slice(self.finder.hits());
        searched.push(Searched { text: location(text), label, hits: first..hits.len(), has_run });
    }

    /// Whether nothing is to be found in a text that stands at `start`, by its bytes alone. Of a long text that is not
    /// asked.
    #[inline]
    fn is_plain(&mut self, text: &str, start: usize) -> bool {
        /// Few texts that begin with so many letters and blanks have anything else.
        const LONGEST: usize = 8 * BLOCK;
        if text.len() > LONGEST || matches!(text.as_bytes().first(), Some(b' ' | b'{' | b'[')) {
            return false;
        }
        let mut last = Block::default();
        for base in (0..text.len()).step_by(BLOCK) {
            let block = self.cursor.from(start + base).first(text.len() - base);
            if !Finder::is_plain(last, block) {
                return false;
            }
            last = block;
        }
        self.known.iter().all(|known| !known.is_in_where(text, false))
    }
}
