//! What unmodified clients see of a call that waits, each with the settings that it has by default: no longer time-out,
//! nothing that answers questions of a server, and no wish for progress but where the client has it by itself.
//!
//! All of them wait at the same time, in one test that begins before the others, since it takes three minutes.

use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use lychgate_crds::approval::{Decision, Vote};
use lychgate_gateway::approval::folder::Folder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::support::counterparts::{Client, Server, fixture, logged};
use crate::support::dev::Dev;
use crate::support::manifests::Manifests;
use crate::support::{eventually, rmcp_client};

/// How clients wait is left to the defaults.
const POLICY: &str = "
---
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: strangers, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  match: {tools: [echo]}
  approvers: {groups: [strangers]}
  maxPendingPerCaller: 100
";
/// A decision that comes while the client's first request is open.
const SOON: Duration = Duration::from_secs(40);
/// A decision for which no client waits with one request.
const LATE: Duration = Duration::from_mins(3);

/// The clients.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Process(Client),
    /// `rmcp`, which by default speaks the revisions with sessions.
    Rmcp,
    /// The same, told to speak 2026-07-28.
    RmcpModern,
}

/// Clients of the revisions with sessions. For both SDKs for TypeScript and for `rmcp` that is the default; the one for
/// Python is told to.
const LEGACY: [Caller; 4] = [
    Caller::Process(Client::TypeScript),
    Caller::Process(Client::TypeScriptTwo),
    Caller::Process(Client::Python),
    Caller::Rmcp,
];
/// Clients that speak 2026-07-28. For the SDK for Python that is the default (`PythonAuto`); the others are told to.
const MODERN: [Caller; 5] = [
    Caller::Process(Client::TypeScriptModern),
    Caller::Process(Client::TypeScriptAuto),
    Caller::Process(Client::PythonAuto),
    Caller::Process(Client::PythonModern),
    Caller::RmcpModern,
];
/// Clients whose processes end while they wait.
const LEAVING: [Client; 2] = [Client::TypeScript, Client::PythonAuto];

struct Stage {
    dev: Dev,
    alice: String,
    log: PathBuf,
    _server: Server,
    _folder: TempDir,
}

fn script(message: &str) -> Value {
    json!([{"op": "callTool", "name": "echo", "arguments": {"message": message}}])
}

/// Holds an answer to be that of the server.
#[track_caller]
fn is_result(answer: &Value, message: &str) {
    assert_eq!(answer["structuredContent"]["arguments"]["message"], message, "{answer}");
}

fn names(entry: &Value, approval: &str) -> bool {
    entry["kind"] == "Asked" && entry["approval"].as_str().is_some_and(|name| name.ends_with(approval))
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl");
        let token = "upstream-token-one";
        let server = fixture("both", token, &log).await;
        let manifests = Manifests { upstream: &server.url, token, more: POLICY, ..Manifests::default() };
        // All clients start at once, and none of them may give up for a server that is slow then.
        let dev = Dev::start(&manifests.to_yaml().replace("call: 5s", "call: 30s")).await;
        let alice = dev.token("alice");
        Self { dev, alice, log, _server: server, _folder: folder }
    }

    /// Makes one call with a client; gives what the client makes of it.
    async fn call(self: Rc<Self>, caller: Caller, message: String) -> Value {
        let Caller::Process(client) = caller else {
            let (modern, arguments) = (matches!(caller, Caller::RmcpModern), json!({"message": message}));
            let (answer, progress) =
                rmcp_client::call(&self.dev.url, &self.alice, modern, "echo", &arguments).await;
            let waits = format!("Waiting for approval {}", self.approval(&message).unwrap());
            assert!(progress.iter().all(|it| it.message == Some(waits.clone())), "{caller:?}: {progress:?}");
            return json!({"answer": answer, "progress": progress.len()});
        };
        let lines = client.run(&self.dev.url, &self.alice, script(&message)).await;
        assert!(lines.len() == 2 && lines[1]["error"].is_null(), "{client:?} gave up: {lines:?}");
        json!({"answer": lines[1]["ok"]})
    }

    fn approvals(&self) -> PathBuf {
        self.dev.folder.path().join("state/approvals")
    }

    /// The Approval that the call with this message waits for.
    fn approval(&self, message: &str) -> Option<String> {
        let approvals = Folder::new(self.approvals()).all().unwrap();
        let asked = |arguments: &str| {
            serde_json::from_str::<Value>(arguments).is_ok_and(|arguments| arguments["message"] == message)
        };
        let found = approvals
            .into_iter()
            .find(|approval| approval.spec.request.arguments.as_deref().is_some_and(asked));
        found.and_then(|approval| approval.metadata.name)
    }

    /// Waits until a call waits, however long its client takes to start beside so many others.
    async fn asked<T: std::fmt::Debug>(&self, message: &str, answer: &mut JoinHandle<T>) -> String {
        loop {
            if let Some(name) = self.approval(message) {
                return name;
            }
            tokio::select! {
                answer = &mut *answer => panic!("{message}: it did not wait: {answer:?}"),
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
            }
        }
    }

    /// Votes as mallory, and waits until that is counted.
    async fn approve(&self, name: &str) {
        let folder = Folder::new(self.approvals());
        let vote = Vote {
            decision: Decision::Approve,
            reason: Some("INC-42".into()),
            digest: None,
            break_glass: None,
        };
        folder.vote(name, "mallory", &["strangers".to_owned()], &vote).unwrap();
        eventually("the vote to be counted", async || {
            folder.get(name).unwrap()?.status?.decided_at.map(drop)
        })
        .await;
    }

    /// Lets a call wait, has it approved after some time, and gives its Approval and the answer.
    async fn approved_after<T: std::fmt::Debug + 'static>(
        &self,
        patience: Duration,
        message: &str,
        answer: impl Future<Output = T> + 'static,
    ) -> (String, T) {
        let mut answer = spawn_local(answer);
        let name = self.asked(message, &mut answer).await;
        tokio::time::sleep(patience).await;
        self.approve(&name).await;
        (name, answer.await.unwrap())
    }

    /// In how many requests an Approval was asked for, and how often the server was called.
    fn counted(&self, approval: &str, message: &str) -> (usize, usize) {
        let requests = self.dev.entries().iter().filter(|entry| names(entry, approval)).count();
        let made = logged(&self.log).iter().filter(|it| it["body"].to_string().contains(message)).count();
        (requests, made)
    }
}

/// Approved after 40 seconds, the very call that waited has its answer.
async fn soon(stage: Rc<Stage>, caller: Caller) {
    let message = format!("{caller:?} soon");
    let answer = Rc::clone(&stage).call(caller, message.clone());
    let (name, told) = stage.approved_after(SOON, &message, answer).await;
    is_result(&told["answer"], &message);
    assert_eq!(stage.counted(&name, &message), (1, 1), "{caller:?}");
    if matches!(caller, Caller::Rmcp | Caller::RmcpModern) {
        assert!(told["progress"].as_u64() > Some(1), "{caller:?}: {told}");
    }
}

/// Approved after three minutes: the client was told in time to repeat the call, and the repeat has the answer at once.
async fn late_legacy(stage: Rc<Stage>, caller: Caller) {
    let message = format!("{caller:?} late");
    let answer = Rc::clone(&stage).call(caller, message.clone());
    let (name, told) = stage.approved_after(LATE, &message, answer).await;
    let text = told["answer"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(told["answer"]["isError"] == true && text.contains("waits for approval"), "{text}");
    assert!(text.contains(&name) && text.contains("repeat the very same call"), "{text}");
    assert_eq!(stage.counted(&name, &message), (1, 0), "{caller:?}: nothing runs without its client");
    let repeated = Rc::clone(&stage).call(caller, message.clone()).await;
    is_result(&repeated["answer"], &message);
    assert_eq!(stage.counted(&name, &message), (2, 1), "{caller:?}");
}

/// Approved after three minutes: the client has asked again by itself, and the same call has the answer.
async fn late_modern(stage: Rc<Stage>, caller: Caller) {
    let message = format!("{caller:?} late");
    let answer = Rc::clone(&stage).call(caller, message.clone());
    let (name, told) = stage.approved_after(LATE, &message, answer).await;
    is_result(&told["answer"], &message);
    let (legs, made) = stage.counted(&name, &message);
    assert!((3..=8).contains(&legs) && made == 1, "{caller:?}: {legs} legs, made {made} times");
}

/// A client whose process ends while its call waits. Approved then, nothing is called until somebody repeats the call.
async fn left(stage: Rc<Stage>, client: Client) {
    let message = format!("{client:?} left");
    let process = client.start(&stage.dev.url, &stage.alice, script(&message)).await;
    let name = stage.asked(&message, &mut spawn_local(std::future::pending::<()>())).await;
    process.kill().await;
    let ended = eventually("the record to say that the call has ended", async || {
        let entries = stage.dev.entries();
        let asked = entries.iter().find(|entry| names(entry, &name))?;
        let ended =
            entries.iter().find(|entry| entry["kind"] == "Ended" && entry["call"] == asked["call"])?;
        Some(ended.clone())
    })
    .await;
    assert_eq!(ended["reason"], "ClientGone", "{client:?}: {ended}");
    stage.approve(&name).await;
    tokio::time::sleep(SOON).await;
    assert_eq!(stage.counted(&name, &message), (1, 0), "{client:?}: nothing runs because somebody approves");
    let repeated = Rc::clone(&stage).call(Caller::Process(client), message.clone()).await;
    is_result(&repeated["answer"], &message);
    assert_eq!(stage.counted(&name, &message), (2, 1), "{client:?}");
}

#[tokio::test]
async fn unmodified_clients_wait_for_forty_seconds_for_three_minutes_and_leave() {
    let stage = Rc::new(Stage::new().await);
    let scenes = async {
        let mut scenes = Vec::new();
        let share = || Rc::clone(&stage);
        scenes.extend(LEGACY.map(|caller| spawn_local(late_legacy(share(), caller))));
        scenes.extend(MODERN.map(|caller| spawn_local(late_modern(share(), caller))));
        scenes.extend(LEAVING.map(|client| spawn_local(left(share(), client))));
        scenes.extend(LEGACY.map(|caller| spawn_local(soon(share(), caller))));
        scenes.extend(MODERN.map(|caller| spawn_local(soon(share(), caller))));
        for scene in scenes {
            scene.await.unwrap();
        }
    };
    LocalSet::new().run_until(scenes).await;
    assert_eq!(stage.dev.verify().await.code, 0);
}
