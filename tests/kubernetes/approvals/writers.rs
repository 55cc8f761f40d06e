//! Who makes an Approval, and who writes its status.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use lychgate_tests_cluster::{Caller, apply};
use serde_json::{Value, json};

use super::people::{alice, almighty};
use super::{Layer, approvals, approve, phase, place, refused, request, used};
use crate::admission::{OPERATOR, account};
use crate::chart::HOME;

#[tokio::test(flavor = "multi_thread")]
async fn approvals_are_made_by_the_gateway_of_the_connection_alone() {
    let place = place("makers").await;
    let make = async |caller: &Caller, gateway: &str, changes: Value| {
        place.create(caller, request(gateway, changes)).await
    };
    let billing = place.account_name("billing-gateway");
    refused(make(&alice(), &billing, json!({})).await, Layer::Roles, "cannot create resource");
    let words =
        "Approvals are made by gateways of their namespace, not by heidi. Call the tool through the gateway";
    refused(make(&almighty(), &billing, json!({})).await, Layer::Writers, words);
    refused(make(&Caller::Admin, &billing, json!({})).await, Layer::Writers, "not by");
    let deployer = "system:serviceaccount:deploy:deployer";
    refused(
        make(&account(deployer), deployer, json!({})).await,
        Layer::Writers,
        "by gateways of their namespace",
    );
    // An account may create, and serves nothing; another serves another connection.
    for other in ["serves-nothing", "customers-gateway"] {
        let other_name = place.account_name(other);
        let words =
            format!("{other_name} is no gateway of McpConnection billing-db: it has not the verb serve");
        refused(make(&place.account(other), &other_name, json!({})).await, Layer::Writers, &words);
    }
    // Nor does it speak in another's name.
    let words = format!("spec.request.gateway: write {billing}, who creates it");
    let other = place.account_name("customers-gateway");
    refused(make(&place.gateway(), &other, json!({})).await, Layer::Writers, &words);
    // The operator makes its canary, there, and nothing else.
    refused(
        make(&account(OPERATOR), OPERATOR, json!({})).await,
        Layer::Writers,
        "by gateways of their namespace",
    );
    let named = json!({"metadata": {"name": "lychgate-guard-canary"}});
    refused(
        make(&account(OPERATOR), OPERATOR, named).await,
        Layer::Writers,
        "by gateways of their namespace",
    );

    // What is applied and is not there would be made, too.
    let mut applied = request(&billing, json!({"metadata": {"name": "appr-applied", "generateName": null}}));
    applied["metadata"]["namespace"] = json!(place.namespace.name());
    for (who, layer, words) in [
        (alice(), Layer::Roles, "cannot create resource"),
        (almighty(), Layer::Writers, "by gateways of their namespace"),
    ] {
        let answer = apply(&place.cluster.client(&who), place.namespace.name(), &applied.to_string()).await;
        refused(answer.map(|_| json!({})), layer, words);
    }

    make(&place.gateway(), &billing, json!({})).await.unwrap();
    let customers = json!({"spec": {"request": {"connectionRef": {"name": "customers-db"}}}});
    make(&place.account("customers-gateway"), &other, customers).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_begins_without_votes_and_says_who_may_not_decide() {
    let place = place("begin").await;
    for (changes, layer, words) in [
        (approve("alice"), Layer::Votes, "an Approval begins without votes"),
        (json!({"spec": {"decision": "Approve"}}), Layer::Votes, "an Approval begins without votes"),
        (json!({"spec": {"reason": "why"}}), Layer::Votes, "an Approval begins without votes"),
        (
            json!({"spec": {"request": {"caller": {"kubernetesUsernames": []}}}}),
            Layer::Writers,
            "spec.request.caller.kubernetesUsernames: name the caller as the API server knows him",
        ),
        (
            json!({"spec": {"request": {"policyRefs": [{"namespace": "elsewhere", "name": "lenient", "uid": "1",
                "generation": 1}]}}}),
            Layer::Writers,
            "spec.request.policyRefs: only ApprovalPolicies of this namespace and of lychgate-system count",
        ),
        (json!({"spec": {"request": {"policyRefs": []}}}), Layer::Definition, "policyRefs"),
        (json!({"spec": {"request": {"gateway": null}}}), Layer::Definition, "spec.request.gateway"),
    ] {
        refused(place.try_ask(changes).await.map(Value::from), layer, words);
    }
    let of_home = json!({"spec": {"request": {"policyRefs": [{"namespace": HOME, "name": "for-all", "uid": "1",
        "generation": 1}]}}});
    place.try_ask(of_home).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_tries_the_policies_on_an_approval_of_its_own() {
    let cluster = place("tries").await.cluster;
    let canary = json!({
        "metadata": {"name": "lychgate-guard-canary", "generateName": null},
        "spec": {
            "request": {"policyRefs": [{"namespace": HOME, "name": "lychgate-guard-canary", "uid": "none",
                "generation": 0}]},
            "required": {"serviceAccounts": [OPERATOR], "groups": null, "requireReason": false},
        },
    });
    let approval = request(OPERATOR, canary);
    let operator = account(OPERATOR);
    let create = async |who: &Caller, approval: &Value| {
        let approval = serde_json::from_value(approval.clone()).unwrap();
        let created = approvals(cluster, HOME, who).create(&PostParams::default(), &approval).await;
        created.map(|created| serde_json::to_value(created).unwrap())
    };
    let words = "Approvals are made by gateways of their namespace";
    refused(create(&Caller::Admin, &approval).await, Layer::Writers, words);
    create(&operator, &approval).await.unwrap();

    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let probe = async |patch: Value| {
        let approvals = approvals(cluster, HOME, &operator);
        let answer = approvals.patch("lychgate-guard-canary", &dry, &Patch::Merge(&patch)).await;
        answer.map(|patched| serde_json::to_value(patched).unwrap())
    };
    // It decides nothing, not even there.
    let own = super::vote(OPERATOR, json!({"decision": "Approve"}));
    let words = "enforces decisions and takes none";
    refused(probe(own).await, Layer::Votes, words);
    refused(probe(json!({"spec": {"decision": "Approve"}})).await, Layer::Votes, words);
    let words = "you can vote only in your own name";
    refused(probe(approve("somebody-else")).await, Layer::Votes, words);
    let words = "labels, annotations, ownerReferences and finalizers of an Approval stay";
    refused(probe(json!({"metadata": {"labels": {"a": "b"}}})).await, Layer::Votes, words);
    approvals(cluster, HOME, &operator)
        .delete("lychgate-guard-canary", &DeleteParams::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_written_by_two_hands() {
    let place = place("hands").await;
    let name = place.ask(json!({})).await;
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    refused(place.status(&alice(), &name, &phase("Approved")).await, Layer::Roles, "cannot patch resource");
    let words = "the status is written by the operator and by the gateway that made the Approval, and not by";
    let deployer = account("system:serviceaccount:deploy:deployer");
    let strangers = [almighty(), Caller::Admin, deployer, place.account("customers-gateway")];
    for who in strangers.iter().chain([&place.account("serves-nothing")]) {
        for step in [phase("Approved"), phase("Cancelled"), json!({"status": {"tally": "9/1"}})] {
            refused(place.status(who, &name, &step).await, Layer::Writers, words);
        }
    }
    let gateway = place.gateway();
    let words = "a gateway writes only Consumed, Cancelled and Revoked";
    for step in ["Approved", "Denied", "Expired"] {
        refused(place.status(&gateway, &name, &phase(step)).await, Layer::Writers, words);
    }
    let seen = json!([{"approver": "alice", "decision": "Approve", "observedAt": "2026-01-01T00:00:00Z"}]);
    for step in [json!({"status": {"tally": "1/1"}}), json!({"status": {"votes": seen}})] {
        refused(place.status(&gateway, &name, &step).await, Layer::Writers, "are the operator's");
        place.status(&account(OPERATOR), &name, &step).await.unwrap();
    }
    let condition = |kind: &str| {
        json!({"status": {"conditions": [{"type": kind, "status": "True", "reason": "Emergency", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
    };
    let words = "a gateway writes only Recorded";
    refused(place.status(&gateway, &name, &condition("BrokenGlass")).await, Layer::Writers, words);
    place.status(&account(OPERATOR), &name, &condition("BrokenGlass")).await.unwrap();
    // What the operator said does not go with what the gateway says.
    refused(place.status(&gateway, &name, &condition("Recorded")).await, Layer::Writers, words);

    place.set(&name, "Approved").await;
    // Another gateway, and the operator, use nothing.
    let use_it = used(1, "call-1", "Consumed");
    let words = "and not by";
    for who in &strangers {
        refused(place.status(who, &name, &use_it).await, Layer::Writers, words);
    }
    let words = "the operator makes no call";
    refused(place.status(&account(OPERATOR), &name, &use_it).await, Layer::Writers, words);
    place.status(&gateway, &name, &use_it).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_no_longer_serves_is_none() {
    let place = place("no-longer").await;
    let name = place.approved(json!({})).await;
    let unbind = ["delete", "rolebinding", "serve-billing-db", "-n", place.namespace.name()];
    place.cluster.kubectl(&unbind).succeed().await;
    let words = "is no gateway of McpConnection billing-db";
    super::eventually("serve to be gone", async || place.try_ask(json!({})).await.err()).await;
    refused(place.try_ask(json!({})).await.map(Value::from), Layer::Writers, words);
    let use_it = place.status(&place.gateway(), &name, &used(1, "call-1", "Consumed")).await;
    refused(use_it, Layer::Writers, "and not by");
}
