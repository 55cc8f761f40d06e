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
    scanner.skip_whitespace();
    let mut state = scanner.value()?;
    loop {
        scanner.skip_whitespace();
        state = match state {
            State::FirstItemOrEnd if scanner.peek() == Some(b']') => scanner.close()?,
            State::FirstItemOrEnd => scanner.value()?,
            State::FirstNameOrEnd if scanner.peek() == Some(b'}') => scanner.close()?,
            State::FirstNameOrEnd => scanner.member()?,
            State::CommaOrEnd => scanner.comma_or_end()?,
            State::Done => return Ok(scanner.nodes),
        };
    }
}

/// What the grammar allows next, after whitespace.
#[derive(Debug, Clone, Copy)]
enum State {
    FirstItemOrEnd,
    FirstNameOrEnd,
    CommaOrEnd,
    Done,
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
    #[inline]
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
            Some(b't') => self.literal(*b"true", Kind::Bool)?,
            Some(b'f') => self.literal(*b"false", Kind::Bool)?,
            Some(b'n') => self.literal(*b"null", Kind::Null)?,
            Some(_) => return Err(JsonError::ExpectedValue { offset: start }),
            None if self.nodes.is_empty() => return Err(JsonError::Empty),
            None => return Err(JsonError::UnexpectedEnd { offset: start }),
        }
        Ok(State::CommaOrEnd)
    }

    /// A name, and the value that it stands for.
    #[inline]
    fn member(&mut self) -> Result<State, JsonError> {
        let start = self.position;
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(JsonError::ExpectedName { offset: start }),
            None => return Err(JsonError::UnexpectedEnd { offset: start }),
        }
        let escaped = self.string()?;
        self.names.push(offset(self.nodes.len()));
        self.push_node(Kind::String, start, escaped, true);
        self.skip_whitespace();
        let offset = self.position;
        match self.peek() {
            Some(b':') => self.position += 1,
            Some(_) => return Err(JsonError::ExpectedColon { offset }),
            None => return Err(JsonError::UnexpectedEnd { offset }),
        }
        self.skip_whitespace();
        self.value()
    }

    /// What follows a complete value: the end of the text, or the next step of its container.
    #[inline]
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
                self.skip_whitespace();
                if is_object { self.member() } else { self.value() }
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
        if indexes.len() < 2 || self.differ_at_sight(indexes) {
            return Ok(());
        }
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

    /// Whether a few names, none with escapes, all differ in their length or in their first few bytes.
    fn differ_at_sight(&self, indexes: &[u32]) -> bool {
        let mut looks = [0_u64; PAIRWISE_MEMBERS];
        let Some(places) = looks.get_mut(..indexes.len()) else { return false };
        for (place, &index) in places.iter_mut().zip(indexes) {
            match self.nodes.get(index as usize) {
                Some(node) if !node.escaped => *place = self.look_of(node),
                Some(_) | None => return false,
            }
        }
        let mut rest: &[u64] = places;
        while let Some((look, others)) = rest.split_first() {
            if others.iter().fold(false, |is_seen, other| is_seen | (other == look)) {
                return false;
            }
            rest = others;
        }
        true
    }

    /// The length of a name and its first bytes, as far as a word holds them. Names that look different are.
    #[inline]
    fn look_of(&self, name: &Node) -> u64 {
        let start = name.start as usize + 1;
        let length = (name.end - name.start).saturating_sub(2);
        let rest = self.text.get(start..).unwrap_or_default();
        let first = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        // What is behind a short name is not a part of it.
        let kept = if length < 7 { (1 << (8 * length)) - 1 } else { u64::MAX >> 8 };
        (first & kept) << 8 | u64::from(length & 0xFF)
    }

    /// Moves past the string that starts here, and says whether it has escapes.
    #[inline]
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

    fn literal<const LENGTH: usize>(&mut self, word: [u8; LENGTH], kind: Kind) -> Result<(), JsonError> {
        let start = self.position;
        if self.rest().first_chunk() != Some(&word) {
            return Err(JsonError::BadLiteral { offset: start });
        }
        self.position += LENGTH;
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err(JsonError::BadLiteral { offset: start });
        }
        self.push(kind, start, false);
        Ok(())
    }

    #[inline]
    fn push(&mut self, kind: Kind, start: usize, escaped: bool) {
        self.push_node(kind, start, escaped, false);
    }

    #[inline]
    fn push_node(&mut self, kind: Kind, start: usize, escaped: bool, is_name: bool) {
        self.nodes.push(Node {
            start: offset(start),
            end: offset(self.position),
            next: offset(self.nodes.len() + 1),
            kind,
            escaped,
            is_name,
        });
    }

    #[inline]
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
#[inline]
fn plain_length(text: &[u8]) -> usize {
    let (lanes, rest) = text.as_chunks::<LANE>();
    for (index, lane) in lanes.iter().enumerate() {
        let special = special_bytes(lane);
        if special != 0 {
            return index * LANE + special.trailing_zeros() as usize;
        }
    }
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    let tail = rest.iter().take_while(|&&byte| is_plain(byte)).count();
    lanes.len() * LANE + tail
}

/// How many bytes are compared at a time.
const LANE: usize = 16;

/// Which bytes are a quote, a backslash or a control character: the lowest bit is the first byte's.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special_bytes(lane: &[u8; LANE]) -> u32 {
    use safe_arch::{cmp_eq_mask_i8_m128i, m128i, min_u8_m128i, move_mask_i8_m128i, set_splat_i8_m128i};
    let lane = m128i::from(*lane);
    let all = |byte: u8| set_splat_i8_m128i(byte.cast_signed());
    let is = |byte: u8| cmp_eq_mask_i8_m128i(lane, all(byte));
    let is_control = cmp_eq_mask_i8_m128i(min_u8_m128i(lane, all(0x1F)), lane);
    move_mask_i8_m128i(is_control | is(b'"') | is(b'\\')).cast_unsigned()
}

/// The same byte by byte.
#[cfg(not(target_arch = "x86_64"))]
fn special_bytes(lane: &[u8; LANE]) -> u32 {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    lane.iter().enumerate().fold(0, |bits, (index, &byte)| bits | u32::from(is_special(byte)) << index)
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
    fn given_any_byte_at_any_place_when_plain_bytes_are_counted_then_lanes_agree_with_bytes() {
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7F, 0x80, 0xA2, 0xFF] {
            for byte in 0..=u8::MAX {
                for place in 0..35 {
                    let before = vec![filler; place];
                    let text = [&before[..], &[byte, 0x00, b'"', filler][..]].concat();
                    let expected = text.iter().take_while(|byte| is_plain(byte)).count();
                    assert_eq!(plain_length(&text), expected, "{byte} at {place}");
                }
            }
        }
    }
}
