//! A policy that is tightened after it was asked for, or even approved: what was approved by the old one opens nothing.

use serde_json::{Value, json};

use super::super::people::{alice, bob, erin};
use super::stage::{Scene, answered, refused};

/// More approvals, other approvers, and a caller who may not call any more.
pub async fn policy(scene: &Scene<'_>) {
    more_approvals(scene).await;
    other_approvers(scene).await;
    narrowed_grant(scene).await;
}

/// Whether a document has the policy in this generation.
fn has_policy(generation: i64) -> impl Fn(&Value) -> bool {
    move |document| document["approval"]["policies"][0]["generation"] == generation
}

async fn more_approvals(scene: &Scene<'_>) {
    let arguments = json!({"message": "quorum"});
    let asked = scene.asks(&arguments).await;
    let generation =
        scene.edit("approvalpolicy", "billing-writes", &json!({"required": {"approvals": 2}})).await;
    let answer = asked.answer.await.unwrap();
    refused(&answer, "was withdrawn, since the policies that ask for approval have changed");
    assert!(answer.contains(&asked.name), "{answer}");
    let gone = scene.becomes(&asked.name, "Cancelled").await;
    let conditions = gone["status"]["conditions"].to_string();
    assert!(conditions.contains("PolicyChanged"), "{conditions}");

    scene.syncs(has_policy(generation)).await;
    let asked = scene.asks(&arguments).await;
    scene.decide(&alice(), &asked.name, "Approve", "INC-42").await;
    let is_counted = |approval: &Value| approval["status"]["tally"] == "1/2";
    let counted = scene.shows(&asked.name, is_counted, "half approved").await;
    assert_eq!(counted["status"]["phase"], "Pending", "one of two is not enough");
    assert!(!asked.answer.is_finished() && scene.made("quorum") == 0);
    scene.decide(&bob(), &asked.name, "Approve", "INC-42").await;
    answered(&asked.answer.await.unwrap(), "quorum");
    assert_eq!(scene.becomes(&asked.name, "Consumed").await["status"]["tally"], "2/2");
    assert_eq!(scene.made("quorum"), 1);
}

async fn other_approvers(scene: &Scene<'_>) {
    let arguments = json!({"message": "approvers"});
    let asked = scene.asks(&arguments).await;
    asked.answer.abort();
    for who in [alice(), bob()] {
        scene.decide(&who, &asked.name, "Approve", "INC-42").await;
    }
    scene.becomes(&asked.name, "Approved").await;
    let spec = json!({"approvers": {"groups": ["oncall"]}, "breakGlass": null, "required": {"approvals": 1}});
    let generation = scene.edit("approvalpolicy", "billing-writes", &spec).await;
    scene.becomes(&asked.name, "Revoked").await;
    scene.syncs(has_policy(generation)).await;

    let again = scene.asks(&arguments).await;
    let patch = r#"{"spec":{"decision":"Approve","reason":"as before"}}"#;
    let vote = ["patch", "appr", &again.name, "--type=merge", "-p", patch];
    let refusal = scene.kubectl(&alice(), &vote).fail().await;
    assert!(refusal.contains("are in no group that decides here, which are: oncall"), "{refusal}");
    assert_eq!(scene.made("approvers"), 0);
    scene.decide(&erin(), &again.name, "Approve", "INC-42").await;
    answered(&again.answer.await.unwrap(), "approvers");
    assert_eq!(scene.made("approvers"), 1);
}

async fn narrowed_grant(scene: &Scene<'_>) {
    let [approved, held] = ["narrow approved", "narrow held"].map(|message| json!({"message": message}));
    let first = scene.asks(&approved).await;
    first.answer.abort();
    scene.decide(&erin(), &first.name, "Approve", "INC-42").await;
    scene.becomes(&first.name, "Approved").await;
    let second = scene.asks(&held).await;
    let access = json!({"access": [{"groups": ["system:serviceaccounts"], "tools": ["customers"]}]});
    scene.edit("mcpconnection", "customers", &access).await;
    let changed = "was withdrawn, since its connection has changed";
    refused(&second.answer.await.unwrap(), changed);
    scene.becomes(&first.name, "Revoked").await;
    // The gateway does not know of it yet, and asks by the document of before: that is withdrawn as well.
    let stale = scene.caller.call(&approved).await;
    refused(&stale, changed);
    assert!(!stale.contains(&first.name), "{stale}");

    let tools = |document: &Value| document["access"][0]["tools"] == json!(["customers"]);
    scene.syncs(tools).await;
    for arguments in [&approved, &held] {
        let answer = scene.caller.call(arguments).await;
        assert!(answer.contains("Unknown tool: echo"), "{answer}");
    }
    assert_eq!(scene.made("narrow"), 0);
}
