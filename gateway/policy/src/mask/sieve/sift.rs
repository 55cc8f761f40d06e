//! Going through a document once, entry by entry. The names that an entry stands under are kept beside it; a text that is a
//! document itself is read, and gone through in the same way.

use std::borrow::Cow;

use bytes::Bytes;
use lychgate_gateway_mcp::json::{DEFAULT_DEPTH, Document, Entry, Kind, Limits, Span, Value};

use super::borders::Borders;
use super::names::Names;
use super::{Location, Opened, Searched, Sieve, Suspects, location};
use crate::mask::columns::may_hold_table;
use crate::mask::custom::Gate;
use crate::mask::decode::{Undo, View, encoded, may_be_split};
use crate::mask::detect::{Finder, Sample, Wanted, name_in_label};
use crate::mask::document::{is_read_by_others, looks_like_json};
use crate::mask::known::{Known, Runs};
use crate::mask::number::is_number_to_look_at;
use crate::mask::program::Active;
use crate::mask::scan::{BLOCK, Block, Cursor};
use crate::mask::work::count;

/// What is looked for in every document of a message.
pub(super) struct Settings<'m> {
    known: &'m [Known],
    /// Whether nothing is to be found in a text that is plain at sight: no credential may stand in one, and no rule describes
    /// anything itself.
    is_plain_passed_over: bool,
    /// Whether the caller has sent a value as a token: numbers of any length may be it.
    has_restored: bool,
    wanted: Wanted,
    undo: Undo,
    reads_base64: bool,
    /// What rules describe themselves, if they do.
    gate: Option<&'m Gate>,
    /// Whether anything is looked for in numbers.
    has_numbers: bool,
    /// Whether cells of tables are masked.
    has_columns: bool,
    /// How many texts that are documents are opened inside each other.
    nested_json: usize,
    /// Whether a text that only others can read becomes a mask.
    has_rules: bool,
    /// Whether nothing is masked because of its place.
    prunes: bool,
}

impl<'m> Settings<'m> {
    pub(super) fn new(active: &Active<'m>, known: &'m [Known], prunes: bool) -> Self {
        let (gate, decode) = (active.gate(), active.decode());
        Self {
            known,
            is_plain_passed_over: gate.is_none() && !known.iter().any(Known::may_be_plain),
            has_restored: known.iter().any(Known::is_restored),
            wanted: active.wanted(),
            undo: decode.undo,
            reads_base64: decode.base64,
            gate,
            has_numbers: !active.wanted_in_numbers().is_empty() || !known.is_empty() || gate.is_some(),
            has_columns: active.has_columns(),
            nested_json: decode.nested_json,
            has_rules: !active.is_empty(),
            prunes,
        }
    }
}

/// What may change of a document that stands under the name `label`, in so many texts.
pub(super) fn sift(
    settings: &Settings<'_>,
    finder: &mut Finder,
    document: &Document,
    label: &str,
    nesting: usize,
) -> Suspects {
    let mut sifting = Sifting {
        document,
        bytes: document.bytes(),
        cursor: Cursor::new(document.bytes()),
        settings,
        finder,
        nesting,
        own_name: label,
        innermost: Label {
            entry: NO_ENTRY,
            end: NO_ENTRY,
            is_telling: Finder::is_telling(name_in_label(label), settings.wanted),
        },
        around: Vec::new(),
        names: Names::default(),
        named: None,
        borders: Borders::default(),
        is_at_border: false,
        suspects: Suspects::default(),
        suspect_until: 0,
    };
    for (index, entry) in document.entries().enumerate() {
        sifting.entry(index, entry);
    }
    sifting.end_borders(NO_ENTRY);
    sifting.suspects
}

/// The number of no entry.
const NO_ENTRY: usize = usize::MAX;

/// A name, and the values that stand under it.
#[derive(Clone, Copy)]
pub(super) struct Label {
    /// The number of its entry; [`NO_ENTRY`] is the document's own name.
    entry: usize,
    /// The first entry that does not stand under it.
    end: usize,
    /// Whether it says by itself that what stands under it may be wanted.
    is_telling: bool,
}

struct Sifting<'d, 'm> {
    document: &'d Document,
    bytes: &'d [u8],
    cursor: Cursor<'d>,
    settings: &'m Settings<'m>,
    finder: &'m mut Finder,
    /// In how many texts the document stands.
    nesting: usize,
    /// The document's own name.
    own_name: &'d str,
    /// The name that the entry stands under, unless it has one of its own, and those that this one stands under.
    innermost: Label,
    around: Vec<Label>,
    names: Names<'d>,
    /// Whether the entry before is the name of this one, and then whether it is telling.
    named: Option<bool>,
    /// The arrays over whose items a value may be split.
    borders: Borders,
    /// Whether the string is an item of one.
    is_at_border: bool,
    suspects: Suspects,
    /// Below a name that may change all may change, for the new name may speak of it.
    suspect_until: usize,
}

impl<'d> Sifting<'d, '_> {
    #[inline]
    fn entry(&mut self, index: usize, entry: Entry) {
        if self.borders.end <= index {
            self.end_borders(index);
        }
        while self.innermost.end <= index
            && let Some(label) = self.around.pop()
        {
            self.innermost = label;
        }
        if entry.is_name {
            self.name(index, entry);
            return;
        }
        let named = self.named.take();
        let may_change = match entry.kind {
            _ if index < self.suspect_until => true,
            Kind::String => {
                let is_telling = named.unwrap_or(self.innermost.is_telling);
                !(self.is_plain(index, entry, is_telling))
                    && self.string(index, entry, Some(self.label(index, named)))
            }
            Kind::Number => {
                let Span { start, end } = entry.span;
                let is_any_looked_at = self.settings.gate.is_some() || self.settings.has_restored;
                let is_looked_at = |spelled| is_any_looked_at || is_number_to_look_at(spelled);
                self.settings.has_numbers && self.bytes.get(start..end).is_none_or(is_looked_at)
            }
            // What is split over its items is found in none of them.
            Kind::Array if !self.settings.wanted.is_empty() => {
                if let Some(array) = self.document.value(index).filter(|array| may_be_split(*array)) {
                    self.borders.begin(array, self.label(index, named));
                }
                false
            }
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => false,
        };
        if let Some(is_telling) = named
            && entry.next > index + 1
        {
            let label = Label { entry: index - 1, end: entry.next, is_telling };
            self.around.push(std::mem::replace(&mut self.innermost, label));
        }
        if may_change {
            self.suspects.entries.push(index);
        }
    }

    /// The name that a value stands under.
    fn label(&self, index: usize, named: Option<bool>) -> Label {
        named.map_or(self.innermost, |is_telling| Label { entry: index - 1, end: 0, is_telling })
    }

    /// Whether a string is plain at sight, and nothing is to be found in such.
    #[inline]
    fn is_plain(&mut self, index: usize, entry: Entry, is_telling: bool) -> bool {
        !is_telling
            && self.settings.is_plain_passed_over
            && index < self.borders.next
            && self
                .inside(entry)
                .is_some_and(|inside| self.sight(inside, entry.span.start + 1) == Sight::Plain)
    }

    /// The name of a member.
    #[inline]
    fn name(&mut self, index: usize, entry: Entry) {
        let known =
            self.inside(entry).and_then(|name| self.names.get(self.bytes, entry.span.start + 1, name));
        self.named = Some(known.unwrap_or_else(|| self.new_name(index, entry)));
    }

    /// The same of a name that has not been there lately. Says whether it is telling.
    #[inline(never)]
    fn new_name(&mut self, index: usize, entry: Entry) -> bool {
        let may_change = self.string(index, entry, None);
        let inside = self.inside(entry);
        let name = self.text(index, inside);
        let is_telling = Finder::is_telling(name_in_label(&name), self.settings.wanted);
        if may_change {
            self.suspects.entries.push(index);
            // Its value is next, and may have entries in it.
            let value = self.document.value(index + 1);
            let end = value.map_or(index + 2, |value| value.entries().end);
            self.suspect_until = self.suspect_until.max(end);
        } else if let Some(inside) = inside {
            self.names.note(self.bytes, entry.span.start + 1, inside, is_telling);
        }
        is_telling
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
    fn string(&mut self, index: usize, entry: Entry, label: Option<Label>) -> bool {
        self.is_at_border = self.borders.next <= index && self.borders.is_at(index);
        let inside = self.inside(entry);
        let start = entry.span.start + 1;
        let sight = match inside {
            Some(inside) if !label.is_some_and(|label| label.is_telling) => self.sight(inside, start),
            Some(_) | None => Sight::Other,
        };
        if sight == Sight::Plain && self.settings.is_plain_passed_over {
            return false;
        }
        let text = self.text(index, inside);
        if self.is_at_border && matches!(text, Cow::Owned(_)) {
            self.borders.note(index, &text);
        }
        if self.settings.gate.is_some_and(|gate| gate.lets_through(&text))
            // A line break has an escape.
            || (self.settings.has_columns && inside.is_none() && may_hold_table(&text))
        {
            return true;
        }
        match sight {
            Sight::Plain => self.settings.known.iter().any(|known| known.is_in_where(&text, Some(&[]))),
            Sight::Uuid => {
                self.settings.known.iter().any(|known| known.is_in_where(&text, None))
                    // All of it is of base64, and no part of it is long enough.
                    || (self.settings.reads_base64 && encoded::begins_readable(text.as_bytes()))
            }
            Sight::Other => self.may_change(index, text, inside.map(|_| start), label),
        }
    }

    /// Whether masking may change a text; `start` is where it stands in the document's, if it has no escapes.
    #[inline(never)]
    fn may_change(
        &mut self,
        index: usize,
        text: Cow<'d, str>,
        start: Option<usize>,
        label: Option<Label>,
    ) -> bool {
        let name = self.name_of(label);
        if self.nesting >= self.settings.nested_json || !looks_like_json(&text) {
            return self.search(index, &text, start, label, &name);
        }
        if !self.settings.prunes {
            return true;
        }
        let bytes = match (text, start) {
            (Cow::Borrowed(text), Some(start)) => self.document.bytes().slice(start..start + text.len()),
            (Cow::Borrowed(text), None) => Bytes::copy_from_slice(text.as_bytes()),
            (Cow::Owned(text), _) => Bytes::from(text.into_bytes()),
        };
        match Document::parse(bytes.clone(), Limits { bytes: usize::MAX, depth: DEFAULT_DEPTH }) {
            Ok(document) => self.open(index, document, &name),
            Err(error) if is_read_by_others(&error) && self.settings.has_rules => true,
            Err(_) => match std::str::from_utf8(&bytes) {
                Ok(text) => self.search(index, text, start, label, &name),
                Err(_) => true,
            },
        }
    }

    /// Whether masking may change a text that is a document.
    fn open(&mut self, index: usize, document: Document, name: &str) -> bool {
        count(document.bytes().len());
        let Self { settings, finder, nesting, .. } = self;
        let inside = sift(settings, finder, &document, name_in_label(name), *nesting + 1);
        // In a part of the protocol that no rule is about, it is not read as a document.
        let runs: Runs<'_> = if Finder::has_run(document.bytes()) { None } else { Some(&[]) };
        let may_be_known = || {
            std::str::from_utf8(document.bytes())
                .is_ok_and(|text| settings.known.iter().any(|known| known.is_in_where(text, runs)))
        };
        if inside.entries.is_empty() && !may_be_known() {
            return false;
        }
        self.suspects.opened.push((index, Some(Opened { document, sieve: Sieve::Only(inside) })));
        true
    }

    /// Whether something is found in a text that stands under a name.
    fn search(
        &mut self,
        index: usize,
        text: &str,
        start: Option<usize>,
        label: Option<Label>,
        name: &str,
    ) -> bool {
        let is_telling = label.is_some_and(|label| label.is_telling);
        let sample = Sample::new(text, name_in_label(name));
        let wanted = if is_telling { self.settings.wanted } else { self.settings.wanted.without_labels() };
        match start {
            Some(start) => self.finder.find_at(sample, wanted, &mut self.cursor, start),
            None => self.finder.find(sample, wanted),
        }
        let runs = self.finder.runs();
        let may_change = !self.finder.hits().is_empty()
            || self.settings.known.iter().any(|known| known.is_in_where(text, Some(runs)))
            || (self.settings.reads_base64 && encoded::may_be_in(text, runs))
            || (self.finder.may_be_disguised() && View::of(text, self.settings.undo).is_some());
        // What becomes of an item is known when its array ends.
        if (may_change || self.is_at_border)
            && let Some(label) = self.location_of(label)
        {
            self.note(index, label);
        }
        may_change
    }

    /// What a name says.
    fn name_of(&self, label: Option<Label>) -> Cow<'d, str> {
        match label {
            None => Cow::Borrowed(""),
            Some(Label { entry: NO_ENTRY, .. }) => Cow::Borrowed(self.own_name),
            Some(Label { entry, .. }) => self.document.value(entry).and_then(Value::text).unwrap_or_default(),
        }
    }

    /// Ends what arrays end before `index`. What is split over the items of one is found in none of them.
    #[inline(never)]
    fn end_borders(&mut self, index: usize) {
        while let Some((array, label)) = self.borders.take_ended(index) {
            let name = self.name_of(Some(label));
            let wanted = self.settings.wanted;
            let split = array.split(self.document, self.finder, wanted, name_in_label(&name));
            if !split.is_empty() {
                let entries = &mut self.suspects.entries;
                let mut inside =
                    entries.split_off(entries.partition_point(|entry| *entry < array.entries.start));
                inside.extend(split);
                inside.sort_unstable();
                inside.dedup();
                entries.append(&mut inside);
            }
        }
    }

    /// Where a name stands; `None` if it does not stand in the document as it reads.
    fn location_of(&self, label: Option<Label>) -> Option<Location> {
        match self.name_of(label) {
            Cow::Borrowed(name) => Some(location(name_in_label(name))),
            Cow::Owned(_) => None,
        }
    }

    /// Notes what the finder has found in the text of an entry that stands under this name.
    fn note(&mut self, entry: usize, label: Location) {
        let Suspects { searched, hits, runs, .. } = &mut self.suspects;
        let (first_hit, first_run) = (hits.len(), runs.len());
        hits.extend_from_slice(self.finder.hits());
        runs.extend_from_slice(self.finder.runs());
        searched.push(Searched {
            entry,
            label,
            hits: first_hit..hits.len(),
            runs: first_run..runs.len(),
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
        if !self.cursor.has_striking(start..start + text.len(), Finder::strikes, Finder::spares) {
            Sight::Plain
        } else if text.len() <= BLOCK {
            shape(text, self.cursor.from(start).first(text.len()))
        } else {
            Sight::Other
        }
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
