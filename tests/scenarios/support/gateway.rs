//! `lychgate-gateway` as a pod runs it: mounted files in, journal out.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::eventually;
use super::http::Ask;
use super::process::{Process, binary};

/// A running gateway with its folders.
pub struct Gateway {
    pub folder: TempDir,
    pub process: Process,
    /// Where MCP is served.
    pub address: String,
    /// URL of health and metrics.
    pub admin: String,
}

/// The folders of a gateway that was not started yet.
pub fn folders() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config", "secrets/upstream", "config-maps/ca", "keys", "journal"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("keys/session"), [1; 32]).unwrap();
    std::fs::write(folder.path().join("keys/signing"), [2; 32]).unwrap();
    std::fs::write(folder.path().join("secrets/upstream/token"), "upstream-token-one").unwrap();
    std::fs::write(folder.path().join("secrets/upstream/lychgate-allowed-hosts"), "127.0.0.1\nlocalhost")
        .unwrap();
    folder
}

/// The document of a connection `server` that serves callers without a token.
pub fn document(upstream: &str, sequence: u64) -> Value {
    json!({
        "apiVersion": "gateway.lychgate.dev/v1alpha1",
        "sequence": sequence,
        "connection": {"namespace": "test", "name": "server"},
        "gateway": {"namespace": "test", "name": "gateway"},
        "resources": ["https://gateway.test/server/mcp"],
        "hostnames": ["127.0.0.1", "localhost"],
        "identity": {"anonymous": true},
        "upstream": {
            "url": upstream, "insecurePlaintext": true,
            "connectTimeoutMilliseconds": 2000, "callTimeoutMilliseconds": 5000,
        },
        "credentials": [{
            "name": "default",
            "inject": {"header": "Authorization", "format": "Bearer {value}"},
            "from": {"secretKeyRef": {"secret": "upstream", "key": "token"}},
        }],
        "access": [{"users": ["anonymous"], "tools": ["*"]}],
        "limits": {"messageBytes": 65536},
    })
}

/// Writes the document where the gateway finds it, as a whole.
pub fn write_document(folder: &TempDir, text: &str) {
    let target = folder.path().join("config/server.json");
    let next = folder.path().join("next.json");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, target).unwrap();
}

/// A gateway's process, with where it serves.
pub struct Launched {
    pub process: Process,
    pub address: String,
    pub admin: String,
}

/// Starts a gateway on folders that others may use, too.
pub async fn launch(folder: &Path, replica: &str, listen: &str, more: &[&str]) -> Launched {
    let path = |name: &str| folder.join(name);
    let mut command = Command::new(binary("lychgate-gateway"));
    command
        .env("LYCHGATE_LOG", "debug")
        .arg("--config-dir")
        .arg(path("config"))
        .arg("--secrets-dir")
        .arg(path("secrets"))
        .arg("--config-maps-dir")
        .arg(path("config-maps"))
        .arg("--keys-dir")
        .arg(path("keys"))
        .arg("--journal-dir")
        .arg(path("journal"))
        .args(["--listen", listen, "--admin-listen", "127.0.0.1:0", "--replica", replica])
        .args(["--drain-seconds", "5"])
        .args(more);
    if !more.contains(&"--tls-dir") {
        command.arg("--plaintext");
    }
    let mut process = Process::start("lychgate-gateway", command);
    let started = eventually("the gateway to serve", async || {
        process.assert_alive();
        let output = process.output();
        let line = output.lines().find(|line| line.contains("gateway serves"))?;
        Some(serde_json::from_str::<Value>(line).unwrap())
    })
    .await;
    let address = started["fields"]["address"].as_str().unwrap().to_owned();
    let admin = format!("http://{}", started["fields"]["admin_address"].as_str().unwrap());
    Launched { process, address, admin }
}

impl Gateway {
    /// Starts a gateway on the folders. `more` are further flags; TLS is off if they say nothing of it.
    pub async fn start(folder: TempDir, more: &[&str]) -> Self {
        let Launched { process, address, admin } =
            launch(folder.path(), "replica-0", "127.0.0.1:0", more).await;
        Self { folder, process, address, admin }
    }

    /// URL of the connection `server`, over plain HTTP.
    pub fn url(&self) -> String {
        format!("http://{}/server/mcp", self.address)
    }

    /// Waits until the gateway says that it is ready.
    pub async fn ready(&self) {
        eventually("the gateway to be ready", async || {
            let answer = Ask::get(&format!("{}/readyz", self.admin)).send().await;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    /// The most that its process has had in RAM, in bytes (VmHWM).
    pub fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
    }

    pub fn journal_folder(&self) -> PathBuf {
        self.folder.path().join("journal/replica-0")
    }
}
