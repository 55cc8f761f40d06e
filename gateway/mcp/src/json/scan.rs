//! The one pass over a text: checks it against RFC 8259 and the limits, and lists its values.
//!
//! The scanner is a loop over states with a stack of its own, so that nesting cannot exhaust the
//! thread's stack. It writes one [`Node`] for each value and member name, in the order of the text;
//! nothing is allocated for a node. What the nodes mean to a reader is in `document`.

use std::borrow::Cow;
use std::collections::HashSet;

use super::escape::{EscapeFault, decode_escape, unescape};
use super::special::Specials;
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

/// For so many values room is made before they are seen, if the text is long enough for them.
const MOST_NODES: usize = 1 << 16;
/// Up to this many members are compared pair by pair, beyond it through a set.
const PAIRWISE_MEMBERS: usize = 16;

/// Scans `text`, which must be UTF-8, into nodes.
pub(super) fn scan(text: &[u8], depth: usize) -> Result<Vec<Node>, JsonError> {
    let mut scanner = Scanner {
        text,
        position: 0,
        specials: Specials::default(),
        depth,
        nodes: Vec::with_capacity((text.len() / 8).clamp(4, MOST_NODES)),
        open: Vec::new(),
        names: Vec::new(),
        fault: None,
    };
    let mut state = State::Value;
    loop {
        scanner.skip_whitespace();
        state = match state {
            State::Value => scanner.value(),
            State::Name => scanner.name(),
            State::CommaOrEnd => scanner.comma_or_end(),
            State::Done => return scanner.fault.map_or(Ok(scanner.nodes), Err),
        };
    }
}

/// What the grammar allows next, after whitespace.
#[derive(Debug, Clone, Copy)]
enum State {
    Value,
    Name,
    CommaOrEnd,
    /// Nothing: the text has ended, or has a fault.
    Done,
}

/// An array or object whose end has not been seen.
#[derive(Debug, Clone, Copy)]
struct Open {
    node: usize,
    is_object: bool,
    /// How many names the enclosing objects have on the stack of names.
    names_before: usize,
    /// The places in a word that its names have, and whether one had none of its own or has escapes: if not, they all differ.
    seen: u64,
    may_repeat: bool,
}

/// A step of it says what comes next. What is wrong with the text is noted, so that a step has little to give back.
struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
    specials: Specials,
    depth: usize,
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// Where the names of all open objects are among the nodes, outermost object first.
    names: Vec<u32>,
    fault: Option<JsonError>,
}

impl<'a> Scanner<'a> {
    /// Ends the scan with a fault.
    #[cold]
    fn fail(&mut self, fault: JsonError) -> State {
        self.fault.get_or_insert(fault);
        State::Done
    }

    /// Ends the scan because something else than `expected` stands here.
    #[cold]
    fn fail_here(&mut self, expected: fn(usize) -> JsonError) -> State {
        let offset = self.position;
        let fault =
            if offset < self.text.len() { expected(offset) } else { JsonError::UnexpectedEnd { offset } };
        self.fail(fault)
    }

    #[inline(always)]
    fn value(&mut self) -> State {
        let start = self.position;
        match self.peek() {
            Some(b'"') => {
                let Some(escaped) = self.string() else { return State::Done };
                self.push(Kind::String, start, escaped);
                State::CommaOrEnd
            }
            Some(b'{') => self.open(Kind::Object),
            Some(b'[') => self.open(Kind::Array),
            Some(b'-' | b'0'..=b'9') => match self.number() {
                Ok(()) => {
                    self.push(Kind::Number, start, false);
                    State::CommaOrEnd
                }
                Err(fault) => self.fail(fault),
            },
            Some(b't') => self.literal(*b"true", Kind::Bool),
            Some(b'f') => self.literal(*b"false", Kind::Bool),
            Some(b'n') => self.literal(*b"null", Kind::Null),
            None if self.nodes.is_empty() => self.fail(JsonError::Empty),
            Some(_) | None => self.fail_here(|offset| JsonError::ExpectedValue { offset }),
        }
    }

    /// The name of a member, the colon behind it, and its value.
    fn name(&mut self) -> State {
        let start = self.position;
        if self.peek() != Some(b'"') {
            return self.fail_here(|offset| JsonError::ExpectedName { offset });
        }
        let Some(escaped) = self.string() else { return State::Done };
        self.names.push(offset(self.nodes.len()));
        let look = self.look_at(start + 1, self.position - start - 2);
        let place = 1 << (spread(look) >> (u64::BITS - u64::BITS.ilog2()));
        if let Some(object) = self.open.last_mut() {
            object.may_repeat |= escaped || object.seen & place != 0;
            object.seen |= place;
        }
        self.push_node(Kind::String, start, escaped, true);
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return self.fail_here(|offset| JsonError::ExpectedColon { offset });
        }
        self.position += 1;
        self.skip_whitespace();
        self.value()
    }

    /// What follows a complete value: the end of the text, or the next step of its container.
    #[inline]
    fn comma_or_end(&mut self) -> State {
        let offset = self.position;
        let byte = self.peek();
        let Some(container) = self.open.last() else {
            return if byte.is_none() { State::Done } else { self.fail(JsonError::TrailingData { offset }) };
        };
        match (byte, container.is_object) {
            (Some(b','), is_object) => {
                self.position += 1;
                if is_object { State::Name } else { State::Value }
            }
            (Some(b'}'), true) | (Some(b']'), false) => self.close(),
            (Some(_) | None, _) => self.fail_here(|offset| JsonError::ExpectedCommaOrEnd { offset }),
        }
    }

    fn open(&mut self, kind: Kind) -> State {
        let start = self.position;
        if self.open.len() >= self.depth {
            return self.fail(JsonError::TooDeep { offset: start, limit: self.depth });
        }
        let is_object = kind == Kind::Object;
        self.open.push(Open {
            node: self.nodes.len(),
            is_object,
            names_before: self.names.len(),
            seen: 0,
            may_repeat: false,
        });
        self.position += 1;
        self.push(kind, start, false);
        self.skip_whitespace();
        match (self.peek(), is_object) {
            (Some(b'}'), true) | (Some(b']'), false) => self.close(),
            (Some(_) | None, true) => State::Name,
            (Some(_) | None, false) => State::Value,
        }
    }

    fn close(&mut self) -> State {
        self.position += 1;
        if let Some(container) = self.open.pop() {
            let (end, next) = (offset(self.position), offset(self.nodes.len()));
            if let Some(node) = self.nodes.get_mut(container.node) {
                node.end = end;
                node.next = next;
            }
            if container.is_object {
                if container.may_repeat
                    && let Err(fault) = self.refuse_duplicates(container.names_before)
                {
                    return self.fail(fault);
                }
                self.names.truncate(container.names_before);
            }
        }
        State::CommaOrEnd
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
        /// As many names as a few have places enough.
        const PLACES: usize = 1024;
        if indexes.len() > PAIRWISE_MEMBERS {
            return false;
        }
        let mut seen = [0_u64; PLACES / 64];
        for &index in indexes {
            let Some(node) = self.nodes.get(index as usize).filter(|node| !node.escaped) else {
                return false;
            };
            let place = (spread(self.look_of(node)) >> (u64::BITS - PLACES.ilog2())) as usize;
            let Some(word) = seen.get_mut(place / 64) else { return false };
            let bit = 1 << (place % 64);
            if *word & bit != 0 {
                return self.differ_in_pairs(indexes);
            }
            *word |= bit;
        }
        true
    }

    /// The same, where two may be the same.
    #[inline(never)]
    fn differ_in_pairs(&self, indexes: &[u32]) -> bool {
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
        self.look_at(name.start as usize + 1, (name.end - name.start).saturating_sub(2) as usize)
    }

    /// The same of a name of `length` bytes that begins at `start`, without its quotes.
    #[inline]
    fn look_at(&self, start: usize, length: usize) -> u64 {
        let rest = self.text.get(start..).unwrap_or_default();
        let first = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        // What is behind a short name is not a part of it.
        let kept = if length < 7 { (1 << (8 * length)) - 1 } else { u64::MAX >> 8 };
        (first & kept) << 8 | (length & 0xFF) as u64
    }

    /// Moves past the string that starts here, and says whether it has escapes; `None` if it has a fault.
    #[inline]
    fn string(&mut self) -> Option<bool> {
        let mut has_escape = false;
        self.position = self.specials.next(self.text, self.position + 1, &mut has_escape);
        if self.peek() != Some(b'"') {
            return self.unusual_string();
        }
        self.position += 1;
        Some(has_escape)
    }

    /// The same from the first byte on that needs a look, and is not the end.
    #[inline(never)]
    fn unusual_string(&mut self) -> Option<bool> {
        loop {
            let offset = self.position;
            let fault = match self.peek() {
                Some(_) if self.specials.is_escape(offset) => match decode_escape(self.rest()) {
                    Ok((_, length)) => {
                        self.position = self.specials.next(self.text, offset + length, &mut true);
                        continue;
                    }
                    Err(EscapeFault::Ends) => JsonError::UnexpectedEnd { offset },
                    Err(EscapeFault::Malformed) => JsonError::BadEscape { offset: offset - 1 },
                    Err(EscapeFault::LoneSurrogate) => JsonError::LoneSurrogate { offset: offset - 1 },
                },
                Some(b'"') => {
                    self.position += 1;
                    return Some(true);
                }
                Some(_) => JsonError::ControlCharacter { offset },
                None => JsonError::UnexpectedEnd { offset },
            };
            self.fail(fault);
            return None;
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
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.position += digits;
        if digits > 0 { Ok(()) } else { Err(JsonError::BadNumber { offset }) }
    }

    fn literal<const LENGTH: usize>(&mut self, word: [u8; LENGTH], kind: Kind) -> State {
        let start = self.position;
        self.position += LENGTH;
        let is_whole = self.text.get(start..).and_then(<[u8]>::first_chunk) == Some(&word)
            && !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !is_whole {
            return self.fail(JsonError::BadLiteral { offset: start });
        }
        self.push(kind, start, false);
        State::CommaOrEnd
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
        // Most messages have none.
        while self.peek().is_some_and(|byte| byte <= b' ')
            && self.skip_if(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        {}
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

/// The bits of a word, spread into its highest ones (Knuth, TAOCP 3, section 6.4).
#[inline]
fn spread(word: u64) -> u64 {
    word.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A place in the text or the list of nodes.
#[allow(clippy::cast_possible_truncation, reason = "the caller has refused longer texts")]
fn offset(place: usize) -> u32 {
    place as u32
}

/// A member name without its quotes and escapes.
fn resolved_name<'a>(text: &'a [u8], name: &Node) -> Cow<'a, [u8]> {
    let inside = name.start as usize + 1..name.end as usize - 1;
    let bytes = text.get(inside).unwrap_or_default();
    if name.escaped { Cow::Owned(unescape(bytes).into_bytes()) } else { Cow::Borrowed(bytes) }
}
