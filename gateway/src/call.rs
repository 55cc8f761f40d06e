//! The whole path of a request: accept, authenticate, decide, inject the credential, forward, mask, record,
//! respond.
//!
//! There are no rules in here: each step asks the pure crates, and every way out is either a relayed answer
//! or a [`Failure`] from the one table.

mod answer;
mod approve;
mod batch;
mod empty;
mod enter;
mod event_stream;
mod held;
mod limited;
mod pinned;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use lychgate_gateway_mcp::headers::{MCP_PROTOCOL_VERSION, check_modern, is_modern};
use lychgate_gateway_mcp::lists::Lists;
use lychgate_gateway_mcp::message::{Form, Id, Message};
use lychgate_gateway_mcp::revision::{Revision, names_modern_era};
use lychgate_gateway_policy::listen::Listening;
use lychgate_gateway_policy::mask::Known;
use lychgate_gateway_policy::{Call, Decision, Operation, Permit, decide};
use lychgate_gateway_record::Rejected;

use self::answer::respond;
use self::enter::{Visit, enter, known_of, presented, protected};
use self::event_stream::Exchange;
use self::verdict::Verdict;
use crate::accept::{AcceptedMethod, accept, authority, connection_name};
use crate::approval::time::now_milliseconds;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::metadata;
use crate::metrics::{ConnectionLabels, ReasonLabels};
use crate::open::Place;
use crate::relay::Origin;
use crate::reply::{self, Asker, ReplyBody};
use crate::session::{self, Session};
use crate::state::Gateway;
use crate::task;
use crate::ticket::{self, RequestFacts, Subject, Ticket};
use crate::upstream;
use crate::usage::Turn;

/// How long a request's body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known of a request when it fails, so that reply and record can say so.
#[derive(Default)]
struct Trace {
    connection: Option<Arc<Connection>>,
    authority: Option<String>,
    id: Option<Id>,
    modern: bool,
    known: Option<Arc<[Known]>>,
    bytes: u64,
    /// Whether a tool is called.
    calls_tool: bool,
    /// Who sent it, where that was no call and the sender is known.
    caller: Option<lychgate_gateway_record::Caller>,
    /// Whether the record already has a page for it.
    recorded: bool,
    /// What it belongs to, if it came by the transport of MCP 2024-11-05.
    exchange: Option<Exchange>,
}

/// Answers one HTTP request. Never fails: what goes wrong becomes a reply and an entry.
pub async fn handle(gateway: Arc<Gateway>, request: Request<Incoming>) -> Response<ReplyBody> {
    let mut trace = Trace::default();
    match route(&gateway, request, &mut trace).await {
        Ok(response) => response,
        Err(failure) => fail(&gateway, &failure, &trace).await,
    }
}

async fn route(
    gateway: &Arc<Gateway>,
    request: Request<Incoming>,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    trace.authority = authority(&request);
    let path = request.uri().path();
    if let Some(resource) = path.strip_prefix(metadata::WELL_KNOWN) {
        let connection = match resource {
            "" => gateway.configurations.only().ok_or(Failure::NoConnection)?,
            path => gateway.configurations.connection(connection_name(path)?)?,
        };
        let text = metadata::document(&connection, trace.authority.as_deref());
        return Ok(reply::public_document("application/json", text));
    }
    let connection = gateway.configurations.connection(connection_name(path)?)?;
    trace.connection = Some(Arc::clone(&connection));
    trace.modern = header(request.headers(), MCP_PROTOCOL_VERSION).is_some_and(names_modern_era);
    let method = accept(&connection, &request, trace.authority.as_deref())?;
    let asked = event_stream::asked(&connection, &method, request.uri())?;
    let (parts, body) = request.into_parts();
    let visit = enter(gateway, connection, parts.headers).await?;
    trace.known = Some(Arc::clone(&visit.known));
    if let Some(asked) = asked {
        return event_stream::handle(visit, asked, body, trace).await;
    }
    match method {
        AcceptedMethod::Post => post(visit, body, trace).await,
        AcceptedMethod::Empty(method) => {
            limited::count(&visit, trace)?;
            empty::stream_or_end(visit, method, trace).await
        }
    }
}

async fn post(visit: Visit, body: Incoming, trace: &mut Trace) -> Result<Response<ReplyBody>, Failure> {
    let received = receive(&visit, body, trace).await;
    let bytes = received.map_err(|failure| limited::unread(&visit, failure, trace))?;
    if batch::is_meant(&visit, &bytes) {
        return batch::post(visit, bytes, trace).await;
    }
    let message = Message::parse(bytes, ticket::limits(&visit.connection.policy))
        .map_err(|error| limited::unread(&visit, Failure::Malformed(error), trace))?;
    carry_out(visit, message, trace).await
}

/// Everything that is done for one message.
async fn carry_out(
    mut visit: Visit,
    message: Message,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    trace.id = asked_id(&message);
    limited::count(&visit, trace)?;
    let revision = check_revision(&visit, &message, trace)?;
    if message.method() == Some("initialize") && visit.exchange.is_none() {
        visit.begin_session(session::new_name().ok_or(Failure::Recorder)?);
    }
    let (message, leg) = approve::take_leg(&visit, message, trace.modern);
    let handles = || visit.gateway.sealer.handles(&visit.connection.label, &visit.authenticated.caller);
    let call = Call::opening(message, |handle| handles()?.open(handle))
        .map_err(|missing| Failure::Target(missing.to_string()))?;
    let call = visit.in_session(call);
    // What was sent as a token must not come back as it is, in no answer and in no refusal.
    let known = protected(&visit.known, call.restored_values());
    trace.known = Some(Arc::clone(&known));
    task::repeat_id(call.operation(), &mut visit.headers);
    trace.calls_tool = call.operation().tool_name().is_some();
    let policy = Arc::clone(&visit.connection.policy);
    let permit = match decide(&policy, &visit.authenticated.caller, call, &visit.known, now_milliseconds()) {
        Decision::Allow(permit) => permit,
        Decision::Ask(ask) => {
            visit.known = known;
            return approve::ask(visit, ask, revision, leg, trace).await;
        }
        Decision::Deny(denial) => {
            let subject = Subject::Call(denial.call());
            let ticket = open(&visit, subject, revision, Verdict::Deny(&denial), trace).await?;
            return close(ticket, Failure::from(&denial), trace).await;
        }
    };
    visit.known = known;
    take_back(&visit, permit.call().message());
    let subject = Subject::Call(permit.call());
    let facts = facts(&visit, subject, revision, Verdict::Allow(&permit));
    // Its request is written down together with its credentials, before anything is sent.
    let (recorder, policy) = (&visit.gateway.recorder, &visit.connection.policy);
    let ticket = Ticket::begin(recorder, policy, &visit.session_name, facts, &visit.known)?;
    trace.recorded = true;
    let turn = match limited::begin(&visit, permit.call()) {
        Ok(turn) => turn,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    match forward(visit, &permit, ticket, turn).await {
        Ok(response) => Ok(response),
        Err((failure, ticket)) => close(*ticket, failure, trace).await,
    }
}

/// A client that gives up on a call which waits for people takes it back, and nothing runs for it any more.
fn take_back(visit: &Visit, message: &Message) {
    if let Some(id) = cancelled(message) {
        visit.gateway.held.cancel(&visit.session_name, &id);
    }
}

/// The id of the call that a message takes back, if it takes one back.
fn cancelled(message: &Message) -> Option<Id> {
    let params = message.params().filter(|_| message.method() == Some("notifications/cancelled"))?;
    params.get("requestId").and_then(Id::from_value)
}

/// Closes the page of a call that the gateway itself answers.
async fn close(mut ticket: Ticket, failure: Failure, trace: &Trace) -> Result<Response<ReplyBody>, Failure> {
    ticket.failed(failure.as_str(), failure.answer(trace.modern).status.as_u16()).await;
    Err(failure)
}

/// A failure, and the page of the record that it belongs on.
type Failed = (Failure, Box<Ticket>);

/// Opens the call's page of the record, with the decision.
async fn open(
    visit: &Visit,
    subject: Subject<'_>,
    revision: String,
    decided: Verdict<'_>,
    trace: &mut Trace,
) -> Result<Ticket, Failure> {
    let facts = facts(visit, subject, revision, decided);
    let policy = &visit.connection.policy;
    let ticket =
        Ticket::open(&visit.gateway.recorder, policy, &visit.session_name, facts, &visit.known).await?;
    trace.recorded = true;
    Ok(ticket)
}

/// What the record says of a request, which is counted with it.
fn facts<'a>(
    visit: &'a Visit,
    subject: Subject<'a>,
    revision: String,
    decided: Verdict<'_>,
) -> RequestFacts<'a> {
    decided.count(visit);
    let (caller, masked) = (&visit.authenticated.caller, decided.masked());
    RequestFacts { caller, subject, revision, decision: decided.recorded(), masked }
}

/// Reads the body, no further than the connection's limit.
async fn receive(visit: &Visit, body: Incoming, trace: &mut Trace) -> Result<Bytes, Failure> {
    let limit = visit.connection.policy.config().limits.message_bytes;
    let too_large = Failure::TooLarge { limit };
    let declared =
        header(&visit.headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > limit) {
        return Err(too_large);
    }
    let limits = ticket::limits(&visit.connection.policy);
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limits.bytes).collect()).await;
    let bytes = match read {
        Err(_) => return Err(Failure::Incomplete),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large),
        Ok(Err(_)) => return Err(Failure::Incomplete),
        Ok(Ok(body)) => body.to_bytes(),
    };
    trace.bytes = bytes.len() as u64;
    Ok(bytes)
}

/// The id by which a message asks for an answer, if it does.
fn asked_id(message: &Message) -> Option<Id> {
    match message.form() {
        Form::Request { id, .. } => Some(id.clone()),
        Form::Notification { .. } | Form::Response { .. } | Form::Error { .. } => None,
    }
}

/// The revision that the request speaks, once headers and body agree about it.
fn check_revision(visit: &Visit, message: &Message, trace: &mut Trace) -> Result<String, Failure> {
    let headers = &visit.headers;
    let named = header(headers, MCP_PROTOCOL_VERSION);
    // The transport of MCP 2024-11-05 has none of the modern era's headers; whoever probes for that is answered by the
    // server.
    trace.modern = visit.exchange.is_none() && is_modern(named, message);
    if trace.modern {
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        check_modern(pairs, message).map_err(Failure::Headers)?;
        if matches!(message.form(), Form::Response { .. } | Form::Error { .. }) {
            return Err(Failure::UnaskedAnswer);
        }
    }
    match named {
        Some(name) if Revision::parse(name).is_none() => {
            Err(Failure::Revision { requested: name.to_owned() })
        }
        Some(name) => Ok(name.to_owned()),
        // Who initialises says so in the message; a client of the first revisions names none at all.
        None => Ok(initialized_revision(message).unwrap_or_default()),
    }
}

fn initialized_revision(message: &Message) -> Option<String> {
    let named = message.params()?.get("protocolVersion")?.text()?;
    Revision::parse(&named).map(|revision| revision.as_str().to_owned())
}

/// Sends the permitted call, and relays what comes back.
async fn forward(
    visit: Visit,
    permit: &Permit,
    mut ticket: Ticket,
    turn: Option<Turn>,
) -> Result<Response<ReplyBody>, Failed> {
    let call = permit.call();
    let listening = Listening::of(call.meant_message());
    let place = match listening.as_ref().map(|_| open_stream(&visit)).transpose() {
        Ok(place) => place,
        Err(failure) => return Err((failure, Box::new(ticket))),
    };
    if let Err(failure) = pinned::check(&visit, permit, &mut ticket).await {
        return Err((failure, Box::new(ticket)));
    }
    let headers = match prepare(&visit, permit.credentials(), permit.is_masked(), &mut ticket).await {
        Ok(headers) => upstream::restored(headers, call),
        Err(failure) => return Err((failure, Box::new(ticket))),
    };
    if let Some(exchange) = &visit.exchange {
        return event_stream::post(&visit, exchange, permit, headers, ticket, turn).await;
    }
    let send = visit.connection.upstream.send(permit, headers.clone());
    let sent = unless_closed(&visit, call.operation(), send).await;
    let modern = is_modern(header(&visit.headers, MCP_PROTOCOL_VERSION), call.message());
    let labels = ConnectionLabels { connection: visit.connection.label.clone() };
    let seconds = ticket.since_sent().as_secs_f64();
    visit.gateway.metrics.upstream_seconds.get_or_create(&labels).observe(seconds);
    let origin = Origin {
        gateway: Arc::clone(&visit.gateway),
        connection: Arc::clone(&visit.connection),
        caller: visit.authenticated.caller.clone(),
        operation: Some(call.meant().clone()),
        id: asked_id(call.message()),
        credential: permit.chosen_credential().map(str::to_owned),
        known: Arc::clone(&visit.known),
        tokens: visit.tokens.clone(),
        reply_headers: headers,
        // The streams of a batch go out as one, which no id of one of them could resume.
        resumable: (!modern && !visit.in_batch).then(|| visit.session_name.clone()),
        batches: visit.session.as_ref().is_some_and(Session::allows_batches),
        announced: Lists::default(),
        listening,
        modern,
        asked: call.operation().tool_name().is_some().then(|| call.message().clone()),
        turn,
    };
    match sent {
        Ok(answer) => respond(&visit, origin, answer, ticket, place).await,
        Err(failure) => Err((failure, Box::new(ticket))),
    }
}

/// A place for one more stream without an end.
fn open_stream(visit: &Visit) -> Result<Place, Failure> {
    let place = visit.gateway.open.enter(&visit.connection.label, &visit.authenticated.caller);
    place.ok_or(Failure::TooManyStreams)
}

/// What `work` gives, unless the connection is closed before: an emergency ends calls under way, too.
async fn unless_closed<T>(
    visit: &Visit,
    operation: &Operation,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Failure> {
    let name = &visit.connection.policy.config().connection.name;
    tokio::select! {
        biased;
        reason = visit.gateway.configurations.until_closed(name) => {
            Err(Failure::denied(reason, operation.clone()))
        }
        worked = work => worked.map_err(Failure::from),
    }
}

/// The headers of what is about to leave, with the credentials in them, once the record has it.
async fn prepare(
    visit: &Visit,
    chosen: &[String],
    masked: bool,
    ticket: &mut Ticket,
) -> Result<HeaderMap, Failure> {
    let session = visit.session.as_ref().and_then(|session| session.upstream.as_deref());
    let mut headers = upstream::headers(&visit.headers, session, &visit.known, masked);
    let injected = visit.credentials.inject(chosen, visit.gateway.sealer.naming(), &mut headers)?;
    ticket.injected(&injected, &visit.connection.policy).await?;
    Ok(headers)
}

/// Replies to a failure, and records and counts it where no page of the record tells of it.
async fn fail(gateway: &Gateway, failure: &Failure, trace: &Trace) -> Response<ReplyBody> {
    let label = trace.connection.as_ref().map(|connection| connection.label.clone());
    let labels = ReasonLabels { connection: label.clone().unwrap_or_default(), reason: failure.as_str() };
    gateway.metrics.failures.get_or_create(&labels).inc();
    tracing::warn!(connection = label, reason = failure.as_str(), %failure, "request refused");
    let connection = trace.connection.as_deref();
    let asker = Asker {
        id: trace.id.as_ref(),
        modern: trace.modern,
        known: trace.known.as_deref().unwrap_or_default(),
        resource: connection.map(|connection| connection.resource(trace.authority.as_deref())),
        // A result in the place of an error is for whoever has a stream that it can come over.
        calls_tool: trace.calls_tool && trace.exchange.as_ref().is_none_or(Exchange::is_here),
    };
    let mut response = reply::failure(failure, &asker);
    if !trace.recorded {
        let rejected = Rejected {
            connection: label,
            caller: trace.caller.clone(),
            reason: failure.as_str().to_owned(),
            status: response.status().as_u16(),
            bytes: trace.bytes,
        };
        gateway.rejections.record(&gateway.recorder, rejected).await;
    }
    if let Some(exchange) = &trace.exchange {
        response = exchange.refuse(failure, &asker, response);
    }
    response
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
