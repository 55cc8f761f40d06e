//! Real servers, clients and the identity provider, as `tests/counterparts` starts them.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use super::process::{Finished, Process, binary, finish};
use super::workspace;

/// A server that runs until it is dropped.
pub struct Server {
    pub process: Process,
    pub url: String,
}

/// An interpreter that `tests/counterparts/install` put there.
pub fn interpreter(name: &str) -> PathBuf {
    let path = workspace().join("target/counterparts/bin").join(name);
    assert!(path.exists(), "{} is missing; run tests/counterparts/install", path.display());
    path
}

pub fn script(path: &str) -> PathBuf {
    workspace().join("tests/counterparts").join(path)
}

async fn server(script_path: &str, arguments: &[&str]) -> Server {
    server_of("node", script_path, arguments).await
}

async fn server_of(interpreter_name: &str, script_path: &str, arguments: &[&str]) -> Server {
    let mut command = Command::new(interpreter(interpreter_name));
    // A server that shows its environment shall show nothing of the machine's.
    command.env_clear().env("PATH", "/usr/bin:/bin").arg(script(script_path)).args(arguments);
    let mut process = Process::start(script_path, command);
    let facts = process.ready().await;
    let url = facts["url"].as_str().or(facts["issuer"].as_str()).unwrap().to_owned();
    Server { process, url }
}

/// dbhub on a database of customers, behind a bearer token.
pub async fn dbhub(folder: &Path, token: &str) -> Server {
    let database = folder.join("customers.sqlite");
    let database = database.to_str().unwrap();
    let mut seed = Command::new(interpreter("node"));
    seed.arg(script("servers/seed-customers.mjs")).args(["--database", database]);
    assert_eq!(finish(seed, "").await.code, 0);
    server("servers/dbhub.mjs", &["--database", database, "--token", token]).await
}

/// The reference server, with sessions, event streams and requests to the client.
pub async fn everything() -> Server {
    server("servers/everything.mjs", &[]).await
}

/// The same over HTTP+SSE, the transport of MCP 2024-11-05.
pub async fn everything_over_sse() -> Server {
    server("servers/everything.mjs", &["--transport", "sse"]).await
}

/// A fixture that speaks HTTP+SSE; `log` gets every request that reaches it, and when sessions end.
pub async fn fixture_over_sse(token: &str, log: &Path) -> Server {
    server("servers/sse.mjs", &["--token", token, "--log", log.to_str().unwrap()]).await
}

/// A server in Python that speaks HTTP+SSE, with the tools `echo` and `customers`.
pub async fn python_over_sse() -> Server {
    server_of("python", "servers/python_sse.py", &[]).await
}

/// The fixture of all revisions; `log` gets every request that reaches it.
pub async fn fixture(era: &str, token: &str, log: &Path) -> Server {
    let log = log.to_str().unwrap();
    server("servers/modern.mjs", &["--era", era, "--token", token, "--log", log]).await
}

/// Our own server, which does in both eras what a server may do; `log` gets every request that reaches it, and every
/// call that ended before it was done.
pub async fn many_sided(log: &Path) -> Server {
    let mut command = Command::new(binary("lychgate-test-fixture"));
    command.arg("--log").arg(log);
    let mut process = Process::start("lychgate-test-fixture", command);
    let url = process.ready().await["url"].as_str().unwrap().to_owned();
    Server { process, url }
}

/// The server that misbehaves on demand.
pub async fn hostile(log: &Path) -> Server {
    server("servers/hostile.mjs", &["--log", log.to_str().unwrap()]).await
}

/// A published server that speaks stdio, behind a bridge; what it works on is in `folder`.
pub async fn stdio_server(name: &str, folder: Option<&Path>) -> Server {
    let mut arguments = vec!["--server", name];
    if let Some(folder) = folder {
        arguments.extend(["--folder", folder.to_str().unwrap()]);
    }
    server("servers/stdio.mjs", &arguments).await
}

/// The command line of the MCP Inspector, with `home` for what it keeps.
pub async fn inspector(home: &Path, url: &str, token: &str, arguments: &[&str]) -> Finished {
    let package = workspace().join("target/counterparts/node_modules/@modelcontextprotocol/inspector");
    let mut command = Command::new(interpreter("node"));
    command.env("HOME", home).env("NO_COLOR", "1");
    command.arg(package.join("clients/launcher/build/index.js")).args(["--cli", url, "--transport", "http"]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]).args(arguments);
    finish(command, "").await
}

/// The identity provider, with its keys in `keys`.
pub async fn identity_provider(keys: &Path, personas: &[&str]) -> Server {
    let mut arguments = vec!["--keys", keys.to_str().unwrap()];
    for persona in personas {
        arguments.extend(["--persona", persona]);
    }
    server("servers/oidc.mjs", &arguments).await
}

/// A token from the provider, as a client gets it: discovery, then `client_credentials`.
pub async fn token(issuer: &str, client: &str, resource: &str) -> String {
    let mut command = Command::new(interpreter("node"));
    command.arg(script("clients/token.mjs")).args([
        "--issuer",
        issuer,
        "--client",
        client,
        "--resource",
        resource,
    ]);
    let finished = finish(command, "").await;
    assert_eq!(finished.code, 0, "{}", finished.errors);
    finished.output.trim().to_owned()
}

/// A token of our own making, signed with the provider's key, with one fault (`none` for a good one).
pub async fn minted(keys: &Path, issuer: &str, audience: &str, fault: &str, more: &[&str]) -> String {
    let mut command = Command::new(interpreter("node"));
    command
        .arg(script("clients/mint.mjs"))
        .args(["--keys", keys.to_str().unwrap(), "--issuer", issuer, "--audience", audience])
        .args(["--fault", fault])
        .args(more);
    let finished = finish(command, "").await;
    assert_eq!(finished.code, 0, "{}", finished.errors);
    finished.output.trim().to_owned()
}

/// The unmodified clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `@modelcontextprotocol/sdk`, which speaks the revisions with sessions.
    TypeScript,
    /// `@modelcontextprotocol/client`, which by default does the same.
    TypeScriptTwo,
    /// The same, told to speak 2026-07-28.
    TypeScriptModern,
    /// The same, probing for 2026-07-28 and falling back.
    TypeScriptAuto,
    /// PyPI `mcp` with sessions.
    Python,
    /// The same, which by default probes for 2026-07-28 and falls back.
    PythonAuto,
    /// The same, told to speak 2026-07-28.
    PythonModern,
}

impl Client {
    /// Runs a script of operations; gives the line for each, the connection's first.
    pub async fn run(self, url: &str, token: &str, operations: Value) -> Vec<Value> {
        self.run_with(url, token, operations, &[]).await
    }

    /// Runs a script with further arguments of the client's.
    pub async fn run_with(self, url: &str, token: &str, operations: Value, more: &[&str]) -> Vec<Value> {
        let mut command = self.command(url, token);
        command.args(more);
        let finished = finish(command, &operations.to_string()).await;
        assert_eq!(finished.code, 0, "{self:?}: {}", finished.errors);
        finished.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Begins a script, and leaves the client to the test.
    pub async fn start(self, url: &str, token: &str, operations: Value) -> Process {
        let mut process = Process::start(&format!("{self:?}"), self.command(url, token));
        process.tell(&operations.to_string()).await;
        process.close_input();
        process
    }

    fn command(self, url: &str, token: &str) -> Command {
        let (interpreter_name, path, mode) = match self {
            Self::TypeScript => ("node", "clients/legacy.mjs", None),
            Self::TypeScriptTwo => ("node", "clients/modern.mjs", Some("legacy")),
            Self::TypeScriptModern => ("node", "clients/modern.mjs", Some("pin")),
            Self::TypeScriptAuto => ("node", "clients/modern.mjs", Some("auto")),
            Self::Python => ("python", "clients/python_client.py", Some("legacy")),
            Self::PythonAuto => ("python", "clients/python_client.py", Some("auto")),
            Self::PythonModern => ("python", "clients/python_client.py", Some("2026-07-28")),
        };
        let mut command = Command::new(interpreter(interpreter_name));
        command.arg(script(path)).args(["--url", url]).env("MCP_TOKEN", token);
        if let Some(mode) = mode {
            command.args(["--mode", mode]);
        }
        command
    }
}

/// What a counterpart with `--log` wrote: every request that reached it.
pub fn logged(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
