//! The kubelet's part: a gateway's process as its pod asks for it, and the pod's status as that makes it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lychgate_tests_cluster::Cluster;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::process::{Process, binary};
use super::{cluster, eventually, own_address};

/// A gateway that runs as its pod says.
pub struct Pod {
    pub address: String,
    pub process: Process,
    container: Container,
}

/// What it takes to start the process again.
struct Container {
    name: String,
    pod: Value,
    arguments: Vec<OsString>,
    /// Where every container finds the API server.
    api_server: String,
    /// What it finds in its environment besides.
    variables: Vec<(String, OsString)>,
    folder: TempDir,
}

/// What is asked of the API server, and where.
struct Kubelet<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
}

/// Starts the first pod of a Deployment that waits for a node, and tells the API server that it runs. Who asks again
/// gets the next one.
pub async fn run(namespace: &str, deployment: &str) -> Pod {
    run_on(cluster().await, namespace, deployment).await
}

/// The same on another control plane.
pub async fn run_on(cluster: &Cluster, namespace: &str, deployment: &str) -> Pod {
    run_with(cluster, namespace, deployment, Vec::new()).await
}

/// The same with more in its environment.
pub async fn run_with(
    cluster: &Cluster,
    namespace: &str,
    deployment: &str,
    variables: Vec<(String, OsString)>,
) -> Pod {
    let kubelet = Kubelet { cluster, namespace };
    let pod = eventually("a pod of the gateway", async || {
        let selector = format!("app.kubernetes.io/instance={deployment}");
        let list = cluster.kubectl(&["get", "pods", "-n", namespace, "-l", &selector, "-o", "json"]);
        let list: Value = serde_json::from_str(&list.succeed().await).unwrap();
        list["items"].as_array().unwrap().iter().find(|pod| pod["status"]["phase"] == "Pending").cloned()
    })
    .await;
    let name = pod["metadata"]["name"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = own_address().to_string();
    let container = &pod["spec"]["containers"][0];
    let mut directories = Vec::new();
    for mount in container["volumeMounts"].as_array().unwrap() {
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
        let directory = folder.path().join(mount["name"].as_str().unwrap());
        fs::create_dir_all(&directory).unwrap();
        kubelet.fill(&pod, volume, &directory).await;
        directories.push((mount["mountPath"].as_str().unwrap().to_owned(), directory));
    }
    let argument = |argument: &Value| {
        let argument = argument.as_str().unwrap().replace("$(POD_NAME)", name).replace("0.0.0.0", &address);
        let directory = directories.iter().find(|(path, _)| *path == argument);
        directory.map_or_else(|| argument.into(), |(_, directory)| directory.clone().into_os_string())
    };
    let arguments = container["args"].as_array().unwrap().iter().map(argument).collect();
    let api_server = cluster.url();
    let container =
        Container { name: name.to_owned(), pod: pod.clone(), arguments, api_server, variables, folder };
    let process = container.start();
    let status = json!({"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }});
    let arguments = [
        "patch",
        "pod",
        name,
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        &status.to_string(),
    ];
    cluster.kubectl(&arguments).succeed().await;
    Pod { address, process, container }
}

impl Pod {
    /// A mounted file: the name of its volume, and its path in there.
    pub fn file(&self, path: &str) -> PathBuf {
        self.container.folder.path().join(path)
    }

    /// Brings the files of Secrets and ConfigMaps up to date, as a kubelet does now and then.
    pub async fn sync(&self, cluster: &Cluster) {
        let Container { pod, folder, .. } = &self.container;
        let kubelet = Kubelet { cluster, namespace: pod["metadata"]["namespace"].as_str().unwrap() };
        for volume in pod["spec"]["volumes"].as_array().unwrap() {
            if volume["emptyDir"].is_null() {
                let new = tempfile::tempdir().unwrap();
                kubelet.fill(pod, volume, new.path()).await;
                mirror(new.path(), &folder.path().join(volume["name"].as_str().unwrap()));
            }
        }
    }

    /// Kills the process and starts it again, on the files that are there. The API server is at `api_server` then.
    pub async fn restart(self, api_server: &str) -> Self {
        let Self { address, process, mut container } = self;
        process.kill().await;
        api_server.clone_into(&mut container.api_server);
        Self { address, process: container.start(), container }
    }
}

impl Pod {
    /// Ends the process as a kubelet does, and starts it again on the files that are there; gives the exit code, too.
    pub async fn end_and_start(self) -> (Self, Option<i32>) {
        let Self { address, process, container } = self;
        let (code, _) = process.terminate().await;
        (Self { address, process: container.start(), container }, code)
    }
}

impl Container {
    fn start(&self) -> Process {
        let address = self.api_server.strip_prefix("https://").unwrap();
        let (host, port) = address.rsplit_once(':').unwrap();
        let mut command = Command::new(binary("lychgate-gateway"));
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port);
        Process::start(&self.name, command)
    }
}

impl Kubelet<'_> {
    /// Writes a volume's files.
    async fn fill(&self, pod: &Value, volume: &Value, directory: &Path) {
        if let Some(name) = volume["configMap"]["name"].as_str() {
            self.write("configmap", name, &volume["configMap"], directory).await;
        }
        if let Some(name) = volume["secret"]["secretName"].as_str() {
            self.write("secret", name, &volume["secret"], directory).await;
        }
        for source in volume["projected"]["sources"].as_array().into_iter().flatten() {
            for (kind, member) in [("configmap", "configMap"), ("secret", "secret")] {
                if let Some(name) = source[member]["name"].as_str() {
                    self.write(kind, name, &source[member], directory).await;
                }
            }
            if let Some(path) = source["serviceAccountToken"]["path"].as_str() {
                let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
                let audience = source["serviceAccountToken"]["audience"].as_str();
                let seconds = source["serviceAccountToken"]["expirationSeconds"].as_i64().unwrap();
                let audiences: Vec<&str> = audience.into_iter().collect();
                let token = self.cluster.token(self.namespace, account, &audiences, seconds).await;
                put(directory, path, token.as_bytes());
            }
            for item in source["downwardAPI"]["items"].as_array().into_iter().flatten() {
                assert_eq!(
                    item["fieldRef"]["fieldPath"], "metadata.namespace",
                    "what a gateway is told of its pod"
                );
                put(directory, item["path"].as_str().unwrap(), self.namespace.as_bytes());
            }
        }
    }

    /// Writes the keys of an object, under the paths that `items` gives, or under their own names.
    async fn write(&self, kind: &str, name: &str, source: &Value, directory: &Path) {
        let arguments = ["get", kind, name, "-n", self.namespace, "-o", "json", "--ignore-not-found"];
        let text = self.cluster.kubectl(&arguments).succeed().await;
        if text.trim().is_empty() {
            assert_eq!(source["optional"], true, "there is no {kind} {name}");
            return;
        }
        let object: Value = serde_json::from_str(&text).unwrap();
        let items = source["items"].as_array();
        for (key, value) in object["data"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            let bytes =
                if kind == "secret" { STANDARD.decode(value).unwrap() } else { value.as_bytes().to_vec() };
            let item = items.map(|items| items.iter().find(|item| item["key"] == *key));
            let path = match item {
                None => key.as_str(),
                Some(Some(item)) => item["path"].as_str().unwrap(),
                Some(None) => continue,
            };
            put(directory, path, &bytes);
        }
    }
}

fn put(directory: &Path, path: &str, bytes: &[u8]) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Makes a folder hold what another one holds. Nobody reads half of a file.
fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for old in entries(to).filter(|path| path.is_file()) {
        if !from.join(old.file_name().unwrap()).exists() {
            fs::remove_file(old).unwrap();
        }
    }
    for old in entries(to).filter(|path| path.is_dir()) {
        let new = from.join(old.file_name().unwrap());
        fs::create_dir_all(&new).unwrap();
        mirror(&new, &old);
    }
    for new in entries(from) {
        let name = to.join(new.file_name().unwrap());
        if new.is_dir() {
            mirror(&new, &name);
        } else {
            let whole = name.with_extension("new");
            fs::copy(new, &whole).unwrap();
            fs::rename(whole, name).unwrap();
        }
    }
}
