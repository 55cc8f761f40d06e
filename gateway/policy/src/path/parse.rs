//! Reading paths: what is well-formed, and what to write instead. Filters are read beside them.

use super::slice::Slice;
use super::{Path, PathError, Segment, Selector};

pub(super) struct Parser {
    pub(super) characters: Vec<char>,
    pub(super) position: usize,
    /// In how many filters and parentheses the place is.
    pub(super) depth: usize,
}

impl Parser {
    pub(super) fn path(&mut self) -> Result<Path, PathError> {
        if !self.take('$') {
            return Err(self.error("a path begins with `$`, the root, as in $.rows[*].name"));
        }
        let mut segments = Vec::new();
        while self.peek().is_some() {
            segments.push(self.segment()?);
        }
        Ok(Path { segments })
    }

    /// Whether another segment follows, behind blanks.
    pub(super) fn is_at_segment(&self) -> bool {
        let rest = self.characters.get(self.position..).unwrap_or_default();
        let next = rest.iter().find(|character| !matches!(character, ' ' | '\t' | '\n' | '\r'));
        matches!(next, Some('.' | '['))
    }

    pub(super) fn segment(&mut self) -> Result<Segment, PathError> {
        self.skip_blanks();
        if self.take('[') {
            return Ok(Segment { descends: false, selectors: self.bracketed()? });
        }
        if !self.take('.') {
            return Err(self.error("write `.` or `[` before the next step"));
        }
        let descends = self.take('.');
        let selectors = match self.peek() {
            Some('[') if descends => {
                self.position += 1;
                self.bracketed()?
            }
            Some('*') => {
                self.position += 1;
                vec![Selector::Wildcard]
            }
            Some(_) | None => vec![self.shorthand()?],
        };
        Ok(Segment { descends, selectors })
    }

    /// A name without quotes (RFC 9535, section 2.5.1.1, `member-name-shorthand`).
    fn shorthand(&mut self) -> Result<Selector, PathError> {
        let begins =
            |character: char| character.is_ascii_alphabetic() || character == '_' || !character.is_ascii();
        let mut name = String::new();
        while let Some(character) = self.peek() {
            let continues = begins(character) || (!name.is_empty() && character.is_ascii_digit());
            if !continues {
                break;
            }
            name.push(character);
            self.position += 1;
        }
        match self.peek() {
            // Inside a filter much else may follow.
            Some(_) if !name.is_empty() && self.depth > 0 => Ok(Selector::Name(name)),
            None | Some('.' | '[') if !name.is_empty() => Ok(Selector::Name(name)),
            Some(' ' | '\t' | '\n' | '\r') if !name.is_empty() && self.is_at_segment() => {
                Ok(Selector::Name(name))
            }
            None => {
                Err(self.error("the path ends where a name should stand; remove the dot or write a name"))
            }
            Some('-' | ' ' | '/' | '@' | '$' | ':' | '0'..='9') => Err(self.error(
                "a name with other than letters, digits and `_` stands in brackets, as in ['order-id']",
            )),
            Some(_) => Err(self.error("write a name, or `*` for every one")),
        }
    }

    /// What stands between brackets; the opening one has been read.
    fn bracketed(&mut self) -> Result<Vec<Selector>, PathError> {
        let mut selectors = Vec::new();
        loop {
            self.skip_blanks();
            selectors.push(self.selector()?);
            self.skip_blanks();
            if self.take(']') {
                return Ok(selectors);
            }
            if !self.take(',') {
                return Err(self.error("write `]`, or a comma and another selector"));
            }
        }
    }

    fn selector(&mut self) -> Result<Selector, PathError> {
        match self.peek() {
            Some('*') => {
                self.position += 1;
                Ok(Selector::Wildcard)
            }
            Some(quote @ ('\'' | '"')) => {
                self.position += 1;
                Ok(Selector::Name(self.quoted(quote)?))
            }
            Some('0'..='9' | '-' | ':') => self.index_or_slice(),
            Some('?') => {
                self.position += 1;
                Ok(Selector::Filter(Box::new(self.filter()?)))
            }
            Some(_) | None => Err(self.error("write an index, a slice, a name in quotes, `*`, or a filter")),
        }
    }

    fn index_or_slice(&mut self) -> Result<Selector, PathError> {
        let begin = self.position;
        let start = self.integer()?;
        self.skip_blanks();
        if !self.take(':') {
            return start.map(Selector::Index).ok_or_else(|| self.error("write an index"));
        }
        self.skip_blanks();
        let end = self.integer()?;
        self.skip_blanks();
        let mut step = None;
        if self.take(':') {
            self.skip_blanks();
            step = self.integer()?;
        }
        let slice = Slice { start, end, step: step.unwrap_or(1) };
        if slice.is_empty() {
            self.position = begin;
            return Err(self.error("this slice takes no item of any array; write one such as [0:3] or [-3:]"));
        }
        Ok(Selector::Slice(slice))
    }

    /// A number as RFC 9535, section 2.3.3.1, has it, if one stands here.
    fn integer(&mut self) -> Result<Option<i64>, PathError> {
        /// What I-JSON (RFC 7493) can say exactly.
        const MOST: i64 = (1 << 53) - 1;
        let begin = self.position;
        let mut text = String::new();
        if self.take('-') {
            text.push('-');
        }
        while let Some(digit @ '0'..='9') = self.peek() {
            text.push(digit);
            self.position += 1;
        }
        if text.is_empty() {
            return Ok(None);
        }
        let digits = text.trim_start_matches('-');
        let is_plain = text == "0" || !digits.starts_with('0');
        match text.parse::<i64>() {
            Ok(number) if is_plain && (-MOST..=MOST).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                self.position = begin;
                Err(self.error("write an index without leading zeros that fits a document"))
            }
        }
    }

    /// A name in quotes with the escapes of JSON, and of the quote itself.
    pub(super) fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let mut name = String::new();
        loop {
            let Some(character) = self.peek() else {
                return Err(self.error(&format!("the name does not end; write {quote}")));
            };
            self.position += 1;
            match character {
                '\\' => name.push(self.escaped(quote)?),
                end if end == quote => return Ok(name),
                control if control < ' ' => {
                    self.position -= 1;
                    return Err(self.error("write this character as an escape, such as \\u000a"));
                }
                plain => name.push(plain),
            }
        }
    }

    fn escaped(&mut self, quote: char) -> Result<char, PathError> {
        let start = self.position;
        let character = match self.peek() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => {
                let unit = |start: usize| {
                    let digits: String = self.characters.iter().skip(start).take(4).collect();
                    let is_whole = digits.len() == 4 && digits.bytes().all(|it| it.is_ascii_hexdigit());
                    is_whole.then(|| u16::from_str_radix(&digits, 16).ok()).flatten()
                };
                let is_pair = self.characters.get(start + 5..start + 7) == Some(&['\\', 'u']);
                let second = is_pair.then(|| unit(start + 7)).flatten();
                let units = [unit(start + 1), second].into_iter().flatten();
                let Some(Ok(character)) = char::decode_utf16(units).next() else {
                    return Err(self.error("write \\u and four hexadecimal digits, or the character itself"));
                };
                self.position += if character > '\u{ffff}' { 10 } else { 4 };
                character
            }
            Some(plain @ ('\\' | '/')) => plain,
            Some(plain) if plain == quote => plain,
            Some(_) | None => return Err(self.error("no such escape; write \\\\ for a backslash")),
        };
        self.position += 1;
        Ok(character)
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(' ' | '\t' | '\n' | '\r') = self.peek() {
            self.position += 1;
        }
    }

    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.position += usize::from(found);
        found
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    pub(super) fn error(&self, advice: &str) -> PathError {
        PathError { position: self.position + 1, advice: advice.to_owned() }
    }
}
