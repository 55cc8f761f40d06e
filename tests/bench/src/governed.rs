//! The gateway as it is measured: the real binary on folders as a pod has them, with everything on: a token of an
//! issuer, a grant, a command rule, every detector, a credential to inject, and the record.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Connection, Target, status_of, unexpected};
use crate::issuer::{AUDIENCE, GROUP, Issuer};
use crate::outcome::{Fault, Outcome, Told};
use crate::process::Process;
use crate::server::free_port;
use crate::traffic::{Era, FIRST_ID, PERSON, PERSON_TOOL, call, forbidden_call};

/// How long a gateway may take until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is asked.
const READY_PAUSE: Duration = Duration::from_millis(1);

/// The folders of a gateway, with a configuration that serves the connection `bench`.
pub(crate) struct Folders {
    folder: TempDir,
    config: Value,
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) folders: Folders,
    /// URL of the connection.
    pub(crate) url: String,
    /// How long it took from its start until it was ready.
    pub(crate) start: Duration,
}

impl Folders {
    pub(crate) fn new(parent: &Path, issuer: &str, upstream: &str) -> Outcome<Self> {
        let folder = TempDir::new_in(parent).told("a folder")?;
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            let parent = path.parent().told("a folder")?;
            std::fs::create_dir_all(parent).told(name)?;
            std::fs::write(&path, bytes).told(name)
        };
        write("keys/session", &[1; 32])?;
        write("keys/signing", &[2; 32])?;
        write("secrets/upstream/token", b"a-credential-of-the-upstream")?;
        write("secrets/upstream/lychgate-allowed-hosts", b"127.0.0.1")?;
        write("config-maps/none/none", b"")?;
        write("journal/none", b"")?;
        write("approvals/none", b"")?;
        let folders = Self { folder, config: document(issuer, upstream) };
        folders.configure(&folders.config)?;
        Ok(folders)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration as it was at first.
    pub(crate) fn config(&self) -> Value {
        self.config.clone()
    }

    /// Puts a configuration where the gateway finds it, as a whole.
    pub(crate) fn configure(&self, config: &Value) -> Outcome<()> {
        std::fs::create_dir_all(self.path("config")).told("the folder of the configuration")?;
        self.replace("config/bench.json", &config.to_string())
    }

    /// Puts a file in the place of another, as a whole.
    pub(crate) fn replace(&self, name: &str, text: &str) -> Outcome<()> {
        let next = self.path("next");
        std::fs::write(&next, text).told(name)?;
        std::fs::rename(next, self.path(name)).told(name)
    }

    /// Removes all segments of the journal but the newest two, as whoever ships them may.
    pub(crate) fn ship(&self) -> Outcome<()> {
        let folder = self.path("journal/replica-0");
        let mut segments: Vec<PathBuf> = std::fs::read_dir(&folder)
            .told("the journal")?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        segments.sort();
        segments.truncate(segments.len().saturating_sub(2));
        segments.iter().try_for_each(std::fs::remove_file).told("a segment of the journal")
    }

    /// How many bytes the journal has.
    pub(crate) fn journal_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.path("journal/replica-0")).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    }
}

/// The configuration, as the operator would write it.
fn document(issuer: &str, upstream: &str) -> Value {
    json!({
        "apiVersion": "gateway.lychgate.dev/v1alpha1",
        "sequence": 1,
        "connection": {"namespace": "test", "name": "bench"},
        "gateway": {"namespace": "test", "name": "gateway"},
        "resources": [AUDIENCE],
        "hostnames": ["127.0.0.1", "localhost"],
        "identity": {"oidc": [{
            "issuer": issuer, "insecureLoopback": true, "usernameClaim": "sub", "groupsClaim": "groups",
            "kubernetesUsernames": ["bench:{sub}"],
        }]},
        "upstream": {
            "url": upstream, "insecurePlaintext": true,
            "connectTimeoutMilliseconds": 5000, "callTimeoutMilliseconds": 60000,
        },
        "credentials": [{
            "name": "default",
            "inject": {"header": "Authorization", "format": "Bearer {value}"},
            "from": {"secretKeyRef": {"secret": "upstream", "key": "token"}},
        }],
        "access": [{"groups": [GROUP], "tools": ["query_*"]}],
        "masking": [masking_rule()],
        "commands": [{
            "namespace": "test", "name": "statements", "uid": "5f0c", "generation": 1,
            "extract": [{"tools": ["query_*"], "argument": "$.sql", "language": "SQL", "dialect": "postgresql"}],
            "rules": [
                {"name": "no-ddl", "effects": ["Schema", "Admin", "Exec", "Exfiltrate"], "action": "Deny"},
                {"name": "reads", "effects": ["Read"], "action": "Allow"},
            ],
        }],
        "limits": {"messageBytes": 4 * 1024 * 1024},
    })
}

/// A rule with every detector that there is.
pub(crate) fn masking_rule() -> Value {
    json!({
        "name": "everything",
        "directions": ["Request", "Response"],
        "detectors": [
            {"group": "PersonalData", "action": {"redact": {}}},
            {"group": "Secrets", "action": {"redact": {}}},
        ],
    })
}

/// Adds an ApprovalPolicy to a configuration: every call of a tool waits for people, for hours.
pub(crate) fn with_approval(config: Value) -> Value {
    let approval = json!({
        "connectionUid": "5f0d", "connectionGeneration": 1, "gateway": "system:serviceaccount:test:gateway",
        "policies": [{
            "namespace": "test", "name": "people", "uid": "5f0e", "generation": 1, "groups": ["people"],
            "approvals": 1, "requireReason": false, "requireDigest": false, "denyIsVeto": true,
            "expiresAfterMilliseconds": 14_400_000, "uses": 1, "validForMilliseconds": 600_000,
            "waitMilliseconds": 14_400_000, "maxPendingPerCaller": 100,
        }],
    });
    with(config, "approval", approval)
}

/// The configuration with another value for a member.
pub(crate) fn with(mut config: Value, member: &str, value: Value) -> Value {
    if let Some(config) = config.as_object_mut() {
        config.insert(member.to_owned(), value);
    }
    config
}

impl Gateway {
    /// Starts the gateway, and waits until it is ready. `command` is the program with what it needs before the flags.
    pub(crate) async fn start(command: Command, folders: Folders, core: usize) -> Outcome<Self> {
        let (port, admin_port) = (free_port()?, free_port()?);
        let (listen, admin) = (loopback(port), loopback(admin_port));
        let mut command = command;
        command.env("LYCHGATE_LOG", "warn").args(["--plaintext", "--replica", "replica-0"]).args([
            "--listen",
            &listen.to_string(),
            "--admin-listen",
            &admin.to_string(),
        ]);
        for name in ["config", "secrets", "config-maps", "keys", "journal"] {
            command.arg(format!("--{name}-dir")).arg(folders.path(name));
        }
        let begun = Instant::now();
        let mut process = Process::start(command, core)?;
        let ready = format!("http://{admin}/readyz");
        while !matches!(status_of(&ready).await, Ok(StatusCode::OK)) {
            if !process.is_alive() || begun.elapsed() > READY_TIMEOUT {
                return Err(Fault("the gateway is not ready; start it by hand to see why".to_owned()));
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
        let start = begun.elapsed();
        Ok(Self { process, folders, url: format!("http://{listen}/bench/mcp"), start })
    }

    /// Makes sure that everything is on: a gateway that let something pass would be measured for nothing.
    pub(crate) async fn check(&self, issuer: &Issuer) -> Outcome<()> {
        let target = Target { url: self.url.clone(), token: issuer.token("erin", 0)? };
        let mut connection = Connection::open(&target).await?;
        connection.speak(Era::Modern, PERSON_TOOL, FIRST_ID).await?;
        let answer = connection.post(call(Era::Modern, PERSON_TOOL, FIRST_ID)).await?;
        let text = String::from_utf8_lossy(&answer.body);
        if !answer.status.is_success() || text.contains(PERSON) || !text.contains("[REDACTED:Email]") {
            return Err(unexpected("an answer that should be masked", &answer));
        }
        let answer = connection.post(forbidden_call(FIRST_ID)).await?;
        if !String::from_utf8_lossy(&answer.body).contains("\"isError\":true") {
            return Err(unexpected("a statement that should be refused", &answer));
        }
        let nobody = Target { url: self.url.clone(), token: String::new() };
        let mut connection = Connection::open(&nobody).await?;
        let answer = connection.post(call(Era::Legacy, PERSON_TOOL, FIRST_ID)).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Err(unexpected("a call without a token", &answer));
        }
        if self.folders.journal_bytes() == 0 {
            return Err(Fault("nothing was recorded".to_owned()));
        }
        Ok(())
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
