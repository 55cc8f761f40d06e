//! What happens to the objects of a gateway: they come back, and they stay as they should be.

use std::collections::BTreeMap;

use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use crate::support::manifests::{autoscaled, connection, gateway};
use crate::support::tenant::{CHILD_KINDS, Tenant, content, name};
use crate::support::{PATIENCE, cluster};

/// All that the operator says of the children, without what the API server adds.
async fn contents(tenant: &Tenant<'_>) -> BTreeMap<(&'static str, String), Value> {
    let children = tenant.children("db").await;
    children.into_iter().map(|(key, child)| (key, content(&child))).collect()
}

async fn is_as_before(tenant: &Tenant<'_>, what: &str, before: &BTreeMap<(&'static str, String), Value>) {
    eventually(&format!("everything as before: {what}"), PATIENCE, async || {
        let now = contents(tenant).await;
        for (key, child) in before {
            match now.get(key) {
                Some(same) if same == child => {}
                other => return Err(format!("{key:?}: {child} became {other:?}")),
            }
        }
        if now.len() == before.len() { Ok(()) } else { Err(format!("more: {:?}", now.keys())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_child_of_every_kind_comes_back() {
    let (tenant, operator) = Tenant::with_operator("deleted").await;
    tenant.apply(&[gateway(autoscaled(6)), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let children = tenant.children("db").await;
    let before = contents(&tenant).await;
    for (kind, name) in children.keys().filter(|(kind, _)| *kind != "Secret") {
        tenant.delete(kind, name).await;
        is_as_before(&tenant, &format!("{kind} {name} was deleted"), &before).await;
    }
    // The operator may not look at Secrets. It makes them again when it begins anew, or after some minutes.
    let secrets: Vec<String> = tenant.list("Secret").await.iter().map(name).collect();
    for secret in secrets.iter().filter(|name| name.starts_with("lychgate-db-")) {
        tenant.delete("Secret", secret).await;
    }
    operator.kill().await;
    let _operator = tenant.operator().argument("--lease-seconds", "3").lead().await;
    eventually("the Secrets to be back", PATIENCE, async || {
        let now: Vec<String> = tenant.list("Secret").await.iter().map(name).collect();
        if now == secrets { Ok(()) } else { Err(format!("{now:?} is not {secrets:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_child_of_every_kind_is_put_right() {
    let (tenant, _operator) = Tenant::with_operator("edited").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let before = contents(&tenant).await;
    let port = json!({"name": "more", "port": 80, "protocol": "TCP", "targetPort": 80});
    let container = json!({"name": "more", "image": "example.test/more:1"});
    let variable = json!({"name": "MORE", "value": "1"});
    let everything = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let somebody = json!([{"kind": "ServiceAccount", "name": "somebody", "namespace": tenant.name()}]);
    let pod = "/spec/template/spec";
    for (kind, patch) in [
        ("ServiceAccount", json!({"automountServiceAccountToken": true})),
        ("ServiceAccount", json!({"imagePullSecrets": [{"name": "more"}]})),
        ("ConfigMap", json!({"data": {"db.json": "{}"}})),
        ("ConfigMap", json!({"data": {"more.json": "{}"}})),
        ("ConfigMap", json!({"data": null, "binaryData": {"db.json": "e30="}})),
        ("ConfigMap", json!({"immutable": true})),
        ("ConfigMap", json!({"immutable": true, "data": {"db.json": "{}"}})),
        ("Role", json!({"rules": everything})),
        ("Role", json!({"rules": []})),
        ("RoleBinding", json!({"subjects": somebody})),
        ("NetworkPolicy", json!({"spec": {"egress": [{}]}})),
        ("NetworkPolicy", json!({"spec": {"policyTypes": ["Ingress"], "egress": null}})),
        ("NetworkPolicy", json!({"spec": {"podSelector": {"matchLabels": {"more": "1"}}}})),
        ("Service", json!([{"op": "add", "path": "/spec/ports/-", "value": port}])),
        ("Service", json!({"spec": {"selector": {"more": "1"}}})),
        ("Service", json!({"spec": {"type": "NodePort"}})),
        ("Service", json!({"spec": {"externalIPs": ["198.51.100.7"]}})),
        ("PodDisruptionBudget", json!({"spec": {"maxUnavailable": 0}})),
        ("PodDisruptionBudget", json!({"spec": {"maxUnavailable": null, "minAvailable": 2}})),
        ("Deployment", json!({"spec": {"replicas": 0}})),
        ("Deployment", json!({"spec": {"paused": true}})),
        ("Deployment", json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}})),
        ("Deployment", json!({"spec": {"template": {"metadata": {"labels": {"more": "1"}}}}})),
        ("Deployment", json!({"spec": {"template": {"spec": {"hostNetwork": true}}}})),
        ("Deployment", json!([{"op": "add", "path": format!("{pod}/containers/-"), "value": container}])),
        ("Deployment", json!([{"op": "add", "path": format!("{pod}/initContainers"), "value": [container]}])),
        (
            "Deployment",
            json!([{"op": "add", "path": format!("{pod}/containers/0/env/-"), "value": variable}]),
        ),
        (
            "Deployment",
            json!([{"op": "replace", "path": format!("{pod}/containers/0/image"), "value": "more"}]),
        ),
    ] {
        let edited = if patch.is_array() {
            tenant.edit_json(kind, "lychgate-db", patch.clone()).await
        } else {
            tenant.edit(kind, "lychgate-db", patch.clone()).await
        };
        let key = (kind, "lychgate-db".to_owned());
        assert_ne!(content(&edited), before[&key], "{kind} {patch} changes something");
        is_as_before(&tenant, &format!("{kind} {patch}"), &before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_autoscaler_is_put_right() {
    let (tenant, _operator) = Tenant::with_operator("edited").await;
    tenant.apply(&[gateway(autoscaled(6)), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let before = contents(&tenant).await;
    let cpu = json!({"type": "Resource", "resource": {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 1},
    }});
    for patch in [
        json!({"spec": {"maxReplicas": 40}}),
        json!({"spec": {"minReplicas": 3}}),
        json!({"spec": {"metrics": [cpu]}}),
        json!({"spec": {"behavior": {"scaleUp": {"selectPolicy": "Disabled"}}}}),
        json!({"spec": {"scaleTargetRef": {"name": "lychgate-other"}}}),
    ] {
        let edited = tenant.edit("HorizontalPodAutoscaler", "lychgate-db", patch.clone()).await;
        let key = ("HorizontalPodAutoscaler", "lychgate-db".to_owned());
        assert_ne!(content(&edited), before[&key], "{patch} changes something");
        eventually(&format!("the autoscaler as before: {patch}"), PATIENCE, async || {
            let now = contents(&tenant).await;
            if now[&key] == before[&key] { Ok(()) } else { Err(now[&key].to_string()) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_put_right_whatever_name_it_is_made_under() {
    let (tenant, _operator) = Tenant::with_operator("disguised").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let before = contents(&tenant).await;
    let container = json!({"name": "more", "image": "example.test/more:1"});
    for manager in ["lychgate-operator", "kube-controller-manager", "before-first-apply"] {
        let manager = format!("--field-manager={manager}");
        for (kind, patch) in [
            ("deployment", json!({"spec": {"template": {"spec": {"containers": [container]}}}})),
            ("configmap", json!({"data": {"more.json": "{}"}})),
            ("networkpolicy", json!({"spec": {"egress": [{}]}})),
        ] {
            let patch = format!("--patch={patch}");
            let arguments = [
                "patch",
                kind,
                "lychgate-db",
                "--type=strategic",
                &patch,
                &manager,
                "--namespace",
                tenant.name(),
            ];
            let edited = tenant.cluster.kubectl(&arguments).succeed().await;
            assert!(!edited.contains("no change"), "{edited}");
            is_as_before(&tenant, &format!("{kind} {manager}"), &before).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_a_child_needs_comes_back_and_what_other_tools_note_on_it_stays() {
    let (tenant, _operator) = Tenant::with_operator("metadata").await;
    tenant.apply(&[gateway(autoscaled(6)), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let before = contents(&tenant).await;
    let uids = async || {
        let children = tenant.children("db").await;
        BTreeMap::from_iter(children.into_iter().map(|(key, child)| (key, child["metadata"]["uid"].clone())))
    };
    let first = uids().await;
    for kind in CHILD_KINDS.into_iter().filter(|kind| *kind != "Secret") {
        for patch in [
            json!({"labels": {"app.kubernetes.io/managed-by": null}}),
            json!({"labels": {"app.kubernetes.io/instance": "other"}}),
            json!({"annotations": {"lychgate.dev/connection": "other"}}),
            json!({"labels": null, "annotations": null, "ownerReferences": null}),
        ] {
            tenant.edit(kind, "lychgate-db", json!({"metadata": patch})).await;
            is_as_before(&tenant, &format!("{kind} {patch}"), &before).await;
        }
    }
    for kind in CHILD_KINDS.into_iter().filter(|kind| *kind != "Secret") {
        let note = json!({"labels": {"tool": "note"}, "annotations": {"tool": "note"}});
        tenant.edit(kind, "lychgate-db", json!({"metadata": note})).await;
    }
    // The configuration changes, and with it everything is looked at once more.
    let upstream = json!({"upstream": {"url": "https://other.example.com/mcp"}});
    tenant.apply(&[connection("db", upstream)]).await;
    tenant.is_published("db").await;
    assert_eq!(uids().await, first, "each is still the one that was made first");
    for kind in CHILD_KINDS.into_iter().filter(|kind| *kind != "Secret") {
        let metadata = tenant.get(kind, "lychgate-db").await["metadata"].clone();
        assert_eq!(metadata["labels"]["tool"], "note", "{kind}");
        assert_eq!(metadata["annotations"]["tool"], "note", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_connections_in_it_can_be_deleted_while_the_operator_runs() {
    let home = Tenant::new(cluster().await, "ending-home").await;
    let tenant = Tenant::new(cluster().await, "ending").await;
    let mut operator = home.operator().watching(tenant.name()).lead().await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    tenant.end().await;
    operator.until_it_leads().await;
}
