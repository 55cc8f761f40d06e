//! The command lines of containerd, kubelet, kube-proxy, kube-scheduler and CoreDNS, and the files they read.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use lychgate_tests_cluster::binary;

use crate::ADDRESS;
use crate::lychgate::workspace;

/// Where pods get their addresses from.
const PODS: &str = "10.181.0.0/24";
/// The image of the first process of each pod.
pub(crate) const PAUSE: &str = "lychgate.test/pause:1";
/// Where CoreDNS says whether it is ready.
pub(crate) const DNS_READY: (&str, u16) = ("127.0.0.1", 8181);
const SOCKET: &str = "/run/containerd/containerd.sock";

/// The directory of a node.
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Writes every file that the components read, but for kubeconfigs.
    pub(crate) fn write(root: &Path) -> io::Result<Self> {
        let layout = Self { root: root.to_owned() };
        for directory in ["logs", "pods", "network"] {
            fs::create_dir_all(layout.path(directory))?;
        }
        fs::write(layout.path("containerd.toml"), layout.containerd_configuration())?;
        fs::write(layout.path("network/pods.conflist"), layout.network_configuration())?;
        fs::write(layout.path("kubelet.yaml"), layout.kubelet_configuration())?;
        // No name is looked up outside; those of the cluster are CoreDNS's.
        fs::write(layout.path("resolv.conf"), "")?;
        Ok(layout)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn show(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn containerd(&self) -> Command {
        let mut command = installed("containerd");
        command.arg("--config").arg(self.path("containerd.toml"));
        command
    }

    /// `restrict_oom_score_adj` is for machines where root lacks CAP_SYS_RESOURCE and may not lower the score of
    /// a process; runc would die of it.
    fn containerd_configuration(&self) -> String {
        format!(
            r#"version = 2
root = "{root}"
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
path = "{opt}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true
enable_selinux = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{network}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"#,
            root = self.show("containerd"),
            opt = self.show("opt"),
            plugins = tools().join("cni").display(),
            network = self.show("network"),
            runc = tools().join("bin/runc").display(),
        )
    }

    /// Each pod has a link of its own to the node, and what goes to another pod or a Service is routed there, so that
    /// the rules of kube-proxy see all of it.
    fn network_configuration(&self) -> String {
        let addresses = self.show("addresses");
        format!(
            r#"{{"cniVersion": "0.4.0", "name": "pods", "plugins": [{{"type": "ptp", "mtu": 1500, "ipam": {{
  "type": "host-local", "dataDir": "{addresses}",
  "ranges": [[{{"subnet": "{PODS}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}]}}}}]}}
"#
        )
    }

    pub(crate) fn kubelet(&self, kubeconfig: &Path) -> Command {
        let mut command = kubernetes("kubelet");
        command.args([
            format!("--config={}", self.show("kubelet.yaml")),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--root-dir={}", self.show("kubelet")),
            format!("--cert-dir={}", self.show("kubelet-certificates")),
            "--hostname-override=node".to_owned(),
            format!("--node-ip={ADDRESS}"),
        ]);
        command
    }

    /// How often volumes are brought up to date, and how long what was read is good for, are left as everybody has
    /// them. Nobody is asked who they are: nothing but this node can reach the kubelet. Nothing is evicted for what
    /// else happens on this machine.
    fn kubelet_configuration(&self) -> String {
        format!(
            r#"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {ADDRESS}
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
containerRuntimeEndpoint: unix://{SOCKET}
clusterDNS: [{ADDRESS}]
clusterDomain: cluster.local
cgroupDriver: cgroupfs
cgroupRoot: /
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard:
  {{memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
podLogsDir: {logs}
resolvConf: {resolv}
volumePluginDir: {plugins}
"#,
            logs = self.show("pods"),
            resolv = self.show("resolv.conf"),
            plugins = self.show("volume-plugins"),
        )
    }

    /// It leaves the table of connections as large as it is, since that is the whole machine's.
    pub(crate) fn kube_proxy(&self, kubeconfig: &Path) -> io::Result<Command> {
        let configuration = format!(
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {{kubeconfig: '{}'}}
mode: nftables
clusterCIDR: {PODS}
hostnameOverride: node
conntrack: {{maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
",
            kubeconfig.display()
        );
        fs::write(self.path("kube-proxy.yaml"), configuration)?;
        let mut command = kubernetes("kube-proxy");
        command.arg(format!("--config={}", self.show("kube-proxy.yaml")));
        Ok(command)
    }

    /// It answers at the node's address, and tells at [`DNS_READY`] when it has seen the cluster.
    pub(crate) fn dns(&self, kubeconfig: &Path) -> io::Result<Command> {
        let configuration = format!(
            "cluster.local {{
  bind {ADDRESS}
  errors
  ready {}:{}
  kubernetes {{
    kubeconfig {}
  }}
}}
",
            DNS_READY.0,
            DNS_READY.1,
            kubeconfig.display()
        );
        fs::write(self.path("Corefile"), configuration)?;
        let mut command = installed("coredns");
        command.arg("-conf").arg(self.path("Corefile"));
        Ok(command)
    }

    pub(crate) fn scheduler(&self, kubeconfig: &Path) -> Command {
        let mut command = kubernetes("kube-scheduler");
        command.args([
            format!("--kubeconfig={}", kubeconfig.display()),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
        ]);
        command
    }
}

/// containerd's own client.
pub(crate) fn ctr() -> Command {
    let mut command = installed("ctr");
    command.args(["--address", SOCKET, "--namespace", "k8s.io"]);
    command
}

/// What `tests/node/install` has unpacked.
fn tools() -> PathBuf {
    let path = workspace().join("target/node");
    assert!(path.exists(), "{} is missing; run tests/node/install", path.display());
    path
}

fn installed(name: &str) -> Command {
    with_tools(tools().join("bin").join(name))
}

fn kubernetes(name: &str) -> Command {
    with_tools(binary(name))
}

/// A component sees nothing of the environment but where its tools are.
fn with_tools(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    let mut path = OsString::from(tools().join("bin"));
    path.push(":/usr/sbin:/usr/bin:/sbin:/bin");
    command.env_clear().env("PATH", path).env("LD_LIBRARY_PATH", tools().join("lib"));
    command
}
