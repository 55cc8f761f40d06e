//! A long answer that is one message of JSON: it goes on in pieces while it comes, so that it is never there whole.
//!
//! Only results of tools and contents of resources are that long. Whatever cannot be passed on in pieces, because of what it
//! says or of the rules, is held whole. An answer that turns out to be wrong after a piece has gone breaks off.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_policy::shown::{Shown, show};
use lychgate_gateway_policy::stream::{Part, Place, Stream as Masking, StreamFault};
use lychgate_gateway_policy::task::Relayed;
use lychgate_gateway_record::Piece;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Origin;
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::metrics::ReasonLabels;
use crate::reply::Broken;
use crate::ticket::{ServerMessage, Ticket};

/// An answer of so many bytes is passed on in pieces, if it can be. That takes several times the work of masking it whole.
pub(super) const LONG: usize = 512 * 1024;
/// So much of what has come is masked at once: about a piece, since all that come of it are held until they are recorded.
const STEP: usize = 4 * 1024;

/// An answer, as far as it was waited for.
pub enum Received {
    /// All of it.
    Whole(Bytes),
    /// The beginning of a long one.
    Pieces(Box<Pieces>),
}

/// The beginning of a long answer: its first pieces, and how many of its bytes were read for them.
pub(super) struct Begun {
    pub(super) masking: Masking,
    pub(super) parts: VecDeque<Part>,
    pub(super) taken: usize,
}

/// A long answer of which the beginning was masked.
pub struct Pieces {
    masking: Masking,
    /// What was masked and has not gone on.
    parts: VecDeque<Part>,
    /// What has come and was not masked.
    rest: Bytes,
    body: Incoming,
    bytes: u64,
    limit: u64,
    deadline: Instant,
}

/// Receives an answer within `left`, to its end or, if it `may_stream`, until it is long.
///
/// # Errors
/// It is larger than the connection allows, does not arrive in time, or breaks off.
pub async fn receive(
    origin: &Origin,
    mut body: Incoming,
    left: Duration,
    mut may_stream: bool,
) -> Result<Received, Fault> {
    let limit = origin.connection.policy.config().limits.message_bytes;
    let deadline = Instant::now() + left;
    let mut head = BytesMut::new();
    while let Some(chunk) = next(&mut body, deadline).await? {
        head.extend_from_slice(&chunk);
        let bytes = head.len() as u64;
        if bytes > limit {
            return Err(Fault::TooLarge { limit });
        }
        if !may_stream || head.len() < LONG {
            continue;
        }
        may_stream = false;
        if origin.is_free_of_form().await
            && let Some(Begun { masking, parts, taken }) = origin.begin(&head)
        {
            let rest = head.freeze().split_off(taken);
            return Ok(Received::Pieces(Box::new(Pieces {
                masking,
                parts,
                rest,
                body,
                bytes,
                limit,
                deadline,
            })));
        }
    }
    Ok(Received::Whole(head.freeze()))
}

/// What comes next of a body; nothing at its end.
async fn next(body: &mut Incoming, deadline: Instant) -> Result<Option<Bytes>, Fault> {
    match timeout_at(deadline, body.frame()).await {
        Err(_) => Err(Fault::Timeout),
        Ok(None) => Ok(None),
        Ok(Some(Err(error))) => Err(Fault::BrokeOff(error.to_string())),
        // Trailers say nothing that a client needs.
        Ok(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
    }
}

impl Origin {
    /// Whether an answer may go on in pieces, as far as the call and the rules say.
    #[must_use]
    pub fn streams(&self) -> bool {
        let is_long = matches!(self.operation, Some(Operation::Tool { .. } | Operation::Resource { .. }));
        is_long && self.id.is_some() && self.connection.policy.masking().streams()
    }

    /// Masks the beginning of an answer, up to the first piece; nothing if none of it can go on by itself.
    pub(super) fn begin(&self, head: &[u8]) -> Option<Begun> {
        let mut masking = Masking::new(self.id.clone()?);
        let mut taken = 0;
        for step in head.chunks(STEP) {
            let parts = masking.push(step, &mut |piece| self.show_piece(piece)).ok()?;
            taken += step.len();
            if !parts.is_empty() {
                return Some(Begun { masking, parts: parts.into(), taken });
            }
        }
        None
    }

    /// A piece as it is shown; nothing if it names a task, whose handle stands for more than a piece.
    pub(super) fn show_piece(&self, piece: &Message) -> Option<Shown> {
        if !matches!(self.with_handles(piece), Ok(Relayed::Unchanged)) {
            return None;
        }
        let (policy, operation) = (&self.connection.policy, self.operation.as_ref());
        Some(show(policy, &self.caller, operation, &self.known, self.tokens(), piece, now_milliseconds()))
    }
}

impl Pieces {
    /// What goes to the client, for as long as it is there.
    pub fn chunks(
        self: Box<Self>,
        origin: Origin,
        ticket: Ticket,
    ) -> impl Stream<Item = Result<Bytes, Broken>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(self.run(origin, ticket, sender));
        futures_util::stream::unfold(receiver, |mut receiver| async move {
            let chunk = receiver.recv().await?;
            Some((chunk, receiver))
        })
    }

    async fn run(
        mut self: Box<Self>,
        origin: Origin,
        mut ticket: Ticket,
        client: mpsc::Sender<Result<Bytes, Broken>>,
    ) {
        let deadline = self.deadline;
        let relayed = tokio::select! {
            biased;
            reason = origin.gateway.configurations.until_closed(&origin.connection.policy.config().connection.name) => {
                let operation = origin.operation.clone();
                Err(Failure::denied(reason, operation.unwrap_or(Operation::Protocol { method: String::new() })))
            }
            () = tokio::time::sleep_until(deadline) => Err(Fault::Timeout.into()),
            relayed = self.relay(&origin, &mut ticket, &client) => relayed,
        };
        let Err(failure) = relayed else { return };
        let connection = origin.connection.label.clone();
        tracing::warn!(connection, %failure, "a long answer broke off");
        let labels = ReasonLabels { connection, reason: failure.as_str() };
        origin.gateway.metrics.failures.get_or_create(&labels).inc();
        ticket.failed(failure.as_str(), StatusCode::OK.as_u16()).await;
        // Who is gone needs no telling.
        let _is_gone = client.send(Err(Broken)).await;
    }

    /// Passes everything on, as long as the client is there.
    async fn relay(
        &mut self,
        origin: &Origin,
        ticket: &mut Ticket,
        client: &mpsc::Sender<Result<Bytes, Broken>>,
    ) -> Result<(), Failure> {
        let rubbish = |fault: StreamFault| Failure::from(Fault::Rubbish(fault.to_string()));
        let mut show = |piece: &Message| origin.show_piece(piece);
        loop {
            while let Some(part) = self.parts.pop_front() {
                if !pass(origin, ticket, client, part, false).await? {
                    return Ok(());
                }
            }
            if self.rest.is_empty() {
                match next(&mut self.body, self.deadline).await? {
                    Some(chunk) => self.take(chunk)?,
                    None => break,
                }
            }
            let now = self.rest.split_to(self.rest.len().min(STEP));
            self.parts.extend(self.masking.push(&now, &mut show).map_err(rubbish)?);
        }
        let parts = self.masking.finish(&mut show).map_err(rubbish)?;
        let count = parts.len();
        for (number, part) in parts.into_iter().enumerate() {
            if !pass(origin, ticket, client, part, number + 1 == count).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), Failure> {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        self.rest = chunk;
        if self.bytes > self.limit { Err(Fault::TooLarge { limit: self.limit }.into()) } else { Ok(()) }
    }
}

/// Passes on a piece, once the record has it. Says whether the client is there.
async fn pass(
    origin: &Origin,
    ticket: &mut Ticket,
    client: &mpsc::Sender<Result<Bytes, Broken>>,
    part: Part,
    last: bool,
) -> Result<bool, Failure> {
    origin.count(&part.masked);
    let recorded = piece_of(&part, false, last);
    if last {
        ticket.completed(recorded).await?
    } else {
        ticket.answered(recorded).await?
    }
    Ok(client.send(Ok(part.into_bytes())).await.is_ok())
}

/// A piece, for the record.
pub(super) fn piece_of(part: &Part, stream: bool, last: bool) -> ServerMessage<'_> {
    let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
    let Place { open, open_in_text, is_rest } = part.place;
    let piece = Piece { open: count(open), open_in_text: open_in_text.map(count), rest: is_rest };
    ServerMessage {
        recorded: &part.record,
        relayed_bytes: part.bytes().len(),
        status: StatusCode::OK.as_u16(),
        stream,
        piece: Some(piece),
        last,
    }
}
