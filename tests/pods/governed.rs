//! A call of an agent in the cluster: pods alone, from the agent's token to the database.

use std::fs;
use std::path::Path;

use hyper::StatusCode;
use lychgate_tests_cluster::binary;
use lychgate_tests_image::{Content, Image};
use tokio::process::Command;

use crate::stage::{Stage, processes, restricted};

const NAMESPACE: &str = "agents";
const DATABASE: &str = "database.agents.svc";
/// The server by its Service.
const SERVICE: &str = "serviceRef: {name: database, port: 8080, scheme: HTTP, networkPolicy: GatewayOnly}";
const IMAGE: &str = "lychgate.test/dbhub:1";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}"#;
const SCRIPT: &str =
    r#"[{"op":"callTool","name":"execute_sql","arguments":{"sql":"select name, email from customers"}}]"#;

pub async fn test(stage: &Stage) {
    import_dbhub(stage).await;
    stage.cluster().apply_yaml(&restricted(NAMESPACE)).await;
    stage.cluster().apply_yaml_in(NAMESPACE, &manifests()).await;
    stage.until_ready(NAMESPACE).await;
    stage.until_available(NAMESPACE, "database").await;

    let agent = stage.agent(NAMESPACE).await;
    let (status, _, _) = agent.post(None, None, INITIALIZE).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    stage.cluster().apply_yaml_in(NAMESPACE, &agent_pod(&agent.url())).await;
    let wait = ["wait", "pod/agent", "--for=condition=Ready", "--timeout=120s", "-n", NAMESPACE];
    stage.cluster().kubectl(&wait).succeed().await;
    // A client as it is published, which knows the gateway by nothing but its URL and what is mounted.
    let url = agent.url();
    let client =
        ["exec", "-i", "agent", "-n", NAMESPACE, "--", "/node", "/app/clients/legacy.mjs", "--url", &url];
    let answer = stage.cluster().kubectl(&client).input(SCRIPT).succeed().await;
    assert!(answer.contains("[REDACTED:Email]") && !answer.contains("alice@example.com"), "{answer}");

    for (name, least) in [("lychgate-operator", 2), ("lychgate-gateway", 2)] {
        let found = processes(&format!("/{name}"));
        assert!(found.len() >= least, "{name}: {found:?}");
        found.iter().for_each(|process| is_restricted(name, process));
    }
}

/// What Pod Security asks for has come to the process.
fn is_restricted(name: &str, process: &Path) {
    let status = fs::read_to_string(process.join("status")).unwrap();
    for expected in ["Uid:\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(expected), "{name} has not {expected} in {status}");
    }
    let mounts = fs::read_to_string(process.join("mountinfo")).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{name}: {root}");
}

/// dbhub and clients from their npm packages, with Node and a database of customers.
async fn import_dbhub(stage: &Stage) {
    let counterparts = binary("kubectl").ancestors().nth(3).unwrap().join("counterparts");
    let node = counterparts.join("bin/node");
    assert!(node.exists(), "{} is missing; run tests/counterparts/install", node.display());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.sqlite");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts");
    let (seed, clients) = (sources.join("servers/seed-customers.mjs"), sources.join("clients"));
    let seeded = Command::new(&node).arg(seed).arg("--database").arg(&database).status().await.unwrap();
    assert!(seeded.success());
    let modules = fs::canonicalize(counterparts.join("node_modules")).unwrap();
    let image = Image::of(&node)
        .unwrap()
        .tree("app/node_modules", &modules)
        .unwrap()
        .tree("app/clients", &clients)
        .unwrap()
        .file("app/customers.sqlite", 0o644, Content::File(database))
        .arguments(&["/app/node_modules/@bytebase/dbhub/dist/index.js"]);
    let layout = stage.node.import(&image, IMAGE).await.unwrap();
    println!("the image of dbhub has {} MB", layout.size / 1_000_000);
}

fn manifests() -> String {
    format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: upstream}}
stringData: {{token: credential-of-dbhub, lychgate-allowed-hosts: {DATABASE}}}
---
apiVersion: v1
kind: Service
metadata: {{name: database}}
spec: {{selector: {{app: database}}, ports: [{{port: 8080}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: database}}
spec:
  selector: {{matchLabels: {{app: database}}}}
  template:
    metadata: {{labels: {{app: database}}}}
    spec:
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: dbhub
        image: {IMAGE}
        args: [--transport=http, --host=0.0.0.0, --port=8080, '--dsn=sqlite:///app/customers.sqlite',
          --allowed-hosts={DATABASE}]
        workingDir: /tmp
        env: [{{name: DBHUB_AUTH_TOKEN, valueFrom: {{secretKeyRef: {{name: upstream, key: token}}}}}}]
        readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {{drop: [ALL]}}
        volumeMounts: [{{name: tmp, mountPath: /tmp}}]
      volumes: [{{name: tmp, emptyDir: {{}}}}]
---
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {{name: default}}
spec: {{identity: {{kubernetes: {{enabled: true}}}}}}
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {{name: personal-data}}
spec:
  connectionSelector: {{matchLabels: {{env: prod}}}}
  detectors: [{{type: Email, action: {{redact: {{}}}}}}]
---
{}",
        connection("").replace("url: ''", SERVICE)
    )
}

/// A connection to a server at `url`, for every agent of the cluster.
pub fn connection(url: &str) -> String {
    format!(
        "
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {{name: customers, labels: {{env: prod}}}}
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

/// A pod whose service account has a token for the gateway, and the gateway's authority beside it. It waits for
/// somebody who starts a client in it.
fn agent_pod(audience: &str) -> String {
    format!(
        "
apiVersion: v1
kind: ServiceAccount
metadata: {{name: agent}}
---
apiVersion: v1
kind: Pod
metadata: {{name: agent}}
spec:
  serviceAccountName: agent
  automountServiceAccountToken: false
  securityContext: {{runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: agent
    image: {IMAGE}
    command: [/node, --eval, 'setInterval(() => {{}}, 1000)']
    env:
    - {{name: MCP_TOKEN_FILE, value: /lychgate/token}}
    - {{name: NODE_EXTRA_CA_CERTS, value: /lychgate/ca.crt}}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {{drop: [ALL]}}
    volumeMounts: [{{name: lychgate, mountPath: /lychgate}}]
  volumes:
  - name: lychgate
    projected:
      sources:
      - serviceAccountToken: {{path: token, audience: '{audience}', expirationSeconds: 600}}
      - configMap: {{name: lychgate-customers-ca, items: [{{key: ca.crt, path: ca.crt}}]}}
"
    )
}
