//! What leaves for a client. Only [`Masked`] messages, empty bodies and the gateway's own documents do.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Frame;
use lychgate_gateway_mcp::message::Id;
use lychgate_gateway_policy::mask::{Known, Masked, own_error, own_tool_error};

use crate::caller::Unauthenticated;
use crate::failure::Failure;

/// The body of every reply.
pub type ReplyBody = UnsyncBoxBody<Bytes, Broken>;

/// A reply that began and cannot be ended: its connection, or its stream of HTTP/2, breaks off, so that nobody takes what
/// has come for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub struct Broken;

/// How long a client shall wait before it tries again after a 503, in seconds.
const UNAVAILABLE_RETRY_SECONDS: u64 = 1;

/// One message.
#[must_use]
pub fn message(status: StatusCode, masked: Masked) -> Response<ReplyBody> {
    with_body(status, "application/json", masked.into_bytes())
}

/// No body at all.
#[must_use]
pub fn empty(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// The server has neither streams nor sessions: only POST is for it.
#[must_use]
pub fn post_only() -> Response<ReplyBody> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// An event stream. Its chunks are events that hold only masked messages.
#[must_use]
pub fn events<S>(chunks: S) -> Response<ReplyBody>
where
    S: futures_util::Stream<Item = Bytes> + Send + 'static,
{
    use futures_util::StreamExt as _;
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer would hold an event until the next.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// One message that goes out in pieces.
#[must_use]
pub fn pieces<S>(chunks: S) -> Response<ReplyBody>
where
    S: futures_util::Stream<Item = Result<Bytes, Broken>> + Send + 'static,
{
    use futures_util::TryStreamExt as _;
    of_body(StatusCode::OK, "application/json", StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync())
}

/// A document of the gateway's own.
#[must_use]
pub fn document(kind: &'static str, text: String) -> Response<ReplyBody> {
    with_body(StatusCode::OK, kind, Bytes::from(text))
}

/// A document of the gateway's own that pages of any origin may read.
#[must_use]
pub fn public_document(kind: &'static str, text: String) -> Response<ReplyBody> {
    let mut response = document(kind, text);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// What a reply to a failure depends on beside the failure.
#[derive(Default)]
pub struct Asker<'a> {
    /// The id of the request, if one was read.
    pub id: Option<&'a Id>,
    /// Whether the request is of MCP 2026-07-28.
    pub modern: bool,
    /// Values that the reply must not repeat.
    pub known: &'a [Known],
    /// The resource identifier that was called, if there is such a resource.
    pub resource: Option<&'a str>,
    /// Whether a tool was called, so that a refusal by people can be a result that a model reads.
    pub calls_tool: bool,
}

/// The message that answers a failure, with its HTTP status.
#[must_use]
pub fn failure_message(failure: &Failure, asker: &Asker<'_>) -> (StatusCode, Masked) {
    let answer = failure.answer(asker.modern);
    if let (true, true, Some(id)) = (failure.is_for_models(), asker.calls_tool, asker.id) {
        return (StatusCode::OK, own_tool_error(id, &answer.text, asker.known));
    }
    // A notification has no answer whose error could stand in a 200.
    let status = match asker.id {
        None if answer.status == StatusCode::OK => StatusCode::BAD_REQUEST,
        Some(_) | None => answer.status,
    };
    (status, own_error(asker.id, answer.code, &answer.text, answer.data.as_deref(), asker.known))
}

/// The reply to a failure.
#[must_use]
pub fn failure(failure: &Failure, asker: &Asker<'_>) -> Response<ReplyBody> {
    let (status, error) = failure_message(failure, asker);
    let mut response = message(status, error);
    let headers = response.headers_mut();
    if let Some(seconds) = failure.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    } else if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from(UNAVAILABLE_RETRY_SECONDS));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = if matches!(failure, Failure::EventStreamOnly) { "GET" } else { "POST, GET, DELETE" };
        headers.insert(ALLOW, HeaderValue::from_static(allowed));
    }
    if let (Failure::Unauthenticated(reason), Some(resource)) = (failure, asker.resource)
        && status != StatusCode::SERVICE_UNAVAILABLE
        && let Some(challenge) = challenge(reason, resource)
    {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The challenge of RFC 6750, section 3, with the metadata's address of RFC 9728, section 5.1. A request
/// without a token is told no error.
fn challenge(reason: &Unauthenticated, resource: &str) -> Option<HeaderValue> {
    let metadata = crate::metadata::address(resource)?;
    let description = reason.to_string().replace('"', "'");
    let error = if *reason == Unauthenticated::MissingToken {
        String::new()
    } else if *reason == Unauthenticated::MalformedHeader {
        format!(r#", error="invalid_request", error_description="{description}""#)
    } else {
        format!(r#", error="invalid_token", error_description="{description}""#)
    };
    HeaderValue::from_str(&format!(r#"Bearer resource_metadata="{metadata}"{error}"#)).ok()
}

fn with_body(status: StatusCode, kind: &'static str, body: Bytes) -> Response<ReplyBody> {
    of_body(status, kind, Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

fn of_body(status: StatusCode, kind: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
