//! A gateway whose own call waits while thousands of Approvals of another connection of its namespace do.

use hyper::StatusCode;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::Value;

use super::desk::{Desk, approve};
use crate::support::agent::Agent;
use crate::support::counterparts::{fixture, logged};
use crate::support::{GATEWAY, connection, eventually, get, kubelet, until};

const CHILD: &str = "lychgate-customers";
const TEXT: &str = "one among thousands";
const CALL: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"message":"one among thousands"}}}"#;
const OBJECTS: &str = "
apiVersion: v1
kind: Secret
metadata: {name: upstream}
stringData: {token: credential-of-server, lychgate-allowed-hosts: 127.0.0.1}
---
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: echoes}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  match: {tools: [echo]}
  approvers: {groups: [dba]}
";

/// Starts the gateway, and has a call of it held, voted on and made, once. It knows of no Approval but its own.
pub async fn a_call_is_held_voted_on_and_made(desk: &Desk) {
    let (cluster, namespace) = (desk.cluster, desk.name());
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "credential-of-server", &log).await;
    let objects = [GATEWAY, OBJECTS, &connection("customers", &server.url)].join("---");
    cluster.apply_yaml_in(namespace, &objects).await;
    // A pod's files are those of its beginning here, so that the policy must be in them.
    eventually("the gateway to be told of the policy", async || {
        let document = get(namespace, "configmap", CHILD).await?;
        document["data"].to_string().contains("echoes").then_some(())
    })
    .await;
    until(namespace, "approvalpolicy", "echoes", "AdmissionGuarded", "True/AdmissionGuarded").await;
    let pod = kubelet::run(namespace, CHILD).await;
    until(namespace, "mcpconnection", "customers", "Ready", "True/Ready").await;

    let agent = Agent::of(cluster, namespace, &pod.address).await;
    let token = cluster.token(namespace, "agent", &[&agent.url()], 3600).await;
    let answer = tokio::spawn(async move { agent.post(Some(&token), None, CALL).await });
    let user = format!("system:serviceaccount:{namespace}:{CHILD}");
    let own = ListParams::default().fields(&format!("spec.request.gateway={user}"));
    let name = eventually("the call to wait", async || {
        let listed = desk.tenant.api("Approval").list(&own).await.unwrap();
        listed.items.first().map(ResourceExt::name_any)
    })
    .await;
    assert!(!answer.is_finished(), "it is held");
    assert_eq!(made(&log), 0);
    desk.vote("alice", &name, &approve()).await;
    let (status, _, text) = answer.await.unwrap();
    assert!(status == StatusCode::OK && text.contains(TEXT) && !text.contains("isError\":true"), "{text}");
    assert_eq!(desk.becomes(&name, "Consumed").await["consumed"]["count"], 1);
    assert_eq!(made(&log), 1);

    let events = cluster.audit().await;
    let read = events.iter().filter(|event| {
        event.user == user
            && event.resource == "approvals"
            && ["list", "watch"].contains(&event.verb.as_str())
    });
    let uris: Vec<&str> = read.map(|event| event.uri.as_str()).collect();
    assert!(uris.len() >= 2 && uris.iter().all(|uri| uri.contains("spec.request.gateway")), "{uris:?}");
    eprintln!("the gateway beside them has {}", memory(pod.process.id()));
}

fn made(log: &std::path::Path) -> usize {
    let bodies =
        logged(log).into_iter().filter_map(|request: Value| Some(request["body"].as_str()?.to_owned()));
    bodies.filter(|body| body.contains("tools/call") && body.contains(TEXT)).count()
}

/// What a process has of the machine's memory, for who reads the test's output.
fn memory(process: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let lines: Vec<&str> =
        status.lines().filter(|line| line.starts_with("Vm") && line.contains("kB")).collect();
    let of = |name: &str| lines.iter().find(|line| line.starts_with(name)).map_or("", |line| line.trim_end());
    [of("VmRSS"), of("VmHWM")].join(", ").replace('\t', " ")
}
