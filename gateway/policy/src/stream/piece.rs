//! A piece of a text between what stands for all that is open around it, and what of it is left once that was masked.
//!
//! What surrounds a piece is no more than brackets and names, so that everything in it stands at the place at which it
//! stands in the whole.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use lychgate_gateway_mcp::json::{DEFAULT_DEPTH, Document, Edits, Kind, Limits, Member, Value, quote};

use super::StreamFault;
use super::level::{Anchor, Level};

/// What of a level goes into one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything that was read, up to a place between two members or items, or the end.
    Between,
    /// Everything up to the beginning of a string's content, which begins here.
    Text(usize),
}

/// A piece, as a text of its own.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: Vec<u8>,
    /// Whether a comma that stood before it was left out.
    has_comma: bool,
    /// Whether a comma was put behind what stands before it.
    is_separated: bool,
    extent: Extent,
}

impl Piece {
    /// What is pending of a level, with what is open around it.
    pub(super) fn of(level: &Level, extent: Extent) -> Self {
        let end = match extent {
            Extent::Between => level.at,
            Extent::Text(content) => content,
        };
        let own = level.pending.get(..end).unwrap_or_default();
        let own = own.trim_ascii_start();
        let (has_comma, own) = own.strip_prefix(b",").map_or((false, own), |rest| (true, rest));
        let mut text = Vec::with_capacity(own.len() + 256);
        open(&level.anchors, &mut text);
        let has_before = level.anchors.last().is_some_and(|anchor| !anchor.before.is_empty());
        let begins = !matches!(own.trim_ascii_start().first(), None | Some(b'}' | b']'));
        let is_separated = has_before && begins;
        if is_separated {
            text.push(b',');
        }
        text.extend_from_slice(own);
        if extent != Extent::Between {
            text.push(b'"');
        }
        text.extend(level.frames.iter().rev().map(|frame| if frame.is_object { b'}' } else { b']' }));
        Self { text, has_comma, is_separated, extent }
    }

    /// What of a piece's text is its own, once that has become `shown` from `came`. `inside` is the depth at which something
    /// was masked whole, with all that is still to come in it.
    pub(super) fn own(
        &self,
        level: &Level,
        came: &Document,
        shown: &Document,
        inside: &mut Option<usize>,
        outer: Outer,
    ) -> Result<Vec<u8>, StreamFault> {
        if inside.is_some_and(|depth| level.lowest >= depth) {
            return Ok(Vec::new());
        }
        let was_inside = inside.take();
        let start = self.start(level, shown, was_inside, outer)?;
        let end = self.end(level, came, shown, inside, outer)?;
        let own = shown.bytes().get(start..end).ok_or(StreamFault::Unmasked)?;
        let mut bytes = Vec::with_capacity(own.len() + 1);
        // A comma in what was masked whole has gone with it.
        if self.has_comma && was_inside.is_none() && !own.is_empty() {
            bytes.push(b',');
        }
        bytes.extend_from_slice(own);
        Ok(bytes)
    }

    /// Whether the text that begins at the end of the piece is left to be masked by itself.
    pub(super) fn check(&self, level: &Level, became: &Document) -> Result<(), StreamFault> {
        if self.extent == Extent::Between {
            return Ok(());
        }
        let containers = ended(level.frames.len(), became.root(), Outer::Message);
        let text = containers.last().filter(|_| containers.len() == level.frames.len());
        let is_left = text.and_then(|innermost| last(*innermost)).is_some_and(|text| text.raw() == b"\"\"");
        if is_left { Ok(()) } else { Err(StreamFault::Unmasked) }
    }

    fn start(
        &self,
        level: &Level,
        shown: &Document,
        inside: Option<usize>,
        outer: Outer,
    ) -> Result<usize, StreamFault> {
        if level.anchors.is_empty() {
            return Ok(0);
        }
        let containers = begun(&level.anchors, shown.root(), outer);
        if let Some(depth) = inside {
            // It stands here as an empty one again, and what follows its end is the piece's own.
            let whole = depth.checked_sub(1).and_then(|index| containers.get(index));
            return whole.map(|whole| whole.span().end - 1).ok_or(StreamFault::Unmasked);
        }
        let (Some(anchor), Some(innermost)) = (level.anchors.last(), containers.last()) else {
            return Err(StreamFault::Unmasked);
        };
        if containers.len() != level.anchors.len() || !is_alike(anchor, *innermost) {
            return Err(StreamFault::Unmasked);
        }
        match anchor.before_count.checked_sub(1) {
            None => Ok(innermost.span().start + 1),
            Some(last) => {
                let last = child(*innermost, last).ok_or(StreamFault::Unmasked)?;
                Ok(last.span().end + usize::from(self.is_separated))
            }
        }
    }

    fn end(
        &self,
        level: &Level,
        came: &Document,
        shown: &Document,
        inside: &mut Option<usize>,
        outer: Outer,
    ) -> Result<usize, StreamFault> {
        let depth = level.frames.len();
        if depth == 0 {
            return Ok(shown.bytes().len());
        }
        let (came, became) = (ended(depth, came.root(), outer), ended(depth, shown.root(), outer));
        let is_emptied = |(came, became): (&Value<'_>, &Value<'_>)| !came.is_empty() && became.is_empty();
        if let Some(index) = came.iter().zip(&became).position(is_emptied) {
            let whole = became.get(index).ok_or(StreamFault::Unmasked)?;
            *inside = Some(index + 1);
            return Ok(whole.span().end - 1);
        }
        let innermost = became.last().filter(|_| became.len() == depth).ok_or(StreamFault::Unmasked)?;
        match self.extent {
            Extent::Between => Ok(innermost.span().end - 1),
            Extent::Text(_) => last(*innermost).map(|text| text.span().end - 1).ok_or(StreamFault::Unmasked),
        }
    }

    /// Notes the names of members that the piece adds to what was open before it. `came` is the piece as it came, `became`
    /// what it is now. Gives the edits that keep names apart which two pieces have masked alike.
    pub(super) fn note(
        level: &mut Level,
        came: &Document,
        became: &Document,
        outer: Outer,
    ) -> Result<Edits, StreamFault> {
        let mut edits = Edits::new();
        let count = level.anchors.len();
        let came = begun(&level.anchors, came.root(), outer);
        let became = begun(&level.anchors, became.root(), outer);
        for (index, anchor) in level.anchors.iter_mut().enumerate().filter(|(_, anchor)| anchor.is_object) {
            let skipped = anchor.before_count + usize::from(index + 1 < count);
            let Some(came) = came.get(index) else { return Err(StreamFault::Unmasked) };
            for member in came.members().skip(skipped) {
                if !anchor.names.insert(name_hash(member)) {
                    return Err(StreamFault::SecondName);
                }
            }
            let became = became.get(index).into_iter().flat_map(|became| became.members());
            for (came, became) in came.members().zip(became).skip(skipped) {
                if let Some(name) = anchor.apart(came, became) {
                    edits.replace(became.key.span(), quote(&name));
                }
            }
        }
        Ok(edits)
    }

    /// What is open behind the piece.
    pub(super) fn behind(
        level: &mut Level,
        came: &Document,
        became: &Document,
        outer: Outer,
    ) -> Result<Vec<Anchor>, StreamFault> {
        let lowest = level.lowest;
        let mut anchors: Vec<_> = std::mem::take(&mut level.anchors).into_iter().take(lowest).collect();
        let came = ended(level.frames.len(), came.root(), outer);
        let became = ended(level.frames.len(), became.root(), outer);
        for (index, frame) in level.frames.iter().enumerate() {
            if let Some(anchor) = anchors.get_mut(index) {
                anchor.key.clone_from(&frame.key);
                continue;
            }
            let mut anchor =
                Anchor { is_object: frame.is_object, key: frame.key.clone(), ..Anchor::default() };
            let came = came.get(index).copied().ok_or(StreamFault::Unmasked)?;
            anchor.names.extend(came.members().map(name_hash));
            let became = became.get(index).into_iter().flat_map(|became| became.members());
            for (_, masked) in came.members().zip(became).filter(|(came, became)| is_masked(*came, *became)) {
                *anchor.masked.entry(name(masked)).or_default() += 1;
            }
            anchors.push(anchor);
        }
        Ok(anchors)
    }
}

/// What the outermost of a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outer {
    /// A message, in which only the result is long.
    Message,
    /// A document in a text.
    Document,
}

/// Writes what is open around a piece, up to where the piece begins.
fn open(anchors: &[Anchor], text: &mut Vec<u8>) {
    for (index, anchor) in anchors.iter().enumerate() {
        text.push(if anchor.is_object { b'{' } else { b'[' });
        text.extend_from_slice(&anchor.before);
        if index + 1 < anchors.len() && anchor.is_object {
            if !anchor.before.is_empty() {
                text.push(b',');
            }
            text.extend_from_slice(&anchor.key);
            text.push(b':');
        }
    }
}

/// A string by itself, with what is open around it.
pub(super) fn around_text(level: &Level, content: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(content.len() + content.len() / 8 + 256);
    open(&level.anchors, &mut text);
    if let Some(anchor) = level.anchors.last().filter(|anchor| anchor.is_object) {
        if !anchor.before.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(&anchor.key);
        text.push(b':');
    }
    text.extend_from_slice(quote(content).as_bytes());
    text.extend(level.frames.iter().rev().map(|frame| if frame.is_object { b'}' } else { b']' }));
    text
}

/// The string that [`around_text`] has put there.
pub(super) fn text_in<'s>(level: &Level, shown: &'s Document) -> Option<Value<'s>> {
    let containers = begun(&level.anchors, shown.root(), Outer::Message);
    let (anchor, innermost) = (level.anchors.last()?, containers.last()?);
    let is_all = containers.len() == level.anchors.len();
    child(*innermost, anchor.before_count).filter(|text| is_all && text.kind() == Kind::String)
}

/// The arrays and objects that stand for what was open before a piece, as far as they are still there.
fn begun<'s>(anchors: &[Anchor], root: Value<'s>, outer: Outer) -> Vec<Value<'s>> {
    let mut containers = Vec::with_capacity(anchors.len());
    let mut next = Some(root);
    for (index, anchor) in anchors.iter().enumerate() {
        let Some(container) = next.filter(|value| is_open(*value)) else { break };
        containers.push(container);
        next = if outer == Outer::Message && index == 0 {
            container.get("result")
        } else {
            child(container, anchor.before_count)
        };
    }
    containers
}

/// Those that are open behind a piece, as far as they are still there.
fn ended(depth: usize, root: Value<'_>, outer: Outer) -> Vec<Value<'_>> {
    let mut containers = Vec::with_capacity(depth);
    let mut next = Some(root);
    for index in 0..depth {
        let Some(container) = next.filter(|value| is_open(*value)) else { break };
        containers.push(container);
        next = if outer == Outer::Message && index == 0 { container.get("result") } else { last(container) };
    }
    containers
}

fn is_open(value: Value<'_>) -> bool {
    matches!(value.kind(), Kind::Array | Kind::Object)
}

fn is_alike(anchor: &Anchor, value: Value<'_>) -> bool {
    value.kind() == if anchor.is_object { Kind::Object } else { Kind::Array }
}

fn child(container: Value<'_>, index: usize) -> Option<Value<'_>> {
    match container.kind() {
        Kind::Object => container.members().nth(index).map(|member| member.value),
        Kind::Array => container.items().nth(index),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => None,
    }
}

fn last(container: Value<'_>) -> Option<Value<'_>> {
    match container.kind() {
        Kind::Object => container.members().last().map(|member| member.value),
        Kind::Array => container.items().last(),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => None,
    }
}

fn name(member: Member<'_>) -> String {
    member.key.text().unwrap_or_default().into_owned()
}

fn is_masked(came: Member<'_>, became: Member<'_>) -> bool {
    came.key.raw() != became.key.raw() && name(came) != name(became)
}

fn name_hash(member: Member<'_>) -> u64 {
    hash(&member.key.text().unwrap_or_default())
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Anchor {
    /// The name that a member gets, where another member that is gone already has the one that it was given.
    fn apart(&mut self, came: Member<'_>, became: Member<'_>) -> Option<String> {
        if self.masked.is_empty() && !is_masked(came, became) {
            return None;
        }
        let wanted = name(became);
        let is_taken = |own: &Self, name: &str| {
            own.masked.contains_key(name) || (is_masked(came, became) && own.names.contains(&hash(name)))
        };
        if !is_taken(self, &wanted) {
            if is_masked(came, became) {
                self.masked.insert(wanted, 1);
            }
            return None;
        }
        let base = wanted.split_once('~').map_or(wanted.as_str(), |(base, _)| base).to_owned();
        let mut number = self.masked.get(&base).copied().unwrap_or(1);
        loop {
            number += 1;
            let name = format!("{base}~{number}");
            if !is_taken(self, &name) {
                self.masked.insert(base, number);
                self.masked.insert(name.clone(), 1);
                return Some(name);
            }
        }
    }
}

/// A document with edits made.
pub(super) fn edited(document: Document, edits: Edits) -> Result<Document, StreamFault> {
    if edits.is_empty() {
        return Ok(document);
    }
    let bytes = edits.apply(document.bytes()).map_err(|_| StreamFault::Unmasked)?;
    parsed(bytes)
}

/// Reads what a piece is, or what masking has made of it.
pub(super) fn parsed(bytes: Bytes) -> Result<Document, StreamFault> {
    let limits = Limits { bytes: usize::MAX, depth: DEFAULT_DEPTH };
    Document::parse(bytes, limits).map_err(StreamFault::Json)
}
