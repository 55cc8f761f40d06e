//! Two operators of which one leads, and how the lead changes hands.

use std::collections::BTreeMap;
use std::time::Duration;

use lychgate_tests_cluster::{Cluster, Event, eventually};
use serde_json::json;

use crate::support::manifests::{connection, gateway, rule, targets};
use crate::support::operator::{Operator, Start};
use crate::support::tenant::{CHILD_KINDS, Tenant, name};
use crate::support::{PATIENCE, cluster};

/// An operator in the tenant's namespace under a name of its own, for leases of so many seconds.
fn replica(tenant: &Tenant<'_>, identity: &str, seconds: u64) -> Start {
    Start::new(tenant.cluster, tenant.name(), identity)
        .watching(tenant.name())
        .argument("--lease-seconds", &seconds.to_string())
}

/// What an operator has written since the audit log was so long, apart from its Lease.
async fn writes(cluster: &Cluster, operator: &Operator, since: usize) -> Vec<Event> {
    let events = cluster.audit().await;
    let of_operator = events[since..].iter().filter(|event| event.user == operator.user && event.writes());
    of_operator.filter(|event| event.resource != "leases").cloned().collect()
}

/// Waits until an operator has written nothing for a second: a request that is on its way when its process is frozen
/// arrives when the process goes on, whatever has happened in between.
async fn rests(cluster: &Cluster, operator: &Operator) {
    let mut written = 0;
    eventually("it to have nothing left to write", PATIENCE, async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = writes(cluster, operator, 0).await.len();
        let before = std::mem::replace(&mut written, now);
        if now == before { Ok(()) } else { Err(format!("{} more writes", now - before)) }
    })
    .await;
}

async fn edit(tenant: &Tenant<'_>, host: &str) {
    tenant.apply(&[connection("db", json!({"upstream": {"url": format!("https://{host}/mcp")}}))]).await;
    tenant.is_published("db").await;
    let url = tenant.document("lychgate-db").await["upstream"]["url"].clone();
    assert_eq!(url, format!("https://{host}/mcp"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_writes_nothing_and_leads_when_the_leader_is_killed() {
    let tenant = Tenant::new(cluster().await, "killed").await;
    let leader = replica(&tenant, "one", 5).lead().await;
    let mut follower = replica(&tenant, "two", 5).launch();
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    edit(&tenant, "first.example.com").await;
    eventually("the follower to be ready", PATIENCE, async || {
        let (status, text) = follower.get("/readyz").await?;
        if status == 200 { Ok(()) } else { Err(text) }
    })
    .await;
    let metrics = follower.metrics().await.unwrap();
    assert!(metrics.contains("lychgate_operator_leader 0\n"), "{metrics}");
    let early = writes(tenant.cluster, &follower, 0).await;
    assert!(early.is_empty(), "a follower writes nothing: {early:?}");
    assert!(!writes(tenant.cluster, &leader, 0).await.is_empty(), "the leader did");

    leader.kill().await;
    follower.until_it_leads().await;
    edit(&tenant, "second.example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_ends_hands_the_lead_over_at_once() {
    let tenant = Tenant::new(cluster().await, "ended").await;
    // Nobody waits here until such a lease has ended by itself.
    let leader = replica(&tenant, "one", 3600).lead().await;
    let mut follower = replica(&tenant, "two", 3600).launch();
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    eventually("the follower to be ready", PATIENCE, async || follower.get("/readyz").await).await;

    assert_eq!(leader.terminate().await, Some(0), "it ends in order");
    follower.until_it_leads().await;
    edit(&tenant, "second.example.com").await;
    let holder = tenant.get("Lease", "lychgate-operator").await["spec"]["holderIdentity"].clone();
    assert_eq!(holder, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_frozen_writes_nothing_more_and_follows() {
    let tenant = Tenant::new(cluster().await, "frozen").await;
    let mut frozen = replica(&tenant, "one", 5).lead().await;
    let mut follower = replica(&tenant, "two", 5).launch();
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    rests(tenant.cluster, &frozen).await;

    frozen.signal("STOP").await;
    follower.until_it_leads().await;
    edit(&tenant, "second.example.com").await;
    let before = tenant.cluster.audit().await.len();
    frozen.signal("CONT").await;
    // What has happened meanwhile reaches it before it has looked at the Lease.
    edit(&tenant, "third.example.com").await;
    eventually("it to know that it leads no more", PATIENCE, async || {
        frozen.assert_alive();
        let metrics = frozen.metrics().await?;
        if metrics.contains("lychgate_operator_leader 0\n") { Ok(()) } else { Err(metrics) }
    })
    .await;
    edit(&tenant, "fourth.example.com").await;
    let late = writes(tenant.cluster, &frozen, before).await;
    assert!(late.is_empty(), "two lead at a time: {late:?}");

    assert_eq!(follower.terminate().await, Some(0));
    frozen.until_it_leads().await;
    edit(&tenant, "fifth.example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_begins_anew_changes_nothing_that_stands() {
    let (tenant, operator) = Tenant::with_operator("anew").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({})), rule("mail", targets("db"))]).await;
    tenant.is_published("db").await;
    tenant.becomes("MaskingRule", "mail", "Programmed", "Unknown ConnectionsPending").await;
    let is_at_rest = async || {
        let deployment = tenant.get("Deployment", "lychgate-db").await;
        if deployment["status"]["replicas"] == 2 { Ok(()) } else { Err(deployment["status"].to_string()) }
    };
    eventually("the pods to be made", PATIENCE, is_at_rest).await;
    let versions = async || {
        let mut versions = BTreeMap::new();
        for kind in CHILD_KINDS.into_iter().chain(["McpConnection", "McpGateway", "MaskingRule", "Event"]) {
            for object in tenant.list(kind).await {
                versions.insert((kind, name(&object)), object["metadata"]["resourceVersion"].clone());
            }
        }
        versions
    };
    let before = versions().await;

    operator.kill().await;
    let operator = tenant.operator().lead().await;
    let done = "lychgate_operator_reconciles_total{outcome=\"done\"} ";
    eventually("the namespace to be looked at", PATIENCE, async || {
        let metrics = operator.metrics().await?;
        if metrics.contains(done) { Ok(()) } else { Err(metrics) }
    })
    .await;
    assert_eq!(versions().await, before, "what is applied again as it stands is not written");
}
