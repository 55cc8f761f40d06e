//! Calls at a steady rate, and what became of each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::StatusCode;
use hyper::client::conn::http1::SendRequest;
use lychgate_tests_cluster::eventually;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::agent::Agent;
use crate::stage::PATIENCE;

/// How many connections there are. Each has at most one call under way.
pub const CLIENTS: u64 = 20;
/// How often each makes a call: 200 in a second together.
const PERIOD: Duration = Duration::from_millis(100);
/// How long an address may keep silent before another connection is tried.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
const ACCEPT: &str = "application/json, text/event-stream";
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"look","arguments":{}}}"#;

/// What became of calls.
#[derive(Debug, Default)]
pub struct Tally {
    pub answered: u64,
    /// Nothing of these was sent, and they were made again over another connection, as every client does.
    pub unsent: u64,
    /// These were sent, and nobody knows what became of them.
    pub lost: Vec<String>,
    /// Answers that are none.
    pub wrong: Vec<String>,
}

/// Clients at work.
pub struct Load {
    ends: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

impl Load {
    pub fn start(agent: &Arc<Agent>, token: &str, session: &str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let client = |_| {
            let client = Client {
                agent: Arc::clone(agent),
                token: token.to_owned(),
                session: session.to_owned(),
                connection: None,
                tally: Tally::default(),
            };
            tokio::spawn(client.work(Arc::clone(&ends), Arc::clone(&answered)))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { ends, answered, clients }
    }

    /// Waits until so many calls more were answered.
    pub async fn more(&self, calls: u64) {
        let enough = self.answered.load(Ordering::Relaxed) + calls;
        eventually("answers to calls", PATIENCE, async || {
            let answered = self.answered.load(Ordering::Relaxed);
            if answered >= enough { Ok(()) } else { Err(format!("{answered} of {enough}")) }
        })
        .await;
    }

    /// Lets the calls under way end.
    pub async fn end(self) -> Tally {
        self.ends.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for client in self.clients {
            let tally = client.await.unwrap();
            sum.answered += tally.answered;
            sum.unsent += tally.unsent;
            sum.lost.extend(tally.lost);
            sum.wrong.extend(tally.wrong);
        }
        sum
    }
}

struct Client {
    agent: Arc<Agent>,
    token: String,
    session: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    tally: Tally,
}

/// Why a call has no answer.
enum Failure {
    Unsent,
    Lost(String),
}

impl Client {
    async fn work(mut self, ends: Arc<AtomicBool>, answered: Arc<AtomicU64>) -> Tally {
        let mut period = interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !ends.load(Ordering::Relaxed) {
            period.tick().await;
            match timeout(ANSWER, self.call()).await {
                Ok(Ok((StatusCode::OK, text))) if text.contains("done") => {
                    self.tally.answered += 1;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Ok((status, text))) => self.tally.wrong.push(format!("{status} {text}")),
                Ok(Err(Failure::Unsent)) => self.tally.unsent += 1,
                Ok(Err(Failure::Lost(why))) => self.tally.lost.push(why),
                Err(_) => {
                    self.connection = None;
                    self.tally.lost.push(format!("no answer in {ANSWER:?}"));
                }
            }
        }
        self.tally
    }

    async fn call(&mut self) -> Result<(StatusCode, String), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            Some(_) | None => self.connect().await.map_err(|_| Failure::Unsent)?,
        };
        connection.ready().await.map_err(|_| Failure::Unsent)?;
        let request = self.agent.request(Some(&self.token), Some(&self.session), ACCEPT, CALL);
        let lost = |error: hyper::Error| {
            if error.is_canceled() { Failure::Unsent } else { Failure::Lost(format!("{error:?}")) }
        };
        let response = connection.send_request(request).await.map_err(lost)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(lost)?.to_bytes();
        self.connection = Some(connection);
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        timeout(CONNECT, self.agent.connect()).await.map_err(io::Error::other)?
    }
}
