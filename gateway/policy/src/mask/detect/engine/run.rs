//! Runs of characters of tokens: where they end, what is in them, and which detectors are asked then. Within a block the bits
//! tell it; a run that goes over its end is read byte by byte.

use std::ops::Range;

use super::super::bytes::{at, runs, without_escape};
use super::super::trigger::{Having, Look, MINIMUM_RUN};
use super::bits::{bits, has_run_of, ones};
use super::{Pass, is_token};
use crate::mask::scan::BLOCK;

impl Pass<'_> {
    /// At least so many characters from `start` on may belong to tokens.
    pub(super) fn run(&mut self, start: usize) {
        let end = self.end_of(self.block.tokens, start + MINIMUM_RUN, is_like_token);
        if self.has_backslash || start < self.base || end > self.base + BLOCK {
            let inside = self.bytes.get(start..end).unwrap_or_default();
            for run in runs(inside, is_token).filter(|run| run.len() >= MINIMUM_RUN) {
                self.long_run(start + run.start..start + run.end);
            }
            return;
        }
        let mut from = start;
        let mut part_from = start;
        let mut longest = 0;
        let mut has_tilde = false;
        for bit in ones(self.block.tokens & !self.block.words & bits(start - self.base..end - self.base)) {
            let position = self.base + bit;
            match at(self.bytes, position) {
                Some(b'/' | b'+') => continue,
                Some(b'~') => has_tilde = true,
                Some(b'_' | b'-' | b'.') => {}
                Some(_) | None => {
                    self.short_run(from..position, longest.max(position - part_from), has_tilde);
                    (from, longest, has_tilde) = (position + 1, 0, false);
                }
            }
            longest = if from > position { 0 } else { longest.max(position - part_from) };
            part_from = position + 1;
        }
        self.short_run(from..end, longest.max(end - part_from), has_tilde);
    }

    /// A run within the block. `part` is the longest of its parts of letters, digits, `/` and `+`.
    fn short_run(&mut self, run: Range<usize>, part: usize, has_tilde: bool) {
        if run.len() < MINIMUM_RUN {
            return;
        }
        self.finder.runs.push(run.clone());
        let words = self.block.words;
        let inside = bits(run.start - self.base..run.end - self.base);
        let signs = self.block.tokens & !words & inside;
        self.runs(&run, |having| match having {
            Having::Tilde => has_tilde,
            Having::Part(length) => part >= length,
            Having::Pairs => {
                let two = signs & signs >> 3;
                two & two >> 6 & signs >> 12 != 0
            }
            Having::Word(length, in_part) => part >= in_part || has_run_of(words & inside, length),
        });
        for bit in ones(words & !(words << 1) & inside) {
            self.tokens(self.base + bit);
        }
    }

    /// A run that begins in a block before, or has escapes around it.
    fn long_run(&mut self, run: Range<usize>) {
        self.finder.runs.push(run.clone());
        if self.wanted.tokens | self.wanted.runs == 0 {
            return;
        }
        let run = without_escape(self.bytes, run);
        self.runs(&run, |_| true);
        let inside = self.bytes.get(run.clone()).unwrap_or_default();
        for word in runs(inside, |byte| byte.is_ascii_alphanumeric()) {
            self.tokens(run.start + word.start);
        }
    }

    fn runs(&mut self, run: &Range<usize>, has: impl Fn(Having) -> bool) {
        for index in ones(self.wanted.runs) {
            if let Some((kind, (having, ask))) = self.tables.runs.get(index)
                && has(having)
            {
                let mut ranges = Vec::new();
                ask(self.sample, run, &mut ranges);
                ranges.into_iter().for_each(|range| self.found(kind, Some(range)));
            }
        }
    }

    /// A word begins at `position`, in a run.
    #[inline]
    fn tokens(&mut self, position: usize) {
        // A run goes on behind the last letter of a token's beginning.
        let Some([first, second]) = self.bytes.get(position..position + 2) else { return };
        let by = |table: &[u64; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
        let tokens =
            by(&self.tables.by_first, *first) & by(&self.tables.by_second, *second) & self.wanted.tokens;
        for index in ones(tokens) {
            self.token(index, position);
        }
    }

    #[inline(never)]
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
}

/// Whether a byte is one of [`Block::tokens`].
fn is_like_token(byte: u8) -> bool {
    byte > b'*' && byte.is_ascii() && !matches!(byte, b':'..=b'@' | b'\\')
}
