//! Known credentials never pass, whatever the rules say and wherever they stand.

use serde_json::{Value, json};

use super::{Setup, notification, request, result};
use crate::call::{ListKind, Operation};
use crate::config::Direction;
use crate::mask::{Known, base64};

const VALUE: &str = "s3cr3t/Value+of\"the-test";
const MARK: &str = "[REDACTED:credential]";

/// No rule counts at all.
fn setup() -> Setup {
    Setup { known: vec![Known::new("billing", VALUE)], ..Setup::with_rules(json!([])) }
}

#[test]
fn a_credential_is_masked_in_texts_names_and_nested_json() {
    for (content, expected) in [
        (json!({"a": VALUE}), json!({"a": MARK})),
        (json!({"a": [format!("Bearer {VALUE}")]}), json!({"a": [format!("Bearer {MARK}")]})),
        (json!({VALUE: 1, format!("x{VALUE}"): 2}), json!({MARK: 1, format!("x{MARK}"): 2})),
        (json!({"a": json!({"b": VALUE}).to_string()}), json!({"a": json!({"b": MARK}).to_string()})),
        (json!({"a": "/?k=s3cr3t%2FValue%2Bof%22the-test"}), json!({"a": format!("/?k={MARK}")})),
        (json!({"a": base64::encode(VALUE.as_bytes())}), json!({"a": MARK})),
        (json!({"a": "s3cr3t"}), json!({"a": "s3cr3t"})),
    ] {
        assert_eq!(setup().structured(content), expected);
    }
    let basic = format!("Basic {}", base64::encode(format!("user:{VALUE}").as_bytes()));
    assert_eq!(setup().content(&basic), "Basic dXNlcj[REDACTED:credential]");
    let cut = json!({"a": VALUE}).to_string();
    let cut = cut.trim_end_matches('}');
    assert_eq!(setup().content(cut), format!("{{\"a\":\"{MARK}\""));
}

#[test]
fn a_credential_that_is_one_long_word_is_masked_where_no_word_is_long() {
    let token = "abcdefghijklmnopqrstuvwxyz0123456789";
    let percent: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for text in [percent, format!("/?token={token}"), format!("ab%20{token}")] {
        let setup = Setup { known: vec![Known::new("billing", token)], ..Setup::with_rules(json!([])) };
        let masked = setup.content(&text);
        assert!(masked.ends_with(MARK), "{masked}");
    }
}

#[test]
fn a_credential_hides_in_nothing_that_a_server_writes_like_a_mark() {
    let credential = "0123456789abcdef";
    let setup = Setup { known: vec![Known::new("billing", credential)], ..Setup::with_rules(json!([])) };
    for [before, behind] in
        [["[HASH:", "]"], ["[HASH:", "0123]"], ["[HASH:beef", "]"], ["[REDACTED:", "]"], ["[TOKEN:", "]"]]
    {
        let masked = setup.content(&format!("it is {before}{credential}{behind} ok"));
        assert_eq!(masked, format!("it is {before}{MARK}{behind} ok"));
        assert_eq!(setup.content(&masked), masked);
    }
}

#[test]
fn no_place_is_spared() {
    for message in [
        json!({"jsonrpc": "2.0", "id": VALUE, "result": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": VALUE}),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": VALUE, "data": VALUE}}),
        result(json!({"nextCursor": VALUE, "requestState": VALUE, "inputRequests": {VALUE: {}}})),
        result(
            json!({"tools": [{"name": VALUE, "inputSchema": {"properties": {VALUE: {"enum": [VALUE]}}, "required": [VALUE]}}]}),
        ),
        result(json!({"content": [{"type": VALUE, "mimeType": VALUE}]})),
        result(json!({"content": [{"type": "image", "data": VALUE}]})),
        request("tools/call", json!({"name": VALUE, "arguments": {VALUE: VALUE}})),
        notification(
            "x",
            json!({"_meta": {"progressToken": VALUE, "io.modelcontextprotocol/related-task": {"taskId": VALUE}}}),
        ),
        json!({"jsonrpc": "2.0", "method": "x", VALUE: VALUE}),
    ] {
        for operation in [None, Some(Operation::List(ListKind::Tools))] {
            let masked = Setup { operation, ..setup() }.text(&message.to_string());
            let mark = [MARK.to_owned(), base64::encode(MARK.as_bytes())];
            assert!(!masked.contains("s3cr3t") && mark.iter().any(|mark| masked.contains(mark)), "{masked}");
        }
    }
}

#[test]
fn binary_content_that_holds_a_credential_becomes_a_mask_that_is_base64() {
    let content = base64::encode(format!("binary {VALUE} binary").as_bytes());
    let masked = setup().json(&result(json!({"content": [{"type": "image", "data": content}]})));
    assert_eq!(masked["result"]["content"][0]["data"], base64::encode(MARK.as_bytes()));
}

#[test]
fn a_credential_wins_over_every_rule_and_every_exclusion() {
    let rules = json!([
        {"detectors": [{"type": "Email", "action": {"partial": {"keepLast": 8}}}], "exclude": {"values": {"regex": [".*"]}}},
        {"fields": [{"keys": ["a"], "action": {"replace": {"string": VALUE}}}], "exclude": {"fields": ["$.b"]}},
    ]);
    let setup = Setup { known: vec![Known::new("billing", VALUE)], ..Setup::with_rules(rules) };
    let masked = setup.structured(json!({"a": "x", "b": VALUE, "c": format!("ada.{VALUE}@example.com")}));
    assert_eq!(masked, json!({"a": MARK, "b": MARK, "c": format!("ada.{MARK}@example.com")}));
}

#[test]
fn numbers_that_are_a_credential_become_zero() {
    let setup = Setup { known: vec![Known::new("pin", "123456789012")], ..Setup::with_rules(json!([])) };
    assert_eq!(setup.structured(json!({"a": 123_456_789_012_u64, "b": 12})), json!({"a": 0, "b": 12}));
}

#[test]
fn a_short_credential_is_masked_where_it_stands_alone_and_names_stay() {
    let setup = Setup {
        known: vec![Known::new("pin", "query")],
        direction: Direction::Request,
        ..Setup::with_rules(json!([]))
    };
    let masked = setup.json(&request(
        "tools/call",
        json!({"name": "query", "arguments": {"query": "query", "a": "a query", "b": "Bearer query"}}),
    ));
    let expected =
        json!({"name": "query", "arguments": {"query": MARK, "a": "a query", "b": format!("Bearer {MARK}")}});
    assert_eq!(masked["params"], expected);
}

#[test]
fn a_credential_that_is_a_word_of_our_masks_does_no_harm() {
    let known = vec![Known::new("a", "credential"), Known::new("b", "REDACTED")];
    let setup = Setup { known, ..Setup::with_rules(json!([])) };
    let masked = setup.structured(json!({"a": "a credential is REDACTED"}));
    assert_eq!(masked, json!({"a": format!("a {MARK} is {MARK}")}));
    assert_eq!(setup.structured(masked.clone()), masked);
}

#[test]
fn masks_are_counted_by_the_credentials_name() {
    let message =
        super::parse(&result(json!({"content": [VALUE, {"type": "image", "data": VALUE}]})).to_string());
    let masked = setup().masked(&message);
    assert_eq!(masked.counts().get("credential:billing"), Some(&2));
    assert!(!format!("{masked:?}").contains("s3cr3t"));
    let _: Value = serde_json::from_slice(masked.bytes()).unwrap();
}
