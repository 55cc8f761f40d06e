//! Requests without a message: GET opens the stream of a session, DELETE ends the session.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use lychgate_gateway_mcp::headers::{LAST_EVENT_ID, MCP_PROTOCOL_VERSION};
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_policy::{Operation, decide_stream};
use lychgate_gateway_record::End;

use super::{Trace, Verdict, Visit, close, header, open, open_stream, prepare, protected, unless_closed};
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::open::Place;
use crate::relay::{self, Life, Origin};
use crate::reply::{self, ReplyBody};
use crate::session::{LIFETIME_SECONDS, Resumed, Session, StreamOf};
use crate::state::now_seconds;
use crate::ticket::Subject;
use crate::upstream::{self, BodyForm, EmptyMethod};

/// GET and DELETE: the stream of a session, or its end.
pub(super) async fn stream_or_end(
    visit: Visit,
    method: EmptyMethod,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    let subject = Subject::Session(method);
    let revision = header(&visit.headers, MCP_PROTOCOL_VERSION)
        .and_then(Revision::parse)
        .map_or_else(String::new, |revision| revision.as_str().to_owned());
    let operation = Operation::Protocol { method: method.as_str().to_owned() };
    let permit =
        match decide_stream(&visit.connection.policy, &visit.authenticated.caller, now_milliseconds()) {
            Ok(permit) => permit,
            Err(reason) => {
                let ticket = open(&visit, subject, revision, Verdict::NoStream(reason), trace).await?;
                return close(ticket, Failure::denied(reason, operation), trace).await;
            }
        };
    let mut ticket = open(&visit, subject, revision, Verdict::Stream(&permit), trace).await?;
    let resumed = match resumed(&visit, method) {
        Ok(resumed) => resumed,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    let place = match method {
        EmptyMethod::Delete => None,
        EmptyMethod::Get => match open_stream(&visit) {
            Ok(place) => Some(place),
            Err(failure) => return close(ticket, failure, trace).await,
        },
    };
    let prepared = prepare(&visit, permit.credentials(), false, &mut ticket)
        .await
        .map(|headers| resuming(headers, resumed.as_ref()));
    let answered = match prepared {
        Ok(headers) => {
            let send = visit.connection.upstream.send_empty(&permit, method, headers.clone());
            unless_closed(&visit, &operation, send).await.map(|answer| (answer, headers))
        }
        Err(failure) => Err(failure),
    };
    let (answer, headers) = match answered {
        Ok(answered) => answered,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    let status = answer.status();
    let is_stream = status.is_success() && upstream::body_form(answer.headers()) == BodyForm::Events;
    if let Some(place) = place.filter(|_| is_stream) {
        let life = life(&visit, resumed.as_ref(), place);
        let origin = own_stream(visit, headers, resumed.as_ref());
        return Ok(reply::events(relay::events(origin, ticket, answer.into_body(), life)));
    }
    let reply = match status {
        _ if status.is_success() => reply::empty(status),
        // A server without streams or sessions says so; clients expect it.
        StatusCode::METHOD_NOT_ALLOWED => reply::post_only(),
        StatusCode::NOT_FOUND if visit.session.is_some() => {
            return close(ticket, Failure::Session, trace).await;
        }
        _ => return close(ticket, Fault::Status(status).into(), trace).await,
    };
    ticket.ended(End::Completed).await;
    Ok(reply)
}

/// A session's own stream, or what is left of a call's.
fn own_stream(visit: Visit, reply_headers: HeaderMap, resumed: Option<&Resumed>) -> Origin {
    let of_call = resumed.is_some_and(|resumed| resumed.of_call);
    let announced = visit.session.as_ref().map(Session::announced).filter(|_| !of_call);
    Origin {
        gateway: visit.gateway,
        connection: visit.connection,
        caller: visit.authenticated.caller.clone(),
        operation: None,
        credential: None,
        id: None,
        known: protected(&visit.known, resumed.iter().flat_map(|resumed| resumed.restored.known())),
        tokens: visit.tokens,
        reply_headers,
        resumable: Some(visit.session_name),
        batches: visit.session.as_ref().is_some_and(Session::allows_batches),
        announced: announced.unwrap_or_default(),
        listening: None,
        modern: false,
        asked: None,
        turn: None,
    }
}

/// A stream lasts as long as its session; what is left of a call's, as long as a call.
fn life(visit: &Visit, resumed: Option<&Resumed>, place: Place) -> Life {
    if resumed.is_some_and(|resumed| resumed.of_call) {
        return Life::Resumed(visit.connection.upstream.call_timeout(), place);
    }
    let left = visit.session.as_ref().map(|session| session.expires.saturating_sub(now_seconds()));
    Life::Open(Duration::from_secs(left.unwrap_or(LIFETIME_SECONDS)), place)
}

/// The event after which a stream is to be resumed, if the client says one.
fn resumed(visit: &Visit, method: EmptyMethod) -> Result<Option<Resumed>, Failure> {
    let mut named = visit.headers.get_all(LAST_EVENT_ID).iter();
    let id = match (method, named.next(), named.next()) {
        (EmptyMethod::Delete, _, _) | (EmptyMethod::Get, None, _) => return Ok(None),
        (EmptyMethod::Get, Some(id), None) => id,
        (EmptyMethod::Get, Some(_), Some(_)) => return Err(Failure::Event),
    };
    let stream = StreamOf {
        connection: &visit.connection.label,
        caller: &visit.authenticated.caller,
        session: &visit.session_name,
        of_call: false,
        known: &[],
    };
    let resumed = visit.gateway.sealer.open_event(&stream, id.as_bytes(), now_seconds());
    let resumed = resumed.filter(|resumed| HeaderValue::from_str(&resumed.upstream).is_ok());
    resumed.map(Some).ok_or(Failure::Event)
}

fn resuming(mut headers: HeaderMap, resumed: Option<&Resumed>) -> HeaderMap {
    if let Some(last) = resumed.and_then(|resumed| HeaderValue::from_str(&resumed.upstream).ok()) {
        headers.insert(LAST_EVENT_ID, last);
    }
    headers
}
