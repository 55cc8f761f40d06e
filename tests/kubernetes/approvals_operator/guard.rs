//! The guard of votes: without it nothing is approved, and what was voted on while it was away is withdrawn.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::api::{Api, DeleteParams};
use kube::api::{Patch, PatchParams};
use lychgate_tests_cluster::eventually;
use serde_json::json;

use super::desk::{Desk, LONG, approve};
use crate::support::tenant::Tenant;
use crate::support::{PATIENCE, cluster};

#[tokio::test(flavor = "multi_thread")]
async fn without_admission_policies_no_vote_counts() {
    let cluster = cluster().await;
    let desk = Desk { tenant: Tenant::new(cluster, "unguarded").await, cluster };
    let operator = desk.tenant.operator().lead().await;
    desk.demand().await;
    let message = desk.is_guarded("False NotGuarded").await;
    // Which of them is missed first is not said.
    let expected = format!(".{} is not there", desk.suffix());
    assert!(message.contains(&expected) && message.contains("admissionPolicies.enabled"), "{message}");

    desk.ask("appr-a-1", LONG).await;
    desk.vote("alice", "appr-a-1", &approve()).await;
    let status = desk.becomes("appr-a-1", "Cancelled").await;
    assert!(status.get("votes").is_none(), "{status}");
    desk.are_told("appr-a-1", &[("Warning Cancelled", 1)]).await;
    let metrics = operator.metrics().await.unwrap();
    assert!(metrics.contains("lychgate_operator_approvals_guarded 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_binding_is_away_what_is_voted_on_is_withdrawn_and_afterwards_votes_count_again() {
    let (desk, operator) = Desk::open("lapse").await;
    for name in ["appr-old-1", "appr-untouched-1", "appr-new-1"] {
        desk.ask(name, LONG).await;
        desk.shows(name, |status| status["tally"] == "0/2").await;
    }
    // Before it is gone the policies stand in the way of what is forged afterwards.
    assert!(desk.try_vote("mallory", "alice", "appr-new-1", &approve()).await.is_err());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(desk.cluster.admin());
    let binding = format!("approval-votes.{}", desk.suffix());
    bindings.delete(&binding, &DeleteParams::default()).await.unwrap();
    let message = desk.is_guarded("False NotGuarded").await;
    assert!(
        message.contains(&format!("ValidatingAdmissionPolicyBinding {binding} is not there")),
        "{message}"
    );
    // Enforcement ends a moment after the binding is gone.
    eventually("a forged vote", PATIENCE, async || {
        desk.try_vote("mallory", "alice", "appr-new-1", &approve()).await.map_err(|error| error.to_string())
    })
    .await;
    desk.becomes("appr-new-1", "Cancelled").await;
    desk.are_told("appr-new-1", &[("Warning Cancelled", 1)]).await;

    desk.guard().await;
    desk.is_guarded("True AdmissionGuarded").await;
    assert!(desk.try_vote("mallory", "alice", "appr-untouched-1", &approve()).await.is_err());
    for voter in ["alice", "ben"] {
        desk.vote(voter, "appr-untouched-1", &approve()).await;
    }
    desk.becomes("appr-untouched-1", "Approved").await;
    assert_eq!(desk.tenant.get("Approval", "appr-old-1").await["status"]["phase"], "Pending");
    let metrics = operator.metrics().await.unwrap();
    assert!(metrics.contains("lychgate_operator_approvals_guarded 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_the_last_seconds_before_a_lapse_is_revoked() {
    let (desk, _operator) = Desk::open("revoke").await;
    desk.ask("appr-a-1", LONG).await;
    for voter in ["alice", "ben"] {
        desk.vote(voter, "appr-a-1", &approve()).await;
    }
    desk.becomes("appr-a-1", "Approved").await;
    // Nobody is exempted by a probe: this is seen in the policy itself.
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(desk.cluster.admin());
    let exempt = json!({"spec": {"matchConditions": [{"name": "not-alice", "expression": "request.userInfo.username != 'alice'"}]}});
    let name = format!("approval-votes.{}", desk.suffix());
    policies.patch(&name, &PatchParams::default(), &Patch::Merge(exempt)).await.unwrap();
    let message = desk.is_guarded("False NotGuarded").await;
    assert!(message.contains("exempts somebody or something (spec.matchConditions)"), "{message}");
    desk.becomes("appr-a-1", "Revoked").await;
    desk.are_told("appr-a-1", &[("Normal Approved", 1), ("Warning Revoked", 1)]).await;
}
