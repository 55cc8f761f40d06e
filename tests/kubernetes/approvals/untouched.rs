//! Everything but one's own vote stays as it is.

use serde_json::json;

use super::people::{alice, almighty};
use super::{Layer, approve, merge, place, refused};
use lychgate_tests_cluster::Caller;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_and_what_it_takes_never_change() {
    let place = place("frozen").await;
    let name = place.ask(json!({"spec": {"required": {"approvals": 2}}})).await;
    for (change, words) in [
        (json!({"request": {"tool": "drop_table"}}), "what is asked never changes"),
        (json!({"request": {"arguments": "{}"}}), "what is asked never changes"),
        (json!({"request": {"arguments": null}}), "what is asked never changes"),
        (json!({"request": {"digest": super::DIGEST.replace("ab", "cd")}}), "what is asked never changes"),
        (json!({"request": {"caller": {"kubernetesUsernames": ["nobody"]}}}), "what is asked never changes"),
        (
            json!({"request": {"gateway": place.account_name("customers-gateway")}}),
            "what is asked never changes",
        ),
        (
            json!({"request": {"policyRefs": [{"namespace": place.namespace.name(), "name": "other", "uid": "1",
            "generation": 1}]}}),
            "what is asked never changes",
        ),
        (json!({"required": {"approvals": 1}}), "never changes; change the ApprovalPolicy"),
        (
            json!({"required": {"groups": ["dba-leads", "almighty"]}}),
            "never changes; change the ApprovalPolicy",
        ),
        (
            json!({"required": {"deadline": "2999-02-01T00:00:00Z"}}),
            "never changes; change the ApprovalPolicy",
        ),
        (json!({"required": {"grant": {"uses": 100}}}), "never changes; change the ApprovalPolicy"),
        (json!({"required": {"requireReason": false}}), "never changes; change the ApprovalPolicy"),
    ] {
        for who in [alice(), almighty(), place.gateway(), Caller::Admin] {
            // With a vote of one's own beside it, too.
            let mut patch = json!({"spec": change});
            refused(place.patch(&who, &name, &patch).await, Layer::Definition, words);
            merge(&mut patch, &approve("alice"));
            refused(place.patch(&who, &name, &patch).await, Layer::Definition, words);
        }
    }
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_annotations_finalizers_and_owners_stay() {
    let place = place("metadata").await;
    let marked = json!({"metadata": {
        "labels": {"team": "billing"}, "annotations": {"note": "a"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Namespace", "name": "elsewhere", "uid": "1"}],
    }});
    // Nothing is collected whose owner stands: that one does not matter here, since it was never there.
    let bare = json!({"metadata": {"labels": marked["metadata"]["labels"], "annotations": marked["metadata"]["annotations"]}});
    let name = place.ask(bare).await;
    for change in [
        json!({"labels": {"team": "other"}}),
        json!({"labels": null}),
        json!({"labels": {"argocd.argoproj.io/instance": "billing"}}),
        json!({"annotations": {"note": null}}),
        json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
        json!({"finalizers": ["example.com/stay"]}),
        json!({"ownerReferences": marked["metadata"]["ownerReferences"]}),
    ] {
        let words = "labels, annotations, ownerReferences and finalizers of an Approval stay as they are";
        let mut patch = json!({"metadata": change});
        for who in [alice(), almighty(), place.gateway(), Caller::Admin] {
            refused(place.patch(&who, &name, &patch).await, Layer::Votes, words);
        }
        merge(&mut patch, &approve("alice"));
        refused(place.patch(&alice(), &name, &patch).await, Layer::Votes, words);
    }
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    let words = "metadata.finalizers: leave them out";
    let held = place.try_ask(json!({"metadata": {"finalizers": ["example.com/stay"]}})).await;
    refused(held.map(serde_json::Value::from), Layer::Writers, words);
}
