//! The life of a control plane: its start, its end, and the API server being away in between.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use crate::audit::AuditLevel;
use crate::caller::Caller;
use crate::certificates::Authority;
use crate::components::Layout;
use crate::ports;
use crate::process::{Component, Guardian};

/// How often a start is tried where another process took a port in the same moment.
const TRIES: usize = 3;

/// What a control plane may be asked to do otherwise.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How much of each request the API server records.
    pub audit: AuditLevel,
    /// Manifests, such as custom resource definitions, that are applied before the controllers start. The garbage
    /// collector notices kinds that come later only at its next look, up to 30 s afterwards.
    pub before_controllers: String,
    /// Further arguments of kube-apiserver.
    pub apiserver_arguments: Vec<String>,
    /// Further arguments of kube-controller-manager.
    pub controller_manager_arguments: Vec<String>,
}

/// Why a control plane did not start, with the ends of the logs.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rcgen::Error> for StartError {
    fn from(error: rcgen::Error) -> Self {
        Self(format!("a certificate cannot be made: {error}"))
    }
}

impl StartError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A running control plane. It ends, and its directory with it, when this is dropped or the process ends.
pub struct Cluster {
    guardian: Guardian,
    etcd: Component,
    apiserver: Option<Component>,
    controller_manager: Option<Component>,
    apiserver_port: u16,
    controller_manager_port: u16,
    directory: PathBuf,
    layout: Layout,
    authority: Authority,
    options: Options,
}

static SHARED: OnceCell<Result<Cluster, StartError>> = OnceCell::const_new();

impl Cluster {
    /// The control plane that all tests of this process share, started by whichever comes first.
    ///
    /// # Panics
    ///
    /// Where it did not start, now or for an earlier test.
    pub async fn shared() -> &'static Self {
        Self::shared_with(Options::default).await
    }

    /// As [`Cluster::shared`]; the options are those of whichever test comes first, so let all pass the same.
    ///
    /// # Panics
    ///
    /// Where it did not start, now or for an earlier test.
    pub async fn shared_with(options: impl FnOnce() -> Options) -> &'static Self {
        let started = SHARED.get_or_init(|| Self::try_start(options())).await;
        started.as_ref().unwrap_or_else(|error| panic!("the control plane did not start: {error}"))
    }

    /// A control plane of one's own, as a test needs that stops the API server or counts what the whole cluster
    /// holds. It takes half a gigabyte of memory.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub async fn start(options: Options) -> Self {
        Self::try_start(options)
            .await
            .unwrap_or_else(|error| panic!("the control plane did not start: {error}"))
    }

    /// As [`Cluster::start`], for those who do not panic.
    ///
    /// # Errors
    ///
    /// Where a component ends early or is not ready in time.
    pub async fn try_start(options: Options) -> Result<Self, StartError> {
        for _ in 1..TRIES {
            let mut cluster = Self::launch(options.clone())?;
            match cluster.become_ready().await {
                Err(_) if cluster.lost_a_port() => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(cluster),
            }
        }
        let mut cluster = Self::launch(options)?;
        cluster.become_ready().await?;
        Ok(cluster)
    }

    /// Starts all processes at once. Each of them waits for the one it needs.
    fn launch(options: Options) -> Result<Self, StartError> {
        let [apiserver_port, controller_manager_port] = ports::free()?;
        let directory = tempfile::Builder::new().prefix("lychgate-cluster-").tempdir()?;
        let guardian = Guardian::of(directory.path())?;
        // From here on the guardian removes it.
        let directory = directory.keep();
        let authority = Authority::new()?;
        let layout = Layout::write(&directory, &authority, &options)?;
        let logs = layout.logs();
        let etcd = Component::start("etcd", layout.etcd(), &guardian, &logs)?;
        let mut cluster = Self {
            guardian,
            etcd,
            apiserver: None,
            controller_manager: None,
            apiserver_port,
            controller_manager_port,
            directory,
            layout,
            authority,
            options,
        };
        cluster.launch_apiserver()?;
        if cluster.options.before_controllers.is_empty() {
            cluster.launch_controller_manager()?;
        }
        Ok(cluster)
    }

    fn launch_apiserver(&mut self) -> Result<(), StartError> {
        let command = self.layout.apiserver(self.apiserver_port, &self.options);
        let component = Component::start("kube-apiserver", command, &self.guardian, &self.layout.logs())?;
        self.apiserver = Some(component);
        Ok(())
    }

    pub(crate) fn launch_controller_manager(&mut self) -> Result<(), StartError> {
        let kubeconfig = self.write_kubeconfig(&Caller::user("system:kube-controller-manager", &[]))?;
        let command =
            self.layout.controller_manager(self.controller_manager_port, &kubeconfig, &self.options);
        let component =
            Component::start("kube-controller-manager", command, &self.guardian, &self.layout.logs())?;
        self.controller_manager = Some(component);
        Ok(())
    }

    /// Kills the API server; what it stored stays. The shared control plane cannot be borrowed so, and is never
    /// without one.
    pub fn stop_apiserver(&mut self) {
        if let Some(mut apiserver) = self.apiserver.take() {
            apiserver.kill();
        }
    }

    /// Starts the API server again, at the same address with the same keys.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    pub async fn start_apiserver(&mut self) {
        self.stop_apiserver();
        self.launch_apiserver().expect("the API server has to start again");
        if let Err(error) = self.apiserver_becomes_ready().await {
            panic!("the API server did not start again: {error}");
        }
    }

    /// Where the API server is, such as `https://127.0.0.1:21000`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.apiserver_port)
    }

    /// The authority by which the API server's certificate is checked, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.authority.pem()
    }

    /// Where everything of this control plane lies, its `logs` too, as long as it runs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn controller_manager_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.controller_manager_port)
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Whether the API server is running, as a process.
    pub(crate) fn has_apiserver(&self) -> bool {
        self.apiserver.is_some()
    }

    /// The name of a component that ended by itself and cannot do without, if there is one.
    pub(crate) fn dead(&mut self) -> Option<&'static str> {
        if self.etcd.ended().is_some() {
            return Some("etcd");
        }
        self.apiserver
            .as_mut()
            .is_some_and(|apiserver| apiserver.ended().is_some())
            .then_some("kube-apiserver")
    }

    /// kube-controller-manager gives up where the API server takes longer than ten seconds. Kubernetes would start
    /// it again, and so does this.
    pub(crate) fn revive_controller_manager(&mut self) -> Result<(), StartError> {
        let ended = self.controller_manager.as_mut().is_some_and(|manager| manager.ended().is_some());
        if ended && self.lost_a_port() {
            return Err(StartError::new(format!("a port was taken\n{}", self.tails())));
        }
        if ended { self.launch_controller_manager() } else { Ok(()) }
    }

    /// The ends of all logs.
    pub(crate) fn tails(&self) -> String {
        let components = [Some(&self.etcd), self.apiserver.as_ref(), self.controller_manager.as_ref()];
        components.into_iter().flatten().map(Component::tail).collect()
    }

    /// Whether somebody else listens where a component of ours wanted to.
    fn lost_a_port(&self) -> bool {
        let components = [self.apiserver.as_ref(), self.controller_manager.as_ref()];
        components.into_iter().flatten().any(|component| component.says("address already in use"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.guardian.end();
        for component in [self.apiserver.as_mut(), self.controller_manager.as_mut()].into_iter().flatten() {
            component.reap();
        }
        self.etcd.reap();
    }
}
