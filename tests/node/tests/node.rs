//! What a node for tests can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests fail by panicking")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use lychgate_tests_cluster::{Options, eventually};
use lychgate_tests_image::Image;
use lychgate_tests_node::{Node, built, inside};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);
const IMAGE: &str = "lychgate.test/answer:1";
const SERVICE: &str = "10.0.0.100";

const TEST: &str = "a_pod_runs_restricted_and_is_reached_through_a_service";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, vec![Trial::test(TEST, || Ok(()))]).exit_code();
    }
    inside(move || {
        let runtime = Arc::new(Runtime::new().unwrap());
        let node = match runtime.block_on(Node::start(Options::default())) {
            Ok(node) => Arc::new(node),
            Err(error) => panic!("the node did not start: {error}"),
        };
        arguments.test_threads = Some(1);
        let trial = Trial::test(TEST, move || {
            runtime.block_on(a_pod_runs_restricted_and_is_reached_through_a_service(&node));
            Ok(())
        });
        libtest_mimic::run(&arguments, vec![trial]).exit_code()
    })
}

async fn a_pod_runs_restricted_and_is_reached_through_a_service(node: &Node) {
    let image = Image::of(&built("lychgate-test-answer").unwrap()).unwrap();
    node.import(&image, IMAGE).await.unwrap();
    node.cluster().apply_yaml(&manifests()).await;
    let answer = eventually("an answer", PATIENCE, async || ask(SERVICE).await).await;
    let expected = [
        "Uid:65532",
        "CapEff:0000000000000000",
        "NoNewPrivs:1",
        "Seccomp:2",
        "root is writable:false",
        "projected:as it stands",
    ];
    for line in expected {
        assert!(answer.lines().any(|found| found == line), "{line} in {answer}");
    }
    // What the API server asks of the kubelet.
    let logs = node.cluster().kubectl(&["logs", "answer", "-n", "restricted"]).succeed().await;
    assert_eq!(logs, "");
}

async fn ask(address: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect((address, 80)).await.map_err(|error| error.to_string())?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: answer\r\n\r\n").await.map_err(|error| error.to_string())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.map_err(|error| error.to_string())?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).ok_or(text)
}

fn manifests() -> String {
    format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: restricted, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: answer, namespace: restricted}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: text, namespace: restricted}}
data: {{text: as it stands}}
---
apiVersion: v1
kind: Service
metadata: {{name: answer, namespace: restricted}}
spec:
  clusterIP: {SERVICE}
  selector: {{app: answer}}
  ports: [{{port: 80, targetPort: 8080}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: answer, namespace: restricted, labels: {{app: answer}}}}
spec:
  serviceAccountName: answer
  securityContext: {{runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: answer
    image: {IMAGE}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {{drop: [ALL]}}
    volumeMounts: [{{name: text, mountPath: /projected}}]
  volumes: [{{name: text, configMap: {{name: text}}}}]
"
    )
}
