//! The same call at two replicas at the same moment.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lychgate_tests_cluster::Cluster;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Line, Site, TOKEN, Waiting, refused, runs};
use crate::approvals::people::alice;
use crate::support::counterparts::Server;
use crate::support::eventually;
use crate::support::kubelet::Pod;
use crate::support::operator::Operator;

/// How many Approvals are raced for in either way.
const ROUNDS: u32 = 10;
/// How often each call comes at once: two of them at each replica.
const CALLS: usize = 4;
/// How often each may be made.
const USES: usize = 2;

/// The arguments of a statement that leaves one row each time, and the text that only its Approval holds.
pub fn insert(amount: u32) -> (Value, String) {
    let values = format!("1, {amount}, 'EUR', '2026-01-01'");
    let columns = "customer_id, amount_cents, currency, ordered_on";
    (json!({"sql": format!("insert into orders ({columns}) values ({values})")}), values)
}

/// How many rows it has left. The server is asked without a gateway.
pub async fn rows(server: &Server, amount: u32) -> usize {
    let sql = format!("select id from orders where amount_cents = {amount}");
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "execute_sql", "arguments": {"sql": sql}}});
    let request = Request::post(&server.url)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(Full::new(Bytes::from(message.to_string())))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(runs(&text) && text.contains("rows"), "{text}");
    text.matches(r#"\"id\""#).count()
}

/// Many Approvals, for calls that are held at both replicas when people decide, and for calls that are repeated
/// afterwards.
pub async fn many(cluster: &Cluster, site: &Site, replicas: [(&Pod, &Arc<Line>); 2]) {
    let lines = replicas.map(|(_, line)| Arc::clone(line));
    let waiting = site.approvals(cluster, &alice());
    let mut held = Vec::new();
    for amount in 1000..1000 + ROUNDS {
        held.push((amount, at_once(&lines, amount, true)));
    }
    let expected = usize::try_from(ROUNDS).unwrap() * CALLS;
    eventually("all calls to be held", async || {
        let mut held = 0;
        for (pod, _) in replicas {
            held += held_at(pod).await;
        }
        (held == expected).then_some(())
    })
    .await;
    let repeated = 2000..2000 + ROUNDS;
    for amount in repeated.clone() {
        refused(&lines[0].calls("execute_sql", &insert(amount).0).await, "waits for approval");
    }
    for amount in (1000..1000 + ROUNDS).chain(repeated.clone()) {
        waiting.approve(&insert(amount).1).await;
    }
    for amount in repeated {
        waiting.becomes(&insert(amount).1, "Approved").await;
        held.push((amount, at_once(&lines, amount, false)));
    }
    for (amount, calls) in held {
        hold(&waiting, amount, calls).await;
        assert_eq!(rows(&site.server, amount).await, USES, "rows of {amount}");
    }
}

/// Sends the same call four times at once, to both replicas.
fn at_once(lines: &[Arc<Line>; 2], amount: u32, held: bool) -> JoinSet<String> {
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let line = Arc::clone(&lines[number % 2]);
        let (arguments, _) = insert(amount);
        calls.spawn(async move {
            let accept = if held { "application/json, text/event-stream" } else { "application/json" };
            line.send(accept, "execute_sql", &arguments).await.unwrap().1
        });
    }
    calls
}

/// Holds two of the calls to have run, and the others to have been told why they have not.
async fn hold(waiting: &Waiting, amount: u32, calls: JoinSet<String>) {
    let (made, others): (Vec<String>, Vec<String>) =
        calls.join_all().await.into_iter().partition(|answer| runs(answer));
    assert_eq!(made.len(), USES, "of {amount}: {others:?}");
    for answer in others {
        // Who comes when both uses are over asks anew.
        let is_told = answer.contains("its approval was used by the same call before")
            || answer.contains("This call waits for approval and was not made");
        assert!(is_told, "{answer}");
    }
    let mut used = waiting.of(&insert(amount).1).await;
    used.retain(|approval| approval["status"]["phase"] != "Pending");
    assert_eq!(used.len(), 1, "{used:?}");
    let status = &used[0]["status"];
    let count = &status["consumed"]["count"];
    assert_eq!((&status["phase"], count), (&json!("Consumed"), &json!(USES)), "{status}");
}

/// How many calls a replica holds.
async fn held_at(pod: &Pod) -> usize {
    let (_, metrics) = Operator::ask(&pod.address, "/metrics").await.unwrap();
    let held = metrics.lines().find_map(|line| line.strip_prefix("lychgate_approvals_held "));
    held.map_or(0, |held| held.parse().unwrap())
}
