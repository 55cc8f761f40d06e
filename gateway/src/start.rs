//! A gateway's start and end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lychgate_gateway_record::SigningKey;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use crate::approval::held::HeldCalls;
use crate::approval::{ApprovalSettings, Approvals};
use crate::configuration::Configurations;
use crate::connection::Shared;
use crate::listener::{self, Service};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::open::OpenStreams;
use crate::outbound::install_crypto_provider;
use crate::recorder::{JournalError, Recorder, RecorderThread};
use crate::rejection::Rejections;
use crate::secret::Mounts;
use crate::session::Sealer;
use crate::session::keys::{self, KeyError, SessionKeys};
use crate::state::Gateway;
use crate::streams::EventStreams;
use crate::tls::{Certificate, CertificateError};
use crate::tools::ToolLists;
use crate::values::Values;
use crate::watch::{self, WatchError, WatchSettings};

pub use crate::session::keys::SESSION_KEY_FILE;
/// The file in the folder of keys that holds the seed of the key that signs the record: 32 bytes.
pub const SIGNING_KEY_FILE: &str = "signing";

/// Where a gateway listens, and what it reads and writes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where MCP is served.
    pub listen: SocketAddr,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// The folder with a document for each connection.
    pub config_dir: PathBuf,
    /// The folders of Secrets, ConfigMaps and tokens.
    pub mounts: Mounts,
    /// What is watched at the API server; nothing without.
    pub watch: Option<WatchSettings>,
    /// Where the cluster's API server is, which no upstream may be.
    pub api_server: Option<SocketAddr>,
    /// Where people are asked to approve calls; without, calls that need it are refused.
    pub approvals: Option<ApprovalSettings>,
    /// The folder with the gateway's own keys.
    pub keys_dir: PathBuf,
    /// The folder with `tls.crt` and `tls.key`; plain HTTP is served without one.
    pub tls_dir: Option<PathBuf>,
    /// The folder under which the journal is written.
    pub journal_dir: PathBuf,
    /// The name of this replica, a file name.
    pub replica: String,
    /// How much the journal may hold, in bytes; at the limit calls are refused.
    pub journal_limit_bytes: u64,
    /// How long requests under way may take when the gateway is told to end.
    pub drain: Duration,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(std::io::Error),
    /// A key is missing or has a wrong length.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The journal cannot be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The replica's name is no file name.
    #[error("replica {0:?} must be letters, digits, '-', '_' and '.', and not begin with '.'")]
    Replica(String),
    /// What shall be watched cannot be.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// There is nothing to make keys and names of.
    #[error("the system has no randomness to give")]
    Randomness,
}

/// A gateway that serves.
pub struct Running {
    /// Where MCP is served.
    pub address: SocketAddr,
    /// Where health and metrics are served.
    pub admin_address: SocketAddr,
    gateway: Arc<Gateway>,
    drain: signal::Sender<bool>,
    services: Vec<JoinHandle<()>>,
    watchers: Vec<JoinHandle<()>>,
    recorder: RecorderThread,
}

/// Starts a gateway. It serves from the moment that this returns.
///
/// # Errors
/// What it needs cannot be had; see [`StartError`]. A policy that cannot be read is no reason not to start:
/// calls are refused until it can.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    install_crypto_provider();
    // Whoever first asks for randomness waits for some thirty milliseconds until it is gathered: not the first caller.
    let randomness = tokio::task::spawn_blocking(|| aws_lc_rs::rand::fill(&mut [0; 16]));
    check_replica(&settings.replica)?;
    settings.watch.as_ref().map_or(Ok(()), WatchSettings::check)?;
    if let Some(ApprovalSettings::ApiServer(api)) = &settings.approvals {
        api.check().map_err(WatchError::from)?;
    }
    let unusable = |file: &str| KeyError {
        path: settings.keys_dir.join(file),
        reason: "the key cannot be used".to_owned(),
    };
    let session_keys = SessionKeys::read(&settings.keys_dir)?;
    let sealer = Sealer::new(&session_keys).ok_or_else(|| unusable(SESSION_KEY_FILE))?;
    let signing_key = keys::read(&settings.keys_dir, SIGNING_KEY_FILE)?;
    let signing_key = SigningKey::from_seed(&signing_key).map_err(|_| unusable(SIGNING_KEY_FILE))?;
    let certificate = settings.tls_dir.clone().map(Certificate::load).transpose()?.map(Arc::new);
    let (calls, address) = listener::bind(settings.listen).await.map_err(StartError::Listen)?;
    let (admin, admin_address) = listener::bind(settings.admin_listen).await.map_err(StartError::Listen)?;
    let (recorder, recorder_thread) =
        Recorder::start(&settings.journal_dir, &settings.replica, signing_key, settings.journal_limit_bytes)?;
    let has_randomness = randomness.await.is_ok_and(|gathered| gathered.is_ok());
    has_randomness.then_some(()).ok_or(StartError::Randomness)?;
    let (drain, draining) = signal::channel(false);
    let values = Arc::new(Values::new(settings.mounts, Arc::new(Live::default())));
    let approvals =
        settings.approvals.map(|approvals| Arc::new(Approvals::new(approvals, settings.replica.clone())));
    let gateway = Arc::new(Gateway {
        configurations: Configurations::new(
            settings.config_dir,
            Arc::clone(&values),
            Shared::new(settings.api_server),
        ),
        values,
        watches: Arc::default(),
        approvals: approvals.clone(),
        notifier: Notifier::new(draining.clone()),
        held: HeldCalls::default(),
        open: OpenStreams::default(),
        streams: EventStreams::default(),
        tools: ToolLists::default(),
        sealer,
        recorder,
        rejections: Rejections::default(),
        metrics: Metrics::default(),
        draining: draining.clone(),
    });
    let serve = |socket, service, certificate| {
        let (gateway, draining) = (Arc::clone(&gateway), draining.clone());
        tokio::spawn(listener::serve(socket, service, gateway, certificate, draining, settings.drain))
    };
    let services =
        vec![serve(calls, Service::Calls, certificate.clone()), serve(admin, Service::Admin, None)];
    let watched = Arc::clone(&gateway);
    let mut watchers = vec![tokio::spawn(async move { watched.configurations.watch().await })];
    if let Some(watch) = settings.watch {
        watchers.push(tokio::spawn(watch::run(watch, Arc::clone(&gateway))));
    }
    if let Some(approvals) = approvals {
        watchers.push(tokio::spawn(approvals.follow(Arc::clone(&gateway))));
    }
    if let Some(certificate) = certificate {
        watchers.push(tokio::spawn(async move { certificate.watch().await }));
    }
    tracing::info!(%address, %admin_address, "gateway serves");
    Ok(Running { address, admin_address, gateway, drain, services, watchers, recorder: recorder_thread })
}

impl Running {
    /// What the gateway's requests share.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Stops accepting, lets requests under way end, and closes the journal with a signed head.
    pub async fn stop(self) {
        // Nobody listening any more is what is wanted.
        let _nobody_listens = self.drain.send(true);
        for service in self.services {
            if service.await.is_err() {
                tracing::error!("a service has panicked");
            }
        }
        self.gateway.notifier.settle(MESSAGES_TIMEOUT).await;
        for watcher in self.watchers {
            watcher.abort();
            // An aborted task has nothing more to say.
            let _aborted = watcher.await;
        }
        drop(self.gateway);
        let joined = tokio::task::spawn_blocking(move || self.recorder.join());
        if tokio::time::timeout(JOURNAL_CLOSE_TIMEOUT, joined).await.is_err() {
            tracing::warn!("the journal was not closed in time");
        }
    }
}

/// How long messages that are on their way may take.
const MESSAGES_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the journal may take to be closed: cut-off requests may still hold it.
const JOURNAL_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

fn check_replica(replica: &str) -> Result<(), StartError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if replica.is_empty() || replica.starts_with('.') || !replica.bytes().all(legal) {
        return Err(StartError::Replica(replica.to_owned()));
    }
    Ok(())
}
