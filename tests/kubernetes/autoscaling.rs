//! Who chooses how many pods a gateway has: the McpGateway, or an autoscaler between the bounds that it says.
//!
//! The control plane has the real autoscaler, and nobody who serves metrics: it holds the bounds, and what is between them
//! is said here as the autoscaler says it, by the subresource `scale` and from its account.

use lychgate_tests_cluster::{Caller, eventually};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::manifests::{autoscaled, connection, gateway};
use crate::support::tenant::{Tenant, name};

const AUTOSCALER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
const CHILD: &str = "lychgate-db";

/// Scales the gateway.
async fn scale(tenant: &Tenant<'_>, caller: &Caller, replicas: u32) {
    let namespace = tenant.name();
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{CHILD}/scale");
    let scale = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": CHILD, "namespace": namespace},
        "spec": {"replicas": replicas},
    });
    let replace = ["replace", "--raw", &path, "--filename=-"];
    tenant.cluster.kubectl(&replace).caller(caller).input(&scale.to_string()).succeed().await;
}

async fn has_replicas(tenant: &Tenant<'_>, replicas: u32) -> Value {
    eventually(&format!("{replicas} replicas"), PATIENCE, async || {
        let deployment = tenant.get("Deployment", CHILD).await;
        let found = &deployment["spec"]["replicas"];
        if *found == json!(replicas) { Ok(deployment) } else { Err(found.to_string()) }
    })
    .await
}

/// Waits until the operator's own apply says so many pods, or nothing of it.
async fn operator_says(tenant: &Tenant<'_>, is_said: bool) -> Value {
    eventually("the operator to have applied it", PATIENCE, async || {
        let deployment = tenant.get("Deployment", CHILD).await;
        let entries = deployment["metadata"]["managedFields"].as_array().unwrap();
        let mut own = entries.iter().filter(|entry| {
            entry["manager"] == "lychgate-operator"
                && entry["operation"] == "Apply"
                && entry["subresource"].is_null()
        });
        let says = own.any(|entry| entry["fieldsV1"]["f:spec"]["f:replicas"].is_object());
        if says == is_said { Ok(deployment) } else { Err(json!(entries).to_string()) }
    })
    .await
}

fn generation(deployment: &Value) -> u64 {
    deployment["metadata"]["generation"].as_u64().unwrap()
}

/// Makes the operator apply the Deployment anew: the longest call is one of its arguments.
async fn change_pods(tenant: &Tenant<'_>, longest: &str) {
    let upstream = json!({"upstream": {
        "url": "https://dbhub.example.com/mcp",
        "timeouts": {"call": format!("{longest}s")},
    }});
    tenant.apply(&[connection("db", upstream)]).await;
    eventually("pods with that argument", PATIENCE, async || {
        let deployment = tenant.get("Deployment", CHILD).await;
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        let has = arguments.as_array().unwrap().iter().any(|argument| argument == longest);
        if has { Ok(()) } else { Err(arguments.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_autoscaler_chooses_stays_and_no_pod_ends_when_it_begins_or_ends() {
    let (tenant, _operator) = Tenant::with_operator("autoscaling").await;
    let autoscaler = Caller::impersonated(AUTOSCALER, &["system:authenticated"]);
    tenant.apply(&[gateway(json!({"deployment": {"replicas": 3}})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let fixed = operator_says(&tenant, true).await;
    assert_eq!(fixed["spec"]["replicas"], 3);

    tenant.apply(&[gateway(autoscaled(6))]).await;
    let handed = operator_says(&tenant, false).await;
    // A number that had been taken away for a moment would have been another generation.
    assert_eq!((generation(&handed), &handed["spec"]["replicas"]), (generation(&fixed), &json!(3)));
    let made = eventually("the autoscaler", PATIENCE, async || {
        tenant.find("HorizontalPodAutoscaler", CHILD).await.ok_or_else(|| "there is none".to_owned())
    })
    .await;
    assert_eq!(made["spec"]["scaleTargetRef"]["name"], CHILD);
    assert_eq!((&made["spec"]["minReplicas"], &made["spec"]["maxReplicas"]), (&json!(2), &json!(6)));

    scale(&tenant, &autoscaler, 5).await;
    change_pods(&tenant, "77").await;
    assert_eq!(has_replicas(&tenant, 5).await["spec"]["replicas"], 5);
    // What somebody adds is taken away, and nothing besides.
    let before = tenant.get("Deployment", CHILD).await;
    let more = json!({"name": "more", "image": "example.test/more:1"});
    let path = "/spec/template/spec/containers/-";
    tenant.edit_json("Deployment", CHILD, json!([{"op": "add", "path": path, "value": more}])).await;
    let right = eventually("one container", PATIENCE, async || {
        let deployment = tenant.get("Deployment", CHILD).await;
        let is_right = deployment["spec"]["template"] == before["spec"]["template"];
        if is_right { Ok(deployment) } else { Err(deployment["spec"].to_string()) }
    })
    .await;
    assert_eq!(right["spec"]["replicas"], 5);
    assert_eq!(generation(&right), generation(&before) + 2, "there and back");
    // An autoscaler takes none for a wish; then the operator gives it as many as it begins with.
    scale(&tenant, &Caller::Admin, 0).await;
    has_replicas(&tenant, 2).await;

    scale(&tenant, &autoscaler, 4).await;
    let before = has_replicas(&tenant, 4).await;
    tenant.apply(&[gateway(json!({"deployment": {"replicas": 4}}))]).await;
    let fixed = operator_says(&tenant, true).await;
    assert_eq!((generation(&fixed), &fixed["spec"]["replicas"]), (generation(&before), &json!(4)));
    eventually("no autoscaler", PATIENCE, async || {
        tenant.find("HorizontalPodAutoscaler", CHILD).await.map_or(Ok(()), |found| Err(found.to_string()))
    })
    .await;
    scale(&tenant, &Caller::Admin, 5).await;
    has_replicas(&tenant, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_begins_with_the_fewest_pods_and_its_limits_are_shared_by_those_that_are_ready() {
    let (tenant, operator) = Tenant::with_operator("sharing").await;
    let autoscaler = Caller::impersonated(AUTOSCALER, &["system:authenticated"]);
    tenant.apply(&[gateway(autoscaled(6)), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let begun = tenant.get("Deployment", CHILD).await;
    assert_eq!((generation(&begun), &begun["spec"]["replicas"]), (1, &json!(2)), "at no moment one");
    assert_eq!(tenant.document(CHILD).await["limits"]["replicas"], 2);

    scale(&tenant, &autoscaler, 4).await;
    tenant.rolls_over(CHILD).await;
    let shared = async |count: u32| {
        eventually(&format!("limits that {count} share"), PATIENCE, async || {
            let limits = tenant.document(CHILD).await["limits"].clone();
            if limits["replicas"] == count { Ok(()) } else { Err(limits.to_string()) }
        })
        .await;
    };
    shared(4).await;
    let after = tenant.get("Deployment", CHILD).await;
    assert_eq!(after["spec"]["template"], begun["spec"]["template"], "no pod is replaced for it");
    let sets = tenant.list("ReplicaSet").await;
    assert_eq!(sets.len(), 1, "{:?}", sets.iter().map(name).collect::<Vec<_>>());

    // Another operator goes on from there, also while a pod is lost; other bounds hold at once.
    operator.kill().await;
    let pods = tenant.list("Pod").await;
    let lost = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let patch = kube::api::Patch::Strategic(lost);
    tenant
        .api("Pod")
        .patch_status(&name(&pods[0]), &kube::api::PatchParams::default(), &patch)
        .await
        .unwrap();
    let sequence = tenant.document(CHILD).await["sequence"].clone();
    let _operator = tenant.operator().argument("--lease-seconds", "3").lead().await;
    tenant.apply(&[gateway(autoscaled(5))]).await;
    eventually("the operator to have looked at it", PATIENCE, async || {
        let autoscaler = tenant.get("HorizontalPodAutoscaler", CHILD).await;
        if autoscaler["spec"]["maxReplicas"] == 5 { Ok(()) } else { Err(autoscaler["spec"].to_string()) }
    })
    .await;
    let document = tenant.document(CHILD).await;
    assert_eq!((&document["limits"]["replicas"], &document["sequence"]), (&json!(4), &sequence));
    tenant.apply(&[gateway(autoscaled(3))]).await;
    shared(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_autoscaler_says_of_itself_gives_the_operator_nothing_to_write() {
    let (tenant, operator) = Tenant::with_operator("measures").await;
    tenant.apply(&[gateway(autoscaled(6)), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let api = tenant.api("HorizontalPodAutoscaler");
    // The autoscaler has looked at it, and the operator has looked at it since.
    eventually("a status", PATIENCE, async || {
        let found = api.get(CHILD).await.map_err(|error| error.to_string())?;
        if found.data["status"]["conditions"].is_array() { Ok(()) } else { Err(found.data.to_string()) }
    })
    .await;
    change_pods(&tenant, "77").await;
    let before = tenant.cluster.audit().await.len();
    for measured in ["1", "2", "3"] {
        let current = json!({"averageValue": measured});
        let metric = json!({"name": "lychgate_calls_under_way"});
        let pods = json!({"type": "Pods", "pods": {"metric": metric, "current": current}});
        let patch = kube::api::Patch::Merge(json!({"status": {"currentMetrics": [pods]}}));
        api.patch_status(CHILD, &kube::api::PatchParams::default(), &patch).await.unwrap();
    }
    change_pods(&tenant, "78").await;
    let events = tenant.cluster.audit().await;
    let own = events[before..].iter().filter(|event| event.user == operator.user && event.writes());
    let written: Vec<String> = own.map(|event| format!("{} {}", event.verb, event.resource)).collect();
    assert!(written.contains(&"patch deployments".to_owned()), "{written:?}");
    assert!(!written.contains(&"patch horizontalpodautoscalers".to_owned()), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_refuses_what_an_autoscaler_could_not_go_by() {
    let tenant = Tenant::new(crate::support::cluster().await, "autoscaled").await;
    for (deployment, says) in [
        (
            json!({"replicas": 2, "autoscaling": {"maxReplicas": 3, "callsUnderWay": 1}}),
            "leave out one of replicas and autoscaling",
        ),
        (
            json!({"autoscaling": {"maxReplicas": 3, "cpuUtilization": 70}}),
            "spec.deployment.autoscaling.cpuUtilization: Invalid value",
        ),
        (json!({"autoscaling": {"maxReplicas": 3}}), "write cpuUtilization, callsUnderWay, or both"),
        (
            json!({"autoscaling": {"maxReplicas": 1, "callsUnderWay": 1}}),
            "spec.deployment.autoscaling.maxReplicas: Invalid value",
        ),
    ] {
        let object = gateway(json!({"deployment": deployment})).to_string();
        let create = ["create", "--namespace", tenant.name(), "--filename=-"];
        let refusal = tenant.cluster.kubectl(&create).input(&object).fail().await;
        assert!(refusal.contains(says), "{deployment}: {refusal}");
    }
}
