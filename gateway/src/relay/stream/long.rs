//! The answer to a call that is too long to be held: one event, which goes on in pieces while it comes.

use bytes::Bytes;
use lychgate_gateway_mcp::sse::{self, Event};
use lychgate_gateway_policy::stream::{Part, Stream as Masking, StreamFault};

use super::{Kind, Relay, encode};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::relay::pieces::{Begun, LONG, piece_of};

/// What is to be passed on.
pub(super) enum Coming {
    /// A whole event.
    Event(Event),
    /// A piece of one.
    Piece(Box<Piece>),
}

/// A piece of an event.
pub(super) struct Piece {
    part: Part,
    /// What the event says beside its data, if this is the beginning of it.
    head: Option<Event>,
    last: bool,
}

/// How far a long event has come.
#[derive(Default)]
pub(super) struct Long {
    masking: Option<Box<Masking>>,
    /// Whether the event that comes is held whole.
    is_whole: bool,
    bytes: u64,
    /// Whether the client has the beginning of an event, and not its end.
    is_begun: bool,
}

impl Long {
    /// A last word, behind the end of the event that the client has a part of: that is no JSON, and this is what answers
    /// the call.
    pub(super) fn broken_off(&self, word: Bytes) -> Bytes {
        if self.is_begun { [b"\n\n".as_slice(), &word].concat().into() } else { word }
    }
}

impl Relay {
    /// Takes an event that has come whole, or to its end.
    pub(super) fn come(&mut self, mut event: Event) -> Result<(), Failure> {
        if event.data.is_none() {
            // A comment inside a long event would end that for the client.
            if self.long.masking.is_none() {
                self.events.push_back(Coming::Event(event));
            }
            return Ok(());
        }
        self.long.is_whole = false;
        let Some(mut masking) = self.long.masking.take() else {
            self.events.push_back(Coming::Event(event));
            return Ok(());
        };
        let rest = event.data.take().unwrap_or_default();
        let origin = &self.origin;
        let mut show = |piece: &_| origin.show_piece(piece);
        let mut parts = masking.push(&rest, &mut show).map_err(rubbish)?;
        parts.extend(masking.finish(&mut show).map_err(rubbish)?);
        self.queue(parts, None);
        if let Some(Coming::Piece(piece)) = self.events.back_mut() {
            piece.last = true;
        }
        Ok(())
    }

    /// Goes on with an event that is coming, once it is long.
    pub(super) async fn go_on(&mut self) -> Result<(), Failure> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        if let Some(masking) = &mut self.long.masking {
            let data = decoder.take_data().unwrap_or_default();
            self.long.bytes = self.long.bytes.saturating_add(data.len() as u64);
            let limit = self.origin.connection.policy.config().limits.message_bytes;
            if self.long.bytes > limit {
                return Err(Fault::TooLarge { limit }.into());
            }
            let origin = &self.origin;
            let parts = masking.push(&data, &mut |piece| origin.show_piece(piece)).map_err(rubbish)?;
            self.queue(parts, None);
            return Ok(());
        }
        let is_answer = self.kind == Kind::Call && !self.answered && self.origin.streams();
        if !is_answer || self.long.is_whole || decoder.held_bytes() < LONG {
            return Ok(());
        }
        self.long.is_whole = true;
        if !self.origin.is_free_of_form().await {
            return Ok(());
        }
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let head = decoder.begun();
        if let Some(Begun { mut masking, mut parts, taken }) = self.origin.begin(&decoder.data()) {
            let data = decoder.take_data().unwrap_or_default();
            self.long.bytes = data.len() as u64;
            let (origin, rest) = (&self.origin, data.get(taken..).unwrap_or_default());
            parts.extend(masking.push(rest, &mut |piece| origin.show_piece(piece)).map_err(rubbish)?);
            self.long.masking = Some(Box::new(masking));
            self.queue(parts, Some(head));
        }
        Ok(())
    }

    fn queue(&mut self, parts: impl IntoIterator<Item = Part>, mut head: Option<Event>) {
        let piece = |part| Coming::Piece(Box::new(Piece { part, head: head.take(), last: false }));
        self.events.extend(parts.into_iter().map(piece));
    }

    /// A piece on its way out: recorded first.
    pub(super) async fn pass_piece(&mut self, piece: Piece) -> Result<Bytes, Failure> {
        let Piece { part, head, last } = piece;
        self.origin.count(&part.masked);
        self.ticket.answered(piece_of(&part, true, last)).await?;
        let mut chunk = Vec::with_capacity(part.bytes().len() + 64);
        if let Some(head) = head {
            let head = self.clean(head);
            self.can_resume |= head.id.is_some();
            chunk.extend_from_slice(&encode(&Event { data: Some(Bytes::new()), comment: None, ..head }));
            // Its end comes with the last piece.
            chunk.truncate(chunk.trim_ascii_end().len());
            chunk.push(b' ');
        }
        sse::continue_data(part.bytes(), &mut chunk);
        if last {
            chunk.extend_from_slice(b"\n\n");
            self.answered = true;
        }
        self.long.is_begun = !last;
        Ok(chunk.into())
    }
}

fn rubbish(fault: StreamFault) -> Failure {
    Fault::Rubbish(fault.to_string()).into()
}
