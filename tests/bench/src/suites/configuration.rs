//! How long it takes from a new configuration in the gateway's folder until it counts for a call.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Answer, Connection, Target};
use crate::governed::with;
use crate::order::median;
use crate::outcome::{Fault, Outcome};
use crate::report::Figures;
use crate::stage::Stage;
use crate::traffic::{Era, FIRST_ID, Form, Size, Traffic};

const CHANGES: u64 = 20;
/// How long a change may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it is waited between two calls. Changes begin at different moments of the gateway's own rhythm.
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) async fn run(stage: &Stage) -> Outcome<Figures> {
    let gateway = stage.gateway().await?;
    let target = Target { url: gateway.url.clone(), token: stage.token.clone() };
    let traffic = Traffic { era: Era::Modern, form: Form::Json, size: Size::Bytes200 };
    let tool = traffic.tool();
    let mut connection = Connection::open(&target).await?;
    connection.speak(traffic.era, &tool, FIRST_ID).await?;
    let mut samples = Vec::new();
    for change in 0..if stage.is_quick { 2 } else { CHANGES } {
        let is_granted = change % 2 == 1;
        let config = with(gateway.folders.config(), "sequence", json!(change + 2));
        let config = if is_granted { config } else { with(config, "access", json!([])) };
        gateway.folders.configure(&config)?;
        let begun = Instant::now();
        while is_answered(&connection.call(traffic, &tool, FIRST_ID).await?) != is_granted {
            if begun.elapsed() > TIMEOUT {
                return Err(Fault("a new configuration has no effect".to_owned()));
            }
            tokio::time::sleep(PAUSE).await;
        }
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(change * 37 % 250)).await;
    }
    let mut figures = Figures::default();
    figures.one("config.effect_milliseconds", median(&samples));
    Ok(figures)
}

/// Whether the tool was called. What is not granted does not exist, which is an error.
fn is_answered(answer: &Answer) -> bool {
    memchr::memmem::find(&answer.body, br#""result":"#).is_some()
}
