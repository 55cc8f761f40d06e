//! A text as a reader sees it who undoes escapes and folds characters, and where in the text each part of that stands.
//!
//! A view is made only of a text that has something to undo, so that a plain one costs a look at its bytes.

use std::ops::Range;

use super::escape;
use super::fold::{Folded, fold};
use crate::mask::work::count;

/// How often escapes are undone inside each other, as in `%2540`.
const MAXIMUM_LAYERS: usize = 3;

/// What is undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::mask) struct Undo {
    /// Characters are folded.
    pub(in crate::mask) folds: bool,
    /// Escapes are read.
    pub(in crate::mask) escapes: bool,
}

/// A text as it reads.
#[derive(Debug)]
pub(in crate::mask) struct View {
    text: String,
    pieces: Vec<Piece>,
}

/// A part of a view: from `start` of it to where the next begins.
#[derive(Debug)]
struct Piece {
    start: usize,
    /// Where it stands in the text it was made of.
    source: Range<usize>,
    /// Whether it is the same there, byte by byte.
    is_verbatim: bool,
}

impl View {
    /// The view of a text, if it differs from the text.
    pub(in crate::mask) fn of(text: &str, undo: Undo) -> Option<Self> {
        if !may_differ(text.as_bytes(), undo) {
            return None;
        }
        let mut view = Self::layer(text, undo)?;
        for _ in 1..MAXIMUM_LAYERS {
            let Some(next) = Self::layer(&view.text, undo) else { break };
            view = view.seen_through(next);
        }
        Some(view)
    }

    /// As it reads.
    pub(in crate::mask) fn text(&self) -> &str {
        &self.text
    }

    /// Where a range of the view stands in the text, with everything between that is not seen.
    pub(in crate::mask) fn source(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let last = range.end.checked_sub(1).filter(|last| *last >= range.start)?;
        Some(self.place(range.start)?.start..self.place(last)?.end)
    }

    /// Where one byte of the view stands.
    fn place(&self, position: usize) -> Option<Range<usize>> {
        let index = self.pieces.partition_point(|piece| piece.start <= position).checked_sub(1)?;
        let piece = self.pieces.get(index)?;
        if !piece.is_verbatim {
            return Some(piece.source.clone());
        }
        let start = piece.source.start + position - piece.start;
        Some(start..start + 1)
    }

    fn layer(text: &str, undo: Undo) -> Option<Self> {
        count(text.len());
        let bytes = text.as_bytes();
        let mut view = Self { text: String::new(), pieces: Vec::new() };
        let mut done = 0;
        let mut position = 0;
        while let Some(&byte) = bytes.get(position) {
            let Some((character, length)) = undone(text, position, byte, undo) else {
                position += if byte < 0x80 { 1 } else { length_of(byte) };
                continue;
            };
            view.verbatim(text, done..position);
            done = position + length;
            if let Some(character) = character {
                view.pieces.push(Piece {
                    start: view.text.len(),
                    source: position..done,
                    is_verbatim: false,
                });
                view.text.push(character);
            }
            position = done;
        }
        if done == 0 {
            return None;
        }
        view.verbatim(text, done..text.len());
        Some(view)
    }

    fn verbatim(&mut self, text: &str, source: Range<usize>) {
        if self.text.is_empty() {
            // Most texts with an escape have few.
            self.text.reserve(text.len());
        }
        if !source.is_empty() {
            self.pieces.push(Piece { start: self.text.len(), source: source.clone(), is_verbatim: true });
            self.text.push_str(text.get(source).unwrap_or_default());
        }
    }

    /// `next`, which was made of this view, with places in the text that this one was made of.
    fn seen_through(&self, next: Self) -> Self {
        count(self.pieces.len() + next.pieces.len());
        let mut pieces = Vec::with_capacity(next.pieces.len());
        for piece in next.pieces {
            if !piece.is_verbatim {
                let source = self.source(&piece.source).unwrap_or_default();
                pieces.push(Piece { source, ..piece });
                continue;
            }
            let shift = |position: usize| position + piece.start - piece.source.start;
            let first = self.pieces.partition_point(|own| own.start <= piece.source.start).saturating_sub(1);
            let own = self.pieces.get(first..).unwrap_or_default();
            for inner in own.iter().take_while(|own| own.start < piece.source.end) {
                let from = inner.start.max(piece.source.start);
                let skipped = if inner.is_verbatim { from - inner.start } else { 0 };
                let source = inner.source.start + skipped..inner.source.end;
                pieces.push(Piece { start: shift(from), source, is_verbatim: inner.is_verbatim });
            }
        }
        Self { text: next.text, pieces }
    }
}

/// What stands for what begins at `position`, and how many bytes that takes; `None` if it stays.
fn undone(text: &str, position: usize, byte: u8, undo: Undo) -> Option<(Option<char>, usize)> {
    if matches!(byte, b'%' | b'&' | b'\\') && undo.escapes {
        let (character, length) = escape::read(text.as_bytes().get(position..)?)?;
        return Some((Some(character), length));
    }
    if byte < 0x80 || !undo.folds {
        return None;
    }
    let character = text.get(position..)?.chars().next()?;
    match fold(character) {
        Folded::Same => None,
        Folded::Gone => Some((None, character.len_utf8())),
        Folded::For(plain) => Some((Some(plain), character.len_utf8())),
    }
}

/// How many bytes the character takes that begins with `byte`, which is not of ASCII.
fn length_of(byte: u8) -> usize {
    match byte {
        0xF0..=0xFF => 4,
        0xE0..=0xEF => 3,
        0..=0xDF => 2,
    }
}

/// Whether a text has a byte with which anything begins that is undone. A loop without branches in each of its steps, which
/// compilers turn into vector instructions.
fn may_differ(bytes: &[u8], undo: Undo) -> bool {
    const STEP: usize = 32;
    let (folds, escapes) = (if undo.folds { 0x80 } else { 0 }, u8::from(undo.escapes));
    let look = |sum: u8, &byte: &u8| {
        let is_escape = u8::from(byte == b'%') | u8::from(byte == b'&') | u8::from(byte == b'\\');
        sum | (byte & folds) | (is_escape & escapes)
    };
    let (steps, rest) = bytes.as_chunks::<STEP>();
    steps.iter().any(|step| step.iter().fold(0, look) != 0) || rest.iter().fold(0, look) != 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::{Undo, View};

    const ALL: Undo = Undo { folds: true, escapes: true };

    fn seen(text: &str) -> String {
        View::of(text, ALL).map_or_else(|| text.to_owned(), |view| view.text().to_owned())
    }

    #[test]
    fn a_text_reads_as_its_readers_see_it() {
        for (text, expected) in [
            ("ada%40example.com", "ada@example.com"),
            ("ada%2540example.com", "ada@example.com"),
            ("ada&amp;#64;example.com", "ada@example.com"),
            (r"ada\u0040example.com", "ada@example.com"),
            ("ada％40example.com", "ada@example.com"),
            ("4\u{200b}1\u{2060}1", "411"),
            ("４１１１–2", "4111-2"),
            ("50 % of größe & 密码", "50 % of größe & 密码"),
            ("", ""),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }

    #[test]
    fn a_plain_text_has_no_view() {
        for text in ["plain", "größe", "a % b", "a & b", "密码", "{\"a\":1}"] {
            assert!(View::of(text, ALL).is_none(), "{text}");
        }
        assert!(View::of("%40", Undo { escapes: false, ..ALL }).is_none());
        assert!(View::of("４", Undo { folds: false, ..ALL }).is_none());
    }

    #[test]
    fn a_part_of_a_view_stands_where_all_of_it_is() {
        let text = "x 4\u{200b}1%31&#x31; ä%2541 y";
        let view = View::of(text, ALL).unwrap();
        assert_eq!(view.text(), "x 4111 äA y");
        let source = |part: &str| {
            let start = view.text().find(part).unwrap();
            text.get(view.source(&(start..start + part.len())).unwrap()).unwrap()
        };
        assert_eq!(source("4111"), "4\u{200b}1%31&#x31;");
        assert_eq!(source("A"), "%2541");
        assert_eq!(source("äA y"), "ä%2541 y");
        assert_eq!(source("11 "), "%31&#x31; ");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_part_of_a_view_stands_at_characters_of_the_text(
            pieces in prop::collection::vec(
                prop::sample::select(&["%", "25", "40", "&#", "64;", "&amp;", "\\u00", "\\\\", "４", "\u{200b}", "é", "a", "😀"][..]),
                0..12,
            )
        ) {
            let text = pieces.concat();
            if let Some(view) = View::of(&text, ALL) {
                let starts: Vec<_> = view.text().char_indices().map(|(start, _)| start).collect();
                for (index, start) in starts.iter().enumerate() {
                    for end in starts.iter().skip(index + 1).copied().chain([view.text().len()]) {
                        let source = view.source(&(*start..end)).unwrap();
                        prop_assert!(text.get(source).is_some(), "{text} {start} {end}");
                    }
                }
            }
        }
    }
}
