//! Plain HTTP, for requests that no MCP client would send.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// A request under construction.
pub struct Ask {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Ask {
    /// A POST as a client of the revisions with sessions sends it.
    pub fn post(url: &str, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, url: url.to_owned(), headers: Vec::new(), body: body.into() }
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    pub fn get(url: &str) -> Self {
        Self { method: Method::GET, url: url.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Adds a header, or replaces one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header although there may be one of that name.
    pub fn also(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it over HTTP/1.1, with a connection of its own.
    pub async fn send(self) -> Answer {
        let answered = async {
            let opened = self.open().await;
            let (status, headers) = (opened.status, opened.headers.clone());
            Answer { status, headers, text: opened.rest().await }
        };
        tokio::time::timeout(Duration::from_secs(60), answered).await.expect("an answer")
    }

    /// Sends it likewise, and gives the answer as soon as its head is there.
    pub async fn open(self) -> Opened {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = Request::builder().method(self.method).uri(self.url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body)).unwrap();
        let response = client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Opened { status: parts.status, headers: parts.headers, body, text: Vec::new() }
    }
}

/// An answer that may go on. It is closed when it is dropped.
pub struct Opened {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: hyper::body::Incoming,
    text: Vec<u8>,
}

impl Opened {
    /// Reads on until the text has `part`, and gives all that has come.
    pub async fn until(&mut self, part: &str) -> String {
        let read = async {
            loop {
                let text = String::from_utf8_lossy(&self.text).into_owned();
                if text.contains(part) {
                    return text;
                }
                let frame = self.body.frame().await;
                let frame = frame.unwrap_or_else(|| panic!("the end instead of {part}: {text}")).unwrap();
                self.text.extend(frame.into_data().unwrap_or_default());
            }
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("what is waited for")
    }

    /// Reads on until so many bytes have come.
    pub async fn until_bytes(&mut self, bytes: u64) {
        let read = async {
            while (self.text.len() as u64) < bytes {
                let frame = self.body.frame().await.expect("more").unwrap();
                self.text.extend(frame.into_data().unwrap_or_default());
            }
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("so many bytes");
    }

    /// Reads to the end, and says whether there is one: an answer may break off.
    pub async fn ends(&mut self) -> bool {
        while let Some(frame) = self.body.frame().await {
            let Ok(frame) = frame else { return false };
            self.text.extend(frame.into_data().unwrap_or_default());
        }
        true
    }

    /// Reads to the end, and keeps nothing but how many bytes have come.
    pub async fn pass(mut self) -> u64 {
        let mut bytes = self.text.len() as u64;
        while let Some(frame) = self.body.frame().await {
            bytes += frame.unwrap().into_data().unwrap_or_default().len() as u64;
        }
        bytes
    }

    /// All that has come.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// Reads to the end, and gives all that has come.
    pub async fn rest(mut self) -> String {
        self.text.extend(self.body.collect().await.unwrap().to_bytes());
        String::from_utf8(self.text).unwrap()
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The message: the body, or the data of the last event.
    pub fn message(&self) -> Value {
        let last_data =
            self.text.lines().filter_map(|line| line.strip_prefix("data: ")).rfind(|data| !data.is_empty());
        let text = last_data.unwrap_or(&self.text);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The code of the JSON-RPC error.
    pub fn code(&self) -> i64 {
        self.message()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {}", self.text))
    }
}

/// A call of a tool as the older revisions spell it.
pub fn tool_call(name: &str, arguments: &Value) -> String {
    serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments},
    })
    .to_string()
}

/// A request of a client of MCP 2026-07-28 that knows of tasks.
pub fn knowing_tasks(url: &str, method: &str, mut params: Value) -> Ask {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}},
        },
    });
    let name = params["name"].as_str().or(params["taskId"].as_str()).map(str::to_owned);
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let ask = Ask::post(url, message.to_string())
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    match name {
        Some(name) => ask.header("mcp-name", &name),
        None => ask,
    }
}
