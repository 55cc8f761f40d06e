//! The life of an Approval: votes, deadlines, the end, and an operator that begins anew.

use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use super::desk::{Desk, LONG, after, approve, deny};
use crate::support::PATIENCE;
use crate::support::manifests::{command_rule, targets};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_approve_and_one_who_denies_after_all_takes_it_back() {
    let (desk, operator) = Desk::open("decide").await;
    desk.ask("appr-a-1", LONG).await;
    desk.shows("appr-a-1", |status| status["tally"] == "0/2").await;
    desk.vote("alice", "appr-a-1", &approve()).await;
    let status = desk.shows("appr-a-1", |status| status["tally"] == "1/2").await;
    assert_eq!((&status["phase"], &status["votes"][0]["approver"]), (&json!("Pending"), &json!("alice")));

    desk.vote("ben", "appr-a-1", &approve()).await;
    let status = desk.becomes("appr-a-1", "Approved").await;
    let voters: Vec<&Value> =
        status["votes"].as_array().unwrap().iter().map(|vote| &vote["approver"]).collect();
    assert_eq!((voters, &status["tally"]), (vec![&json!("alice"), &json!("ben")], &json!("2/2")));
    assert!(status["decidedAt"].is_string(), "{status}");
    desk.are_told("appr-a-1", &[("Normal Approved", 1)]).await;

    desk.vote("ben", "appr-a-1", &deny()).await;
    let status = desk.becomes("appr-a-1", "Revoked").await;
    assert_eq!(status["tally"], "1/2");
    desk.are_told("appr-a-1", &[("Normal Approved", 1), ("Warning Revoked", 1)]).await;

    let metrics = operator.metrics().await.unwrap();
    for phase in ["Approved", "Revoked"] {
        let labels = format!("{{namespace=\"{}\",phase=\"{phase}\"}} 1", desk.name());
        assert!(
            metrics.contains(&format!("lychgate_operator_approval_decisions_total{labels}")),
            "{metrics}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_deny_is_enough_and_one_in_an_emergency_is_never_silent() {
    let (desk, operator) = Desk::open("emergency").await;
    desk.ask("appr-deny-1", LONG).await;
    desk.vote("alice", "appr-deny-1", &approve()).await;
    desk.vote("ben", "appr-deny-1", &deny()).await;
    desk.becomes("appr-deny-1", "Denied").await;
    desk.are_told("appr-deny-1", &[("Normal Denied", 1)]).await;

    desk.ask("appr-glass-1", LONG).await;
    let alone = json!({"decision": "Approve", "reason": "INC-1", "breakGlass": true});
    desk.vote("omar", "appr-glass-1", &alone).await;
    let status = desk.becomes("appr-glass-1", "Approved").await;
    assert_eq!((&status["tally"], &status["conditions"][0]["type"]), (&json!("1/2"), &json!("BrokenGlass")));
    desk.are_told("appr-glass-1", &[("Normal Approved", 1), ("Warning BrokenGlass", 1)]).await;
    let labels = format!("{{namespace=\"{}\"}} 1", desk.name());
    let metrics = operator.metrics().await.unwrap();
    assert!(
        metrics.contains(&format!("lychgate_operator_approvals_broken_glass_total{labels}")),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decides_or_uses_in_time_expires() {
    let (desk, _operator) = Desk::open("expire").await;
    desk.ask("appr-late-1", 2).await;
    desk.becomes("appr-late-1", "Expired").await;
    desk.are_told("appr-late-1", &[("Normal Expired", 1)]).await;

    desk.ask_for("appr-unused-1", &json!({"approvals": 1, "grant": {"uses": 1, "validFor": "2s"}})).await;
    desk.vote("alice", "appr-unused-1", &approve()).await;
    desk.becomes("appr-unused-1", "Expired").await;
    desk.are_told("appr-unused-1", &[("Normal Approved", 1), ("Normal Expired", 1)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_collected_and_what_a_gateway_uses_is_left_to_it() {
    let (desk, _operator) = Desk::open("collect").await;
    let minutes = 60;
    let recorded = json!([{
        "type": "Recorded", "status": "True", "reason": "Recorded", "message": "", "lastTransitionTime": after(0),
    }]);
    for (name, decided, conditions) in [
        ("appr-recorded-1", -11 * minutes, &recorded),
        ("appr-fresh-1", -minutes, &recorded),
        ("appr-unrecorded-1", -11 * minutes, &json!([])),
        ("appr-forgotten-1", -25 * 60 * minutes, &json!([])),
    ] {
        desk.ask(name, LONG).await;
        desk.shows(name, |status| status["tally"] == "0/2").await;
        let status = json!({"phase": "Denied", "decidedAt": after(decided), "conditions": conditions});
        desk.write_status(name, &status).await;
    }
    desk.ask_for("appr-used-1", &json!({"approvals": 1, "grant": {"uses": 2, "validFor": "1h"}})).await;
    desk.vote("alice", "appr-used-1", &approve()).await;
    desk.becomes("appr-used-1", "Approved").await;
    let used = json!({"at": after(0), "replica": "pod", "callId": "c1", "count": 1});
    desk.write_status("appr-used-1", &json!({"consumed": used})).await;

    for name in ["appr-recorded-1", "appr-forgotten-1"] {
        eventually(&format!("{name} to be collected"), PATIENCE, async || {
            desk.tenant.find("Approval", name).await.map_or(Ok(()), |found| Err(found["status"].to_string()))
        })
        .await;
    }
    for name in ["appr-fresh-1", "appr-unrecorded-1"] {
        assert_eq!(desk.tenant.get("Approval", name).await["status"]["phase"], "Denied");
    }
    // A use is the gateway's: it is counted, and the rest may be used still.
    let status = desk.tenant.get("Approval", "appr-used-1").await["status"].clone();
    assert_eq!((&status["phase"], &status["consumed"]["count"]), (&json!("Approved"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_begins_anew_takes_up_what_was_voted_meanwhile_and_tells_nothing_twice() {
    let (desk, operator) = Desk::open("again").await;
    desk.ask("appr-before-1", LONG).await;
    desk.vote("alice", "appr-before-1", &approve()).await;
    desk.vote("ben", "appr-before-1", &approve()).await;
    desk.becomes("appr-before-1", "Approved").await;
    desk.are_told("appr-before-1", &[("Normal Approved", 1)]).await;
    desk.ask("appr-during-1", LONG).await;
    desk.vote("alice", "appr-during-1", &approve()).await;
    desk.shows("appr-during-1", |status| status["tally"] == "1/2").await;
    operator.kill().await;

    desk.vote("ben", "appr-during-1", &approve()).await;
    let _next = desk.tenant.operator().lead().await;
    let status = desk.becomes("appr-during-1", "Approved").await;
    assert_eq!(status["votes"].as_array().unwrap().len(), 2);
    desk.are_told("appr-during-1", &[("Normal Approved", 1)]).await;
    desk.are_told("appr-before-1", &[("Normal Approved", 1)]).await;
    assert_eq!(desk.tenant.get("Approval", "appr-before-1").await["status"]["phase"], "Approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_a_connection_or_a_policy_that_is_another_now_is_withdrawn() {
    let (desk, operator) = Desk::open("withdraw").await;
    let withdrawn = async |name: &str, phase: &str, reason: &str| {
        let status = desk.becomes(name, phase).await;
        let condition = &status["conditions"][0];
        assert_eq!((&condition["type"], &condition["reason"]), (&json!("Withdrawn"), &json!(reason)));
        assert!(condition["message"].as_str().unwrap().starts_with("the "), "{condition}");
    };
    for (kind, name, spec, reason) in [
        (
            "McpConnection",
            "db",
            json!({"access": [{"groups": ["leads"], "tools": ["*"]}]}),
            "ConnectionChanged",
        ),
        ("ApprovalPolicy", "writes", json!({"required": {"approvals": 3}}), "PolicyChanged"),
    ] {
        let [pending, approved] =
            ["pending", "approved"].map(|what| format!("{what}-{}", kind.to_lowercase()));
        desk.ask(&pending, LONG).await;
        desk.ask(&approved, LONG).await;
        for voter in ["alice", "ben"] {
            desk.vote(voter, &approved, &approve()).await;
        }
        desk.becomes(&approved, "Approved").await;
        desk.tenant.edit(kind, name, json!({"spec": spec})).await;
        withdrawn(&pending, "Cancelled", reason).await;
        withdrawn(&approved, "Revoked", reason).await;
        desk.are_told(&pending, &[("Normal Cancelled", 1)]).await;
        desk.are_told(&approved, &[("Normal Approved", 1), ("Warning Revoked", 1)]).await;
    }

    // One that a gateway asks for by the document of before is withdrawn as soon as it is there.
    let mut late = desk.approval("late", &json!({"deadline": after(LONG)})).await;
    late["spec"]["request"]["policyRefs"][0]["generation"] = json!(1);
    desk.create(&late).await;
    withdrawn("late", "Cancelled", "PolicyChanged").await;

    // So is one at which a CommandRule looked that is another now.
    desk.tenant.apply(&[command_rule("sql", targets("db"))]).await;
    let metadata = desk.tenant.get("CommandRule", "sql").await["metadata"].clone();
    let mut judged = desk.approval("judged", &json!({"deadline": after(LONG)})).await;
    judged["spec"]["request"]["commandRefs"] = json!([{
        "namespace": desk.name(), "name": "sql", "uid": metadata["uid"], "generation": metadata["generation"],
    }]);
    desk.create(&judged).await;
    desk.shows("judged", |status| status["tally"] == "0/2").await;
    desk.tenant.edit("CommandRule", "sql", json!({"spec": {"onUnknownTool": "Deny"}})).await;
    withdrawn("judged", "Cancelled", "PolicyChanged").await;

    for name in ["waits", "unseen"] {
        desk.ask(name, LONG).await;
        desk.shows(name, |status| status["tally"] == "0/2").await;
    }
    desk.tenant.delete("ApprovalPolicy", "writes").await;
    withdrawn("waits", "Cancelled", "PolicyGone").await;
    withdrawn("unseen", "Cancelled", "PolicyGone").await;
    desk.demand().await;
    desk.ask("again", LONG).await;
    desk.shows("again", |status| status["tally"] == "0/2").await;
    operator.kill().await;
    // Nobody looks: what the next operator finds is gone.
    desk.tenant.delete("McpConnection", "db").await;
    let _next = desk.tenant.operator().lead().await;
    withdrawn("again", "Cancelled", "ConnectionGone").await;
}
