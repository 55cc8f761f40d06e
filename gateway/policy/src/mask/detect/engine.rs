//! One pass over a text for all detectors together. What some detector waits for (a trigger) is found 64 bytes
//! at a time, and only those detectors are asked whose values can begin there: by the length of a group of digits and
//! what follows it, by the length of a word, by the first letter of a token. So a further detector costs next to
//! nothing where nothing looks like its values.
//!
//! Time is linear: what a trigger leads to is read once, or within a bound that the detector sets.

mod around;
mod bits;
mod chain;
mod digits;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod reference;
mod run;
mod shape;

use std::ops::Range;

use around::Around;
use bits::{bits, ends_of_four, ends_of_runs, ones, starts_of};
use chain::Chain;
use memchr::memmem;

use super::bytes::{at, is_unicode_escape_at, run_end};
use super::trigger::{AskAt, MINIMUM_RUN, Sort, TABLES, Tables, Wanted};
use super::{ALL, Sample};
use crate::config::DetectorType;
use crate::mask::marks::MARK;
use crate::mask::scan::{BLOCK, Block, Cursor, Window};
use crate::mask::work::count;

/// Where a value of a kind stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mask) struct Hit {
    /// Of which kind it is.
    pub(in crate::mask) kind: DetectorType,
    /// Its bytes in the text.
    pub(in crate::mask) range: Range<usize>,
}

/// What was found in a text before, as a [`Finder`] says it.
pub(in crate::mask) struct Earlier<'s> {
    pub(in crate::mask) hits: &'s [Hit],
    pub(in crate::mask) runs: &'s [Range<usize>],
    pub(in crate::mask) may_be_disguised: bool,
}

/// Where the last value of each kind ends.
#[derive(Debug)]
struct Free {
    from: [usize; ALL.len()],
    /// Whether any of these is set.
    is_used: bool,
}

impl Free {
    fn from(&self, kind: DetectorType) -> usize {
        self.from.get(kind as usize).copied().unwrap_or(0)
    }

    fn set(&mut self, kind: DetectorType, place: usize) {
        self.is_used = true;
        if let Some(from) = self.from.get_mut(kind as usize) {
            *from = place;
        }
    }
}

/// Searches texts, one after the other, and keeps what it found in the last.
#[derive(Debug)]
pub(in crate::mask) struct Finder {
    hits: Vec<Hit>,
    free: Free,
    runs: Vec<Range<usize>>,
    may_be_disguised: bool,
    /// The groups of digits that were read last.
    chain: Chain,
    /// What the blocks of the text are that were looked at last, if it stands by itself.
    window: Option<Box<Window<Block>>>,
}

impl Default for Finder {
    fn default() -> Self {
        Self {
            hits: Vec::new(),
            free: Free { from: [0; ALL.len()], is_used: false },
            runs: Vec::new(),
            may_be_disguised: false,
            chain: Chain::default(),
            window: None,
        }
    }
}

impl Finder {
    /// What was found in the last text; of one kind in order and without overlap.
    pub(in crate::mask) fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Where the last text has runs of at least [`MINIMUM_RUN`] characters of tokens, in order.
    pub(in crate::mask) fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// Whether the last text has a byte with which an escape begins, or one that is not of ASCII.
    pub(in crate::mask) fn may_be_disguised(&self) -> bool {
        self.may_be_disguised
    }

    /// Searches a text.
    pub(in crate::mask) fn find(&mut self, sample: Sample<'_>, wanted: Wanted) {
        let bytes = sample.text.as_bytes();
        let mut window = self.window.take().unwrap_or_default();
        window.clear();
        self.pass(sample, wanted, |base| window.block(bytes, base / BLOCK));
        self.window = Some(window);
    }

    /// Searches a text that stands at `start` in what `cursor` looks at.
    pub(in crate::mask) fn find_at(
        &mut self,
        sample: Sample<'_>,
        wanted: Wanted,
        cursor: &mut Cursor<'_>,
        start: usize,
    ) {
        self.pass(sample, wanted, |base| cursor.from(start + base));
    }

    /// Takes up what was found in a text before, as if it was the last one.
    pub(in crate::mask) fn take_up(&mut self, Earlier { hits, runs, may_be_disguised }: Earlier<'_>) {
        self.hits.clear();
        self.hits.extend_from_slice(hits);
        self.free.is_used = true;
        self.runs.clear();
        self.runs.extend_from_slice(runs);
        self.may_be_disguised = may_be_disguised;
    }

    /// The bytes of a block with which something begins, or goes on so long that something may have begun: a text without such a
    /// byte holds nothing, unless its name says so. What stands around the text breaks every run.
    #[inline]
    pub(in crate::mask) fn strikes(last: Block, block: Block) -> u64 {
        let signs = |block: Block| block.tokens & !block.words;
        let runs = ends_of_runs(last.tokens, block.tokens);
        starts_of(block.digits, last.digits) | block.specials | runs | ends_of_four(signs(last), signs(block))
    }

    /// Which of these only seem to be such.
    #[inline]
    pub(in crate::mask) fn spares(last: Block, block: Block, next: Block) -> u64 {
        Around::of(last, block, next).quiet(starts_of(block.digits, last.digits))
    }

    /// Whether a text has [`MINIMUM_RUN`] characters of tokens in a row, or something like it.
    pub(in crate::mask) fn has_run(text: &[u8]) -> bool {
        count(text.len());
        let mut window = Window::<Block>::default();
        let mut last = 0;
        (0..text.len().div_ceil(BLOCK)).any(|index| {
            let tokens = window.block(text, index).tokens;
            ends_of_runs(std::mem::replace(&mut last, tokens), tokens) != 0
        })
    }

    /// Whether nothing strikes in a text but the colons of marks.
    pub(in crate::mask) fn has_marks_alone(text: &str) -> bool {
        let bytes = text.as_bytes();
        count(bytes.len());
        let (head, colon) = MARK.as_bytes().split_at(MARK.len() - 1);
        let is_of_mark = |place: usize| {
            bytes.get(place..=place) == Some(colon)
                && bytes.get(..place).is_some_and(|before| before.ends_with(head))
        };
        let mut window = Window::<Block>::default();
        let (mut last, mut block) = (Block::default(), window.block(bytes, 0));
        (0..bytes.len().div_ceil(BLOCK)).all(|index| {
            let next = window.block(bytes, index + 1);
            let striking = Self::strikes(last, block) & !Self::spares(last, block, next);
            (last, block) = (block, next);
            ones(striking).all(|bit| is_of_mark(index * BLOCK + bit))
        })
    }

    /// Whether a text is a UUID, in which nothing is found but by its name; `block` is its first.
    pub(in crate::mask) fn is_uuid(text: &[u8], block: Block) -> bool {
        text.len() == shape::UUID && shape::uuids(Block::default(), block, text) != 0
    }

    /// Whether a text is a time of a day, likewise.
    pub(in crate::mask) fn is_time(text: &[u8]) -> bool {
        shape::time_end(text, 0) == Some(text.len())
    }

    /// Whether a name alone may say that a value is wanted.
    pub(in crate::mask) fn is_telling(label: &str, wanted: Wanted) -> bool {
        let says = |index| TABLES.labels.get(index).is_some_and(|(_, (speaks, _))| speaks(label));
        !label.is_empty() && ones(wanted.labels).any(says)
    }

    #[inline]
    fn pass(&mut self, sample: Sample<'_>, wanted: Wanted, mut look: impl FnMut(usize) -> Block) {
        if std::mem::take(&mut self.free.is_used) {
            self.hits.clear();
            self.free.from = [0; ALL.len()];
        }
        self.runs.clear();
        self.may_be_disguised = false;
        self.chain.clear();
        let mut pass = Pass {
            finder: self,
            tables: &TABLES,
            sample,
            bytes: sample.text.as_bytes(),
            wanted,
            base: 0,
            block: Block::default(),
            next: Block::default(),
            last: Block::default(),
            last_digits: 0,
            escaped: 0,
            word_end: 0,
            time_end: 0,
            times_end: 0,
            has_backslash: false,
            has_dashes: false,
        };
        if wanted.labels != 0 && !sample.label.is_empty() {
            pass.label();
        }
        let length = pass.bytes.len();
        count(length);
        let mut look = |base: usize| match length.checked_sub(base) {
            Some(left @ 1..) => look(base).first(left),
            Some(0) | None => Block::default(),
        };
        pass.next = look(0);
        while pass.base < length {
            pass.block = std::mem::replace(&mut pass.next, look(pass.base + BLOCK));
            pass.look();
            pass.base += BLOCK;
        }
        if pass.has_dashes && memmem::find(pass.bytes, b"----").is_some() {
            pass.whole();
        }
    }
}

struct Pass<'p> {
    finder: &'p mut Finder,
    tables: &'static Tables,
    sample: Sample<'p>,
    bytes: &'p [u8],
    wanted: Wanted,
    /// Where the block begins that is looked at, and what it is.
    base: usize,
    block: Block,
    /// The block behind it, and the one before it, for what goes over its ends; the digits of that without those of escapes.
    next: Block,
    last: Block,
    last_digits: u64,
    /// Digits at the beginning of the next block that belong to an escape.
    escaped: u64,
    /// The end of the last word that was looked at.
    word_end: usize,
    /// The end of the last time of a day: what begins before it is a part of that.
    time_end: usize,
    /// The same of those that were seen before the events of their block.
    times_end: usize,
    has_backslash: bool,
    /// Whether there may be four hyphens in a row.
    has_dashes: bool,
}

impl Pass<'_> {
    fn look(&mut self) {
        let block = self.block;
        let uuids = shape::uuids(self.last, block, self.bytes.get(self.base..).unwrap_or_default());
        let mut digits = block.digits & !std::mem::take(&mut self.escaped);
        let mut specials = block.specials;
        if specials != 0 {
            digits &= !self.escapes(specials);
        }
        let mut starts = starts_of(digits, self.last_digits) & !uuids;
        let ends = ends_of_runs(self.last.tokens, block.tokens) & !uuids;
        if self.wanted.dashes != 0 && !self.has_dashes {
            let signs = |block: Block| block.tokens & !block.words;
            self.has_dashes = ends_of_four(signs(self.last), signs(block)) != 0;
        }
        if starts != 0 {
            let around = Around::of(self.last, block, self.next);
            let times = self.times(around.times(starts));
            starts &= !(around.quiet(starts) | times);
            specials &= !times;
        }
        let others = ends | specials;
        let mut events = starts | others;
        let known_runs = self.finder.runs.len();
        while events != 0 {
            let bit = events.trailing_zeros() as usize;
            let lowest = events & events.wrapping_neg();
            events ^= lowest;
            let position = self.base + bit;
            if starts & lowest != 0 {
                self.digits(position);
                // What is read of a word or a time is not looked at again.
                let done = self.word_end.max(self.time_end).saturating_sub(self.base);
                if done > bit {
                    events &= others | !bits(0..done.min(BLOCK));
                }
            }
            if others & lowest != 0 {
                if ends & lowest != 0 {
                    self.run(position + 1 - MINIMUM_RUN);
                }
                if specials & lowest != 0 {
                    self.special(position);
                }
            }
        }
        if uuids != 0 {
            self.note_uuids(uuids, known_runs);
        }
        self.last = block;
        self.last_digits = digits;
    }

    /// The bits of the times of a day that are known to be some: the last of the block before, and those that begin at one of
    /// these places.
    #[inline]
    fn times(&mut self, mut starts: u64) -> u64 {
        let done = self.times_end.saturating_sub(self.base);
        let mut times = bits(0..done.min(BLOCK));
        starts &= !times;
        while starts != 0 {
            let bit = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            if let Some(end) = shape::time_end(self.bytes, self.base + bit) {
                self.times_end = end;
                times |= bits(bit..(end - self.base).min(BLOCK));
                starts &= !times;
            }
        }
        times
    }

    /// UUIDs are runs, too; those that were found in the block before are the first `known_runs`.
    #[cold]
    fn note_uuids(&mut self, mut uuids: u64, known_runs: usize) {
        while uuids != 0 {
            let start = uuids.trailing_zeros() as usize;
            uuids &= !bits(start..start + shape::UUID);
            self.finder.runs.push(self.base + start..self.base + start + shape::UUID);
        }
        self.finder.runs.get_mut(known_runs..).unwrap_or_default().sort_unstable_by_key(|run| run.start);
    }

    /// The digits of escapes such as `\u0020`, which are no digits of the text.
    fn escapes(&mut self, specials: u64) -> u64 {
        let mut escapes = 0_u128;
        for bit in ones(specials) {
            let position = self.base + bit;
            if at(self.bytes, position) == Some(b'\\') {
                self.has_backslash = true;
                if is_unicode_escape_at(self.bytes, position) {
                    escapes |= 0b1111 << (bit + 2);
                }
            }
        }
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        let (here, next) = (escapes as u64, (escapes >> BLOCK) as u64);
        self.escaped = next;
        here
    }

    fn special(&mut self, position: usize) {
        if position < self.time_end {
            return;
        }
        let tables = self.tables;
        match at(self.bytes, position) {
            Some(b'@') => self.sign(position, &tables.ats, self.wanted.ats),
            Some(b'=') => self.sign(position, &tables.signs, self.wanted.signs & tables.at_equals),
            Some(b':') => self.sign(position, &tables.signs, self.wanted.signs & tables.at_colon),
            Some(b';'..=b'?') | None => {}
            Some(_) => self.finder.may_be_disguised = true,
        }
    }

    /// The end of a run that reaches `start`: its bytes `belong`, and in the block these `bits` say so.
    #[inline]
    fn end_of(&self, bits: u64, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let Some(bit) = start.checked_sub(self.base).filter(|bit| *bit < BLOCK) else {
            return run_end(self.bytes, start, belongs);
        };
        let end = start + (!(bits >> bit)).trailing_zeros() as usize;
        if end < self.base + BLOCK { end } else { run_end(self.bytes, end, belongs) }
    }

    fn sign(&mut self, position: usize, asks: &Sort<AskAt>, wanted: u64) {
        for index in ones(wanted) {
            if let Some((kind, ask)) = asks.get(index) {
                let free_from = self.free_from(kind);
                if position >= free_from {
                    self.found(kind, ask(self.sample, position, free_from));
                }
            }
        }
    }

    fn label(&mut self) {
        for index in ones(self.wanted.labels) {
            if let Some((kind, (_, ask))) = self.tables.labels.get(index) {
                self.found(kind, ask(self.sample));
            }
        }
    }

    fn whole(&mut self) {
        for index in ones(self.wanted.dashes) {
            if let Some((kind, ask)) = self.tables.dashes.get(index) {
                let mut ranges = Vec::new();
                ask(self.sample, &mut ranges);
                ranges.into_iter().for_each(|range| self.found(kind, Some(range)));
            }
        }
    }

    fn found(&mut self, kind: DetectorType, range: Option<Range<usize>>) {
        keep(&mut self.finder.hits, &mut self.finder.free, kind, range);
    }

    fn free_from(&self, kind: DetectorType) -> usize {
        self.finder.free.from(kind)
    }

    fn set_free_from(&mut self, kind: DetectorType, place: usize) {
        self.finder.free.set(kind, place);
    }
}

/// Keeps a value that was found.
fn keep(hits: &mut Vec<Hit>, free: &mut Free, kind: DetectorType, range: Option<Range<usize>>) {
    count(1);
    if let Some(range) = range {
        free.set(kind, range.end);
        hits.push(Hit { kind, range });
    }
}

/// Whether tokens consist of such bytes.
pub(in crate::mask) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'~')
}
