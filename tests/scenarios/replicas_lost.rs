//! A thousand sessions behind a balancer, and calls under way in all replicas, while one of these is killed and another
//! is replaced. Every call has a number, and the server's own log says how often it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::support::counterparts::{logged, many_sided};
use crate::support::dev::{entries, journal};
use crate::support::eventually;
use crate::support::gateway::{document, folders, write_document};
use crate::support::replicas::Replicas;

/// How many sessions are open.
const SESSIONS: u64 = 1000;
/// How many calls each of them makes.
const CALLS: u64 = 3;
/// How many calls are under way at once, in all replicas together.
const AT_ONCE: usize = 120;
/// How long the server works on each, in seconds.
const SECONDS: f64 = 0.15;
/// How many calls more are certainly under way in the replica that is killed.
const CAUGHT: u64 = 10;

/// Clients that share their connections, as the clients of one host may.
#[derive(Clone)]
struct Clients {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

impl Clients {
    async fn post(
        &self,
        url: &str,
        session: Option<&str>,
        message: Value,
    ) -> hyper::Response<hyper::body::Incoming> {
        let mut request = Request::post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        let request = request.body(Full::new(Bytes::from(message.to_string()))).unwrap();
        self.client.request(request).await.expect("the balancer, and a replica that lives, to answer")
    }

    /// Begins a session; gives its id.
    async fn begin(&self) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        });
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let response = self.post(&self.url, None, message).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
    }

    /// Makes the call with that number. It has its answer, or broke off at the replica that is named.
    async fn call(&self, session: &str, number: u64) -> Result<(), String> {
        let arguments = json!({"seconds": SECONDS, "number": number});
        let params = json!({"name": "slow_compute", "arguments": arguments});
        let message = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params});
        let response = self.post(&self.url, Some(session), message).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        let Some(replica) = parts.headers.get("x-replica") else {
            // The balancer says so where the replica had not even begun to answer.
            assert_eq!(parts.status, StatusCode::BAD_GATEWAY);
            return Err(text(&body.unwrap()).split(' ').next().unwrap().to_owned());
        };
        let Ok(body) = body else { return Err(replica.to_str().unwrap().to_owned()) };
        let body = text(&body);
        assert_eq!(parts.status, StatusCode::OK, "{body}");
        let last = body.lines().filter_map(|line| line.strip_prefix("data: ")).next_back();
        let message: Value =
            serde_json::from_str(last.unwrap_or_else(|| panic!("no answer: {body}"))).unwrap();
        assert_eq!(message["id"], number, "{body}");
        assert_eq!(message["result"]["content"][0]["text"], format!("Computed for {SECONDS} s"), "{body}");
        Ok(())
    }
}

/// Does something for each number, so many at once; gives what came of it in the order of numbers.
async fn for_each<T, F>(numbers: u64, work: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for number in 0..numbers {
        let (work, places) = (work(number), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            (number, work.await)
        });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// How often each call was made, as the server saw it.
fn made(log: &Path) -> BTreeMap<u64, usize> {
    let mut made = BTreeMap::new();
    for request in logged(log) {
        let body: Value =
            serde_json::from_str(request["body"].as_str().unwrap_or_default()).unwrap_or_default();
        if let Some(number) = body["params"]["arguments"]["number"].as_u64() {
            *made.entry(number).or_default() += 1;
        }
    }
    made
}

/// The calls whose request is in the record of a replica, in its folder of the journal.
fn recorded(folder: &Path) -> BTreeSet<u64> {
    let number = |entry: &Value| entry["message"]["params"]["arguments"]["number"].as_u64();
    let requests = entries(&journal(folder)).into_iter().filter(|entry| entry["kind"] == "Request");
    requests.filter_map(|entry| number(&entry)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_sessions_only_calls_under_way_in_a_killed_replica_break_off_and_none_is_made_twice() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let mut replicas = Replicas::start(folder, 3, &[]).await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let clients = Clients { client, url: replicas.url.clone() };
    let sessions = for_each(SESSIONS, |_| {
        let clients = clients.clone();
        async move { clients.begin().await }
    })
    .await;
    let sessions = Arc::new(sessions);

    let (progress, mut done) = watch::channel(0);
    let progress = Arc::new(progress);
    let calling = for_each(SESSIONS * CALLS, |number| {
        let (clients, sessions, progress) = (clients.clone(), Arc::clone(&sessions), Arc::clone(&progress));
        async move {
            let session = &sessions[usize::try_from(number % SESSIONS).unwrap()];
            let outcome = clients.call(session, number).await;
            progress.send_modify(|done| *done += 1);
            outcome
        }
    });
    let total = SESSIONS * CALLS;
    let disturbing = async {
        done.wait_for(|done| *done >= total / 4).await.unwrap();
        let caught = catch(&clients, &replicas, &sessions, &log).await;
        replicas.kill(0).await;
        for call in caught {
            assert!(call.await.unwrap().is_err(), "what was under way there breaks off");
        }
        done.wait_for(|done| *done >= total / 2).await.unwrap();
        assert_eq!(replicas.terminate(1).await, Some(0));
        replicas.restart(1).await;
        let left = total - *done.borrow();
        assert!(left > 0, "calls were made all the while");
    };
    let (outcomes, ()) = tokio::join!(calling, disturbing);

    let killed = replicas.address_of(0).to_owned();
    let broken: Vec<u64> =
        (0..total).filter(|number| outcomes[usize::try_from(*number).unwrap()].is_err()).collect();
    for number in &broken {
        assert_eq!(outcomes[usize::try_from(*number).unwrap()], Err(killed.clone()), "call {number}");
    }
    let under_way = AT_ONCE.min(broken.len());
    assert_eq!(broken.len(), under_way, "no more broke off than were under way: {broken:?}");
    let made_before = made(&log);
    let recorded = recorded(&replicas.folder.path().join("journal/replica-0-0"));
    for number in 0..total + CAUGHT {
        let times = made_before.get(&number).copied().unwrap_or_default();
        let is_broken = number >= total || broken.contains(&number);
        assert!(times == 1 || (is_broken && times == 0), "call {number} was made {times} times");
        // So whoever wants to know what became of it finds it in the record of the replica that was killed.
        assert!(!is_broken || times == 0 || recorded.contains(&number), "call {number} is on no record");
    }

    // Who may repeat a call that broke off does so in the same session.
    for number in broken {
        let session = &sessions[usize::try_from(number % SESSIONS).unwrap()];
        assert_eq!(clients.call(session, number).await, Ok(()), "call {number} again");
    }
    assert_eq!(replicas.verify().await.code, 0);
}

/// Has calls under way in the replica that will be killed: they have reached the server, and have no answer yet.
async fn catch(
    clients: &Clients,
    replicas: &Replicas,
    sessions: &[String],
    log: &Path,
) -> Vec<tokio::task::JoinHandle<Result<Bytes, hyper::Error>>> {
    let mut caught = Vec::new();
    for number in SESSIONS * CALLS..SESSIONS * CALLS + CAUGHT {
        let arguments = json!({"seconds": 600, "number": number});
        let params = json!({"name": "slow_compute", "arguments": arguments});
        let message = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params});
        let response = clients.post(&replicas.url_of(0), Some(&sessions[0]), message).await;
        assert_eq!(response.status(), StatusCode::OK, "it streams, and says nothing yet");
        caught.push(tokio::spawn(async move {
            response.into_body().collect().await.map(http_body_util::Collected::to_bytes)
        }));
    }
    eventually("the calls to be under way", async || {
        let made = made(log);
        (SESSIONS * CALLS..SESSIONS * CALLS + CAUGHT).all(|number| made.contains_key(&number)).then_some(())
    })
    .await;
    caught
}
