//! Gateways end without warning while calls come: what they had under way is lost, and nothing else.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::agent::Agent;
use crate::load::{ACCEPT, CLIENTS};
use crate::stage::Stage;
use crate::steady::{SOME, Steady, kill, pods, steady, until_restarted};

/// How many calls have an answer of 4 MB under way at once. The memory of a gateway is limited to 256 MiB.
const HOARD: u64 = 96;
const ENDLESS: &str =
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"look","arguments":{"endless":true}}}"#;

pub async fn killed(stage: &Stage) {
    let shared = steady(stage).await;
    let steady = shared.as_ref().unwrap();
    let load = steady.load().await;
    let pod = pods(stage).await.remove(0);
    kill(&pod).await;
    let status = until_restarted(stage, &pod).await;
    assert_eq!(status["lastState"]["terminated"]["reason"], "Error", "{status}");
    load.more(SOME).await;
    let tally = load.end().await;
    steady.no_call_is_in_doubt("killed", &tally);
    // Each connection has one call under way at most, and half of them lead to the other gateway.
    assert!((tally.lost.len() as u64) < CLIENTS, "{tally:?}");
}

pub async fn out_of_memory(stage: &Stage) {
    let shared = steady(stage).await;
    let steady = shared.as_ref().unwrap();
    let load = steady.load().await;
    let pod = pods(stage).await.remove(0);
    let limit = &pod["spec"]["containers"][0]["resources"]["limits"]["memory"];
    assert_eq!(limit, "256Mi", "HOARD has to be another");
    let hoard = hoard(steady, &pod);
    let status = until_restarted(stage, &pod).await;
    assert_eq!(status["lastState"]["terminated"]["reason"], "OOMKilled", "{status}");
    for call in hoard {
        call.await.unwrap().unwrap_err();
    }
    load.more(SOME).await;
    let tally = load.end().await;
    steady.no_call_is_in_doubt("out of memory", &tally);
    assert!((tally.lost.len() as u64) < CLIENTS, "{tally:?}");
}

/// Calls to this pod, of which none ends by itself.
fn hoard(steady: &Steady, pod: &Value) -> Vec<JoinHandle<Result<(), String>>> {
    let agent = Arc::new(steady.at(pod));
    let call = |_| {
        let (agent, token) = (Arc::clone(&agent), steady.token.clone());
        let session = steady.session.clone();
        tokio::spawn(async move { endless(&agent, &token, &session).await })
    };
    (0..HOARD).map(call).collect()
}

async fn endless(agent: &Agent, token: &str, session: &str) -> Result<(), String> {
    let mut connection = agent.connect().await.map_err(|error| error.to_string())?;
    let request = agent.request(Some(token), Some(session), ACCEPT, ENDLESS);
    let response = connection.send_request(request).await.map_err(|error| error.to_string())?;
    response.into_body().collect().await.map(drop).map_err(|error| error.to_string())
}
