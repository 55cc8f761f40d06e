//! Policies of the operator's namespace that bind connections of others, on a control plane whose operator watches
//! every namespace.

use lychgate_tests_cluster::{Cluster, eventually};
use serde_json::{Value, json};

use crate::support::manifests::{connection, gateway, rule, targets};
use crate::support::operator::Start;
use crate::support::tenant::Tenant;
use crate::support::{PATIENCE, options};

/// Waits until the document of `db` has these rules and no others.
async fn has(tenant: &Tenant<'_>, rules: &[String]) {
    eventually(&format!("{rules:?} in {}", tenant.name()), PATIENCE, async || {
        let found = masking(&tenant.find("ConfigMap", "lychgate-db").await.ok_or("it is not there")?);
        if found == rules { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// The names of the rules in a document.
fn masking(config_map: &Value) -> Vec<String> {
    let document: Value = serde_json::from_str(config_map["data"]["db.json"].as_str().unwrap()).unwrap();
    let rules = document["masking"].as_array().cloned().unwrap_or_default();
    rules.iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
}

async fn label(cluster: &Cluster, namespace: &str, label: &str) {
    cluster.kubectl(&["label", "--overwrite", "namespace", namespace, label]).succeed().await;
}

fn selecting(environment: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"environment": environment}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_the_operators_namespace_binds_namespaces_as_their_labels_come_and_go() {
    let cluster = Cluster::start(options()).await;
    let home = Tenant::new(&cluster, "system").await;
    let _operator = Start::new(&cluster, home.name(), "one").lead().await;
    let (first, second) = (Tenant::new(&cluster, "first").await, Tenant::new(&cluster, "second").await);
    label(&cluster, first.name(), "environment=production").await;
    home.apply(&[rule("mail", selecting("production"))]).await;
    home.becomes("MaskingRule", "mail", "Accepted", "False NoTarget").await;
    let theirs = format!("{}/mail", home.name());

    // The own rule of the same name, and the gateway that requires one, stay what they are.
    first.apply(&[gateway(json!({})), connection("db", json!({})), rule("mail", targets("db"))]).await;
    second.apply(&[gateway(json!({"requires": ["MaskingRule"]})), connection("db", json!({}))]).await;
    has(&first, &["mail".to_owned(), theirs.clone()]).await;
    has(&second, &[]).await;
    second.becomes("McpConnection", "db", "Ready", "False RequiredPolicyMissing").await;
    home.becomes("MaskingRule", "mail", "Accepted", "True Accepted").await;
    let status = home.get("MaskingRule", "mail").await["status"].clone();
    assert_eq!(status["connections"], json!([format!("{}/db", first.name())]));
    eventually("the status of the connection", PATIENCE, async || {
        let status = first.get("McpConnection", "db").await["status"].clone();
        let expected = json!(["MaskingRule mail", format!("MaskingRule {theirs}")]);
        if status["policies"] == expected { Ok(()) } else { Err(status.to_string()) }
    })
    .await;

    label(&cluster, second.name(), "environment=production").await;
    has(&second, std::slice::from_ref(&theirs)).await;
    second.becomes("McpConnection", "db", "Ready", "Unknown NoReplica").await;
    eventually("both to be counted", PATIENCE, async || {
        let status = home.get("MaskingRule", "mail").await["status"].clone();
        if status["connectionCount"] == 2 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    label(&cluster, first.name(), "environment=test").await;
    has(&first, &["mail".to_owned()]).await;

    // A rule elsewhere looks no further than its own namespace.
    first.apply(&[rule("wide", json!({"namespaceSelector": {}}))]).await;
    first.becomes("MaskingRule", "wide", "Accepted", "False NamespaceSelectorIgnored").await;
    has(&second, std::slice::from_ref(&theirs)).await;

    // A broken one keeps back whomever it may hold for, and nothing becomes laxer.
    let before = second.document_text("lychgate-db").await;
    let mut broken = rule("mail", selecting("production"));
    broken["spec"]["exclude"] = json!({"values": {"regex": ["("]}});
    home.apply(&[broken]).await;
    let told = second.becomes("McpConnection", "db", "Accepted", "False PolicyInvalid").await;
    assert!(told.message.contains(&theirs), "{told:?}");
    assert_eq!(second.document_text("lychgate-db").await, before, "byte for byte");

    home.apply(&[rule("mail", selecting("production"))]).await;
    second.becomes("McpConnection", "db", "Accepted", "True Accepted").await;
    home.delete("MaskingRule", "mail").await;
    has(&second, &[]).await;
    second.becomes("McpConnection", "db", "Ready", "False RequiredPolicyMissing").await;
}
