//! One HTTP/1.1 connection to an arm, and what is sent over it.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::outcome::{Fault, Outcome, Told};
use crate::traffic::{Era, LEGACY, MODERN, Traffic, call, initialize};

/// Where an arm is reached, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: String,
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    path: Uri,
    headers: HeaderMap,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When the first bytes of the body were there.
    pub(crate) first_byte: Instant,
}

impl Connection {
    /// Opens a connection.
    pub(crate) async fn open(target: &Target) -> Outcome<Self> {
        let url: Uri = target.url.parse().told(&target.url)?;
        let authority = url.authority().told("a URL without a host")?.to_string();
        let stream = TcpStream::connect(&authority).await.told(&authority)?;
        stream.set_nodelay(true).told(&authority)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.told(&authority)?;
        tokio::spawn(async move {
            // What breaks a connection is told by the request that meets it.
            let _told_elsewhere = connection.await;
        });
        let path = url.path_and_query().map_or("/", |path| path.as_str()).parse().told(&target.url)?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, value(&authority)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !target.token.is_empty() {
            headers.insert(AUTHORIZATION, value(&format!("Bearer {}", target.token))?);
        }
        Ok(Self { sender, path, headers })
    }

    /// Sets what calls of an era carry in their headers. A legacy client begins a session.
    pub(crate) async fn speak(&mut self, era: Era, tool: &str, id: u64) -> Outcome<()> {
        match era {
            Era::Modern => {
                self.set("mcp-protocol-version", MODERN)?;
                self.set("mcp-method", "tools/call")?;
                self.set("mcp-name", tool)
            }
            Era::Legacy => {
                let answer = self.post(initialize(id)).await?;
                let session =
                    answer.headers.get("mcp-session-id").cloned().told("an answer without a session")?;
                self.headers.insert(HeaderName::from_static("mcp-session-id"), session);
                self.set("mcp-protocol-version", LEGACY)
            }
        }
    }

    fn set(&mut self, name: &'static str, text: &str) -> Outcome<()> {
        self.headers.insert(HeaderName::from_static(name), value(text)?);
        Ok(())
    }

    /// Makes a call, and reads all of its answer.
    pub(crate) async fn call(&mut self, traffic: Traffic, tool: &str, id: u64) -> Outcome<Answer> {
        self.post(call(traffic.era, tool, id)).await
    }

    /// Sends a message, and reads all of the answer.
    pub(crate) async fn post(&mut self, message: Bytes) -> Outcome<Answer> {
        let response = self.send(Method::POST, message).await?;
        read(response).await
    }

    /// Sends a request, and gives the answer as soon as its head is there.
    pub(crate) async fn send(&mut self, method: Method, message: Bytes) -> Outcome<Response<Incoming>> {
        self.sender.ready().await.told("a connection")?;
        let mut request = Request::new(Full::new(message));
        *request.method_mut() = method;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        self.sender.send_request(request).await.told("a request")
    }
}

async fn read(response: Response<Incoming>) -> Outcome<Answer> {
    let (parts, mut body) = response.into_parts();
    let mut first_byte = None;
    let mut whole = BytesMut::new();
    let mut only = None;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.told("an answer")?.into_data() else { continue };
        first_byte.get_or_insert_with(Instant::now);
        match only.take() {
            None if whole.is_empty() => only = Some(chunk),
            None => whole.extend_from_slice(&chunk),
            Some(first) => {
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&chunk);
            }
        }
    }
    let body = only.unwrap_or_else(|| whole.freeze());
    let first_byte = first_byte.unwrap_or_else(Instant::now);
    Ok(Answer { status: parts.status, headers: parts.headers, body, first_byte })
}

fn value(text: &str) -> Outcome<HeaderValue> {
    HeaderValue::from_str(text).told("a header")
}

/// The status of a GET, over a connection of its own.
pub(crate) async fn status_of(url: &str) -> Outcome<StatusCode> {
    let target = Target { url: url.to_owned(), token: String::new() };
    let mut connection = Connection::open(&target).await?;
    Ok(connection.send(Method::GET, Bytes::new()).await?.status())
}

/// A sentence about an answer that is not what it should be.
pub(crate) fn unexpected(what: &str, answer: &Answer) -> Fault {
    let text = String::from_utf8_lossy(&answer.body);
    let beginning: String = text.chars().take(300).collect();
    Fault(format!("{what}: {} with {} bytes: {beginning}", answer.status, answer.body.len()))
}
