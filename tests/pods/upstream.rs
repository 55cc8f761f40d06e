//! A server in the test itself, on the node's address, that keeps the last credential it was sent.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lychgate_tests_node::ADDRESS;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How long a call takes, so that some are under way whenever something happens.
const WORK: Duration = Duration::from_millis(50);

/// What the server was sent last.
#[derive(Clone, Default)]
pub struct Upstream {
    credential: Arc<Mutex<String>>,
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

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        if let Some(header) = request.headers().get("authorization") {
            header.to_str().unwrap().clone_into(&mut self.credential.lock().unwrap());
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
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
                return Ok(accepted.body(Full::default()).unwrap());
            }
        };
        let text = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
        let response = Response::builder().header("content-type", "application/json");
        Ok(response.body(Full::from(text)).unwrap())
    }
}
