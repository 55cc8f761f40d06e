//! Votes: what the API server lets be approved is what `tally` says.

use lychgate_crds::approval::{ApprovalSpec, Event, tally};
use serde_json::{Value, json};

use super::people::member;
use super::{Place, phase, place, vote};
use crate::admission::{OPERATOR, account};

/// One who approves, denies, or approves alone in an emergency.
#[derive(Clone, Copy, Debug)]
enum Says {
    Yes,
    No,
    Emergency,
}
use Says::{Emergency, No, Yes};

/// Votes, in the order in which they are cast.
const VOTES: [&[Says]; 11] = [
    &[],
    &[Yes],
    &[No],
    &[Yes, Yes],
    &[Yes, No],
    &[Yes, Yes, No],
    &[No, No, No],
    &[Emergency],
    &[Emergency, No],
    &[No, Emergency],
    &[Yes, Yes, Yes],
];

async fn cast(place: &Place, name: &str, number: usize, says: Says) {
    let voter = format!("voter-{number}");
    let (group, cast) = match says {
        Yes => ("dba-leads", json!({"decision": "Approve", "reason": "INC-42"})),
        No => ("dba-leads", json!({"decision": "Deny", "reason": "INC-42"})),
        Emergency => ("oncall", json!({"decision": "Approve", "reason": "INC-42", "breakGlass": true})),
    };
    place.patch(&member(&voter, &[group]), name, &vote(&voter, cast)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definition_lets_be_approved_what_the_tally_says() {
    let place = place("tally").await;
    let operator = account(OPERATOR);
    let mut different = Vec::new();
    for approvals in [1, 2, 3] {
        for veto in [true, false] {
            for votes in VOTES {
                let required = json!({"approvals": approvals, "denyIsVeto": veto});
                let name = place.ask(json!({"spec": {"required": required}})).await;
                for (number, says) in votes.iter().enumerate() {
                    cast(&place, &name, number, *says).await;
                }
                let spec: ApprovalSpec =
                    serde_json::from_value(place.get(&name).await["spec"].clone()).unwrap();
                let expected = tally(&spec).event() == Event::QuorumReached;
                let answer = place.status(&operator, &name, &phase("Approved")).await;
                let as_expected = match &answer {
                    Ok(_) => expected,
                    Err(kube::Error::Api(status)) => {
                        !expected && status.message.contains("the votes in spec.votes do not carry it")
                    }
                    Err(_) => false,
                };
                if !as_expected {
                    different.push(format!("{approvals} needed, veto {veto}, {votes:?}: {answer:?}"));
                }
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_approves_without_votes() {
    let place = place("unvoted").await;
    let name = place.ask(json!({})).await;
    let sly: [Value; 2] = [
        phase("Approved"),
        json!({"status": {"phase": "Approved", "tally": "1/1",
        "votes": [{"approver": "alice", "decision": "Approve", "observedAt": "2026-01-01T00:00:00Z"}]}}),
    ];
    for patch in sly {
        let answer = place.status(&account(OPERATOR), &name, &patch).await;
        super::refused(answer, super::Layer::Definition, "the votes in spec.votes do not carry it");
    }
    cast(&place, &name, 0, Yes).await;
    place.set(&name, "Approved").await;
}
