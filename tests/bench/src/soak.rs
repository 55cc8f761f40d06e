//! `make soak`: a gateway at half of what it can do, for as long as it is told, while its configuration and its
//! credential change every second. No call may fail, every answer must be the expected one, byte for byte, and the
//! process must not grow once it is warm.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Target;
use crate::generator::{Load, run as generate};
use crate::governed::{Folders, Gateway, with};
use crate::issuer::GROUP;
use crate::order::median;
use crate::outcome::{Fault, Outcome, Told};
use crate::stage::Stage;
use crate::traffic::{Era, Form, Size, Traffic};

/// What is sent, in turn.
const TRAFFIC: [Traffic; 4] = [
    Traffic { era: Era::Modern, form: Form::Json, size: Size::Bytes200 },
    Traffic { era: Era::Legacy, form: Form::Events, size: Size::Kibibytes2 },
    Traffic { era: Era::Legacy, form: Form::Json, size: Size::Bytes200 },
    Traffic { era: Era::Modern, form: Form::Json, size: Size::Kibibytes256 },
];
/// How many calls may be under way at once.
const CONNECTIONS: usize = 16;
/// How long each kind is sent as fast as possible, to learn what the ceiling is.
const CEILING: Duration = Duration::from_secs(2);
/// How long one kind is sent before the next, with clients and a token of its own.
const TURN: Duration = Duration::from_secs(5);
/// How often configuration and credential change.
const CHANGE: Duration = Duration::from_secs(1);
/// The part of the time after which the process counts as warm, and the part of it at the end that is compared.
const WARM: u32 = 5;
/// How much the process may have grown since it was warm, in bytes. In an hour, a leak of a few bytes in each call
/// would be more.
const GROWTH_BYTES: f64 = 8.0 * 1024.0 * 1024.0;
/// The journal is cleared as a shipper would do it; its limit must not end the run. In MiB.
const JOURNAL_LIMIT: &str = "100000000";

/// How a run went.
pub(crate) struct Soaked {
    /// Calls that were made and answered as they should be.
    pub(crate) calls: u64,
    /// Changes of configuration and credential.
    pub(crate) changes: u64,
    /// What the process had in RAM once it was warm, and at the end, in bytes.
    pub(crate) warm: f64,
    pub(crate) end: f64,
}

/// Runs for so long.
pub(crate) async fn run(stage: &Stage, time: Duration, tell: impl Fn(&str)) -> Outcome<Soaked> {
    let mut command = Command::new(&stage.binary);
    command.args(["--journal-limit-mebibytes", JOURNAL_LIMIT]);
    let gateway = Gateway::start(command, stage.folders()?, stage.cores.measured).await?;
    let target = |number| -> Outcome<Target> {
        Ok(Target { url: gateway.url.clone(), token: stage.issuer.token("alice", number)? })
    };
    let mut rates = Vec::new();
    for traffic in TRAFFIC {
        let load = Load { traffic, rate: None, time: CEILING, connections: CONNECTIONS };
        let seen = generate(&target(0)?, load).await?;
        rates.push(seen.calls as f64 / seen.seconds / 2.0);
        tell(&format!(
            "{}: half of the ceiling is {:.0} calls a second",
            traffic.name(),
            rates.last().told("a rate")?
        ));
    }
    let begun = Instant::now();
    let mut changing = Changing { number: 0, at: begun };
    let (mut soaked, mut samples) = (Soaked { calls: 0, changes: 0, warm: 0.0, end: 0.0 }, Vec::new());
    for (number, (traffic, rate)) in TRAFFIC.into_iter().zip(rates).cycle().enumerate() {
        if begun.elapsed() >= time {
            break;
        }
        let load = Load { traffic, rate: Some(rate), time: TURN, connections: CONNECTIONS };
        let target = target(number)?;
        let seen = tokio::select! {
            seen = generate(&target, load) => seen?,
            fault = changing.forever(&gateway.folders) => return Err(fault),
        };
        soaked.calls = soaked.calls.saturating_add(seen.calls);
        let resident = gateway.process.resident_bytes()?;
        samples.push((begun.elapsed(), resident));
        if number % (TRAFFIC.len() * 3) == 0 {
            let seconds = begun.elapsed().as_secs();
            tell(&format!("{seconds} s: {} calls, {:.1} MiB", soaked.calls, resident / 1024.0 / 1024.0));
        }
    }
    soaked.changes = changing.number;
    let between = |from: Duration, to: Duration| -> Outcome<f64> {
        let of = samples.iter().filter(|(at, _)| *at >= from && *at <= to).map(|(_, resident)| *resident);
        median(&of.collect::<Vec<_>>())
            .told("too short a time to see anything; let it run for a minute at least")
    };
    soaked.warm = between(time / WARM, time / WARM * 2)?;
    soaked.end = between(time / WARM * (WARM - 1), Duration::MAX)?;
    if soaked.end - soaked.warm > GROWTH_BYTES {
        let (warm, end) = (soaked.warm, soaked.end);
        return Err(Fault(format!("the gateway has grown from {warm} bytes, once it was warm, to {end}")));
    }
    Ok(soaked)
}

/// What changes, and when next.
struct Changing {
    number: u64,
    at: Instant,
}

impl Changing {
    /// Changes configuration and credential again and again; ends with what went wrong.
    async fn forever(&mut self, folders: &Folders) -> Fault {
        loop {
            self.at = (self.at + CHANGE).max(Instant::now());
            tokio::time::sleep_until(self.at.into()).await;
            if let Err(fault) = self.once(folders) {
                return fault;
            }
        }
    }

    fn once(&mut self, folders: &Folders) -> Outcome<()> {
        self.number = self.number.saturating_add(1);
        folders.configure(&changed(folders.config(), self.number))?;
        folders.replace("secrets/upstream/token", &format!("credential-number-{}", self.number))?;
        folders.ship()
    }
}

/// Another configuration each time, by which all that is sent passes.
fn changed(config: Value, number: u64) -> Value {
    let access = json!([
        {"groups": [GROUP], "tools": ["query_*"]},
        {"groups": [format!("group-{number}")], "tools": [format!("other_{number}")]},
    ]);
    with(with(config, "sequence", json!(number.saturating_add(1))), "access", access)
}
