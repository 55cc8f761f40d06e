//! A stream of the server, event by event. What cannot be read ends it with an error for the call; what went before
//! stays.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lychgate_gateway_mcp::sse::{self, Decoder, Event};
use lychgate_gateway_policy::mask::own_error;
use lychgate_gateway_policy::{Operation, decide_stream};
use lychgate_gateway_record::Direction::{ToClient, ToServer};
use lychgate_gateway_record::End;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Aside, Origin, Verdict};
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::metrics::ReasonLabels;
use crate::ticket::{self, ServerMessage, Ticket};

/// A stream on its way from the server to the client.
struct Relay {
    origin: Origin,
    ticket: Ticket,
    body: Incoming,
    decoder: Option<Decoder>,
    events: VecDeque<Event>,
    deadline: Option<Instant>,
    changes: watch::Receiver<()>,
    finished: bool,
    answered: bool,
    /// Whether the client has an id to resume after.
    can_resume: bool,
}

/// What a stream waits for.
enum Next {
    Chunk(Bytes),
    Closed,
    Broken(String),
    Deadline,
    Drained,
    Changed,
}

/// Relays an event stream. `deadline` is when a call must have its answer; a session's own stream has none.
/// A stream that answers no call ends when the gateway drains; any stream, when its connection is closed.
pub fn events(
    origin: Origin,
    ticket: Ticket,
    body: Incoming,
    deadline: Option<Duration>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let limit = ticket::limits(&origin.connection.policy).bytes;
    let mut changes = origin.gateway.configurations.changes();
    // Something may have changed since the request was decided.
    changes.mark_changed();
    let relay = Relay {
        origin,
        ticket,
        body,
        decoder: Some(Decoder::new(limit)),
        events: VecDeque::new(),
        deadline: deadline.map(|deadline| Instant::now() + deadline),
        changes,
        finished: false,
        answered: false,
        can_resume: false,
    };
    relay.origin.gateway.metrics.open_streams.inc();
    futures_util::stream::unfold(relay, |mut relay| async move {
        let chunk = relay.next().await?;
        Some((chunk, relay))
    })
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.origin.gateway.metrics.open_streams.dec();
    }
}

impl Relay {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.finished {
            if let Some(event) = self.events.pop_front() {
                let passed = match self.renew() {
                    Ok(()) => self.pass(event).await,
                    Err(failure) => Err(failure),
                };
                match passed {
                    Ok(Some(chunk)) => return Some(chunk),
                    Ok(None) => continue,
                    Err(failure) => return self.fail(&failure).await,
                }
            }
            match self.wait().await {
                Next::Chunk(chunk) => {
                    let decoded = self.decoder.as_mut().map(|decoder| decoder.push(&chunk));
                    match decoded {
                        Some(Ok(events)) => self.events.extend(events),
                        Some(Err(error)) => {
                            return self.fail(&Fault::Rubbish(error.to_string()).into()).await;
                        }
                        None => return None,
                    }
                }
                Next::Closed if self.waits_for_answer() => {
                    return self
                        .fail(&Fault::Rubbish("the stream ended without an answer".to_owned()).into())
                        .await;
                }
                Next::Closed if self.origin.id.is_some() && !self.answered => {
                    self.end(End::UpstreamClosed).await;
                }
                Next::Closed => self.end(End::Completed).await,
                Next::Broken(error) if self.waits_for_answer() => {
                    return self.fail(&Fault::BrokeOff(error).into()).await;
                }
                Next::Broken(_) => self.end(End::UpstreamClosed).await,
                Next::Deadline => return self.fail(&Fault::Timeout.into()).await,
                Next::Drained => self.end(End::Drained).await,
                Next::Changed => {
                    if let Err(failure) = self.renew() {
                        return self.fail(&failure).await;
                    }
                }
            }
        }
        None
    }

    /// Whether the end of the stream leaves the client without an answer. Who can resume gets it there: a server may
    /// close a stream at any time (MCP 2025-11-25, Transports, Sending Messages to the Server).
    fn waits_for_answer(&self) -> bool {
        self.origin.id.is_some() && !self.answered && !self.can_resume
    }

    async fn wait(&mut self) -> Next {
        let deadline = self.deadline;
        let drains_at_once = self.deadline.is_none();
        let mut draining = self.origin.gateway.draining.clone();
        let past_deadline = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let drained = async {
            let ended = !drains_at_once || draining.wait_for(|draining| *draining).await.is_err();
            if ended {
                std::future::pending::<()>().await;
            }
        };
        let changed = async {
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => Next::Changed,
            frame = self.body.frame() => match frame {
                None => Next::Closed,
                Some(Err(error)) => Next::Broken(error.to_string()),
                // Trailers say nothing that a client needs.
                Some(Ok(frame)) => Next::Chunk(frame.into_data().unwrap_or_default()),
            },
            () = past_deadline => Next::Deadline,
            () = drained => Next::Drained,
        }
    }

    /// Holds the stream to the policy of now. One without an end outlives policies, so each of its messages is
    /// decided anew. The answer to a call is held to the policy of its call, unless nothing may pass any more.
    fn renew(&mut self) -> Result<(), Failure> {
        let origin = &mut self.origin;
        let name = &origin.connection.policy.config().connection.name;
        let configurations = &origin.gateway.configurations;
        let operation = || origin.operation.clone().unwrap_or(Operation::Protocol { method: String::new() });
        let denied = |reason| Failure::denied(reason, operation());
        if self.deadline.is_some() {
            return configurations.closed(name).map_or(Ok(()), |reason| Err(denied(reason)));
        }
        let current = configurations.connection(name)?;
        decide_stream(&current.policy, &origin.caller, now_milliseconds()).map_err(denied)?;
        origin.connection = current;
        Ok(())
    }

    /// One event on its way out: recorded first. Events without a message (comments, ids for resumption) hold
    /// nothing to mask, but only their own members are passed on.
    async fn pass(&mut self, event: Event) -> Result<Option<Bytes>, Failure> {
        let event = self.clean(event);
        self.can_resume |= event.id.is_some();
        let Some(data) = event.data.clone().filter(|data| !data.is_empty()) else {
            let comment = event.comment.as_ref().map(|_| String::new());
            return Ok(Some(encode(&Event { comment, ..event })));
        };
        let passing = match self.origin.judge(data)? {
            Verdict::Pass(passing) => *passing,
            Verdict::Reply(aside) => {
                let Aside { recorded, reply } = *aside;
                self.ticket.event(ToClient, &recorded, recorded.bytes().len()).await?;
                self.ticket.event(ToServer, &reply, reply.bytes().len()).await?;
                self.origin.reply(reply);
                return Ok(None);
            }
        };
        let relayed_bytes = passing.masked.bytes().len();
        if self.origin.id.is_some() {
            let message = ServerMessage {
                recorded: &passing.recorded,
                relayed_bytes,
                status: StatusCode::OK.as_u16(),
                stream: true,
                last: passing.last,
            };
            self.ticket.answered(message).await?;
        } else {
            self.ticket.event(ToClient, &passing.recorded, relayed_bytes).await?;
        }
        self.answered |= passing.last;
        Ok(Some(encode(&Event { data: Some(passing.masked.into_bytes()), comment: None, ..event })))
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
        Some(encode(&Event::message(error.into_bytes())))
    }
}

fn encode(event: &Event) -> Bytes {
    let mut bytes = Vec::new();
    sse::encode(event, &mut bytes);
    Bytes::from(bytes)
}
