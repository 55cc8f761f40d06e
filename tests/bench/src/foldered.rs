//! The gateway with Approvals in a folder, as `lychgate dev` has them, in a process of its own: the same code as the
//! binary's, which takes them at an API server alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lychgate_gateway::approval::ApprovalSettings;
use lychgate_gateway::secret::Mounts;
use lychgate_gateway::{Settings, start};

use crate::outcome::{Outcome, Told};

/// Flags as those of `lychgate-gateway`, as far as the bench sets them.
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    #[arg(long)]
    config_dir: PathBuf,
    #[arg(long)]
    secrets_dir: PathBuf,
    #[arg(long)]
    config_maps_dir: PathBuf,
    #[arg(long)]
    keys_dir: PathBuf,
    #[arg(long)]
    journal_dir: PathBuf,
    #[arg(long)]
    approvals_dir: PathBuf,
    #[arg(long)]
    plaintext: bool,
    #[arg(long)]
    replica: String,
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    admin_listen: SocketAddr,
}

/// Serves until the process is killed.
pub(crate) async fn run(flags: Flags) -> Outcome<()> {
    let _running = start(Settings {
        listen: flags.listen,
        admin_listen: flags.admin_listen,
        config_dir: flags.config_dir,
        mounts: Mounts { secrets: flags.secrets_dir, config_maps: flags.config_maps_dir, tokens: None },
        watch: None,
        api_server: None,
        approvals: Some(ApprovalSettings::Folder(flags.approvals_dir)),
        keys_dir: flags.keys_dir,
        tls_dir: None,
        journal_dir: flags.journal_dir,
        replica: flags.replica,
        journal_limit_bytes: 1 << 30,
        drain: Duration::from_secs(1),
    })
    .await
    .told("the gateway")?;
    std::future::pending().await
}
