//! What the operator has made stays as it made it.

use serde_json::Value;

use crate::support::operator::Operator;
use crate::support::{GATEWAY, RULE, cluster, connection, eventually, get, until};

/// What somebody may do to each child: a kind, and a JSON patch.
const EDITS: [(&str, &str); 7] = [
    ("configmap", r#"[{"op":"add","path":"/data/extra.json","value":"{}"}]"#),
    (
        "role",
        r#"[{"op":"add","path":"/rules/-","value":{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}}]"#,
    ),
    (
        "rolebinding",
        r#"[{"op":"add","path":"/subjects/-","value":{"kind":"User","name":"mallory","apiGroup":"rbac.authorization.k8s.io"}}]"#,
    ),
    ("networkpolicy", r#"[{"op":"add","path":"/spec/egress/-","value":{}}]"#),
    ("service", r#"[{"op":"replace","path":"/spec/ports/0/port","value":9999}]"#),
    ("poddisruptionbudget", r#"[{"op":"replace","path":"/spec/maxUnavailable","value":9}]"#),
    (
        "deployment",
        r#"[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"added","image":"added"}}]"#,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_somebody_deletes_or_edits_is_put_right() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("repair").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "repair", name, &[name]);
    cluster
        .apply_yaml_in(
            name,
            &format!("{GATEWAY}---{RULE}---{}", connection("customers", "http://10.1.2.3:8000/mcp")),
        )
        .await;
    until(name, "mcpconnection", "customers", "Programmed", "Unknown/NoReplica").await;
    for (kind, patch) in EDITS {
        let child = "lychgate-customers";
        let before = said(&get(name, kind, child).await.unwrap());
        cluster.kubectl(&["patch", kind, child, "-n", name, "--type=json", "-p", patch]).succeed().await;
        eventually(&format!("{kind} to be as it was before the edit"), async || {
            (said(&get(name, kind, child).await?) == before).then_some(())
        })
        .await;
        cluster.kubectl(&["delete", kind, child, "-n", name]).succeed().await;
        eventually(&format!("{kind} to be there again"), async || {
            (said(&get(name, kind, child).await?) == before).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_connections_in_it_can_be_deleted_while_the_operator_runs() {
    let cluster = cluster().await;
    let home = cluster.namespace("ending-home").await;
    let namespace = cluster.namespace("ending").await;
    let name = namespace.name().to_owned();
    let operator = Operator::start(cluster, "ending", home.name(), &[home.name(), &name]);
    cluster
        .apply_yaml_in(&name, &format!("{GATEWAY}---{}", connection("customers", "http://10.1.2.3:8000/mcp")))
        .await;
    until(&name, "mcpconnection", "customers", "Accepted", "True/Accepted").await;
    namespace.delete().await;
    assert!(operator.leads());
}

/// What an object says beyond what the API server adds.
fn said(object: &Value) -> Value {
    let mut said = serde_json::json!({
        "labels": object["metadata"]["labels"], "data": object["data"], "rules": object["rules"],
        "subjects": object["subjects"], "spec": object["spec"],
    });
    if let Some(spec) = said["spec"].as_object_mut() {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    said
}
