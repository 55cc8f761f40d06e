//! How long it takes from a vote to the call that it opens.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lychgate_tests_cluster::Cluster;
use serde_json::{Value, json};

use super::{Line, Site, Waiting, runs};
use crate::approvals::people::alice;
use crate::support::counterparts::logged;

/// How many calls wait one after the other, in each of two lanes.
const CALLS: usize = 100;

/// Prints how long it takes from a vote, as soon as the API server has said that it stands, until the call arrives at
/// the server. It asserts that each comes, and not when: a test that asserts times tells of the machine.
pub async fn measure(cluster: &Cluster, site: &Site, line: &Arc<Line>) {
    let waiting = site.approvals(cluster, &alice());
    let (one, two) = tokio::join!(lane(0, &waiting, line), lane(1, &waiting, line));
    let all = made(&site.log(), "echo", "latency");
    let mut times = Vec::new();
    for (text, stands) in [one, two].concat() {
        let made: Vec<&Value> =
            all.iter().filter(|request| request["body"].as_str().unwrap().contains(&text)).collect();
        assert_eq!(made.len(), 1, "{text}");
        // The operator may have been faster than the answer to the approver.
        times.push(made[0]["at"].as_u64().unwrap().saturating_sub(stands));
    }
    times.sort_unstable();
    let count = times.len();
    eprintln!(
        "from a vote to the call at the server, {count} times: median {} ms, 95th {} ms, 99th {} ms, longest {} ms",
        times[count / 2],
        times[count * 95 / 100 - 1],
        times[count * 99 / 100 - 1],
        times[count - 1]
    );
}

/// Has calls approved one after the other; gives a text of each, and when its vote stood, in milliseconds since the
/// Unix epoch.
async fn lane(number: usize, waiting: &Waiting, line: &Arc<Line>) -> Vec<(String, u64)> {
    let mut votes = Vec::new();
    for call in 0..CALLS {
        let text = format!("latency {number} {call}.");
        let arguments = json!({"message": text});
        let line = Arc::clone(line);
        let answer = tokio::spawn(async move { line.held("echo", &arguments).await.unwrap() });
        waiting.approve(&text).await;
        let stands = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let answer = answer.await.unwrap();
        assert!(runs(&answer), "{answer}");
        votes.push((text, u64::try_from(stands).unwrap()));
    }
    votes
}

/// The calls of a tool that have arrived at the server with a text in them.
pub fn made(log: &Path, tool: &str, text: &str) -> Vec<Value> {
    let name = format!(r#""name":"{tool}""#);
    let mut requests = logged(log);
    requests.retain(|request| {
        let body = request["body"].as_str().unwrap_or_default();
        body.contains("tools/call") && body.contains(&name) && body.contains(text)
    });
    requests
}
