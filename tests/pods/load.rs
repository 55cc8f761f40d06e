//! Calls at a steady rate, and what became of each.

use std::collections::BTreeMap;
use std::fmt;
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
use crate::upstream::Upstream;

/// How many connections there are. Each has at most one call under way.
pub const CLIENTS: u64 = 20;
/// How often each makes a call: 200 in a second together.
pub const BUSY: Duration = Duration::from_millis(100);
/// The same for where they go on for long: 20 in a second.
pub const CALM: Duration = Duration::from_secs(1);
/// How long an address may keep silent before another connection is tried.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// What every client accepts.
pub const ACCEPT: &str = "application/json, text/event-stream";
/// The number of the next call, by which the server knows it.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What became of calls, each by its number.
#[derive(Default)]
pub struct Tally {
    pub answered: Vec<u64>,
    /// Nothing of these was sent, as the client can tell, so that whoever made them may repeat them.
    pub unsent: Vec<u64>,
    /// These were sent, and their connection broke, so that the client cannot tell what became of them.
    pub lost: Vec<(u64, String)>,
    /// Answers that are none, and calls that were never answered.
    pub wrong: Vec<(u64, String)>,
}

impl Tally {
    /// What the client believes is true at the server: what was answered was made once, what was not sent never,
    /// and nothing twice.
    pub fn is_true_of(&self, upstream: &Upstream) {
        let all_were = |calls: &[u64], expected: &[u32]| {
            let found = calls.iter().find(|call| !expected.contains(&upstream.times(**call)));
            assert!(found.is_none(), "{found:?} of {self:?}");
        };
        all_were(&self.answered, &[1]);
        all_were(&self.unsent, &[0]);
        all_were(&self.lost.iter().map(|(call, _)| *call).collect::<Vec<_>>(), &[0, 1]);
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, unsent) = (self.answered.len(), self.unsent.len());
        let (lost, wrong) = (counted(&self.lost), counted(&self.wrong));
        write!(formatter, "{answered} answered, {unsent} unsent, lost: {lost:?}, wrong: {wrong:?}")
    }
}

/// How many calls there are for each reason.
fn counted(calls: &[(u64, String)]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for (_, why) in calls {
        *counts.entry(why.as_str()).or_default() += 1;
    }
    counts
}

/// Clients at work.
pub struct Load {
    ends: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Each client makes a call in each period, or as soon as it has the answer to the last.
    pub fn start(agent: &Arc<Agent>, token: &str, session: &str, period: Duration) -> Self {
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
            tokio::spawn(client.work(period, Arc::clone(&ends), Arc::clone(&answered)))
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
            sum.answered.extend(tally.answered);
            sum.unsent.extend(tally.unsent);
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
    async fn work(mut self, period: Duration, ends: Arc<AtomicBool>, answered: Arc<AtomicU64>) -> Tally {
        let mut period = interval(period);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !ends.load(Ordering::Relaxed) {
            period.tick().await;
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            match timeout(ANSWER, self.call(number)).await {
                Ok(Ok((StatusCode::OK, text))) if text.contains("done") => {
                    self.tally.answered.push(number);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Ok((status, text))) => self.tally.wrong.push((number, format!("{status} {text}"))),
                Ok(Err(Failure::Unsent)) => self.tally.unsent.push(number),
                Ok(Err(Failure::Lost(why))) => self.tally.lost.push((number, why)),
                Err(_) => {
                    self.connection = None;
                    self.tally.wrong.push((number, format!("no answer in {ANSWER:?}")));
                }
            }
        }
        self.tally
    }

    async fn call(&mut self, number: u64) -> Result<(StatusCode, String), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            Some(_) | None => self.connect().await.map_err(|_| Failure::Unsent)?,
        };
        connection.ready().await.map_err(|_| Failure::Unsent)?;
        let request = self.agent.request(Some(&self.token), Some(&self.session), ACCEPT, &call(number));
        let lost = |error: hyper::Error| {
            if error.is_canceled() { Failure::Unsent } else { Failure::Lost(format!("{error:?}")) }
        };
        let response = connection.send_request(request).await.map_err(lost)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(lost)?.to_bytes();
        self.connection = Some(connection);
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// An address that keeps silent is as one that refuses.
    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        timeout(CONNECT, self.agent.connect()).await.map_err(io::Error::other)?
    }
}

fn call(number: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"look","arguments":{{"call":{number}}}}}}}"#
    )
}
