//! What a vote may be, and what may become of it.

use serde_json::{Value, json};

use super::people::{alice, almighty, bob};
use super::{DIGEST, Layer, approve, deny, place, refused, vote};
use crate::admission::{OPERATOR, account};

#[tokio::test(flavor = "multi_thread")]
async fn an_approve_may_become_a_deny_and_nothing_else() {
    let place = place("changes").await;
    let name = place.ask(json!({"spec": {"required": {"approvals": 2}}})).await;
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    for other in [
        json!({"reason": "INC-44"}),
        json!({"reason": null}),
        json!({"digest": DIGEST}),
        json!({"breakGlass": false}),
    ] {
        let words = "a vote that was cast can only become a Deny";
        refused(place.patch(&alice(), &name, &vote("alice", other)).await, Layer::Definition, words);
    }
    // The same vote again is no change.
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    place.patch(&alice(), &name, &deny("alice")).await.unwrap();
    for back in [approve("alice"), vote("alice", json!({"reason": "INC-44"}))] {
        refused(place.patch(&alice(), &name, &back).await, Layer::Definition, "a Deny cannot be taken back");
        let everything = almighty();
        refused(
            place.patch(&everything, &name, &back).await,
            Layer::Definition,
            "a Deny cannot be taken back",
        );
    }
    place.set(&name, "Denied").await;
    let name = place.ask(json!({})).await;
    place.patch(&bob(), &name, &approve("bob")).await.unwrap();
    place.set(&name, "Approved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_and_a_digest_are_required_where_the_policies_say_so() {
    let place = place("reasons").await;
    let name = place.ask(json!({})).await;
    for reason in [json!({}), json!({"reason": ""}), json!({"reason": " \t"})] {
        for decision in ["Approve", "Deny"] {
            let mut silent = reason.clone();
            silent["decision"] = json!(decision);
            let refusal = place.patch(&alice(), &name, &vote("alice", silent)).await;
            refused(
                refusal,
                Layer::Votes,
                "a reason is required, such as the number of a ticket: kubectl patch",
            );
        }
    }
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    let lenient = place.ask(json!({"spec": {"required": {"requireReason": false}}})).await;
    place.patch(&alice(), &lenient, &vote("alice", json!({"decision": "Approve"}))).await.unwrap();

    let strict = place.ask(json!({"spec": {"required": {"requireDigest": true}}})).await;
    let words = "your vote must repeat the digest of what you have read";
    refused(place.patch(&alice(), &strict, &approve("alice")).await, Layer::Votes, words);
    let with =
        |digest: &str| vote("alice", json!({"decision": "Approve", "reason": "INC-42", "digest": digest}));
    let stale = DIGEST.replace("ab", "cd");
    let words = format!("a vote has the digest of another request; this one has {DIGEST}");
    refused(place.patch(&alice(), &strict, &with(&stale)).await, Layer::Definition, &words);
    // Where none is needed, a wrong one is still wrong.
    let name = place.ask(json!({})).await;
    refused(place.patch(&alice(), &name, &with(&stale)).await, Layer::Definition, &words);
    for name in [strict, name] {
        place.patch(&alice(), &name, &with(DIGEST)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deny_after_an_approve_stops_the_call() {
    let place = place("after-all").await;
    // Two uses, so that a Deny between them counts, too.
    let name = place.approved(json!({"spec": {"required": {"grant": {"uses": 2}}}})).await;
    place.status(&place.gateway(), &name, &super::used(1, "call-1", "Approved")).await.unwrap();
    place.patch(&bob(), &name, &deny("bob")).await.unwrap();
    let words = "the votes in spec.votes do not carry it";
    for last in ["Approved", "Consumed"] {
        let second = place.status(&place.gateway(), &name, &super::used(2, "call-2", last)).await;
        refused(second, Layer::Definition, words);
    }
    // What happened is still told, before and after the operator has seen the Deny.
    let told = json!({"status": {"conditions": [{"type": "Recorded", "status": "True", "reason": "Recorded",
        "message": "call-1", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    place.status(&place.gateway(), &name, &told).await.unwrap();
    place.set(&name, "Revoked").await;
    let words = "only an Approval that is Approved can be used";
    let late = place.status(&place.gateway(), &name, &super::used(2, "call-2", "Revoked")).await;
    refused(late, Layer::Definition, words);

    // Where a Deny is no veto, another Approve makes up for it.
    let lenient = json!({"spec": {"required": {"denyIsVeto": false, "approvals": 1}}});
    let name = place.ask(lenient).await;
    place.patch(&bob(), &name, &deny("bob")).await.unwrap();
    let early = place.status(&account(OPERATOR), &name, &super::phase("Approved")).await;
    refused(early, Layer::Definition, "the votes in spec.votes do not carry it");
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    place.set(&name, "Approved").await;
    let _: Value =
        place.status(&place.gateway(), &name, &super::used(1, "call-1", "Consumed")).await.unwrap();
}
