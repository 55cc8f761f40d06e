//! The life of a node: its start and its end.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node as Object;
use kube::Api;
use lychgate_tests_cluster::{Caller, Cluster, Options};
use lychgate_tests_image::{Image, Layout as ImageLayout};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::components::{DNS_READY, Layout, PAUSE, ctr};
use crate::{ADDRESS, images, reach, sandbox};

/// How long a start may take on a machine with much else to do. Usually it takes ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE_BETWEEN: Duration = Duration::from_millis(100);
/// How much of a log is shown where a component did not start, in lines.
const TAIL_LINES: usize = 25;

/// Why a node did not start, with the ends of the logs.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<lychgate_tests_image::Error> for StartError {
    fn from(error: lychgate_tests_image::Error) -> Self {
        Self(error.to_string())
    }
}

impl StartError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A control plane with one node, on which pods run. It ends when this is dropped, and at the latest with the
/// process, as everything does that was started within [`crate::inside`].
pub struct Node {
    components: Vec<Component>,
    cluster: Cluster,
    directory: PathBuf,
}

impl Node {
    /// Starts a control plane and a node, and waits until pods can run on it.
    ///
    /// # Errors
    ///
    /// Where a component ends early, or is not ready in time.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let directory = sandbox::directory();
        let layout = Layout::write(&directory)?;
        let containerd = Component::start("containerd", layout.containerd(), &layout.logs())?;
        let cluster = Cluster::try_start(for_a_node(options))
            .await
            .map_err(|error| StartError::new(error.to_string()))?;
        let mut node = Self { components: vec![containerd], cluster, directory };
        node.wait_for("containerd to answer", async |_| {
            let output = ctr().arg("version").output().map_err(|error| error.to_string())?;
            if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
        })
        .await?;
        node.import(&Image::of(&built("lychgate-test-pause")?)?, PAUSE).await?;
        node.launch(&layout)?;
        node.wait_for("the node to be ready", Self::is_ready).await?;
        node.wait_for("names to be known", async |_| names_are_known().await).await?;
        Ok(node)
    }

    fn launch(&mut self, layout: &Layout) -> Result<(), StartError> {
        let kubeconfig = |user: &str, groups: &[&str]| self.cluster.kubeconfig(&Caller::user(user, groups));
        let commands = [
            ("kubelet", layout.kubelet(&kubeconfig("system:node:node", &["system:nodes"]))),
            ("kube-proxy", layout.kube_proxy(&kubeconfig("system:kube-proxy", &[]))?),
            ("coredns", layout.dns(&self.cluster.kubeconfig(&Caller::Admin))?),
            ("kube-scheduler", layout.scheduler(&kubeconfig("system:kube-scheduler", &[]))),
        ];
        for (name, command) in commands {
            self.components.push(Component::start(name, command, &layout.logs())?);
        }
        Ok(())
    }

    /// The control plane.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The control plane, to stop its API server and to start it again.
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// Lets the machine reach the API server, by the kubeconfig of an administrator whose path this gives. Only
    /// within [`crate::inside_and_reached`].
    ///
    /// # Errors
    ///
    /// Where there is no port, or a file cannot be written.
    pub fn reach(&self) -> io::Result<PathBuf> {
        let missing = || io::Error::other("there is no way from the machine; use inside_and_reached");
        let outer = std::env::var(reach::PORT).map_err(|_| missing())?;
        let url = self.cluster.url();
        let (host, port) = url.rsplit_once(':').ok_or_else(missing)?;
        reach::within(&self.directory, port.parse().map_err(io::Error::other)?)?;
        let path = self.directory.join("kubeconfig");
        self.cluster.kubeconfig_at(&path, &Caller::Admin)?;
        let text = fs::read_to_string(&path)?.replace(&url, &format!("{host}:{outer}"));
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Where everything of this node lies, such as the logs of its components in `logs`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Gives the node an image, under a name by which pods ask for it. They must not want it pulled.
    ///
    /// # Errors
    ///
    /// Where it cannot be made or imported.
    pub async fn import(&self, image: &Image, name: &str) -> Result<ImageLayout, StartError> {
        let folder = tempfile::tempdir_in(&self.directory)?;
        let layout = image.write(&folder.path().join("layout"), name)?;
        images::import(&layout, folder.path()).await?;
        Ok(layout)
    }

    async fn is_ready(&self) -> Result<(), String> {
        let nodes = Api::<Object>::all(self.cluster.admin());
        let node = nodes.get("node").await.map_err(|error| error.to_string())?;
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        match ready {
            Some(ready) if ready.status == "True" => Ok(()),
            Some(ready) => Err(ready.message.clone().unwrap_or_default()),
            None => Err("it says nothing".to_owned()),
        }
    }

    async fn wait_for(
        &mut self,
        what: &str,
        attempt: impl AsyncFn(&Self) -> Result<(), String>,
    ) -> Result<(), StartError> {
        let end = Instant::now() + PATIENCE;
        while let Err(reason) = attempt(self).await {
            let dead = self.components.iter_mut().find_map(Component::ended);
            if let Some(name) = dead {
                return Err(StartError::new(format!("{name} ended\n{}", self.tails())));
            }
            if Instant::now() > end {
                let tails = self.tails();
                return Err(StartError::new(format!(
                    "{PATIENCE:?} were too short for {what}: {reason}\n{tails}"
                )));
            }
            sleep(PAUSE_BETWEEN).await;
        }
        Ok(())
    }

    /// The ends of all logs.
    #[must_use]
    pub fn tails(&self) -> String {
        self.components.iter().map(Component::tail).collect()
    }
}

/// Asks CoreDNS, by the least that it takes for an answer in HTTP.
async fn names_are_known() -> Result<(), String> {
    let ask = async {
        let mut stream = TcpStream::connect(DNS_READY).await?;
        stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = ask.await.map_err(|error| error.to_string())?;
    if answer.split(' ').nth(1) == Some("200") { Ok(()) } else { Err(answer) }
}

/// The API server is where pods can reach it, and knows what a kubelet may do.
fn for_a_node(mut options: Options) -> Options {
    options.apiserver_arguments.splice(
        0..0,
        [
            "--bind-address=0.0.0.0".to_owned(),
            format!("--advertise-address={ADDRESS}"),
            "--endpoint-reconciler-type=master-count".to_owned(),
            "--authorization-mode=Node".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
        ],
    );
    options
}

/// A binary that cargo has built beside this program, such as one that goes into an image.
///
/// # Errors
///
/// Where it is missing, with how it is built.
pub fn built(name: &str) -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let found = here.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| io::Error::other(format!("{name} is missing; cargo build --workspace makes it")))
}

/// A process of the node.
struct Component {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Component {
    fn start(name: &'static str, mut command: Command, logs: &Path) -> io::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        Ok(Self { name, child, log })
    }

    /// Its name, if it has ended, which none does by itself.
    fn ended(&mut self) -> Option<&'static str> {
        self.child.try_wait().ok().flatten().map(|_status| self.name)
    }

    fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        format!("--- {}, the last lines of its log\n{}\n", self.name, tail.join("\n"))
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}
