//! What keeps a gateway's pods from running, as the API server tells it of Deployments and pods.

use serde_json::Value;

/// What pods wait for when all is well.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// What is wrong with a Deployment or a pod, each a line; nothing for other kinds.
pub(super) fn troubles(object: &Value, warnings: &[Value]) -> Vec<String> {
    let name = text(object, "/metadata/name");
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return Vec::new();
    }
    let troubles = match text(object, "/kind") {
        "Deployment" => deployment(object),
        "Pod" => pod(object, warnings),
        _ => Vec::new(),
    };
    let kind = text(object, "/kind").to_lowercase();
    troubles.into_iter().map(|trouble| format!("{kind} {name}: {trouble}")).collect()
}

fn deployment(deployment: &Value) -> Vec<String> {
    let mut troubles = Vec::new();
    for condition in list(deployment, "/status/conditions") {
        let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
        if matches!((kind, status), ("ReplicaFailure", "True") | ("Progressing", "False")) {
            troubles.push(said(condition));
        }
    }
    troubles
}

fn pod(pod: &Value, warnings: &[Value]) -> Vec<String> {
    let mut troubles = Vec::new();
    if text(pod, "/status/phase") == "Failed" {
        troubles.push(said(pod.pointer("/status").unwrap_or(&Value::Null)));
    }
    let is = |condition: &Value, kind: &str, status: &str| {
        text(condition, "/type") == kind && text(condition, "/status") == status
    };
    for condition in list(pod, "/status/conditions") {
        if is(condition, "PodScheduled", "False") {
            troubles.push(format!("no node takes it: {}", said(condition)));
        }
    }
    for status in list(pod, "/status/containerStatuses") {
        troubles.extend(container(status));
    }
    let is_ready = list(pod, "/status/conditions").any(|condition| is(condition, "Ready", "True"));
    if troubles.is_empty() && !is_ready {
        troubles.extend(last_warning(pod, warnings));
    }
    troubles
}

fn container(status: &Value) -> Option<String> {
    let name = text(status, "/name");
    let waiting = status.pointer("/state/waiting");
    let waiting = waiting.filter(|waiting| !USUAL.contains(&text(waiting, "/reason")));
    let ended = status.pointer("/state/terminated").or_else(|| status.pointer("/lastState/terminated"));
    let ended = ended.map(|ended| {
        let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
        format!("it ended with exit code {code}: {}", said(ended))
    });
    let is_ready = status.get("ready") == Some(&Value::Bool(true));
    match (waiting, ended) {
        (Some(waiting), None) => Some(format!("container {name}: {}", said(waiting))),
        (Some(waiting), Some(ended)) => Some(format!("container {name}: {}; {ended}", said(waiting))),
        (None, Some(ended)) if !is_ready => Some(format!("container {name}: {ended}")),
        (None, _) => None,
    }
}

/// What a component last warned of, such as a volume that cannot be mounted.
fn last_warning(pod: &Value, warnings: &[Value]) -> Option<String> {
    let uid = text(pod, "/metadata/uid");
    let of_pod = warnings.iter().filter(|event| text(event, "/involvedObject/uid") == uid);
    // Times in RFC 3339 and UTC are in the order of their texts.
    let time = |event: &&Value| match text(event, "/lastTimestamp") {
        "" => text(event, "/eventTime").to_owned(),
        last => last.to_owned(),
    };
    of_pod.max_by_key(time).map(said)
}

/// A reason and a message, as far as they are there.
fn said(value: &Value) -> String {
    match (text(value, "/reason"), text(value, "/message")) {
        ("", "") => "no reason is given".to_owned(),
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}
