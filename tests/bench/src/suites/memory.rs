//! How much memory a gateway has at rest, and how much more for each stream and each call that it holds: RAM of its
//! process (VmRSS), before and after many of them, divided.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;

use crate::arms::passthrough;
use crate::client::{Connection, Target};
use crate::governed::{Gateway, with_approval};
use crate::outcome::{Fault, Outcome, Told};
use crate::process::Process;
use crate::report::Figures;
use crate::stage::Stage;
use crate::traffic::{Era, FIRST_ID, Form, Size, Traffic, call};

/// How many are open before it is counted, so that what the first ones cost is not divided among the others.
const BEFORE: usize = 100;
/// How many more are opened.
const STREAMS: usize = 1000;
const HELD_CALLS: usize = 500;
/// How many streams of one caller are open; a caller may have 256.
const STREAMS_EACH: usize = 200;
/// How many calls of one caller wait; a caller may have a hundred.
const CALLS_EACH: usize = 50;
/// How long a process has to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

pub(crate) async fn run(stage: &Stage) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let gateway = stage.gateway().await?;
    let bare = passthrough(stage).await?;
    tokio::time::sleep(SETTLE).await;
    let of_bare = bare.process.as_ref().map(Process::resident_bytes).transpose()?;
    let idle = [("ours".to_owned(), Some(gateway.process.resident_bytes()?)), (bare.name.clone(), of_bare)];
    figures.arms("memory.idle_bytes", idle.into_iter().filter_map(|(arm, bytes)| Some((arm, bytes?))));
    let mut of_streams = vec![("ours".to_owned(), streams(stage, &gateway.url, &gateway.process).await?)];
    drop(gateway);
    if let Some(process) = &bare.process {
        of_streams.push((bare.name, streams(stage, &bare.target.url, process).await?));
    }
    figures.arms("memory.per_open_stream_bytes", of_streams);
    figures.one("memory.per_held_call_bytes", Some(held_calls(stage).await?));
    Ok(figures)
}

/// Sessions, each with a stream of its own that stays open.
async fn streams(stage: &Stage, url: &str, process: &Process) -> Outcome<f64> {
    let more = if stage.is_quick { 50 } else { STREAMS };
    let (mut open, mut before, mut target) = (Vec::new(), 0.0, None);
    for number in 0..BEFORE + more {
        if number == BEFORE {
            tokio::time::sleep(SETTLE).await;
            before = process.resident_bytes()?;
        }
        if number % STREAMS_EACH == 0 {
            let token = stage.issuer.token(&format!("user{number}"), number)?;
            target = Some(Target { url: url.to_owned(), token });
        }
        let mut connection = Connection::open(target.as_ref().told("a caller")?).await?;
        connection.speak(Era::Legacy, "", FIRST_ID).await?;
        let response = connection.send(Method::GET, Bytes::new()).await?;
        if !response.status().is_success() {
            return Err(Fault(format!("a stream was answered with {}", response.status())));
        }
        open.push((connection, response));
    }
    tokio::time::sleep(SETTLE).await;
    Ok((process.resident_bytes()? - before) / more as f64)
}

/// Calls that wait for people. Approvals lie in a folder, as `lychgate dev` has them; the gateway keeps what it has
/// seen of them in memory, as it does of those at the API server.
async fn held_calls(stage: &Stage) -> Outcome<f64> {
    let folders = stage.folders()?;
    folders.configure(&with_approval(folders.config()))?;
    let mut command = Command::new(&stage.myself);
    command.arg("gateway").arg("--approvals-dir").arg(folders.path("approvals"));
    let gateway = Gateway::start(command, folders, stage.cores.measured).await?;
    let more = if stage.is_quick { 50 } else { HELD_CALLS };
    let tool = Traffic { era: Era::Legacy, form: Form::Json, size: Size::Bytes200 }.tool();
    let (mut open, mut before, mut target) = (Vec::new(), 0.0, None);
    for number in 0..BEFORE + more {
        if number == BEFORE {
            tokio::time::sleep(SETTLE).await;
            before = gateway.process.resident_bytes()?;
        }
        if number % CALLS_EACH == 0 {
            let user = format!("user{number}");
            target = Some(Target { url: gateway.url.clone(), token: stage.issuer.token(&user, number)? });
        }
        let mut connection = Connection::open(target.as_ref().told("a caller")?).await?;
        // Another argument makes another Approval.
        let id = FIRST_ID + number as u64;
        let message = call(Era::Legacy, &tool, id);
        let message = String::from_utf8_lossy(&message).replace("LIMIT 100", &format!("LIMIT {number}"));
        let response = connection.send(Method::POST, message.into()).await?;
        let (parts, mut body) = response.into_parts();
        let beginning = body.frame().await.told("an answer without a beginning")?.told("an answer")?;
        let is_held = beginning.data_ref().is_some_and(|data| data.starts_with(b":"));
        if !parts.status.is_success() || !is_held {
            let text = beginning.into_data().unwrap_or_default();
            return Err(Fault(format!("a call that should wait: {} {text:?}", parts.status)));
        }
        open.push((connection, body));
    }
    tokio::time::sleep(SETTLE).await;
    Ok((gateway.process.resident_bytes()? - before) / more as f64)
}
