//! Wrong values of how the pods of a gateway are run.

use serde_json::{Value, json};

use super::Row;

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = numbers();
    rows.extend(amounts());
    let autoscaling = |value: Value| json!({"autoscaling": value});
    rows.extend([
        (
            "spec.deployment",
            json!({"replicas": 2, "autoscaling": {"maxReplicas": 3, "callsUnderWay": 1}}),
            "",
            "leave out one of replicas and autoscaling",
        ),
        ("spec.deployment", autoscaling(json!(true)), "spec.deployment.autoscaling", "write a mapping"),
        (
            "spec.deployment",
            autoscaling(json!({"maxReplicas": 3})),
            "spec.deployment.autoscaling",
            "write cpuUtilization, callsUnderWay, or both",
        ),
        (
            "spec.deployment",
            autoscaling(json!({"callsUnderWay": 1})),
            "spec.deployment.autoscaling.maxReplicas",
            "missing; write it",
        ),
        // The fewest are two where nothing else is written.
        (
            "spec.deployment",
            autoscaling(json!({"maxReplicas": 1, "callsUnderWay": 1})),
            "spec.deployment.autoscaling.maxReplicas",
            "fewer than minReplicas",
        ),
    ]);
    rows
}

/// Numbers beyond their bounds.
fn numbers() -> Vec<Row> {
    let with = |place: &'static str, value: i32, says: &'static str| {
        let mut autoscaling = json!({"minReplicas": 2, "maxReplicas": 9, "callsUnderWay": 10});
        let (_, member) = place.rsplit_once('.').unwrap();
        autoscaling[member] = json!(value);
        let deployment = json!({"autoscaling": autoscaling, "resources": {"requests": {"cpu": "1"}}});
        ("spec.deployment", deployment, place, says)
    };
    vec![
        with("spec.deployment.autoscaling.minReplicas", 0, "between 1 and 50"),
        with("spec.deployment.autoscaling.maxReplicas", 51, "between 1 and 50"),
        with("spec.deployment.autoscaling.cpuUtilization", 0, "between 1 and 1000"),
        with("spec.deployment.autoscaling.cpuUtilization", 1001, "between 1 and 1000"),
        with("spec.deployment.autoscaling.callsUnderWay", 0, "between 1 and 10000"),
        with("spec.deployment.autoscaling.callsUnderWay", 10_001, "between 1 and 10000"),
    ]
}

/// Amounts that are none, and shares of none.
fn amounts() -> Vec<Row> {
    let with = |resources: Value| json!({"resources": resources});
    let cpu = |amount: &str| {
        let deployment = json!({"resources": {"requests": {"cpu": amount}}});
        let place = "spec.deployment.resources.requests.cpu";
        ("spec.deployment", deployment, place, "an amount of CPU such as 500m or 2")
    };
    let share = |resources: Value| {
        let autoscaling = json!({"maxReplicas": 3, "cpuUtilization": 70});
        let deployment = json!({"autoscaling": autoscaling, "resources": resources});
        let place = "spec.deployment.autoscaling.cpuUtilization";
        ("spec.deployment", deployment, place, "write resources.requests.cpu")
    };
    vec![
        ("spec.deployment", with(json!([])), "spec.deployment.resources", "write a mapping"),
        (
            "spec.deployment",
            with(json!({"requests": "50m"})),
            "spec.deployment.resources.requests",
            "write a mapping",
        ),
        cpu("0"),
        cpu("0.5"),
        cpu("100"),
        share(json!({})),
        share(json!({"requests": {}})),
    ]
}
