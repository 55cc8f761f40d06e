//! What becomes of tokens on the way to the server, where they stay, and what is told of those that do not open.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "values are written where they are passed")]

use std::sync::Arc;

use lychgate_gateway_mcp::message::Message;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MAXIMUM_VALUES, restored};
use crate::config::{Action, Closed, Detector, DetectorType, Direction, GatewayConfig, Grant, MaskingRule};
use crate::mask::Tokens;
use crate::mask::token::tests::session;
use crate::testing::{approval, approval_policy, caller, config, message, policy, request};
use crate::{Call, Decision, DenialReason, Operation, Permit, decide};

fn token(value: &str) -> String {
    session(&[1]).seal(value).unwrap()
}

fn asked(method: &str, params: &Value) -> Message {
    message(&request(method, &params.to_string()))
}

/// What the `params` of a message become in the session.
fn meant(method: &str, params: &Value) -> Result<Value, String> {
    let message = asked(method, params);
    let restored = restored(&message, Some(&session(&[1]))).map_err(|unopened| unopened.sentence())?;
    let bytes = restored.map_or_else(|| message.bytes().clone(), |restored| restored.message.bytes().clone());
    Ok(serde_json::from_slice::<Value>(&bytes).unwrap()["params"].take())
}

#[test]
fn a_token_is_turned_back_in_what_a_server_works_with_and_nowhere_else() {
    let ada = &token("Ada \"L\"");
    let nested = |name: &str| json!({"rows": [{"to": name, "again": json!([name]).to_string()}]}).to_string();
    for (method, written, expected) in [
        ("tools/call", json!({"arguments": {"to": ada}}), json!({"arguments": {"to": "Ada \"L\""}})),
        (
            "tools/call",
            json!({"arguments": {"a": [format!("to {ada}, {ada}!"), 1, null]}}),
            json!({"arguments": {"a": ["to Ada \"L\", Ada \"L\"!", 1, null]}}),
        ),
        (
            "tools/call",
            json!({"arguments": {"a": nested(ada)}}),
            json!({"arguments": {"a": nested("Ada \"L\"")}}),
        ),
        (
            "prompts/get",
            json!({"name": ada, "arguments": {"a": ada}}),
            json!({"name": ada, "arguments": {"a": "Ada \"L\""}}),
        ),
        ("resources/read", json!({"uri": format!("db://{ada}")}), json!({"uri": "db://Ada \"L\""})),
        (
            "completion/complete",
            json!({"ref": {"name": ada}, "argument": {"name": ada, "value": ada}, "context": {"arguments": {"a": ada}}}),
            json!({
                "ref": {"name": ada}, "argument": {"name": ada, "value": "Ada \"L\""},
                "context": {"arguments": {"a": "Ada \"L\""}},
            }),
        ),
        (
            "tools/call",
            json!({"inputResponses": {"q": {"action": "accept", "content": {"name": ada}}}, "requestState": ada}),
            json!({"inputResponses": {"q": {"action": "accept", "content": {"name": "Ada \"L\""}}}, "requestState": ada}),
        ),
        (
            "subscriptions/listen",
            json!({"notifications": {"resourceSubscriptions": [format!("db://{ada}")]}}),
            json!({"notifications": {"resourceSubscriptions": ["db://Ada \"L\""]}}),
        ),
        ("tools/call", json!({"_meta": {"progressToken": ada}}), json!({"_meta": {"progressToken": ada}})),
        (
            "tools/call",
            json!({"arguments": {"a": "[TOKEN:yours]"}}),
            json!({"arguments": {"a": "[TOKEN:yours]"}}),
        ),
    ] {
        assert_eq!(meant(method, &written), Ok(expected), "{method} {written}");
    }
    let answer =
        message(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": {"name": ada}}}).to_string());
    let restored = restored(&answer, Some(&session(&[1]))).unwrap().unwrap();
    assert!(String::from_utf8_lossy(restored.message.bytes()).contains(r#""name":"Ada \"L\"""#));
}

#[test]
fn a_token_in_other_letters_of_json_is_one() {
    let escaped = token("Ada").replace("[TOKEN", r"\u005bT\u004fKEN");
    let message = message(&request("tools/call", &format!(r#"{{"arguments":{{"a":"{escaped}"}}}}"#)));
    let restored = restored(&message, Some(&session(&[1]))).unwrap().unwrap();
    assert!(String::from_utf8_lossy(restored.message.bytes()).contains(r#"{"a":"Ada"}"#));
}

#[test]
fn what_does_not_open_is_told_with_its_place_and_never_passes() {
    let (own, foreign) = (token("Ada"), session(&[2]).seal("Ada").unwrap());
    let cut = own.get(..own.len() - 1).unwrap();
    for (arguments, place) in [
        (json!({"to": foreign}), "params.arguments.to holds a [TOKEN:…] that stands for no value here"),
        (json!({"rows": [1, {"to": format!("a {foreign}")}]}), "params.arguments.rows[1].to holds"),
        (json!({"0815": foreign}), "params.arguments.* holds"),
        (json!({"to": cut}), "params.arguments.to holds"),
        (json!({"to": "[TOKEN:0123456789abcdef]"}), "params.arguments.to holds"),
        (json!({"to": json!({"inner": foreign}).to_string()}), "params.arguments.to.inner holds"),
        (json!({"a": {&own: 1}}), "a name in params.arguments.a holds"),
    ] {
        let told = meant("tools/call", &json!({"arguments": arguments})).unwrap_err();
        assert!(told.starts_with("Not sent: ") && told.contains(place), "{told}");
        assert!(!told.contains(&own) && !told.contains(&foreign), "{told}");
    }
    let values =
        |count: usize| -> Vec<String> { (0..count).map(|number| token(&format!("no. {number}"))).collect() };
    let twice = [values(MAXIMUM_VALUES), values(MAXIMUM_VALUES)].concat();
    assert!(meant("tools/call", &json!({"arguments": twice})).is_ok());
    let told = meant("tools/call", &json!({"arguments": values(MAXIMUM_VALUES + 1)})).unwrap_err();
    assert!(told.contains("params.arguments[64]") && told.contains("more than 64"), "{told}");
}

fn decided(change: impl FnOnce(&mut GatewayConfig), arguments: Value, tokens: Option<Tokens>) -> Decision {
    let policy = policy(change);
    let params = json!({"name": "send", "arguments": arguments});
    let call = Call::new(asked("tools/call", &params)).unwrap().in_session(tokens.map(Arc::new));
    decide(&policy, &caller("alice", &[]), call, &[], 0)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn masking(kind: DetectorType, action: Action, direction: Direction) -> MaskingRule {
    MaskingRule {
        name: "r".into(),
        directions: vec![direction],
        detectors: vec![Detector { kind: Some(kind), group: None, action }],
        ..MaskingRule::default()
    }
}

#[test]
fn what_is_judged_and_sent_is_the_value_and_what_is_recorded_is_the_token() {
    let mail = "ada@example.com";
    let conditional = |config: &mut GatewayConfig| {
        config.access = vec![Grant { when: Some(format!("args.to == '{mail}'")), ..config.access.remove(0) }];
        config.masking = vec![masking(DetectorType::Email, Action::Tokenize {}, Direction::Response)];
    };
    let arguments = json!({"to": token(mail), "cc": "ben@example.com"});
    let Decision::Allow(permit) = decided(conditional, arguments, Some(session(&[1]))) else {
        panic!("denied")
    };
    assert!(text(permit.outbound()).contains(mail) && !permit.is_masked());
    for shown in
        [text(permit.told()), text(permit.recorded().unwrap().bytes()), text(permit.call().message().bytes())]
    {
        assert!(shown.contains(&token(mail)) && !shown.contains(mail), "{shown}");
    }
    let recorded = text(permit.recorded().unwrap().bytes());
    assert!(recorded.contains(&token("ben@example.com")), "the record shows no address: {recorded}");
    assert_eq!(permit.call().restored_values().count(), 1);
    let Decision::Deny(denial) =
        decided(conditional, json!({"to": token("ben@example.com")}), Some(session(&[1])))
    else {
        panic!("not denied")
    };
    assert_eq!(denial.reason(), DenialReason::ConditionUnmet);
}

#[test]
fn a_token_that_does_not_open_denies_the_call_after_grants_and_whatever_the_rules_are() {
    let reason =
        |change: fn(&mut GatewayConfig), tokens| match decided(change, json!({"to": token("Ada")}), tokens) {
            Decision::Deny(denial) => {
                assert!(!text(denial.call().message().bytes()).contains("Ada"));
                Some((denial.reason(), denial.sentence().is_some()))
            }
            Decision::Allow(_) | Decision::Ask(_) => None,
        };
    assert_eq!(reason(|_| {}, Some(session(&[1]))), None);
    let unknown = Some((DenialReason::UnknownToken, true));
    assert_eq!(reason(|_| {}, Some(session(&[2]))), unknown, "another session's");
    assert_eq!(reason(|_| {}, None), unknown, "on a connection that makes none");
    assert_eq!(reason(|config| config.access.clear(), None), Some((DenialReason::NoAccess, false)));
    assert_eq!(
        reason(|config| config.closed = Some(Closed::Suspended), None),
        Some((DenialReason::Suspended, false))
    );
}

#[test]
fn what_must_not_reach_the_server_does_not_as_a_token_either() {
    let mail = "ada@example.com";
    let rule = |action| {
        move |config: &mut GatewayConfig| {
            config.masking = vec![masking(DetectorType::Email, action, Direction::Request)];
        }
    };
    let arguments = json!({"to": token(mail)});
    let Decision::Allow(permit) = decided(rule(Action::Redact {}), arguments.clone(), Some(session(&[1])))
    else {
        panic!("denied")
    };
    let sent = text(permit.outbound());
    assert!(permit.is_masked() && sent.contains("[REDACTED:Email]") && !sent.contains(mail), "{sent}");
    assert!(text(permit.told()).contains(&token(mail)));
    let Decision::Deny(denial) = decided(rule(Action::Block {}), arguments, Some(session(&[1]))) else {
        panic!("not denied")
    };
    assert_eq!(denial.reason(), DenialReason::ValueBlocked);
    assert!(!denial.sentence().unwrap().contains(mail));
}

#[test]
fn a_call_that_waits_is_told_with_tokens_and_opens_a_permit_with_values() {
    let asking = |config: &mut GatewayConfig| config.approval = Some(approval(vec![approval_policy("one")]));
    let Decision::Ask(ask) = decided(asking, json!({"to": token("Ada")}), Some(session(&[1]))) else {
        panic!("no ask")
    };
    assert!(text(ask.outbound()).contains(r#""to":"Ada""#));
    assert!(text(ask.told()).contains(&token("Ada")) && !text(ask.told()).contains("Ada"));
}

#[test]
fn a_resource_is_granted_by_the_uri_that_it_has() {
    let mut config = config();
    config.access = vec![Grant {
        tools: vec![],
        resources: vec!["db://customers/ada*".into()],
        ..config.access.remove(0)
    }];
    let policy = crate::compile(config).unwrap();
    let read = |value: &str| -> Option<Permit> {
        let params = json!({"uri": format!("db://customers/{}", token(value))});
        let call = Call::new(asked("resources/read", &params)).unwrap();
        let call = call.in_session(Some(Arc::new(session(&[1]))));
        match decide(&policy, &caller("alice", &[]), call, &[], 0) {
            Decision::Allow(permit) => Some(permit),
            Decision::Ask(_) | Decision::Deny(_) => None,
        }
    };
    let permit = read("ada@example.com").unwrap();
    assert_eq!(permit.call().meant(), &Operation::Resource { uri: "db://customers/ada@example.com".into() });
    assert!(permit.call().operation().target().unwrap().contains("[TOKEN:"));
    let header = permit.call().restored_text(permit.call().operation().target().unwrap()).unwrap();
    assert_eq!(header, "db://customers/ada@example.com");
    assert!(read("ben@example.com").is_none());
}

proptest! {
    #[test]
    fn what_became_tokens_is_itself_again_in_its_session_and_nothing_in_another(
        values in prop::collection::vec(".{3,30}", 1..5), before in "[^\\[{]{0,8}", key in 2_u8..,
    ) {
        let values: Vec<&String> = values.iter().filter(|value| value.len() >= 3).collect();
        let written = values.iter().map(|value| format!("{before}{}", token(value)));
        let params = json!({"arguments": {"a": written.collect::<Vec<_>>()}});
        let expected: Vec<String> = values.iter().map(|value| format!("{before}{value}")).collect();
        prop_assert_eq!(meant("tools/call", &params), Ok(json!({"arguments": {"a": expected}})));
        let message = asked("tools/call", &params);
        prop_assert!(restored(&message, Some(&session(&[key]))).is_err());
        prop_assert!(restored(&message, None).is_err());
    }
}
