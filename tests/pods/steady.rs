//! Two gateways under 200 calls in a second, while something happens to them: what is replaced in order loses no call,
//! and what is killed loses only what it had under way.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::StatusCode;
use lychgate_tests_cluster::eventually;
use lychgate_tests_node::HOME;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::agent::Agent;
use crate::governed::connection;
use crate::load::{CLIENTS, Load, Tally};
use crate::rotation::{INITIALIZE, secret};
use crate::stage::{PATIENCE, STEADY, Stage, processes};
use crate::upstream::Upstream;

const GATEWAY: &str = "lychgate-customers";
const SELECTOR: &str = "app.kubernetes.io/name=lychgate-gateway";
/// How many calls there are before and after what happens.
const SOME: u64 = 400;
const POLICY: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {name: default}
spec: {identity: {kubernetes: {enabled: true}}, secretAccess: Watch}
";

/// What all of these tests call.
pub struct Steady {
    agent: Arc<Agent>,
    token: String,
    session: String,
    upstream: String,
}

impl Steady {
    async fn set(stage: &Stage) -> Self {
        let (_, upstream) = Upstream::open().await;
        let objects = format!("{POLICY}---{}---{}", connection(&upstream), secret("first"));
        stage.cluster().apply_yaml_in(STEADY, &objects).await;
        stage.until_ready(STEADY).await;
        stage.until_available(STEADY, GATEWAY).await;
        let agent = Arc::new(stage.agent(STEADY).await);
        let token = stage.cluster().token(STEADY, "agent", &[&agent.url()], 3600).await;
        let (status, session, text) = agent.post(Some(&token), None, INITIALIZE).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        Self { agent, token, session: session.unwrap(), upstream }
    }

    async fn load(&self) -> Load {
        let load = Load::start(&self.agent, &self.token, &self.session);
        load.more(SOME).await;
        load
    }
}

/// Shared by these tests, of which one runs at a time.
pub type Shared = OnceCell<Steady>;

async fn steady(stage: &Stage) -> &Steady {
    stage.steady.get_or_init(|| Steady::set(stage)).await
}

pub async fn rolling(stage: &Stage) {
    let steady = steady(stage).await;
    let load = steady.load().await;
    // A grant reaches gateways that watch, and replaces none of them.
    let before = pods(stage).await;
    let sequence = served(stage).await;
    let wider = connection(&steady.upstream).replace("['*']", "['*', 'look']");
    stage.cluster().apply_yaml_in(STEADY, &wider).await;
    eventually("the new configuration", PATIENCE, async || {
        let now = served(stage).await;
        if now == sequence { Err(now) } else { Ok(()) }
    })
    .await;
    stage.until_ready(STEADY).await;
    assert_eq!(names(&pods(stage).await), names(&before));
    load.more(SOME).await;

    // The longest call is an argument of gateways, so that each is replaced.
    let slower = wider.replace("upstream: {", "upstream: {timeouts: {call: 61s}, ");
    stage.cluster().apply_yaml_in(STEADY, &slower).await;
    eventually("other pods", PATIENCE, async || {
        let now = names(&pods(stage).await);
        let replaced = now.len() == 2 && now.iter().all(|name| !names(&before).contains(name));
        if replaced { Ok(()) } else { Err(now.join(" ")) }
    })
    .await;
    load.more(SOME).await;
    nothing_was_lost("rolling", &load.end().await);
}

pub async fn killed(stage: &Stage) {
    let steady = steady(stage).await;
    let load = steady.load().await;
    let pod = pods(stage).await.remove(0);
    kill(&pod).await;
    until_restarted(stage, &pod).await;
    load.more(SOME).await;
    let tally = load.end().await;
    println!("killed: {tally:?}");
    assert!(tally.wrong.is_empty(), "{tally:?}");
    // Each connection has one call under way at most, and half of them lead to the other gateway.
    assert!((tally.lost.len() as u64) < CLIENTS, "{tally:?}");
}

pub async fn drained(stage: &Stage) {
    let steady = steady(stage).await;
    let load = steady.load().await;
    // Of all gateways on the node only these.
    let hash = pods(stage).await[0]["metadata"]["labels"]["pod-template-hash"].as_str().unwrap().to_owned();
    let selector = format!("--pod-selector=pod-template-hash={hash}");
    let drain = ["drain", "node", &selector, "--delete-emptydir-data", "--timeout=25s"];
    // There is no other node, so that the second may not go before the first is back.
    let refused = stage.cluster().kubectl(&drain).fail().await;
    assert!(refused.contains("disruption budget"), "{refused}");
    load.more(SOME).await;
    let left = stage.get(STEADY, "deployment", GATEWAY).await;
    assert_eq!(left["status"]["availableReplicas"], 1, "{}", left["status"]);
    stage.cluster().kubectl(&["uncordon", "node"]).succeed().await;
    stage.until_available(STEADY, GATEWAY).await;
    load.more(SOME).await;
    nothing_was_lost("drained", &load.end().await);
}

pub async fn outage(stage: &mut Stage) {
    steady(stage).await;
    let pod = pods(stage).await.remove(0);
    stage.node.cluster_mut().stop_apiserver();
    let steady = stage.steady.get().unwrap();
    let load = steady.load().await;
    kill(&pod).await;
    // At its own address, since nobody tells kube-proxy that it is back.
    let one = Agent {
        address: pod["status"]["podIP"].as_str().unwrap().to_owned(),
        host: steady.agent.host.clone(),
        authority: steady.agent.authority.clone(),
    };
    eventually("the gateway to serve again", PATIENCE, async || {
        drop(one.connect().await.map_err(|error| error.to_string())?);
        let (status, _, text) = one.post(Some(&steady.token), None, INITIALIZE).await;
        if status == StatusCode::OK { Ok(()) } else { Err(format!("{status} {text}")) }
    })
    .await;
    load.more(SOME).await;
    let tally = load.end().await;
    println!("outage: {tally:?}");
    assert!(tally.wrong.is_empty() && (tally.lost.len() as u64) < CLIENTS, "{tally:?}");

    let load = steady.load().await;
    stage.node.cluster_mut().start_apiserver().await;
    stage.until_available(STEADY, GATEWAY).await;
    load.more(SOME).await;
    nothing_was_lost("the API server is back", &load.end().await);
}

pub async fn uninstalled(stage: &Stage) {
    let steady = steady(stage).await;
    let load = steady.load().await;
    let before = names(&pods(stage).await);
    stage.cluster().helm(&["uninstall", "lychgate", "--namespace", HOME, "--wait"]).succeed().await;
    eventually("the operator to be gone", PATIENCE, async || {
        let found = processes("/lychgate-operator");
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    load.more(SOME).await;
    assert_eq!(names(&pods(stage).await), before);
    stage.cluster().kubectl(&["delete", "pod", &before[0], "-n", STEADY]).succeed().await;
    stage.until_available(STEADY, GATEWAY).await;
    load.more(SOME).await;
    nothing_was_lost("uninstalled", &load.end().await);
}

fn nothing_was_lost(what: &str, tally: &Tally) {
    println!("{what}: {tally:?}");
    assert!(tally.lost.is_empty() && tally.wrong.is_empty(), "{what}: {tally:?}");
}

/// The gateways, but for those that are about to go.
async fn pods(stage: &Stage) -> Vec<Value> {
    let get = ["get", "pods", "-n", STEADY, "-l", SELECTOR, "-o", "json"];
    let list: Value = serde_json::from_str(&stage.cluster().kubectl(&get).succeed().await).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn names(pods: &[Value]) -> Vec<String> {
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// What the operator has published.
async fn served(stage: &Stage) -> String {
    stage.get(STEADY, "configmap", GATEWAY).await["metadata"]["annotations"].to_string()
}

/// Kills the gateway of a pod, as the kernel does.
async fn kill(pod: &Value) {
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

/// Waits until the pod's gateway is another one that is ready.
async fn until_restarted(stage: &Stage, pod: &Value) {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let before = &pod["status"]["containerStatuses"][0]["restartCount"];
    eventually("the gateway to be started again", PATIENCE, async || {
        let now = stage.get(STEADY, "pod", name).await["status"]["containerStatuses"][0].clone();
        let restarted = now["ready"] == true && now["restartCount"] != *before;
        if restarted { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}
