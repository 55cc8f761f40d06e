//! How an object does, as it is read from its status and from its pods.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use k8s_openapi::jiff::Timestamp;
use lychgate_operator_plan::status::{Diagnosis, Health, Workload, diagnose, lead};
use serde_json::{Value, json};

/// A connection with conditions, each `type status reason message`.
fn connection(observed: Option<i64>, conditions: &[[&str; 4]]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|[kind, status, reason, message]| {
            json!({"type": kind, "status": status, "reason": reason, "message": message})
        })
        .collect();
    json!({
        "apiVersion": "lychgate.dev/v1alpha1", "kind": "McpConnection",
        "metadata": {"name": "customers", "namespace": "agents", "generation": 3},
        "status": {"observedGeneration": observed, "conditions": conditions, "url": "https://a/mcp"},
    })
}

const ACCEPTED: [&str; 4] = ["Accepted", "True", "Accepted", "everything is valid"];
const RESOLVED: [&str; 4] = ["ResolvedRefs", "True", "ResolvedRefs", "everything that is named is there"];
const PROGRAMMED: [&str; 4] = ["Programmed", "True", "Programmed", "2 of 2 replicas acknowledged sequence 7"];
const READY: [&str; 4] = ["Ready", "True", "Ready", "calls can be made"];

fn healthy() -> Value {
    connection(Some(3), &[ACCEPTED, RESOLVED, PROGRAMMED, READY])
}

fn said(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.findings.iter().map(|finding| finding.what.as_str()).collect()
}

#[test]
fn a_status_is_told_once_the_cause_before_what_follows() {
    let behind = "1 of 2 replicas acknowledged sequence 7; pod b uses sequence 6";
    let no_pod = "no pod of the gateway has an address yet";
    let invalid = "spec.upstream.url: the scheme is ftp; write https";
    for (object, health, expected) in [
        (healthy(), Health::Healthy, vec![]),
        (
            connection(None, &[]),
            Health::Progressing,
            vec!["the operator has not looked at it yet".to_owned()],
        ),
        (
            connection(Some(2), &[ACCEPTED, RESOLVED, PROGRAMMED, READY]),
            Health::Progressing,
            vec!["the operator has looked at generation 2 of 3, and not at the last change".to_owned()],
        ),
        (
            connection(
                Some(3),
                &[
                    ["Accepted", "False", "InvalidValue", invalid],
                    ["ResolvedRefs", "Unknown", "NotAccepted", "the connection is not accepted"],
                    ["Programmed", "False", "NotAccepted", "not accepted; gateways keep sequence 6"],
                    ["Ready", "False", "NotAccepted", invalid],
                ],
            ),
            Health::Degraded,
            vec![
                format!("Accepted is False (InvalidValue): {invalid}"),
                "not accepted; gateways keep sequence 6".to_owned(),
            ],
        ),
        (
            connection(
                Some(3),
                &[
                    ACCEPTED,
                    RESOLVED,
                    ["Programmed", "False", "NotAcknowledged", behind],
                    ["Ready", "False", "NotAcknowledged", behind],
                ],
            ),
            Health::Degraded,
            vec![format!("Programmed is False (NotAcknowledged): {behind}")],
        ),
        (
            connection(
                Some(3),
                &[
                    ACCEPTED,
                    RESOLVED,
                    ["Programmed", "Unknown", "NoReplica", no_pod],
                    ["Ready", "Unknown", "NoReplica", no_pod],
                ],
            ),
            Health::Progressing,
            vec![format!("Programmed is Unknown (NoReplica): {no_pod}")],
        ),
        (
            connection(
                Some(3),
                &[ACCEPTED, RESOLVED, PROGRAMMED, ["Ready", "False", "Suspended", "suspended"]],
            ),
            Health::Degraded,
            vec!["Ready is False (Suspended): suspended".to_owned()],
        ),
        (
            connection(
                Some(3),
                &[["Accepted", "True", "Accepted", "valid; spec.x: odd"], RESOLVED, PROGRAMMED, READY],
            ),
            Health::Healthy,
            vec!["Accepted is True (Accepted): valid; spec.x: odd".to_owned()],
        ),
        (
            connection(
                Some(3),
                &[ACCEPTED, RESOLVED, PROGRAMMED, READY, ["ToolsPinned", "False", "ToolsChanged", "query"]],
            ),
            Health::Degraded,
            vec!["ToolsPinned is False (ToolsChanged): query".to_owned()],
        ),
        (
            connection(
                Some(3),
                &[ACCEPTED, RESOLVED, PROGRAMMED, READY, ["ToolsPinned", "False", "ToolsNotPinned", "new"]],
            ),
            Health::Healthy,
            vec!["ToolsPinned is False (ToolsNotPinned): new".to_owned()],
        ),
        (
            connection(
                Some(3),
                &[ACCEPTED, RESOLVED, PROGRAMMED, READY, ["ToolsPinned", "Unknown", "Pending", "nobody"]],
            ),
            Health::Healthy,
            vec![],
        ),
        (
            connection(Some(3), &[ACCEPTED, RESOLVED, PROGRAMMED]),
            Health::Progressing,
            vec!["Ready is Unknown (no reason): ".to_owned()],
        ),
    ] {
        let diagnosis = diagnose(&object, &Workload::default());
        assert_eq!(diagnosis.health, health, "{object}");
        assert_eq!(said(&diagnosis), expected, "{object}");
        assert_eq!(diagnosis.object.to_string(), "McpConnection agents/customers");
    }
}

#[test]
fn a_policy_is_told_by_the_conditions_that_its_kind_has() {
    let no_conflict = ["Conflicted", "False", "NoConflict", "none"];
    let guarded = ["AdmissionGuarded", "True", "AdmissionGuarded", "refused"];
    let lapsed = ["AdmissionGuarded", "False", "NotGuarded", "the binding is gone"];
    let conflict = ["Conflicted", "True", "NoCommonApprover", "nobody"];
    let waits = ["Programmed", "Unknown", "ConnectionsPending", "not yet"];
    for (kind, conditions, health, expected) in [
        ("MaskingRule", vec![ACCEPTED, PROGRAMMED], Health::Healthy, vec![]),
        (
            "MaskingRule",
            vec![ACCEPTED, waits],
            Health::Progressing,
            vec!["Programmed is Unknown (ConnectionsPending): not yet"],
        ),
        ("CommandRule", vec![ACCEPTED, PROGRAMMED, no_conflict], Health::Healthy, vec![]),
        (
            "CommandRule",
            vec![ACCEPTED, PROGRAMMED, ["Conflicted", "True", "CredentialConflict", "two"]],
            Health::Healthy,
            vec!["Conflicted is True (CredentialConflict): two"],
        ),
        ("ApprovalPolicy", vec![ACCEPTED, PROGRAMMED, no_conflict, guarded], Health::Healthy, vec![]),
        (
            "ApprovalPolicy",
            vec![ACCEPTED, PROGRAMMED, conflict, lapsed],
            Health::Degraded,
            vec![
                "Conflicted is True (NoCommonApprover): nobody",
                "AdmissionGuarded is False (NotGuarded): the binding is gone",
            ],
        ),
        (
            "ApprovalPolicy",
            vec![ACCEPTED, PROGRAMMED, no_conflict],
            Health::Progressing,
            vec!["AdmissionGuarded is Unknown (no reason): "],
        ),
    ] {
        let mut policy = connection(Some(3), &conditions);
        policy["kind"] = json!(kind);
        let diagnosis = diagnose(&policy, &Workload::default());
        assert_eq!(diagnosis.health, health, "{policy}");
        assert_eq!(said(&diagnosis), expected, "{policy}");
    }
}

#[test]
fn a_reason_comes_with_what_to_do() {
    let suspended =
        connection(Some(3), &[ACCEPTED, RESOLVED, PROGRAMMED, ["Ready", "False", "Suspended", "suspended"]]);
    let behind = ["Programmed", "False", "NotAcknowledged", "behind"];
    for (object, reason) in [
        (suspended, lychgate_crds::Reason::Suspended.explanation()),
        (
            connection(Some(3), &[ACCEPTED, RESOLVED, behind, READY]),
            lychgate_crds::Progress::NotAcknowledged.explanation(),
        ),
    ] {
        assert_eq!(diagnose(&object, &Workload::default()).findings[0].advice, Some(reason));
    }
    // A reason of a later version is shown as it is.
    let unheard =
        connection(Some(3), &[ACCEPTED, RESOLVED, PROGRAMMED, ["Ready", "False", "Tired", "later"]]);
    let diagnosis = diagnose(&unheard, &Workload::default());
    assert_eq!(diagnosis.findings[0].what, "Ready is False (Tired): later");
    assert_eq!(diagnosis.findings[0].advice, None);
}

/// A pod with this status.
fn pod(status: &Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": "p", "uid": "u1"}, "status": status})
}

#[test]
fn a_pod_that_cannot_run_says_why() {
    let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "no such image"}});
    let container = |state: &Value, last: &Value| {
        let status = json!({"name": "gateway", "ready": false, "state": state, "lastState": last});
        json!({"containerStatuses": [status]})
    };
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let unscheduled = json!({"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/3 nodes"});
    let not_ready = json!({"type": "Ready", "status": "False"});
    let warning = |uid: &str, second: u8, reason: &str| {
        let time = format!("2026-01-01T00:00:0{second}Z");
        json!({"involvedObject": {"uid": uid}, "lastTimestamp": time, "reason": reason, "message": "no Secret"})
    };
    let warnings = [warning("u1", 1, "Old"), warning("u1", 2, "FailedMount"), warning("u2", 3, "Other")];
    for (object, expected) in [
        (pod(&json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})), vec![]),
        (
            pod(&container(&waiting("ImagePullBackOff"), &json!({}))),
            vec!["pod p: container gateway: ImagePullBackOff: no such image"],
        ),
        (
            pod(&container(&waiting("CrashLoopBackOff"), &ended)),
            vec![
                "pod p: container gateway: CrashLoopBackOff: no such image; it ended with exit code 1: Error",
            ],
        ),
        (
            pod(&container(&json!({"running": {}}), &ended)),
            vec!["pod p: container gateway: it ended with exit code 1: Error"],
        ),
        (
            pod(&json!({"conditions": [unscheduled]})),
            vec!["pod p: no node takes it: Unschedulable: 0/3 nodes"],
        ),
        (
            pod(&json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})),
            vec!["pod p: Evicted: low on memory"],
        ),
        (
            pod(&json!({"phase": "Pending", "conditions": [not_ready], "containerStatuses": [
                {"name": "gateway", "ready": false, "state": {"waiting": {"reason": "ContainerCreating"}}}]})),
            vec!["pod p: FailedMount: no Secret"],
        ),
        (
            json!({"kind": "Deployment", "metadata": {"name": "d"}, "status": {"conditions": [
                {"type": "Available", "status": "False", "message": "x"},
                {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]}}),
            vec!["deployment d: FailedCreate: quota"],
        ),
        (
            json!({"kind": "Pod", "metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"},
                "status": {"phase": "Failed"}}),
            vec![],
        ),
    ] {
        let workload = Workload { objects: vec![&object], warnings: &warnings };
        let diagnosis = diagnose(&healthy(), &workload);
        assert_eq!(said(&diagnosis), expected, "{object}");
        let health = if expected.is_empty() { Health::Healthy } else { Health::Degraded };
        assert_eq!(diagnosis.health, health, "{object}");
    }
}

#[test]
fn a_lease_tells_whether_an_operator_runs() {
    let lease = |holder: &str, renewed: &str| json!({"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15}});
    let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    for (lease, expected) in [
        (Some(lease("a", "2026-01-01T00:09:50.123456Z")), Ok("a leads in namespace home")),
        // The clock that renewed it may be wrong by a minute.
        (Some(lease("a", "2026-01-01T00:08:45.000000Z")), Ok("a leads in namespace home")),
        (
            Some(lease("a", "2026-01-01T00:08:44.000000Z")),
            Err("a was last heard of at 2026-01-01T00:08:44Z; look at its pods: kubectl get pods -n home"),
        ),
        (Some(lease("", "2026-01-01T00:09:50Z")), Err("since 2026-01-01T00:09:50Z, when the last one ended")),
        (Some(json!({"spec": {}})), Err("no operator leads in namespace home; look")),
        (None, Err("no operator has ever run in namespace home; install one, or name")),
    ] {
        match (lead("home", lease.as_ref(), now), expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, expected),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (said, _) => panic!("{lease:?}: {said:?}"),
        }
    }
}
