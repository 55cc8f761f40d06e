//! When a control plane ends, what it leaves, and what survives its API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test fails by panicking, and its futures may be large"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, PostParams};
use lychgate_tests_cluster::{AuditLevel, Cluster, Options, eventually};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, running, with the directory of its control plane.
fn up(folder: &TempDir) -> (Child, PathBuf) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lychgate-test-cluster"))
        .arg("--kubeconfig")
        .arg(folder.path().join("kubeconfig"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let (_, directory) = line.trim().trim_end_matches('.').rsplit_once(' ').unwrap();
    (child, PathBuf::from(directory))
}

/// The processes that have this directory among their arguments or work in it.
fn processes_of(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let place = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if arguments.contains(directory.to_str().unwrap()) || place.starts_with(directory) {
            found.push(arguments);
        }
    }
    found
}

async fn assert_nothing_is_left(directory: &Path) {
    eventually("nothing to be left", PATIENCE, async || {
        let processes = processes_of(directory);
        if processes.is_empty() && !directory.exists() { Ok(()) } else { Err(format!("{processes:?}")) }
    })
    .await;
}

#[tokio::test]
async fn nothing_outlives_a_process_that_was_killed() {
    let folder = TempDir::new().unwrap();
    let (mut child, directory) = up(&folder);
    assert_eq!(processes_of(&directory).len(), 4, "three components and the guardian");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_is_left(&directory).await;
}

#[tokio::test]
async fn an_interrupt_ends_it_and_takes_the_kubeconfig_along() {
    let folder = TempDir::new().unwrap();
    let (mut child, directory) = up(&folder);
    assert!(folder.path().join("kubeconfig").exists());
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(!folder.path().join("kubeconfig").exists());
    assert_nothing_is_left(&directory).await;
}

#[tokio::test]
async fn a_restart_of_the_api_server_keeps_objects_and_tokens() {
    let mut cluster =
        Cluster::start(Options { audit: AuditLevel::RequestResponse, ..Options::default() }).await;
    let url = cluster.url();
    let client = cluster.service_account("default", "keeper").await;
    let maps = Api::<ConfigMap>::namespaced(cluster.admin(), "default");
    let mut map = ConfigMap::default();
    map.metadata.name = Some("kept".to_owned());
    maps.create(&PostParams::default(), &map).await.unwrap();

    cluster.stop_apiserver();
    maps.get("kept").await.unwrap_err();
    cluster.start_apiserver().await;

    assert_eq!(cluster.url(), url);
    maps.get("kept").await.unwrap();
    let forbidden = Api::<ConfigMap>::namespaced(client, "default").list(&ListParams::default()).await;
    assert!(forbidden.unwrap_err().to_string().contains("system:serviceaccount:default:keeper"));
    let events = cluster.audit().await;
    let creation = events.iter().find(|event| event.name == "kept" && event.verb == "create").unwrap();
    assert_eq!(creation.response.as_ref().unwrap()["metadata"]["name"], "kept");
    let directory = cluster.directory().to_owned();
    drop(cluster);
    assert_eq!((processes_of(&directory), directory.exists()), (Vec::new(), false));
}

#[tokio::test]
async fn kinds_that_come_before_the_controllers_are_there_and_collected() {
    let definition = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: owners.example.test }
spec:
  group: example.test
  scope: Namespaced
  names: { kind: Owner, plural: owners, singular: owner }
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object } } }]
";
    let cluster =
        Cluster::start(Options { before_controllers: definition.to_owned(), ..Options::default() }).await;
    let owner = "{ apiVersion: example.test/v1, kind: Owner, metadata: { name: one } }";
    let owner = cluster.apply_yaml(owner).await.remove(0);
    let owned = format!(
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: owned
  ownerReferences: [{{ apiVersion: example.test/v1, kind: Owner, name: one, uid: {} }}]
",
        owner.metadata.uid.unwrap()
    );
    cluster.apply_yaml(&owned).await;
    cluster.kubectl(&["delete", "owners", "one"]).succeed().await;
    let maps = Api::<ConfigMap>::namespaced(cluster.admin(), "default");
    eventually("what was owned to be collected", PATIENCE, async || {
        match maps.get_opt("owned").await.unwrap() {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        }
    })
    .await;
}
