//! Masked answers that are held to the schemas of their tools.

use serde_json::{Value, json};

use super::super::{Schema, fit, may_misfit};
use super::{Setup, parse, result};
use crate::config::Direction;
use crate::mask::{Audience, Context, Masked};

fn customers() -> Schema {
    let of = json!({
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "mail": {"type": "string", "format": "email"},
                    "tier": {"enum": ["gold", "silver"]},
                    "address": {"type": "object", "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}}, "required": ["zip"]},
                },
                "required": ["id", "mail", "tier", "address"],
                "additionalProperties": false,
            }},
            "total": {"type": "number"},
        },
        "required": ["rows"],
    });
    Schema::read(of.to_string().as_bytes()).unwrap()
}

fn row() -> Value {
    json!({"id": 7, "mail": "erin@example.com", "tier": "gold", "address": {"zip": "94107"}})
}

fn fitted(setup: &Setup, before: &str, schema: &Schema) -> Masked {
    let before = parse(before);
    let context = Context {
        audience: Audience::Caller(&setup.caller),
        direction: Direction::Response,
        operation: setup.operation.as_ref(),
        known: &setup.known,
        tokens: setup.tokens.as_ref(),
        now: 0,
    };
    let masked = setup.masked(&before);
    assert!(may_misfit(&before, &masked));
    fit(&setup.program, &context, &before, masked, schema)
}

fn answer(masked: &Masked) -> Value {
    serde_json::from_slice(masked.bytes()).unwrap()
}

#[test]
fn what_does_not_fit_is_another_and_all_else_keeps_its_spelling() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
        "fields": [
            {"jsonPath": "$.rows[*].id", "action": {"redact": {}}},
            {"jsonPath": "$.rows[*].address", "action": {"drop": {}}},
        ],
    }));
    let before = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"total": 1.50e1, "rows":[ {"id":7,"mail":"erin@example.com","tier":"gold","address":{"zip":"94107"}}]}}}"#;
    let fitted = fitted(&setup, before, &customers());
    let expected = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"total": 1.50e1, "rows":[ {"address":{"zip":"00000"},"id":1,"mail":"redacted@example.invalid","tier":"gold"}]}}}"#;
    assert_eq!(std::str::from_utf8(fitted.bytes()).unwrap(), expected);
    assert_eq!((fitted.counts()["fitted"], fitted.counts()["Email"]), (4, 1), "{:?}", fitted.counts());
    assert!(!fitted.is_unfit());
}

#[test]
fn where_nothing_fits_the_answer_says_where_and_what_to_change_and_shows_nothing() {
    let setup = Setup::with_rule(json!({"fields": [{"keys": ["tier"], "action": {"redact": {}}}]}));
    let before = result(
        json!({"content": [{"type": "text", "text": "kept"}], "structuredContent": {"rows": [row()]}}),
    );
    let fitted = fitted(&setup, &before.to_string(), &customers());
    let answer = answer(&fitted);
    assert_eq!(answer["result"]["isError"], json!(true));
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    for told in ["outputSchema", "/rows/0/tier", "masked as Field", "MaskingRules", "another action"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    for hidden in ["gold", "erin@example.com", "94107"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(answer["result"].get("structuredContent").is_none());
    assert!(fitted.is_unfit());
    assert_eq!(fitted.counts()["unfit"], 1);
}

#[test]
fn a_sample_that_a_rule_would_mask_is_not_shown() {
    let of = json!({"type": "object", "properties": {"card": {"type": "string", "pattern": "^4111 1111 1111 1111[a-z]?$"}}});
    let schema = Schema::read(of.to_string().as_bytes()).unwrap();
    let setup = Setup::redacting();
    let before = result(json!({"structuredContent": {"card": "4111 1111 1111 1111"}}));
    let fitted = fitted(&setup, &before.to_string(), &schema);
    assert_eq!(answer(&fitted)["result"]["structuredContent"], json!({}), "it is optional, and left out");
}

#[test]
fn nothing_is_asked_where_nothing_that_clients_check_was_masked() {
    let setup = Setup::redacting();
    let mail = json!([{"type": "text", "text": "erin@example.com"}]);
    for (before, is_asked) in [
        (result(json!({"content": mail, "structuredContent": {"n": 1}})), false),
        (result(json!({"content": mail})), false),
        (result(json!({"structuredContent": {"mail": "erin@example.com"}, "isError": true})), false),
        (result(json!({"structuredContent": {"n": 1}})), false),
        (json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "erin@example.com"}}), false),
        (result(json!({"structuredContent": {"mail": "erin@example.com"}})), true),
    ] {
        let before = parse(&before.to_string());
        assert_eq!(may_misfit(&before, &setup.masked(&before)), is_asked, "{before:?}");
    }
}
