//! One pass over a text for all detectors together. What some detector waits for (a trigger) is found 64 bytes
//! at a time, and only those detectors are asked whose values can begin there: by the length of a group of digits and
//! what follows it, by the length of a word, by the first letter of a token. So a further detector costs next to
//! nothing where nothing looks like its values.
//!
//! Time is linear: what a trigger leads to is read once, or within a bound that the detector sets.

use std::ops::Range;

use super::bytes::{
    at, before, is_joined_after, is_joined_before, is_unicode_escape_at, run_end, without_escape,
};
use super::trigger::{AskAt, LONGEST_GROUP, LONGEST_WORD, Look, MINIMUM_RUN, Sort, TABLES, Tables, Wanted};
use super::{ALL, Sample};
use crate::config::DetectorType;
use crate::mask::scan::{BLOCK, Block, Class};

/// How many groups of digits a detector sees: more than any value has.
const MAXIMUM_GROUPS: usize = 8;
/// Telephone numbers may have a group for each digit.
const MAXIMUM_GROUPS_BEHIND_PLUS: usize = 16;
/// How far apart groups of one value stand at most, in bytes.
const MAXIMUM_GAP: usize = 3;

/// The numbers of the bits that are set, lowest first.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest as usize)
    })
}

/// Where a value of a kind stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mask) struct Hit {
    /// Of which kind it is.
    pub(in crate::mask) kind: DetectorType,
    /// Its bytes in the text.
    pub(in crate::mask) range: Range<usize>,
}

/// Searches texts, one after the other, and keeps what it found in the last.
#[derive(Debug)]
pub(in crate::mask) struct Finder {
    hits: Vec<Hit>,
    /// The end of the last value of each kind.
    free_from: [usize; ALL.len()],
    /// Whether any of these is set.
    is_used: bool,
    has_run: bool,
}

impl Default for Finder {
    fn default() -> Self {
        Self { hits: Vec::new(), free_from: [0; ALL.len()], is_used: false, has_run: false }
    }
}

impl Finder {
    /// What was found in the last text; of one kind in order and without overlap.
    pub(in crate::mask) fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Whether the last text has a run of at least [`MINIMUM_RUN`] characters of tokens.
    pub(in crate::mask) fn has_run(&self) -> bool {
        self.has_run
    }

    /// Searches a text.
    pub(in crate::mask) fn find(&mut self, sample: Sample<'_>, wanted: Wanted) {
        if std::mem::take(&mut self.is_used) {
            self.hits.clear();
            self.free_from = [0; ALL.len()];
        }
        self.has_run = false;
        let mut pass = Pass {
            finder: self,
            tables: &TABLES,
            sample,
            bytes: sample.text.as_bytes(),
            wanted,
            last: Last::default(),
            escaped: 0,
            word_end: 0,
            has_dashes: false,
        };
        if wanted.labels != 0 && !sample.label.is_empty() {
            pass.label();
        }
        for (index, chunk) in sample.text.as_bytes().chunks(BLOCK).enumerate() {
            pass.block(index * BLOCK, &Block::of(chunk));
        }
        if pass.has_dashes {
            pass.whole();
        }
    }
}

/// What is remembered of a block, for what goes over its end.
#[derive(Clone, Copy, Default)]
struct Last {
    digits: u64,
    tokens: u64,
    dashes: u64,
}

struct Pass<'p> {
    finder: &'p mut Finder,
    tables: &'static Tables,
    sample: Sample<'p>,
    bytes: &'p [u8],
    wanted: Wanted,
    /// Of the block before the current one.
    last: Last,
    /// Digits at the beginning of the next block that belong to an escape.
    escaped: u64,
    /// The end of the last word that was looked at.
    word_end: usize,
    has_dashes: bool,
}

impl Pass<'_> {
    fn block(&mut self, base: usize, block: &Block) {
        let mut digits = block.bits(Class::Digit) & !std::mem::take(&mut self.escaped);
        let backslashes = block.bits(Class::Backslash);
        if backslashes != 0 {
            digits &= !self.escapes(base, backslashes);
        }
        let tokens = block.bits(Class::Token);
        let dashes = if self.wanted.dashes == 0 { 0 } else { block.bits(Class::Dash) };
        let starts = digits & !(digits << 1 | self.last.digits >> (BLOCK - 1));
        let ends = ends_of_runs(self.last.tokens, tokens);
        self.has_dashes |= dashes != 0 && has_four(self.last.dashes, dashes);
        let ats = if self.wanted.ats == 0 { 0 } else { block.bits(Class::At) };
        let signs = if self.wanted.signs == 0 { 0 } else { block.bits(Class::Sign) };
        for bit in ones(starts | ends | ats | signs) {
            let is_in = |bits: u64| bits >> bit & 1 == 1;
            if is_in(starts) {
                self.digits(base + bit);
            }
            if is_in(ends) {
                self.run(base + bit + 1 - MINIMUM_RUN);
            }
            if is_in(ats) {
                self.sign(base + bit, &self.tables.ats, self.wanted.ats);
            }
            if is_in(signs) {
                self.sign(base + bit, &self.tables.signs, self.wanted.signs);
            }
        }
        self.last = Last { digits, tokens, dashes };
    }

    /// The digits of escapes such as `\u0020`, which are no digits of the text.
    fn escapes(&mut self, base: usize, backslashes: u64) -> u64 {
        let mut escapes = 0_u128;
        for bit in ones(backslashes) {
            if is_unicode_escape_at(self.bytes, base + bit) {
                escapes |= 0b1111 << (bit + 2);
            }
        }
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        let (here, next) = (escapes as u64, (escapes >> BLOCK) as u64);
        self.escaped = next;
        here
    }

    /// A group of digits begins at `start`.
    fn digits(&mut self, start: usize) {
        if start < self.word_end {
            return;
        }
        let end = run_end(self.bytes, start, |byte| byte.is_ascii_digit());
        if is_joined_before(self.bytes, start) || is_joined_after(self.bytes, end) {
            self.word(start, end);
            return;
        }
        let next = at(self.bytes, end).map_or(256, usize::from);
        let by_digits = self.tables.by_digits.get((end - start).min(LONGEST_GROUP)).copied().unwrap_or(0);
        let by_next = self.tables.by_next.get(next).copied().unwrap_or(0);
        let numbers = by_digits & by_next & self.wanted.numbers;
        if numbers != 0 {
            let (groups, count) = chain::<MAXIMUM_GROUPS>(self.bytes, start..end);
            self.numbers(start, groups.get(..count).unwrap_or_default(), numbers);
        }
        if self.wanted.plus != 0 && before(self.bytes, start) == Some(b'+') {
            let (groups, count) = chain::<MAXIMUM_GROUPS_BEHIND_PLUS>(self.bytes, start..end);
            let groups = groups.get(..count).unwrap_or_default();
            for index in ones(self.wanted.plus) {
                if let Some((kind, ask)) = self.tables.plus.get(index)
                    && start >= self.free_from(kind)
                {
                    self.found(kind, ask(self.sample, groups));
                }
            }
        }
    }

    fn numbers(&mut self, start: usize, groups: &[Range<usize>], numbers: u64) {
        for index in ones(numbers) {
            if let Some((kind, ask)) = self.tables.numbers.get(index)
                && start >= self.free_from(kind)
            {
                self.found(kind, ask(self.sample, groups));
            }
        }
    }

    /// Digits from `start` to `end` are a part of a word.
    fn word(&mut self, start: usize, end: usize) {
        let head = self.bytes.get(self.word_end.max(start.saturating_sub(LONGEST_WORD))..start);
        let letters =
            head.unwrap_or_default().iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let end = run_end(self.bytes, end, |byte| byte.is_ascii_alphanumeric());
        self.word_end = end;
        let word = without_escape(self.bytes, start - letters..end);
        let words = self.tables.by_length.get(word.len()).copied().unwrap_or(0) & self.wanted.words;
        for index in ones(words) {
            if let Some((kind, ask)) = self.tables.words.get(index)
                && word.start >= self.free_from(kind)
            {
                self.found(kind, ask(self.sample, &word));
            }
        }
    }

    /// A run of characters of tokens begins at `start`, and is long enough.
    fn run(&mut self, start: usize) {
        self.finder.has_run = true;
        if self.wanted.tokens | self.wanted.runs == 0 {
            return;
        }
        let end = run_end(self.bytes, start + MINIMUM_RUN, is_token);
        let run = without_escape(self.bytes, start..end);
        for index in ones(self.wanted.runs) {
            if let Some((kind, ask)) = self.tables.runs.get(index) {
                let mut ranges = Vec::new();
                ask(self.sample, &run, &mut ranges);
                ranges.into_iter().for_each(|range| self.found(kind, Some(range)));
            }
        }
        if self.wanted.tokens == 0 {
            return;
        }
        let mut position = run.start;
        while position < run.end {
            let first = at(self.bytes, position).map_or(0, usize::from);
            let tokens = self.tables.by_first.get(first).copied().unwrap_or(0) & self.wanted.tokens;
            for index in ones(tokens) {
                self.token(index, position);
            }
            let word_end = run_end(self.bytes, position, |byte| byte.is_ascii_alphanumeric());
            position = word_end.max(position + 1);
            while at(self.bytes, position).is_some_and(|byte| is_token(byte) && !byte.is_ascii_alphanumeric())
            {
                position += 1;
            }
        }
    }

    fn token(&mut self, index: usize, position: usize) {
        let Some((kind, ask)) = self.tables.tokens.get(index) else { return };
        if position < self.free_from(kind) {
            return;
        }
        match ask(self.sample, position) {
            Look::Value(range) => self.found(kind, Some(range)),
            Look::Nothing => {}
            Look::NothingBefore(place) => self.set_free_from(kind, place),
        }
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
            if let Some((kind, ask)) = self.tables.labels.get(index) {
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
        if let Some(range) = range {
            self.set_free_from(kind, range.end);
            self.finder.hits.push(Hit { kind, range });
        }
    }

    fn free_from(&self, kind: DetectorType) -> usize {
        self.finder.free_from.get(kind as usize).copied().unwrap_or(0)
    }

    fn set_free_from(&mut self, kind: DetectorType, place: usize) {
        self.finder.is_used = true;
        if let Some(free_from) = self.finder.free_from.get_mut(kind as usize) {
            *free_from = place;
        }
    }
}

/// Whether tokens consist of such bytes.
pub(in crate::mask) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'~')
}

/// Where the first [`MINIMUM_RUN`] bytes of a run end in a block: at each place counts what is before it.
#[allow(clippy::cast_possible_truncation, reason = "the upper half is the block's own")]
fn ends_of_runs(last: u64, block: u64) -> u64 {
    let one = u128::from(block) << BLOCK | u128::from(last);
    let two = one & one << 1;
    let four = two & two << 2;
    let eight = four & four << 4;
    let all = eight & eight << (MINIMUM_RUN - 8);
    ((all & !(all << 1)) >> BLOCK) as u64
}

/// Whether four in a row end in a block.
fn has_four(last: u64, block: u64) -> bool {
    let one = u128::from(block) << BLOCK | u128::from(last);
    let two = one & one << 1;
    (two & two << 2) >> BLOCK != 0
}

/// `first` and the groups of digits that follow it closely, and how many there are.
fn chain<const MAXIMUM: usize>(bytes: &[u8], first: Range<usize>) -> ([Range<usize>; MAXIMUM], usize) {
    let mut groups = [const { 0..0 }; MAXIMUM];
    let mut next = Some(first);
    let mut count = 0;
    for place in &mut groups {
        let Some(group) = next else { break };
        next = group_after(bytes, group.end);
        *place = group;
        count += 1;
    }
    (groups, count)
}

/// The group of digits that begins shortly behind `end`, if it is no longer than any value's.
fn group_after(bytes: &[u8], end: usize) -> Option<Range<usize>> {
    let near = bytes.get(end..)?.get(..=MAXIMUM_GAP).or_else(|| bytes.get(end..))?;
    let start = end + near.iter().position(u8::is_ascii_digit)?;
    let digits =
        bytes.get(start..)?.iter().take(LONGEST_GROUP + 1).take_while(|byte| byte.is_ascii_digit()).count();
    (digits <= LONGEST_GROUP).then_some(start..start + digits)
}

#[cfg(test)]
mod tests {
    use super::{MINIMUM_RUN, ends_of_runs, ones};

    #[test]
    fn runs_are_long_enough_wherever_they_begin() {
        for start in 0..=64 {
            for length in [MINIMUM_RUN - 1, MINIMUM_RUN, 40] {
                let run = ((1_u128 << length) - 1) << start;
                #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
                let (first, second) = (run as u64, (run >> 64) as u64);
                let ends = (ends_of_runs(0, first), ends_of_runs(first, second));
                let place = start + MINIMUM_RUN - 1;
                let found: Vec<_> = ones(ends.0).chain(ones(ends.1).map(|bit| bit + 64)).collect();
                let expected = if length >= MINIMUM_RUN && place < 128 { vec![place] } else { Vec::new() };
                assert_eq!(found, expected, "{length} from {start}");
            }
        }
    }
}
