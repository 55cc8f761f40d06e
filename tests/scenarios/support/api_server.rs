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
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::eventually;

/// The Secret that it has.
pub const SECRET: &str = "upstream";

/// The stand-in. There is no ConfigMap in it.
pub struct ApiServer {
    pub url: String,
    certificate: String,
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
        lychgate_gateway::outbound::install_crypto_provider();
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let state = Arc::new(State { value: Mutex::new(value.to_owned()), ..State::default() });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&serving)));
            }
        });
        Self { url, certificate, state }
    }

    /// Writes what a kubelet would mount, and gives the flags of a gateway that watches here.
    pub fn flags(&self, folder: &Path) -> Vec<String> {
        let kubernetes = folder.join("kubernetes");
        std::fs::create_dir(&kubernetes).unwrap();
        for (file, text) in [("token", "token"), ("namespace", "test"), ("ca.crt", &self.certificate)] {
            std::fs::write(kubernetes.join(file), text).unwrap();
        }
        let kubernetes = kubernetes.to_str().unwrap();
        ["--watch-config-map", "gateway", "--kubernetes-dir", kubernetes, "--kubernetes-url", &self.url]
            .map(str::to_owned)
            .into()
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

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, state: Arc<State>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
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
