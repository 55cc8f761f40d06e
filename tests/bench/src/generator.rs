//! Calls at a steady rate, whatever becomes of the ones before: each has a moment at which it is meant to be sent,
//! and its time counts from then. So an arm that stalls is not asked less, and its stall is seen in full. Without
//! a rate, calls follow one another as fast as the arm lets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

use crate::client::{Connection, Target, unexpected};
use crate::histogram::Histogram;
use crate::outcome::{Fault, Outcome, Told};
use crate::traffic::{FIRST_ID, Form, Template, Traffic, last_data};

/// How long before its moment the first call is prepared.
const LEAD: Duration = Duration::from_millis(20);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) traffic: Traffic,
    /// Calls a second; as many as the arm takes without.
    pub(crate) rate: Option<f64>,
    pub(crate) time: Duration,
    /// How many calls may be under way at once.
    pub(crate) connections: usize,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// From the moment that was meant to the last byte, in nanoseconds.
    pub(crate) whole: Histogram,
    /// From the moment that was meant to the first byte of the body, in nanoseconds.
    pub(crate) first_byte: Histogram,
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
}

/// A call that is due.
struct Due {
    id: u64,
    at: Instant,
}

/// Runs a load against an arm. Any answer that is not the expected one, byte for byte, ends it with an error.
pub(crate) async fn run(target: &Target, load: Load) -> Outcome<Seen> {
    let template = Arc::new(Template::of_size(load.traffic.size).told("an answer of that size")?);
    let tool: Arc<str> = load.traffic.tool().into();
    let mut connections = Vec::new();
    for number in 0..load.connections {
        let mut connection = Connection::open(target).await?;
        connection.speak(load.traffic.era, &tool, FIRST_ID + number as u64).await?;
        connections.push(connection);
    }
    let begun = Instant::now();
    let due = Arc::new(Source::new(load));
    let mut workers = Vec::new();
    for connection in connections {
        let worker = Worker { connection, template: Arc::clone(&template), tool: Arc::clone(&tool), load };
        workers.push(tokio::spawn(worker.run(Arc::clone(&due))));
    }
    let mut seen = Seen::default();
    for worker in workers {
        let (whole, first_byte, calls) = worker.await.told("a worker")??;
        seen.whole.add(&whole);
        seen.first_byte.add(&first_byte);
        seen.calls = seen.calls.saturating_add(calls);
    }
    seen.seconds = begun.elapsed().as_secs_f64();
    Ok(seen)
}

/// Where workers get calls that are due.
enum Source {
    Paced(Mutex<mpsc::UnboundedReceiver<Due>>),
    Hurried { next: AtomicU64, until: Instant },
}

impl Source {
    fn new(load: Load) -> Self {
        let Some(rate) = load.rate else {
            return Self::Hurried { next: AtomicU64::new(FIRST_ID), until: Instant::now() + load.time };
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        let calls = (rate * load.time.as_secs_f64()).ceil().max(1.0) as u64;
        let first = Instant::now() + LEAD;
        // A thread of its own sleeps to the microsecond; the runtime's timer knows milliseconds.
        std::thread::spawn(move || {
            for number in 0..calls {
                let at = first + Duration::from_secs_f64(number as f64 / rate);
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                if sender.send(Due { id: FIRST_ID + number, at }).is_err() {
                    return;
                }
            }
        });
        Self::Paced(Mutex::new(receiver))
    }

    async fn next(&self) -> Option<Due> {
        match self {
            Self::Paced(receiver) => receiver.lock().await.recv().await,
            Self::Hurried { next, until } => {
                let at = Instant::now();
                (at < *until).then(|| Due { id: next.fetch_add(1, Ordering::Relaxed), at })
            }
        }
    }
}

struct Worker {
    connection: Connection,
    template: Arc<Template>,
    tool: Arc<str>,
    load: Load,
}

impl Worker {
    async fn run(mut self, due: Arc<Source>) -> Outcome<(Histogram, Histogram, u64)> {
        let (mut whole, mut first_byte, mut calls) = (Histogram::default(), Histogram::default(), 0u64);
        while let Some(Due { id, at }) = due.next().await {
            let answer = self.connection.call(self.load.traffic, &self.tool, id).await?;
            let ended = Instant::now();
            let message = match self.load.traffic.form {
                Form::Json => Some(answer.body.as_ref()),
                Form::Events | Form::Later => last_data(&answer.body),
            };
            let is_right =
                message.is_some_and(|message| self.template.is(message, id.to_string().as_bytes()));
            if !answer.status.is_success() || !is_right {
                return Err(unexpected("an answer that was not expected", &answer));
            }
            whole.record(nanoseconds(ended.saturating_duration_since(at)));
            first_byte.record(nanoseconds(answer.first_byte.saturating_duration_since(at)));
            calls = calls.saturating_add(1);
        }
        if calls == 0 && self.load.rate.is_none() {
            return Err(Fault("an arm gave no answer in time".to_owned()));
        }
        Ok((whole, first_byte, calls))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
