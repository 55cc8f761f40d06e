//! What stands in the cluster is what was written, and what `lychgate render` shows.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::operator::IMAGE;
use crate::support::process::lychgate;
use crate::support::tenant::{Tenant, name};
use crate::support::{PATIENCE, workspace};

/// The objects of some YAML, each with this namespace.
async fn objects(tenant: &Tenant<'_>, yaml: &str) -> Vec<Value> {
    let arguments = ["create", "--dry-run=client", "--validate=false", "--output=json", "--filename=-"];
    let text = tenant.cluster.kubectl(&arguments).input(yaml).succeed().await;
    let stream = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut objects = Vec::new();
    for read in stream.map(Result::unwrap) {
        match read["items"].as_array() {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(read),
        }
    }
    for object in &mut objects {
        object["metadata"]["namespace"] = json!(tenant.name());
    }
    objects
}

async fn read(tenant: &Tenant<'_>, folder: &Path) -> Vec<Value> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            all.extend(objects(tenant, &std::fs::read_to_string(path).unwrap()).await);
        }
    }
    all
}

/// A written object with what the API server alone can know: a document names connections and policies by their uids,
/// as Approvals do.
async fn as_it_is(tenant: &Tenant<'_>, written: &Value) -> Value {
    let mut object = written.clone();
    let kind = written["kind"].as_str().unwrap();
    if ["McpConnection", "CommandRule", "ApprovalPolicy"].contains(&kind) {
        let live = tenant.get(kind, &name(written)).await;
        for member in ["uid", "generation"] {
            object["metadata"][member] = live["metadata"][member].clone();
        }
    }
    object
}

/// What a server-side apply of these objects would change, as `kubectl diff` and Argo CD see it.
async fn difference(tenant: &Tenant<'_>, objects: &[Value], manager: &str) -> String {
    let manager = format!("--field-manager={manager}");
    let arguments = ["diff", "--server-side", "--force-conflicts", &manager, "--filename=-"];
    let texts: Vec<String> = objects.iter().map(Value::to_string).collect();
    let finished = tenant.cluster.kubectl(&arguments).input(&texts.join("\n---\n")).finish().await;
    match finished.code {
        Some(0) => String::new(),
        Some(1) => finished.output,
        _ => panic!("{}", finished.errors),
    }
}

/// Waits until nothing differs. What drifts would differ each time; a status that is written while kubectl compares
/// differs once.
async fn differs_in_nothing(tenant: &Tenant<'_>, objects: &[Value], manager: &str) {
    lychgate_tests_cluster::eventually("no object to differ", PATIENCE, async || {
        let found = difference(tenant, objects, manager).await;
        if found.is_empty() { Ok(()) } else { Err(found) }
    })
    .await;
}

/// The names of Secrets that a Deployment mounts, in the order in which it does.
fn mounted(deployment: &Value) -> Vec<String> {
    let volumes = deployment["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    let of_volume = |volume: &Value| {
        let sources = volume["projected"]["sources"].as_array().cloned().unwrap_or_default();
        let projected = sources.iter().map(|source| source["secret"]["name"].clone());
        [volume["secret"]["secretName"].clone()].into_iter().chain(projected).collect::<Vec<_>>()
    };
    volumes.iter().flat_map(of_volume).filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// How what is made anew from time to time is called where it stands, by what it is called where it was rendered: at
/// another time, by another authority.
fn versions(rendered: &[&Value], live: &[Value]) -> BTreeMap<String, String> {
    let deployment = rendered.iter().find(|object| object["kind"] == "Deployment").unwrap();
    let standing = live.iter().find(|object| object["kind"] == "Deployment").unwrap();
    let (shown, there) = (mounted(deployment), mounted(standing));
    assert_eq!(shown.len(), there.len(), "{shown:?} {there:?}");
    let pairs = shown.into_iter().zip(there);
    pairs.filter(|(shown, there)| shown != there).collect()
}

/// What the operator adds to a rendered object, which it alone can know: the owner, the names of what is made anew from
/// time to time, and the sequence.
fn complete(
    rendered: &Value,
    connection: &Value,
    live: &[Value],
    versions: &BTreeMap<String, String>,
) -> Value {
    let mut text = rendered.to_string();
    for (shown, there) in versions {
        text = text.replace(shown.as_str(), there);
    }
    let mut rendered: Value = serde_json::from_str(&text).unwrap();
    let own = name(&rendered);
    let child = live.iter().find(|child| child["kind"] == rendered["kind"] && name(child) == own);
    let child = child.unwrap_or_else(|| panic!("{} {own} is not there", rendered["kind"]));
    if rendered["metadata"]["annotations"]["lychgate.dev/owned-by-config-map"].is_string() {
        rendered["metadata"]["ownerReferences"] = child["metadata"]["ownerReferences"].clone();
    } else {
        rendered["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "lychgate.dev/v1alpha1",
            "kind": "McpConnection",
            "name": connection["metadata"]["name"],
            "uid": connection["metadata"]["uid"],
            "controller": true,
            "blockOwnerDeletion": false,
        }]);
    }
    let sequence = child["metadata"]["annotations"]["lychgate.dev/sequence"].clone();
    if let Some(number) = sequence.as_str() {
        for document in rendered["data"].as_object_mut().unwrap().values_mut() {
            let text = document.as_str().unwrap();
            assert!(text.contains("\"sequence\":1,"), "{text}");
            *document = json!(text.replace("\"sequence\":1,", &format!("\"sequence\":{number},")));
        }
        rendered["metadata"]["annotations"]["lychgate.dev/sequence"] = sequence;
    }
    rendered
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_stands_differs_from_the_examples_or_from_what_render_shows_of_them() {
    let folders = std::fs::read_dir(workspace().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(!folders.is_empty());
    for folder in folders {
        let (tenant, _operator) = Tenant::with_operator("examples").await;
        let written = read(&tenant, &folder).await;
        tenant.apply(&written).await;
        let connections = written.iter().filter(|object| object["kind"] == "McpConnection");
        let connections: Vec<String> = connections.map(name).collect();
        for connection in &connections {
            tenant.is_published(connection).await;
        }
        differs_in_nothing(&tenant, &written, "argocd-controller").await;

        let manifests = tempfile::tempdir().unwrap();
        let mut text = Vec::new();
        for object in &written {
            text.push(as_it_is(&tenant, object).await.to_string());
        }
        std::fs::write(manifests.path().join("all.yaml"), text.join("\n---\n")).unwrap();
        let path = manifests.path().to_str().unwrap();
        let arguments =
            ["render", "-f", path, "--gateway-image", IMAGE, "--operator-namespace", tenant.name()];
        let shown = lychgate(&arguments, "").await;
        assert_eq!(shown.code, 0, "{}", shown.errors);
        let rendered = objects(&tenant, &shown.output).await;
        let mut expected = Vec::new();
        let mut made = 0;
        for connection in &connections {
            let owner = tenant.get("McpConnection", connection).await;
            let live: Vec<Value> = tenant.children(connection).await.into_values().collect();
            made += live.len();
            let is_its_own = |object: &&Value| {
                object["metadata"]["annotations"]["lychgate.dev/connection"] == connection.as_str()
            };
            let of_connection: Vec<&Value> = rendered.iter().filter(is_its_own).collect();
            let versions = versions(&of_connection, &live);
            expected.extend(of_connection.iter().map(|object| complete(object, &owner, &live, &versions)));
        }
        assert_eq!(expected.len(), rendered.len(), "each belongs to a connection");
        assert_eq!(made, rendered.len() + connections.len(), "and beside them the authority alone is made");
        differs_in_nothing(&tenant, &expected, "lychgate-operator").await;
    }
}
