//! The text of a statement as it is sent, on one line and without comments.
//!
//! It is cut out of the text, and not written out of what the parser made of it: a parser that wrote `- -1` as `--1`
//! would show the rest of the line as a comment, and a person would approve something else.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::escape::visible;
use super::lexis::Piece;

/// A text and what was found in it.
pub(super) struct Source<'a> {
    pub text: &'a str,
    pub pieces: &'a [Piece],
}

impl Source<'_> {
    /// What these tokens are made of. Between two of them there is a blank where there was one or a comment; strings
    /// and quoted names are as they are, with what is not seen written out.
    pub(super) fn written(&self, tokens: &[TokenWithSpan]) -> String {
        let mut own = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
        let Some(first) = own.next() else { return String::new() };
        let last = own.next_back().unwrap_or(first);
        let (begin, end) = (self.offset(first.span.start), self.offset(last.span.end));
        let mut written = String::with_capacity(end.saturating_sub(begin));
        let mut from = begin;
        for piece in self.pieces {
            if piece.bytes.start < begin || piece.bytes.end > end {
                continue;
            }
            self.plain(from, piece.bytes.start, &mut written);
            if piece.is_comment {
                blank(&mut written);
            } else {
                written.push_str(self.text.get(piece.bytes.clone()).unwrap_or_default());
            }
            from = piece.bytes.end;
        }
        self.plain(from, end, &mut written);
        visible(written)
    }

    /// What is between two pieces, with one blank for several.
    fn plain(&self, from: usize, to: usize, written: &mut String) {
        for character in self.text.get(from..to).unwrap_or_default().chars() {
            if character.is_ascii_whitespace() {
                blank(written);
            } else {
                written.push(character);
            }
        }
    }

    /// How many bytes are before a place.
    fn offset(&self, place: Location) -> usize {
        let mut lines = self.text.split_inclusive('\n');
        let before: usize = (1..place.line).filter_map(|_| lines.next()).map(str::len).sum();
        let line = lines.next().unwrap_or_default();
        let within =
            (1..place.column).zip(line.chars()).map(|(_, character)| character.len_utf8()).sum::<usize>();
        before + within
    }
}

fn blank(written: &mut String) {
    if !written.ends_with(' ') {
        written.push(' ');
    }
}
