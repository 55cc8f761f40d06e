//! Gateways and the operator are replaced in order while calls come, and no call is lost.

use lychgate_tests_cluster::eventually;
use lychgate_tests_node::HOME;
use serde_json::Value;

use crate::stage::{PATIENCE, STEADY, Stage, processes};
use crate::steady::{GATEWAY, SOME, names, pods, served, steady, until_other_than};

pub async fn rolling(stage: &Stage) {
    let mut shared = steady(stage).await;
    let steady = shared.as_mut().unwrap();
    let load = steady.load().await;
    // A grant reaches gateways that watch, and replaces none of them.
    let before = pods(stage).await;
    let published = served(stage).await;
    steady.change(stage, "['*']", "['*', 'look']").await;
    until_other_than(stage, &published).await;
    assert_eq!(names(&pods(stage).await), names(&before));
    load.more(SOME).await;

    // The longest call is an argument of gateways, so that each is replaced.
    steady.change(stage, "upstream: {", "upstream: {timeouts: {call: 61s}, ").await;
    until_replaced(stage, &names(&before)).await;
    load.more(SOME).await;
    steady.nothing_was_lost("rolling", &load.end().await);
}

pub async fn deleted(stage: &Stage) {
    let shared = steady(stage).await;
    let steady = shared.as_ref().unwrap();
    let load = steady.load().await;
    delete_one(stage).await;
    load.more(SOME).await;
    steady.nothing_was_lost("deleted", &load.end().await);
}

pub async fn upgraded(stage: &Stage) {
    let mut shared = steady(stage).await;
    let steady = shared.as_mut().unwrap();
    let load = steady.load().await;
    let (operators, gateways) = (operators(stage).await, names(&pods(stage).await));
    let published = served(stage).await;
    let upgrade = stage.node.upgrade_lychgate(&["operator.logLevel=debug"]);
    // Somebody changes a grant meanwhile, and whichever operator leads then sees it.
    let change = steady.change(stage, "'look'", "'look', 'see'");
    let (upgraded, ()) = tokio::join!(upgrade, change);
    upgraded.unwrap();
    let now = self::operators(stage).await;
    assert!(now.iter().all(|name| !operators.contains(name)), "{operators:?}, {now:?}");
    until_other_than(stage, &published).await;
    load.more(SOME).await;
    assert_eq!(names(&pods(stage).await), gateways, "gateways stay");
    steady.nothing_was_lost("the operator is upgraded", &load.end().await);
}

pub async fn drained(stage: &Stage) {
    let shared = steady(stage).await;
    let steady = shared.as_ref().unwrap();
    let load = steady.load().await;
    // Of all gateways on the node only these.
    let hash = pods(stage).await[0]["metadata"]["labels"]["pod-template-hash"].as_str().unwrap().to_owned();
    let selector = format!("--pod-selector=pod-template-hash={hash}");
    let drain = ["drain", "node", &selector, "--delete-emptydir-data", "--timeout=25s"];
    // There is no other node, so that the second may not go before the first is back.
    let refused = stage.cluster().kubectl(&drain).fail().await;
    assert!(refused.contains("disruption budget"), "{refused}");
    load.more(SOME).await;
    let left = stage.get(STEADY, "deployment", GATEWAY).await;
    assert_eq!(left["status"]["availableReplicas"], 1, "{}", left["status"]);
    stage.cluster().kubectl(&["uncordon", "node"]).succeed().await;
    stage.until_available(STEADY, GATEWAY).await;
    load.more(SOME).await;
    steady.nothing_was_lost("drained", &load.end().await);
}

pub async fn uninstalled(stage: &Stage) {
    let shared = steady(stage).await;
    let steady = shared.as_ref().unwrap();
    let load = steady.load().await;
    let before = names(&pods(stage).await);
    stage.cluster().helm(&["uninstall", "lychgate", "--namespace", HOME, "--wait"]).succeed().await;
    eventually("the operator to be gone", PATIENCE, async || {
        let found = processes("/lychgate-operator");
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    load.more(SOME).await;
    assert_eq!(names(&pods(stage).await), before);
    delete_one(stage).await;
    load.more(SOME).await;
    steady.nothing_was_lost("uninstalled", &load.end().await);
}

/// Deletes a gateway's pod, as a person does, and waits until there is another.
async fn delete_one(stage: &Stage) {
    let before = names(&pods(stage).await);
    stage.cluster().kubectl(&["delete", "pod", &before[0], "-n", STEADY]).succeed().await;
    until_replaced(stage, &before[..1]).await;
    stage.until_available(STEADY, GATEWAY).await;
}

/// Waits until there are two gateways, and none of those before.
async fn until_replaced(stage: &Stage, before: &[String]) {
    eventually("other pods", PATIENCE, async || {
        let now = names(&pods(stage).await);
        let replaced = now.len() == 2 && now.iter().all(|name| !before.contains(name));
        if replaced { Ok(()) } else { Err(now.join(" ")) }
    })
    .await;
}

/// The names of the operator's pods that are not about to go.
async fn operators(stage: &Stage) -> Vec<String> {
    let get = ["get", "pods", "-n", HOME, "-l", "app.kubernetes.io/component=operator", "-o", "json"];
    let list: Value = serde_json::from_str(&stage.cluster().kubectl(&get).succeed().await).unwrap();
    let stays = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
    let pods: Vec<Value> = list["items"].as_array().unwrap().iter().filter(stays).cloned().collect();
    assert!(!pods.is_empty());
    names(&pods)
}
