//! The command lines of etcd, kube-apiserver and kube-controller-manager, and the files they read.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::audit;
use crate::binaries::binary;
use crate::certificates::{Authority, token_key, write_private};
use crate::cluster::{Options, StartError};

/// What a service account's token names as its issuer.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What the certificate of the API server is good for. The last address is that of the Service `kubernetes`.
const SERVER_NAMES: [&str; 7] = [
    "127.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "10.0.0.1",
];

/// The directory of a control plane.
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Writes every file that the components read, but for kubeconfigs.
    pub(crate) fn write(root: &Path, authority: &Authority, options: &Options) -> Result<Self, StartError> {
        let layout = Self { root: root.to_owned() };
        for directory in [layout.logs(), layout.path("etcd"), layout.path("home"), layout.path("kubeconfigs")]
        {
            std::fs::create_dir(directory)?;
        }
        let server = authority.server(&SERVER_NAMES)?;
        let tokens = token_key()?;
        let files = [
            ("authority.crt", authority.pem()),
            ("server.crt", server.certificate),
            ("server.key", server.key),
            ("tokens.key", tokens.serialize_pem()),
            ("tokens.pub", tokens.public_key_pem()),
            ("audit-policy.yaml", audit::policy(options.audit)),
        ];
        for (name, text) in files {
            write_private(&layout.path(name), &text)?;
        }
        Ok(layout)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// A home for kubectl and helm, so that they leave that of the user alone.
    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn kubeconfigs(&self) -> PathBuf {
        self.path("kubeconfigs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.path(name).display())
    }

    /// etcd, which is in a hurry and listens on Unix sockets. It wants their names to look like a host and a port,
    /// and here they are relative, so that a long path to the directory does no harm.
    pub(crate) fn etcd(&self) -> Command {
        let mut command = component("etcd");
        command.current_dir(self.path("etcd")).args([
            "--name=test",
            "--data-dir=data",
            "--listen-client-urls=unix://client:1",
            "--advertise-client-urls=unix://client:1",
            "--listen-peer-urls=unix://peer:1",
            "--initial-advertise-peer-urls=unix://peer:1",
            "--initial-cluster=test=unix://peer:1",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]);
        command
    }

    pub(crate) fn apiserver(&self, port: u16, options: &Options) -> Command {
        let mut command = component("kube-apiserver");
        command.current_dir(&self.root).args([
            "--etcd-servers=unix://etcd/client:1".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            // Without an address it looks for a default route, and without a reconciler it does not mind that an
            // Endpoints object may hold no loopback address.
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={port}"),
            self.flag("tls-cert-file", "server.crt"),
            self.flag("tls-private-key-file", "server.key"),
            self.flag("client-ca-file", "authority.crt"),
            format!("--service-account-issuer={ISSUER}"),
            self.flag("service-account-signing-key-file", "tokens.key"),
            self.flag("service-account-key-file", "tokens.pub"),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--profiling=false".to_owned(),
            self.flag("audit-policy-file", "audit-policy.yaml"),
            format!("--audit-log-path={}", self.audit_log().display()),
            "--audit-log-mode=blocking".to_owned(),
            // In megabytes: a reader must not lose events to a rotation.
            "--audit-log-maxsize=100000".to_owned(),
        ]);
        command.args(&options.apiserver_arguments);
        command
    }

    pub(crate) fn controller_manager(&self, port: u16, kubeconfig: &Path, options: &Options) -> Command {
        let mut command = component("kube-controller-manager");
        command.current_dir(&self.root).args([
            format!("--kubeconfig={}", kubeconfig.display()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            self.flag("tls-cert-file", "server.crt"),
            self.flag("tls-private-key-file", "server.key"),
            "--leader-elect=false".to_owned(),
            "--use-service-account-credentials=true".to_owned(),
            self.flag("service-account-private-key-file", "tokens.key"),
            self.flag("root-ca-file", "authority.crt"),
            // The default of 20 requests a second delays what tests wait for.
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            // By default it makes a directory below /usr/libexec.
            self.flag("flex-volume-plugin-dir", "flex-volumes"),
            "--profiling=false".to_owned(),
        ]);
        command.args(&options.controller_manager_arguments);
        command
    }
}

/// A component sees nothing of the environment, above all no proxy.
fn component(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command
}
