//! What has ended stays ended, and nobody but the operator deletes it.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use serde_json::json;

use super::people::{alice, almighty, bob};
use super::{Layer, Place, approve, deny, phase, place, refused, used};
use crate::admission::{OPERATOR, account};
use crate::support::eventually;
use lychgate_tests_cluster::Caller;

/// An Approval in each final phase.
async fn ended(place: &Place) -> Vec<(&'static str, String)> {
    let mut ended = Vec::new();
    for last in ["Denied", "Expired", "Cancelled"] {
        let name = place.ask(json!({})).await;
        place.set(&name, last).await;
        ended.push((last, name));
    }
    let name = place.approved(json!({})).await;
    place.set(&name, "Revoked").await;
    ended.push(("Revoked", name));
    let name = place.approved(json!({})).await;
    place.status(&place.gateway(), &name, &used(1, "call-1", "Consumed")).await.unwrap();
    ended.push(("Consumed", name));
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_final_phase_nothing_moves() {
    let place = place("ended").await;
    for (last, name) in ended(&place).await {
        let words = format!("this Approval is {last} for good, so that no vote counts any more");
        refused(place.patch(&bob(), &name, &approve("bob")).await, Layer::Definition, &words);
        refused(place.patch(&alice(), &name, &deny("alice")).await, Layer::Definition, &words);
        refused(place.decide(&bob(), &name, "Approve", "too late").await, Layer::Definition, &words);
        for who in [account(OPERATOR), place.gateway()] {
            let anew = place.status(&who, &name, &phase("Pending")).await;
            refused(anew, Layer::Definition, &format!("an Approval that is {last} cannot become Pending"));
            // Without a status it would be Pending, as in its first moment.
            let anew = place.status(&who, &name, &json!({"status": null})).await;
            refused(anew, Layer::Definition, &format!("an Approval that is {last} cannot become Pending"));
        }
        // What became of it can still be told.
        let condition = json!({"status": {"conditions": [{"type": "Recorded", "status": "True", "reason": "Recorded",
            "message": "in the record", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
        place.status(&place.gateway(), &name, &condition).await.unwrap();
        assert_eq!(place.get(&name).await["status"]["phase"], last);
    }
    // The same decision on one that has not ended.
    let name = place.ask(json!({})).await;
    place.patch(&bob(), &name, &approve("bob")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_deletes_and_namespaces_still_end() {
    let place = place("deletion").await;
    let name = place.ask(json!({})).await;
    let parameters = DeleteParams::default();
    let words = "Approvals are deleted by the operator, when they are final and in the record, and not by";
    let refused_to = async |who: Caller, layer: Layer, words: &str| {
        let answer = place.approvals(&who).delete(&name, &parameters).await;
        refused(answer.map(|_| json!({})), layer, words);
        let all = place.approvals(&who).delete_collection(&parameters, &ListParams::default()).await;
        refused(all.map(|_| json!({})), layer, words);
    };
    refused_to(alice(), Layer::Roles, "cannot delete").await;
    refused_to(place.gateway(), Layer::Roles, "cannot delete").await;
    refused_to(almighty(), Layer::Writers, words).await;
    refused_to(account("system:serviceaccount:deploy:deployer"), Layer::Writers, words).await;
    refused_to(Caller::Admin, Layer::Writers, words).await;
    place.approvals(&account(OPERATOR)).delete(&name, &parameters).await.unwrap();

    // Nobody gives one an owner whose end would end it. A gateway may when it makes it, and then it goes with its owner.
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}});
    let created = place.cluster.kubectl(&["create", "-n", place.namespace.name(), "-f", "-", "-o", "json"]);
    let owner = created.input(&owner.to_string()).succeed().await;
    let owner: serde_json::Value = serde_json::from_str(&owner).unwrap();
    let owners =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}]);
    let unowned = place.ask(json!({})).await;
    let owned = place.ask(json!({"metadata": {"ownerReferences": owners}})).await;
    let patch = json!({"metadata": {"ownerReferences": owners}});
    let words = "labels, annotations, ownerReferences and finalizers of an Approval stay as they are";
    refused(place.patch(&almighty(), &unowned, &patch).await, Layer::Votes, words);
    let foreground = PropagationPolicy::Foreground;
    let parameters = DeleteParams { propagation_policy: Some(foreground), ..DeleteParams::default() };
    place.approvals(&account(OPERATOR)).delete(&unowned, &parameters).await.unwrap();
    place.cluster.kubectl(&["delete", "configmap", "owner", "-n", place.namespace.name()]).succeed().await;
    eventually("the Approval to go with its owner", async || {
        place.approvals(&Caller::Admin).get_opt(&owned).await.unwrap().is_none().then_some(())
    })
    .await;

    let _pending = place.ask(json!({})).await;
    place.namespace.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_pending_from_its_first_moment() {
    let place = place("first").await;
    // Whoever makes it cannot make it approved.
    let name = place
        .ask(
            json!({"status": {"phase": "Approved", "consumed": {"at": "2026-01-01T00:00:00Z", "replica": "a",
            "callId": "b", "count": 1}}}),
        )
        .await;
    let made = place.get(&name).await;
    assert_eq!(made["status"], json!({"phase": "Pending"}));
    let pending = ListParams::default().fields("status.phase=Pending");
    let waiting = place.approvals(&alice()).list(&pending).await.unwrap();
    assert!(waiting.items.iter().any(|approval| approval.metadata.name.as_deref() == Some(name.as_str())));
    // A vote that brings a phase with it is a vote, and no more.
    let mut sly = approve("alice");
    sly["status"] = json!({"phase": "Approved"});
    place.patch(&alice(), &name, &sly).await.unwrap();
    assert_eq!(place.get(&name).await["status"]["phase"], "Pending");
    let sly = json!({"spec": {"required": {"approvals": 1}, "votes": {"bob": {"decision": "Approve"}}},
        "metadata": {"labels": {"a": "b"}}, "status": {"phase": "Approved"}});
    let approvals = place.approvals(&account(OPERATOR));
    approvals.patch_status(&name, &PatchParams::default(), &Patch::Merge(&sly)).await.unwrap();
    let written = place.get(&name).await;
    assert_eq!(written["status"]["phase"], "Approved");
    assert_eq!(written["metadata"]["labels"], json!(null), "who writes the status writes nothing else");
    assert_eq!(written["spec"]["votes"].as_object().unwrap().len(), 1);
}
