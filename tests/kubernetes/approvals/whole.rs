//! A call that waits, from the agent to the database: the operator and a gateway as the chart deploys them, each with
//! the token and the rights of its own account, and approvers with kubectl.

use std::sync::Arc;

use hyper::StatusCode;
use kube::api::ListParams;
use lychgate_tests_cluster::{Caller, Cluster};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::people::{alice, almighty, bob, roles};
use super::{approvals, approve, installed};
use crate::admission::OPERATOR;
use crate::chart::HOME;
use crate::chart::release::{Release, get, until};
use crate::support::agent::Agent;
use crate::support::counterparts::{Server, dbhub};
use crate::support::kubelet::{self, Pod};
use crate::support::operator::Operator;
use crate::support::{GATEWAY, connection, eventually};

/// The namespace of the connection. The policies that keep tokens of gateways from everybody but kubelets leave it
/// alone, since here the test is the kubelet; those of Approvals leave out none.
const AGENTS: &str = "agents";
const VALUES: &[&str] = &["admissionPolicies.excludedNamespaces={kube-system,agents}"];
/// The policy, by the name for which [`roles`] gives `approve`.
const POLICY: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: billing-writes}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  match: {tools: [execute_sql]}
  approvers: {groups: [dba-leads]}
";
/// The server's credential.
const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: upstream}
stringData: {token: credential-of-dbhub, lychgate-allowed-hosts: 127.0.0.1}
";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}"#;
/// A statement that leaves one more row each time.
const INSERT: &str = "insert into orders (customer_id, amount_cents, currency, ordered_on) values (1, 4242, 'EUR', '2026-01-01')";
/// How many rows it has left.
const COUNT: &str = "select count(*) as inserted from orders where amount_cents = 4242";

/// An agent in a session.
struct Session {
    agent: Agent,
    token: String,
    session: Option<String>,
}

/// Everything that runs.
struct Stage {
    cluster: Cluster,
    operator: Operator,
    session: Arc<Session>,
    _pod: Pod,
    _server: Server,
    _folder: TempDir,
}

impl Session {
    async fn begin(cluster: &Cluster, address: &str) -> Self {
        let agent = Agent::of(cluster, AGENTS, address).await;
        let token = cluster.token(AGENTS, "agent", &[&agent.url()], 3600).await;
        let (status, session, text) = agent.post(Some(&token), None, INITIALIZE).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        Self { agent, token, session }
    }

    async fn calls(&self, sql: &str) -> String {
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "execute_sql", "arguments": {"sql": sql}}});
        let (status, _, text) =
            self.agent.post(Some(&self.token), self.session.as_deref(), &message.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }
}

impl Stage {
    async fn start() -> Self {
        let cluster = installed(VALUES).await;
        let mut operator = Release { cluster: &cluster, home: HOME }.operator("operator-0").await;
        operator.until_it_leads().await;
        let folder = tempfile::tempdir().unwrap();
        let server = dbhub(folder.path(), "credential-of-dbhub").await;
        let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {AGENTS}}}}}");
        cluster.apply_yaml(&namespace).await;
        let connection = connection("customers", &server.url);
        let objects = [GATEWAY, SECRET, POLICY, &roles(AGENTS), &connection].join("---\n");
        cluster.apply_yaml_in(AGENTS, &objects).await;
        // A pod's files are those of its beginning here, so that the policy must be in them.
        eventually("the gateway to be told of the policy", async || {
            let document = get(&cluster, AGENTS, "configmap", "lychgate-customers").await?;
            document["data"].to_string().contains("billing-writes").then_some(())
        })
        .await;
        let pod = kubelet::run_on(&cluster, AGENTS, "lychgate-customers").await;
        until(&cluster, AGENTS, ("mcpconnection", "customers"), "Ready", "True/Ready").await;
        let session = Arc::new(Session::begin(&cluster, &pod.address).await);
        let stage = Self { cluster, operator, session, _pod: pod, _server: server, _folder: folder };
        stage.until_guarded("True/AdmissionGuarded").await;
        stage
    }

    async fn until_guarded(&self, expected: &str) {
        let policy = ("approvalpolicy", "billing-writes");
        until(&self.cluster, AGENTS, policy, "AdmissionGuarded", expected).await;
    }

    /// Lets the agent send a statement; gives the Approval that waits, and the answer to come.
    async fn asks(&self, sql: &'static str) -> (Value, JoinHandle<String>) {
        let session = Arc::clone(&self.session);
        let mut answer = tokio::spawn(async move { session.calls(sql).await });
        let api = approvals(&self.cluster, AGENTS, &alice());
        let waits = eventually("a call to wait", async || {
            let pending = api.list(&ListParams::default().fields("status.phase=Pending")).await.unwrap();
            pending.items.into_iter().next()
        });
        let approval = tokio::select! {
            approval = waits => approval,
            answer = &mut answer => panic!("it did not wait: {}", answer.unwrap()),
        };
        assert!(!answer.is_finished(), "it waits");
        (serde_json::to_value(approval).unwrap(), answer)
    }

    /// Lets somebody patch with kubectl.
    async fn patch(&self, who: &Caller, approval: &Value, patch: &Value) {
        let name = approval["metadata"]["name"].as_str().unwrap();
        let arguments = ["patch", "appr", name, "-n", AGENTS, "--type=merge", "-p", &patch.to_string()];
        self.cluster.kubectl(&arguments).caller(who).succeed().await;
    }

    async fn decide(&self, who: &Caller, approval: &Value, decision: &str, reason: &str) {
        self.patch(who, approval, &json!({"spec": {"decision": decision, "reason": reason}})).await;
    }

    /// Waits for a phase.
    async fn becomes(&self, approval: &Value, phase: &str) -> Value {
        let name = approval["metadata"]["name"].as_str().unwrap();
        eventually(&format!("{name} to be {phase}"), async || {
            let found = get(&self.cluster, AGENTS, "approval", name).await?;
            (found["status"]["phase"] == phase).then_some(found)
        })
        .await
    }

    /// Holds the number of rows that the statement has left.
    async fn holds_rows(&self, rows: usize) {
        let (approval, answer) = self.asks(COUNT).await;
        self.decide(&bob(), &approval, "Approve", "to see").await;
        let text = answer.await.unwrap().replace("\\\": ", "\\\":");
        assert!(text.contains(&format!(r#"\"inserted\":{rows}"#)), "not {rows}: {text}");
    }

    /// What operator and gateway were refused, but for what they try in order to be refused.
    async fn refused(&self) -> Vec<String> {
        let gateway = format!("system:serviceaccount:{AGENTS}:lychgate-customers");
        let mut events = self.cluster.audit().await;
        events.retain(|event| [OPERATOR, &gateway].contains(&event.user.as_str()));
        assert!(events.iter().any(|event| event.user == gateway), "the audit log was read");
        let refused = events.iter().filter(|event| event.code >= 400 && !event.uri.contains("dryRun=All"));
        // What was not there, and what another was faster to write, is no refusal.
        let refused = refused.filter(|event| ![404, 409].contains(&event.code));
        refused.map(|event| format!("{} {} {}: {}", event.user, event.verb, event.uri, event.code)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_call_runs_once_when_an_approver_has_patched() {
    let mut stage = Stage::start().await;
    let (approval, answer) = stage.asks(INSERT).await;
    let request = &approval["spec"]["request"];
    assert_eq!(request["arguments"], json!(format!(r#"{{"sql":"{INSERT}"}}"#)));
    let agent = format!("system:serviceaccount:{AGENTS}:agent");
    assert_eq!(request["caller"]["kubernetesUsernames"], json!([agent]));
    assert_eq!(request["gateway"], format!("system:serviceaccount:{AGENTS}:lychgate-customers"));
    stage.decide(&alice(), &approval, "Approve", "INC-42").await;
    let text = answer.await.unwrap();
    assert!(!text.contains(r#""isError":true"#), "{text}");
    let used = stage.becomes(&approval, "Consumed").await;
    assert_eq!(used["status"]["consumed"]["count"], 1);
    assert_eq!(used["status"]["tally"], "1/1");

    // The same call again is another one, and waits again.
    let (second, answer) = stage.asks(INSERT).await;
    assert_ne!(second["metadata"]["name"], approval["metadata"]["name"]);
    stage.decide(&bob(), &second, "Deny", "once is enough").await;
    let text = answer.await.unwrap();
    assert!(text.contains(r#""isError":true"#) && text.contains("once is enough"), "{text}");
    stage.holds_rows(1).await;
    assert_eq!(stage.refused().await, Vec::<String>::new(), "both have the rights that they need");
    stage.operator.assert_alive();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_that_was_forged_while_nothing_guards_opens_no_call() {
    let stage = Stage::start().await;
    let (approval, answer) = stage.asks(INSERT).await;
    let binding = ["delete", "validatingadmissionpolicybinding", "approval-votes.lychgate.dev"];
    stage.cluster.kubectl(&binding).succeed().await;
    stage.until_guarded("False/NotGuarded").await;
    // The binding may hold for a moment more.
    let api = approvals(&stage.cluster, AGENTS, &almighty());
    let name = approval["metadata"]["name"].as_str().unwrap();
    eventually("a vote to be forged", async || {
        let patch = kube::api::Patch::Merge(approve("alice"));
        api.patch(name, &kube::api::PatchParams::default(), &patch).await.ok()
    })
    .await;
    stage.becomes(&approval, "Cancelled").await;
    let text = answer.await.unwrap();
    assert!(text.contains(r#""isError":true"#), "{text}");

    Release { cluster: &stage.cluster, home: HOME }
        .set("upgrade", &[&["crds.install=false"], VALUES].concat())
        .await;
    stage.until_guarded("True/AdmissionGuarded").await;
    stage.holds_rows(0).await;
}
