//! What an edit of a connection or of its gateway changes, and what it leaves alone.

use lychgate_tests_cluster::eventually;
use serde_json::json;

use crate::support::PATIENCE;
use crate::support::manifests::{connection, gateway, rule, targets};
use crate::support::tenant::{CHILD_KINDS, Tenant};

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_shows_in_one_line_where_a_connection_stands() {
    let (tenant, _operator) = Tenant::with_operator("columns").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({})), rule("mail", targets("db"))]).await;
    tenant.is_published("db").await;
    tenant.becomes("MaskingRule", "mail", "Accepted", "True Accepted").await;
    let get = async |kinds: &str| {
        let text = tenant.cluster.kubectl(&["get", kinds, "--namespace", tenant.name()]).succeed().await;
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        text.lines().map(words).collect::<Vec<_>>()
    };
    let lines = get("mcpc").await;
    let url = format!("https://lychgate-db.{}.svc:8443/db/mcp", tenant.name());
    assert_eq!(lines[0], ["NAME", "GATEWAY", "URL", "ACCEPTED", "PROGRAMMED", "READY", "AGE"]);
    assert_eq!(lines[1][..6], ["db", "default", &url, "True", "Unknown", "Unknown"]);
    let lines = get("mask").await;
    assert_eq!(lines[1][..4], ["mail", "Enforce", "1", "True"], "{lines:?}");
    let names: Vec<String> =
        get("lychgate").await.into_iter().filter_map(|line| line.first().cloned()).collect();
    for name in
        ["mcpconnection.lychgate.dev/db", "mcpgateway.lychgate.dev/default", "maskingrule.lychgate.dev/mail"]
    {
        assert!(names.iter().any(|found| found == name), "{name} is of the category: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_raises_the_sequence_and_rolls_no_pod_and_replicas_follow_the_gateway() {
    let (tenant, _operator) = Tenant::with_operator("edit").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let before = tenant.document("lychgate-db").await;
    let deployment = tenant.get("Deployment", "lychgate-db").await;
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(before["limits"]["replicas"], 2);

    let mut last = before["sequence"].as_u64().unwrap();
    for (member, value, pointer, expected) in [
        (
            "upstream",
            json!({"url": "https://other.example.com/mcp"}),
            "/upstream/url",
            json!("https://other.example.com/mcp"),
        ),
        ("access", json!([{"users": ["anna"], "tools": ["*"]}]), "/access/0/users", json!(["anna"])),
    ] {
        tenant.edit("McpConnection", "db", json!({"spec": {member: value}})).await;
        tenant.is_published("db").await;
        let document = tenant.document("lychgate-db").await;
        assert_eq!(document.pointer(pointer), Some(&expected), "{document}");
        let sequence = document["sequence"].as_u64().unwrap();
        assert!(sequence > last, "{member}: {sequence} after {last}");
        last = sequence;
    }
    let unrolled = tenant.get("Deployment", "lychgate-db").await;
    assert_eq!(unrolled["metadata"]["generation"], deployment["metadata"]["generation"], "no pod is rolled");

    tenant.apply(&[gateway(json!({"deployment": {"replicas": 3}}))]).await;
    eventually("three replicas", PATIENCE, async || {
        let deployment = tenant.get("Deployment", "lychgate-db").await;
        if deployment["spec"]["replicas"] == 3 { Ok(()) } else { Err(deployment["spec"].to_string()) }
    })
    .await;
    let scaled = tenant.get("Deployment", "lychgate-db").await;
    assert_eq!(scaled["spec"]["template"], deployment["spec"]["template"], "the pods that run stay");
    let shared = eventually("a document that says so", PATIENCE, async || {
        let document = tenant.document("lychgate-db").await;
        if document["limits"]["replicas"] == 3 { Ok(document) } else { Err(document["limits"].to_string()) }
    })
    .await;
    assert!(shared["sequence"].as_u64().unwrap() > last, "{shared}");
    let limits =
        json!({"messageBytes": 4_194_304, "requestsPerMinute": 600, "concurrentCalls": 32, "replicas": 3});
    assert_eq!(shared["limits"], limits, "three replicas divide what each caller may ask for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connection_leaves_nothing_behind_and_its_neighbour_stays() {
    let (tenant, _operator) = Tenant::with_operator("delete").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({})), connection("docs", json!({}))]).await;
    tenant.is_published("db").await;
    tenant.is_published("docs").await;
    let neighbour = tenant.get("McpConnection", "docs").await["metadata"]["uid"].clone();
    let made = tenant.children("docs").await;

    let delete = ["delete", "mcpconnection", "db", "--namespace", tenant.name(), "--timeout=60s"];
    tenant.cluster.kubectl(&delete).succeed().await;
    eventually("everything of it to be gone", PATIENCE, async || {
        let mut left = Vec::new();
        for kind in CHILD_KINDS.into_iter().chain(["ReplicaSet", "Pod", "EndpointSlice"]) {
            let objects = tenant.list(kind).await;
            left.extend(objects.iter().map(|object| format!("{kind} {}", object["metadata"]["name"])));
        }
        left.retain(|object| object.contains("lychgate-db"));
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    let unchanged = tenant.children("docs").await;
    assert_eq!(made.keys().collect::<Vec<_>>(), unchanged.keys().collect::<Vec<_>>());
    assert_eq!(tenant.get("McpConnection", "docs").await["metadata"]["uid"], neighbour);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_without_a_certificate_has_none_left_when_no_pod_needs_it() {
    let (tenant, _operator) = Tenant::with_operator("tls").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let tls = |children: Vec<(&'static str, String)>| -> Vec<(&'static str, String)> {
        let is_tls = |name: &str| name.contains("-tls-") || name.ends_with("-ca");
        children.into_iter().filter(|(_, name)| is_tls(name)).collect()
    };
    let made = tls(tenant.children("db").await.into_keys().collect());
    let kinds: Vec<&str> = made.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["ConfigMap", "ConfigMap", "Secret"], "{made:?}");

    tenant.apply(&[gateway(json!({"listener": {"tls": {"mode": "Disabled"}}}))]).await;
    eventually("a pod without the certificate beside the old ones", PATIENCE, async || {
        let authority = tenant.find("ConfigMap", "lychgate-db-ca").await;
        let pods = tenant.list("Pod").await.len();
        if authority.is_none() && pods == 3 { Ok(()) } else { Err(format!("{pods} pods")) }
    })
    .await;
    let left = tls(tenant.children("db").await.into_keys().collect());
    assert_eq!(left, [made[1].clone(), made[2].clone()], "a node may start the old pods again");
    tenant.rolls_over("lychgate-db").await;
    eventually("the certificate to be gone", PATIENCE, async || {
        let left = tls(tenant.children("db").await.into_keys().collect());
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    let deployment = tenant.get("Deployment", "lychgate-db").await;
    let volumes = deployment["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    assert!(volumes.iter().all(|volume| volume["name"] != "tls"), "{volumes:?}");

    tenant.apply(&[gateway(json!({"listener": {"tls": {"mode": "Operator"}}}))]).await;
    eventually("the certificate to be back", PATIENCE, async || {
        let back = tls(tenant.children("db").await.into_keys().collect());
        if back == made { Ok(()) } else { Err(format!("{back:?} is not {made:?}")) }
    })
    .await;
}
