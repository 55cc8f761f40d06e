//! A long text that is JSON, in a message that comes.

use std::borrow::Cow;

use lychgate_gateway_mcp::json::{Document, quote};

use super::level::{Event, Frame, Level, Places};
use super::piece::{Extent, Outer, Piece, around_text, edited, parsed, text_in};
use super::text::{Content, Malformed};
use super::{Part, Place, Show, Stream, StreamFault, read, shown};
use crate::mask::{is_read_by_others, unreadable_mark};
use crate::shown::Shown;

/// A text that is being read.
#[derive(Debug)]
pub(super) struct Nested {
    level: Level,
    content: Content,
    inside: Option<usize>,
    mode: Mode,
    /// Whether it is the text of a block of content.
    is_block: bool,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// As JSON.
    Json,
    /// As text, because it is no JSON from here on: it is held to its end.
    Text,
    /// Not at all: what stands for it, or the rest of it, has gone out.
    Done,
}

/// A document may be cut everywhere between members and items.
struct Anywhere;

impl Places for Anywhere {
    fn may_cut(&self, _: &[Frame]) -> bool {
        true
    }

    fn may_open(&self, _: &[Frame]) -> bool {
        false
    }
}

impl Nested {
    pub(super) fn new(is_block: bool, piece: usize) -> Self {
        let (level, content) = (Level::of_value(piece), Content::default());
        Self { level, content, inside: None, mode: Mode::Json, is_block }
    }
}

impl Stream {
    /// Takes bytes of a text. Gives how many of them belong to it, if it ends among them.
    pub(super) fn in_text(
        &mut self,
        nested: &mut Nested,
        bytes: &[u8],
        show: &mut impl Show,
        parts: &mut Vec<Part>,
    ) -> Result<Option<usize>, StreamFault> {
        let read = nested.content.read(bytes).map_err(|Malformed| StreamFault::Incomplete)?;
        nested.level.pending.extend_from_slice(read.text.as_bytes());
        let has_ended = read.ends_at.is_some();
        while nested.mode == Mode::Json {
            match nested.level.read(&Anywhere) {
                Event::Cut => parts.extend(self.document(nested, show)?),
                Event::More if !has_ended => break,
                Event::More if nested.level.is_whole() => {
                    parts.extend(self.document(nested, show)?);
                    break;
                }
                Event::More | Event::Long(_) | Event::Broken => nested.mode = Mode::Text,
            }
        }
        match nested.mode {
            Mode::Json => {}
            Mode::Text if has_ended => parts.push(self.rest(nested, show)?),
            Mode::Text => nested.content.forget(),
            Mode::Done => {
                nested.level.pending.clear();
                nested.content.forget();
            }
        }
        Ok(read.ends_at)
    }

    /// Goes on behind a text that has ended.
    pub(super) fn leave(&mut self, nested: &Nested, rest: &[u8]) {
        self.owed.push(b'"');
        let Some(level) = &mut self.level else { return };
        level.leave_text(rest);
        if let Some(anchor) = level.anchors.last_mut().filter(|_| nested.is_block) {
            // What follows stands in a block that has a text.
            if !anchor.before.is_empty() {
                anchor.before.push(b',');
            }
            anchor.before.extend_from_slice(b"\"text\":\"\"");
            anchor.before_count += 1;
        }
    }

    /// Masks what is pending of a text as a part of a document; nothing if it is none.
    fn document(&mut self, nested: &mut Nested, show: &mut impl Show) -> Result<Option<Part>, StreamFault> {
        let mut piece = Piece::of(&nested.level, Extent::Between);
        let text = String::from_utf8(std::mem::take(&mut piece.text)).unwrap_or_default();
        let came = match parsed(text.clone().into()) {
            Err(StreamFault::Json(error)) if !is_read_by_others(&error) => {
                nested.mode = Mode::Text;
                return Ok(None);
            }
            came => came,
        };
        let (shown, masked) = self.around(&text, show)?;
        let place = self.place(Some(nested.level.anchors.len()), false);
        let own = came.and_then(|came| match masked {
            None => nested.own(&piece, &came, None),
            Some(masked) => nested.own(&piece, &came, Some(parsed(masked.into())?)),
        });
        let (own, is_given_up) = match own {
            Ok(own) => (own, false),
            // What goes out would not be what it was, or where it was.
            Err(_) => (unquoted(&unreadable_mark()), true),
        };
        let mut part = self.part(&own, shown, place);
        if is_given_up {
            nested.mode = Mode::Done;
            part.masked.note_unreadable();
        }
        Ok(Some(part))
    }

    /// Masks the rest of what turned out to be no JSON.
    fn rest(&mut self, nested: &Nested, show: &mut impl Show) -> Result<Part, StreamFault> {
        let text = String::from_utf8_lossy(&nested.level.pending);
        let (shown, masked) = self.around(&text, show)?;
        let own = unquoted(masked.as_deref().unwrap_or(&text));
        let place = self.place(None, true);
        Ok(self.part(&own, shown, place))
    }

    /// Where a piece of a text begins.
    fn place(&self, open_in_text: Option<usize>, is_rest: bool) -> Place {
        Place { open: self.level.as_ref().map_or(0, |level| level.anchors.len()), open_in_text, is_rest }
    }

    /// Masks a text where it stands in the message; gives what it becomes, if it changes.
    fn around(&mut self, text: &str, show: &mut impl Show) -> Result<(Shown, Option<String>), StreamFault> {
        self.head();
        let level = self.level.as_ref().ok_or(StreamFault::Incomplete)?;
        let message = read(around_text(level, text), &self.id)?;
        let shown = shown(&message, show)?;
        if std::ptr::eq::<[u8]>(shown.caller.bytes().as_ref(), message.bytes().as_ref()) {
            return Ok((shown, None));
        }
        let became = parsed(shown.caller.bytes().clone())?;
        let masked = text_in(level, &became).and_then(|value| value.text().map(Cow::into_owned));
        let masked = masked.ok_or(StreamFault::Unmasked)?;
        Ok((shown, Some(masked).filter(|masked| masked != text)))
    }

    pub(super) fn part(&mut self, own: &[u8], shown: Shown, place: Place) -> Part {
        let mut bytes = std::mem::take(&mut self.owed);
        bytes.extend_from_slice(own);
        Part { bytes: bytes.into(), record: shown.record, masked: shown.caller, place }
    }
}

impl Nested {
    /// What goes out of a piece that has become `became`, if it has changed, as it is spelled in a string.
    fn own(
        &mut self,
        piece: &Piece,
        came: &Document,
        became: Option<Document>,
    ) -> Result<Vec<u8>, StreamFault> {
        let (level, inside) = (&mut self.level, &mut self.inside);
        let is_same = became.is_none();
        let became = became.unwrap_or_else(|| came.clone());
        let edits = Piece::note(level, came, &became, Outer::Document)?;
        let is_same = is_same && edits.is_empty() && inside.is_none();
        let became = edited(became, edits)?;
        let spelled = self.content.take(level.at);
        let own = if is_same {
            spelled
        } else {
            let own = piece.own(level, came, &became, inside, Outer::Document)?;
            unquoted(&String::from_utf8(own).map_err(|_| StreamFault::Unmasked)?)
        };
        let anchors = Piece::behind(level, came, &became, Outer::Document)?;
        level.cut(anchors);
        Ok(own)
    }
}

/// A text as it is spelled in a string.
fn unquoted(text: &str) -> Vec<u8> {
    let quoted = quote(text).into_bytes();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_vec()
}
