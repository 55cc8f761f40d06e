//! Secrets and ConfigMaps that a connection names, as they come, change and go, told by a running gateway.

use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use crate::support::manifests::{connection, credential, gateway};
use crate::support::operator::Operator;
use crate::support::tenant::{Condition, Tenant};
use crate::support::{PATIENCE, get, kubelet};

fn secret(token: &str) -> Value {
    let data = json!({"token": token, "lychgate-allowed-hosts": "dbhub.example.com"});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "upstream"}, "stringData": data})
}

fn bundle(pem: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authorities"}, "data": {"ca.crt": pem}})
}

/// Brings the pod's files up to date, and waits until the connection tells this.
async fn tells(tenant: &Tenant<'_>, pod: &kubelet::Pod, condition: &str, expected: &str) -> Condition {
    pod.sync(tenant.cluster).await;
    tenant.becomes("McpConnection", "db", condition, expected).await
}

/// The version of the credential that the gateway uses.
async fn version(pod: &kubelet::Pod) -> Result<Value, String> {
    let (status, text) = Operator::ask(&pod.address, "/config").await?;
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    Ok(answer["connections"][0]["credentials"][0]["version"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_comes_changes_and_goes_is_told_each_time_and_rolls_no_pod() {
    let (tenant, _operator) = Tenant::with_operator("credential").await;
    tenant.apply(&[gateway(json!({})), connection("db", credential("upstream"))]).await;
    tenant.becomes("McpConnection", "db", "ResolvedRefs", "Unknown Pending").await;
    let pod = kubelet::run(tenant.name(), "lychgate-db").await;
    let deployment = tenant.get("Deployment", "lychgate-db").await["metadata"]["generation"].clone();
    let missing = tells(&tenant, &pod, "ResolvedRefs", "False CredentialUnusable").await;
    assert!(missing.message.contains("Secret upstream"), "{missing:?}");
    tenant.becomes("McpConnection", "db", "Programmed", "True Programmed").await;
    tenant.becomes("McpConnection", "db", "Ready", "False CredentialUnusable").await;

    tenant.apply(&[secret("one")]).await;
    let there = tells(&tenant, &pod, "ResolvedRefs", "True ResolvedRefs").await;
    tenant.becomes("McpConnection", "db", "Ready", "True Ready").await;
    let first = version(&pod).await.unwrap();
    assert!(first.is_string(), "{first}");

    tenant.apply(&[secret("two")]).await;
    pod.sync(tenant.cluster).await;
    eventually("another version", PATIENCE, async || {
        let now = version(&pod).await?;
        if now.is_string() && now != first { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let still = tenant.becomes("McpConnection", "db", "ResolvedRefs", "True ResolvedRefs").await;
    assert_eq!(still.since, there.since, "what is there has not come anew");

    tenant.delete("Secret", "upstream").await;
    tells(&tenant, &pod, "ResolvedRefs", "False CredentialUnusable").await;
    tenant.becomes("McpConnection", "db", "Ready", "False CredentialUnusable").await;
    let after = tenant.get("Deployment", "lychgate-db").await["metadata"]["generation"].clone();
    assert_eq!(after, deployment, "no pod was rolled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_authorities_that_comes_changes_and_goes_is_told_each_time() {
    let (tenant, _operator) = Tenant::with_operator("bundle").await;
    let tls = json!({"caRef": {"name": "authorities", "key": "ca.crt"}});
    let upstream = json!({"url": "https://dbhub.example.com/mcp", "tls": tls});
    tenant.apply(&[gateway(json!({})), connection("db", json!({"upstream": upstream}))]).await;
    tenant.is_published("db").await;
    let pod = kubelet::run(tenant.name(), "lychgate-db").await;
    let missing = tells(&tenant, &pod, "Programmed", "False ConfigurationRefused").await;
    assert!(missing.message.contains("authorities"), "{missing:?}");
    tenant.becomes("McpConnection", "db", "ResolvedRefs", "Unknown ConfigurationRefused").await;
    tenant.becomes("McpConnection", "db", "Ready", "False ConfigurationRefused").await;

    tenant.apply(&[bundle(&tenant.cluster.ca_pem())]).await;
    tells(&tenant, &pod, "Programmed", "True Programmed").await;
    tenant.becomes("McpConnection", "db", "ResolvedRefs", "True ResolvedRefs").await;
    tenant.becomes("McpConnection", "db", "Ready", "True Ready").await;
    // A bundle is no part of the document: who changes it changes nothing of what the operator publishes.
    let before = tenant.document_text("lychgate-db").await;

    tenant.apply(&[bundle("no certificate")]).await;
    let broken = tells(&tenant, &pod, "Programmed", "False ConfigurationRefused").await;
    assert_ne!(broken.message, missing.message);
    let authority = get(tenant.name(), "configmap", "kube-root-ca.crt").await.unwrap();
    tenant.apply(&[bundle(authority["data"]["ca.crt"].as_str().unwrap())]).await;
    tells(&tenant, &pod, "Ready", "True Ready").await;

    tenant.delete("ConfigMap", "authorities").await;
    tells(&tenant, &pod, "Programmed", "False ConfigurationRefused").await;
    tenant.becomes("McpConnection", "db", "ResolvedRefs", "Unknown ConfigurationRefused").await;
    assert_eq!(tenant.document_text("lychgate-db").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_somebody_gave_a_later_document_is_brought_back() {
    let (tenant, _operator) = Tenant::with_operator("forged").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let pod = kubelet::run(tenant.name(), "lychgate-db").await;
    tenant.becomes("McpConnection", "db", "Ready", "True Ready").await;
    let published = tenant.document("lychgate-db").await;
    // As if a kubelet had read the ConfigMap in the moment before it was put right.
    let mut forged = published.clone();
    forged["sequence"] = json!(u64::MAX);
    forged["access"][0]["groups"] = json!(["*"]);
    std::fs::write(pod.file("config/db.json"), forged.to_string()).unwrap();
    let in_use = async || {
        let (_, text) = Operator::ask(&pod.address, "/config").await?;
        let answer: Value = serde_json::from_str(&text).unwrap();
        Ok::<_, String>(answer["connections"][0].clone())
    };
    eventually("the forged document to be in use", PATIENCE, async || {
        let answer = in_use().await?;
        if answer["sequence"] == u64::MAX { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
    let forged_hash = in_use().await.unwrap()["hash"].clone();
    eventually("the right document to be in use", PATIENCE, async || {
        pod.sync(tenant.cluster).await;
        let answer = in_use().await?;
        let is_right = answer["hash"] != forged_hash && answer["refused"].is_null();
        if is_right { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
    let after = tenant.document("lychgate-db").await;
    assert_eq!(after["access"], published["access"]);
    tenant.becomes("McpConnection", "db", "Ready", "True Ready").await;

    // From there on, changes arrive as ever.
    tenant.edit("McpConnection", "db", json!({"spec": {"suspended": true}})).await;
    tenant.becomes("McpConnection", "db", "Ready", "False Suspended").await;
    eventually("the change to be in use", PATIENCE, async || {
        pod.sync(tenant.cluster).await;
        tenant
            .condition("McpConnection", "db", "Programmed")
            .await
            .and_then(|told| if told.status == "True" { Ok(()) } else { Err(format!("{told:?}")) })
    })
    .await;
}
