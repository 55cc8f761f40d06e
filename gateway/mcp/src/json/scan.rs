//! The one pass over a text: checks it against RFC 8259 and the limits, and lists its values.
//!
//! The scanner is a loop over states with a stack of its own, so that nesting cannot exhaust the
//! thread's stack. It writes one [`Node`] for each value and member name, in the order of the text;
//! nothing is allocated for a node. What the nodes mean to a reader is in `document`.

use std::borrow::Cow;
use std::collections::HashSet;

use super::escape::{EscapeFault, decode_escape, unescape};
use super::{JsonError, Kind};

/// One value or member name of a scanned text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// The first byte.
    pub(super) start: u32,
    /// The byte after the last.
    pub(super) end: u32,
    /// The index of the node after this value and everything inside it.
    pub(super) next: u32,
    pub(super) kind: Kind,
    /// Whether a string has escapes, so that its bytes are not its text.
    pub(super) escaped: bool,
    /// Whether a string is the name of a member.
    pub(super) is_name: bool,
}

/// Up to this many members are compared pair by pair, beyond it through a set.
const PAIRWISE_MEMBERS: usize = 16;

/// Scans `text`, which must be UTF-8, into nodes.
pub(super) fn scan(text: &str, depth: usize) -> Result<Vec<Node>, JsonError> {
    let mut scanner = Scanner {
        text: text.as_bytes(),
        position: 0,
        depth,
        nodes: Vec::with_capacity((text.len() / 16).clamp(4, 256)),
        open: Vec::new(),
        names: Vec::new(),
    };
    let mut state = State::Value;
    while let Some(current) = state.unless_done() {
        scanner.skip_whitespace();
        state = scanner.step(current)?;
    }
    Ok(scanner.nodes)
}

/// What the grammar allows next, after whitespace.
#[derive(Debug, Clone, Copy)]
enum State {
    Value,
    FirstItemOrEnd,
    FirstNameOrEnd,
    Name,
    CommaOrEnd,
    Done,
}

impl State {
    fn unless_done(self) -> Option<Self> {
        match self {
            Self::Value | Self::FirstItemOrEnd | Self::FirstNameOrEnd | Self::Name | Self::CommaOrEnd => {
                Some(self)
            }
            Self::Done => None,
        }
    }
}

/// An array or object whose end has not been seen.
#[derive(Debug, Clone, Copy)]
struct Open {
    node: usize,
    is_object: bool,
    /// How many names the enclosing objects have on the stack of names.
    names_before: usize,
}

struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
    depth: usize,
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// Where the names of all open objects are among the nodes, outermost object first.
    names: Vec<u32>,
}

impl<'a> Scanner<'a> {
    fn step(&mut self, state: State) -> Result<State, JsonError> {
        match state {
            State::Value => self.value(),
            State::FirstItemOrEnd if self.peek() == Some(b']') => self.close(),
            State::FirstItemOrEnd => self.value(),
            State::FirstNameOrEnd if self.peek() == Some(b'}') => self.close(),
            State::FirstNameOrEnd | State::Name => self.name(),
            State::CommaOrEnd => self.comma_or_end(),
            State::Done => Ok(State::Done),
        }
    }

    fn value(&mut self) -> Result<State, JsonError> {
        let start = self.position;
        match self.peek() {
            Some(b'"') => {
                let escaped = self.string()?;
                self.push(Kind::String, start, escaped);
            }
            Some(b'{') => return self.open(Kind::Object),
            Some(b'[') => return self.open(Kind::Array),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.push(Kind::Number, start, false);
            }
            Some(b't') => self.literal(b"true", Kind::Bool)?,
            Some(b'f') => self.literal(b"false", Kind::Bool)?,
            Some(b'n') => self.literal(b"null", Kind::Null)?,
            Some(_) => return Err(JsonError::ExpectedValue { offset: start }),
            None if self.nodes.is_empty() => return Err(JsonError::Empty),
            None => return Err(JsonError::UnexpectedEnd { offset: start }),
        }
        Ok(State::CommaOrEnd)
    }

    fn name(&mut self) -> Result<State, JsonError> {
        let start = self.position;
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(JsonError::ExpectedName { offset: start }),
            None => return Err(JsonError::UnexpectedEnd { offset: start }),
        }
        let escaped = self.string()?;
        self.names.push(offset(self.nodes.len()));
        self.push(Kind::String, start, escaped);
        if let Some(node) = self.nodes.last_mut() {
            node.is_name = true;
        }
        self.skip_whitespace();
        let offset = self.position;
        match self.peek() {
            Some(b':') => self.position += 1,
            Some(_) => return Err(JsonError::ExpectedColon { offset }),
            None => return Err(JsonError::UnexpectedEnd { offset }),
        }
        Ok(State::Value)
    }

    /// What follows a complete value: the end of the text, or the next step of its container.
    fn comma_or_end(&mut self) -> Result<State, JsonError> {
        let offset = self.position;
        let byte = self.peek();
        let Some(container) = self.open.last() else {
            return match byte {
                None => Ok(State::Done),
                Some(_) => Err(JsonError::TrailingData { offset }),
            };
        };
        match (byte, container.is_object) {
            (Some(b'}'), true) | (Some(b']'), false) => self.close(),
            (Some(b','), is_object) => {
                self.position += 1;
                Ok(if is_object { State::Name } else { State::Value })
            }
            (Some(_), _) => Err(JsonError::ExpectedCommaOrEnd { offset }),
            (None, _) => Err(JsonError::UnexpectedEnd { offset }),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<State, JsonError> {
        let start = self.position;
        if self.open.len() >= self.depth {
            return Err(JsonError::TooDeep { offset: start, limit: self.depth });
        }
        let is_object = kind == Kind::Object;
        self.open.push(Open { node: self.nodes.len(), is_object, names_before: self.names.len() });
        self.position += 1;
        self.push(kind, start, false);
        Ok(if is_object { State::FirstNameOrEnd } else { State::FirstItemOrEnd })
    }

    fn close(&mut self) -> Result<State, JsonError> {
        self.position += 1;
        if let Some(container) = self.open.pop() {
            let (end, next) = (offset(self.position), offset(self.nodes.len()));
            if let Some(node) = self.nodes.get_mut(container.node) {
                node.end = end;
                node.next = next;
            }
            if container.is_object {
                self.refuse_duplicates(container.names_before)?;
                self.names.truncate(container.names_before);
            }
        }
        Ok(State::CommaOrEnd)
    }

    /// Refuses an object whose names are not all different once their escapes are resolved.
    fn refuse_duplicates(&self, names_before: usize) -> Result<(), JsonError> {
        let indexes = self.names.get(names_before..).unwrap_or_default();
        let nodes = indexes.iter().filter_map(|&at| self.nodes.get(at as usize));
        let mut names = nodes.map(|node| (node.start as usize, resolved_name(self.text, node)));
        let duplicate = if indexes.len() <= PAIRWISE_MEMBERS {
            let mut seen = Vec::new();
            names.find_map(|(offset, name)| {
                let found = seen.contains(&name).then_some(offset);
                seen.push(name);
                found
            })
        } else {
            // The set is keyed at random, so that no caller can choose names that collide.
            let mut seen = HashSet::with_capacity(indexes.len());
            names.find_map(|(offset, name)| (!seen.insert(name)).then_some(offset))
        };
        match duplicate {
            Some(offset) => Err(JsonError::DuplicateMember { offset }),
            None => Ok(()),
        }
    }

    /// Moves past the string that starts here, and says whether it has escapes.
    fn string(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        self.position += 1;
        loop {
            self.position += plain_length(self.rest());
            let offset = self.position;
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    self.position += 1;
                    let (_, length) = decode_escape(self.rest()).map_err(|fault| match fault {
                        EscapeFault::Ends => JsonError::UnexpectedEnd { offset: offset + 1 },
                        EscapeFault::Malformed => JsonError::BadEscape { offset },
                        EscapeFault::LoneSurrogate => JsonError::LoneSurrogate { offset },
                    })?;
                    self.position += length;
                    escaped = true;
                }
                Some(_) => return Err(JsonError::ControlCharacter { offset }),
                None => return Err(JsonError::UnexpectedEnd { offset }),
            }
        }
    }

    /// Moves past the number that starts here:
    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<(), JsonError> {
        self.skip_if(|byte| byte == b'-');
        if !self.skip_if(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.skip_if(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.skip_if(|byte| matches!(byte, b'e' | b'E')) {
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        // `01`, `1.2.3` and `1x` would otherwise be reported as a missing comma.
        match self.peek() {
            Some(b'0'..=b'9' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'A'..=b'Z') => {
                Err(JsonError::BadNumber { offset: self.position })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let offset = self.position;
        while self.skip_if(|byte| byte.is_ascii_digit()) {}
        if self.position > offset { Ok(()) } else { Err(JsonError::BadNumber { offset }) }
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.position;
        if !self.rest().starts_with(word) {
            return Err(JsonError::BadLiteral { offset: start });
        }
        self.position += word.len();
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err(JsonError::BadLiteral { offset: start });
        }
        self.push(kind, start, false);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize, escaped: bool) {
        self.nodes.push(Node {
            start: offset(start),
            end: offset(self.position),
            next: offset(self.nodes.len() + 1),
            kind,
            escaped,
            is_name: false,
        });
    }

    fn skip_whitespace(&mut self) {
        while self.skip_if(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {}
    }

    fn skip_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        self.position += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }
}

/// A place in the text or the list of nodes; the caller has refused longer texts.
fn offset(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// How many bytes pass before a quote, a backslash or a control character.
fn plain_length(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    let tail = rest.iter().take_while(|&&byte| is_plain(byte)).count();
    words.len() * 8 + tail
}

/// The high bit of each byte of `word` that is a quote, a backslash or a control character, exact
/// up to the lowest such byte: a subtraction that borrows can only mark bytes above it.
fn special_bytes(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH * 0x80;
    let is_less = |bytes: u64, than: u8| bytes.wrapping_sub(EACH * u64::from(than)) & !bytes;
    let is_control = is_less(word, b' ');
    let is_quote = is_less(word ^ (EACH * u64::from(b'"')), 1);
    let is_backslash = is_less(word ^ (EACH * u64::from(b'\\')), 1);
    (is_control | is_quote | is_backslash) & HIGH
}

/// A member name without its quotes and escapes.
fn resolved_name<'a>(text: &'a [u8], name: &Node) -> Cow<'a, [u8]> {
    let inside = name.start as usize + 1..name.end as usize - 1;
    let bytes = text.get(inside).unwrap_or_default();
    if name.escaped { Cow::Owned(unescape(bytes).into_bytes()) } else { Cow::Borrowed(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_any_byte_at_any_place_when_plain_bytes_are_counted_then_words_agree_with_bytes() {
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7F, 0x80, 0xA2, 0xFF] {
            for byte in 0..=u8::MAX {
                for place in 0..19 {
                    let before = vec![filler; place];
                    let text = [&before[..], &[byte, 0x00, b'"', filler][..]].concat();
                    let expected = text.iter().take_while(|byte| is_plain(byte)).count();
                    assert_eq!(plain_length(&text), expected, "{byte} at {place}");
                }
            }
        }
    }
}
