//! `lychgate doctor` on a real API server, with several things wrong at once, as somebody who may only look.

use std::collections::BTreeSet;

use kube::api::{Patch, PatchParams};
use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use crate::questions::{ask, looking};
use crate::support::PATIENCE;
use crate::support::manifests::{connection, gateway};
use crate::support::process::Finished;
use crate::support::tenant::{Tenant, name};

/// Who looks.
const WHO: &str = "dana";

async fn doctor(tenant: &Tenant<'_>, more: &[&str]) -> Finished {
    let arguments = ["doctor", "-n", tenant.name(), "--operator-namespace", tenant.name()];
    ask(tenant.cluster, WHO, &[&arguments, more].concat()).await
}

/// The findings as `ailment kind name`.
async fn findings(tenant: &Tenant<'_>) -> (BTreeSet<String>, Value) {
    let asked = doctor(tenant, &["-o", "json"]).await;
    let answer: Value = serde_json::from_str(&asked.output).unwrap_or_else(|_| panic!("{}", asked.errors));
    let all = answer["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |finding: &Value| {
        let place = &finding["place"];
        format!("{} {} {}", text(&finding["ailment"]), text(&place["kind"]), text(&place["name"]))
    };
    let is_wrong = all.iter().any(|finding| finding["severity"] == "Error");
    assert_eq!(asked.code, i32::from(is_wrong), "{answer}");
    (all.iter().map(line).collect(), answer)
}

async fn are_found(tenant: &Tenant<'_>, expected: &[String]) -> Value {
    let expected: BTreeSet<String> = expected.iter().cloned().collect();
    eventually("the findings", PATIENCE, async || {
        let (found, answer) = findings(tenant).await;
        if found == expected { Ok(answer) } else { Err(format!("{found:#?} are not {expected:#?}")) }
    })
    .await
}

/// A pod's status, as a kubelet would write it.
async fn becomes(tenant: &Tenant<'_>, pod: &str, status: &Value) {
    let patch = Patch::Merge(json!({"status": status}));
    tenant.api("Pod").patch_status(pod, &PatchParams::default(), &patch).await.unwrap();
}

fn container(state: &Value, last: &Value, restarts: u32) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "gateway", "image": "x:1", "imageID": "", "ready": false, "restartCount": restarts,
        "state": state, "lastState": last,
    }]})
}

/// Waits for both pods of the gateway, and gives their names.
async fn pods(tenant: &Tenant<'_>) -> [String; 2] {
    eventually("two pods", PATIENCE, async || {
        let names: Vec<String> = tenant.list("Pod").await.iter().map(name).collect();
        <[String; 2]>::try_from(names).map_err(|names| format!("{names:?}"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_all_that_is_wrong_at_once_and_nothing_once_it_is_mended() {
    let (tenant, operator) = Tenant::with_operator("doctor").await;
    tenant.cluster.apply_yaml_in(tenant.name(), &looking(WHO)).await;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dbhub"},
        "spec": {"selector": {"app": "dbhub"}, "ports": [{"port": 80}]}});
    let mut db = connection("db", json!({}));
    db["spec"]["upstream"] = json!({"serviceRef": {"name": "dbhub", "port": 80, "scheme": "HTTP"}});
    tenant.apply(&[gateway(json!({})), service, db]).await;
    tenant.is_published("db").await;
    let [image, crash] = pods(&tenant).await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "2"}}});
    let lost = connection("lost", json!({"gatewayRef": {"name": "nowhere"}}));
    tenant.apply(&[quota, lost]).await;
    let waits = json!({"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}});
    becomes(&tenant, &image, &container(&waits, &json!({}), 0)).await;
    let waits = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}});
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "starting\nno journal: disk full\n",
        "startedAt": null, "finishedAt": null}});
    becomes(&tenant, &crash, &container(&waits, &ended, 5)).await;
    tenant.apply(&[connection("docs", json!({}))]).await;

    let wrong = [
        format!("ImageNotPulled Pod {image}"),
        format!("Crashing Pod {crash}"),
        "PodsRefused Deployment lychgate-docs".to_owned(),
        "ServerUnreachable Service dbhub".to_owned(),
        "ServerBypassable Service dbhub".to_owned(),
        "ObjectDegraded McpConnection lost".to_owned(),
    ];
    let answer = are_found(&tenant, &wrong).await;
    assert_eq!(answer["notExamined"], json!([]), "the role view shows all of it");
    let asked = doctor(&tenant, &[]).await;
    for part in [
        format!("ImageNotPulled  Pod {}/{image}\n", tenant.name()),
        "  what  container gateway has no image x:1: ErrImagePull: manifest unknown\n".to_owned(),
        "and last ended with exit code 1, saying: no journal: disk full\n".to_owned(),
        format!("  next  kubectl logs -n {} {crash} -c gateway --previous\n", tenant.name()),
        "exceeded quota: few".to_owned(),
        format!("  next  kubectl describe resourcequotas -n {}\n", tenant.name()),
        "  what  it selects no pod, so that the server of McpConnection db has none\n".to_owned(),
        "no NetworkPolicy isolates its pods".to_owned(),
        "there is no McpGateway nowhere in the namespace".to_owned(),
    ] {
        assert!(asked.output.contains(&part), "{part}\n{}", asked.output);
    }
    assert!(asked.errors.ends_with("6 findings\n"), "{}", asked.errors);

    // One after the other is mended.
    tenant.delete("McpConnection", "lost").await;
    tenant.delete("McpConnection", "docs").await;
    tenant.cluster.kubectl(&["delete", "resourcequota", "few", "-n", tenant.name()]).succeed().await;
    let gateways = json!({"podSelector": {"matchLabels": {"app.kubernetes.io/name": "lychgate-gateway"}}});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "dbhub"},
        "spec": {"podSelector": {"matchLabels": {"app": "dbhub"}}, "ingress": [{"from": [gateways]}]}});
    let server = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "dbhub", "labels": {"app": "dbhub"}},
        "spec": {"containers": [{"name": "dbhub", "image": "dbhub:1"}]}});
    tenant.apply(&[policy, server]).await;
    tenant.readies_pods().await;
    for pod in [&image, &crash] {
        becomes(&tenant, pod, &json!({"containerStatuses": null})).await;
    }
    // Pods that run would answer for themselves, and these have nobody.
    for pod in [&image, &crash] {
        becomes(&tenant, pod, &json!({"phase": "Pending"})).await;
    }
    are_found(&tenant, &[]).await;

    assert_eq!(operator.terminate().await, Some(0));
    are_found(&tenant, &["OperatorMissing Lease lychgate-operator".to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_it_may_not_examine() {
    let tenant = Tenant::new(crate::support::cluster().await, "blind").await;
    let ours = looking("drew").replace("name: view}\nsubjects", "name: nothing}\nsubjects");
    tenant.cluster.apply_yaml_in(tenant.name(), &ours).await;
    tenant.apply(&[gateway(json!({}))]).await;
    let arguments = ["doctor", "-n", tenant.name(), "--operator-namespace", tenant.name()];
    let asked = ask(tenant.cluster, "drew", &arguments).await;
    assert_eq!(asked.code, 1, "{}", asked.errors);
    assert!(asked.output.contains("no operator has ever run in namespace"), "{}", asked.output);
    for kind in ["deployments", "pods", "events"] {
        let told = format!("not examined: {kind} of namespace {}: you may not read that\n", tenant.name());
        assert!(asked.errors.contains(&told), "{told}{}", asked.errors);
    }
    let asked = ask(tenant.cluster, "nobody", &arguments).await;
    assert_eq!(asked.code, 2, "without the objects there is nothing to say");
}
