//! A control plane with the chart in it, and scenes on it: a namespace each, with a connection, a policy, and a gateway of
//! its own.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::StatusCode;
use kube::api::{DynamicObject, ListParams};
use lychgate_tests_cluster::{Caller, Cluster};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::super::people::{alice, roles};
use super::super::{approvals, installed};
use crate::chart::HOME;
use crate::chart::release::{Release, get, until};
use crate::support::agent::Agent;
use crate::support::counterparts::{Server, fixture, logged};
use crate::support::kubelet::{self, Pod};
use crate::support::operator::Operator;
use crate::support::{GATEWAY, connection, eventually};

/// The server's credential.
const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: upstream}
stringData: {token: credential-of-server, lychgate-allowed-hosts: 127.0.0.1}
";

/// A control plane with an operator, as the chart deploys it.
pub struct Stage {
    pub cluster: Cluster,
    pub operator: Operator,
    folder: TempDir,
}

/// A namespace with a gateway for the connection `customers`, whose tool `echo` waits for people.
pub struct Scene<'a> {
    pub stage: &'a Stage,
    pub namespace: &'a str,
    pub server: Server,
    pub pod: Pod,
    pub caller: Arc<AgentWithToken>,
    pub log: PathBuf,
}

/// An agent with a token of its service account.
pub struct AgentWithToken {
    agent: Agent,
    token: String,
}

/// A call under way.
pub struct Asked {
    /// Its Approval as it was made.
    pub approval: Value,
    pub name: String,
    pub answer: JoinHandle<String>,
}

impl AgentWithToken {
    /// Calls `echo`, and gives the text of the answer.
    pub async fn call(&self, arguments: &Value) -> String {
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "echo", "arguments": arguments}});
        let (status, _, text) = self.agent.post(Some(&self.token), None, &message.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }
}

impl Stage {
    /// Scenes can be opened in these namespaces. The policies that keep tokens of gateways from everybody but kubelets
    /// leave them alone, since here the test is the kubelet; those of Approvals leave out none.
    pub async fn start(namespaces: &[&str]) -> Self {
        let excluded =
            format!("admissionPolicies.excludedNamespaces={{kube-system,{}}}", namespaces.join(","));
        let cluster = installed(&[&excluded]).await;
        let mut operator = Release { cluster: &cluster, home: HOME }.operator("operator-0").await;
        operator.until_it_leads().await;
        Self { cluster, operator, folder: tempfile::tempdir().unwrap() }
    }

    /// Opens a scene. `policy` is the rest of the spec of its ApprovalPolicy, and `more` what is applied besides.
    pub async fn scene<'a>(&'a self, namespace: &'a str, policy: &Value, more: &str) -> Scene<'a> {
        let cluster = &self.cluster;
        let log = self.folder.path().join(namespace);
        let server = fixture("both", "credential-of-server", &log).await;
        let written = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
        cluster.apply_yaml(&written).await;
        let mut spec = json!({
            "targetRefs": [{"kind": "McpConnection", "name": "customers"}],
            "match": {"tools": ["echo"]},
            "approvers": {"groups": ["dba-leads"]},
            "breakGlass": {"groups": ["oncall"]},
        });
        spec.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
        let policy = json!({"apiVersion": "lychgate.dev/v1alpha1", "kind": "ApprovalPolicy",
            "metadata": {"name": "billing-writes"}, "spec": spec});
        let connection = connection("customers", &server.url);
        let objects =
            [GATEWAY, SECRET, &policy.to_string(), &roles(namespace), more, &connection].join("\n---\n");
        cluster.apply_yaml_in(namespace, &objects).await;
        // The connection comes last, so that its gateway is made once; and a pod's files are those of its beginning.
        eventually("the gateway to be told of the policy", async || {
            let document = get(cluster, namespace, "configmap", "lychgate-customers").await?;
            document["data"].to_string().contains("billing-writes").then_some(())
        })
        .await;
        let pod = kubelet::run_on(cluster, namespace, "lychgate-customers").await;
        until(cluster, namespace, ("mcpconnection", "customers"), "Ready", "True/Ready").await;
        let guarded = "True/AdmissionGuarded";
        until(cluster, namespace, ("approvalpolicy", "billing-writes"), "AdmissionGuarded", guarded).await;
        let agent = Agent::of(cluster, namespace, &pod.address).await;
        let token = cluster.token(namespace, "agent", &[&agent.url()], 3600).await;
        let caller = Arc::new(AgentWithToken { agent, token });
        Scene { stage: self, namespace, server, pod, caller, log }
    }
}

impl Scene<'_> {
    /// Lets the agent call `echo`, and waits until that is asked.
    pub async fn asks(&self, arguments: &Value) -> Asked {
        let before = self.approvals().await;
        let known: Vec<&str> = before.iter().map(|it| it["metadata"]["name"].as_str().unwrap()).collect();
        let (caller, sent) = (Arc::clone(&self.caller), arguments.clone());
        let mut answer = tokio::spawn(async move { caller.call(&sent).await });
        let waits = eventually("a call to wait", async || {
            let all = self.approvals().await;
            all.into_iter().find(|it| !known.contains(&it["metadata"]["name"].as_str().unwrap()))
        });
        let approval = tokio::select! {
            approval = waits => approval,
            answer = &mut answer => {
                panic!("{arguments} did not wait: {} {}", answer.unwrap(), self.pod.process.output())
            }
        };
        let name = approval["metadata"]["name"].as_str().unwrap().to_owned();
        Asked { approval, name, answer }
    }

    /// All Approvals, as an approver sees them.
    pub async fn approvals(&self) -> Vec<Value> {
        let api = approvals(&self.stage.cluster, self.namespace, &alice());
        let listed: Vec<DynamicObject> = api.list(&ListParams::default()).await.unwrap().items;
        listed.into_iter().map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// Runs kubectl in the namespace as somebody.
    pub fn kubectl<'b>(&'b self, who: &Caller, arguments: &[&str]) -> lychgate_tests_cluster::Run<'b> {
        self.stage.cluster.kubectl(&[arguments, &["--namespace", self.namespace]].concat()).caller(who)
    }

    /// Lets somebody decide by the mailbox.
    pub async fn decide(&self, who: &Caller, name: &str, decision: &str, reason: &str) {
        let patch = json!({"spec": {"decision": decision, "reason": reason}}).to_string();
        self.kubectl(who, &["patch", "appr", name, "--type=merge", "-p", &patch]).succeed().await;
    }

    /// Waits for a phase, and gives the Approval.
    pub async fn becomes(&self, name: &str, phase: &str) -> Value {
        self.shows(name, |approval| approval["status"]["phase"] == phase, phase).await
    }

    pub async fn shows(&self, name: &str, is_expected: impl Fn(&Value) -> bool, what: &str) -> Value {
        eventually(&format!("{}/{name} to be {what}", self.namespace), async || {
            let found = get(&self.stage.cluster, self.namespace, "approval", name).await?;
            is_expected(&found).then_some(found)
        })
        .await
    }

    /// How many calls with this text in their arguments have reached the server.
    pub fn made(&self, text: &str) -> usize {
        let requests = logged(&self.log);
        let bodies = requests.iter().map(|request| request["body"].to_string());
        bodies.filter(|body| body.contains("tools/call") && body.contains(text)).count()
    }

    /// What the gateway has recorded.
    pub fn record(&self) -> String {
        let mut text = String::new();
        for file in files(&self.pod.file("journal")) {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
        }
        text
    }

    /// Changes an object's spec.
    pub async fn edit(&self, kind: &str, name: &str, spec: &Value) -> i64 {
        let patch = json!({"spec": spec}).to_string();
        let arguments =
            ["patch", kind, name, "-n", self.namespace, "--type=merge", "-p", &patch, "-o", "json"];
        let edited = self.stage.cluster.kubectl(&arguments).succeed().await;
        serde_json::from_str::<Value>(&edited).unwrap()["metadata"]["generation"].as_i64().unwrap()
    }

    /// Plays the kubelet, which brings what was published to the gateway, and waits until the gateway uses it.
    pub async fn syncs(&self, is_published: impl Fn(&Value) -> bool) {
        let document = eventually("the document to be published", async || {
            let config_map =
                get(&self.stage.cluster, self.namespace, "configmap", "lychgate-customers").await?;
            let text = config_map["data"].as_object()?.values().next()?.as_str()?.to_owned();
            let document: Value = serde_json::from_str(&text).unwrap();
            is_published(&document).then_some(document)
        })
        .await;
        self.pod.sync(&self.stage.cluster).await;
        let sequence = document["sequence"].as_u64().unwrap();
        eventually("the gateway to use it", async || {
            let output = self.pod.process.output();
            let mut lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.any(|line| line["fields"]["sequence"].as_u64() >= Some(sequence)).then_some(())
        })
        .await;
    }
}

/// All files below a folder.
fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether an answer is a result that says that the call was not made, with these words.
#[track_caller]
pub fn refused(answer: &str, words: &str) {
    assert!(answer.contains(r#""isError":true"#) && answer.contains(words), "not `{words}`: {answer}");
}

/// Whether an answer is the server's.
#[track_caller]
pub fn answered(answer: &str, words: &str) {
    let is_error = answer.contains(r#""isError":true"#) || answer.contains(r#""error":"#);
    assert!(!is_error && answer.contains(words), "not `{words}`: {answer}");
}
