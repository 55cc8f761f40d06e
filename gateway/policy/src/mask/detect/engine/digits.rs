//! Groups of digits: which detectors are asked at one, by its length and what stands around it.

use std::ops::Range;

use super::super::bytes::{at, before, is_joined_after, is_joined_before, without_escape};
use super::super::trigger::{LONGEST_GROUP, LONGEST_WORD, MAXIMUM_GROUPS};
use super::bits::ones;
use super::chain::MAXIMUM_GROUPS_BEHIND_PLUS;
use super::{Finder, Pass, keep, shape};
use crate::mask::scan::BLOCK;

impl Pass<'_> {
    /// A group of digits begins at `start`.
    pub(super) fn digits(&mut self, start: usize) {
        if start < self.word_end.max(self.time_end) {
            return;
        }
        let end = self.end_of(self.block.digits, start, |byte| byte.is_ascii_digit());
        let is_joined = is_joined_after(self.bytes, end)
            || if self.has_backslash {
                is_joined_before(self.bytes, start)
            } else {
                before(self.bytes, start).is_some_and(|byte| byte.is_ascii_alphanumeric())
            };
        if is_joined {
            self.word(start, end);
            return;
        }
        let is_signed = before(self.bytes, start) == Some(b'+');
        if end - start == 4
            && !is_signed
            && let Some(time_end) = shape::time_end(self.bytes, start)
        {
            self.time_end = time_end;
            return;
        }
        let next = at(self.bytes, end).map_or(256, usize::from);
        let by_digits = self.tables.by_digits.get((end - start).min(LONGEST_GROUP)).copied().unwrap_or(0);
        let by_next = self.tables.by_next.get(next).copied().unwrap_or(0);
        let numbers = by_digits & by_next & self.wanted.numbers;
        if numbers != 0 {
            self.numbers(start..end, numbers);
        }
        if self.wanted.plus != 0 && is_signed {
            self.behind_plus(start..end);
        }
    }

    fn numbers(&mut self, group: Range<usize>, numbers: u64) {
        let start = group.start;
        let Finder { chain, hits, free, .. } = &mut *self.finder;
        let groups = chain.of(self.bytes, group, MAXIMUM_GROUPS);
        let second = groups.get(1).map_or(0, Range::len);
        let by_groups = self.tables.by_groups.get(groups.len()).copied().unwrap_or(0);
        let by_second = self.tables.by_second_group.get(second).copied().unwrap_or(0);
        for index in ones(numbers & by_groups & by_second) {
            if let Some((kind, ask)) = self.tables.numbers.get(index)
                && start >= free.from(kind)
            {
                // What leads to a value need not stand at its beginning.
                let value = ask(self.sample, groups).filter(|value| value.start >= free.from(kind));
                keep(hits, free, kind, value);
            }
        }
    }

    fn behind_plus(&mut self, group: Range<usize>) {
        let start = group.start;
        let Finder { chain, hits, free, .. } = &mut *self.finder;
        let groups = chain.of(self.bytes, group, MAXIMUM_GROUPS_BEHIND_PLUS);
        for index in ones(self.wanted.plus) {
            if let Some((kind, ask)) = self.tables.plus.get(index)
                && start >= free.from(kind)
            {
                keep(hits, free, kind, ask(self.sample, groups));
            }
        }
    }

    /// Digits from `start` to `end` are a part of a word.
    fn word(&mut self, start: usize, end: usize) {
        let letters = self.letters_before(start);
        let end = self.end_of(self.block.words, end, |byte| byte.is_ascii_alphanumeric());
        self.word_end = end;
        let word = start - letters..end;
        let word = if self.has_backslash { without_escape(self.bytes, word) } else { word };
        let words = self.tables.by_length.get(word.len()).copied().unwrap_or(0) & self.wanted.words;
        for index in ones(words) {
            if let Some((kind, ask)) = self.tables.words.get(index)
                && word.start >= self.free_from(kind)
            {
                self.found(kind, ask(self.sample, &word));
            }
        }
    }

    /// How many letters stand right before `start` that are of the same word, as far as words are long.
    fn letters_before(&self, start: usize) -> usize {
        let bit = start.saturating_sub(self.base);
        let letters = match bit {
            1..BLOCK => (self.block.words << (BLOCK - bit)).leading_ones() as usize,
            _ => 0,
        };
        if letters < bit || self.base == 0 {
            return letters.min(LONGEST_WORD);
        }
        let head = self.bytes.get(self.word_end.max(start.saturating_sub(LONGEST_WORD))..start);
        head.unwrap_or_default().iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count()
    }
}
