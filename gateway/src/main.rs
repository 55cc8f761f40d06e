//! The binary `lychgate-gateway`: flags in, a running gateway out, until SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lychgate_gateway::api_server::ApiSettings;
use lychgate_gateway::approval::ApprovalSettings;
use lychgate_gateway::secret::Mounts;
use lychgate_gateway::watch::WatchSettings;
use lychgate_gateway::{Settings, start};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Governs how agents reach MCP servers.
#[derive(Parser)]
#[command(name = "lychgate-gateway", version)]
struct Flags {
    /// Folder with a policy document (NAME.json) for each connection
    #[arg(long)]
    config_dir: PathBuf,
    /// Folder with the mounted Secrets, as SECRET/KEY
    #[arg(long)]
    secrets_dir: PathBuf,
    /// Folder with the mounted ConfigMaps, as CONFIGMAP/KEY
    #[arg(long)]
    config_maps_dir: PathBuf,
    /// Folder with the projected tokens of the gateway's service account, as CREDENTIAL/token
    #[arg(long)]
    tokens_dir: Option<PathBuf>,
    /// ConfigMap with the policy documents, to be watched at the API server together with the Secrets they name
    #[arg(long, requires = "kubernetes_dir")]
    watch_config_map: Option<String>,
    /// Folder with `token`, `ca.crt` and `namespace`, for the API server: to watch, and to have calls approved
    #[arg(long)]
    kubernetes_dir: Option<PathBuf>,
    /// URL of the API server [default: https:// and the environment's KUBERNETES_SERVICE_HOST and _PORT]
    #[arg(long, requires = "kubernetes_dir")]
    kubernetes_url: Option<String>,
    /// Folder with the gateway's own keys: `session` and `signing`, 32 random bytes each
    #[arg(long)]
    keys_dir: PathBuf,
    /// Folder with `tls.crt` and `tls.key`
    #[arg(long, required_unless_present = "plaintext", conflicts_with = "plaintext")]
    tls_dir: Option<PathBuf>,
    /// Serve plain HTTP, where TLS ends before the gateway
    #[arg(long)]
    plaintext: bool,
    /// Address that MCP is served on
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Address that /healthz, /readyz and /metrics are served on
    #[arg(long, default_value = "0.0.0.0:9090")]
    admin_listen: SocketAddr,
    /// Folder that the journal is written to
    #[arg(long)]
    journal_dir: PathBuf,
    /// Name of this replica, as the journal has it
    #[arg(long)]
    replica: String,
    /// MiB that the journal may hold; at the limit calls are refused, so keep it below the volume's size
    #[arg(long, default_value_t = 10 * 1024)]
    journal_limit_mebibytes: u64,
    /// Seconds that requests under way have when the gateway is told to end
    #[arg(long, default_value_t = 30)]
    drain_seconds: u64,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let flags = Flags::parse();
    let filter = EnvFilter::try_from_env("LYCHGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    let api = api(&flags);
    let settings = Settings {
        watch: api
            .clone()
            .zip(flags.watch_config_map)
            .map(|(api, config_map)| WatchSettings { config_map, api }),
        api_server: api_server(),
        approvals: api.map(ApprovalSettings::ApiServer),
        listen: flags.listen,
        admin_listen: flags.admin_listen,
        config_dir: flags.config_dir,
        mounts: Mounts {
            secrets: flags.secrets_dir,
            config_maps: flags.config_maps_dir,
            tokens: flags.tokens_dir,
        },
        keys_dir: flags.keys_dir,
        tls_dir: flags.tls_dir,
        journal_dir: flags.journal_dir,
        replica: flags.replica,
        journal_limit_bytes: flags.journal_limit_mebibytes.saturating_mul(1024 * 1024),
        drain: Duration::from_secs(flags.drain_seconds),
    };
    match run(settings).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the gateway does not start");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Where the API server is, as a pod has it in its environment.
fn api_server() -> Option<SocketAddr> {
    let variable = |name: &str| std::env::var(name).ok();
    let address = variable("KUBERNETES_SERVICE_HOST")?.parse().ok()?;
    Some(SocketAddr::new(address, variable("KUBERNETES_SERVICE_PORT")?.parse().ok()?))
}

/// The way to the API server, if there is one. Where the URL comes from the environment, an address of IPv6 gets its
/// brackets.
fn api(flags: &Flags) -> Option<ApiSettings> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let from_environment = || {
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"));
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("https://{host}:{port}")
    };
    Some(ApiSettings {
        kubernetes_dir: flags.kubernetes_dir.clone()?,
        kubernetes_url: flags.kubernetes_url.clone().unwrap_or_else(from_environment),
    })
}

async fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = start(settings).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("draining");
    running.stop().await;
    Ok(())
}
