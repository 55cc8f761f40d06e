//! A run in which the operator does all that it can do, and the rights that it used.

use std::collections::BTreeSet;

use lychgate_tests_cluster::Cluster;
use serde_json::{Value, json};

use super::release::{Release, get, until};
use super::rights::{Right, rights};
use super::{HOME, OPERATOR};
use crate::support::operator::Operator;
use crate::support::{GATEWAY, RULE, connection, eventually};

/// The namespace with the connection.
pub const AGENTS: &str = "agents";
/// What every child but Secrets is called.
const CHILD: &str = "lychgate-customers";
/// The kinds of the children but Secrets.
const KINDS: [&str; 9] = [
    "serviceaccount",
    "configmap",
    "role",
    "rolebinding",
    "networkpolicy",
    "service",
    "poddisruptionbudget",
    "deployment",
    "horizontalpodautoscaler",
];
/// What somebody may do to a child so that it cannot be both what he says and what the operator says: a kind, and a
/// JSON patch. What is applied is refused then, and the operator looks at what is there.
const CONTRADICTIONS: [(&str, &str); 4] = [
    (
        "configmap",
        r#"[{"op":"add","path":"/immutable","value":true},{"op":"replace","path":"/data","value":{}}]"#,
    ),
    ("service", r#"[{"op":"replace","path":"/spec/ports/0/port","value":9999}]"#),
    (
        "poddisruptionbudget",
        r#"[{"op":"remove","path":"/spec/maxUnavailable"},{"op":"add","path":"/spec/minAvailable","value":1}]"#,
    ),
    (
        "deployment",
        r#"[{"op":"remove","path":"/spec/template/spec/containers/0/livenessProbe/httpGet"},
            {"op":"add","path":"/spec/template/spec/containers/0/livenessProbe/tcpSocket","value":{"port":1}}]"#,
    ),
];
/// A rule of the operator's namespace for others.
const RULE_OF_HOME: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: for-all}
spec:
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: agents}}
  connectionSelector: {}
  detectors: [{type: Iban, action: {redact: {}}}]
";
/// A rule for commands.
const COMMANDS: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: CommandRule
metadata: {name: statements}
spec:
  connectionSelector: {}
  extract: [{tools: [execute_sql], argument: $.sql, language: SQL, dialect: postgresql}]
";
/// What is granted and not used here, and why it is granted.
const UNUSED: &[(&str, &str)] = &[
    ("serve lychgate.dev/mcpconnections", "each gateway is granted it for its own connection"),
    ("get /serviceaccounts", READ_WHEN_REFUSED),
    ("get autoscaling/horizontalpodautoscalers", READ_WHEN_REFUSED),
    ("get networking.k8s.io/networkpolicies", READ_WHEN_REFUSED),
    ("get rbac.authorization.k8s.io/rolebindings", READ_WHEN_REFUSED),
    ("get rbac.authorization.k8s.io/roles", READ_WHEN_REFUSED),
    ("create lychgate.dev/approvals", APPROVALS),
    ("delete lychgate.dev/approvals", APPROVALS),
    ("get lychgate.dev/approvals", APPROVALS),
    ("patch lychgate.dev/approvals", APPROVALS),
    ("get lychgate.dev/approvals/status", APPROVALS),
    ("patch lychgate.dev/approvals/status", APPROVALS),
    ("patch lychgate.dev/approvalpolicies/status", APPROVALS),
    ("create lychgate.dev/approvals in lychgate-system", APPROVALS),
    ("get lychgate.dev/approvals lychgate-guard-canary in lychgate-system", APPROVALS),
    ("patch lychgate.dev/approvals lychgate-guard-canary in lychgate-system", APPROVALS),
    ("delete lychgate.dev/approvals lychgate-guard-canary in lychgate-system", APPROVALS),
];
const APPROVALS: &str = "no McpConnection of this run has calls that wait";
const READ_WHEN_REFUSED: &str =
    "as all children it is read when what is applied is refused, which is rare for this kind";

/// Lets two operators do everything, one after the other.
pub async fn everything(release: &Release<'_>) {
    let cluster = release.cluster;
    let mut first = release.operator("operator-0").await;
    first.until_it_leads().await;
    let mut second = release.operator("operator-1").await;
    cluster.apply_yaml_in(HOME, RULE_OF_HOME).await;
    let objects =
        format!("{GATEWAY}---{RULE}---{COMMANDS}---{}", connection("customers", "http://10.1.2.3:8000/mcp"));
    cluster.apply_yaml_in(AGENTS, &objects).await;
    accepted(cluster).await;
    autoscale(cluster).await;
    put_right(cluster).await;
    answers_its_probes(&first, &release.get("deployment", OPERATOR).await.unwrap()).await;
    assert_eq!(first.terminate().await, Some(0));
    second.until_it_leads().await;
    suspend(cluster).await;
    assert_eq!(second.terminate().await, Some(0));
    remove_what_nobody_owns(release).await;
}

/// Waits until the connection is accepted and its gateway's pods are admitted.
pub async fn accepted(cluster: &Cluster) {
    until(cluster, AGENTS, ("mcpconnection", "customers"), "Accepted", "True/Accepted").await;
    until(cluster, AGENTS, ("mcpconnection", "customers"), "Programmed", "Unknown/NoReplica").await;
    eventually("the gateway's pods", async || {
        let deployment = get(cluster, AGENTS, "deployment", CHILD).await?;
        (deployment["status"]["replicas"] == 2).then_some(())
    })
    .await;
}

/// From now on an autoscaler chooses the number of pods.
async fn autoscale(cluster: &Cluster) {
    let autoscaling = r#"{"spec":{"deployment":{"autoscaling":{"maxReplicas":4,"callsUnderWay":20}}}}"#;
    let arguments = ["patch", "mcpgateway", "default", "-n", AGENTS, "--type=merge", "-p", autoscaling];
    cluster.kubectl(&arguments).succeed().await;
    eventually("an autoscaler", async || get(cluster, AGENTS, "horizontalpodautoscaler", CHILD).await).await;
}

/// The probes of the Deployment ask for what there is.
async fn answers_its_probes(operator: &Operator, deployment: &Value) {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    for probe in ["readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(operator.get(path).await.map(|(status, _)| status), Ok(200), "{probe}");
    }
}

/// What somebody says of a child is taken away, and what somebody deletes comes back.
async fn put_right(cluster: &Cluster) {
    for kind in KINDS {
        let child = get(cluster, AGENTS, kind, CHILD).await.unwrap();
        let mut claimed = child.clone();
        claimed["metadata"] = json!({"name": CHILD, "labels": {"claimed": "true"}});
        claimed.as_object_mut().unwrap().remove("status");
        let apply = ["apply", "--server-side", "--field-manager", "somebody", "-n", AGENTS, "-f", "-"];
        cluster.kubectl(&apply).input(&claimed.to_string()).succeed().await;
        until_said(cluster, kind, &child).await;
    }
    for (kind, patch) in CONTRADICTIONS {
        let child = get(cluster, AGENTS, kind, CHILD).await.unwrap();
        cluster.kubectl(&["patch", kind, CHILD, "-n", AGENTS, "--type=json", "-p", patch]).succeed().await;
        until_said(cluster, kind, &child).await;
    }
    for kind in KINDS {
        let child = get(cluster, AGENTS, kind, CHILD).await.unwrap();
        cluster.kubectl(&["delete", kind, CHILD, "-n", AGENTS]).succeed().await;
        until_said(cluster, kind, &child).await;
    }
}

/// Waits until a child says what it said before.
async fn until_said(cluster: &Cluster, kind: &str, before: &Value) {
    eventually(&format!("{kind} to be as before"), async || {
        let found = get(cluster, AGENTS, kind, CHILD).await?;
        (said(&found) == said(before)).then_some(())
    })
    .await;
}

/// What an object says beyond what the API server adds.
fn said(object: &Value) -> Value {
    let mut said = object.clone();
    said["metadata"] = object["metadata"]["labels"].clone();
    said["status"] = Value::Null;
    if said["spec"]["clusterIP"].is_string() {
        said["spec"]["clusterIP"] = Value::Null;
        said["spec"]["clusterIPs"] = Value::Null;
    }
    said
}

/// A condition that changes twice for the same reason is one Event that is written again.
async fn suspend(cluster: &Cluster) {
    for (suspended, expected) in
        [("true", "False/Suspended"), ("false", "Unknown/NoReplica"), ("true", "False/Suspended")]
    {
        let patch = format!(r#"{{"spec":{{"suspended":{suspended}}}}}"#);
        let arguments = ["patch", "mcpgateway", "default", "-n", AGENTS, "--type=merge", "-p", &patch];
        cluster.kubectl(&arguments).succeed().await;
        until(cluster, AGENTS, ("mcpconnection", "customers"), "Ready", expected).await;
    }
}

/// Children whose owner somebody took away go when the connection has gone while no operator ran.
async fn remove_what_nobody_owns(release: &Release<'_>) {
    let cluster = release.cluster;
    for kind in KINDS {
        let patch = r#"{"metadata":{"ownerReferences":null}}"#;
        let arguments = ["patch", kind, CHILD, "-n", AGENTS, "--type=merge", "-p", patch];
        cluster.kubectl(&arguments).succeed().await;
    }
    cluster.kubectl(&["delete", "mcpconnection", "customers", "-n", AGENTS]).succeed().await;
    let mut operator = release.operator("operator-0").await;
    for kind in KINDS {
        eventually(&format!("{kind} to be gone"), async || {
            operator.assert_alive();
            get(cluster, AGENTS, kind, CHILD).await.is_none().then_some(())
        })
        .await;
    }
    assert_eq!(operator.terminate().await, Some(0));
}

/// Holds the rights of a release to those that its operator has used so far.
pub async fn hold_rights_to_use(release: &Release<'_>) {
    let mut unused = rights(&release.objects().await, release.home, OPERATOR);
    for event in release.cluster.audit().await {
        if event.user != release.user() {
            continue;
        }
        assert_ne!(event.code, 403, "it needs {} {}", event.verb, event.uri);
        // What is no resource, such as the keys of the cluster's issuer, is open to every service account.
        if event.resource.is_empty() {
            continue;
        }
        unused.retain(|right| !right.allows(&event));
    }
    let unused: BTreeSet<String> = unused.iter().map(Right::to_string).collect();
    let expected: BTreeSet<String> = UNUSED.iter().map(|(right, _)| (*right).to_owned()).collect();
    assert_eq!(unused, expected, "what is granted and not used");
}
