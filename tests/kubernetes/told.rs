//! What an object's conditions and Events tell, step by step.

use std::collections::BTreeMap;

use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::manifests::{connection, gateway, rule, targets};
use crate::support::tenant::{Tenant, condition_of};

const TYPES: [&str; 4] = ["Accepted", "ResolvedRefs", "Programmed", "Ready"];

/// Waits until the conditions of `db` are these, each of the generation that stands; gives when each became so.
async fn stands(tenant: &Tenant<'_>, expected: [&str; 4]) -> [String; 4] {
    eventually(&format!("{expected:?}"), PATIENCE, async || {
        let object = tenant.get("McpConnection", "db").await;
        let conditions = TYPES.map(|kind| condition_of(&object, kind));
        let found = conditions.clone().map(|condition| match condition {
            Ok(condition) => format!("{} {}", condition.status, condition.reason),
            Err(error) => error,
        });
        if found == expected {
            Ok(conditions.map(|condition| condition.unwrap().since))
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

/// The Events of `db`, each with how often it was told.
async fn events(tenant: &Tenant<'_>) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    for event in tenant.list("Event").await.iter().filter(|event| event["regarding"]["name"] == "db") {
        let note = event["note"].as_str().unwrap();
        let (standing, _) = note.split_once(':').unwrap();
        let text =
            format!("{} {}: {standing}", event["type"].as_str().unwrap(), event["reason"].as_str().unwrap());
        *told.entry(text).or_default() += event["series"]["count"].as_u64().unwrap_or(1);
    }
    told
}

async fn are_told(tenant: &Tenant<'_>, expected: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> =
        expected.iter().map(|(event, count)| ((*event).to_owned(), *count)).collect();
    eventually("the Events", PATIENCE, async || {
        let told = events(tenant).await;
        if told == expected { Ok(()) } else { Err(format!("{told:#?} are not {expected:#?}")) }
    })
    .await;
}

const LOST: [(&str, u64); 4] = [
    ("Warning RefNotFound: Accepted is False", 1),
    ("Warning RefNotFound: ResolvedRefs is False", 1),
    ("Warning NotAccepted: Programmed is False", 1),
    ("Warning NotAccepted: Ready is False", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_connection_is_told_in_its_conditions_and_once_as_an_event() {
    let (tenant, operator) = Tenant::with_operator("told").await;
    tenant.apply(&[connection("db", json!({}))]).await;
    let lost = ["False RefNotFound", "False RefNotFound", "False NotAccepted", "False NotAccepted"];
    stands(&tenant, lost).await;
    are_told(&tenant, &LOST).await;
    // Another generation, and nothing else has changed.
    let labels = json!({"spec": {"access": [{"groups": ["others"], "tools": ["*"]}]}});
    tenant.edit("McpConnection", "db", labels).await;
    stands(&tenant, lost).await;

    tenant.apply(&[gateway(json!({}))]).await;
    let good = ["True Accepted", "True ResolvedRefs", "Unknown NoReplica", "Unknown NoReplica"];
    let since = stands(&tenant, good).await;
    let accepted =
        [("Normal Accepted: Accepted is True", 1), ("Normal ResolvedRefs: ResolvedRefs is True", 1)];
    are_told(&tenant, &[LOST.as_slice(), &accepted].concat()).await;

    tenant.edit("McpConnection", "db", json!({"spec": {"suspended": true}})).await;
    let closed = ["True Accepted", "True ResolvedRefs", "Unknown NoReplica", "False Suspended"];
    let closed_since = stands(&tenant, closed).await;
    assert_eq!(since[..3], closed_since[..3], "what stays as it is has not become so anew");
    let suspended = [("Warning Suspended: Ready is False", 1)];
    are_told(&tenant, &[LOST.as_slice(), &accepted, &suspended].concat()).await;
    tenant.edit("McpConnection", "db", json!({"spec": {"suspended": false}})).await;
    stands(&tenant, good).await;

    let mut broken = rule("mail", targets("db"));
    broken["spec"]["exclude"] = json!({"values": {"regex": ["("]}});
    tenant.apply(&[broken]).await;
    let refused = ["False PolicyInvalid", "Unknown NotAccepted", "False NotAccepted", "False NotAccepted"];
    stands(&tenant, refused).await;
    let mended: &[(&str, u64)] = &[
        ("Warning RefNotFound: Accepted is False", 1),
        ("Warning RefNotFound: ResolvedRefs is False", 1),
        ("Normal Accepted: Accepted is True", 2),
        ("Normal ResolvedRefs: ResolvedRefs is True", 2),
        ("Warning Suspended: Ready is False", 1),
        ("Warning PolicyInvalid: Accepted is False", 1),
        // It is the second time, and counted on the first Event.
        ("Warning NotAccepted: Programmed is False", 2),
        ("Warning NotAccepted: Ready is False", 2),
    ];
    tenant.apply(&[rule("mail", targets("db"))]).await;
    stands(&tenant, good).await;
    are_told(&tenant, mended).await;
    let names = |events: &[Value]| events.iter().filter(|event| event["regarding"]["name"] == "db").count();
    assert_eq!(names(&tenant.list("Event").await), 8, "each transition is one Event, however often");

    // Whoever leads next has nothing to tell.
    assert_eq!(operator.terminate().await, Some(0));
    let _operator = tenant.operator().lead().await;
    tenant.apply(&[connection("docs", json!({}))]).await;
    tenant.is_published("docs").await;
    are_told(&tenant, mended).await;
}
