//! What is measured side by side: no gateway at all, a bare proxy, ours, and whatever a file names.
//!
//! A further arm is a program that relays to an MCP server. Its table says how it is started and where it listens;
//! in each text, `{upstream}` stands for the URL of the bench's server, `{upstream_authority}` for host and port in
//! it, `{port}` for a free port, and `{folder}` for a folder that holds the files of the table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::client::Target;
use crate::governed::{Folders, Gateway};
use crate::outcome::{Fault, Outcome, Told};
use crate::process::Process;
use crate::server::free_port;
use crate::stage::Stage;

/// How long a further arm may take until it listens.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(30);
const LISTEN_PAUSE: Duration = Duration::from_millis(20);

/// One of the things that are compared.
pub(crate) struct Arm {
    pub(crate) name: String,
    pub(crate) target: Target,
    /// The process whose cost counts; none where there is nothing between client and server.
    pub(crate) process: Option<Process>,
    /// Kept as long as the arm runs.
    _folder: Option<Kept>,
}

/// What an arm needs on the disk.
enum Kept {
    Ours(#[allow(dead_code, reason = "the folders go when this is dropped")] Folders),
    Other(#[allow(dead_code, reason = "the folder goes when this is dropped")] TempDir),
}

/// Further arms, as a file names them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peers {
    #[serde(default)]
    arm: Vec<Peer>,
}

/// One further arm.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    /// Its name in the report.
    name: String,
    /// The program.
    binary: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    /// Where it serves MCP.
    url: String,
    /// Texts of files that it reads, by their names.
    #[serde(default)]
    files: BTreeMap<String, String>,
}

impl Peers {
    /// Reads the file, if there is one.
    pub(crate) fn read(path: Option<&Path>) -> Outcome<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).told(&path.display().to_string())?;
        let peers: Self = toml::from_str(&text).told(&path.display().to_string())?;
        let taken = ["direct", "passthrough", "ours"];
        match peers.arm.iter().find(|peer| taken.contains(&peer.name.as_str())) {
            Some(peer) => Err(Fault(format!("{}: that arm is there already", peer.name))),
            None => Ok(peers),
        }
    }
}

/// Starts every arm. `direct` is the first, then `passthrough`, then `ours`.
pub(crate) async fn start(stage: &Stage) -> Outcome<Vec<Arm>> {
    let mut arms = vec![direct(stage), passthrough(stage).await?, ours(stage).await?];
    for peer in &stage.peers.arm {
        arms.push(peer.start(stage).await?);
    }
    Ok(arms)
}

fn direct(stage: &Stage) -> Arm {
    let target = Target { url: stage.upstream.clone(), token: stage.token.clone() };
    Arm { name: "direct".to_owned(), target, process: None, _folder: None }
}

pub(crate) async fn passthrough(stage: &Stage) -> Outcome<Arm> {
    let listen = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(&stage.myself);
    command.args(["passthrough", "--listen", &listen, "--upstream", &stage.upstream]);
    let process = listening(Process::start(command, stage.cores.measured)?, &listen).await?;
    let target = Target { url: format!("http://{listen}/mcp"), token: stage.token.clone() };
    Ok(Arm { name: "passthrough".to_owned(), target, process: Some(process), _folder: None })
}

async fn ours(stage: &Stage) -> Outcome<Arm> {
    let gateway = stage.gateway().await?;
    gateway.check(&stage.issuer).await?;
    let Gateway { process, folders, url, .. } = gateway;
    let target = Target { url, token: stage.token.clone() };
    let kept = Some(Kept::Ours(folders));
    Ok(Arm { name: "ours".to_owned(), target, process: Some(process), _folder: kept })
}

impl Peer {
    async fn start(&self, stage: &Stage) -> Outcome<Arm> {
        let folder = TempDir::new_in(&stage.folder).told("a folder")?;
        let port = free_port()?.to_string();
        let authority = authority_of(&stage.upstream)?;
        let fill = |text: &str| {
            text.replace("{upstream}", &stage.upstream)
                .replace("{upstream_authority}", &authority)
                .replace("{port}", &port)
                .replace("{folder}", &folder.path().display().to_string())
        };
        for (name, text) in &self.files {
            std::fs::write(folder.path().join(name), fill(text)).told(name)?;
        }
        let mut command = Command::new(&self.binary);
        command.args(self.arguments.iter().map(|argument| fill(argument)));
        let url = fill(&self.url);
        let process = Process::start(command, stage.cores.measured)?;
        let process = listening(process, &authority_of(&url)?).await?;
        let target = Target { url, token: stage.token.clone() };
        let kept = Some(Kept::Other(folder));
        Ok(Arm { name: self.name.clone(), target, process: Some(process), _folder: kept })
    }
}

/// Host and port of a URL.
fn authority_of(url: &str) -> Outcome<String> {
    let uri: http::Uri = url.parse().told(url)?;
    Ok(uri.authority().told("a URL without a host")?.to_string())
}

/// The process, once it listens.
async fn listening(mut process: Process, address: &str) -> Outcome<Process> {
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        if !process.is_alive() || begun.elapsed() > LISTEN_TIMEOUT {
            return Err(Fault(format!("nothing listens on {address}; start it by hand to see why")));
        }
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
    Ok(process)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::Peers;

    #[test]
    fn a_file_of_arms_says_what_is_started_and_nothing_else() {
        let text = r#"
            [[arm]]
            name = "other"
            binary = "/usr/bin/other"
            arguments = ["--config", "{folder}/config.yaml"]
            url = "http://127.0.0.1:{port}/mcp"
            [arm.files]
            "config.yaml" = "upstream: {upstream}"
        "#;
        let peers: Peers = toml::from_str(text).unwrap();
        assert_eq!(peers.arm.len(), 1);
        assert!(toml::from_str::<Peers>(&text.replace("url", "adress")).is_err());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("arms.toml");
        std::fs::write(&path, text.replace("\"other\"", "\"ours\"")).unwrap();
        assert!(Peers::read(Some(&path)).unwrap_err().to_string().contains("there already"));
        assert!(Peers::read(None).unwrap().arm.is_empty());
    }
}
