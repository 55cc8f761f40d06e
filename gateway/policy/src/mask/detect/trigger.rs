//! What detectors wait for, and the tables that lead from what stands in a text to those whose values can begin there.

use std::ops::{BitOr, Range, RangeInclusive};
use std::sync::LazyLock;

use super::{ALL, Sample, triggers};
use crate::config::DetectorType;

/// Finds a value in groups of digits.
pub(super) type InGroups = fn(Sample<'_>, &[Range<usize>]) -> Option<Range<usize>>;

/// What a detector waits for, and what it is asked then. It answers with the range of a value.
pub(super) enum Trigger {
    /// A group of digits that no letter precedes or follows, with the groups that follow it closely.
    Number(&'static [Shape], InGroups),
    /// A group of digits behind a `+`, likewise.
    Plus(InGroups),
    /// A word of letters and digits, both, of such a length in bytes.
    Word(&'static [RangeInclusive<usize>], fn(Sample<'_>, &Range<usize>) -> Option<Range<usize>>),
    /// A word of which the first byte is one of these and the next one of those, in a run of at least [`MINIMUM_RUN`]
    /// characters of tokens.
    Token(&'static [u8], &'static [u8], fn(Sample<'_>, usize) -> Look),
    /// A run of at least [`MINIMUM_RUN`] characters of tokens, if it has what its values have.
    Run(Having, fn(Sample<'_>, &Range<usize>, &mut Vec<Range<usize>>)),
    /// An `@`. The second number is where the last value ends that was found.
    At(fn(Sample<'_>, usize, usize) -> Option<Range<usize>>),
    /// One of these signs, `=` or `:`, likewise.
    Sign(&'static [u8], fn(Sample<'_>, usize, usize) -> Option<Range<usize>>),
    /// A text that stands under a name of which the first says that it speaks of its value.
    Label(fn(&str) -> bool, fn(Sample<'_>) -> Option<Range<usize>>),
    /// Four hyphens in a row, anywhere in the text.
    Dashes(fn(Sample<'_>, &mut Vec<Range<usize>>)),
}

impl Trigger {
    /// Whether it is for numbers that may be written as one long group of digits.
    pub(super) fn takes_long_numbers(&self) -> bool {
        /// No number of fewer digits is known by its digits, or by its name.
        const LONG: usize = 8;
        match self {
            Self::Number(shapes, _) => shapes.iter().any(|shape| *shape.digits.end() >= LONG),
            Self::Plus(_)
            | Self::Word(_, _)
            | Self::Token(_, _, _)
            | Self::Run(_, _)
            | Self::At(_)
            | Self::Sign(_, _)
            | Self::Label(_, _)
            | Self::Dashes(_) => false,
        }
    }
}

/// Groups of digits with which a value can begin.
pub(super) struct Shape {
    /// How many digits the first group has.
    pub(super) digits: RangeInclusive<usize>,
    /// What may stand behind it.
    pub(super) followed_by: &'static [u8],
    /// How many groups a value has at least that begins so.
    pub(super) groups: usize,
    /// How many digits the second group has, if there is one.
    pub(super) second: RangeInclusive<usize>,
}

impl Shape {
    /// A group of so many digits, whatever stands behind it.
    pub(super) const fn alone(digits: RangeInclusive<usize>) -> Self {
        Self { digits, followed_by: ANYTHING, groups: 1, second: 0..=LONGEST_GROUP }
    }
}

/// What a run of characters of tokens has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Having {
    /// A tilde.
    Tilde,
    /// So many letters, digits, `/` and `+` in a row.
    Part(usize),
    /// Five signs, each three bytes behind the one before.
    Pairs,
    /// So many letters and digits in a row, or so many of a part.
    Word(usize, usize),
}

/// That anything may stand behind the first group or letter, or nothing.
pub(super) const ANYTHING: &[u8] = &[];

/// What stands at a place.
pub(super) enum Look {
    /// A value.
    Value(Range<usize>),
    /// None.
    Nothing,
    /// None, and none begins before this place either, so that it need not be looked at twice.
    NothingBefore(usize),
}

impl From<Option<Range<usize>>> for Look {
    fn from(value: Option<Range<usize>>) -> Self {
        value.map_or(Self::Nothing, Self::Value)
    }
}

/// A shorter run holds no token, in bytes. The shortest token is one of Slack.
pub(in crate::mask) const MINIMUM_RUN: usize = 15;

/// How many groups of digits a detector sees: more than any value has.
pub(super) const MAXIMUM_GROUPS: usize = 8;
/// Longer groups of digits are of one length, and so are longer words.
pub(super) const LONGEST_GROUP: usize = 32;
pub(super) const LONGEST_WORD: usize = 48;

/// A set of detectors, as the engine asks for them: one bit for each trigger of each sort.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::mask) struct Wanted {
    pub(super) numbers: u64,
    pub(super) plus: u64,
    pub(super) words: u64,
    pub(super) tokens: u64,
    pub(super) runs: u64,
    pub(super) ats: u64,
    pub(super) signs: u64,
    pub(super) labels: u64,
    pub(super) dashes: u64,
}

impl Wanted {
    /// These kinds.
    pub(in crate::mask) fn of(kinds: impl Iterator<Item = DetectorType>) -> Self {
        let owners = |owners: &[DetectorType], kind| bits_of(owners, |&owner| owner == kind);
        kinds.fold(Self::default(), |wanted, kind| {
            wanted
                | Self {
                    numbers: owners(&TABLES.numbers.owners, kind),
                    plus: owners(&TABLES.plus.owners, kind),
                    words: owners(&TABLES.words.owners, kind),
                    tokens: owners(&TABLES.tokens.owners, kind),
                    runs: owners(&TABLES.runs.owners, kind),
                    ats: owners(&TABLES.ats.owners, kind),
                    signs: owners(&TABLES.signs.owners, kind),
                    labels: owners(&TABLES.labels.owners, kind),
                    dashes: owners(&TABLES.dashes.owners, kind),
                }
        })
    }

    /// The same without those that know a value by its name alone.
    pub(in crate::mask) fn without_labels(self) -> Self {
        Self { labels: 0, ..self }
    }

    /// Whether nothing is wanted.
    pub(in crate::mask) fn is_empty(self) -> bool {
        let Self { numbers, plus, words, tokens, runs, ats, signs, labels, dashes } = self;
        numbers | plus | words | tokens | runs | ats | signs | labels | dashes == 0
    }
}

impl BitOr for Wanted {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            numbers: self.numbers | other.numbers,
            plus: self.plus | other.plus,
            words: self.words | other.words,
            tokens: self.tokens | other.tokens,
            runs: self.runs | other.runs,
            ats: self.ats | other.ats,
            signs: self.signs | other.signs,
            labels: self.labels | other.labels,
            dashes: self.dashes | other.dashes,
        }
    }
}

/// The triggers of one sort: whose each is, and what it asks.
pub(super) struct Sort<F> {
    owners: Vec<DetectorType>,
    asks: Vec<F>,
}

impl<F: Copy> Sort<F> {
    fn new() -> Self {
        Self { owners: Vec::new(), asks: Vec::new() }
    }

    /// Adds one and gives its bit. There are fewer than 64 of each sort; a test holds it.
    fn add(&mut self, owner: DetectorType, ask: F) -> u64 {
        self.owners.push(owner);
        self.asks.push(ask);
        1_u64.checked_shl(u32::try_from(self.asks.len() - 1).unwrap_or(u32::MAX)).unwrap_or(0)
    }

    pub(super) fn get(&self, index: usize) -> Option<(DetectorType, F)> {
        Some((*self.owners.get(index)?, *self.asks.get(index)?))
    }
}

type AskNumber = fn(Sample<'_>, &[Range<usize>]) -> Option<Range<usize>>;
type AskWord = fn(Sample<'_>, &Range<usize>) -> Option<Range<usize>>;
type AskToken = fn(Sample<'_>, usize) -> Look;
type AskRun = (Having, fn(Sample<'_>, &Range<usize>, &mut Vec<Range<usize>>));
pub(super) type AskAt = fn(Sample<'_>, usize, usize) -> Option<Range<usize>>;
type AskLabel = (fn(&str) -> bool, fn(Sample<'_>) -> Option<Range<usize>>);
type AskText = fn(Sample<'_>, &mut Vec<Range<usize>>);

/// All triggers, by what leads to them.
pub(super) struct Tables {
    pub(super) numbers: Sort<AskNumber>,
    pub(super) plus: Sort<AskNumber>,
    pub(super) words: Sort<AskWord>,
    pub(super) tokens: Sort<AskToken>,
    pub(super) runs: Sort<AskRun>,
    pub(super) ats: Sort<AskAt>,
    pub(super) signs: Sort<AskAt>,
    pub(super) labels: Sort<AskLabel>,
    pub(super) dashes: Sort<AskText>,
    /// Which numbers begin with a group of so many digits.
    pub(super) by_digits: [u64; LONGEST_GROUP + 1],
    /// Which numbers may go on with this byte; the last place is for the end of the text.
    pub(super) by_next: [u64; 257],
    /// Which have no more groups than these, and which a second one of so many digits; without one, none.
    pub(super) by_groups: [u64; MAXIMUM_GROUPS + 1],
    pub(super) by_second_group: [u64; LONGEST_GROUP + 1],
    /// Which words are so long.
    pub(super) by_length: [u64; LONGEST_WORD + 1],
    /// Which tokens begin with this byte, and which may have this one behind the first.
    pub(super) by_first: [u64; 256],
    pub(super) by_second: [u64; 256],
    /// Which signs wait for `=`, and which for `:`.
    pub(super) at_equals: u64,
    pub(super) at_colon: u64,
}

pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Self {
        let mut tables = Self {
            numbers: Sort::new(),
            plus: Sort::new(),
            words: Sort::new(),
            tokens: Sort::new(),
            runs: Sort::new(),
            ats: Sort::new(),
            signs: Sort::new(),
            labels: Sort::new(),
            dashes: Sort::new(),
            by_digits: [0; LONGEST_GROUP + 1],
            by_next: [0; 257],
            by_groups: [0; MAXIMUM_GROUPS + 1],
            by_second_group: [0; LONGEST_GROUP + 1],
            by_length: [0; LONGEST_WORD + 1],
            by_first: [0; 256],
            by_second: [0; 256],
            at_equals: 0,
            at_colon: 0,
        };
        for kind in ALL {
            for trigger in triggers(kind) {
                tables.add(kind, trigger);
            }
        }
        tables
    }

    fn add(&mut self, kind: DetectorType, trigger: &'static Trigger) {
        match trigger {
            Trigger::Number(shapes, ask) => {
                // Each shape has a bit of its own, so that lengths and followers of different ones do not mix.
                for shape in *shapes {
                    let bit = self.numbers.add(kind, *ask);
                    set(&mut self.by_digits, shape.digits.clone(), bit);
                    set(&mut self.by_groups, shape.groups..=MAXIMUM_GROUPS, bit);
                    set(&mut self.by_second_group, shape.second.clone(), bit);
                    if shape.followed_by.is_empty() {
                        set(&mut self.by_next, 0..=256, bit);
                    }
                    for &byte in shape.followed_by {
                        set(&mut self.by_next, usize::from(byte)..=usize::from(byte), bit);
                    }
                }
            }
            Trigger::Plus(ask) => {
                self.plus.add(kind, *ask);
            }
            Trigger::Word(lengths, ask) => {
                let bit = self.words.add(kind, *ask);
                lengths.iter().for_each(|range| set(&mut self.by_length, range.clone(), bit));
            }
            Trigger::Token(firsts, seconds, ask) => {
                let bit = self.tokens.add(kind, *ask);
                for &byte in *firsts {
                    set(&mut self.by_first, usize::from(byte)..=usize::from(byte), bit);
                }
                if seconds.is_empty() {
                    set(&mut self.by_second, 0..=255, bit);
                }
                for &byte in *seconds {
                    set(&mut self.by_second, usize::from(byte)..=usize::from(byte), bit);
                }
            }
            Trigger::Run(having, ask) => {
                self.runs.add(kind, (*having, *ask));
            }
            Trigger::At(ask) => {
                self.ats.add(kind, *ask);
            }
            Trigger::Sign(signs, ask) => {
                let bit = self.signs.add(kind, *ask);
                self.at_equals |= if signs.contains(&b'=') { bit } else { 0 };
                self.at_colon |= if signs.contains(&b':') { bit } else { 0 };
            }
            Trigger::Label(speaks, ask) => {
                self.labels.add(kind, (*speaks, *ask));
            }
            Trigger::Dashes(ask) => {
                self.dashes.add(kind, *ask);
            }
        }
    }
}

fn set(places: &mut [u64], range: RangeInclusive<usize>, bit: u64) {
    for place in places.get_mut(range).into_iter().flatten() {
        *place |= bit;
    }
}

fn bits_of<T>(items: &[T], is_so: impl Fn(&T) -> bool) -> u64 {
    items.iter().take(64).enumerate().filter(|(_, item)| is_so(item)).map(|(index, _)| 1 << index).sum()
}

#[cfg(test)]
mod tests {
    use super::TABLES;

    #[test]
    fn there_is_a_bit_for_each_trigger() {
        let sizes = [
            TABLES.numbers.asks.len(),
            TABLES.plus.asks.len(),
            TABLES.words.asks.len(),
            TABLES.tokens.asks.len(),
            TABLES.runs.asks.len(),
            TABLES.ats.asks.len(),
            TABLES.signs.asks.len(),
            TABLES.labels.asks.len(),
            TABLES.dashes.asks.len(),
        ];
        assert!(sizes.iter().all(|&size| size > 0 && size <= 64), "{sizes:?}");
    }

    #[test]
    fn tokens_begin_with_letters_and_digits_and_every_sign_is_waited_for() {
        let begins = |byte: &u8| TABLES.by_first.get(usize::from(*byte)).is_some_and(|&tokens| tokens != 0);
        assert!((0..=u8::MAX).filter(begins).all(|byte| byte.is_ascii_alphanumeric()));
        let all = (1_u64 << TABLES.signs.asks.len()) - 1;
        assert_eq!(TABLES.at_equals | TABLES.at_colon, all);
    }
}
