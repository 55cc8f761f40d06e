//! A running operator.

use lychgate_tests_cluster::{Caller, Cluster};
use tokio::process::Command;

use super::process::{Process, binary};

/// An operator that ends with its test.
pub struct Operator {
    process: Option<Process>,
}

impl Operator {
    /// Starts an operator at home in `home` that watches `namespaces`.
    pub fn start(cluster: &Cluster, identity: &str, home: &str, namespaces: &[&str]) -> Self {
        let mut command = Command::new(binary("lychgate-operator"));
        command
            .env("KUBECONFIG", cluster.kubeconfig(&Caller::user("lychgate-operator", &["system:masters"])))
            .args(["--gateway-image", "gateway.test/lychgate:dev", "--namespace", home])
            .args(["--identity", identity, "--admin-listen", "127.0.0.1:0", "--lease-seconds", "3"]);
        for namespace in namespaces {
            command.args(["--watch-namespace", namespace]);
        }
        Self { process: Some(Process::start(identity, command)) }
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.log().contains("\"leads\"")
    }

    /// Kills it at once.
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
            eprintln!("log of the operator:\n{}", self.log());
        }
    }
}
