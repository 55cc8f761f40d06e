//! A stand-in for an API server that watches a Secret go wrong in every way that a real one cannot be made to show.
//! How a real one answers is tested in `tests/kubernetes`.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use super::eventually;
use super::front::Front;

/// The Secret that it has.
pub const SECRET: &str = "upstream";

/// The stand-in. There is no ConfigMap in it.
pub struct ApiServer {
    front: Front,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The Secret's value.
    value: Mutex<String>,
    /// What each question for the Secret is answered with, if not as it should be.
    answer: Mutex<Option<(StatusCode, String)>>,
    /// Watches on the Secret that nobody has looked at yet.
    watches: Mutex<VecDeque<Watch>>,
    /// Whether a watch on the Secret ends as soon as it has begun.
    ends_watches: Mutex<bool>,
    /// When the Secret was asked for.
    asked: Mutex<Vec<Instant>>,
}

/// A watch that a gateway has begun.
pub struct Watch(mpsc::UnboundedSender<io::Result<Bytes>>);

impl Watch {
    pub fn send(&self, bytes: impl Into<Bytes>) {
        self.0.send(Ok(bytes.into())).unwrap();
    }

    /// Breaks the connection.
    pub fn cut(self) {
        self.0.send(Err(io::Error::other("cut"))).unwrap();
    }
}

/// A Secret as the API server shows it.
pub fn secret(value: &str) -> Value {
    json!({"kind": "Secret", "metadata": {"name": SECRET, "resourceVersion": "8"}, "data": {
        "token": STANDARD.encode(value), "lychgate-allowed-hosts": STANDARD.encode("127.0.0.1")}})
}

/// A line of a watch.
pub fn line(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

impl ApiServer {
    pub async fn start(value: &str) -> Self {
        let state = Arc::new(State { value: Mutex::new(value.to_owned()), ..State::default() });
        let serving = Arc::clone(&state);
        let front = Front::open(move |stream| serve(stream, Arc::clone(&serving))).await;
        Self { front, state }
    }

    /// Writes what a kubelet would mount, and gives the flags of a gateway that watches here.
    pub fn flags(&self, folder: &Path) -> Vec<String> {
        let mut flags = self.front.flags(folder);
        flags.extend(["--watch-config-map", "gateway"].map(str::to_owned));
        flags
    }

    /// Changes the Secret, and tells nobody.
    pub fn set(&self, value: &str) {
        value.clone_into(&mut self.state.value.lock().unwrap());
    }

    /// From now on answers each question so.
    pub fn answer(&self, status: u16, body: impl Into<String>) {
        let status = StatusCode::from_u16(status).unwrap();
        *self.state.answer.lock().unwrap() = Some((status, body.into()));
    }

    /// From now on answers as it should.
    pub fn heal(&self) {
        *self.state.answer.lock().unwrap() = None;
    }

    /// From now on each watch ends as soon as it has begun.
    pub fn end_watches(&self) {
        *self.state.ends_watches.lock().unwrap() = true;
    }

    /// The next watch on the Secret.
    pub async fn watch(&self) -> Watch {
        eventually("a watch", async || self.state.watches.lock().unwrap().pop_front()).await
    }

    /// When the Secret was asked for, list or watch.
    pub fn asked(&self) -> Vec<Instant> {
        self.state.asked.lock().unwrap().clone()
    }
}

async fn serve(stream: TlsStream<TcpStream>, state: Arc<State>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = state.respond(&request);
        async move { Ok::<_, io::Error>(response) }
    });
    // The gateway may go at any time.
    let _ended =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

impl State {
    fn respond(self: &Arc<Self>, request: &Request<Incoming>) -> Response<Lines> {
        let (sender, lines) = mpsc::unbounded_channel();
        let response = |status: StatusCode| Response::builder().status(status);
        let is_watch = request.uri().query().unwrap().contains("watch=true");
        if request.uri().path() != "/api/v1/namespaces/test/secrets" {
            if is_watch {
                // Held for as long as the process lives.
                std::mem::forget(sender);
            } else {
                sender
                    .send(Ok(json!({"metadata": {"resourceVersion": "7"}, "items": []}).to_string().into()))
                    .unwrap();
            }
            return response(StatusCode::OK).body(Lines(lines)).unwrap();
        }
        self.asked.lock().unwrap().push(Instant::now());
        if let Some((status, body)) = self.answer.lock().unwrap().clone() {
            sender.send(Ok(body.into())).unwrap();
            return response(status).header("location", "/elsewhere").body(Lines(lines)).unwrap();
        }
        if !is_watch {
            let items = [secret(&self.value.lock().unwrap())];
            let list = json!({"kind": "SecretList", "metadata": {"resourceVersion": "7"}, "items": items});
            sender.send(Ok(list.to_string().into())).unwrap();
        } else if !*self.ends_watches.lock().unwrap() {
            self.watches.lock().unwrap().push_back(Watch(sender));
        }
        response(StatusCode::OK).body(Lines(lines)).unwrap()
    }
}

/// A body that a test sends.
struct Lines(mpsc::UnboundedReceiver<io::Result<Bytes>>);

impl Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|sent| sent.map(|sent| sent.map(Frame::data)))
    }
}
