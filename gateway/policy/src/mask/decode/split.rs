//! Values that are split over neighbouring texts: items of an array, blocks of content. The texts are read as if nothing
//! stood between them, and as if a space did; what is found over a border is masked in each of its parts.
//!
//! Lists of identifiers look like split numbers. Digits of one length, in more than two items, are taken for such a list, and
//! lists of versions hold no split address of the internet.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lychgate_gateway_mcp::json::{Kind, Value};
use memchr::memmem;

use crate::config::{Action, DetectorType};
use crate::mask::action::{apply_to_text, mark};
use crate::mask::detect::{self, Finder, Sample, Wanted};
use crate::mask::marks::is_inside;
use crate::mask::program::strongest;
use crate::mask::text::{Masker, Place};
use crate::mask::work::count;

/// How much of a text is read on each side of a border, in bytes: more than most values have.
const REACH: usize = 96;
/// No value but a key in PEM has one.
const LINE_BREAKS: [char; 2] = ['\n', '\r'];
/// Digits of one length that are taken for identifiers have at least so many of them.
const IDENTIFIER: usize = 5;

/// A part of one of the texts, in a chain of parts that follow each other.
struct Part {
    index: usize,
    source: Range<usize>,
    /// Where it begins in the chain.
    start: usize,
}

/// What of one of the texts lies in a value.
struct Inside {
    index: usize,
    source: Range<usize>,
    /// Where in the value it begins.
    place: usize,
}

/// Parts with a border between each two, joined.
#[derive(Default)]
struct Chain {
    text: String,
    parts: Vec<Part>,
}

/// What becomes of a part of a text.
type Splice = (Range<usize>, String);

impl Masker<'_> {
    /// Notes what the texts of an array become of which a part of a split value is in: [`Masker::carried`] has it then,
    /// until what this gives back is forgotten.
    pub(in crate::mask) fn carry(&mut self, array: Value<'_>, place: Place<'_>) -> Vec<usize> {
        let entry = array.entries().start;
        let may_change = self.sieve.lets_through(entry..entry + 1);
        if self.active.wanted().is_empty() || !may_change || !may_be_split(array) {
            return Vec::new();
        }
        let values: Vec<_> = array.items().map(text_of).collect();
        let texts: Vec<_> = values.iter().map(|value| value.and_then(Value::text)).collect();
        let mut splices = BTreeMap::<usize, Vec<Splice>>::new();
        for glue in ["", " "] {
            for chain in chains(&texts, glue) {
                self.over_borders(&texts, &chain, place, &mut splices);
            }
        }
        let mut noted = Vec::new();
        for (index, splices) in splices {
            if let (Some(Some(value)), Some(Some(text))) = (values.get(index), texts.get(index)) {
                let address = value.raw().as_ptr().addr();
                self.carried.insert(address, spliced(text, splices));
                noted.push(address);
            }
        }
        noted
    }

    /// Forgets what was noted and not asked for, before something else stands at the same address.
    pub(in crate::mask) fn forget(&mut self, noted: &[usize]) {
        for address in noted {
            self.carried.remove(address);
        }
    }

    /// What a text has become because a part of a split value is in it.
    pub(in crate::mask) fn carried(&mut self, value: Value<'_>) -> Option<String> {
        if self.carried.is_empty() { None } else { self.carried.remove(&value.raw().as_ptr().addr()) }
    }

    fn over_borders(
        &mut self,
        texts: &[Option<Cow<'_, str>>],
        chain: &Chain,
        place: Place<'_>,
        splices: &mut BTreeMap<usize, Vec<Splice>>,
    ) {
        self.finder.find(Sample::new(&chain.text, place.label), self.active.wanted());
        let hits = self.finder.hits().to_vec();
        let masks = self.active.masks(&chain.text);
        for hit in hits {
            let parts: Vec<_> = chain.parts.iter().filter_map(|part| part.inside(&hit.range)).collect();
            // In a list, the end of one version and the beginning of the next are no address.
            let is_version = hit.kind == DetectorType::IpAddress && texts.len() > 2;
            if parts.len() < 2 || is_version || is_inside(&hit.range, &masks) {
                continue;
            }
            let value = chain.text.get(hit.range.clone()).unwrap_or_default();
            let active = &self.active;
            let is_granted = |rule| !place.kept_by.contains(&rule) && !active.keeps_value(rule, value);
            let wishes = active.wishes_for_kind(hit.kind).filter(|wish| is_granted(wish.rule));
            let Some(wish) = strongest(wishes) else { continue };
            let action = wish.action;
            // A part that is a value by itself is no part; but each end of a key would be one, and leave what is between.
            let is_whole = |part: &Inside| {
                let text = texts.get(part.index).and_then(Option::as_deref).unwrap_or_default();
                self.has_own(text, &part.source, hit.kind, place.label)
            };
            if hit.kind != DetectorType::PrivateKey && parts.iter().any(is_whole) {
                continue;
            }
            self.count_kind(hit.kind, action);
            let whole = apply_to_text(action, detect::name(hit.kind), value, self.keys());
            for Inside { index, source, place } in parts {
                let masked = match action {
                    Action::Partial(_) => section(&whole, value, place..place + source.len()),
                    Action::Replace(_) | Action::Hash(_) => whole.clone(),
                    Action::Drop {} => String::new(),
                    // Enciphered apart, no part could be told from a value; and with a token in each part, a value would come
                    // back twice.
                    Action::Block {}
                    | Action::Redact {}
                    | Action::Tokenize {}
                    | Action::Fpe(_)
                    | Action::Generalize(_) => mark(detect::name(hit.kind)),
                };
                splices.entry(index).or_default().push((source, masked));
            }
        }
    }

    /// Whether a value of the kind is found in a text by itself that overlaps `range`.
    fn has_own(&mut self, text: &str, range: &Range<usize>, kind: DetectorType, label: &str) -> bool {
        count(text.len());
        self.finder.find(Sample::new(text, label), self.active.wanted());
        let overlaps = |own: &Range<usize>| own.start < range.end && range.start < own.end;
        self.finder.hits().iter().any(|hit| hit.kind == kind && overlaps(&hit.range))
    }
}

impl Part {
    /// What of the text this is a part of lies in `range` of the chain.
    fn inside(&self, range: &Range<usize>) -> Option<Inside> {
        let from = range.start.max(self.start);
        let to = range.end.min(self.start + self.source.len());
        let shift = |position: usize| position - self.start + self.source.start;
        (from < to).then(|| Inside {
            index: self.index,
            source: shift(from)..shift(to),
            place: from - range.start,
        })
    }
}

/// The text of an item: its own, or that of a block of content.
pub(in crate::mask) fn text_of(item: Value<'_>) -> Option<Value<'_>> {
    match item.kind() {
        Kind::String => Some(item),
        Kind::Object => item.get("text").filter(|text| text.kind() == Kind::String),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Array => None,
    }
}

/// Whether a value can be split over the items of an array: there are two texts in a row, and a digit or an `@` in one.
pub(in crate::mask) fn may_be_split(array: Value<'_>) -> bool {
    let mut items = array.items();
    let (Some(first), Some(second)) = (items.next(), items.next()) else { return false };
    // Most arrays are of one sort, which the first two tell.
    if text_of(first).is_none() && text_of(second).is_none() {
        return false;
    }
    let has_sign = |text: Value<'_>| {
        count(text.raw().len());
        text.raw().iter().any(|byte| byte.is_ascii_digit() || *byte == b'@')
    };
    let mut last = false;
    let (mut has_pair, mut has_any_sign) = (false, false);
    for text in array.items().map(text_of) {
        has_pair |= last && text.is_some();
        has_any_sign |= text.is_some_and(has_sign);
        last = text.is_some();
        if has_pair && has_any_sign {
            return true;
        }
    }
    false
}

/// Which texts have a part of a value that is found over a border between them; only the ends of the texts need be there.
pub(in crate::mask) fn over_borders(
    texts: &[Option<Cow<'_, str>>],
    finder: &mut Finder,
    wanted: Wanted,
    label: &str,
) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for chain in ["", " "].into_iter().flat_map(|glue| chains(texts, glue)) {
        finder.find(Sample::new(&chain.text, label), wanted);
        for hit in finder.hits() {
            let has_a_part = |part: &&Part| part.inside(&hit.range).is_some();
            let parts = || chain.parts.iter().filter(has_a_part).map(|part| part.index);
            if parts().nth(1).is_some() {
                found.extend(parts());
            }
        }
    }
    found
}

/// A text without what is not read of it, if it is long: its chains are the same, but that it is taken for no identifier.
pub(in crate::mask) fn ends_of(text: &str) -> Cow<'_, str> {
    /// As long as it stands between the ends, no byte of either is read as the other's.
    const BETWEEN: &str = "\0";
    if text.len() <= 2 * REACH + BETWEEN.len() {
        return Cow::Borrowed(text);
    }
    let head = (REACH..text.len()).find(|end| text.is_char_boundary(*end)).and_then(|end| text.get(..end));
    let tail = text.get(floor(text, text.len() - REACH)..);
    Cow::Owned([head.unwrap_or(text), BETWEEN, tail.unwrap_or_default()].concat())
}

/// The texts that follow each other, as far as they are read, joined by `glue`. A text that is read in two parts ends one
/// chain and begins the next, and so does a line break at a border, for no value but a key in PEM goes over one.
fn chains(texts: &[Option<Cow<'_, str>>], glue: &str) -> Vec<Chain> {
    let is_list = texts.len() > 2;
    let may_have_key = LazyCell::new(|| texts.iter().flatten().any(|text| may_have_dashes(text)));
    let is_broken = |last: &str, text: &str| last.ends_with(LINE_BREAKS) || text.starts_with(LINE_BREAKS);
    let mut chains = Vec::new();
    let mut chain = Chain::default();
    let mut last = None;
    for (index, text) in texts.iter().enumerate() {
        let text = text.as_deref().filter(|text| !text.is_empty());
        let is_joined = match (last, text) {
            (Some(last), Some(text)) => {
                !(is_list && are_identifiers(last, text)) && (!is_broken(last, text) || *may_have_key)
            }
            (None | Some(_), None) | (None, Some(_)) => false,
        };
        last = text;
        if !is_joined {
            chains.push(std::mem::take(&mut chain));
        }
        let Some(text) = text else { continue };
        if text.len() <= 2 * REACH {
            chain.add(index, text, 0..text.len(), glue);
            continue;
        }
        chain.add(index, text, 0..floor(text, REACH), glue);
        chains.push(std::mem::take(&mut chain));
        chain.add(index, text, floor(text, text.len() - REACH)..text.len(), glue);
    }
    chains.push(chain);
    chains.retain(|chain| chain.parts.len() > 1);
    chains
}

impl Chain {
    fn add(&mut self, index: usize, text: &str, source: Range<usize>, glue: &str) {
        if !self.parts.is_empty() {
            self.text.push_str(glue);
        }
        let start = self.text.len();
        self.text.push_str(text.get(source.clone()).unwrap_or_default());
        self.parts.push(Part { index, source, start });
    }
}

/// Whether what is read of a text may have the dashes around a key in PEM.
fn may_have_dashes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_dashes = |part: Option<&[u8]>| part.is_some_and(|part| memmem::find(part, b"----").is_some());
    match bytes.len().checked_sub(2 * REACH) {
        None | Some(0) => has_dashes(Some(bytes)),
        Some(_) => has_dashes(bytes.get(..REACH)) || has_dashes(bytes.get(bytes.len() - REACH..)),
    }
}

/// Whether two neighbours look like members of a list of identifiers.
fn are_identifiers(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.len() >= IDENTIFIER
        && one.bytes().chain(other.bytes()).all(|byte| byte.is_ascii_digit())
}

/// The last place up to `position` where a character begins.
fn floor(text: &str, position: usize) -> usize {
    (0..=position).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// What of a partly shown value stands for a range of it: it has as many characters as the value.
fn section(shown: &str, value: &str, range: Range<usize>) -> String {
    let count = |range| value.get(range).map_or(0, |text: &str| text.chars().count());
    shown.chars().skip(count(0..range.start)).take(count(range)).collect()
}

/// A text with some of its parts replaced. Of parts that overlap the first counts, and hides the other too.
fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut output = String::with_capacity(text.len());
    let mut done = 0;
    for (range, masked) in splices {
        if range.start >= done {
            output.push_str(text.get(done..range.start).unwrap_or_default());
            output.push_str(&masked);
        }
        done = done.max(range.end);
    }
    output.push_str(text.get(done..).unwrap_or_default());
    output
}
