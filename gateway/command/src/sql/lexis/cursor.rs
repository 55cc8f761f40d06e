//! A place in a text that moves forward, and knows its line and column.

use crate::sql::effect::Place;

pub(super) struct Cursor<'a> {
    length: usize,
    rest: &'a str,
    place: Place,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { length: text.len(), rest: text, place: Place { line: 1, column: 1 } }
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// All that is left.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Where the next character is.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// How many bytes are before the next character.
    pub(super) fn offset(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Moves by so many characters, or to the end.
    pub(super) fn advance(&mut self, characters: usize) {
        for _ in 0..characters {
            let mut rest = self.rest.chars();
            match rest.next() {
                Some('\n') => self.place = Place { line: self.place.line + 1, column: 1 },
                Some(_) => self.place.column += 1,
                None => return,
            }
            self.rest = rest.as_str();
        }
    }

    /// Moves to the first character that is not `wanted`, which no newline is, and gives what is before it.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !wanted(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.place.column += taken.chars().count() as u64;
        self.rest = rest;
        taken
    }

    /// Moves by so many bytes; whole characters of them.
    pub(super) fn advance_bytes(&mut self, bytes: usize) {
        let characters = self.rest.char_indices().take_while(|(index, _)| *index < bytes).count();
        self.advance(characters);
    }
}
