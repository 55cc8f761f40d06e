//! What an operator answers on its port for health and metrics.

use std::collections::BTreeMap;

use lychgate_tests_cluster::{Caller, eventually};
use serde_json::json;

use crate::approvals_operator::desk::{Desk, LONG};
use crate::support::manifests::{connection, gateway, rule, targets};
use crate::support::operator::Start;
use crate::support::tenant::Tenant;
use crate::support::{PATIENCE, cluster, workspace};

/// Names, types and labels of the operator's metrics in docs/metrics.md.
fn documented() -> BTreeMap<String, (String, Vec<String>)> {
    let page = std::fs::read_to_string(workspace().join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `lychgate_operator_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let quoted =
            |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        (quoted(cells[1]).remove(0), (cells[2].to_owned(), quoted(cells[3])))
    };
    rows.map(row).collect()
}

/// The same of the metrics that are served.
fn served(metrics: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let family = |(name, kind): (&str, &str)| {
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let series =
            metrics.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("no {name}"));
        let labels =
            series.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap().0).unwrap_or_default();
        let labels =
            labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label.to_owned());
        (name, (kind.to_owned(), labels.filter(|label| label != "le").collect()))
    };
    types.map(family).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_those_of_the_documentation_and_count_what_was_done() {
    let (desk, operator) = Desk::open("metrics").await;
    let tenant = &desk.tenant;
    tenant.apply(&[rule("nothing", targets("nobody"))]).await;
    tenant.is_published("db").await;
    // One that waits, and one that somebody approves alone.
    for name in ["appr-a-1", "appr-b-1"] {
        desk.ask(name, LONG).await;
    }
    let alone = json!({"decision": "Approve", "reason": "INC-1", "breakGlass": true});
    desk.vote("omar", "appr-b-1", &alone).await;
    desk.becomes("appr-b-1", "Approved").await;
    tenant.becomes("MaskingRule", "nothing", "Accepted", "False NoTarget").await;
    let value = |metrics: &str, series: &str| -> Option<f64> {
        metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    };
    let labels = |kind: &str, accepted: &str| {
        format!("{{namespace=\"{}\",kind=\"{kind}\",accepted=\"{accepted}\"}}", tenant.name())
    };
    let expected = [
        (format!("lychgate_operator_objects{}", labels("McpConnection", "True")), 1.0),
        (format!("lychgate_operator_objects{}", labels("McpGateway", "True")), 1.0),
        (format!("lychgate_operator_objects{}", labels("MaskingRule", "False")), 1.0),
        // Not a Deployment: a policy that is seen after its connection changes that of a gateway once more.
        ("lychgate_operator_applies_total{kind=\"Service\",outcome=\"applied\"}".to_owned(), 1.0),
        // Keys that stay, those of sessions of this period and the next, and a certificate.
        ("lychgate_operator_applies_total{kind=\"Secret\",outcome=\"created\"}".to_owned(), 4.0),
        ("lychgate_operator_leader".to_owned(), 1.0),
        ("lychgate_operator_approvals_guarded".to_owned(), 1.0),
        (format!("lychgate_operator_approvals_waiting{{namespace=\"{}\"}}", tenant.name()), 1.0),
    ];
    eventually("the metrics", PATIENCE, async || {
        let metrics = operator.metrics().await?;
        match expected.iter().find(|(series, count)| value(&metrics, series) != Some(*count)) {
            None => Ok(()),
            Some((series, _)) => Err(format!("{series}: {metrics}")),
        }
    })
    .await;
    let metrics = operator.metrics().await.unwrap();
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert_eq!(served(&metrics), documented());

    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/", 404), ("/config", 404)] {
        assert_eq!(operator.get(path).await.unwrap().0, status, "{path}");
    }
    tenant.delete("McpConnection", "db").await;
    let gone = format!("lychgate_operator_objects{}", labels("McpConnection", "True"));
    eventually("the connection to be counted no more", PATIENCE, async || {
        let metrics = operator.metrics().await?;
        if value(&metrics, &gone).is_none() { Ok(()) } else { Err(metrics) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_may_not_see_everything_is_alive_and_not_ready_and_publishes_nothing() {
    let cluster = cluster().await;
    let tenant = Tenant::new(cluster, "unready").await;
    let user = format!("operator:{}:one", tenant.name());
    let binding = |role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": format!("operator-{role}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        })
    };
    let role = |name: &str, groups: &[&str], resources: &[&str]| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": name},
            "rules": [{"apiGroups": groups, "resources": resources, "verbs": ["*"]}],
        })
    };
    let first = role("first", &["", "coordination.k8s.io"], &["leases", "secrets", "configmaps"]);
    tenant.apply(&[first, binding("first"), gateway(json!({})), connection("db", json!({}))]).await;
    let start = Start::with_caller(cluster, tenant.name(), "one", &Caller::user(&user, &[]));
    let mut operator = start.watching(tenant.name()).launch();
    eventually("the operator to lead", PATIENCE, async || {
        let metrics = operator.metrics().await?;
        if metrics.contains("lychgate_operator_leader 1\n") { Ok(()) } else { Err(metrics) }
    })
    .await;
    eventually("watches to be refused", PATIENCE, async || {
        let log = operator.log();
        if log.contains("a watch broke") { Ok(()) } else { Err(log) }
    })
    .await;
    let (status, text) = operator.get("/readyz").await.unwrap();
    assert_eq!((status, text.as_str()), (503, "the cluster is not known yet\n"));
    assert_eq!(operator.get("/healthz").await.unwrap().0, 200);
    assert!(tenant.children("db").await.is_empty());

    tenant.apply(&[role("rest", &["*"], &["*"]), binding("rest")]).await;
    operator.until_it_leads().await;
    tenant.is_published("db").await;
}
