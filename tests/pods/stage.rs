//! The node with Lychgate installed on it, and what tests ask of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lychgate_tests_cluster::{Cluster, Options, eventually};
use lychgate_tests_node::{HOME, Node};
use serde_json::Value;

use crate::agent::Agent;
use crate::upstream::Upstream;
use crate::{renewal, steady};

/// How long a test waits for what must come. A kubelet takes its time with volumes.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// The namespace whose gateways may watch their Secrets.
pub const WATCHED: &str = "watched";
/// The same, for calls at a steady rate.
pub const STEADY: &str = "steady";

/// A node with Lychgate on it.
pub struct Stage {
    pub node: Node,
    pub steady: steady::Shared,
    /// Where a token goes that is renewed in time.
    pub renewed: Upstream,
}

impl Stage {
    /// Starts a node and installs the chart, with its check.
    pub async fn set() -> Self {
        let begin = Instant::now();
        let node = Node::start(Options::default()).await.unwrap_or_else(|error| panic!("no node: {error}"));
        println!("the node is ready after {:?}", begin.elapsed());
        node.cluster().apply_yaml(&[HOME, WATCHED, STEADY].map(restricted).join("\n---\n")).await;
        node.import_lychgate().await.unwrap();
        println!("images are there after {:?}", begin.elapsed());
        let watching = format!("secretAccess.watchNamespaces={{{WATCHED},{STEADY}}}");
        if let Err(error) = node.install_lychgate(&[&watching]).await {
            panic!("{error}\n{}", describe(node.cluster(), HOME).await);
        }
        println!("the chart is installed and checked after {:?}", begin.elapsed());
        let mut stage = Self { node, steady: steady::Shared::default(), renewed: Upstream::default() };
        stage.renewed = renewal::begin(&stage).await;
        stage
    }

    pub fn cluster(&self) -> &Cluster {
        self.node.cluster()
    }

    /// An object as the API server has it.
    pub async fn get(&self, namespace: &str, kind: &str, name: &str) -> Value {
        let arguments = ["get", kind, name, "-n", namespace, "-o", "json"];
        serde_json::from_str(&self.cluster().kubectl(&arguments).succeed().await).unwrap()
    }

    /// Waits until the connection `customers` is ready; tells what there is where it is not.
    pub async fn until_ready(&self, namespace: &str) {
        let what = format!("the connection of {namespace} to be ready");
        let wait = eventually(&what, PATIENCE, async || {
            let connection = self.get(namespace, "mcpconnection", "customers").await;
            let conditions = connection["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
            match ready {
                Some(ready) if ready["status"] == "True" => Ok(()),
                _ => Err(format!("{} {}", connection["status"], describe(self.cluster(), namespace).await)),
            }
        });
        wait.await;
    }

    /// Waits until a Deployment has its pods; tells what there is where it has not.
    pub async fn until_available(&self, namespace: &str, deployment: &str) {
        let what = format!("{deployment} of {namespace} to be available");
        let wait = eventually(&what, PATIENCE, async || {
            let object = self.get(namespace, "deployment", deployment).await;
            let status = &object["status"];
            if status["availableReplicas"] == object["spec"]["replicas"] {
                return Ok(());
            }
            Err(format!("{status} {}", describe(self.cluster(), namespace).await))
        });
        wait.await;
    }

    /// An agent who asks the Service of the connection `customers`, as soon as kube-proxy knows where it leads.
    pub async fn agent(&self, namespace: &str) -> Agent {
        let service = self.get(namespace, "service", "lychgate-customers").await;
        let address = service["spec"]["clusterIP"].as_str().unwrap();
        let agent = Agent::of(self.cluster(), namespace, address).await;
        eventually("the Service to lead to a gateway", PATIENCE, async || {
            agent.connect().await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        agent
    }
}

/// A namespace that admits only pods that pass Pod Security `restricted`.
pub fn restricted(name: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, \
         labels: {{pod-security.kubernetes.io/enforce: restricted}}}}}}"
    )
}

/// Pods and Events, for the message of a test that failed.
async fn describe(cluster: &Cluster, namespace: &str) -> String {
    let mut text = String::new();
    for arguments in [
        &["get", "pods", "-n", namespace, "-o", "wide"][..],
        &["get", "events", "-n", namespace, "--sort-by=.lastTimestamp"][..],
        &["logs", "-n", namespace, "-l", "app.kubernetes.io/part-of=lychgate", "--tail=15"][..],
    ] {
        let finished = cluster.kubectl(arguments).finish().await;
        text = format!("{text}\n{}{}", finished.output, finished.errors);
    }
    text
}

/// The folders below /proc of the processes that run this binary of an image. The node's processes are this one's,
/// too.
pub fn processes(binary: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    folders
        .filter(|folder| fs::read_link(folder.join("exe")).is_ok_and(|exe| exe == Path::new(binary)))
        .collect()
}
