//! A stream of the server, event by event. What cannot be read ends it with an error for the call; what went before
//! stays.
//!
//! A stream that lasts outlives policies: each of its messages is held to the policy of its moment, and its caller is
//! told when a policy makes his lists others.
//!
//! Each stream has a task of its own, so that it ends in time also where its client takes nothing of it.

mod interruption;
mod long;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lychgate_gateway_mcp::lists::{List, Lists, Negotiated};
use lychgate_gateway_mcp::message::{Message, is_batch};
use lychgate_gateway_mcp::sse::{self, Decoder, Event};
use lychgate_gateway_policy::change::changed_lists;
use lychgate_gateway_policy::mask::{own_error, own_list_changed, own_listen_end};
use lychgate_gateway_policy::{DenialReason, Operation, decide_stream};
use lychgate_gateway_record::Direction::{ToClient, ToServer};
use lychgate_gateway_record::End;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::interruption::{Interruption, interruption};
use self::long::{Coming, Long};
use super::{Aside, Origin, Verdict};
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::metrics::ReasonLabels;
use crate::open::Place;
use crate::ticket::{self, ServerMessage, Ticket};

/// After how long a silence a stream that lasts says that it is still there. Who hears nothing gives up, and a client
/// that is gone is found out by it.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How many bytes are decoded at once. Their events wait, and each takes far more memory than the shortest has bytes.
const DECODED_BYTES: usize = 16 * 1024;

/// How long a stream lasts, and by which policy.
pub enum Life {
    /// The answer to a call, by the policy that decided the call, until it must be there.
    Call(Duration),
    /// The rest of such a stream that broke off, by the policy of each moment, for as long as a call may take.
    Resumed(Duration, Place),
    /// A session's own stream, or `subscriptions/listen`, by the policy of each moment.
    Open(Duration, Place),
}

/// What kind of life that is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    Resumed,
    Open,
}

/// A stream on its way from the server to the client. It waits nearly always, so what else it may be busy with is boxed.
struct Relay {
    origin: Origin,
    ticket: Ticket,
    body: Incoming,
    decoder: Option<Decoder>,
    /// What the server has sent and was not decoded yet.
    undecoded: Bytes,
    events: VecDeque<Coming>,
    /// An answer that goes on in pieces while it comes.
    long: Long,
    kind: Kind,
    deadline: Instant,
    /// When it says that it is still there.
    beat_at: Instant,
    changes: watch::Receiver<()>,
    /// The lists of whose changes it can tell.
    tells: Lists,
    /// The lists that a policy has changed and that its caller was not told of yet.
    due: Lists,
    negotiated: Option<Negotiated>,
    finished: bool,
    answered: bool,
    /// Whether the client has an id to resume after.
    can_resume: bool,
    _place: Option<Place>,
}

/// What a stream waits for.
enum Next {
    Chunk(Bytes),
    Closed,
    Broken(String),
    Beat,
    Interruption(Interruption),
}

/// Relays an event stream. One that answers no call ends when the gateway drains; any, when its connection is closed.
pub fn events(
    origin: Origin,
    ticket: Ticket,
    body: Incoming,
    life: Life,
) -> impl Stream<Item = Bytes> + Send + 'static {
    chunks(Relay::new(origin, ticket, body, life))
}

/// The same for the answer to `initialize`, whose head says what the answer settles: so it is waited for, with what
/// comes before it, no further than one message may be long.
pub async fn beginning(
    origin: Origin,
    ticket: Ticket,
    body: Incoming,
    life: Life,
) -> (Negotiated, impl Stream<Item = Bytes> + Send + 'static) {
    let limit = ticket::limits(&origin.connection.policy).bytes;
    let mut relay = Relay::new(origin, ticket, body, life);
    let (mut first, mut bytes) = (Vec::new(), 0);
    while !relay.answered && bytes <= limit {
        let Some(chunk) = relay.next().await else { break };
        bytes += chunk.len();
        first.push(chunk);
    }
    (relay.negotiated.unwrap_or_default(), futures_util::stream::iter(first).chain(chunks(relay)))
}

/// What a relay passes on, for as long as whoever reads it is there.
fn chunks(relay: Relay) -> impl Stream<Item = Bytes> + Send + 'static {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(relay.run(sender));
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    })
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.origin.gateway.metrics.open_streams.dec();
    }
}

impl Relay {
    fn new(origin: Origin, ticket: Ticket, body: Incoming, life: Life) -> Self {
        let limit = ticket::limits(&origin.connection.policy).bytes;
        let mut changes = origin.gateway.configurations.changes();
        // Something may have changed since the request was decided.
        changes.mark_changed();
        origin.gateway.metrics.open_streams.inc();
        let (kind, lasts, place) = match life {
            Life::Call(left) => (Kind::Call, left, None),
            Life::Resumed(left, place) => (Kind::Resumed, left, Some(place)),
            Life::Open(left, place) => (Kind::Open, left, Some(place)),
        };
        let now = Instant::now();
        Self {
            tells: origin.announced,
            origin,
            ticket,
            body,
            decoder: Some(Decoder::new(limit)),
            undecoded: Bytes::new(),
            events: VecDeque::new(),
            long: Long::default(),
            kind,
            deadline: now + lasts,
            beat_at: now + SILENCE,
            changes,
            due: Lists::default(),
            negotiated: None,
            finished: false,
            answered: false,
            can_resume: false,
            _place: place,
        }
    }

    /// Passes on what comes, as fast as the client takes it. When the time is over while the client takes nothing,
    /// everything ends but the last word, which waits for the client.
    async fn run(mut self, client: mpsc::Sender<Bytes>) {
        loop {
            let room = tokio::select! {
                biased;
                room = client.reserve() => room,
                interruption = self.interruption() => {
                    match self.interrupt(interruption).await {
                        None if self.finished => return,
                        None => continue,
                        Some(last) => {
                            drop(self);
                            // Who is gone hears nothing.
                            let _is_gone = client.send(last).await;
                            return;
                        }
                    }
                }
            };
            let Ok(room) = room else { return };
            let chunk = tokio::select! {
                biased;
                () = client.closed() => return,
                chunk = self.next() => chunk,
            };
            let Some(chunk) = chunk else { return };
            room.send(chunk);
            if self.finished {
                return;
            }
        }
    }

    /// What becomes of a stream that is interrupted while nothing can be passed on: nothing, or its last word.
    async fn interrupt(&mut self, interruption: Interruption) -> Option<Bytes> {
        let ended = match interruption {
            Interruption::Deadline => self.over().await,
            Interruption::Drained => Ok(self.close(End::Drained).await),
            Interruption::Changed => self.renew().map(|()| None),
        };
        match ended {
            Ok(last) => last,
            Err(failure) => self.fail(&failure).await,
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        while !self.finished {
            match self.step().await {
                Ok(Some(chunk)) => {
                    self.beat_at = Instant::now() + SILENCE;
                    return Some(chunk);
                }
                Ok(None) => {}
                Err(failure) => return Box::pin(self.fail(&failure)).await,
            }
        }
        None
    }

    async fn step(&mut self) -> Result<Option<Bytes>, Failure> {
        // Also where there is always something more to pass on.
        if self.deadline <= Instant::now() {
            return Box::pin(self.over()).await;
        }
        if let Some(list) = self.due.take() {
            return Box::pin(self.tell(list)).await.map(Some);
        }
        if let Some(coming) = self.events.pop_front() {
            self.renew()?;
            return match coming {
                Coming::Event(event) => Box::pin(self.pass(event)).await,
                Coming::Piece(piece) => Box::pin(self.pass_piece(*piece)).await.map(Some),
            };
        }
        if !self.undecoded.is_empty() {
            self.decode().await?;
            return Ok(None);
        }
        match self.wait().await {
            Next::Chunk(chunk) => self.undecoded = chunk,
            Next::Closed if self.waits_for_answer() => {
                return Err(Fault::Rubbish("the stream ended without an answer".to_owned()).into());
            }
            Next::Closed if self.origin.id.is_some() && !self.answered => {
                Box::pin(self.end(End::UpstreamClosed)).await;
            }
            Next::Closed => Box::pin(self.end(End::Completed)).await,
            Next::Broken(error) if self.waits_for_answer() => return Err(Fault::BrokeOff(error).into()),
            Next::Broken(_) => Box::pin(self.end(End::UpstreamClosed)).await,
            Next::Interruption(Interruption::Deadline) => return Box::pin(self.over()).await,
            Next::Interruption(Interruption::Drained) => return Ok(Box::pin(self.close(End::Drained)).await),
            Next::Interruption(Interruption::Changed) => self.renew()?,
            Next::Beat => return Ok(Some(encode(&Event::keep_alive()))),
        }
        Ok(None)
    }

    /// What has no more time ends.
    async fn over(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.kind == Kind::Open {
            return Ok(self.close(End::Timeout).await);
        }
        if !self.answered {
            return Err(Fault::Timeout.into());
        }
        self.end(End::Timeout).await;
        Ok(None)
    }

    /// Decodes a part of what has come.
    async fn decode(&mut self) -> Result<(), Failure> {
        let part = self.undecoded.split_to(self.undecoded.len().min(DECODED_BYTES));
        if let Some(decoder) = &mut self.decoder {
            let decoded = decoder.push(&part).map_err(|error| Fault::Rubbish(error.to_string()))?;
            for event in decoded {
                self.come(event)?;
            }
        }
        // Only a long answer waits for anything here.
        Box::pin(self.go_on()).await
    }

    /// Whether the end of the stream leaves the client without an answer. Who can resume gets it there: a server may
    /// close a stream at any time (MCP 2025-11-25, Transports, Sending Messages to the Server).
    fn waits_for_answer(&self) -> bool {
        self.origin.id.is_some() && !self.answered && !self.can_resume
    }

    async fn wait(&mut self) -> Next {
        let (beat_at, lasts) = (self.beat_at, self.kind != Kind::Call);
        let silent = async {
            if lasts {
                tokio::time::sleep_until(beat_at).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let draining = self.draining();
        let interruption = interruption(&mut self.changes, self.deadline, draining);
        tokio::select! {
            interruption = interruption => Next::Interruption(interruption),
            frame = self.body.frame() => match frame {
                None => Next::Closed,
                Some(Err(error)) => Next::Broken(error.to_string()),
                // Trailers say nothing that a client needs.
                Some(Ok(frame)) => Next::Chunk(frame.into_data().unwrap_or_default()),
            },
            () = silent => Next::Beat,
        }
    }

    async fn interruption(&mut self) -> Interruption {
        let draining = self.draining();
        interruption(&mut self.changes, self.deadline, draining).await
    }

    /// What tells that the gateway drains, to a stream that would not end by itself.
    fn draining(&self) -> Option<watch::Receiver<bool>> {
        (self.kind != Kind::Call).then(|| self.origin.gateway.draining.clone())
    }

    /// Holds the stream to the policy of now. One that lasts outlives policies, so each of its messages is decided
    /// anew, and its caller is told of the lists that are others for him. The answer to a call is held to the policy
    /// of its call, unless nothing may pass any more.
    fn renew(&mut self) -> Result<(), Failure> {
        let origin = &mut self.origin;
        let name = &origin.connection.policy.config().connection.name;
        let configurations = &origin.gateway.configurations;
        let operation = || origin.operation.clone().unwrap_or(Operation::Protocol { method: String::new() });
        let denied = |reason| Failure::denied(reason, operation());
        if self.kind == Kind::Call {
            return configurations.closed(name).map_or(Ok(()), |reason| Err(denied(reason)));
        }
        let current = configurations.connection(name)?;
        let now = now_milliseconds();
        decide_stream(&current.policy, &origin.caller, now).map_err(denied)?;
        let asked = origin.listening.as_ref();
        if asked.is_some_and(|asked| !asked.is_left(&current.policy, &origin.caller, now)) {
            return Err(denied(DenialReason::NoGrant));
        }
        if !Arc::ptr_eq(&current, &origin.connection) {
            let changed = changed_lists(&origin.connection.policy, &current.policy, &origin.caller);
            self.due = self.due.or(changed.and(self.tells));
            origin.connection = current;
        }
        Ok(())
    }

    /// Tells that a list has changed, in the gateway's own words.
    async fn tell(&mut self, list: List) -> Result<Bytes, Failure> {
        let told = own_list_changed(list, self.origin.id.as_ref());
        self.ticket.event(ToClient, &told, told.bytes().len()).await?;
        Ok(encode(&Event::message(told.into_bytes())))
    }

    /// One event on its way out: recorded first. Events without a message (comments, ids for resumption) hold
    /// nothing to mask, but only their own members are passed on.
    async fn pass(&mut self, event: Event) -> Result<Option<Bytes>, Failure> {
        if let Some(data) = event.data.as_ref().filter(|data| self.origin.batches && is_batch(data)) {
            self.split(data.clone(), event.id)?;
            return Ok(None);
        }
        let event = self.clean(event);
        let Some(data) = event.data.clone().filter(|data| !data.is_empty()) else {
            self.can_resume |= event.id.is_some();
            let comment = event.comment.as_ref().map(|_| String::new());
            return Ok(Some(encode(&Event { comment, ..event })));
        };
        let passing = match self.origin.judge(data)? {
            Verdict::Pass(passing) => Box::pin(self.origin.fitted(*passing)).await,
            Verdict::Drop => return Ok(None),
            Verdict::Reply(aside) => {
                let Aside { recorded, reply } = *aside;
                self.ticket.event(ToClient, &recorded, recorded.bytes().len()).await?;
                self.ticket.event(ToServer, &reply, reply.bytes().len()).await?;
                self.origin.reply(reply);
                return Ok(None);
            }
        };
        let relayed_bytes = passing.masked.bytes().len();
        self.ticket.flagged(passing.findings).await?;
        if self.origin.id.is_some() {
            let message = ServerMessage {
                recorded: &passing.recorded,
                relayed_bytes,
                status: StatusCode::OK.as_u16(),
                stream: true,
                piece: None,
                last: passing.last,
            };
            self.ticket.answered(message).await?;
        } else {
            self.ticket.event(ToClient, &passing.recorded, relayed_bytes).await?;
        }
        self.can_resume |= event.id.is_some();
        self.answered |= passing.last;
        self.tells = passing.granted.unwrap_or(self.tells);
        self.negotiated = passing.negotiated.or(self.negotiated);
        Ok(Some(encode(&Event { data: Some(passing.masked.into_bytes()), comment: None, ..event })))
    }

    /// Makes the messages of a batch events of their own (MCP 2025-03-26, Transports); who resumes after the last of
    /// them has had all.
    fn split(&mut self, batch: Bytes, mut id: Option<String>) -> Result<(), Failure> {
        let limits = ticket::limits(&self.origin.connection.policy);
        let messages = Message::parse_batch(batch, limits);
        let messages = messages.map_err(|error| Fault::Rubbish(error.to_string()))?;
        for message in messages.iter().rev() {
            let event = Event { id: id.take(), ..Event::message(message.bytes().clone()) };
            self.events.push_front(Coming::Event(event));
        }
        Ok(())
    }

    /// What an event may carry beside its message: the type that MCP uses, and an id that is the caller's alone.
    fn clean(&self, event: Event) -> Event {
        let id = event.id.and_then(|id| self.origin.event_id(&id));
        Event { id, event: event.event.filter(|kind| kind == "message"), ..event }
    }

    async fn end(&mut self, reason: End) {
        self.finished = true;
        self.ticket.ended(reason).await;
    }

    /// Ends a stream that lasts. `subscriptions/listen` is told so (MCP 2026-07-28, Subscriptions, Graceful Closure).
    async fn close(&mut self, reason: End) -> Option<Bytes> {
        let listens = self.origin.listening.is_some() && !self.answered;
        let last = self.origin.id.as_ref().filter(|_| listens).map(own_listen_end);
        let mut chunk = None;
        if let Some(last) = last {
            let recorded = self.ticket.event(ToClient, &last, last.bytes().len()).await;
            chunk = recorded.is_ok().then(|| encode(&Event::message(last.into_bytes())));
        }
        self.end(reason).await;
        chunk
    }

    /// Ends the stream with an error for the call that waits, if one does.
    async fn fail(&mut self, failure: &Failure) -> Option<Bytes> {
        self.finished = true;
        self.decoder = None;
        let connection = self.origin.connection.label.clone();
        tracing::warn!(connection, %failure, "a stream failed");
        let labels = ReasonLabels { connection, reason: failure.as_str() };
        self.origin.gateway.metrics.failures.get_or_create(&labels).inc();
        let answer = failure.answer(false);
        self.ticket.failed(failure.as_str(), answer.status.as_u16()).await;
        let id = self.origin.id.as_ref().filter(|_| !self.answered)?;
        let error = own_error(Some(id), answer.code, &answer.text, None, &self.origin.known);
        Some(self.long.broken_off(encode(&Event::message(error.into_bytes()))))
    }
}

fn encode(event: &Event) -> Bytes {
    let mut bytes = Vec::new();
    sse::encode(event, &mut bytes);
    Bytes::from(bytes)
}
