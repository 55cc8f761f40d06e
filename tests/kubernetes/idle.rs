//! An operator with nothing to do.

use std::time::Duration;

use lychgate_tests_cluster::{Cluster, Event, eventually};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::manifests::{autoscaled, connection, credential, gateway, rule, targets};
use crate::support::operator::Operator;
use crate::support::tenant::Tenant;

/// How many connections stand in one namespace.
const CONNECTIONS: usize = 60;
/// How long nothing may be written. It is what is claimed, and so it is waited for.
const A_MINUTE: Duration = Duration::from_secs(60);

/// Objects of every kind, in every standing.
fn objects() -> Vec<Value> {
    let mut objects: Vec<Value> =
        (0..CONNECTIONS).map(|number| connection(&format!("c{number}"), credential("upstream"))).collect();
    let mut broken = rule("broken", targets("refused"));
    broken["spec"]["exclude"] = json!({"values": {"regex": ["("]}});
    let mut scaled = gateway(autoscaled(6));
    scaled["metadata"]["name"] = json!("scaled");
    objects.extend([
        gateway(json!({})),
        scaled,
        connection("scaled", json!({"gatewayRef": {"name": "scaled"}})),
        rule("mail", targets("c0")),
        rule("everything", json!({"namespaceSelector": {}})),
        broken,
        rule("nothing", targets("nobody")),
        connection("refused", json!({})),
        connection("lost", json!({"gatewayRef": {"name": "nobody"}})),
        connection("suspended", json!({"suspended": true})),
    ]);
    objects
}

/// What an operator has written since the audit log was so long.
async fn writes(cluster: &Cluster, operator: &Operator, since: usize) -> Vec<Event> {
    let events = cluster.audit().await;
    events[since..].iter().filter(|event| event.user == operator.user && event.writes()).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_nothing_to_do_writes_nothing_but_its_lease() {
    let (tenant, operator) = Tenant::with_operator("idle").await;
    tenant.apply(&objects()).await;
    for number in 0..CONNECTIONS {
        tenant.is_published(&format!("c{number}")).await;
    }
    tenant.becomes("McpConnection", "refused", "Accepted", "False PolicyInvalid").await;
    tenant.becomes("McpConnection", "lost", "Accepted", "False RefNotFound").await;
    tenant.becomes("McpConnection", "suspended", "Ready", "False Suspended").await;
    tenant.becomes("MaskingRule", "broken", "Accepted", "False InvalidValue").await;
    tenant.becomes("MaskingRule", "nothing", "Accepted", "False NoTarget").await;
    eventually("the controllers to have made every pod", PATIENCE, async || {
        let pods = tenant.list("Pod").await.len();
        if pods == 2 * (CONNECTIONS + 2) { Ok(()) } else { Err(format!("{pods} pods")) }
    })
    .await;
    let mut known = 0;
    eventually("the last write", PATIENCE, async || {
        let seen = writes(tenant.cluster, &operator, 0).await;
        let count = seen.iter().filter(|event| event.resource != "leases").count();
        if std::mem::replace(&mut known, count) == count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        Err(format!("{count} writes"))
    })
    .await;

    let before = tenant.cluster.audit().await.len();
    tokio::time::sleep(A_MINUTE).await;
    let (leases, others): (Vec<_>, Vec<_>) = writes(tenant.cluster, &operator, before)
        .await
        .into_iter()
        .partition(|event| event.resource == "leases");
    assert!(!leases.is_empty(), "the audit log is not read");
    let others: Vec<String> =
        others.iter().map(|event| format!("{} {} {}", event.verb, event.uri, event.code)).collect();
    assert!(others.is_empty(), "{} writes: {others:#?}", others.len());
}
