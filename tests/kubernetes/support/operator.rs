//! The operator's binary, as a child process that ends with the test, also with a failed one.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lychgate_tests_cluster::{Caller, Cluster};
use serde_json::Value;
use tokio::process::Command;

use super::process::{Process, binary};
use super::{PATIENCE, own_address};

/// The image that Deployments name. Nobody pulls it: there are no nodes.
pub const IMAGE: &str = "gateway.test/lychgate:dev";
const ADMIN_PORT: u16 = 9090;
/// How long the token of a service account is good for, in seconds.
const TOKEN_SECONDS: i64 = 3600;
/// How much of the log is shown when a test fails, in lines.
const TAIL_LINES: usize = 150;

/// How an operator is started.
pub struct Start {
    user: String,
    identity: String,
    address: Ipv4Addr,
    command: Command,
}

impl Start {
    /// An operator at home in a namespace, with every right. The audit log tells it from others by its user.
    pub fn new(cluster: &Cluster, home: &str, identity: &str) -> Self {
        let caller = Caller::user(&format!("operator:{home}:{identity}"), &["system:masters"]);
        Self::with_caller(cluster, home, identity, &caller)
    }

    /// The same with the rights of this caller alone.
    pub fn with_caller(cluster: &Cluster, home: &str, identity: &str, caller: &Caller) -> Self {
        let user = format!("operator:{home}:{identity}");
        let address = own_address();
        let mut command = Command::new(binary("lychgate-operator"));
        command
            .env("KUBECONFIG", cluster.kubeconfig(caller))
            .args(["--gateway-image", IMAGE, "--namespace", home, "--identity", identity])
            .args(["--admin-listen", &SocketAddr::from((address, ADMIN_PORT)).to_string()]);
        Self { user, identity: identity.to_owned(), address, command }
    }

    /// An operator as the container of a Deployment runs: with its arguments, as its service account.
    pub async fn as_deployed(cluster: &Cluster, deployment: &Value, identity: &str) -> Self {
        let home = deployment["metadata"]["namespace"].as_str().unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let account = pod["serviceAccountName"].as_str().unwrap();
        let token = cluster.token(home, account, &[], TOKEN_SECONDS).await;
        let address = own_address();
        let mut command = Command::new(binary("lychgate-operator"));
        command.env("KUBECONFIG", cluster.kubeconfig(&Caller::token(&token)));
        for argument in pod["containers"][0]["args"].as_array().unwrap() {
            let argument = argument.as_str().unwrap().replace("$(POD_NAMESPACE)", home);
            let argument = argument.replace("$(POD_NAME)", identity);
            command.arg(argument.replace("0.0.0.0", &address.to_string()));
        }
        let user = format!("system:serviceaccount:{home}:{account}");
        Self { user, identity: identity.to_owned(), address, command }
    }

    /// Only this namespace is watched, or this one too.
    pub fn watching(self, namespace: &str) -> Self {
        self.argument("--watch-namespace", namespace)
    }

    /// One more flag.
    pub fn argument(mut self, flag: &str, value: &str) -> Self {
        self.command.args([flag, value]);
        self
    }

    /// Starts it, and does not wait for anything.
    pub fn launch(self) -> Operator {
        let Self { user, identity, address, command } = self;
        let process = Some(Process::start(&identity, command));
        Operator { user, identity, address, process }
    }

    /// Starts it, and waits until it leads and knows the cluster.
    pub async fn lead(self) -> Operator {
        let mut operator = self.launch();
        operator.until_it_leads().await;
        operator
    }
}

/// An operator that ends with its test.
pub struct Operator {
    /// The user in whose name it asks the API server.
    pub user: String,
    identity: String,
    address: Ipv4Addr,
    process: Option<Process>,
}

impl Operator {
    /// Starts an operator at home in `home` that watches `namespaces`, with a short Lease.
    pub fn start(cluster: &Cluster, identity: &str, home: &str, namespaces: &[&str]) -> Self {
        let start = Start::new(cluster, home, identity).argument("--lease-seconds", "3");
        namespaces.iter().fold(start, |start, namespace| start.watching(namespace)).launch()
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Waits until it leads and knows the cluster.
    pub async fn until_it_leads(&mut self) {
        lychgate_tests_cluster::eventually("the operator to lead", PATIENCE, async || {
            self.assert_alive();
            let metrics = self.metrics().await?;
            let ready = self.get("/readyz").await?;
            let leads = metrics.lines().any(|line| line == "lychgate_operator_leader 1");
            if leads && ready.0 == 200 { Ok(()) } else { Err(format!("{ready:?}")) }
        })
        .await;
    }

    pub fn assert_alive(&mut self) {
        if let Some(process) = self.process.as_mut() {
            process.assert_alive();
        }
    }

    /// The status and the text that it answers on its port for health and metrics.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        Self::ask(&self.address.to_string(), path).await
    }

    /// The same of whoever has the address, such as a gateway.
    pub async fn ask(address: &str, path: &str) -> Result<(u16, String), String> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let url = format!("http://{address}:{ADMIN_PORT}{path}").parse().unwrap();
        let response = client.get(url).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    pub async fn metrics(&self) -> Result<String, String> {
        self.get("/metrics").await.map(|(_, text)| text)
    }

    /// Sends it a signal, such as STOP.
    pub async fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Kills it at once, as a lost node would.
    pub async fn kill(mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Lets it end by itself; gives its exit code.
    pub async fn terminate(mut self) -> Option<i32> {
        self.process.take().unwrap().terminate().await.0
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            eprintln!("log of the operator {}, its last lines:\n{}", self.identity, tail.join("\n"));
        }
    }
}
