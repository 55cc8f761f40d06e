//! An API server that is away for a while, on a control plane of its own.

use lychgate_tests_cluster::{Cluster, eventually};
use serde_json::json;

use crate::support::manifests::{connection, gateway};
use crate::support::operator::{Operator, Start};
use crate::support::tenant::Tenant;
use crate::support::{PATIENCE, options};

fn start(cluster: &Cluster, home: &str, identity: &str) -> Operator {
    Start::new(cluster, home, identity).watching(home).argument("--lease-seconds", "4").launch()
}

async fn logs(operator: &mut Operator, words: &str) {
    eventually(words, PATIENCE, async || {
        operator.assert_alive();
        let log = operator.log();
        if log.contains(words) { Ok(()) } else { Err("it is not in the log".to_owned()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_live_on_while_the_api_server_is_away_and_catch_up() {
    let mut cluster = Cluster::start(options()).await;
    let namespace = cluster.namespace("away").await;
    let home = namespace.name();
    let mut leader = start(&cluster, home, "one");
    leader.until_it_leads().await;
    let tenant = Tenant::of(&cluster, home);
    tenant.apply(&[gateway(json!({})), connection("db", json!({})), connection("docs", json!({}))]).await;
    tenant.is_published("db").await;
    tenant.is_published("docs").await;
    let before = tenant.document_text("lychgate-docs").await;

    cluster.stop_apiserver();
    logs(&mut leader, "leads no more").await;
    assert_eq!(leader.get("/healthz").await.unwrap().0, 200);
    assert!(leader.metrics().await.unwrap().contains("lychgate_operator_leader 0\n"));
    // One that starts meanwhile waits, too.
    let mut late = start(&cluster, home, "two");
    logs(&mut late, "the Lease could not be looked at").await;

    cluster.start_apiserver().await;
    let tenant = Tenant::of(&cluster, home);
    let upstream = json!({"upstream": {"url": "https://other.example.com/mcp"}});
    tenant.apply(&[connection("db", upstream), connection("wiki", json!({}))]).await;
    tenant.delete("Deployment", "lychgate-docs").await;
    tenant.is_published("wiki").await;
    eventually("the change to be published", PATIENCE, async || {
        let url = tenant.document("lychgate-db").await["upstream"]["url"].clone();
        if url == "https://other.example.com/mcp" { Ok(()) } else { Err(url.to_string()) }
    })
    .await;
    eventually("what was deleted to be back", PATIENCE, async || {
        tenant.find("Deployment", "lychgate-docs").await.map(|_| ()).ok_or_else(|| "it is gone".to_owned())
    })
    .await;
    assert_eq!(
        tenant.document_text("lychgate-docs").await,
        before,
        "what nobody changed has no new sequence"
    );
    leader.assert_alive();
    late.assert_alive();
    let mut leaders = 0;
    for operator in [&leader, &late] {
        leaders += usize::from(operator.metrics().await.unwrap().contains("lychgate_operator_leader 1\n"));
    }
    assert_eq!(leaders, 1);
}
