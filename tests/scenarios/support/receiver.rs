//! A receiver of webhooks, over TLS, that answers as it is told and keeps all that it gets.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::process::Command;

use super::counterparts::{interpreter, script};
use super::eventually;
use super::front::Front;
use super::process::finish;

/// What is answered once. Without any, messages are taken.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status, with a header.
    Status(u16, &'static str, &'static str),
    /// Nothing, ever.
    Never,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, VecDeque<Reply>>,
    received: HashMap<String, Vec<Received>>,
}

/// The receiver.
pub struct Receiver {
    front: Front,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let serving = Arc::clone(&state);
        let front = Front::open(move |stream| {
            let state = Arc::clone(&serving);
            async move {
                let answer = service_fn(move |request| respond(request, Arc::clone(&state)));
                let connection = hyper::server::conn::http1::Builder::new();
                // The gateway may go at any time.
                let _ended = connection.serve_connection(TokioIo::new(stream), answer).await;
            }
        })
        .await;
        Self { front, state }
    }

    /// The host, as a McpGateway names it.
    pub fn host(&self) -> String {
        self.front.url.strip_prefix("https://").unwrap().to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.front.url)
    }

    pub fn certificate(&self) -> &str {
        self.front.certificate()
    }

    /// What the next messages to `path` are answered.
    pub fn reply(&self, path: &str, replies: &[Reply]) {
        self.state.lock().unwrap().replies.insert(path.to_owned(), replies.iter().cloned().collect());
    }

    /// All that came to `path`.
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.state.lock().unwrap().received.get(path).cloned().unwrap_or_default()
    }

    /// The first `count` messages to `path`, once they are there.
    pub async fn wait(&self, path: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages to {path}"), async || {
            let received = self.received(path);
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What the package `standardwebhooks` says of it.
    pub async fn verified(&self, key: &str) -> Value {
        let mut command = Command::new(interpreter("node"));
        command.arg(script("clients/verify_webhook.mjs"));
        let question = json!({"key": key, "headers": self.headers, "body": self.body});
        let finished = finish(command, &question.to_string()).await;
        assert_eq!(finished.code, 0, "{}", finished.errors);
        serde_json::from_str(&finished.output).unwrap()
    }
}

async fn respond(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Empty<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let body = text(&body.collect().await.unwrap().to_bytes());
    let headers =
        parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let path = parts.uri.path().to_owned();
    let reply = {
        let mut state = state.lock().unwrap();
        state.received.entry(path.clone()).or_default().push(Received { headers, body });
        state.replies.get_mut(&path).and_then(VecDeque::pop_front)
    };
    let (status, name, value) = match reply {
        None => (204, "x-taken", "yes"),
        Some(Reply::Status(status, name, value)) => (status, name, value),
        Some(Reply::Never) => std::future::pending().await,
    };
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap()).header(name, value);
    Ok(response.body(Empty::new()).unwrap())
}
