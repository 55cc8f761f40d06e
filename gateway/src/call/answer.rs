//! What the server answers to a call, on its way to the client: a stream, one message, or nothing.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use lychgate_gateway_mcp::headers::MCP_SESSION_ID;
use lychgate_gateway_mcp::lists::Negotiated;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_record::End;

use super::{Failed, Visit, unless_closed};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::open::Place;
use crate::relay::{self, Life, Origin, Received};
use crate::reply::{self, ReplyBody};
use crate::session::{self, LIFETIME_SECONDS, Session};
use crate::state::now_seconds;
use crate::ticket::{ServerMessage, Ticket};
use crate::upstream::{self, BodyForm};

/// How long a `subscriptions/listen` lasts, as a session does: one day.
const LISTENING_LIFETIME: Duration = Duration::from_secs(LIFETIME_SECONDS);

/// Relays the answer. A `place` has what lasts longer than a call.
pub(super) async fn respond(
    visit: &Visit,
    origin: Origin,
    answer: Response<Incoming>,
    mut ticket: Ticket,
    place: Option<Place>,
) -> Result<Response<ReplyBody>, Failed> {
    let begun = match begun(&origin, &answer) {
        Ok(begun) => begun,
        Err(failure) => return Err((failure, Box::new(ticket))),
    };
    let (status, form) = (answer.status(), upstream::body_form(answer.headers()));
    let (mut response, negotiated) = match form {
        BodyForm::Events if status.is_success() => {
            let left = visit.connection.upstream.call_timeout().saturating_sub(ticket.since_sent());
            let life = place.map_or(Life::Call(left), |place| Life::Open(LISTENING_LIFETIME, place));
            if begun.is_some() {
                let (negotiated, chunks) = relay::beginning(origin, ticket, answer.into_body(), life).await;
                (reply::events(chunks), negotiated)
            } else {
                (
                    reply::events(relay::events(origin, ticket, answer.into_body(), life)),
                    Negotiated::default(),
                )
            }
        }
        BodyForm::Events | BodyForm::Json | BodyForm::Other => {
            let received = match received(visit, &origin, answer, &ticket).await {
                Ok(received) => received,
                Err(failure) => return Err((failure, Box::new(ticket))),
            };
            match received {
                Received::Pieces(pieces) => {
                    (reply::pieces(pieces.chunks(origin, ticket)), Negotiated::default())
                }
                Received::Whole(body) => match whole(visit, &origin, (status, form), body, &mut ticket).await
                {
                    Ok(answered) => answered,
                    Err(failure) => return Err((failure, Box::new(ticket))),
                },
            }
        }
    };
    if let Some(header) = begun.and_then(|upstream| session_id(visit, upstream, negotiated)) {
        response.headers_mut().insert(MCP_SESSION_ID, header);
    }
    Ok(response)
}

/// Receives an answer that is one message, or none: the whole of it, unless it is long and can go on in pieces.
async fn received(
    visit: &Visit,
    origin: &Origin,
    answer: Response<Incoming>,
    ticket: &Ticket,
) -> Result<Received, Failure> {
    let is_result =
        answer.status() == StatusCode::OK && upstream::body_form(answer.headers()) == BodyForm::Json;
    let may_stream = is_result && !visit.is_event && origin.streams();
    let left = visit.connection.upstream.call_timeout().saturating_sub(ticket.since_sent());
    let operation = origin.operation.clone().unwrap_or(Operation::Protocol { method: String::new() });
    let receive = Box::pin(relay::receive(origin, answer.into_body(), left, may_stream));
    unless_closed(visit, &operation, receive).await
}

/// Relays an answer that is one message, or none.
async fn whole(
    visit: &Visit,
    origin: &Origin,
    (status, form): (StatusCode, BodyForm),
    body: Bytes,
    ticket: &mut Ticket,
) -> Result<(Response<ReplyBody>, Negotiated), Failure> {
    if origin.id.is_none() && status.is_success() {
        // What answers a notification has nothing to say.
        ticket.ended(End::Completed).await;
        return Ok((reply::empty(StatusCode::ACCEPTED), Negotiated::default()));
    }
    if form != BodyForm::Json {
        return Err(unreadable(visit, status));
    }
    let passing = match origin.answer(body) {
        Ok(passing) => Box::pin(origin.fitted(passing)).await,
        // An error page that happens to be JSON is no more readable than one that is not.
        Err(Fault::Rubbish(_)) if !status.is_success() => return Err(unreadable(visit, status)),
        Err(fault) => return Err(fault.into()),
    };
    ticket.flagged(passing.findings).await?;
    let message = ServerMessage {
        recorded: &passing.recorded,
        relayed_bytes: passing.masked.bytes().len(),
        status: status.as_u16(),
        stream: false,
        piece: None,
        last: true,
    };
    ticket.completed(message).await?;
    Ok((reply::message(status, passing.masked), passing.negotiated.unwrap_or_default()))
}

fn unreadable(visit: &Visit, status: StatusCode) -> Failure {
    if status == StatusCode::NOT_FOUND && visit.session.is_some() {
        Failure::Session
    } else if status.is_success() {
        Fault::Rubbish("an answer that is neither JSON nor an event stream".to_owned()).into()
    } else {
        Fault::Status(status).into()
    }
}

/// What a session begins with, if the call asked for one: the server's own id, if the server gave one.
type Begun = Option<Option<String>>;

fn begun(origin: &Origin, answer: &Response<Incoming>) -> Result<Begun, Failure> {
    if !origin.initializes() || answer.status() != StatusCode::OK {
        return Ok(None);
    }
    let Some(id) = answer.headers().get(MCP_SESSION_ID) else { return Ok(Some(None)) };
    let id = id.to_str().ok().filter(|id| id.len() <= session::MAXIMUM_UPSTREAM_ID_BYTES);
    let id = id.ok_or_else(|| Fault::Rubbish("a session id that is no visible ASCII".to_owned()))?;
    Ok(Some(Some(id.to_owned())))
}

/// The header that begins a session. The client gets a session of the gateway's even where the server keeps none, so
/// that the record knows what belongs together.
fn session_id(visit: &Visit, upstream: Option<String>, negotiated: Negotiated) -> Option<HeaderValue> {
    let session = Session {
        upstream,
        name: visit.session_name.clone(),
        expires: now_seconds().saturating_add(LIFETIME_SECONDS),
        revision: negotiated.revision.map(|revision| revision.as_str().to_owned()),
        announced: negotiated.announced.bits(),
    };
    let sealed = visit.gateway.sealer.seal(&visit.connection.label, &visit.authenticated.caller, &session);
    sealed.and_then(|id| HeaderValue::from_str(&id).ok())
}
