//! Nobody can reach the API server for two minutes, and calls go on.

use std::time::Duration;

use hyper::StatusCode;
use lychgate_tests_cluster::eventually;
use tokio::time::{Instant, sleep_until};

use crate::agent::Agent;
use crate::load::{CALM, CLIENTS};
use crate::rotation::INITIALIZE;
use crate::stage::{PATIENCE, STEADY, Stage};
use crate::steady::{GATEWAY, SOME, kill, pods, served, steady, until_other_than};

/// As long as it takes to replace an API server. Nothing else has to be waited for meanwhile: a token is renewed later.
const OUTAGE: Duration = Duration::from_secs(120);

pub async fn test(stage: &mut Stage) {
    drop(steady(stage).await);
    // Two must be there, so that one can be away.
    stage.until_available(STEADY, GATEWAY).await;
    let pods = pods(stage).await;
    let published = served(stage).await;
    stage.node.cluster_mut().stop_apiserver();
    let end = Instant::now() + OUTAGE;
    let mut shared = steady(stage).await;
    let steady = shared.as_mut().unwrap();
    let load = steady.load_every(CALM);
    // One after the other, and each begins with nothing but its files.
    for pod in &pods {
        kill(pod).await;
        until_serving(&steady.at(pod), &steady.token).await;
    }
    sleep_until(end).await;
    let tally = load.end().await;
    steady.no_call_is_in_doubt("without an API server", &tally);
    let killed = pods.len() as u64;
    assert!((tally.lost.len() as u64) < killed * CLIENTS, "{tally:?}");

    let load = steady.load().await;
    drop(shared);
    stage.node.cluster_mut().start_apiserver().await;
    let mut shared = self::steady(stage).await;
    let steady = shared.as_mut().unwrap();
    stage.until_available(STEADY, GATEWAY).await;
    // The operator works again, and gateways listen.
    steady.change(stage, "['*', ", "['*', 'anew', ").await;
    until_other_than(stage, &published).await;
    load.more(SOME).await;
    steady.nothing_was_lost("the API server is back", &load.end().await);
}

/// Waits for an answer at the gateway's own address, since nobody tells kube-proxy that it is back.
async fn until_serving(gateway: &Agent, token: &str) {
    eventually("the gateway to serve again", PATIENCE, async || {
        drop(gateway.connect().await.map_err(|error| error.to_string())?);
        let (status, _, text) = gateway.post(Some(token), None, INITIALIZE).await;
        if status == StatusCode::OK { Ok(()) } else { Err(format!("{status} {text}")) }
    })
    .await;
}
