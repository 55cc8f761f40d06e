//! Thousands of Approvals that wait, for the operator and beside a gateway.

use kube::api::{DynamicObject, PostParams};
use lychgate_tests_cluster::eventually;
use serde_json::json;
use tokio::task::JoinSet;

use super::beside;
use super::desk::{Desk, LONG, after, approve};
use crate::support::PATIENCE;

/// How many wait; a run by hand may say more.
const COUNT: &str = "2000";
/// How many are made at once.
const CONCURRENCY: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn one_vote_among_thousands_is_one_write_and_nothing_is_written_of_the_others() {
    let (desk, operator) = Desk::open("many").await;
    let count: usize = std::env::var("LYCHGATE_TEST_APPROVALS").unwrap_or(COUNT.to_owned()).parse().unwrap();
    let api = desk.tenant.api("Approval");
    let required = json!({"deadline": after(LONG)});
    let mut made = JoinSet::new();
    let mut manifest = desk.approval("", &required).await;
    for number in 0..count {
        manifest["metadata"]["name"] = json!(format!("appr-{number}-1"));
        let object: DynamicObject = serde_json::from_value(manifest.clone()).unwrap();
        let api = api.clone();
        made.spawn(async move { drop(api.create(&PostParams::default(), &object).await.unwrap()) });
        if made.len() >= CONCURRENCY {
            made.join_next().await.unwrap().unwrap();
        }
    }
    made.join_all().await;
    let waiting = format!("lychgate_operator_approvals_waiting{{namespace=\"{}\"}} {count}", desk.name());
    eventually("all to be known", PATIENCE, async || {
        let metrics = operator.metrics().await?;
        let is_known = metrics.lines().any(|line| line == waiting);
        if is_known { Ok(()) } else { Err(operator.log()) }
    })
    .await;
    let last = format!("appr-{}-1", count - 1);
    desk.shows(&last, |status| status["tally"] == "0/2").await;
    let is_of_approvals = |event: &lychgate_tests_cluster::Event| {
        event.user == operator.user && event.resource == "approvals" && event.namespace == desk.name()
    };
    // All have their tally: the writes of the beginning are over.
    eventually("every tally", PATIENCE, async || {
        let events = desk.cluster.audit().await;
        let written =
            events.iter().filter(|event| is_of_approvals(event) && event.subresource == "status").count();
        if written >= count { Ok(()) } else { Err(format!("{written} of {count}")) }
    })
    .await;
    beside::a_call_is_held_voted_on_and_made(&desk).await;
    let before = desk.cluster.audit().await.len();
    for voter in ["alice", "ben"] {
        desk.vote(voter, &last, &approve()).await;
    }
    desk.becomes(&last, "Approved").await;
    desk.are_told(&last, &[("Normal Approved", 1)]).await;
    let events = desk.cluster.audit().await;
    let written: Vec<&str> = events[before..]
        .iter()
        .filter(|event| is_of_approvals(event) && event.subresource == "status")
        .map(|event| event.name.as_str())
        .collect();
    assert!((1..=2).contains(&written.len()) && written.iter().all(|name| *name == last), "{written:?}");
}
