//! The binary `lychgate-operator`: flags in, a running operator out, until SIGTERM.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use lychgate_operator::admission;
use lychgate_operator::settings::{Settings, secret_watch};
use lychgate_operator::start;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Makes gateways of Lychgate's objects, and keeps them true.
#[derive(Parser)]
#[command(
    name = "lychgate-operator",
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
struct Flags {
    #[command(subcommand)]
    command: Option<Command>,
    /// Image of gateways, best with its digest
    #[arg(long, required = true)]
    gateway_image: Option<String>,
    /// The operator's own namespace; its policies may bind others
    #[arg(long, required = true)]
    namespace: Option<String>,
    /// Name of this replica in the race for the lead
    #[arg(long, required = true)]
    identity: Option<String>,
    /// Namespace to watch, again for each; without it all are watched
    #[arg(long = "watch-namespace", value_name = "NAMESPACE")]
    watch_namespaces: Vec<String>,
    /// Namespace in which gateways may watch their Secrets (secretAccess: Watch), again for each; * for all that are
    /// watched; without it none may
    #[arg(long = "secret-watch-namespace", value_name = "NAMESPACE")]
    secret_watch_namespaces: Vec<String>,
    /// Address that /healthz, /readyz and /metrics are served on
    #[arg(long, default_value = "0.0.0.0:9090")]
    admin_listen: SocketAddr,
    /// Secret with which images of gateways are pulled, again for each
    #[arg(long = "image-pull-secret", value_name = "SECRET")]
    image_pull_secrets: Vec<String>,
    /// When images of gateways are pulled: Always, IfNotPresent or Never
    #[arg(long, value_name = "POLICY")]
    image_pull_policy: Option<String>,
    /// Port under which pods reach the API server, again for each; 443 and 6443 if none is given
    #[arg(long = "api-server-port", value_name = "PORT")]
    api_server_ports: Vec<u16>,
    /// Audience of the API server, again for each, beside those of the operator's own token
    #[arg(long = "api-audience", value_name = "AUDIENCE")]
    api_audiences: Vec<String>,
    /// Seconds that the lead is held without being renewed
    #[arg(long, default_value_t = 15)]
    lease_seconds: u64,
    /// Port on which gateways are asked for their configuration
    #[arg(long, default_value_t = 9090, hide = true)]
    gateway_admin_port: u16,
}

#[derive(Subcommand)]
enum Command {
    /// Wait until every admission policy of the installation refuses what it should, and say so
    CheckAdmission {
        /// Seconds to wait
        #[arg(long, default_value_t = 60)]
        timeout_seconds: u64,
        /// Name of a policy that must be in force, again for each; without it all with the label lychgate.dev/guard
        #[arg(long = "policy", value_name = "NAME")]
        policies: Vec<String>,
        /// Name of the policy that turns the decision of a patch into a vote, if there must be one
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let filter = EnvFilter::try_from_env("LYCHGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_current_span(false)
        .with_span_list(false)
        .init();
    // There is one provider in the process; where another part has installed it, it is the same one.
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = match &flags.command {
        Some(Command::CheckAdmission { timeout_seconds, policies, mailbox }) => {
            let timeout = Duration::from_secs(*timeout_seconds);
            admission::check(timeout, policies, mailbox.as_deref()).await.map_err(|error| error.to_string())
        }
        None => run(flags).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "ends");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    start::run(settings(flags), stop).await.map_err(|error| error.to_string())
}

fn settings(flags: Flags) -> Settings {
    Settings {
        // The parser has seen to it that these three are there.
        namespace: flags.namespace.unwrap_or_default(),
        identity: flags.identity.unwrap_or_default(),
        gateway_image: flags.gateway_image.unwrap_or_default(),
        watch_namespaces: flags.watch_namespaces,
        secret_watch: secret_watch(flags.secret_watch_namespaces),
        admin_listen: flags.admin_listen,
        image_pull_secrets: flags.image_pull_secrets,
        image_pull_policy: flags.image_pull_policy,
        api_server_ports: flags.api_server_ports,
        gateway_admin_port: flags.gateway_admin_port,
        api_audiences: flags.api_audiences,
        lease: Duration::from_secs(flags.lease_seconds),
    }
}
