//! An approval is for one call: these bytes, of a tool that is defined so.

use serde_json::json;

use super::super::people::{alice, bob};
use super::stage::{Scene, answered, refused};

/// One byte more is another call, which waits; what was approved stays for the exact one.
pub async fn bytes(scene: &Scene<'_>) {
    let (exact, other) = (json!({"message": "transfer 100"}), json!({"message": "transfer 1000"}));
    let asked = scene.asks(&exact).await;
    // Nobody waits for it any more, so that it stays approved.
    asked.answer.abort();
    scene.decide(&alice(), &asked.name, "Approve", "INC-42").await;
    scene.becomes(&asked.name, "Approved").await;

    let changed = scene.asks(&other).await;
    let digest = |approval: &serde_json::Value| approval["spec"]["request"]["digest"].clone();
    assert_ne!(digest(&changed.approval), digest(&asked.approval));
    assert_eq!(changed.approval["spec"]["request"]["arguments"], other.to_string());
    scene.decide(&bob(), &changed.name, "Deny", "too much").await;
    refused(&changed.answer.await.unwrap(), "too much");
    assert_eq!(scene.made("transfer"), 0);

    scene.becomes(&asked.name, "Approved").await;
    answered(&scene.caller.call(&exact).await, "transfer 100");
    scene.becomes(&asked.name, "Consumed").await;
    assert_eq!((scene.made("transfer"), scene.made("transfer 1000")), (1, 0));
}

/// A tool whose definition changes while people decide is not called: they have approved another one.
pub async fn definition(scene: &mut Scene<'_>) {
    let arguments = json!({"message": "hello"});
    let asked = scene.asks(&arguments).await;
    scene.server.process.tell("describe echo Sends its arguments to somebody else").await;
    scene.decide(&alice(), &asked.name, "Approve", "it only echoes").await;
    let answer = asked.answer.await.unwrap();
    refused(&answer, "the definition of its tool has changed since its approval was asked for");
    assert!(answer.contains("Repeat the call to ask anew") && answer.contains(&asked.name), "{answer}");
    assert_eq!(scene.becomes(&asked.name, "Approved").await["status"].get("consumed"), None);

    let again = scene.asks(&arguments).await;
    assert_ne!(again.approval["spec"]["request"]["digest"], asked.approval["spec"]["request"]["digest"]);
    scene.decide(&alice(), &again.name, "Approve", "I have read what it does now").await;
    answered(&again.answer.await.unwrap(), "hello");
    assert_eq!(scene.made("hello"), 1);
}

/// Under `show: Masked` nobody but the server sees what is hidden.
pub async fn masked(scene: &Scene<'_>) {
    let secrets = ["carol.customer@example.com", "4111111111111111"];
    let arguments =
        json!({"message": format!("write to {}", secrets[0]), "rows": [{"card": secrets[1]}, {"card": 7}]});
    let asked = scene.asks(&arguments).await;
    let request = &asked.approval["spec"]["request"];
    let expected = json!([{"path": "$.message", "count": 1}, {"path": "$.rows[*].card", "count": 1}]);
    assert_eq!(request["hidden"], expected, "{request}");
    let mut seen = vec![request.to_string()];
    for arguments in [
        &["get", "appr", &asked.name, "-o", "yaml", "--show-managed-fields"][..],
        &["describe", "appr", &asked.name],
        &["get", "appr", "-o", "wide"],
    ] {
        seen.push(scene.kubectl(&alice(), arguments).succeed().await);
    }
    scene.decide(&alice(), &asked.name, "Approve", "INC-42").await;
    let answer = asked.answer.await.unwrap();
    answered(&answer, "write to");
    seen.push(answer);
    assert_eq!((scene.made(secrets[0]), scene.made(secrets[1])), (1, 1), "the server sees the values");

    let used = scene.becomes(&asked.name, "Consumed").await;
    seen.push(used.to_string());
    let admin = lychgate_tests_cluster::Caller::Admin;
    let events = scene.kubectl(&admin, &["get", "events.events.k8s.io", "-o", "yaml"]).succeed().await;
    assert!(events.contains(&asked.name), "{events}");
    seen.extend([events, scene.stage.operator.log(), scene.pod.process.output()]);
    let record = scene.record();
    for kind in ["Asked", "Decided", "Request", "Response"] {
        assert!(record.contains(&format!(r#""kind":"{kind}""#)), "{kind} is not in the record: {record}");
    }
    seen.push(record);
    for (number, text) in seen.iter().enumerate() {
        let shown = secrets.iter().find(|secret| text.contains(*secret));
        assert_eq!(shown, None, "in {number}: {text}");
    }
}
