//! How many decide, how often a call runs, and what becomes of calls that wait when their gateway ends.

use lychgate_tests_cluster::Caller;
use serde_json::{Value, json};

use super::super::people::{alice, bob, erin};
use super::stage::{Scene, answered, refused};
use crate::support::eventually;

/// One person alone, in an emergency: never silent, and never the caller himself.
pub async fn break_glass(scene: &Scene<'_>) {
    let asked = scene.asks(&json!({"message": "emergency"})).await;
    let vote = |who: &str, vote: Value| json!({"spec": {"votes": {who: vote}}}).to_string();
    let patch =
        |patch: String| ["patch", "appr", &asked.name, "--type=merge", "-p", &patch].map(str::to_owned);
    let glass = json!({"decision": "Approve", "breakGlass": true, "reason": "INC-42, all leads asleep"});
    let agent = format!("system:serviceaccount:{}:agent", scene.namespace);
    let himself = Caller::impersonated(&agent, &["system:authenticated", "oncall"]);
    let silent = json!({"decision": "Approve", "breakGlass": true});
    let plain = json!({"decision": "Approve", "reason": "I may, may I not"});
    for (who, name, cast, expected) in [
        (&himself, agent.as_str(), &glass, "your own call"),
        (&erin(), "erin", &silent, "needs a reason"),
        (&erin(), "erin", &plain, "you may approve only in an emergency"),
        (&alice(), "alice", &glass, "breakGlass: true is for members of"),
    ] {
        let arguments = patch(vote(name, cast.clone()));
        let refusal = scene.kubectl(who, &arguments.each_ref().map(String::as_str)).fail().await;
        assert!(refusal.contains(expected), "not `{expected}`: {refusal}");
    }
    assert_eq!(scene.made("emergency"), 0);
    let arguments = patch(vote("erin", glass));
    scene.kubectl(&erin(), &arguments.each_ref().map(String::as_str)).succeed().await;
    answered(&asked.answer.await.unwrap(), "emergency");

    let used = scene.becomes(&asked.name, "Consumed").await;
    let conditions = used["status"]["conditions"].as_array().unwrap();
    let glass = conditions.iter().find(|condition| condition["type"] == "BrokenGlass").unwrap();
    assert!(glass["status"] == "True" && glass["message"].as_str().unwrap().contains("erin"), "{glass}");
    let regarding = format!("regarding.name={},reason=BrokenGlass", asked.name);
    let events =
        ["get", "events.events.k8s.io", "--field-selector", &regarding, "-o", "jsonpath={.items[*].type}"];
    eventually("the Event", async || {
        let types = scene.kubectl(&Caller::Admin, &events).succeed().await;
        (types == "Warning").then_some(())
    })
    .await;
    let metrics = scene.stage.operator.metrics().await.unwrap();
    let counted =
        format!("lychgate_operator_approvals_broken_glass_total{{namespace=\"{}\"}} 1", scene.namespace);
    assert!(metrics.contains(&counted), "{metrics}");
    let record = scene.record();
    let votes = r#""votes":[{"approver":"erin","approves":true,"reason":"INC-42, all leads asleep","emergency":true}]"#;
    assert!(record.contains(votes), "{record}");
}

/// Three uses are three calls; a Deny after the first stops the second.
pub async fn uses(scene: &Scene<'_>) {
    let arguments = json!({"message": "often"});
    let asked = scene.asks(&arguments).await;
    scene.decide(&alice(), &asked.name, "Approve", "three times").await;
    answered(&asked.answer.await.unwrap(), "often");
    for count in 2..=3 {
        answered(&scene.caller.call(&arguments).await, "often");
        let is_used = |approval: &Value| approval["status"]["consumed"]["count"] == count;
        scene.shows(&asked.name, is_used, "used").await;
    }
    scene.becomes(&asked.name, "Consumed").await;
    assert_eq!(scene.made("often"), 3);

    let fourth = scene.asks(&arguments).await;
    assert_ne!(fourth.name, asked.name);
    scene.decide(&alice(), &fourth.name, "Approve", "three more").await;
    answered(&fourth.answer.await.unwrap(), "often");
    scene.decide(&bob(), &fourth.name, "Deny", "enough").await;
    let revoked = scene.becomes(&fourth.name, "Revoked").await;
    assert_eq!(revoked["status"]["consumed"]["count"], 1);
    let fifth = scene.asks(&arguments).await;
    assert_ne!(fifth.name, fourth.name);
    scene.decide(&bob(), &fifth.name, "Deny", "still enough").await;
    refused(&fifth.answer.await.unwrap(), "still enough");
    assert_eq!(scene.made("often"), 4);
}

/// A gateway that ends tells those who wait how to go on, and the next one goes on.
pub async fn drain(scene: Scene<'_>) {
    let [one, other] = ["one", "other"].map(|message| json!({"message": message}));
    let (first, second) = (scene.asks(&one).await, scene.asks(&other).await);
    let (pod, code) = scene.pod.end_and_start().await;
    let scene = Scene { pod, ..scene };
    assert_eq!(code, Some(0), "it ends by itself");
    let mut names = Vec::new();
    for asked in [first, second] {
        let answer = asked.answer.await.unwrap();
        refused(&answer, "repeat the very same call");
        assert!(answer.contains(&format!("drain/{}", asked.name)), "{answer}");
        names.push(asked.name);
    }
    scene.decide(&alice(), &names[0], "Approve", "INC-42").await;
    scene.becomes(&names[0], "Approved").await;
    eventually("the next gateway", async || {
        scene.pod.process.output().contains("policy in use").then_some(())
    })
    .await;
    assert_eq!(scene.made("one"), 0, "nothing runs without its caller");
    answered(&scene.caller.call(&one).await, "one");
    scene.becomes(&names[0], "Consumed").await;

    // What still waits is joined, and not asked twice.
    let again = tokio::spawn({
        let caller = std::sync::Arc::clone(&scene.caller);
        async move { caller.call(&other).await }
    });
    scene.decide(&alice(), &names[1], "Approve", "INC-42").await;
    answered(&again.await.unwrap(), "other");
    assert_eq!(scene.approvals().await.len(), 2);
    assert_eq!((scene.made("one"), scene.made("other")), (1, 1));
}
