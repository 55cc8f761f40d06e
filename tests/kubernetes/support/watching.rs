//! A connection whose gateway watches, as the operator makes it, between an agent and a server that notes which
//! credential it gets.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::StatusCode;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lychgate_tests_cluster::{Cluster, Event, Namespace};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::agent::Agent;
use super::counterparts::{Server, fixture, logged};
use super::kubelet::{self, Pod};
use super::operator::{Operator, Start};
use super::{GATEWAY, connection, eventually};

/// The name of what the operator makes for the connection.
pub const CHILD: &str = "lychgate-customers";
/// An e-mail address, which comes back to whoever sends it.
const MAIL: &str = "alice@example.com";

/// The connection and its operator, without a pod.
pub struct Made {
    pub namespace: Namespace,
    pub operator: Operator,
    pub server: Server,
    folder: TempDir,
}

/// The same with a pod and an agent.
pub struct Watching {
    pub made: Made,
    pub pod: Pod,
    agent: Agent,
    token: String,
}

impl Made {
    /// With `secretAccess` as it is said.
    pub async fn new(cluster: &Cluster, secret_access: &str) -> Self {
        let namespace = cluster.namespace("watch").await;
        let name = namespace.name();
        let folder = tempfile::tempdir().unwrap();
        let server = fixture("both", "upstream-token-one", &folder.path().join("requests.jsonl")).await;
        let start = Start::new(cluster, name, "one").watching(name);
        let operator = start.argument("--secret-watch-namespace", name).lead().await;
        let gateway = GATEWAY.replace("spec: {", &format!("spec: {{secretAccess: {secret_access}, "));
        let objects = format!("{gateway}---{}", connection("customers", &server.url));
        cluster.apply_yaml_in(name, &objects).await;
        let deployment = ["get", "deployment", CHILD, "-n", name, "--ignore-not-found", "-o", "name"];
        eventually("the Deployment", async || {
            let found = cluster.kubectl(&deployment).succeed().await;
            (!found.is_empty()).then_some(())
        })
        .await;
        Self { namespace, operator, server, folder }
    }

    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The user that the gateway is to the API server.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{CHILD}", self.name())
    }

    /// What the gateway has asked the API server.
    pub async fn asked(&self, cluster: &Cluster) -> Vec<Event> {
        let user = self.user();
        cluster.audit().await.into_iter().filter(|event| event.user == user).collect()
    }

    /// Applies a Secret with the server's credential.
    pub async fn apply_secret(&self, cluster: &Cluster, name: &str, value: &str) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {
            "token": STANDARD.encode(value), "lychgate-allowed-hosts": STANDARD.encode("127.0.0.1")}});
        cluster.apply_yaml_in(self.name(), &secret.to_string()).await;
    }

    /// Starts the pod.
    pub async fn run(self, cluster: &Cluster) -> Watching {
        let pod = kubelet::run_on(cluster, self.name(), CHILD).await;
        let agent = Agent::of(cluster, self.name(), &pod.address).await;
        let token = cluster.token(self.name(), "agent", &[&agent.url()], 3600).await;
        let watching = Watching { made: self, pod, agent, token };
        watching.until_it_serves().await;
        watching
    }
}

impl Watching {
    /// A gateway that watches, with its operator.
    pub async fn start(cluster: &Cluster) -> Self {
        Made::new(cluster, "Watch").await.run(cluster).await
    }

    /// Kills the gateway and starts it again, on the files that are there. The API server is at `api_server` then.
    pub async fn restart(self, api_server: &str) -> Self {
        let Self { made, pod, agent, token } = self;
        let watching = Self { made, pod: pod.restart(api_server).await, agent, token };
        watching.until_it_serves().await;
        watching
    }

    async fn until_it_serves(&self) {
        eventually("the gateway to serve", async || self.get("/readyz").await.map(drop)).await;
    }

    fn log(&self) -> PathBuf {
        self.made.folder.path().join("requests.jsonl")
    }

    /// Calls, and gives the answer.
    pub async fn call(&self) -> (StatusCode, String) {
        self.call_with(MAIL).await
    }

    /// Calls with a message, which comes back.
    pub async fn call_with(&self, message: &str) -> (StatusCode, String) {
        let params = json!({"name": "echo", "arguments": {"message": message}});
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let (status, _, text) = self.agent.post(Some(&self.token), None, &call).await;
        (status, text)
    }

    /// Calls, and gives the credential that the server has got with it; nothing if it has got no call.
    pub async fn used(&self) -> Option<String> {
        self.used_with(MAIL).await
    }

    /// The same with a message.
    pub async fn used_with(&self, message: &str) -> Option<String> {
        let before = logged(&self.log()).len();
        self.call_with(message).await;
        let requests = logged(&self.log());
        let bearer = requests.get(before)?["headers"]["authorization"].as_str()?.to_owned();
        Some(bearer.strip_prefix("Bearer ").unwrap().to_owned())
    }

    /// Waits until a call is made with this credential.
    pub async fn until_used(&self, value: &str) {
        eventually(&format!("{value} to be used"), async || (self.used().await? == value).then_some(()))
            .await;
    }

    /// What the admin port answers.
    async fn get(&self, path: &str) -> Option<String> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let url = format!("http://{}:9090{path}", self.pod.address).parse().unwrap();
        let body = client.get(url).await.ok()?.into_body().collect().await.ok()?.to_bytes();
        Some(String::from_utf8(body.to_vec()).unwrap())
    }

    pub async fn config(&self) -> Value {
        serde_json::from_str(&self.get("/config").await.unwrap()).unwrap()
    }

    /// What the metrics say of a watch; nothing if there is none.
    pub async fn in_sync(&self, kind: &str, name: &str) -> Option<bool> {
        let metrics = self.get("/metrics").await.unwrap();
        let series = format!(r#"lychgate_watch_in_sync{{kind="{kind}",name="{name}"}} "#);
        metrics.lines().find_map(|line| line.strip_prefix(&series)).map(|value| value == "1")
    }

    pub async fn until_sync(&self, kind: &str, name: &str, expected: Option<bool>) {
        let what = format!("{kind} {name} to be in sync: {expected:?}");
        eventually(&what, async || (self.in_sync(kind, name).await == expected).then_some(())).await;
    }

    /// Waits until the document of that number is in use.
    pub async fn until_sequence(&self, sequence: u64) {
        eventually(&format!("document {sequence} to be in use"), async || {
            (self.config().await["connections"][0]["sequence"] == sequence).then_some(())
        })
        .await;
    }

    /// How many lines of the log hold a text.
    pub fn log_lines(&self, text: &str) -> usize {
        self.pod.process.output().lines().filter(|line| line.contains(text)).count()
    }
}

/// A way to the API server that can go dead: nothing passes any more, and no connection is closed.
pub struct Way {
    pub url: String,
    dead: Arc<AtomicBool>,
    passing: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Way {
    pub async fn to(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let target = cluster.url().strip_prefix("https://").unwrap().to_owned();
        let (dead, passing) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let way = Self { url, dead: Arc::clone(&dead), passing: Arc::clone(&passing) };
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let to = TcpStream::connect(&target).await.unwrap();
                // Whoever stops passing bytes on lets go of neither side.
                let sides = Arc::new(tokio::sync::Mutex::new((from, to)));
                let held = Arc::clone(&sides);
                let task = tokio::spawn(async move {
                    let mut sides = sides.lock().await;
                    let (from, to) = &mut *sides;
                    // Either side may close first.
                    let _closed = copy_bidirectional(from, to).await;
                });
                if dead.load(Ordering::Relaxed) {
                    task.abort();
                }
                passing.lock().unwrap().push(task.abort_handle());
                std::mem::forget(held);
            }
        });
        way
    }

    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.passing.lock().unwrap().drain(..).for_each(|task| task.abort());
    }

    /// New connections pass again; those that are dead stay so.
    pub fn revive(&self) {
        self.dead.store(false, Ordering::Relaxed);
    }
}
