//! A control plane to play with: it runs in the foreground until Ctrl-C, and leaves nothing.
#![allow(clippy::print_stderr, reason = "it speaks to whoever started it")]

use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lychgate_tests_cluster::{Caller, Cluster, Options, binary};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: lychgate-test-cluster --kubeconfig PATH";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, path] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if flag != "--kubeconfig" {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match run(Path::new(path)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(kubeconfig: &Path) -> Result<(), Box<dyn Error>> {
    // Before anything is started, so that a signal in between is not missed.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let cluster = tokio::select! {
        cluster = Cluster::try_start(Options::default()) => cluster?,
        _ = interrupted.recv() => return Ok(()),
        _ = terminated.recv() => return Ok(()),
    };
    if let Some(folder) = kubeconfig.parent() {
        std::fs::create_dir_all(folder)?;
    }
    cluster.kubeconfig_at(kubeconfig, &Caller::Admin)?;
    announce(&cluster, &std::path::absolute(kubeconfig)?)?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    std::fs::remove_file(kubeconfig)?;
    Ok(())
}

/// In one write, so that whoever reads the first line has them all.
fn announce(cluster: &Cluster, kubeconfig: &Path) -> io::Result<()> {
    let tools: PathBuf = binary("kubectl").parent().map(Path::to_owned).unwrap_or_default();
    let text = format!(
        "The control plane is at {}, with its logs in {}.
For kubectl and helm, by which you may do everything:

  export KUBECONFIG={}
  export PATH={}:$PATH

Ctrl-C ends it and removes everything.
",
        cluster.url(),
        cluster.directory().display(),
        kubeconfig.display(),
        tools.display(),
    );
    io::stdout().write_all(text.as_bytes())
}
