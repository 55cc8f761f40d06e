//! Calls that wait for people at several gateways, or while something is away or wrong: the chart's operator, gateways
//! each with the token and the rights of their account, real servers, and people who decide.

mod clock;
mod guard;
mod killed;
mod latency;
mod outage;
mod race;

use std::path::PathBuf;
use std::sync::Arc;

use hyper::StatusCode;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use lychgate_tests_cluster::{Caller, Cluster};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::roles;
use super::{approvals, installed};
use crate::chart::HOME;
use crate::chart::release::{Release, get, until};
use crate::support::agent::Agent;
use crate::support::counterparts::{Server, dbhub, fixture};
use crate::support::kubelet::{self, Pod};
use crate::support::operator::Operator;
use crate::support::{GATEWAY, connection, eventually};

const DEPLOYMENT: &str = "lychgate-customers";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}"#;
/// What a server's credential is here.
const TOKEN: &str = "credential-of-the-server";

/// A policy for statements, each of which may be made twice.
const STATEMENTS: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: billing-writes}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  match: {tools: [execute_sql]}
  approvers: {groups: [dba-leads]}
  grant: {uses: 2}
  maxPendingPerCaller: 100
";
/// A policy for searches, whose approvals are good for a moment. It is Carol who approves them.
const SEARCHES: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: billing-reviews}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  match: {tools: [search_objects]}
  approvers: {groups: [security]}
  grant: {validFor: 2s}
  maxPendingPerCaller: 100
";

/// A policy for echoes, and one for customers that holds nobody for long and is good for many calls.
const ECHOES: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: billing-writes}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  match: {tools: [echo]}
  approvers: {groups: [dba-leads]}
";
const CUSTOMERS: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: billing-reviews}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  match: {tools: [customers]}
  approvers: {groups: [security]}
  grant: {uses: 100}
  wait: {for: 5s}
";

/// A control plane with the chart in it, and its operator.
struct House {
    cluster: Cluster,
    operator: Operator,
}

/// A connection `customers`, and the server behind it.
struct Site {
    namespace: &'static str,
    server: Server,
    folder: TempDir,
}

/// An agent's session, at one replica of the gateway.
struct Line {
    agent: Agent,
    token: String,
    session: Option<String>,
}

impl House {
    async fn start(values: &[&str]) -> Self {
        let cluster = installed(values).await;
        let mut operator = Release { cluster: &cluster, home: HOME }.operator("operator-0").await;
        operator.until_it_leads().await;
        Self { cluster, operator }
    }

    /// Applies a connection to a server, whose gateway has these members more, and policies that hold for it. The
    /// namespace must be one of those that the chart's policies leave to the test, which is the kubelet here.
    async fn site(
        &self,
        namespace: &'static str,
        (server, folder): (Server, TempDir),
        gateway: &str,
        policies: &[&str],
    ) -> Site {
        let cluster = &self.cluster;
        let object = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
        cluster.apply_yaml(&object).await;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "upstream"},
            "stringData": {"token": TOKEN, "lychgate-allowed-hosts": "127.0.0.1"}});
        let gateway = GATEWAY.replace("spec: {", &format!("spec: {{{gateway}, "));
        let connection = connection("customers", &server.url);
        // The connection comes last, so that its pods are made once.
        let mut objects: Vec<String> = policies.iter().map(|policy| (*policy).to_owned()).collect();
        objects.extend([roles(namespace), secret.to_string() + "\n", gateway, connection]);
        cluster.apply_yaml_in(namespace, &objects.join("---\n")).await;
        let site = Site { namespace, server, folder };
        for policy in policies {
            let name = policy.split_once("metadata: {name: ").unwrap().1.split_once('}').unwrap().0;
            // A pod's files are those of its beginning here, so that the policy must be in them.
            eventually("the gateway to be told of the policy", async || {
                let document = get(cluster, namespace, "configmap", DEPLOYMENT).await?;
                document["data"].to_string().contains(name).then_some(())
            })
            .await;
            site.until_guarded(cluster, name, "True/AdmissionGuarded").await;
        }
        site
    }
}

impl Site {
    /// Runs a pod of the gateway that does not run yet, and opens a session there.
    async fn pod(&self, cluster: &Cluster) -> (Pod, Arc<Line>) {
        let pod = kubelet::run_on(cluster, self.namespace, DEPLOYMENT).await;
        let line = self.line(cluster, &pod).await;
        (pod, line)
    }

    async fn line(&self, cluster: &Cluster, pod: &Pod) -> Arc<Line> {
        eventually("the gateway to serve", async || Operator::ask(&pod.address, "/readyz").await.ok()).await;
        let agent = Agent::of(cluster, self.namespace, &pod.address).await;
        let token = cluster.token(self.namespace, "agent", &[&agent.url()], 3600).await;
        let (status, session, text) = agent.post(Some(&token), None, INITIALIZE).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        Arc::new(Line { agent, token, session })
    }

    /// What the server has got, where it keeps a log of it.
    fn log(&self) -> PathBuf {
        self.folder.path().join("requests.jsonl")
    }

    async fn until_guarded(&self, cluster: &Cluster, policy: &str, expected: &str) {
        until(cluster, self.namespace, ("approvalpolicy", policy), "AdmissionGuarded", expected).await;
    }

    fn approvals(&self, cluster: &Cluster, who: &Caller) -> Waiting {
        Waiting(approvals(cluster, self.namespace, who))
    }
}

impl Line {
    /// Calls, and waits for as long as the gateway holds the call. Nothing if the gateway ends meanwhile.
    async fn held(&self, tool: &str, arguments: &Value) -> Option<String> {
        let (status, text) = self.send("application/json, text/event-stream", tool, arguments).await?;
        assert_eq!(status, StatusCode::OK, "{text}");
        Some(text)
    }

    /// Calls, and takes no stream of events: the gateway holds nothing.
    async fn calls(&self, tool: &str, arguments: &Value) -> String {
        let (status, text) = self.send("application/json", tool, arguments).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }

    async fn send(&self, accept: &str, tool: &str, arguments: &Value) -> Option<(StatusCode, String)> {
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}});
        let (token, session) = (Some(self.token.as_str()), self.session.as_deref());
        let (status, _, text) = self.agent.send(token, session, accept, &message.to_string()).await.ok()?;
        Some((status, text))
    }
}

/// Approvals, as somebody sees them. Each call here has some text in its arguments that no other has.
#[derive(Clone)]
struct Waiting(Api<DynamicObject>);

impl Waiting {
    /// All Approvals for a call.
    async fn of(&self, text: &str) -> Vec<Value> {
        self.listed(text, &ListParams::default()).await
    }

    async fn listed(&self, text: &str, parameters: &ListParams) -> Vec<Value> {
        let listed = self.0.list(parameters).await.unwrap();
        let all = listed.items.into_iter().map(|item| serde_json::to_value(item).unwrap());
        all.filter(|it| it["spec"]["request"]["arguments"].to_string().contains(text)).collect()
    }

    /// The one Approval for a call, once there is one.
    async fn only(&self, text: &str) -> Value {
        let mut all =
            eventually("a call to wait", async || Some(self.of(text).await).filter(|all| !all.is_empty()))
                .await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// The one Approval for a call, once it is in a phase.
    async fn becomes(&self, text: &str, phase: &str) -> Value {
        eventually(&format!("the Approval of {text} to be {phase}"), async || {
            let approval = self.only(text).await;
            (approval["status"]["phase"] == phase).then_some(approval)
        })
        .await
    }

    /// Approves a call that waits. Gives the Approval's name.
    async fn approve(&self, text: &str) -> String {
        let pending = ListParams::default().fields("status.phase=Pending");
        let asked = eventually("a call to wait", async || self.listed(text, &pending).await.pop()).await;
        let name = asked["metadata"]["name"].as_str().unwrap().to_owned();
        let patch = json!({"spec": {"decision": "Approve", "reason": "INC-42"}});
        self.0.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        name
    }

    /// Approves a call, and waits until that counts.
    async fn approved(&self, text: &str) -> Value {
        self.approve(text).await;
        self.becomes(text, "Approved").await
    }
}

/// Whether the server has answered, and not the gateway in its place.
fn runs(answer: &str) -> bool {
    !answer.contains(r#""isError":true"#) && answer.contains(r#""result""#)
}

/// Holds an answer to be a refusal with these words.
#[track_caller]
fn refused(answer: &str, words: &str) {
    assert!(answer.contains(r#""isError":true"#) && answer.contains(words), "not `{words}`: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_made_once_for_each_use_whichever_replica_it_meets_is_killed_or_has_a_wrong_clock() {
    let mut house = House::start(&["admissionPolicies.excludedNamespaces={kube-system,agents}"]).await;
    let folder = tempfile::tempdir().unwrap();
    let server = (dbhub(folder.path(), TOKEN).await, folder);
    let site = house.site("agents", server, "deployment: {replicas: 3}", &[STATEMENTS, SEARCHES]).await;
    let cluster = &house.cluster;
    let (first, first_line) = site.pod(cluster).await;
    let (second, second_line) = site.pod(cluster).await;
    let wrong = clock::Wrong::start(cluster, &site).await;
    let replicas = [(&first, &first_line), (&second, &second_line)];
    tokio::join!(race::many(cluster, &site, replicas), clock::check(cluster, &site, &wrong, &second_line));
    killed::while_it_holds(cluster, &site, first, &first_line, &second_line).await;
    killed::once_it_is_approved(cluster, &site, wrong, &second_line).await;
    house.operator.assert_alive();
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_made_while_votes_are_unguarded_or_the_api_server_is_away_and_afterwards_each_once() {
    let values = [
        "admissionPolicies.excludedNamespaces={kube-system,mounts,watches}",
        "secretAccess.watchNamespaces={*}",
    ];
    let mut house = House::start(&values).await;
    let server = async || {
        let folder = tempfile::tempdir().unwrap();
        (fixture("both", TOKEN, &folder.path().join("requests.jsonl")).await, folder)
    };
    let policies = [ECHOES, CUSTOMERS];
    let mounts = house.site("mounts", server().await, "secretAccess: Mount", &policies).await;
    let watches = house.site("watches", server().await, "secretAccess: Watch", &policies).await;
    let (pod, line) = mounts.pod(&house.cluster).await;
    let (_watching, other_line) = watches.pod(&house.cluster).await;
    latency::measure(&house.cluster, &mounts, &line).await;
    let values = [&["crds.install=false"], &values[..]].concat();
    guard::lost(&house, &mounts, &pod, &line, &values).await;
    outage::outlived(&mut house, [(&mounts, &line), (&watches, &other_line)]).await;
    house.operator.assert_alive();
}
