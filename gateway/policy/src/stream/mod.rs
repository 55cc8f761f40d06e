//! A long answer on its way to the client, masked in pieces while it comes.
//!
//! The answer is cut between members and items of the data in it, also where the data is JSON in a text. Each piece is made
//! a message of its own, in which everything stands at the place at which it stands in the whole, and is masked as any
//! message is; so there is one way of masking. What of it was the piece's own goes on. Texts are never cut, but for those
//! that are JSON: a text that is longer than a piece is held until its end has come.
//!
//! Which rules can be held to pieces, [`crate::mask::Program::streams`] says. Where cuts lie depends on what the answer says
//! alone, and not on how it comes.

mod level;
mod nested;
mod piece;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests;
mod text;

use bytes::Bytes;
use lychgate_gateway_mcp::json::{DEFAULT_DEPTH, JsonError, Limits};
use lychgate_gateway_mcp::message::{Form, Id, Message, MessageError};

use self::level::{Event, Frame, Level, Places};
use self::nested::Nested;
use self::piece::{Extent, Outer, Piece, edited, parsed};
use crate::mask::Masked;
use crate::shown::Shown;

/// What has come is read in blocks of so many bytes, however it comes.
const BLOCK: usize = 4 * 1024;
/// A piece has so many bytes, and what there is up to the next place where the answer may be cut.
const PIECE: usize = 4 * 1024;

/// Why an answer cannot be passed on, or not further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// It is no JSON, as we read it.
    #[error("an answer that is no JSON: {0}")]
    Json(JsonError),
    /// It ends before its end, or goes on behind it.
    #[error("an answer that is not one message")]
    Incomplete,
    /// It is no MCP message.
    #[error("an answer that is no message")]
    NoMessage,
    /// A name stands twice in one object.
    #[error("an answer with a name twice in one object")]
    SecondName,
    /// It is no result, or that of another call.
    #[error("an answer to another call, or none")]
    AnotherCall,
    /// It has what concerns more than its own piece, such as a task.
    #[error("an answer that cannot be passed on in pieces")]
    Unfit,
    /// It could not be masked.
    #[error("an answer that cannot be masked")]
    Unmasked,
}

/// A piece of the answer.
#[derive(Debug)]
pub struct Part {
    bytes: Bytes,
    /// For the record: a message of its own, with what stands around the piece.
    pub record: Masked,
    /// What was masked for the caller.
    pub masked: Masked,
    /// Where the piece begins.
    pub place: Place,
}

/// Where in an answer a piece begins: what of the arrays and objects around it is what pieces before it have begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// So many arrays and objects go on, from the outermost on; the others begin with the piece.
    pub open: usize,
    /// Where it is a piece of a document in a text, so many of that go on.
    pub open_in_text: Option<usize>,
    /// Whether it is the rest of a text that began as a document and is none.
    pub is_rest: bool,
}

impl Part {
    /// What goes to the client.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same alone.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// How a piece is masked; nothing if it holds what cannot be passed on in pieces.
pub trait Show: FnMut(&Message) -> Option<Shown> {}

impl<F: FnMut(&Message) -> Option<Shown>> Show for F {}

/// An answer that comes.
#[derive(Debug)]
pub struct Stream {
    id: Id,
    block: usize,
    piece: usize,
    /// What has come and fills no block yet.
    inbox: Vec<u8>,
    /// The message, once it has begun.
    level: Option<Level>,
    nested: Option<Nested>,
    /// How deep what was masked as a whole lies, while it lasts.
    inside: Option<usize>,
    /// What goes out before the next piece.
    owed: Vec<u8>,
    has_version: bool,
    has_id: bool,
    /// Whether there was a piece.
    has_begun: bool,
}

impl Stream {
    /// Waits for the answer to the call with this id.
    #[must_use]
    pub fn new(id: Id) -> Self {
        Self::with_sizes(id, BLOCK, PIECE)
    }

    fn with_sizes(id: Id, block: usize, piece: usize) -> Self {
        Self {
            id,
            block,
            piece,
            inbox: Vec::new(),
            level: None,
            nested: None,
            inside: None,
            owed: Vec::new(),
            has_version: false,
            has_id: false,
            has_begun: false,
        }
    }

    /// Takes what comes next, and gives what can go on.
    ///
    /// # Errors
    /// The answer cannot be passed on. What went on before was all right.
    pub fn push(&mut self, bytes: &[u8], show: &mut impl Show) -> Result<Vec<Part>, StreamFault> {
        let mut parts = Vec::new();
        let mut rest = bytes;
        while self.inbox.len() + rest.len() >= self.block {
            let (now, later) = rest.split_at(self.block - self.inbox.len());
            rest = later;
            let mut block = std::mem::take(&mut self.inbox);
            block.extend_from_slice(now);
            self.block(&block, show, &mut parts)?;
            block.clear();
            self.inbox = block;
        }
        self.inbox.extend_from_slice(rest);
        Ok(parts)
    }

    /// Everything has come.
    ///
    /// # Errors
    /// The answer cannot be passed on, or is no whole message.
    pub fn finish(&mut self, show: &mut impl Show) -> Result<Vec<Part>, StreamFault> {
        let mut parts = Vec::new();
        let block = std::mem::take(&mut self.inbox);
        self.block(&block, show, &mut parts)?;
        let is_whole = self.nested.is_none() && self.level.as_ref().is_some_and(Level::is_whole);
        if !is_whole {
            return Err(StreamFault::Incomplete);
        }
        parts.push(self.piece(Extent::Between, show)?);
        if self.has_version && self.has_id { Ok(parts) } else { Err(StreamFault::NoMessage) }
    }

    fn block(
        &mut self,
        bytes: &[u8],
        show: &mut impl Show,
        parts: &mut Vec<Part>,
    ) -> Result<(), StreamFault> {
        let mut rest = bytes.to_vec();
        if self.level.is_none() {
            let Some(start) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) else {
                self.owed.append(&mut rest);
                return Ok(());
            };
            if rest.get(start) != Some(&b'{') {
                return Err(StreamFault::NoMessage);
            }
            self.owed.extend(rest.drain(..=start));
            self.level = Some(Level::of_object(self.piece));
        }
        loop {
            if let Some(mut nested) = self.nested.take() {
                match self.in_text(&mut nested, &rest, show, parts)? {
                    None => {
                        self.nested = Some(nested);
                        return Ok(());
                    }
                    Some(used) => drop(rest.drain(..used)),
                }
                self.leave(&nested, &rest);
            } else if let Some(level) = &mut self.level {
                level.pending.extend_from_slice(&rest);
            }
            match self.run(show, parts)? {
                None => return Ok(()),
                Some(content) => rest = content,
            }
        }
    }

    /// Reads on in the message; gives what has come of a text that was opened.
    fn run(&mut self, show: &mut impl Show, parts: &mut Vec<Part>) -> Result<Option<Vec<u8>>, StreamFault> {
        loop {
            let places = MessagePlaces { may_open: self.inside.is_none() };
            let Some(level) = &mut self.level else { return Ok(None) };
            match level.read(&places) {
                Event::More => return Ok(None),
                Event::Broken => return Err(StreamFault::Incomplete),
                Event::Cut => parts.push(self.piece(Extent::Between, show)?),
                Event::Long(content) => {
                    if let Some(content) = self.open(content, show, parts)? {
                        return Ok(Some(content));
                    }
                }
            }
        }
    }

    /// Opens the string whose content begins here, if it may be JSON, and gives what has come of it.
    fn open(
        &mut self,
        start: usize,
        show: &mut impl Show,
        parts: &mut Vec<Part>,
    ) -> Result<Option<Vec<u8>>, StreamFault> {
        let Some(level) = &mut self.level else { return Ok(None) };
        let content = level.pending.get(start..).unwrap_or_default();
        let first = content.iter().find(|byte| !byte.is_ascii_whitespace());
        let before = level.members_before().map(|(members, count)| (members.to_vec(), count));
        let (is_block, before) = match (level.frames.len(), before) {
            // A block says by its other members what it is.
            (4, before) if is_content(&level.frames) => (true, before),
            _ => (false, Some((Vec::new(), 0))),
        };
        let Some((before, before_count)) = before.filter(|_| matches!(first, Some(b'{' | b'['))) else {
            level.close_text(start);
            return Ok(None);
        };
        let content = content.to_vec();
        let at = std::mem::replace(&mut level.at, start);
        let part = match self.piece(Extent::Text(start), show) {
            Ok(part) => part,
            // Something is to become of the text as a whole.
            Err(StreamFault::Unmasked) => {
                if let Some(level) = &mut self.level {
                    level.at = at;
                    level.close_text(start);
                }
                return Ok(None);
            }
            Err(fault) => return Err(fault),
        };
        parts.push(part);
        if let Some(level) = &mut self.level {
            level.pending.clear();
            if let Some(anchor) = level.anchors.last_mut() {
                (anchor.before, anchor.before_count) = (before, before_count);
            }
        }
        self.nested = Some(Nested::new(is_block, self.piece));
        Ok(Some(content))
    }

    /// Masks what is pending of the message.
    fn piece(&mut self, extent: Extent, show: &mut impl Show) -> Result<Part, StreamFault> {
        self.head();
        let Some(level) = &mut self.level else { return Err(StreamFault::Incomplete) };
        let mut piece = Piece::of(level, extent);
        let message = read(std::mem::take(&mut piece.text), &self.id)?;
        let shown = shown(&message, show)?;
        let came = message.document();
        let is_same = std::ptr::eq::<[u8]>(shown.caller.bytes().as_ref(), message.bytes().as_ref());
        let mut became = if is_same { came.clone() } else { parsed(shown.caller.bytes().clone())? };
        piece.check(level, &became)?;
        let edits = Piece::note(level, came, &became, Outer::Message)?;
        let is_same = is_same && edits.is_empty() && self.inside.is_none();
        became = edited(became, edits)?;
        let own = if is_same {
            level.pending.get(..level.at).unwrap_or_default().to_vec()
        } else {
            piece.own(level, came, &became, &mut self.inside, Outer::Message)?
        };
        let open = if std::mem::replace(&mut self.has_begun, true) { level.anchors.len() } else { 0 };
        let anchors = Piece::behind(level, came, &became, Outer::Message)?;
        level.cut(anchors);
        Ok(self.part(&own, shown, Place { open, ..Place::default() }))
    }

    /// Puts before a piece what makes it a message, as far as that is not in it.
    fn head(&mut self) {
        let Some(level) = &mut self.level else { return };
        let has = |name: &[u8]| level.outermost.iter().any(|own| own == name);
        let (has_version, has_id) = (has(b"\"jsonrpc\""), has(b"\"id\""));
        let version = (!has_version).then(|| r#""jsonrpc":"2.0""#.to_owned());
        let id = (!has_id).then(|| format!(r#""id":{}"#, self.id));
        let before: Vec<String> = version.into_iter().chain(id).collect();
        if let Some(anchor) = level.anchors.first_mut() {
            (anchor.before, anchor.before_count) = (before.join(",").into_bytes(), before.len());
        }
        self.has_version |= has_version;
        self.has_id |= has_id;
    }
}

/// Reads a piece as a message.
fn read(text: Vec<u8>, id: &Id) -> Result<Message, StreamFault> {
    let limits = Limits { bytes: usize::MAX, depth: DEFAULT_DEPTH };
    let message = Message::parse(text.into(), limits).map_err(|error| {
        if let MessageError::Json(error) = error { StreamFault::Json(error) } else { StreamFault::NoMessage }
    })?;
    match message.form() {
        Form::Response { id: own } if own == id => Ok(message),
        Form::Response { .. } | Form::Error { .. } | Form::Request { .. } | Form::Notification { .. } => {
            Err(StreamFault::AnotherCall)
        }
    }
}

/// Masks a piece.
fn shown(message: &Message, show: &mut impl Show) -> Result<Shown, StreamFault> {
    let shown = show(message).ok_or(StreamFault::Unfit)?;
    if shown.caller.is_refusal() { Err(StreamFault::Unmasked) } else { Ok(shown) }
}

/// Where a message may be cut: in data, and between blocks of content.
struct MessagePlaces {
    may_open: bool,
}

fn is_content(frames: &[Frame]) -> bool {
    let [message, result, ..] = frames else { return false };
    message.key == b"\"result\"" && (result.key == b"\"content\"" || result.key == b"\"contents\"")
}

fn is_data(frames: &[Frame]) -> bool {
    let [message, result, _, ..] = frames else { return false };
    message.key == b"\"result\"" && result.key == b"\"structuredContent\""
}

impl Places for MessagePlaces {
    fn may_cut(&self, frames: &[Frame]) -> bool {
        let is_between_blocks = matches!(frames, [_, _, blocks] if !blocks.is_object && is_content(frames));
        is_data(frames) || is_between_blocks
    }

    fn may_open(&self, frames: &[Frame]) -> bool {
        let is_in_block = matches!(frames, [_, _, blocks, block]
            if !blocks.is_object && block.is_object && block.key == b"\"text\"" && is_content(frames));
        self.may_open && (is_data(frames) || is_in_block)
    }
}
