//! A Secret is changed, and the next calls have the new value: by the kubelet's volumes, and by a watch.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use lychgate_tests_cluster::eventually;
use lychgate_tests_node::ADDRESS;

use crate::governed::connection;
use crate::stage::{PATIENCE, Stage, WATCHED, restricted};
use crate::upstream::Upstream;

const MOUNTED: &str = "mounted";
pub const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}"#;
pub const CALL: &str =
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"look","arguments":{}}}"#;

pub async fn test(stage: &Stage) {
    stage.cluster().apply_yaml(&restricted(MOUNTED)).await;
    let (mounted, watched) = tokio::join!(rotate(stage, MOUNTED, "Mount"), rotate(stage, WATCHED, "Watch"));
    println!("a changed Secret was sent after {mounted:?} (Mount) and {watched:?} (Watch)");
}

/// Changes the Secret of a connection in use; gives how long it took until a call had the new value. A
/// kubelet looks after a pod that has just started more often, so that the second time tells how long it takes.
async fn rotate(stage: &Stage, namespace: &str, access: &str) -> Vec<Duration> {
    let (upstream, url) = Upstream::open().await;
    let gateway = format!(
        "
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {{name: default}}
spec: {{identity: {{kubernetes: {{enabled: true}}}}, secretAccess: {access}, deployment: {{replicas: 1}}}}
"
    );
    let objects = format!("{gateway}---{}---{}", connection(&url), secret("first"));
    stage.cluster().apply_yaml_in(namespace, &objects).await;
    stage.until_ready(namespace).await;
    let agent = stage.agent(namespace).await;
    let token = stage.cluster().token(namespace, "agent", &[&agent.url()], 600).await;
    let (status, session, text) = agent.post(Some(&token), None, INITIALIZE).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let call = async || {
        let (status, _, text) = agent.post(Some(&token), session.as_deref(), CALL).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        upstream.credential()
    };
    assert_eq!(call().await, "Bearer first");
    let mut delays = Vec::new();
    for value in ["second", "third"] {
        let begin = Instant::now();
        stage.cluster().apply_yaml_in(namespace, &secret(value)).await;
        eventually("the new value", PATIENCE, async || {
            let credential = call().await;
            if credential == format!("Bearer {value}") { Ok(()) } else { Err(credential) }
        })
        .await;
        delays.push(begin.elapsed());
    }
    delays
}

/// The Secret of a connection.
pub fn secret(value: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: upstream}}
stringData: {{token: {value}, lychgate-allowed-hosts: {ADDRESS}}}
"
    )
}
