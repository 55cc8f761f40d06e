//! A replica that ends at once, as with its node, while a call waits.

use std::sync::Arc;

use lychgate_tests_cluster::Cluster;

use super::clock::Wrong;
use super::race::{insert, rows};
use super::{Line, Site, refused, runs};
use crate::approvals::people::alice;
use crate::support::kubelet::Pod;

/// The client of a call that was held when its replica ended repeats it elsewhere.
pub async fn while_it_holds(cluster: &Cluster, site: &Site, dies: Pod, line: &Arc<Line>, other: &Arc<Line>) {
    let (arguments, text) = insert(3000);
    let waiting = site.approvals(cluster, &alice());
    let lost = again(line, 3000);
    let asked = waiting.only(&text).await;
    assert!(!lost.is_finished(), "it waits");
    dies.process.kill().await;
    assert_eq!(lost.await.unwrap(), None, "it got an answer");

    let answer = again(other, 3000);
    // It has joined the one that waits, which is looked for by name.
    let joined = waiting.approve(&text).await;
    assert_eq!(asked["metadata"]["name"], joined);
    let answer = answer.await.unwrap().unwrap();
    assert!(runs(&answer), "{answer}");
    let used = waiting.only(&text).await;
    assert_eq!(used["metadata"]["uid"], asked["metadata"]["uid"]);
    assert_eq!(used["status"]["consumed"]["count"], 1, "{used}");
    assert_eq!(rows(&site.server, 3000).await, 1, "{arguments}");
}

/// A call that was approved, and was not repeated when its replica ended, runs elsewhere at once.
pub async fn once_it_is_approved(cluster: &Cluster, site: &Site, dies: Wrong, other: &Arc<Line>) {
    let (arguments, text) = insert(3001);
    let waiting = site.approvals(cluster, &alice());
    refused(&dies.line.calls("execute_sql", &arguments).await, "waits for approval");
    waiting.approved(&text).await;
    dies.pod.process.kill().await;
    let answer = other.calls("execute_sql", &arguments).await;
    assert!(runs(&answer), "{answer}");
    assert_eq!(waiting.only(&text).await["status"]["consumed"]["count"], 1);
    assert_eq!(rows(&site.server, 3001).await, 1);
}

fn again(line: &Arc<Line>, amount: u32) -> tokio::task::JoinHandle<Option<String>> {
    let line = Arc::clone(line);
    tokio::spawn(async move { line.held("execute_sql", &insert(amount).0).await })
}
