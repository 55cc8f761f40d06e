//! What the server answers to a call, on its way to the client: a stream, one message, or nothing.

use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use lychgate_gateway_mcp::headers::MCP_SESSION_ID;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_record::End;

use super::{Failed, Visit, unless_closed};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::relay::{self, Origin};
use crate::reply::{self, ReplyBody};
use crate::session::{self, LIFETIME_SECONDS, Session};
use crate::state::now_seconds;
use crate::ticket::{ServerMessage, Ticket};
use crate::upstream::{self, BodyForm};

pub(super) async fn respond(
    visit: &Visit,
    origin: Origin,
    answer: Response<Incoming>,
    mut ticket: Ticket,
) -> Result<Response<ReplyBody>, Failed> {
    let session_header = match new_session(visit, &origin, &answer) {
        Ok(header) => header,
        Err(failure) => return Err((failure, Box::new(ticket))),
    };
    let (status, form) = (answer.status(), upstream::body_form(answer.headers()));
    let mut response = match form {
        BodyForm::Events if status.is_success() => {
            let long_lived = matches!(origin.operation, Some(Operation::Listen { .. }));
            let left = visit.connection.upstream.call_timeout().saturating_sub(ticket.since_sent());
            let deadline = (!long_lived).then_some(left);
            reply::events(relay::events(origin, ticket, answer.into_body(), deadline))
        }
        BodyForm::Events | BodyForm::Json | BodyForm::Other => {
            match whole(visit, &origin, answer, &mut ticket).await {
                Ok(response) => response,
                Err(failure) => return Err((failure, Box::new(ticket))),
            }
        }
    };
    if let Some(header) = session_header {
        response.headers_mut().insert(MCP_SESSION_ID, header);
    }
    Ok(response)
}

/// Relays an answer that is one message, or none.
async fn whole(
    visit: &Visit,
    origin: &Origin,
    answer: Response<Incoming>,
    ticket: &mut Ticket,
) -> Result<Response<ReplyBody>, Failure> {
    let (status, form) = (answer.status(), upstream::body_form(answer.headers()));
    let limit = visit.connection.policy.config().limits.message_bytes;
    let left = visit.connection.upstream.call_timeout().saturating_sub(ticket.since_sent());
    let read = upstream::read_whole(answer.into_body(), limit, left);
    let operation = origin.operation.clone().unwrap_or(Operation::Protocol { method: String::new() });
    let body = unless_closed(visit, &operation, read).await?;
    if origin.id.is_none() && status.is_success() {
        // What answers a notification has nothing to say.
        ticket.ended(End::Completed).await;
        return Ok(reply::empty(StatusCode::ACCEPTED));
    }
    if form != BodyForm::Json {
        return Err(unreadable(visit, status));
    }
    let passing = match origin.answer(body) {
        Ok(passing) => passing,
        // An error page that happens to be JSON is no more readable than one that is not.
        Err(Fault::Rubbish(_)) if !status.is_success() => return Err(unreadable(visit, status)),
        Err(fault) => return Err(fault.into()),
    };
    let message = ServerMessage {
        recorded: &passing.recorded,
        relayed_bytes: passing.masked.bytes().len(),
        status: status.as_u16(),
        stream: false,
        last: true,
    };
    ticket.answered(message).await?;
    ticket.ended(End::Completed).await;
    Ok(reply::message(status, passing.masked))
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

/// The header that begins a session, if the call asked for one and the server gave it. The client gets a
/// session of the gateway's even where the server keeps none, so that the record knows what belongs together.
fn new_session(
    visit: &Visit,
    origin: &Origin,
    answer: &Response<Incoming>,
) -> Result<Option<HeaderValue>, Failure> {
    let initializes = matches!(
        &origin.operation,
        Some(Operation::Protocol { method }) if method == "initialize"
    );
    if !initializes || answer.status() != StatusCode::OK {
        return Ok(None);
    }
    let upstream = match answer.headers().get(MCP_SESSION_ID) {
        Some(id) => Some(
            id.to_str()
                .ok()
                .filter(|id| id.len() <= session::MAXIMUM_UPSTREAM_ID_BYTES)
                .ok_or_else(|| Fault::Rubbish("a session id that is no visible ASCII".to_owned()))?
                .to_owned(),
        ),
        None => None,
    };
    let session = Session {
        upstream,
        name: visit.session_name.clone(),
        expires: now_seconds().saturating_add(LIFETIME_SECONDS),
    };
    let sealed = visit.gateway.sealer.seal(&visit.connection.label, &visit.authenticated.caller, &session);
    Ok(sealed.and_then(|id| HeaderValue::from_str(&id).ok()))
}
