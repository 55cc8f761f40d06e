//! A token that the kubelet renews: it is mounted when everything begins, and looked at last.

use hyper::StatusCode;
use lychgate_tests_cluster::eventually;
use std::time::Duration;

use crate::rotation::CALL;
use crate::rotation::INITIALIZE;
use crate::stage::{Stage, restricted};
use crate::upstream::Upstream;

const NAMESPACE: &str = "renewed";
/// A token for ten minutes, the shortest that there is, is renewed after eight or a little later.
const LIFE: Duration = Duration::from_secs(700);

/// Begins to serve with a token.
pub async fn begin(stage: &Stage) -> Upstream {
    let (upstream, url) = Upstream::open().await;
    stage.cluster().apply_yaml(&restricted(NAMESPACE)).await;
    stage.cluster().apply_yaml_in(NAMESPACE, &manifests(&url)).await;
    upstream
}

pub async fn test(stage: &Stage) {
    let agent = stage.agent(NAMESPACE).await;
    let token = stage.cluster().token(NAMESPACE, "agent", &[&agent.url()], 3600).await;
    let (status, session, text) = agent.post(Some(&token), None, INITIALIZE).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let call = async || {
        let (status, _, text) = agent.post(Some(&token), session.as_deref(), CALL).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        stage.renewed.credential()
    };
    let first = call().await;
    assert!(first.starts_with("Bearer ey"), "{first}");
    eventually("another token", LIFE, async || {
        if call().await == first { Err("it is the first still".to_owned()) } else { Ok(()) }
    })
    .await;
}

fn manifests(url: &str) -> String {
    format!(
        "
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {{name: default}}
spec: {{identity: {{kubernetes: {{enabled: true}}}}, deployment: {{replicas: 1}}}}
---
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {{name: customers}}
spec:
  gatewayRef: {{name: default}}
  upstream: {{url: '{url}', insecurePlaintext: true}}
  credentials:
  - name: default
    inject: {{header: Authorization, format: 'Bearer {{value}}'}}
    from: {{serviceAccountToken: {{audience: 'https://upstream.test', expirationSeconds: 600}}}}
  access:
  - {{groups: ['system:serviceaccounts'], tools: ['*']}}
"
    )
}
