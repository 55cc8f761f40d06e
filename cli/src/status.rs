//! `lychgate status`: how Lychgate's objects in a cluster do, what is wrong, and what to do.

use std::process::ExitCode;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use lychgate_operator_plan::status::{Diagnosis, Health, Workload, diagnose, lead};
use lychgate_operator_plan::{CONNECTION_ANNOTATION, MANAGER, MANAGER_LABEL, ObjectKey, shown};
use serde_json::Value;

use crate::cluster::{Access, Cluster, ReadError, built_in, own_kinds, unreadable};
use crate::output::{CommandError, note, print_line};

/// The name of the Lease by which an operator leads.
const LEASE: &str = "lychgate-operator";
/// Where what is said of an object begins, in characters.
const COLUMN: usize = 12;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// Namespace to look at; otherwise that of the context
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Namespace of the operator
    #[arg(long, value_name = "NAME", default_value = "lychgate-system")]
    operator_namespace: String,
}

/// Exit code 1 if anything is not healthy.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    crate::cluster::wait(look(arguments))
}

async fn look(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let cluster = arguments.access.connect().await?;
    let namespace = match (&arguments.namespace, arguments.all_namespaces) {
        (_, true) => None,
        (Some(namespace), false) => Some(namespace.as_str()),
        (None, false) => Some(cluster.namespace.as_str()),
    };
    let mut objects = Vec::new();
    for kind in own_kinds() {
        let listed = cluster.list(&kind, namespace, ListParams::default()).await;
        objects.extend(listed.map_err(|error| unreadable(&kind, namespace, &error))?);
    }
    let made = made(&cluster, namespace).await?;
    let mut diagnoses: Vec<Diagnosis> = objects
        .iter()
        .map(|object| {
            let objects = made.workload.iter().filter(|made| is_of(made, object)).collect();
            diagnose(object, &Workload { objects, warnings: &made.warnings })
        })
        .collect();
    let place = |object: &ObjectKey| (object.namespace.clone(), object.kind.clone(), object.name.clone());
    diagnoses.sort_by_cached_key(|diagnosis| place(&diagnosis.object));
    for diagnosis in &diagnoses {
        print_line(&line(diagnosis));
    }
    let leads = operator(&cluster, &arguments.operator_namespace).await?;
    let unhealthy = diagnoses.iter().filter(|diagnosis| diagnosis.health != Health::Healthy).count();
    let place = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace {name}"));
    match diagnoses.len() {
        0 => note(&format!("there is no object of Lychgate in {place}")),
        count => note(&format!("{count} objects, {unhealthy} not healthy")),
    }
    Ok(if unhealthy == 0 && leads { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the operator made, as far as it can be read.
struct Made {
    workload: Vec<Value>,
    warnings: Vec<Value>,
}

async fn made(cluster: &Cluster, namespace: Option<&str>) -> Result<Made, CommandError> {
    let ours = ListParams::default().labels(&format!("{MANAGER_LABEL}={MANAGER}"));
    let mut workload = Vec::new();
    for kind in [built_in::<Deployment>(), built_in::<Pod>()] {
        workload.extend(allowed(cluster.list(&kind, namespace, ours.clone()).await, &kind.plural)?);
    }
    let of_pods = ListParams::default().fields("type=Warning,involvedObject.kind=Pod");
    let warnings = allowed(cluster.list(&built_in::<Event>(), namespace, of_pods).await, "events")?;
    Ok(Made { workload, warnings })
}

/// What could be read. What may not be is left out, and said.
fn allowed(listed: Result<Vec<Value>, ReadError>, plural: &str) -> Result<Vec<Value>, CommandError> {
    match listed {
        Ok(objects) => Ok(objects),
        Err(ReadError::Forbidden(message)) => {
            note(&format!("{plural} are left out, because you may not read them: {message}"));
            Ok(Vec::new())
        }
        Err(error @ ReadError::Other(_)) => Err(CommandError::from_display(error)),
    }
}

/// Whether a Deployment or a pod was made for an object.
fn is_of(made: &Value, object: &Value) -> bool {
    let connection = made.pointer("/metadata/annotations").and_then(|all| all.get(CONNECTION_ANNOTATION));
    object.pointer("/kind").and_then(Value::as_str) == Some("McpConnection")
        && connection.is_some()
        && connection == object.pointer("/metadata/name")
        && made.pointer("/metadata/namespace") == object.pointer("/metadata/namespace")
}

/// Says whether an operator leads, and whether that is as it should be, or cannot be told.
async fn operator(cluster: &Cluster, namespace: &str) -> Result<bool, CommandError> {
    let lease = match cluster.get(&built_in::<Lease>(), Some(namespace), LEASE).await {
        Ok(lease) => lease,
        Err(ReadError::Forbidden(_)) => {
            note(&format!("whether an operator runs cannot be told: you may not read Leases of {namespace}"));
            return Ok(true);
        }
        Err(error @ ReadError::Other(_)) => return Err(CommandError::from_display(error)),
    };
    let (health, text, leads) = match lead(namespace, lease.as_ref(), Timestamp::now()) {
        Ok(text) => (Health::Healthy, text, true),
        Err(text) => (Health::Degraded, text, false),
    };
    print_line(&format!("{health:<COLUMN$} Operator: {}", shown(&text)));
    Ok(leads)
}

fn line(diagnosis: &Diagnosis) -> String {
    let Diagnosis { object, health, url, findings } = diagnosis;
    let url = url.as_ref().filter(|_| *health == Health::Healthy);
    let mut lines = format!("{health:<COLUMN$} {}", shown(&object.to_string()));
    if let Some(url) = url {
        lines.push_str("  ");
        lines.push_str(&shown(url));
    }
    let said = findings.iter().flat_map(|finding| [Some(finding.what.as_str()), finding.advice]);
    for text in said.flatten() {
        lines.push_str(&format!("\n{:COLUMN$} {}", "", shown(text)));
    }
    lines
}
