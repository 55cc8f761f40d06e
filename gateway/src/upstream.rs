//! One connection's MCP server: what is sent to it, and the first look at what comes back.
//!
//! [`Upstream::send`] takes a [`Permit`] and nothing else for what a client asks, so that no message reaches
//! a server that was not decided on. Headers are not copied but chosen: what a client sends beside the
//! protocol's own headers, its token above all, does not travel.

pub mod event_stream;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use lychgate_gateway_mcp::headers::{
    MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, decode_value, encode_value,
};
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::{Id, Message};
use lychgate_gateway_mcp::sse::Decoder;
use lychgate_gateway_policy::config::Transport;
use lychgate_gateway_policy::mask::Known;
use lychgate_gateway_policy::{Call, Permit, Policy, StreamPermit};
use url::Url;

use crate::fault::Fault;
use crate::issuer::chain;
use crate::outbound::SharedClient;
use crate::tools::find_answer;

/// The name under which the gateway calls.
const AGENT: &str = concat!("lychgate/", env!("CARGO_PKG_VERSION"));
/// The client's headers that travel on, besides `Mcp-Param-*`: the protocol's own, and trace context.
const RELAYED: [&str; 5] = [MCP_PROTOCOL_VERSION, MCP_METHOD, MCP_NAME, "traceparent", "tracestate"];
/// The longest header value that travels on, in bytes.
const MAXIMUM_HEADER_BYTES: usize = 8 * 1024;

/// The headers for the server that a client's request gives rise to; credentials are added by
/// [`crate::credential::Credentials::inject`].
///
/// A header that holds one of `known` stays behind. So do `Mcp-Param-*` where the arguments that they repeat
/// were masked: what is hidden in the body must not travel beside it.
#[must_use]
pub fn headers(client: &HeaderMap, session: Option<&str>, known: &[Known], masked: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in client {
        let repeats_argument = name.as_str().starts_with(MCP_PARAM_PREFIX);
        let is_ours = RELAYED.contains(&name.as_str()) || (repeats_argument && !masked);
        // The first of several is the one that was looked at.
        let is_first = !headers.contains_key(name);
        if is_ours && is_first && value.len() <= MAXIMUM_HEADER_BYTES && !holds(value, known) {
            headers.insert(name.clone(), value.clone());
        }
    }
    if let Some(value) = session.and_then(|session| HeaderValue::from_str(session).ok()) {
        headers.insert(HeaderName::from_static(MCP_SESSION_ID), value);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers
}

/// The headers of a call with values in the place of tokens, in those that repeat a part of its message.
#[must_use]
pub fn restored(mut headers: HeaderMap, call: &Call) -> HeaderMap {
    for (name, value) in &mut headers {
        let repeats = *name == MCP_NAME || name.as_str().starts_with(MCP_PARAM_PREFIX);
        let Some(text) = decode_value(value.as_bytes()).filter(|_| repeats) else { continue };
        if let Some(Cow::Owned(restored)) = call.restored_text(&text)
            && let Ok(restored) = HeaderValue::from_str(&encode_value(&restored))
        {
            *value = restored;
        }
    }
    headers
}

fn holds(value: &HeaderValue, known: &[Known]) -> bool {
    let text = String::from_utf8_lossy(value.as_bytes());
    // What was sent as a token is the server's to see.
    known.iter().any(|known| known.restored_value().is_none() && known.is_in(&text))
}

/// A server, as the gateway reaches it.
pub struct Upstream {
    client: SharedClient,
    policy: Arc<Policy>,
}

impl Upstream {
    /// The server of `policy`, reached through `client`.
    #[must_use]
    pub fn new(policy: Arc<Policy>, client: SharedClient) -> Self {
        Self { client, policy }
    }

    /// How long a call may take until its last byte.
    #[must_use]
    pub fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.policy.config().upstream.call_timeout_milliseconds)
    }

    /// Sends a permitted call.
    ///
    /// # Errors
    /// The server cannot be reached, does not answer in time, or answers what is no answer.
    pub async fn send(&self, permit: &Permit, headers: HeaderMap) -> Result<Response<Incoming>, Fault> {
        self.exchange(Method::POST, headers, permit.outbound().clone(), self.policy.upstream()).await
    }

    /// Opens the stream of a session (GET), or ends the session (DELETE). Neither has a body, and both need
    /// a permit of their own.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn send_empty(
        &self,
        _permit: &StreamPermit,
        method: EmptyMethod,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, Fault> {
        let method = match method {
            EmptyMethod::Get => Method::GET,
            EmptyMethod::Delete => Method::DELETE,
        };
        self.exchange(method, headers, Bytes::new(), self.policy.upstream()).await
    }

    /// Answers a request of the server with the gateway's own words.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn reply(&self, reply: Bytes, headers: HeaderMap) -> Result<(), Fault> {
        self.exchange(Method::POST, headers, reply, self.policy.upstream()).await.map(|_| ())
    }

    /// Asks a question of the gateway's own, and gives the answer to `id`; what comes before it is passed over.
    ///
    /// # Errors
    /// As [`Upstream::send`], or what comes is no answer.
    pub async fn ask(
        &self,
        question: Bytes,
        headers: HeaderMap,
        id: &Id,
        limits: Limits,
    ) -> Result<Message, Fault> {
        tokio::time::timeout(self.call_timeout(), async {
            if self.policy.config().upstream.transport == Transport::Sse {
                return self.ask_in_own_stream(question, headers, id, limits).await;
            }
            let answer = self.exchange(Method::POST, headers, question, self.policy.upstream()).await?;
            let (status, form) = (answer.status(), body_form(answer.headers()));
            match form {
                BodyForm::Json if status.is_success() => {
                    let limit = limits.bytes as u64;
                    let body = read_whole(answer.into_body(), limit, self.call_timeout()).await?;
                    let found = find_answer(body, id, limits)?;
                    found.ok_or_else(|| Fault::Rubbish("an answer to another call".to_owned()))
                }
                BodyForm::Events if status.is_success() => first_answer(answer.into_body(), id, limits).await,
                BodyForm::Json | BodyForm::Events | BodyForm::Other => Err(Fault::Status(status)),
            }
        })
        .await
        .map_err(|_| Fault::Timeout)?
    }

    async fn exchange(
        &self,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
        target: &Url,
    ) -> Result<Response<Incoming>, Fault> {
        let accept =
            if method == Method::GET { "text/event-stream" } else { "application/json, text/event-stream" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.remove(HOST);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target
            .as_str()
            .parse()
            .map_err(|_| Fault::Unreachable("the URL is no request target".to_owned()))?;
        *request.headers_mut() = headers;
        let answer = tokio::time::timeout(self.call_timeout(), self.client.request(request))
            .await
            .map_err(|_| Fault::Timeout)?
            .map_err(|error| {
                let text = chain(&error);
                if error.is_connect() { Fault::Unreachable(text) } else { Fault::BrokeOff(text) }
            })?;
        inspect(answer)
    }
}

/// The answer to `id` in a stream of events.
async fn first_answer(mut body: Incoming, id: &Id, limits: Limits) -> Result<Message, Fault> {
    let mut decoder = Decoder::new(limits.bytes);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault::BrokeOff(error.to_string()))?;
        let Ok(chunk) = frame.into_data() else { continue };
        let events = decoder.push(&chunk).map_err(|error| Fault::Rubbish(error.to_string()))?;
        for data in events.into_iter().filter_map(|event| event.data).filter(|data| !data.is_empty()) {
            if let Some(answer) = find_answer(data, id, limits)? {
                return Ok(answer);
            }
        }
    }
    Err(Fault::Rubbish("the stream ended without an answer".to_owned()))
}

/// The methods without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyMethod {
    /// GET.
    Get,
    /// DELETE.
    Delete,
}

impl EmptyMethod {
    /// As HTTP spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Delete => "DELETE",
        }
    }
}

/// The answers that are never relayed, whatever is in them.
fn inspect(answer: Response<Incoming>) -> Result<Response<Incoming>, Fault> {
    let status = answer.status();
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return Err(Fault::CredentialRefused(status));
    }
    if status.is_redirection() {
        return Err(Fault::Redirect);
    }
    if answer.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Fault::Rubbish("a content encoding that was not asked for".to_owned()));
    }
    Ok(answer)
}

/// The form of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// One message.
    Json,
    /// Messages as server-sent events.
    Events,
    /// Something else, or nothing.
    Other,
}

/// The form that an answer's `Content-Type` announces.
#[must_use]
pub fn body_form(headers: &HeaderMap) -> BodyForm {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        BodyForm::Json
    } else if essence.eq_ignore_ascii_case("text/event-stream") {
        BodyForm::Events
    } else {
        BodyForm::Other
    }
}

/// Reads an answer's whole body, up to `limit` bytes.
///
/// # Errors
/// It is larger, does not arrive in time, or breaks off.
pub async fn read_whole(body: Incoming, limit: u64, time: Duration) -> Result<Bytes, Fault> {
    let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let read = tokio::time::timeout(time, Limited::new(body, bytes).collect());
    match read.await {
        Err(_) => Err(Fault::Timeout),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Fault::TooLarge { limit }),
        Ok(Err(error)) => Err(Fault::BrokeOff(error.to_string())),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}
