//! Several gateways with the same document and the same keys, behind a balancer that sends each request to the next.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::dev::{entries, journal};
use super::eventually;
use super::gateway::{Launched, launch};
use super::http::{Answer, Ask};
use super::process::{Finished, Process, binary, lychgate};

/// Gateways behind a balancer.
pub struct Replicas {
    pub folder: TempDir,
    /// URL of the connection `server` behind the balancer.
    pub url: String,
    balancer: Process,
    gateways: Vec<Replica>,
    flags: Vec<String>,
}

struct Replica {
    address: String,
    /// Nothing while it does not run.
    running: Option<Launched>,
    /// How often it was started; each time under a name of its own, as pods have them.
    starts: usize,
}

impl Replicas {
    /// Starts so many on the folders. `flags` are further flags of each.
    pub async fn start(folder: TempDir, count: usize, flags: &[&str]) -> Self {
        let mut gateways = Vec::new();
        for number in 0..count {
            let launched = launch(folder.path(), &format!("replica-{number}-0"), "127.0.0.1:0", flags).await;
            gateways.push(Replica { address: launched.address.clone(), running: Some(launched), starts: 1 });
        }
        let mut command = Command::new(binary("lychgate-test-balancer"));
        command.args(gateways.iter().map(|gateway| &gateway.address));
        let mut balancer = Process::start("the balancer", command);
        let url = format!("{}/server/mcp", balancer.ready().await["url"].as_str().unwrap());
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        let replicas = Self { folder, url, balancer, gateways, flags };
        for number in 0..count {
            replicas.ready(number).await;
        }
        replicas
    }

    /// URL of the connection `server` at one of them.
    pub fn url_of(&self, number: usize) -> String {
        format!("http://{}/server/mcp", self.gateways[number].address)
    }

    /// Where one of them serves.
    pub fn address_of(&self, number: usize) -> &str {
        &self.gateways[number].address
    }

    /// URL of health and metrics of one of them.
    pub fn admin_of(&self, number: usize) -> &str {
        &self.gateways[number].running.as_ref().unwrap().admin
    }

    /// The number of the replica that has answered through the balancer.
    pub fn which(&self, answer: &Answer) -> usize {
        let address = answer.header("x-replica").unwrap_or_else(|| panic!("of no replica: {}", answer.text));
        self.gateways.iter().position(|gateway| gateway.address == address).unwrap()
    }

    async fn ready(&self, number: usize) {
        eventually("the replica to be ready", async || {
            let answer = Ask::get(&format!("{}/readyz", self.admin_of(number))).send().await;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    /// Kills one at once (SIGKILL). The balancer is not told: it finds out.
    pub async fn kill(&mut self, number: usize) {
        self.gateways[number].running.take().unwrap().process.kill().await;
    }

    /// Ends one as a rollout does: nothing new is sent to it, then SIGTERM. Gives its exit code.
    pub async fn terminate(&mut self, number: usize) -> Option<i32> {
        self.balance("out", number).await;
        // A pod that is to end takes calls for a while, until nobody sends it any more.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.gateways[number].running.take().unwrap().process.terminate().await.0
    }

    /// Starts one again at its address, as a new process with a new name.
    pub async fn restart(&mut self, number: usize) {
        let gateway = &mut self.gateways[number];
        let name = format!("replica-{number}-{}", gateway.starts);
        gateway.starts += 1;
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        gateway.running = Some(launch(self.folder.path(), &name, &gateway.address, &flags).await);
        self.ready(number).await;
        self.balance("in", number).await;
    }

    async fn balance(&mut self, verb: &str, number: usize) {
        let line = format!("{verb} {}", self.gateways[number].address);
        let before = self.balancer.output().matches(&line).count();
        self.balancer.tell(&line).await;
        eventually("the balancer to be told", async || {
            (self.balancer.output().matches(&line).count() > before).then_some(())
        })
        .await;
    }

    /// The entries of the journals of all that ever ran.
    pub fn entries(&self) -> Vec<Value> {
        let folders = std::fs::read_dir(self.folder.path().join("journal")).unwrap();
        folders.flat_map(|folder| entries(&journal(&folder.unwrap().path()))).collect()
    }

    /// `lychgate verify` over the records of all.
    pub async fn verify(&self) -> Finished {
        lychgate(&["verify", "--records", self.folder.path().join("journal").to_str().unwrap()], "").await
    }
}

/// A legacy session through a balancer, or at one replica.
pub struct Session {
    pub url: String,
    pub id: String,
}

impl Session {
    /// Begins one.
    pub async fn begin(url: &str) -> Self {
        let params = json!({
            "protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"},
            "capabilities": {"sampling": {}, "elicitation": {}},
        });
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let begun = Ask::post(url, initialize.to_string()).send().await;
        assert!(begun.status.is_success(), "{}", begun.text);
        let session = Self { url: url.to_owned(), id: begun.header("mcp-session-id").unwrap().to_owned() };
        let initialized = session.post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!(initialized.send().await.status, 202);
        session
    }

    /// The same session at another URL.
    pub fn at(&self, url: String) -> Self {
        Self { url, id: self.id.clone() }
    }

    /// A message.
    #[allow(clippy::needless_pass_by_value, reason = "a message is written where it is sent")]
    pub fn post(&self, message: Value) -> Ask {
        self.with_headers(Ask::post(&self.url, message.to_string()))
    }

    /// A call of a tool.
    #[allow(clippy::needless_pass_by_value, reason = "a message is written where it is sent")]
    pub fn call(&self, id: u64, tool: &str, arguments: Value) -> Ask {
        let params = json!({"name": tool, "arguments": arguments});
        self.post(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
    }

    /// The session's own stream, or what comes after an event.
    pub fn stream(&self, after: Option<&str>) -> Ask {
        let ask = self.with_headers(Ask::get(&self.url)).header("accept", "text/event-stream");
        match after {
            Some(id) => ask.header("last-event-id", id),
            None => ask,
        }
    }

    pub fn with_headers(&self, ask: Ask) -> Ask {
        ask.header("mcp-session-id", &self.id).header("mcp-protocol-version", "2025-11-25")
    }
}

/// The ids of events in a stream, in their order.
pub fn event_ids(stream: &str) -> Vec<&str> {
    stream.lines().filter_map(|line| line.strip_prefix("id: ")).collect()
}
