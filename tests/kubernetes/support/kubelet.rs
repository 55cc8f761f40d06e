//! The kubelet's part: a gateway's process as its pod asks for it, and the pod's status as that makes it.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::process::{Process, binary};
use super::{cluster, eventually, get, own_address};

/// A gateway that runs as its pod says.
pub struct Pod {
    pub address: String,
    pub process: Process,
    _folder: TempDir,
}

/// Starts the first pod of a Deployment that waits for a node, and tells the API server that it runs.
pub async fn run(namespace: &str, deployment: &str) -> Pod {
    let pod = eventually("a pod of the gateway", async || {
        let selector = format!("app.kubernetes.io/instance={deployment}");
        let list = cluster().await.kubectl(&["get", "pods", "-n", namespace, "-l", &selector, "-o", "json"]);
        let list: Value = serde_json::from_str(&list.succeed().await).unwrap();
        list["items"].as_array().unwrap().first().cloned()
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
        fill(namespace, volume, &directory).await;
        directories.push((mount["mountPath"].as_str().unwrap().to_owned(), directory));
    }
    let mut command = Command::new(binary("lychgate-gateway"));
    for argument in container["args"].as_array().unwrap() {
        let argument = argument.as_str().unwrap().replace("$(POD_NAME)", name).replace("0.0.0.0", &address);
        let directory = directories.iter().find(|(path, _)| *path == argument);
        match directory {
            Some((_, directory)) => command.arg(directory),
            None => command.arg(argument),
        };
    }
    let process = Process::start(name, command);
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
    cluster().await.kubectl(&arguments).succeed().await;
    Pod { address, process, _folder: folder }
}

/// Writes a volume's files.
async fn fill(namespace: &str, volume: &Value, directory: &Path) {
    if let Some(name) = volume["configMap"]["name"].as_str() {
        write(namespace, "configmap", name, &Value::Null, directory).await;
    }
    if let Some(name) = volume["secret"]["secretName"].as_str() {
        write(namespace, "secret", name, &volume["secret"]["items"], directory).await;
    }
    for source in volume["projected"]["sources"].as_array().into_iter().flatten() {
        for (kind, member) in [("configmap", "configMap"), ("secret", "secret")] {
            if let Some(name) = source[member]["name"].as_str() {
                write(namespace, kind, name, &source[member]["items"], directory).await;
            }
        }
    }
}

/// Writes the keys of an object, under the paths that `items` gives, or under their own names.
async fn write(namespace: &str, kind: &str, name: &str, items: &Value, directory: &Path) {
    let object = get(namespace, kind, name).await.unwrap_or_else(|| panic!("there is no {kind} {name}"));
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap();
        let bytes =
            if kind == "secret" { STANDARD.decode(value).unwrap() } else { value.as_bytes().to_vec() };
        let item = items.as_array().into_iter().flatten().find(|item| item["key"] == *key);
        let path = match (items.is_null(), item) {
            (true, _) => key.as_str(),
            (false, Some(item)) => item["path"].as_str().unwrap(),
            (false, None) => continue,
        };
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
