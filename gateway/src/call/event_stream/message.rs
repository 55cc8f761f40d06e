//! POST: a message of a client, to the endpoint that its stream has named.

use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use lychgate_gateway_mcp::message::Form;
use lychgate_gateway_policy::Permit;
use lychgate_gateway_record::End;
use tokio::time::Instant;

use super::super::{Failed, Trace, Visit, cancelled, unless_closed};
use super::Exchange;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::reply::{self, ReplyBody};
use crate::session;
use crate::state::now_seconds;
use crate::streams::{Waiting, Word};
use crate::ticket::Ticket;
use crate::upstream::{self, BodyForm};
use crate::usage::Turn;

/// Takes a message as it is taken over the other transport, save that what comes of it goes into the stream.
pub(super) async fn receive(
    mut visit: Visit,
    sealed: &str,
    body: Incoming,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    let (label, caller) = (&visit.connection.label, &visit.authenticated.caller);
    let opened = visit.gateway.sealer.open_endpoint(label, caller, sealed, now_seconds());
    let opened = opened.map_err(|session::NoSession| Failure::Session)?;
    // The server may be another one by now, which knows nothing of the session.
    let endpoint = visit.connection.upstream.endpoint(&opened.url).map_err(|_| Failure::Session)?;
    let stream = visit.gateway.streams.find(&opened.name);
    if let Some(stream) = &stream {
        stream.seen(caller);
    }
    visit.begin_session(opened.name);
    let exchange = Exchange { endpoint, stream };
    visit.exchange = Some(exchange.clone());
    trace.exchange = Some(exchange.clone());
    let response = Box::pin(super::super::post(visit, body, trace)).await?;
    Ok(match (&exchange.stream, upstream::body_form(response.headers())) {
        // The open answer of a call that waits for people.
        (Some(stream), BodyForm::Events) => match stream.say(Word::Answer(response.into_body())) {
            Ok(()) => reply::empty(StatusCode::ACCEPTED),
            // The stream has ended meanwhile: nobody is there, and nothing runs.
            Err(_) => return Err(Failure::Session),
        },
        (Some(_) | None, BodyForm::Events | BodyForm::Json | BodyForm::Other) => response,
    })
}

/// Posts a permitted call on. Its answer comes over the stream: what is sent here is only that it was taken.
pub(in crate::call) async fn post(
    visit: &Visit,
    exchange: &Exchange,
    permit: &Permit,
    headers: HeaderMap,
    ticket: Ticket,
    turn: Option<Turn>,
) -> Result<Response<ReplyBody>, Failed> {
    let call = permit.call();
    // A call that has waited for people may meet another server than the one that named the endpoint.
    let Ok(endpoint) = visit.connection.upstream.endpoint(exchange.endpoint.as_str()) else {
        return Err((Failure::Session, Box::new(ticket)));
    };
    let id = match call.message().form() {
        Form::Request { id, .. } => Some(id),
        Form::Notification { .. } | Form::Response { .. } | Form::Error { .. } => None,
    };
    // The answer may come before the server has said that it took the call.
    let until = Instant::now() + visit.connection.upstream.call_timeout();
    let mut waiting = Some(Box::new(Waiting { ticket, until, turn }));
    let expected = exchange.stream.as_ref().zip(id);
    if let Some((stream, id)) = expected {
        waiting = waiting.and_then(|waiting| stream.expect(id, *waiting).err());
    }
    let sending = visit.connection.upstream.post(permit, &endpoint, headers);
    let sent = unless_closed(visit, call.operation(), sending).await;
    let waiting = match (waiting, &sent, expected) {
        (Some(waiting), _, _) => Some(*waiting),
        (None, Err(_), Some((stream, id))) => stream.settle(id),
        (None, _, _) => None,
    };
    if let (Ok(()), Some((stream, id))) = (&sent, exchange.stream.as_ref().zip(cancelled(call.message()))) {
        // Its answer need not come any more.
        if let Some(mut taken_back) = stream.settle(&id) {
            taken_back.ticket.ended(End::ClientGone).await;
        }
    }
    match (sent, waiting) {
        (Ok(()), Some(mut waiting)) => waiting.ticket.ended(End::Completed).await,
        (Ok(()), None) => {}
        (Err(failure), Some(waiting)) => return Err((told(failure), Box::new(waiting.ticket))),
        // The answer was there before the failure: it counts.
        (Err(_), None) => {}
    }
    Ok(reply::empty(StatusCode::ACCEPTED))
}

/// A server that knows no such endpoint has forgotten the session (MCP 2024-11-05 names no status for it; servers answer
/// 404).
fn told(failure: Failure) -> Failure {
    let forgotten = matches!(failure, Failure::Upstream(Fault::Status(StatusCode::NOT_FOUND)));
    if forgotten { Failure::Session } else { failure }
}
