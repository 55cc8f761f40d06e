//! `spec.decision`: with the MutatingAdmissionPolicy it becomes a vote, without it a refusal that says what to write.

use serde_json::json;

use super::people::{alice, almighty, bob, carol, member};
use super::{Layer, place, place_without_mailbox, refused};
use crate::admission::account;

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_becomes_the_vote_of_who_sends_it() {
    let place = place("mailbox").await;
    let name = place.ask(json!({"spec": {"required": {"approvals": 2}}})).await;
    place.decide(&alice(), &name, "Approve", "INC-42").await.unwrap();
    // Names in which JSON pointers would see more.
    let odd = "oidc:a/b~1c@example.com";
    place.decide(&member(odd, &["dba-leads"]), &name, "Approve", "INC-43").await.unwrap();
    let approval = place.get(&name).await;
    let expected = json!({
        "alice": {"decision": "Approve", "reason": "INC-42"}, odd: {"decision": "Approve", "reason": "INC-43"},
    });
    assert_eq!(approval["spec"]["votes"], expected);
    assert_eq!([&approval["spec"]["decision"], &approval["spec"]["reason"]], [&json!(null), &json!(null)]);
    // Once more is no other vote, and the other way round is.
    place.decide(&alice(), &name, "Approve", "INC-42").await.unwrap();
    let words = "a vote that was cast can only become a Deny";
    refused(place.decide(&alice(), &name, "Approve", "INC-44").await, Layer::Definition, words);
    place.decide(&alice(), &name, "Deny", "INC-44").await.unwrap();
    refused(
        place.decide(&alice(), &name, "Approve", "INC-45").await,
        Layer::Definition,
        "a Deny cannot be taken back",
    );
    assert_eq!(place.get(&name).await["spec"]["votes"]["alice"]["decision"], "Deny");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_held_to_every_rule_for_votes() {
    let place = place("mailbox-rules").await;
    let name = place.ask(json!({})).await;
    refused(
        place.decide(&almighty(), &name, "Approve", "why").await,
        Layer::Votes,
        "in no group that decides",
    );
    refused(place.decide(&carol(), &name, "Approve", "why").await, Layer::Votes, "in no group that decides");
    refused(place.decide(&alice(), &name, "Approve", " ").await, Layer::Votes, "a reason is required");
    refused(place.decide(&alice(), &name, "Perhaps", "why").await, Layer::Definition, "Unsupported value");
    let silent = json!({"spec": {"decision": "Approve"}});
    refused(place.patch(&alice(), &name, &silent).await, Layer::Votes, "a reason is required");
    let alone = json!({"spec": {"reason": "why"}});
    refused(place.patch(&alice(), &name, &alone).await, Layer::Votes, "spec.reason goes with a decision");
    let hidden = place.decide(&alice(), &name, "Approve", "fine\u{202e}").await;
    refused(hidden, Layer::Definition, "direction-changing character");
    // Beside a vote in another's name it is no cover.
    let both = json!({"spec": {"decision": "Approve", "reason": "why", "votes": {"bob": {"decision": "Approve",
        "reason": "why"}}}});
    refused(place.patch(&alice(), &name, &both).await, Layer::Votes, "that is alice, not bob");
    place.decide(&alice(), &name, "Approve", "why").await.unwrap();

    // It says nothing of what was read: where a digest is required, the voter says it.
    let strict = place.ask(json!({"spec": {"required": {"requireDigest": true}}})).await;
    let words = "your vote must repeat the digest of what you have read";
    refused(place.decide(&alice(), &strict, "Approve", "why").await, Layer::Votes, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_policy_a_decision_is_refused_with_the_vote_to_write() {
    let place = place_without_mailbox("no-mailbox").await;
    let name = place.ask(json!({})).await;
    let words = "nothing on this cluster turns spec.decision into a vote";
    for who in [alice(), bob(), almighty(), account("system:serviceaccount:deploy:deployer")] {
        refused(place.decide(&who, &name, "Approve", "why").await, Layer::Votes, words);
    }
    let refusal = place.decide(&alice(), &name, "Approve", "why").await.unwrap_err().to_string();
    super::commands::run_pasted(&place, &alice(), &refusal).await;
    let votes = &place.get(&name).await["spec"]["votes"];
    assert_eq!(*votes, json!({"alice": {"decision": "Approve", "reason": "why"}}));
}
