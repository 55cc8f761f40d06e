//! Where comments, strings and quoted names begin and end, as the server has it.
//!
//! Guards are beaten where guard and server read a text differently: what is a string to one is a statement to the
//! other. So the borders are found here a second time, by rules of each server's manual (`rules`), and `tokens`
//! compares them with what the parser found. What a setting of the server decides, or what servers of one dialect
//! disagree on, is refused with a sentence that says what to write instead.

mod cursor;
mod quoted;
mod rules;

use std::ops::Range;

use super::dialect::Dialect;
use super::effect::Place;
use super::escape::is_unseen;
use super::refusal::{Cause, Unparseable};
use cursor::Cursor;
use quoted::Reading;
use rules::{Dollar, Double, Rules};

/// A comment, a string or a quoted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first character, with a quote, not with a prefix as in `E'…'`.
    pub start: Place,
    /// The character behind its last one; not known of a comment that runs to the end of its line.
    pub end: Option<Place>,
    /// Where it is in the text, in bytes.
    pub bytes: Range<usize>,
    /// Whether it is a comment.
    pub is_comment: bool,
}

/// Finds all pieces of `text`, in their order.
pub(super) fn pieces(text: &str, dialect: Dialect) -> Result<Vec<Piece>, Unparseable> {
    let mut scan = Scan { cursor: Cursor::new(text), rules: rules::of(dialect), pieces: Vec::new() };
    while let Some(character) = scan.cursor.peek() {
        scan.step(character)?;
    }
    if text.contains('\0') {
        return Err(Unparseable::whole(Cause::Unsettled("a NUL character ends the text for some servers")));
    }
    Ok(scan.pieces)
}

struct Scan<'a> {
    cursor: Cursor<'a>,
    rules: Rules,
    pieces: Vec<Piece>,
}

/// Where a piece begins.
#[derive(Clone, Copy)]
struct Begin {
    place: Place,
    offset: usize,
}

impl Scan<'_> {
    fn step(&mut self, character: char) -> Result<(), Unparseable> {
        let rest = self.cursor.rest();
        match character {
            ' ' | '\t' | '\n' => self.cursor.advance(1),
            '\r' if rest.starts_with("\r\n") => self.cursor.advance(2),
            '\r' => {
                return self.refuse("a carriage return alone ends a line for some servers; write a newline");
            }
            '\\' => return self.refuse("a backslash outside of a string is a command of a client, not SQL"),
            '\'' => self.quoted('\'', self.rules.single)?,
            '"' => match self.rules.double {
                Double::Text(reading) | Double::Name(reading) => self.quoted('"', reading)?,
            },
            '`' => match self.rules.backtick {
                Some(reading) => self.quoted('`', reading)?,
                None => return self.refuse("a backtick does not quote in this dialect"),
            },
            '[' if self.rules.brackets.is_some() => self.bracketed()?,
            '-' if rest.starts_with("--") => self.dashes()?,
            '/' if rest.starts_with("/*") => self.block_comment()?,
            '/' if rest.starts_with("//") && self.rules.slash_comments => self.line_comment()?,
            '#' if self.rules.hash_comments => self.line_comment()?,
            '#' if self.rules.hash_refused => {
                return self
                    .refuse("whether # begins a comment differs between servers; write -- and a space");
            }
            '$' => self.dollar()?,
            other if is_word(other) => self.word()?,
            other if other.is_ascii_control() || !other.is_ascii() => {
                return self
                    .refuse("a character that is no letter, digit or sign of SQL stands outside of quotes");
            }
            _ => self.cursor.advance(1),
        }
        Ok(())
    }

    /// Where a piece begins: here.
    fn begin(&self) -> Begin {
        Begin { place: self.cursor.place(), offset: self.cursor.offset() }
    }

    /// Keeps a piece that ends here.
    fn end(&mut self, begin: Begin, is_comment: bool) {
        let bytes = begin.offset..self.cursor.offset();
        let end = Some(self.cursor.place());
        self.pieces.push(Piece { start: begin.place, end, bytes, is_comment });
    }

    fn refuse<T>(&self, why: &'static str) -> Result<T, Unparseable> {
        Err(Unparseable::unsettled(self.cursor.place(), why))
    }

    /// A name, a keyword or a number, and what it makes of a quote right behind it.
    fn word(&mut self) -> Result<(), Unparseable> {
        let with_dollar = self.rules.dollar_in_words;
        let word =
            self.cursor.take_while(|character| is_word(character) || (character == '$' && with_dollar));
        let behind = self.cursor.rest();
        if word.eq_ignore_ascii_case("u") && (behind.starts_with("&'") || behind.starts_with("&\"")) {
            return self.refuse("U& hides characters behind escapes; write the characters themselves");
        }
        let quote = match behind.chars().next() {
            Some(quote @ '\'') => quote,
            Some(quote @ '"') if self.rules.double.is_text() => quote,
            _ => return Ok(()),
        };
        match self.rules.prefix(word) {
            Some(rules::Prefix::Text(reading)) => self.quoted(quote, reading),
            Some(rules::Prefix::Delimited) => self.delimited(),
            None => {
                self.refuse("a quote right behind a word is read differently by servers; put a space between")
            }
        }
    }

    fn dashes(&mut self) -> Result<(), Unparseable> {
        let blank_follows = self
            .cursor
            .rest()
            .chars()
            .nth(2)
            .is_some_and(|character| matches!(character, ' ' | '\t' | '\n' | '\r'));
        if self.rules.dashes_need_blank && !blank_follows {
            return self
                .refuse("whether -- without a space begins a comment differs between servers; add a space");
        }
        self.line_comment()
    }

    fn line_comment(&mut self) -> Result<(), Unparseable> {
        let begin = self.begin();
        while let Some(character) = self.cursor.peek() {
            match character {
                '\n' => break,
                '\r' if self.cursor.rest().starts_with("\r\n") => {}
                '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    return self.refuse("a character in a comment ends its line for some servers");
                }
                _ => {}
            }
            self.cursor.advance(1);
        }
        let bytes = begin.offset..self.cursor.offset();
        self.pieces.push(Piece { start: begin.place, end: None, bytes, is_comment: true });
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Unparseable> {
        let begin = self.begin();
        if self.rules.executable_comments {
            let mut inside = self.cursor.rest().chars().skip(2).skip_while(char::is_ascii_alphabetic);
            if inside.next() == Some('!') {
                return self
                    .refuse("a comment that some servers execute (/*!); write it out or leave it away");
            }
        }
        self.cursor.advance(2);
        let mut depth = 1_usize;
        while depth > 0 {
            let rest = self.cursor.rest();
            if rest.starts_with("*/") {
                depth -= 1;
                self.cursor.advance(2);
            } else if rest.starts_with("/*") {
                if !self.rules.nested_comments {
                    return self.refuse("a comment in a comment is read differently by servers");
                }
                depth += 1;
                self.cursor.advance(2);
            } else if rest.is_empty() {
                return Err(Unparseable::unsettled(begin.place, "a comment that is not closed"));
            } else {
                self.cursor.advance(1);
            }
        }
        self.end(begin, true);
        Ok(())
    }

    fn quoted(&mut self, quote: char, reading: Reading) -> Result<(), Unparseable> {
        let begin = self.begin();
        quoted::skip(&mut self.cursor, quote, reading, self.rules.triple_quotes)?;
        self.end(begin, false);
        Ok(())
    }

    fn bracketed(&mut self) -> Result<(), Unparseable> {
        let begin = self.begin();
        loop {
            self.cursor.advance(1);
            let rest = self.cursor.rest();
            if rest.starts_with("]]") {
                if self.rules.brackets == Some(rules::Brackets::Single) {
                    return self
                        .refuse("]] is read differently by servers; quote the name with double quotes");
                }
                self.cursor.advance(1);
            } else if rest.starts_with(']') {
                break;
            } else if rest.is_empty() {
                return Err(Unparseable::unsettled(begin.place, "a quote that is not closed"));
            }
        }
        self.cursor.advance(1);
        self.end(begin, false);
        Ok(())
    }

    /// Oracle's `q'[…]'`: the cursor stands at the first quote.
    fn delimited(&mut self) -> Result<(), Unparseable> {
        let begin = self.begin();
        let close = match self.cursor.rest().chars().nth(1) {
            Some('[') => "]'".to_owned(),
            Some('{') => "}'".to_owned(),
            Some('(') => ")'".to_owned(),
            Some('<') => ">'".to_owned(),
            Some(other) if other.is_ascii_punctuation() && other != '\'' => format!("{other}'"),
            _ => return self.refuse("a delimiter of q'…' that is no sign"),
        };
        self.cursor.advance(2);
        self.skip_to(begin, &close)
    }

    /// A dollar sign outside of a word: a quote, a parameter, or nothing that is known.
    fn dollar(&mut self) -> Result<(), Unparseable> {
        let rest = self.cursor.rest();
        let tag: String = rest.chars().skip(1).take_while(|character| is_word(*character)).collect();
        let quotes = rest.chars().nth(1 + tag.chars().count()) == Some('$');
        let is_tag = !tag.starts_with(|first: char| first.is_ascii_digit());
        match self.rules.dollar {
            Dollar::Tagged if quotes && is_tag => {}
            Dollar::Plain if quotes && tag.is_empty() => {}
            Dollar::Tagged | Dollar::Plain | Dollar::Parameter if !quotes && !tag.is_empty() => {
                self.cursor.advance(1 + tag.chars().count());
                return Ok(());
            }
            Dollar::Tagged | Dollar::Plain | Dollar::Parameter => {
                return self.refuse("whether a dollar sign quotes here differs between servers");
            }
        }
        let begin = self.begin();
        let close = format!("${tag}$");
        self.cursor.advance(close.chars().count());
        self.skip_to(begin, &close)
    }

    /// Skips all until behind `close`, and takes it as a piece.
    fn skip_to(&mut self, begin: Begin, close: &str) -> Result<(), Unparseable> {
        let Some(length) = self.cursor.rest().find(close) else {
            return Err(Unparseable::unsettled(begin.place, "a quote that is not closed"));
        };
        self.cursor.advance_bytes(length + close.len());
        self.end(begin, false);
        Ok(())
    }
}

/// A letter, a digit, an underscore; letters of all scripts, since names may have them.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || character == '_'
        || (!character.is_ascii() && character.is_alphanumeric() && !is_unseen(character))
}
