//! A server that speaks HTTP+SSE (MCP 2024-11-05, Transports): its messages come over an event stream, which says first
//! where messages to it are posted. What a client asks is answered over the stream; the answer to the POST says nothing.
//!
//! An [`Endpoint`] is always of the stream's own origin, because nothing else makes one.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lychgate_gateway_mcp::headers::MCP_PROTOCOL_VERSION;
use lychgate_gateway_mcp::json::{Limits, quote};
use lychgate_gateway_mcp::message::{Form, Id, Message, notification, request};
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_mcp::sse::{Decoder, Event};
use lychgate_gateway_policy::destination;
use lychgate_gateway_policy::{Permit, StreamPermit};
use url::Url;

use super::{BodyForm, Upstream, body_form};
use crate::fault::Fault;
use crate::tools::find_answer;

/// The id of the gateway's own `initialize`.
const INITIALIZE_ID: &str = "lychgate-initialize";

/// How many bytes are decoded at once. Their events wait, and each takes far more memory than the shortest has bytes.
const DECODED_BYTES: usize = 16 * 1024;

/// Where messages to a server are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// As it is sealed for the client.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The events of a stream, one by one.
pub struct Events {
    body: Incoming,
    decoder: Decoder,
    /// What the server has sent and was not decoded yet.
    undecoded: Bytes,
    ready: VecDeque<Event>,
}

impl Events {
    fn new(body: Incoming, limit: usize) -> Self {
        Self { body, decoder: Decoder::new(limit), undecoded: Bytes::new(), ready: VecDeque::new() }
    }

    /// The next event; none if the server has closed the stream. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// The stream broke off, or an event is too long.
    pub async fn next(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if !self.undecoded.is_empty() {
                let part = self.undecoded.split_to(self.undecoded.len().min(DECODED_BYTES));
                let events = self.decoder.push(&part).map_err(|error| Fault::Rubbish(error.to_string()))?;
                self.ready.extend(events);
                continue;
            }
            let frame = match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => frame.map_err(|error| Fault::BrokeOff(error.to_string()))?,
            };
            // Trailers say nothing that a client needs.
            self.undecoded = frame.into_data().unwrap_or_default();
        }
    }

    /// What the first event with data says, which must be the endpoint.
    async fn endpoint(&mut self) -> Result<String, Fault> {
        let wrong = |what: &str| Fault::Endpoint(what.to_owned());
        while let Some(event) = self.next().await? {
            let Some(data) = event.data else { continue };
            if event.event.as_deref() != Some("endpoint") {
                return Err(wrong("another event came before it"));
            }
            return String::from_utf8(data.to_vec()).map_err(|_| wrong("it is not UTF-8"));
        }
        Err(wrong("the stream ended before it"))
    }

    /// The answer to `id`. Whatever else comes is passed over: this is a session of the gateway's own.
    async fn answer(&mut self, id: &Id, limits: Limits) -> Result<Message, Fault> {
        while let Some(event) = self.next().await? {
            let is_message = event.event.as_deref().is_none_or(|kind| kind == "message");
            let Some(data) = event.data.filter(|data| is_message && !data.is_empty()) else { continue };
            if let Some(answer) = find_answer(data, id, limits)? {
                return Ok(answer);
            }
        }
        Err(Fault::Rubbish("the stream ended without an answer".to_owned()))
    }
}

impl Upstream {
    /// Opens an event stream, and waits until the server has said where messages go.
    ///
    /// # Errors
    /// As [`Upstream::send`]; [`Fault::Endpoint`] if that is nowhere, or at another origin.
    pub async fn open_stream(
        &self,
        _permit: &StreamPermit,
        headers: HeaderMap,
    ) -> Result<(Endpoint, Events), Fault> {
        tokio::time::timeout(self.call_timeout(), self.open(headers)).await.map_err(|_| Fault::Timeout)?
    }

    /// Where messages go that a client of a stream posts; asked anew for each, since the server may be another by now.
    ///
    /// # Errors
    /// [`Fault::Endpoint`]: it is not of this server's origin.
    pub fn endpoint(&self, named: &str) -> Result<Endpoint, Fault> {
        destination::parse_endpoint(self.policy.upstream(), named)
            .map(Endpoint)
            .map_err(|cause| Fault::Endpoint(format!("it {cause}")))
    }

    /// Posts a permitted call to the endpoint of a stream.
    ///
    /// # Errors
    /// As [`Upstream::send`], or the server does not take it.
    pub async fn post(&self, permit: &Permit, endpoint: &Endpoint, headers: HeaderMap) -> Result<(), Fault> {
        self.post_bytes(permit.outbound().clone(), endpoint, headers).await
    }

    /// Answers a request of the server with the gateway's own words.
    ///
    /// # Errors
    /// As [`Upstream::post`].
    pub async fn post_reply(
        &self,
        reply: Bytes,
        endpoint: &Endpoint,
        headers: HeaderMap,
    ) -> Result<(), Fault> {
        self.post_bytes(reply, endpoint, headers).await
    }

    /// Asks a question in a stream and a session of the gateway's own, because the caller's may be open at another
    /// replica. The revision is that of the caller, if he names one.
    pub(super) async fn ask_in_own_stream(
        &self,
        question: Bytes,
        headers: HeaderMap,
        id: &Id,
        limits: Limits,
    ) -> Result<Message, Fault> {
        let (endpoint, mut events) = self.open(headers.clone()).await?;
        let named = headers.get(MCP_PROTOCOL_VERSION).and_then(|value| value.to_str().ok());
        let revision = named
            .and_then(Revision::parse)
            .filter(|revision| !revision.is_modern())
            .unwrap_or(Revision::V2024_11_05);
        let initialize = Id::String(INITIALIZE_ID.to_owned());
        let params = format!(
            r#"{{"protocolVersion":{},"capabilities":{{}},"clientInfo":{{"name":"lychgate","version":{}}}}}"#,
            quote(revision.as_str()),
            quote(env!("CARGO_PKG_VERSION")),
        );
        self.post_bytes(request(&initialize, "initialize", Some(&params)), &endpoint, headers.clone())
            .await?;
        let begun = events.answer(&initialize, limits).await?;
        if !matches!(begun.form(), Form::Response { .. }) {
            return Err(Fault::Rubbish("to the gateway's own initialize: an error".to_owned()));
        }
        self.post_bytes(notification("notifications/initialized", None), &endpoint, headers.clone()).await?;
        self.post_bytes(question, &endpoint, headers).await?;
        events.answer(id, limits).await
    }

    async fn open(&self, headers: HeaderMap) -> Result<(Endpoint, Events), Fault> {
        let answer = self.exchange(Method::GET, headers, Bytes::new(), self.policy.upstream()).await?;
        if !answer.status().is_success() {
            return Err(Fault::Status(answer.status()));
        }
        if body_form(answer.headers()) != BodyForm::Events {
            return Err(Fault::Endpoint("the answer is no event stream".to_owned()));
        }
        let limit = crate::ticket::limits(&self.policy).bytes;
        let mut events = Events::new(answer.into_body(), limit);
        let named = events.endpoint().await?;
        Ok((self.endpoint(&named)?, events))
    }

    async fn post_bytes(&self, body: Bytes, endpoint: &Endpoint, headers: HeaderMap) -> Result<(), Fault> {
        let answer = self.exchange(Method::POST, headers, body, &endpoint.0).await?;
        let status: StatusCode = answer.status();
        if status.is_success() { Ok(()) } else { Err(Fault::Status(status)) }
    }
}
