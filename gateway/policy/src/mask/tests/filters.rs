//! Paths with filters in rules: what is masked, and what is kept. What a filter finds is tested in `path`.

use serde_json::{Value, json};

use super::Setup;

fn rows() -> Value {
    json!({"rows": [
        {"type": "card", "value": "secret one"},
        {"type": "note", "value": "plain"},
        {"type": "card", "value": "secret two", "public": true},
    ], "hidden": ["card"]})
}

#[test]
fn what_a_filter_takes_is_masked_and_its_neighbours_stay() {
    for path in [
        "$.rows[?@.type == 'card'].value",
        "$..[?@.type == 'card'].value",
        "$.rows[?match(@.type, 'c.*')].value",
        "$.rows[?@.type == $.hidden[0]]['value']",
    ] {
        let setup = Setup::with_rule(json!({"fields": [{"jsonPath": path, "action": {"redact": {}}}]}));
        let mut expected = rows();
        for index in [0, 2] {
            expected["rows"][index]["value"] = json!("[REDACTED:Field]");
        }
        assert_eq!(setup.structured(rows()), expected, "{path}");
        let text = setup.content(&rows().to_string());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{path} in a text");
    }
}

#[test]
fn what_a_filter_takes_is_kept_or_goes_away() {
    let setup = Setup::with_rule(json!({
        "fields": [{"keys": ["value"], "action": {"redact": {}}}],
        "exclude": {"fields": ["$.rows[?@.public]"]},
    }));
    let masked = setup.structured(rows());
    assert_eq!(masked["rows"][0]["value"], "[REDACTED:Field]");
    assert_eq!(masked["rows"][2]["value"], "secret two");
    let path = "$.rows[?@.type == 'card']";
    let setup = Setup::with_rule(json!({"fields": [{"jsonPath": path, "action": {"drop": {}}}]}));
    assert_eq!(setup.structured(rows())["rows"], json!([{"type": "note", "value": "plain"}]));
}

#[test]
fn where_a_filter_would_look_at_too_much_more_is_masked_and_less_is_kept() {
    let content = json!({"rows": vec![json!({"a": 1}); 3000]});
    let path = "$.rows[?$..[?count($..a) == 1]].a";
    let setup = Setup::with_rule(json!({"fields": [{"jsonPath": path, "action": {"redact": {}}}]}));
    assert_eq!(setup.structured(content.clone())["rows"][2999], json!({"a": 0}));
    let setup = Setup::with_rule(json!({
        "fields": [{"keys": ["a"], "action": {"redact": {}}}],
        "exclude": {"fields": ["$.rows[?$..[?count($..a) != 1]]"]},
    }));
    assert_eq!(setup.structured(content)["rows"][2999], json!({"a": 0}));
}
