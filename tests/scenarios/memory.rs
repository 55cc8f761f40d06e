//! How much memory a gateway's process takes for sessions, streams and calls that are held, as the system accounts for
//! it (VmRSS). What is asserted are the bounds that docs/gateway.md states; `make bench` measures.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::counterparts::{identity_provider, many_sided, minted};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::Ask;
use crate::support::process::finish;

/// Sessions that are begun, and streams that are open at once.
const SESSIONS: usize = 10_000;
const STREAMS: usize = 1000;
/// Callers among whom they are divided; one may have 256 streams.
const CALLERS: usize = 5;
/// Sessions and streams before it is counted: what the first of them cost is not the price of one more.
const BEFORE: usize = 100;
/// How many are begun at once.
const AT_ONCE: usize = 16;

/// What all sessions together may take, in bytes: nothing of a session is kept, and this is what the system's
/// allocator and the counts of a process with much to do take.
const ALL_SESSIONS_BYTES: u64 = 16 * 1024 * 1024;
/// What an open stream may take, in bytes, in a debug build and in what memory is left between others. It is near half of
/// that for the first ones.
const STREAM_BYTES: u64 = 96 * 1024;

/// Clients of the gateway, each request over a connection that is used again unless a stream holds it.
#[derive(Clone)]
struct Clients {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    tokens: Arc<Vec<String>>,
}

impl Clients {
    async fn send(
        &self,
        method: Method,
        number: usize,
        session: Option<&str>,
        body: String,
    ) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", format!("Bearer {}", self.tokens[number % CALLERS]));
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        self.client.request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap()
    }

    /// Begins a session; gives its id.
    async fn begin(&self, number: usize) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        });
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let response = self.send(Method::POST, number, None, message.to_string()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        // Read to its end, so that the connection is free again.
        response.into_body().collect().await.unwrap();
        id
    }

    /// Begins a session, and opens its stream.
    async fn stream(&self, number: usize) -> Response<Incoming> {
        let session = self.begin(number).await;
        let stream = self.send(Method::GET, number, Some(&session), String::new()).await;
        assert_eq!(stream.status(), StatusCode::OK);
        stream
    }
}

/// Does something so often, some of it at once; gives all that came of it.
async fn many<T, F>(count: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for number in 0..count {
        let (work, places) = (work(number), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            work.await
        });
    }
    running.join_all().await
}

/// What a process has in RAM, in bytes.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// A stream takes two sockets in the gateway and one in each neighbour, and some systems give a process 1024 to begin
/// with.
async fn raise_file_limit() {
    let mut command = Command::new("sh");
    let script = "prlimit --pid $1 --nofile=$(ulimit -H -n):$(ulimit -H -n)";
    command.args(["-c", script, "sh", &std::process::id().to_string()]);
    let raised = finish(command, "").await;
    assert_eq!(raised.code, 0, "{}", raised.errors);
}

async fn open_streams(gateway: &Gateway, expected: usize) {
    eventually("so many streams to be open", async || {
        let metrics = Ask::get(&format!("{}/metrics", gateway.admin)).send().await.text;
        metrics.contains(&format!("lychgate_open_streams {expected}\n")).then_some(())
    })
    .await;
}

async fn tokens(keys: &Path, issuer: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in 0..CALLERS {
        let subject = format!("caller-{number}");
        let resource = "https://gateway.test/server/mcp";
        tokens.push(minted(keys, issuer, resource, "none", &["--subject", &subject]).await);
    }
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sessions_and_a_thousand_streams_take_no_more_memory_than_is_said() {
    raise_file_limit().await;
    let folder = folders();
    let (keys, log) = (folder.path().join("keys.json"), folder.path().join("requests.jsonl"));
    let provider = identity_provider(&keys, &[]).await;
    let server = many_sided(&log).await;
    let mut written = document(&server.url, 1);
    written["identity"] = json!({"oidc": [{
        "issuer": provider.url, "usernameClaim": "sub", "groupsClaim": "groups", "insecureLoopback": true,
    }]});
    let users: Vec<String> = (0..CALLERS).map(|number| format!("caller-{number}")).collect();
    written["access"] = json!([{"users": users, "tools": ["*"]}]);
    write_document(&folder, &written.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    gateway.ready().await;
    let tokens = Arc::new(tokens(&keys, &provider.url).await);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let clients = Clients { client, url: gateway.url(), tokens };
    let resident = || resident(gateway.process.id());
    let begin = |number| {
        let clients = clients.clone();
        async move { clients.begin(number).await }
    };
    let stream = |number| {
        let clients = clients.clone();
        async move { clients.stream(number).await }
    };

    many(BEFORE, begin).await;
    let idle = resident();
    many(SESSIONS, begin).await;
    let sessions = resident();
    let grown = sessions.saturating_sub(idle);
    assert!(grown <= ALL_SESSIONS_BYTES, "{SESSIONS} sessions took {grown} bytes, from {idle}");

    let first = many(BEFORE, stream).await;
    let before = resident();
    let open = many(STREAMS, stream).await;
    open_streams(&gateway, BEFORE + STREAMS).await;
    let each = resident().saturating_sub(before) / STREAMS as u64;
    assert!(each <= STREAM_BYTES, "a stream takes {each} bytes");

    // What is closed makes room: as many again take nothing more than that.
    drop(open);
    open_streams(&gateway, BEFORE).await;
    let again = many(STREAMS, stream).await;
    open_streams(&gateway, BEFORE + STREAMS).await;
    let each_again = resident().saturating_sub(before) / STREAMS as u64;
    assert!(each_again <= STREAM_BYTES, "a stream takes {each} bytes, and {each_again} the second time");
    drop((first, again));
}
