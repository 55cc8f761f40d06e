//! Asks a connection, or a server, for its tools as any client does: as MCP 2026-07-28 first, and in a session if the
//! server is of an earlier era.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use lychgate_gateway::issuer::chain;
use lychgate_gateway::outbound::{self, HttpClient};
use lychgate_gateway_mcp::headers::{
    MCP_METHOD, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, META_PROTOCOL_VERSION,
};
use lychgate_gateway_mcp::json::{Limits, quote};
use lychgate_gateway_mcp::message::{Form, Id, Message, notification, request};
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_mcp::sse::Decoder;
use lychgate_operator_plan::shown;

use crate::cluster::wait;
use crate::output::CommandError;

/// How long the server may take for all of it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const MAXIMUM_BYTES: usize = 64 * 1024 * 1024;
/// The most pages of one list.
const MAXIMUM_PAGES: usize = 64;

/// The pages of the list of tools at `url`.
pub(super) fn pages(url: &str, token: Option<&str>, ca: Option<&str>) -> Result<Vec<Message>, CommandError> {
    wait(async {
        outbound::install_crypto_provider();
        let client = outbound::client(ca, CONNECT_TIMEOUT, None).map_err(CommandError::from_display)?;
        let mut asker = Asker::new(client, url, token)?;
        let asked = tokio::time::timeout(TIMEOUT, asker.pages()).await;
        asked.map_err(|_| {
            CommandError::new(format!("{url}: no answer within {} seconds", TIMEOUT.as_secs()))
        })?
    })
}

/// What one exchange came to.
enum Answer {
    Message(Box<Message>),
    /// A status, without a message that could be read.
    Status(StatusCode),
}

struct Asker<'a> {
    client: HttpClient,
    url: &'a str,
    authorization: Option<HeaderValue>,
    revision: Revision,
    session: Option<HeaderValue>,
    /// The number of the next request.
    next: i64,
}

impl<'a> Asker<'a> {
    fn new(client: HttpClient, url: &'a str, token: Option<&str>) -> Result<Self, CommandError> {
        let authorization = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
                .map_err(|_| CommandError::new("the token file holds something else than a token"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let authorization = authorization.transpose()?;
        Ok(Self { client, url, authorization, revision: Revision::V2026_07_28, session: None, next: 1 })
    }

    async fn pages(&mut self) -> Result<Vec<Message>, CommandError> {
        let mut cursor = None;
        let mut pages = Vec::new();
        for _ in 0..MAXIMUM_PAGES {
            let page = match self.list(cursor.as_deref()).await? {
                Some(page) => page,
                // A server of an earlier era refuses what it does not understand.
                None if pages.is_empty() && self.revision.is_modern() => {
                    self.begin().await?;
                    match self.list(None).await? {
                        Some(page) => page,
                        None => return Err(self.wrong("the server does not list tools")),
                    }
                }
                None => return Err(self.wrong("the server does not list tools")),
            };
            let next = page.result().and_then(|result| result.get("nextCursor")).and_then(|next| next.text());
            cursor = next.map(|next| next.into_owned()).filter(|next| !next.is_empty());
            pages.push(page);
            if cursor.is_none() {
                return Ok(pages);
            }
        }
        Err(self.wrong(&format!("a list of more than {MAXIMUM_PAGES} pages")))
    }

    /// A page of the list; nothing if the server answers something else.
    async fn list(&mut self, cursor: Option<&str>) -> Result<Option<Message>, CommandError> {
        let cursor = cursor.map(|cursor| format!(r#""cursor":{}"#, quote(cursor)));
        let meta = self.revision.is_modern().then(|| {
            let revision = quote(self.revision.as_str());
            format!(
                r#""_meta":{{"{META_PROTOCOL_VERSION}":{revision},"io.modelcontextprotocol/clientInfo":{},"#,
                client_info()
            ) + r#""io.modelcontextprotocol/clientCapabilities":{}}"#
        });
        let params: Vec<String> = cursor.into_iter().chain(meta).collect();
        let answer = self.ask("tools/list", &format!("{{{}}}", params.join(","))).await?;
        Ok(match answer {
            Answer::Message(message)
                if message.result().is_some_and(|result| result.get("tools").is_some()) =>
            {
                Some(*message)
            }
            Answer::Message(_) | Answer::Status(_) => None,
        })
    }

    /// Begins a session.
    async fn begin(&mut self) -> Result<(), CommandError> {
        self.revision = Revision::V2025_11_25;
        let revision = quote(self.revision.as_str());
        let params =
            format!(r#"{{"protocolVersion":{revision},"capabilities":{{}},"clientInfo":{}}}"#, client_info());
        let named = match self.ask("initialize", &params).await? {
            Answer::Message(message) => {
                let result = message.result();
                let named = result.and_then(|result| result.get("protocolVersion")).and_then(|it| it.text());
                named.and_then(|named| Revision::parse(&named))
            }
            Answer::Status(status) => {
                return Err(self.wrong(&format!("initialize is answered with {status}")));
            }
        };
        self.revision = named.ok_or_else(|| self.wrong("initialize is not answered as MCP has it"))?;
        let id = Id::Number(0);
        self.exchange(&id, "notifications/initialized", notification("notifications/initialized", None))
            .await?;
        Ok(())
    }

    async fn ask(&mut self, method: &'static str, params: &str) -> Result<Answer, CommandError> {
        let id = Id::Number(self.next);
        self.next = self.next.saturating_add(1);
        self.exchange(&id, method, request(&id, method, Some(params))).await
    }

    async fn exchange(&mut self, id: &Id, method: &'static str, body: Bytes) -> Result<Answer, CommandError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.parse().map_err(|_| self.wrong("is no http or https URL"))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if method != "initialize" {
            headers.insert(MCP_PROTOCOL_VERSION, HeaderValue::from_static(self.revision.as_str()));
        }
        if self.revision.is_modern() {
            headers.insert(MCP_METHOD, HeaderValue::from_static(method));
        }
        if let Some(session) = &self.session {
            headers.insert(MCP_SESSION_ID, session.clone());
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let answer = self.client.request(request).await.map_err(|error| self.wrong(&chain(&error)))?;
        let status = answer.status();
        if matches!(status.as_u16(), 401 | 403) {
            return Err(self.wrong(&format!("{status}; give a token that may list tools with --token-file")));
        }
        if status.is_server_error() || status.is_redirection() {
            return Err(self.wrong(&status.to_string()));
        }
        if let Some(session) = answer.headers().get(MCP_SESSION_ID) {
            self.session = Some(session.clone());
        }
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_stream = kind.starts_with("text/event-stream");
        let body = Limited::new(answer.into_body(), MAXIMUM_BYTES);
        let message = if is_stream { in_stream(body, id).await } else { whole(body, id).await };
        Ok(message.map_or(Answer::Status(status), |message| Answer::Message(Box::new(message))))
    }

    fn wrong(&self, what: &str) -> CommandError {
        CommandError::new(format!("{}: {}", self.url, shown(what)))
    }
}

fn client_info() -> String {
    format!(r#"{{"name":"lychgate pin","version":{}}}"#, quote(env!("CARGO_PKG_VERSION")))
}

type Body = Limited<hyper::body::Incoming>;

/// The message that is the whole body, if it answers `id`.
async fn whole(body: Body, id: &Id) -> Option<Message> {
    let bytes = body.collect().await.ok()?.to_bytes();
    answers(bytes, id)
}

/// The first message of a stream that answers `id`.
async fn in_stream(mut body: Body, id: &Id) -> Option<Message> {
    let mut decoder = Decoder::new(MAXIMUM_BYTES);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.ok()?.into_data() else { continue };
        let events = decoder.push(&chunk).ok()?;
        let found = events.into_iter().filter_map(|event| event.data).find_map(|data| answers(data, id));
        if found.is_some() {
            return found;
        }
    }
    None
}

fn answers(bytes: Bytes, id: &Id) -> Option<Message> {
    let message = Message::parse(bytes, Limits::with_bytes(MAXIMUM_BYTES)).ok()?;
    let is_answer = match message.form() {
        Form::Response { id: answered } => answered == id,
        Form::Error { id: answered } => answered.as_ref() == Some(id),
        Form::Request { .. } | Form::Notification { .. } => false,
    };
    is_answer.then_some(message)
}
