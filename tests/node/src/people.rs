//! A node with Lychgate on it, for people: it stays until it is interrupted.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

use std::error::Error;
use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

use lychgate_tests_cluster::{Options, binary};
use lychgate_tests_node::{HOME, Node, inside_and_reached};

fn main() -> ExitCode {
    if !std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0) {
        eprintln!("A node needs root: sudo make node");
        return ExitCode::FAILURE;
    }
    inside_and_reached(|| match stay() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

fn stay() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("starting a node");
        let node = Node::start(Options::default()).await?;
        println!("installing Lychgate");
        node.import_lychgate().await?;
        node.install_lychgate(&[]).await?;
        let kubeconfig = node.reach()?;
        println!("\nLychgate is installed in {HOME}. In another terminal:\n");
        println!("  export KUBECONFIG={}", kubeconfig.display());
        println!("  {} get pods --all-namespaces\n", binary("kubectl").display());
        println!("Ctrl-C ends it, and nothing is left.");
        std::future::pending::<()>().await;
        Ok(())
    })
}
