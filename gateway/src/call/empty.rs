//! Requests without a message: GET opens the stream of a session, DELETE ends the session.

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use lychgate_gateway_mcp::headers::{LAST_EVENT_ID, MCP_PROTOCOL_VERSION};
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_policy::{Operation, decide_stream};
use lychgate_gateway_record::End;

use super::{Trace, Verdict, Visit, close, header, open, prepare, unless_closed};
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::relay::{self, Origin};
use crate::reply::{self, ReplyBody};
use crate::session::StreamOf;
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
    let prepared = match resumed(&visit, method) {
        Ok(last) => prepare(&visit, permit.credentials(), false, &mut ticket)
            .await
            .map(|headers| resuming(headers, last)),
        Err(failure) => Err(failure),
    };
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
    if status.is_success() && upstream::body_form(answer.headers()) == BodyForm::Events {
        let origin = Origin {
            gateway: visit.gateway,
            connection: visit.connection,
            caller: visit.authenticated.caller,
            operation: None,
            id: None,
            known: visit.known,
            reply_headers: headers,
            resumable: Some(visit.session_name),
        };
        return Ok(reply::events(relay::events(origin, ticket, answer.into_body(), None)));
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

/// The server's id of the event after which a stream is to be resumed, if the client says one.
fn resumed(visit: &Visit, method: EmptyMethod) -> Result<Option<HeaderValue>, Failure> {
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
    };
    let upstream = visit.gateway.sealer.open_event(&stream, id.as_bytes(), now_seconds());
    let value = upstream.and_then(|upstream| HeaderValue::from_str(&upstream).ok());
    value.map(Some).ok_or(Failure::Event)
}

fn resuming(mut headers: HeaderMap, last: Option<HeaderValue>) -> HeaderMap {
    if let Some(last) = last {
        headers.insert(LAST_EVENT_ID, last);
    }
    headers
}
