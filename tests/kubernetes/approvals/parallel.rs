//! Approvers who decide at the same moment.

use lychgate_tests_cluster::Caller;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::people::member;
use super::{approve, place, vote};

/// How many vote on each Approval. More votes than sixteen do not fit into one.
const VOTERS: usize = 10;
/// How many Approvals there are.
const APPROVALS: usize = 38;

#[tokio::test(flavor = "multi_thread")]
async fn of_380_votes_at_once_none_is_lost() {
    let place = place("parallel").await;
    let mut names = Vec::new();
    for _ in 0..APPROVALS {
        names.push(place.ask(json!({"spec": {"required": {"approvals": 5}}})).await);
    }
    let mut voting = JoinSet::new();
    for voter in 0..VOTERS {
        let voter = format!("voter-{voter}");
        let approvals = place.approvals(&member(&voter, &["dba-leads"]));
        for (number, name) in names.iter().enumerate() {
            let (approvals, name, voter) = (approvals.clone(), name.clone(), voter.clone());
            voting.spawn(async move {
                // Half of them by the mailbox, in which everybody writes the same fields.
                let patch = if number % 2 == 0 {
                    approve(&voter)
                } else {
                    json!({"spec": {"decision": "Approve", "reason": format!("read by {voter}")}})
                };
                let parameters = kube::api::PatchParams::default();
                approvals.patch(&name, &parameters, &kube::api::Patch::Merge(&patch)).await
            });
        }
    }
    let mut cast = 0;
    while let Some(answer) = voting.join_next().await {
        answer.unwrap().unwrap();
        cast += 1;
    }
    assert_eq!(cast, VOTERS * APPROVALS);
    for (number, name) in names.iter().enumerate() {
        let approval = place.get(name).await;
        let votes = approval["spec"]["votes"].as_object().unwrap();
        assert_eq!(votes.len(), VOTERS, "{votes:?}");
        for (voter, cast) in votes {
            let reason = if number % 2 == 0 { "INC-42".to_owned() } else { format!("read by {voter}") };
            assert_eq!(*cast, json!({"decision": "Approve", "reason": reason}));
        }
        assert_eq!(approval["spec"]["decision"], Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_decide_at_once_both_count() {
    let place = place("both").await;
    for _ in 0..10 {
        let name = place.ask(json!({"spec": {"required": {"approvals": 2}}})).await;
        let decide = async |who: &str, decision: &str| {
            let caller: Caller = member(who, &["dba-leads"]);
            place
                .patch(&caller, &name, &vote(who, json!({"decision": decision, "reason": "INC-42"})))
                .await
                .unwrap()
        };
        let (_, _) = tokio::join!(decide("alice", "Approve"), decide("bob", "Deny"));
        let votes = &place.get(&name).await["spec"]["votes"];
        assert_eq!([&votes["alice"]["decision"], &votes["bob"]["decision"]], ["Approve", "Deny"]);
    }
}
