//! `lychgate explain`: what holds for a connection and why, what does not, and what is wrong with it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::api::{ApiResource, ListParams};
use lychgate_operator_plan::status::{Workload, diagnose};
use lychgate_operator_plan::{
    Explanation, Inventory, Options, Standing, TERMS_LABEL, explain, load_objects, shown,
};
use serde_json::{Value, json};

use crate::cluster::{Access, Cluster, ReadError, built_in, own_kinds, policy_kinds, unreadable, wait};
use crate::manifests::Source;
use crate::output::{CommandError, note, print};

/// Where the operator is if nothing else is said.
const OPERATOR_NAMESPACE: &str = "lychgate-system";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Connection, as NAME or NAMESPACE/NAME
    connection: String,
    /// Folder (read with its subfolders) or file with manifests, in place of a cluster
    #[arg(short, long, value_name = "DIR", conflicts_with_all = ["kubeconfig", "context"])]
    filename: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
    /// Namespace of the operator, where policies may select namespaces; in a cluster lychgate-system, and with
    /// files any
    #[arg(long, value_name = "NAME")]
    operator_namespace: Option<String>,
    /// Namespace of the connection
    #[arg(short, long)]
    namespace: Option<String>,
}

/// Exit code 1 if the connection is not accepted.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let (namespace, name) = match (&arguments.namespace, arguments.connection.split_once('/')) {
        (None, Some((namespace, name))) => (Some(namespace), name),
        (Some(_), Some(_)) => {
            return Err(CommandError::new("the namespace stands twice; write --namespace or NAMESPACE/NAME"));
        }
        (namespace, None) => (namespace.as_deref(), arguments.connection.as_str()),
    };
    let explanation = match &arguments.filename {
        Some(filename) => {
            let operator_namespace = arguments.operator_namespace.clone();
            let source = Source { filename: filename.clone(), operator_namespace };
            let inventory = source.check()?.loaded.inventory;
            let explanation = explain_one(&inventory, &source.options(), namespace, name)?;
            print(&explanation.to_string());
            explanation
        }
        None => wait(explain_in_cluster(arguments, namespace, name))?,
    };
    Ok(match explanation.standing {
        Standing::Served | Standing::Closed(_) => ExitCode::SUCCESS,
        Standing::NotAccepted => ExitCode::FAILURE,
    })
}

/// Explains a connection of an inventory, wherever that came from.
fn explain_one(
    inventory: &Inventory,
    options: &Options,
    namespace: Option<&str>,
    name: &str,
) -> Result<Explanation, CommandError> {
    let namespace =
        namespace.map_or_else(|| only_namespace(inventory, name), |given| Ok(given.to_owned()))?;
    explain(inventory, options, &namespace, name).ok_or_else(|| none(inventory, name))
}

/// The one namespace with a connection of that name.
fn only_namespace(inventory: &Inventory, name: &str) -> Result<String, CommandError> {
    let found = inventory.connection_names().filter(|(_, known)| *known == name);
    let mut namespaces: Vec<&str> = found.map(|(namespace, _)| namespace).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    match namespaces.as_slice() {
        [] => Err(none(inventory, name)),
        [only] => Ok((*only).to_owned()),
        several => {
            let several = several.join(", ");
            let message =
                format!("connection {name} is in several namespaces: {several}; choose with --namespace");
            Err(CommandError::new(message))
        }
    }
}

fn none(inventory: &Inventory, name: &str) -> CommandError {
    let names: Vec<String> =
        inventory.connection_names().map(|(namespace, name)| format!("{namespace}/{name}")).collect();
    CommandError::new(format!("no connection {name}; there are: {}", names.join(", ")))
}

/// Explains a connection as the objects of a cluster stand, and says what the operator says of it.
async fn explain_in_cluster(
    arguments: &Arguments,
    namespace: Option<&str>,
    name: &str,
) -> Result<Explanation, CommandError> {
    let cluster = arguments.access.connect().await?;
    let namespace = namespace.unwrap_or(&cluster.namespace);
    let operator_namespace = arguments.operator_namespace.as_deref().unwrap_or(OPERATOR_NAMESPACE);
    let mut objects = objects(&cluster, namespace, operator_namespace).await?;
    let services = services(&cluster, namespace).await?;
    let options = Options {
        operator_namespace: Some(operator_namespace.to_owned()),
        knows_services: services.is_some(),
        ..Options::default()
    };
    objects.extend(services.into_iter().flatten());
    objects.extend(terms(&cluster, &objects).await?);
    let inventory = load_objects(&objects).inventory;
    let mut explanation = explain_one(&inventory, &options, Some(namespace), name)?;
    let is_it = |object: &&Value| {
        object.get("kind") == Some(&json!("McpConnection"))
            && object.pointer("/metadata/name") == Some(&json!(name))
    };
    if let Some(connection) = objects.iter().find(is_it) {
        let diagnosis = diagnose(connection, &Workload::default());
        explanation.status = vec![diagnosis.health.to_string()];
        explanation.status.extend(diagnosis.findings.into_iter().map(|finding| finding.what));
        print(&explanation.to_string());
        overlooked(connection, &explanation, operator_namespace);
    }
    Ok(explanation)
}

/// What counts for the connections of a namespace: its objects and labels, and policies of the operator's
/// namespace that select namespaces.
async fn objects(
    cluster: &Cluster,
    namespace: &str,
    operator_namespace: &str,
) -> Result<Vec<Value>, CommandError> {
    let mut objects = Vec::new();
    for kind in own_kinds() {
        let listed = cluster.list(&kind, Some(namespace), ListParams::default()).await;
        objects.extend(listed.map_err(|error| unreadable(&kind, Some(namespace), &error))?);
    }
    match cluster.get(&built_in::<Namespace>(), None, namespace).await {
        Ok(found) => objects.extend(found),
        Err(error @ ReadError::Forbidden(_)) => {
            note(&format!("the labels of namespace {namespace} are taken for none: {error}"));
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        }
        Err(error @ ReadError::Other(_)) => return Err(CommandError::from_display(error)),
    }
    if namespace != operator_namespace {
        for kind in policy_kinds() {
            objects.extend(binding(cluster, &kind, operator_namespace).await?);
        }
    }
    Ok(objects)
}

/// The Services of a namespace, if they may be read.
async fn services(cluster: &Cluster, namespace: &str) -> Result<Option<Vec<Value>>, CommandError> {
    match cluster.list(&built_in::<Service>(), Some(namespace), ListParams::default()).await {
        Ok(services) => Ok(Some(services)),
        Err(error @ ReadError::Forbidden(_)) => {
            note(&format!("whether a Service that is named exists cannot be told: {error}"));
            Ok(None)
        }
        Err(error @ ReadError::Other(_)) => Err(CommandError::from_display(error)),
    }
}

/// The ConfigMaps with words that MaskingRules among these objects look into.
async fn terms(cluster: &Cluster, objects: &[Value]) -> Result<Vec<Value>, CommandError> {
    let looks = |object: &&Value| {
        let customs = object.pointer("/spec/custom").and_then(Value::as_array);
        customs.into_iter().flatten().any(|custom| custom.get("termsFrom").is_some())
    };
    let namespace = |object: &Value| object.pointer("/metadata/namespace")?.as_str().map(str::to_owned);
    let namespaces: BTreeSet<String> = objects.iter().filter(looks).filter_map(namespace).collect();
    let mut found = Vec::new();
    for namespace in namespaces {
        let labelled = ListParams::default().labels(&format!("{TERMS_LABEL}=true"));
        let kind = built_in::<ConfigMap>();
        let listed = cluster.list(&kind, Some(&namespace), labelled).await;
        found.extend(listed.map_err(|error| unreadable(&kind, Some(&namespace), &error))?);
    }
    Ok(found)
}

/// The policies of a kind in the operator's namespace that select namespaces.
async fn binding(
    cluster: &Cluster,
    kind: &ApiResource,
    operator_namespace: &str,
) -> Result<Vec<Value>, CommandError> {
    match cluster.list(kind, Some(operator_namespace), ListParams::default()).await {
        Ok(mut policies) => {
            policies.retain(|policy| policy.pointer("/spec/namespaceSelector").is_some());
            Ok(policies)
        }
        Err(error @ ReadError::Forbidden(_)) => {
            note(&format!("policies of namespace {operator_namespace} are left out: {error}"));
            Ok(Vec::new())
        }
        Err(error @ ReadError::Other(_)) => Err(CommandError::from_display(error)),
    }
}

/// Says which policies the operator counts and the explanation does not have.
fn overlooked(connection: &Value, explanation: &Explanation, operator_namespace: &str) {
    let namespace = &explanation.connection.namespace;
    let known: Vec<String> =
        explanation.policies.iter().map(|attachment| attachment.policy.seen_from(namespace)).collect();
    let counted = connection.pointer("/status/policies").and_then(Value::as_array);
    let others = counted.into_iter().flatten().filter_map(Value::as_str);
    for policy in others.filter(|policy| !known.iter().any(|known| known == policy)) {
        note(&format!(
            "by its status {} holds for it, too, and is not among what could be read here; the operator is taken to \
             be in namespace {operator_namespace}: say so with --operator-namespace if it is elsewhere",
            shown(policy)
        ));
    }
}
