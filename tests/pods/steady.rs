//! Two gateways that serve calls at a steady rate, for tests of what happens to them meanwhile.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use lychgate_tests_cluster::eventually;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};

use crate::agent::Agent;
use crate::governed::connection;
use crate::load::{BUSY, Load, Tally};
use crate::rotation::{INITIALIZE, secret};
use crate::stage::{PATIENCE, STEADY, Stage, processes};
use crate::upstream::Upstream;

pub const GATEWAY: &str = "lychgate-customers";
/// How many calls there are before and after what happens.
pub const SOME: u64 = 400;
const SELECTOR: &str = "app.kubernetes.io/name=lychgate-gateway";
const POLICY: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {name: default}
spec: {identity: {kubernetes: {enabled: true}}, secretAccess: Watch}
";

/// What all of these tests call.
pub struct Steady {
    pub agent: Arc<Agent>,
    pub token: String,
    pub session: String,
    upstream: Upstream,
    /// The connection, as it was applied last.
    connection: String,
}

/// Made by the first of these tests, and held by one at a time.
pub type Shared = Mutex<Option<Steady>>;

/// Waits until no other test has it.
pub async fn steady(stage: &Stage) -> MutexGuard<'_, Option<Steady>> {
    let mut shared = stage.steady.lock().await;
    if shared.is_none() {
        *shared = Some(Steady::set(stage).await);
    }
    shared
}

impl Steady {
    async fn set(stage: &Stage) -> Self {
        let (upstream, url) = Upstream::open().await;
        let connection = connection(&url);
        let objects = format!("{POLICY}---{connection}---{}", secret("first"));
        stage.cluster().apply_yaml_in(STEADY, &objects).await;
        stage.until_ready(STEADY).await;
        stage.until_available(STEADY, GATEWAY).await;
        let agent = Arc::new(stage.agent(STEADY).await);
        let token = stage.cluster().token(STEADY, "agent", &[&agent.url()], 3600).await;
        let (status, session, text) = agent.post(Some(&token), None, INITIALIZE).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        Self { agent, token, session: session.unwrap(), upstream, connection }
    }

    /// Calls, of which some were answered.
    pub async fn load(&self) -> Load {
        let load = self.load_every(BUSY);
        load.more(SOME).await;
        load
    }

    /// Calls of each client in each period.
    pub fn load_every(&self, period: Duration) -> Load {
        Load::start(&self.agent, &self.token, &self.session, period)
    }

    /// The same agent, at the address of this pod.
    pub fn at(&self, pod: &Value) -> Agent {
        Agent {
            address: pod["status"]["podIP"].as_str().unwrap().to_owned(),
            host: self.agent.host.clone(),
            authority: self.agent.authority.clone(),
        }
    }

    /// Applies the connection with something in the place of something else.
    pub async fn change(&mut self, stage: &Stage, from: &str, to: &str) {
        let changed = self.connection.replace(from, to);
        assert_ne!(changed, self.connection, "{from} is nowhere");
        self.connection = changed;
        stage.cluster().apply_yaml_in(STEADY, &self.connection).await;
    }

    /// Every call has its answer, and the server made it once.
    pub fn nothing_was_lost(&self, what: &str, tally: &Tally) {
        assert!(tally.lost.is_empty(), "{what}: {tally:?}");
        self.no_call_is_in_doubt(what, tally);
    }

    /// Every call has its answer, or the client knows that it has none, and for each it is right about the server.
    pub fn no_call_is_in_doubt(&self, what: &str, tally: &Tally) {
        println!("{what}: {tally:?}");
        assert!(tally.wrong.is_empty(), "{what}: {tally:?}");
        tally.is_true_of(&self.upstream);
    }
}

/// The gateways, but for those that are about to go.
pub async fn pods(stage: &Stage) -> Vec<Value> {
    let get = ["get", "pods", "-n", STEADY, "-l", SELECTOR, "-o", "json"];
    let list: Value = serde_json::from_str(&stage.cluster().kubectl(&get).succeed().await).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// The names of pods.
pub fn names(pods: &[Value]) -> Vec<String> {
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// What the operator has published.
pub async fn served(stage: &Stage) -> String {
    stage.get(STEADY, "configmap", GATEWAY).await["metadata"]["annotations"].to_string()
}

/// Waits until the operator has published something else, and gateways use it.
pub async fn until_other_than(stage: &Stage, before: &str) {
    eventually("the new configuration", PATIENCE, async || {
        let now = served(stage).await;
        if now == before { Err(now) } else { Ok(()) }
    })
    .await;
    stage.until_ready(STEADY).await;
}

/// Kills the gateway of a pod, as the kernel does.
pub async fn kill(pod: &Value) {
    let process = process(pod).expect("a gateway runs");
    let number = process.file_name().unwrap();
    assert!(Command::new("kill").arg("-KILL").arg(number).status().await.unwrap().success());
}

fn process(pod: &Value) -> Option<PathBuf> {
    let uid = format!("pod{}", pod["metadata"]["uid"].as_str().unwrap());
    let of_pod = |process: &PathBuf| {
        fs::read_to_string(process.join("cgroup")).is_ok_and(|groups| groups.contains(&uid))
    };
    processes("/lychgate-gateway").into_iter().find(of_pod)
}

/// Waits until the pod's gateway is another one that is ready; gives its container's status.
pub async fn until_restarted(stage: &Stage, pod: &Value) -> Value {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let before = &pod["status"]["containerStatuses"][0]["restartCount"];
    eventually("the gateway to be started again", PATIENCE, async || {
        let now = stage.get(STEADY, "pod", name).await["status"]["containerStatuses"][0].clone();
        let restarted = now["ready"] == true && now["restartCount"] != *before;
        if restarted { Ok(now) } else { Err(now.to_string()) }
    })
    .await
}
