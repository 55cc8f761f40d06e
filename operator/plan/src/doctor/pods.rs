//! What keeps pods of gateways, and of the operator, from running.

use serde_json::Value;

use super::{Ailment, Examined, Finding, error, key, list, text};
use crate::problem::ObjectKey;

/// What containers wait for when all is well.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];
/// What they wait for when their image is not there.
const IMAGE: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let standing = |object: &&Value| object.pointer("/metadata/deletionTimestamp").is_none();
    let refused = examined.deployments.iter().filter(standing);
    let mut findings: Vec<Finding> =
        refused.filter_map(|deployment| refused_pods(deployment, &examined.warnings)).collect();
    findings.extend(examined.pods.iter().filter(standing).flat_map(pod));
    findings
}

/// Pods that the API server does not let a ReplicaSet make.
fn refused_pods(deployment: &Value, warnings: &[Value]) -> Option<Finding> {
    let place = key(deployment);
    let conditions = list(deployment, "/status/conditions");
    let mut failures = conditions.filter(|condition| {
        text(condition, "/type") == "ReplicaFailure" && text(condition, "/status") == "True"
    });
    let told = failures.next().map(|condition| text(condition, "/message").to_owned());
    let message = told.or_else(|| last_failure(deployment, &place, warnings))?;
    let ObjectKey { namespace, name, .. } = &place;
    let next = if message.contains("PodSecurity") {
        format!(
            "kubectl get namespace {namespace} --show-labels: gateways pass Pod Security restricted, so that something \
             adds to their pods, such as a mutating webhook"
        )
    } else if message.contains("quota") {
        format!("kubectl describe resourcequotas -n {namespace}")
    } else {
        format!("kubectl describe replicasets -n {namespace}, and look for those of {name}")
    };
    Some(error(Ailment::PodsRefused, place, format!("no pod may be made: {message}"), next))
}

/// What a ReplicaSet of a Deployment that lacks pods was last refused.
fn last_failure(deployment: &Value, place: &ObjectKey, warnings: &[Value]) -> Option<String> {
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_i64);
    let wanted = number("/spec/replicas").unwrap_or(1);
    if number("/status/replicas").unwrap_or_default() >= wanted {
        return None;
    }
    let prefix = format!("{}-", place.name);
    let of_its_own = warnings.iter().filter(|event| {
        text(event, "/reason") == "FailedCreate"
            && text(event, "/involvedObject/kind") == "ReplicaSet"
            && text(event, "/involvedObject/namespace") == place.namespace
            && text(event, "/involvedObject/name")
                .strip_prefix(&prefix)
                .is_some_and(|hash| !hash.contains('-'))
    });
    // Times in RFC 3339 and UTC are in the order of their texts.
    let last = of_its_own.max_by_key(|event| text(event, "/lastTimestamp").to_owned())?;
    Some(text(last, "/message").to_owned())
}

fn pod(pod: &Value) -> Vec<Finding> {
    let place = key(pod);
    let conditions = list(pod, "/status/conditions");
    let mut unscheduled = conditions.filter(|condition| {
        text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False"
    });
    let next = |place: &ObjectKey| format!("kubectl describe pod -n {} {}", place.namespace, place.name);
    if let Some(condition) = unscheduled.next() {
        let what = format!("no node takes it: {}", text(condition, "/message"));
        return vec![error(Ailment::NotScheduled, place.clone(), what, next(&place))];
    }
    let statuses = list(pod, "/status/initContainerStatuses").chain(list(pod, "/status/containerStatuses"));
    statuses.filter_map(|status| container(&place, status)).collect()
}

fn container(place: &ObjectKey, status: &Value) -> Option<Finding> {
    let name = text(status, "/name");
    let (waits, message) = (text(status, "/state/waiting/reason"), text(status, "/state/waiting/message"));
    let ObjectKey { namespace, name: pod, .. } = place;
    if IMAGE.contains(&waits) {
        let image = text(status, "/image");
        let what = format!("container {name} has no image {image}: {}", said(waits, message));
        let next = format!(
            "kubectl describe pod -n {namespace} {pod}; compare image, digest and imagePullSecrets in the values of the \
             chart"
        );
        return Some(error(Ailment::ImageNotPulled, place.clone(), what, next));
    }
    let is_ready = status.get("ready") == Some(&Value::Bool(true));
    let restarts = status.get("restartCount").and_then(Value::as_i64).unwrap_or_default();
    let ended = status.pointer("/state/terminated").or_else(|| status.pointer("/lastState/terminated"));
    if waits == "CrashLoopBackOff" || (!is_ready && restarts > 0 && ended.is_some()) {
        let what = format!("container {name} was started {restarts} times again{}", ending(ended));
        let next = format!("kubectl logs -n {namespace} {pod} -c {name} --previous");
        return Some(error(Ailment::Crashing, place.clone(), what, next));
    }
    let is_stuck = !waits.is_empty() && !USUAL.contains(&waits);
    is_stuck.then(|| {
        let what = format!("container {name} cannot be started: {}", said(waits, message));
        error(Ailment::NotStarted, place.clone(), what, format!("kubectl describe pod -n {namespace} {pod}"))
    })
}

/// How a container ended last, with the last line that it left.
fn ending(ended: Option<&Value>) -> String {
    let Some(ended) = ended else { return String::new() };
    let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    let how = match text(ended, "/reason") {
        "OOMKilled" => "ran out of memory".to_owned(),
        "" | "Error" => format!("ended with exit code {code}"),
        reason => format!("ended with exit code {code} ({reason})"),
    };
    let last = text(ended, "/message").lines().map(str::trim).rfind(|line| !line.is_empty());
    match last {
        Some(line) => format!(", and last {how}, saying: {line}"),
        None => format!(", and last {how}"),
    }
}

fn said(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") }
}
