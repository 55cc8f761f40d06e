//! Which values of a document may change at all. Most messages have none, and most others few: the rest of them is
//! passed over, and a message without one is not read a second time.
//!
//! What is let through is looked at again by who masks it, with all that a rule says; so the sieve may let through too
//! much, and never too little. It knows what detectors, credentials and rules' own
//! descriptions find in a text, and nothing of rules about places.

use std::borrow::Cow;
use std::cell::Cell;
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
use super::work::count;

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
    /// Which of them was asked for last: as a rule the next is one of the next.
    last: Cell<usize>,
    /// The texts of some of them, in order.
    searched: Vec<Searched>,
    /// Which of these is asked for next, as a rule.
    next_searched: Cell<usize>,
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
    may_be_disguised: bool,
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
            Self::Only(suspects) => suspects.next(entries.start).is_some_and(|suspect| suspect < entries.end),
        }
    }

    /// Whether nothing may change.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Only(suspects) => suspects.entries.is_empty(),
        }
    }

    /// What was found in a text of the document that stands under a name, and what else is known of it; `None` if nothing is.
    fn found_in(&self, text: &str, label: &str) -> Option<(&[Hit], &Searched)> {
        let Self::Only(suspects) = self else { return None };
        let text = location(text);
        let next = suspects.next_searched.get();
        let index = match suspects.searched.get(next) {
            Some(searched) if searched.text == text => next,
            Some(_) | None => suspects.searched.partition_point(|searched| searched.text < text),
        };
        let searched = suspects.searched.get(index)?;
        suspects.next_searched.set(index + 1);
        let is_it = searched.text == text && searched.label == location(label);
        let hits = suspects.hits.get(searched.hits.clone())?;
        is_it.then_some((hits, searched))
    }
}

impl Suspects {
    /// The first of the entries that is not before `entry`.
    fn next(&self, entry: usize) -> Option<usize> {
        /// Further on, they are searched.
        const NEAR: usize = 4;
        let last = self.last.get();
        let is_behind = last
            .checked_sub(1)
            .and_then(|before| self.entries.get(before))
            .is_none_or(|before| *before < entry);
        let near = self.entries.get(last..).unwrap_or_default().iter().take(NEAR);
        let next = match near.enumerate().find(|(_, suspect)| **suspect >= entry) {
            Some((steps, _)) if is_behind => last + steps,
            Some(_) | None => self.entries.partition_point(|suspect| *suspect < entry),
        };
        self.last.set(next);
        self.entries.get(next).copied()
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
            Some((hits, searched)) => {
                self.finder.take_up(hits, searched.has_run, searched.may_be_disguised);
            }
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
        let gate = self.active.gate();
        let has_numbers =
            !self.active.wanted_in_numbers().is_empty() || !self.known.is_empty() || gate.is_some();
        let wanted = self.active.wanted();
        let mut sifting = Sifting {
            document,
            bytes: document.bytes(),
            cursor: Cursor::new(document.bytes()),
            known: self.known,
            may_plain_be_known: self.known.iter().any(Known::may_be_plain),
            finder: &mut self.finder,
            wanted,
            undo: self.active.decode().undo,
            reads_base64: self.active.decode().base64,
            gate,
            has_numbers,
            has_columns: self.active.has_columns(),
            labels: vec![Label {
                name: Some(label),
                entry: NO_ENTRY,
                end: NO_ENTRY,
                is_telling: Finder::is_telling(name_in_label(label), wanted),
            }],
            labelled_until: NO_ENTRY,
            names: Names::default(),
            name: None,
            suspects: Suspects::default(),
            suspect_until: 0,
        };
        for (index, entry) in document.entries().enumerate() {
            sifting.entry(index, entry);
        }
        Sieve::Only(sifting.suspects)
    }
}

/// The number of no entry.
const NO_ENTRY: usize = usize::MAX;

/// A name, and the values that stand under it.
#[derive(Clone, Copy)]
struct Label<'d> {
    /// What it says, if it stands so in the document.
    name: Option<&'d str>,
    /// The number of its entry; [`NO_ENTRY`] is the document's own name.
    entry: usize,
    /// The first entry that does not stand under it.
    end: usize,
    /// Whether it says by itself that what stands under it may be wanted.
    is_telling: bool,
}

struct Sifting<'d> {
    document: &'d Document,
    bytes: &'d [u8],
    cursor: Cursor<'d>,
    known: &'d [Known],
    /// Whether a credential may stand in a text without anything else to be looked at.
    may_plain_be_known: bool,
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
    /// Where the innermost ends.
    labelled_until: usize,
    names: Names<'d>,
    /// The name of the member whose value is next.
    name: Option<Label<'d>>,
    suspects: Suspects,
    /// Below a name that may change all may change, for the new name may speak of it.
    suspect_until: usize,
}

impl<'d> Sifting<'d> {
    #[inline]
    fn entry(&mut self, index: usize, entry: Entry) {
        while self.labelled_until <= index {
            self.labels.pop();
            self.labelled_until = self.labels.last().map_or(NO_ENTRY, |label| label.end);
        }
        if entry.is_name {
            self.name(index, entry);
            return;
        }
        let label = self.name.take();
        let may_change = match entry.kind {
            _ if index < self.suspect_until => true,
            Kind::String => {
                let label = label.or_else(|| self.labels.last().copied());
                self.string(index, entry, label)
            }
            Kind::Number => {
                let Span { start, end } = entry.span;
                let is_looked_at = |spelled| self.gate.is_some() || is_number_to_look_at(spelled);
                self.has_numbers && self.bytes.get(start..end).is_none_or(is_looked_at)
            }
            // What is split over its items is found in none of them.
            Kind::Array
                if !self.wanted.is_empty() && self.document.value(index).is_some_and(may_be_split) =>
            {
                self.suspect_until = self.suspect_until.max(entry.next);
                true
            }
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => false,
        };
        if let Some(label) = label
            && entry.next > index + 1
        {
            self.labels.push(Label { end: entry.next, ..label });
            self.labelled_until = entry.next;
        }
        if may_change {
            self.suspects.entries.push(index);
        }
    }

    /// The name of a member.
    fn name(&mut self, index: usize, entry: Entry) {
        let inside = self.inside(entry);
        let (name, is_telling) = match inside.and_then(|name| self.names.get(name)) {
            Some((name, is_telling)) => (Some(name), is_telling),
            None => self.new_name(index, entry, inside),
        };
        self.name = Some(Label { name, entry: index, end: 0, is_telling });
    }

    /// The same of a name that has not been there lately. Says what it says, if it stands so in the document, and whether it is
    /// telling.
    #[inline(never)]
    fn new_name(&mut self, index: usize, entry: Entry, inside: Option<&'d [u8]>) -> (Option<&'d str>, bool) {
        let may_change = self.string(index, entry, None);
        let name = self.text(index, inside);
        let is_telling = Finder::is_telling(name_in_label(&name), self.wanted);
        if may_change {
            self.suspects.entries.push(index);
            // Its value is next, and may have entries in it.
            let value = self.document.value(index + 1);
            let end = value.map_or(index + 2, |value| value.entries().end);
            self.suspect_until = self.suspect_until.max(end);
        }
        let Cow::Borrowed(name) = name else { return (None, is_telling) };
        if !may_change {
            self.names.note(name, is_telling);
        }
        (Some(name), is_telling)
    }

    /// What is between the quotes of a string, if that is its text.
    #[inline]
    fn inside(&self, entry: Entry) -> Option<&'d [u8]> {
        let Span { start, end } = entry.span;
        if entry.is_escaped { None } else { self.bytes.get(start + 1..end.saturating_sub(1)) }
    }

    /// The text of a string.
    fn text(&self, index: usize, inside: Option<&'d [u8]>) -> Cow<'d, str> {
        match inside.map(std::str::from_utf8) {
            Some(Ok(text)) => Cow::Borrowed(text),
            Some(Err(_)) | None => self.document.value(index).and_then(Value::text).unwrap_or_default(),
        }
    }

    /// Whether masking may change a string that stands under a name.
    fn string(&mut self, index: usize, entry: Entry, label: Option<Label<'d>>) -> bool {
        let inside = self.inside(entry);
        let start = entry.span.start + 1;
        let sight = match inside {
            Some(inside) if !label.is_some_and(|label| label.is_telling) => self.sight(inside, start),
            Some(_) | None => Sight::Other,
        };
        if sight == Sight::Plain && self.gate.is_none() && !self.may_plain_be_known {
            return false;
        }
        let text = self.text(index, inside);
        if self.gate.is_some_and(|gate| gate.lets_through(&text))
            // A line break has an escape.
            || (self.has_columns && inside.is_none() && may_hold_table(&text))
        {
            return true;
        }
        match sight {
            Sight::Plain => self.known.iter().any(|known| known.is_in_where(&text, false)),
            Sight::Uuid => {
                self.known.iter().any(|known| known.is_in_where(&text, true))
                    // All of it is of base64, and no part of it is long enough.
                    || (self.reads_base64 && encoded::begins_readable(text.as_bytes()))
            }
            Sight::Other => self.may_change(&text, inside.map(|_| start), label),
        }
    }

    /// Whether masking may change a text; `start` is where it stands in the document's, if it has no escapes.
    #[inline(never)]
    fn may_change(&mut self, text: &str, start: Option<usize>, label: Option<Label<'d>>) -> bool {
        let is_telling = label.is_some_and(|label| label.is_telling);
        let name = match label {
            None => Cow::Borrowed(""),
            Some(Label { name: Some(name), .. }) => Cow::Borrowed(name),
            Some(Label { entry, .. }) => self.text(entry, None),
        };
        let sample = Sample::new(text, name_in_label(&name));
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
        if may_change
            && start.is_some()
            && !text.is_empty()
            && let Some(label) = self.location_of(label)
        {
            self.note(text, label, has_run);
        }
        may_change
    }

    /// Where a name stands; `None` if it does not stand in the document as it reads.
    fn location_of(&self, label: Option<Label<'d>>) -> Option<Location> {
        let name = match label {
            None => "",
            Some(Label { entry: NO_ENTRY, name, .. }) => name?,
            // What is remembered of it stands elsewhere, as a rule.
            Some(Label { entry, .. }) => match self.text(entry, None) {
                Cow::Borrowed(name) => name,
                Cow::Owned(_) => return None,
            },
        };
        Some(location(name_in_label(name)))
    }

    /// Notes what the finder has found in a text of the document that stands under this name.
    fn note(&mut self, text: &str, label: Location, has_run: bool) {
        let Suspects { searched, hits, .. } = &mut self.suspects;
        let first = hits.len();
        hits.extend_from_slice(self.finder.hits());
        searched.push(Searched {
            text: location(text),
            label,
            hits: first..hits.len(),
            has_run,
            may_be_disguised: self.finder.may_be_disguised(),
        });
    }

    /// What a text is that stands at `start`, by its bytes alone. Of a long one that is not asked.
    #[inline]
    fn sight(&mut self, text: &[u8], start: usize) -> Sight {
        /// Few texts that begin with so many letters and blanks have anything else.
        const LONGEST: usize = 8 * BLOCK;
        if text.len() > LONGEST || matches!(text.first(), Some(b' ' | b'{' | b'[')) {
            return Sight::Other;
        }
        count(text.len());
        let mut last = Block::default();
        for base in (0..text.len()).step_by(BLOCK) {
            let block = self.cursor.from(start + base).first(text.len() - base);
            if !Finder::is_plain(last, block) {
                return if base == 0 { shape(text, block) } else { Sight::Other };
            }
            last = block;
        }
        Sight::Plain
    }
}

/// What a text is at sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Nothing is to be found in it, but for a credential that has no run of characters of tokens.
    Plain,
    /// A UUID. It may be a credential, or look like base64.
    Uuid,
    /// Anything else.
    Other,
}

/// What a short text is that has digits in it, and is this block. In a time of a day nothing is found.
fn shape(text: &[u8], block: Block) -> Sight {
    if Finder::is_uuid(text, block) {
        Sight::Uuid
    } else if Finder::is_time(text) {
        Sight::Plain
    } else {
        Sight::Other
    }
}

/// How many names are kept in one place.
const WAYS: usize = 2;
const PLACES: usize = 32;

/// Names that have been there before and do not change. Rows of a table have the same ones.
struct Names<'d>([[Option<Remembered<'d>>; WAYS]; PLACES]);

/// A name, and whether it is telling.
type Remembered<'d> = (&'d str, bool);

impl Default for Names<'_> {
    fn default() -> Self {
        Self([[None; WAYS]; PLACES])
    }
}

impl<'d> Names<'d> {
    /// A name that has been there lately.
    #[inline]
    fn get(&self, name: &[u8]) -> Option<Remembered<'d>> {
        let ways = self.0.get(Self::place(name))?;
        ways.iter().flatten().find(|(own, _)| own.as_bytes() == name).copied()
    }

    fn note(&mut self, name: &'d str, is_telling: bool) {
        if let Some([first, second]) = self.0.get_mut(Self::place(name.as_bytes())) {
            *second = first.replace((name, is_telling));
        }
    }

    /// Where a name is kept. The first and the last letter and the length tell most names of one object apart.
    #[inline]
    fn place(name: &[u8]) -> usize {
        let byte = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
        (byte(name.first()) * 7 + byte(name.last()) * 3 + name.len() * 5) % PLACES
    }
}
