//! The transport of MCP 2024-11-05 by hand, for what no client would do: an event stream that is read event by event,
//! and messages to the endpoint that it names.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::http::{Answer, Ask};

/// An open stream.
pub struct EventStream {
    /// Where messages go.
    pub endpoint: String,
    token: String,
    body: Incoming,
    text: String,
}

impl EventStream {
    /// Opens a stream, and reads its first event. Without a token, none is sent.
    pub async fn open(url: &str, token: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let mut request = Request::get(url).header("accept", "text/event-stream");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self {
            endpoint: String::new(),
            token: token.to_owned(),
            body: response.into_body(),
            text: String::new(),
        };
        let (kind, endpoint) = stream.event().await.unwrap();
        assert_eq!(kind, "endpoint");
        let origin: String = url.split_inclusive('/').take(3).collect();
        stream.endpoint = format!("{}{endpoint}", origin.trim_end_matches('/'));
        stream
    }

    /// Opens a stream, and begins the session in it.
    pub async fn begin(url: &str, token: &str) -> Self {
        let mut stream = Self::open(url, token).await;
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        stream.tell(initialize).await;
        assert_eq!(stream.message().await["result"]["protocolVersion"], "2024-11-05");
        stream.tell(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        stream
    }

    /// Posts a message.
    pub async fn post(&self, message: &Value) -> Answer {
        self.post_to(&self.endpoint, message).await
    }

    /// Posts a message to another endpoint.
    pub async fn post_to(&self, endpoint: &str, message: &Value) -> Answer {
        let ask = Ask::post(endpoint, message.to_string());
        if self.token.is_empty() { ask.send().await } else { ask.token(&self.token).send().await }
    }

    /// Posts a message that is taken.
    pub async fn tell(&self, message: Value) {
        let answer = self.post(&message).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::ACCEPTED, ""), "{message}");
    }

    /// Calls a tool; gives the next message.
    pub async fn call(&mut self, id: u64, name: &str, arguments: Value) -> Value {
        self.tell(call(id, name, &arguments)).await;
        self.message().await
    }

    /// The answer to a request; what comes before it is passed over.
    pub async fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.message().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        let (kind, data) = self.event().await.expect("a message");
        assert_eq!(kind, "message", "{data}");
        serde_json::from_str(&data).unwrap()
    }

    /// The next event with data, as its type and its data; none if the stream has ended.
    pub async fn event(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let event = field("data: ").map(|data| (field("event: ").unwrap_or("message".into()), data));
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(60), self.body.frame()).await;
            let chunk = frame.expect("an event or the end").transpose().ok().flatten()?.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// The call of a tool.
pub fn call(id: u64, name: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
}
