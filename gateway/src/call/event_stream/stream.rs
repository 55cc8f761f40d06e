//! The open stream: what the server says, message by message, and what the gateway itself has to say.
//!
//! Each message is held to the policy of its moment. What it answers is not asked when it is filtered and masked: a
//! client chooses the ids of its calls and could use one twice, at two replicas, to have the answer to one taken for
//! that to another. So every rule that holds for any tool masks it, and it is filtered as every kind of list.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyStream;
use lychgate_gateway_mcp::lists::{List, Lists, Negotiated};
use lychgate_gateway_mcp::message::{Form, Id, Message};
use lychgate_gateway_mcp::sse::{self, Event};
use lychgate_gateway_policy::change::changed_lists;
use lychgate_gateway_policy::config::Transport;
use lychgate_gateway_policy::mask::{Known, Masked, own_error, own_list_changed};
use lychgate_gateway_policy::{DenialReason, Operation, decide_stream};
use lychgate_gateway_record::Direction::{ToClient, ToServer};
use lychgate_gateway_record::End;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::Visit;
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::metrics::ReasonLabels;
use crate::open::Place as Counted;
use crate::relay::{Aside, Origin, SILENCE, Verdict};
use crate::reply::{Broken, ReplyBody};
use crate::session::LIFETIME_SECONDS;
use crate::streams::{Place, Word};
use crate::ticket::{self, ServerMessage, Ticket};
use crate::upstream::event_stream::{Endpoint, Events};

/// What was opened.
pub(super) struct Opened {
    pub(super) ticket: Ticket,
    /// Where the server takes messages.
    pub(super) endpoint: Endpoint,
    pub(super) events: Events,
    pub(super) place: Place,
    /// Its place among the streams of its caller.
    pub(super) counted: Counted,
    /// The endpoint as the client is told it.
    pub(super) named: String,
}

/// A stream on its way from the server to the client.
struct Relay {
    origin: Origin,
    /// What must never be shown, as of when the stream was opened.
    known: Arc<[Known]>,
    ticket: Ticket,
    endpoint: Endpoint,
    events: Events,
    place: Place,
    /// Given up with the stream.
    _counted: Counted,
    /// The open answers of calls that wait for people.
    held: SelectAll<BodyStream<ReplyBody>>,
    named: Option<String>,
    changes: watch::Receiver<()>,
    /// The lists of whose changes the server has said that it tells.
    tells: Lists,
    /// The lists that a policy has changed and that the caller was not told of yet.
    due: Lists,
    /// When the stream says that it is still there.
    beat_at: Instant,
    /// When the session is over.
    until: Instant,
    finished: bool,
}

/// What a stream waits for.
enum Next {
    Event(Event),
    Closed,
    Faulty(Fault),
    Word(Word),
    Held(Bytes),
    Overdue,
    Waiting,
    Silent,
    Over,
    Drained,
    Changed,
}

/// Relays a stream. It ends after a day, with its session; when its caller loses every grant; and when the gateway
/// drains, once no call waits any more.
pub(super) fn relay(visit: Visit, opened: Opened) -> impl Stream<Item = Bytes> + Send + 'static {
    let Opened { ticket, endpoint, events, place, counted, named } = opened;
    let mut changes = visit.gateway.configurations.changes();
    // Something may have changed since the request was decided.
    changes.mark_changed();
    let relay = Relay {
        known: Arc::clone(&visit.known),
        origin: Origin {
            gateway: visit.gateway,
            connection: visit.connection,
            caller: visit.authenticated.caller.clone(),
            operation: None,
            credential: None,
            id: None,
            known: visit.known,
            tokens: visit.tokens,
            reply_headers: HeaderMap::new(),
            resumable: None,
            batches: false,
            announced: Lists::default(),
            listening: None,
            modern: false,
            asked: None,
            turn: None,
        },
        ticket,
        endpoint,
        events,
        place,
        _counted: counted,
        held: SelectAll::new(),
        named: Some(named),
        changes,
        tells: Lists::default(),
        due: Lists::default(),
        beat_at: Instant::now() + SILENCE,
        until: Instant::now() + Duration::from_secs(LIFETIME_SECONDS),
        finished: false,
    };
    relay.origin.gateway.metrics.open_streams.inc();
    futures_util::stream::unfold(relay, |mut relay| async move {
        let chunk = Box::pin(relay.next()).await?;
        relay.beat_at = Instant::now() + SILENCE;
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
        if let Some(named) = self.named.take() {
            let event = Event { event: Some("endpoint".to_owned()), ..Event::message(Bytes::from(named)) };
            return Some(encode(&event));
        }
        while !self.finished {
            if let Some(list) = self.due.take() {
                match self.tell(list).await {
                    Ok(chunk) => return Some(chunk),
                    Err(failure) => return self.fail(&failure).await,
                }
            }
            let passed = match self.wait().await {
                Next::Event(event) => self.pass(event).await,
                Next::Word(Word::Message(message)) => Ok(Some(encode_message(message, None))),
                Next::Word(Word::Answer(body)) => {
                    self.held.push(BodyStream::new(body));
                    Ok(None)
                }
                Next::Held(chunk) => Ok(Some(chunk)),
                Next::Overdue => Ok(self.refuse_calls(&Fault::Timeout.into(), false).await),
                Next::Waiting => Ok(None),
                Next::Silent => Ok(Some(encode(&Event::keep_alive()))),
                Next::Changed => self.renew().map(|()| None),
                Next::Faulty(fault) => Err(fault.into()),
                Next::Closed => {
                    self.end(End::UpstreamClosed).await;
                    let broke_off = Fault::BrokeOff("the event stream ended".to_owned());
                    return self.refuse_calls(&broke_off.into(), true).await;
                }
                Next::Over => {
                    self.end(End::Timeout).await;
                    return self.refuse_calls(&Failure::Session, true).await;
                }
                // A call may have begun to wait meanwhile.
                Next::Drained if self.is_idle() => {
                    self.end(End::Drained).await;
                    Ok(None)
                }
                Next::Drained => Ok(None),
            };
            match passed {
                Ok(Some(chunk)) => return Some(chunk),
                Ok(None) => {}
                Err(failure) => return self.fail(&failure).await,
            }
        }
        None
    }

    async fn wait(&mut self) -> Next {
        let (idle, overdue) = (self.is_idle(), self.place.open.until());
        let mut draining = self.origin.gateway.draining.clone();
        let open = Arc::clone(&self.place.open);
        let drained = async {
            let ended = !idle || draining.wait_for(|draining| *draining).await.is_err();
            if ended {
                std::future::pending::<()>().await;
            }
        };
        let past = async |until: Option<Instant>| match until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        };
        let changed = async {
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let held = async {
            loop {
                let frame = match self.held.next().await {
                    Some(Ok(frame)) => frame,
                    // None is held: something else comes first. Of those that are held, none breaks off.
                    Some(Err(Broken)) | None => std::future::pending().await,
                };
                if let Ok(chunk) = frame.into_data() {
                    return chunk;
                }
            }
        };
        tokio::select! {
            () = changed => Next::Changed,
            // Those who say something hold the stream's other end, and so it does not close.
            Some(word) = self.place.words.recv() => Next::Word(word),
            event = self.events.next() => match event {
                Ok(Some(event)) => Next::Event(event),
                Ok(None) => Next::Closed,
                Err(fault) => Next::Faulty(fault),
            },
            chunk = held => Next::Held(chunk),
            () = past(overdue) => Next::Overdue,
            () = open.changed() => Next::Waiting,
            () = past(Some(self.beat_at)) => Next::Silent,
            () = past(Some(self.until)) => Next::Over,
            () = drained => Next::Drained,
        }
    }

    /// Whether no call waits for an answer.
    fn is_idle(&self) -> bool {
        self.place.open.until().is_none() && self.held.is_empty()
    }

    /// Holds the stream to the policy of now, for the caller as he presented himself last, and with the credentials of
    /// now.
    fn renew(&mut self) -> Result<(), Failure> {
        let origin = &mut self.origin;
        let name = &origin.connection.policy.config().connection.name;
        let current = origin.gateway.configurations.connection(name)?;
        let caller = self.place.open.caller();
        if let Err(reason) = decide_stream(&current.policy, &caller, now_milliseconds()) {
            return Err(denied(reason));
        }
        let is_same = current.policy.config().upstream.transport == Transport::Sse
            && current.upstream.endpoint(self.endpoint.as_str()).is_ok();
        if !is_same {
            return Err(Failure::Session);
        }
        let credentials = current.credentials(&origin.gateway.values);
        origin.known = credentials.known().chain(self.known.iter().cloned()).collect();
        if !Arc::ptr_eq(&current, &origin.connection) {
            let changed = changed_lists(&origin.connection.policy, &current.policy, &caller);
            self.due = self.due.or(changed.and(self.tells));
        }
        (origin.connection, origin.caller) = (current, caller);
        Ok(())
    }

    /// Tells that a list has changed, in the gateway's own words.
    async fn tell(&mut self, list: List) -> Result<Bytes, Failure> {
        let told = own_list_changed(list, None);
        self.ticket.event(ToClient, &told, told.bytes().len()).await?;
        Ok(encode_message(told, None))
    }

    /// One event on its way out. Only messages, comments and retry times pass, and what is in an event beside its
    /// message stays behind.
    async fn pass(&mut self, event: Event) -> Result<Option<Bytes>, Failure> {
        self.renew()?;
        let retry = event.retry;
        let Some(data) = event.data.filter(|data| !data.is_empty()) else {
            let comment = event.comment.as_ref().map(|_| String::new());
            return Ok(Some(encode(&Event { comment, retry, ..Event::default() })));
        };
        match event.event.as_deref() {
            None | Some("message") => self.message(data, retry).await,
            Some("endpoint") => Err(Fault::Endpoint("the stream names a second one".to_owned()).into()),
            // A client of MCP knows no other types.
            Some(_) => Ok(None),
        }
    }

    async fn message(&mut self, data: Bytes, retry: Option<u64>) -> Result<Option<Bytes>, Failure> {
        let (answered, announced) = answered(&data, &self.origin);
        self.tells = self.tells.or(announced);
        let passing = match self.origin.judge(data) {
            Ok(Verdict::Pass(passing)) => *passing,
            Ok(Verdict::Drop) => return Ok(None),
            Ok(Verdict::Reply(aside)) => {
                self.set_aside(*aside).await?;
                return Ok(None);
            }
            // The answer may not be shown, and the stream goes on.
            Err(fault @ Fault::ServerRequest) if answered.is_some() => {
                return Ok(self.refuse_call(answered, &fault.into()).await);
            }
            Err(fault) => return Err(fault.into()),
        };
        let relayed_bytes = passing.masked.bytes().len();
        let mut waiting = answered.as_ref().and_then(|id| self.place.open.settle(id));
        let recorded = match &mut waiting {
            Some(waiting) => {
                let message = ServerMessage {
                    recorded: &passing.recorded,
                    relayed_bytes,
                    status: StatusCode::OK.as_u16(),
                    stream: true,
                    piece: None,
                    last: true,
                };
                waiting.ticket.completed(message).await
            }
            None => self.ticket.event(ToClient, &passing.recorded, relayed_bytes).await,
        };
        match (recorded, waiting) {
            (Ok(()), _) => {}
            (Err(failure), Some(mut waiting)) => {
                waiting.ticket.failed(failure.as_str(), failure.answer(false).status.as_u16()).await;
                return Ok(answered.map(|id| self.error(&id, &failure)));
            }
            (Err(failure), None) => return Err(failure),
        }
        Ok(Some(encode_message(passing.masked, retry)))
    }

    /// Answers a request of the server in the client's place, without holding up what comes after it.
    async fn set_aside(&mut self, aside: Aside) -> Result<(), Failure> {
        let Aside { recorded, reply } = aside;
        self.ticket.event(ToClient, &recorded, recorded.bytes().len()).await?;
        self.ticket.event(ToServer, &reply, reply.bytes().len()).await?;
        let (gateway, connection) = (&self.origin.gateway, Arc::clone(&self.origin.connection));
        let permit = decide_stream(&connection.policy, &self.origin.caller, now_milliseconds());
        let permit = permit.map_err(denied)?;
        let mut headers = crate::upstream::headers(&HeaderMap::new(), None, &self.origin.known, false);
        let credentials = connection.credentials(&gateway.values);
        credentials.inject(permit.credentials(), gateway.sealer.naming(), &mut headers)?;
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move {
            let replied = connection.upstream.post_reply(reply.into_bytes(), &endpoint, headers).await;
            if let Err(error) = replied {
                tracing::warn!(connection = connection.label, %error, "a reply did not reach the server");
            }
        });
        Ok(())
    }

    async fn end(&mut self, reason: End) {
        self.finished = true;
        self.ticket.ended(reason).await;
    }

    /// Ends the stream, with an error for each call that waits.
    async fn fail(&mut self, failure: &Failure) -> Option<Bytes> {
        self.finished = true;
        self.count(failure);
        self.ticket.failed(failure.as_str(), failure.answer(false).status.as_u16()).await;
        self.refuse_calls(failure, true).await
    }

    /// Tells of each call that waits, or of those whose time is over, that its answer does not come.
    async fn refuse_calls(&mut self, failure: &Failure, all: bool) -> Option<Bytes> {
        let mut bytes = Vec::new();
        while let Some((id, mut waiting)) = self.place.open.overdue(Instant::now(), all) {
            self.count(failure);
            waiting.ticket.failed(failure.as_str(), failure.answer(false).status.as_u16()).await;
            bytes.extend_from_slice(&self.error(&id, failure));
        }
        (!bytes.is_empty()).then(|| Bytes::from(bytes))
    }

    /// Tells of one call that its answer is not shown.
    async fn refuse_call(&mut self, id: Option<Id>, failure: &Failure) -> Option<Bytes> {
        let id = id?;
        self.count(failure);
        if let Some(mut waiting) = self.place.open.settle(&id) {
            waiting.ticket.failed(failure.as_str(), failure.answer(false).status.as_u16()).await;
        }
        Some(self.error(&id, failure))
    }

    fn error(&self, id: &Id, failure: &Failure) -> Bytes {
        let answer = failure.answer(false);
        encode_message(own_error(Some(id), answer.code, &answer.text, None, &self.origin.known), None)
    }

    fn count(&self, failure: &Failure) {
        let connection = self.origin.connection.label.clone();
        tracing::warn!(connection, %failure, "a stream failed");
        let labels = ReasonLabels { connection, reason: failure.as_str() };
        self.origin.gateway.metrics.failures.get_or_create(&labels).inc();
    }
}

/// The id of the call that a message answers, if it answers one, and the lists that it announces, as the answer to
/// `initialize` does.
fn answered(data: &Bytes, origin: &Origin) -> (Option<Id>, Lists) {
    let message = Message::parse(data.clone(), ticket::limits(&origin.connection.policy));
    let Ok(message) = message else { return (None, Lists::default()) };
    match message.form() {
        Form::Response { id } => (Some(id.clone()), Negotiated::of(&message).announced),
        Form::Error { id } => (id.clone(), Lists::default()),
        Form::Request { .. } | Form::Notification { .. } => (None, Lists::default()),
    }
}

fn denied(reason: DenialReason) -> Failure {
    Failure::denied(reason, Operation::Protocol { method: String::new() })
}

/// Clients of this transport listen for events of this type.
fn encode_message(message: Masked, retry: Option<u64>) -> Bytes {
    let event = Event { event: Some("message".to_owned()), retry, ..Event::message(message.into_bytes()) };
    encode(&event)
}

fn encode(event: &Event) -> Bytes {
    let mut bytes = Vec::new();
    sse::encode(event, &mut bytes);
    Bytes::from(bytes)
}
