//! A server in the test itself, on the node's address, that keeps the last credential it was sent, and counts calls.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lychgate_tests_node::ADDRESS;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How long a call takes, so that some are under way whenever something happens.
const WORK: Duration = Duration::from_millis(50);

/// What there is of an answer that never ends.
static ENDLESS: LazyLock<Bytes> = LazyLock::new(|| vec![b' '; 4_000_000].into());

/// What the server was sent.
#[derive(Clone, Default)]
pub struct Upstream {
    credential: Arc<Mutex<String>>,
    calls: Arc<Mutex<BTreeMap<u64, u32>>>,
}

/// The bytes of an answer, whole or not.
struct Answer {
    bytes: Option<Bytes>,
    ends: bool,
}

impl Answer {
    fn whole(text: String) -> Self {
        Self { bytes: Some(Bytes::from(text)), ends: true }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.ends => Poll::Ready(None),
            // Nobody wakes it, until its connection breaks.
            None => Poll::Pending,
        }
    }
}

impl Upstream {
    /// Listens; gives its URL, too.
    pub async fn open() -> (Self, String) {
        let upstream = Self::default();
        let listener = TcpListener::bind((ADDRESS, 0)).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let served = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| served.answer(request));
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
                });
            }
        });
        (upstream, url)
    }

    /// The Authorization header of the last request.
    pub fn credential(&self) -> String {
        self.credential.lock().unwrap().clone()
    }

    /// How often the call of this number was made.
    pub fn times(&self, call: u64) -> u32 {
        self.calls.lock().unwrap().get(&call).copied().unwrap_or_default()
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
        if let Some(header) = request.headers().get("authorization") {
            header.to_str().unwrap().clone_into(&mut self.credential.lock().unwrap());
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let arguments = &message["params"]["arguments"];
        if let Some(call) = arguments["call"].as_u64() {
            *self.calls.lock().unwrap().entry(call).or_default() += 1;
        }
        let response = Response::builder().header("content-type", "application/json");
        if arguments["endless"] == true {
            return Ok(response.body(Answer { bytes: Some(ENDLESS.clone()), ends: false }).unwrap());
        }
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "upstream", "version": "1"},
            }),
            Some("tools/call") => {
                tokio::time::sleep(WORK).await;
                json!({"content": [{"type": "text", "text": "done"}]})
            }
            Some(_) | None => {
                let accepted = Response::builder().status(StatusCode::ACCEPTED);
                return Ok(accepted.body(Answer::whole(String::new())).unwrap());
            }
        };
        let text = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
        Ok(response.body(Answer::whole(text)).unwrap())
    }
}
