//! What the tests of this binary share: a cluster with our kinds in it, operators, and a kubelet's part.

pub mod agent;
pub mod kubelet;
pub mod manifests;
pub mod operator;
pub mod tenant;
pub mod watching;

#[path = "../../scenarios/support/counterparts.rs"]
#[allow(dead_code, reason = "scenarios use the rest")]
pub mod counterparts;
#[path = "../../scenarios/support/process.rs"]
#[allow(dead_code, reason = "scenarios use the rest")]
pub mod process;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use lychgate_tests_cluster::{Cluster, Options};
use serde_json::Value;

/// How long a test waits for what must come. It says nothing about how long it may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Tries again until something comes.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let attempt = async || attempt().await.ok_or_else(|| "it is not there".to_owned());
    lychgate_tests_cluster::eventually(what, PATIENCE, attempt).await
}

/// The cluster of this binary, with our kinds in it.
pub async fn cluster() -> &'static Cluster {
    Cluster::shared_with(options).await
}

/// A control plane with our kinds in it.
pub fn options() -> Options {
    Options { before_controllers: definitions(), ..Options::default() }
}

/// An address that nobody else on this machine uses, so that any port of it is free: tests run beside each other,
/// in several processes.
pub fn own_address() -> Ipv4Addr {
    static NUMBER: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = (std::process::id() & 0x3fff).to_be_bytes();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    assert!(number < 255, "an address for each");
    Ipv4Addr::new(127, 64 + high, low, number)
}

fn definitions() -> String {
    let folder = workspace().join("crds/yaml");
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        text.push_str("---\n");
        text.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    text
}

/// A gateway for agents of the cluster.
pub const GATEWAY: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {name: default}
spec: {identity: {kubernetes: {enabled: true}}}
";

/// A connection to a server at `url`, for every agent of the cluster. Its limits hold up no test that calls in a loop.
pub fn connection(name: &str, url: &str) -> String {
    format!(
        "
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {{name: {name}, labels: {{env: prod}}}}
spec:
  gatewayRef: {{name: default}}
  upstream: {{url: '{url}', insecurePlaintext: true}}
  credentials:
  - name: default
    inject: {{header: Authorization, format: 'Bearer {{value}}'}}
    from: {{secretKeyRef: {{name: upstream, key: token}}}}
  access:
  - {{groups: ['system:serviceaccounts'], tools: ['*']}}
  limits: {{requestsPerMinute: 1000000, concurrentCalls: 10000}}
"
    )
}

/// A rule that masks e-mail addresses for all connections of its namespace.
pub const RULE: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: personal-data}
spec:
  connectionSelector: {matchLabels: {env: prod}}
  detectors: [{type: Email, action: {redact: {}}}]
";

/// An object as kubectl shows it; nothing if it is not there.
pub async fn get(namespace: &str, kind: &str, name: &str) -> Option<Value> {
    let arguments =
        ["get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found", "--show-managed-fields"];
    let text = cluster().await.kubectl(&arguments).succeed().await;
    if text.trim().is_empty() { None } else { Some(serde_json::from_str(&text).unwrap()) }
}

/// A condition of an object, as `status/reason`, once it is that of the object's own generation.
pub fn condition(object: &Value, kind: &str) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let condition = conditions.iter().find(|condition| condition["type"] == kind)?;
    let is_current = condition["observedGeneration"] == object["metadata"]["generation"];
    is_current.then(|| {
        format!("{}/{}", condition["status"].as_str().unwrap(), condition["reason"].as_str().unwrap())
    })
}

/// Waits until a condition of an object is as expected, and gives the object.
pub async fn until(namespace: &str, kind: &str, name: &str, condition_type: &str, expected: &str) -> Value {
    let what = format!("{kind} {namespace}/{name} to be {condition_type}={expected}");
    lychgate_tests_cluster::eventually(&what, PATIENCE, async || {
        let object = get(namespace, kind, name).await.ok_or("it is not there")?;
        match condition(&object, condition_type) {
            Some(found) if found == expected => Ok(object),
            _ => Err(object["status"].to_string()),
        }
    })
    .await
}

/// The document that is published for a connection.
pub async fn document(namespace: &str, child: &str) -> Option<Value> {
    let config_map = get(namespace, "configmap", child).await?;
    let text = config_map["data"].as_object()?.values().next()?.as_str()?.to_owned();
    Some(serde_json::from_str(&text).unwrap())
}
