//! What becomes of values: every action on every kind of JSON value, names of members, JSON inside texts.

use serde_json::{Value, json};

use super::{Setup, parse, result};

const CARD: &str = "4111111111111111";

fn field(action: Value) -> Setup {
    Setup::with_rule(json!({"fields": [{"jsonPath": "$.v", "action": action}]}))
}

fn detector(kind: &str, action: Value) -> Setup {
    Setup::with_rule(json!({"detectors": [{"type": kind, "action": action}]}))
}

#[test]
fn each_action_on_each_kind_of_value_at_a_field_keeps_the_kind() {
    let redact = json!({"redact": {}});
    let string = json!({"replace": {"string": "gone"}});
    let number = json!({"replace": {"number": 7}});
    let partial = json!({"partial": {"keepLast": 4}});
    for (action, value, expected) in [
        (&redact, json!("secret"), json!("[REDACTED:Field]")),
        (&redact, json!(""), json!("[REDACTED:Field]")),
        (&redact, json!(12.5), json!(0)),
        (&redact, json!(true), json!(false)),
        (&redact, json!(false), json!(false)),
        (&redact, json!(null), json!(null)),
        (&redact, json!({"a": 1}), json!({})),
        (&redact, json!([1, 2]), json!([])),
        (&string, json!("secret"), json!("gone")),
        (&string, json!(12), json!(0)),
        (&string, json!(true), json!(false)),
        (&string, json!(null), json!(null)),
        (&string, json!({"a": 1}), json!({})),
        (&string, json!([1, 2]), json!([])),
        (&number, json!("secret"), json!("7")),
        (&number, json!(12), json!(7)),
        (&number, json!(true), json!(false)),
        (&number, json!(null), json!(null)),
        (&number, json!({"a": 1}), json!({})),
        (&number, json!([1, 2]), json!([])),
        (&partial, json!("ab-cdefgh"), json!("**-**efgh")),
        (&partial, json!(75000), json!(10000)),
        (&partial, json!(true), json!(false)),
        (&partial, json!(null), json!(null)),
        (&partial, json!({"a": 1}), json!({})),
        (&partial, json!([1, 2]), json!([])),
    ] {
        let setup = field(action.clone());
        let masked = setup.structured(json!({"v": value, "w": value}));
        assert_eq!(masked, json!({"v": expected, "w": value}), "{action} on {value}");
        assert_eq!(setup.structured(masked.clone()), masked, "{action} on {value}, twice");
    }
}

#[test]
fn each_action_of_a_detector_works_inside_texts_in_numbers_and_in_names() {
    let redact = json!({"redact": {}});
    let string = json!({"replace": {"string": "gone"}});
    let number = json!({"replace": {"number": 7}});
    let partial = json!({"partial": {"keepLast": 4}});
    for (action, text, card_number) in [
        (&redact, "[REDACTED:CreditCard]", json!(0)),
        (&string, "gone", json!(0)),
        (&number, "7", json!(7)),
        (&partial, "************1111", json!(1_000_000_000_001_111_u64)),
    ] {
        let setup = detector("CreditCard", action.clone());
        let content = json!({
            "a": format!("x {CARD}, {CARD} y"),
            "b": 4_111_111_111_111_111_u64,
            CARD: {"c": [CARD]},
            "d": [true, null, 12, "x"],
        });
        let expected = json!({
            "a": format!("x {text}, {text} y"),
            "b": card_number,
            text: {"c": [text]},
            "d": [true, null, 12, "x"],
        });
        let masked = setup.structured(content);
        assert_eq!(masked, expected, "{action}");
        assert_eq!(setup.structured(masked.clone()), masked, "{action} twice");
    }
}

#[test]
fn the_label_of_a_number_or_text_says_what_nine_digits_are() {
    let setup = detector("UsSsn", json!({"redact": {}}));
    let content = json!({"ssn": 123_456_789, "ids": ["123456789"], "userSsn": ["123456789", {"id": "123456789"}], "n": 123_456_789});
    let expected = json!({"ssn": 0, "ids": ["123456789"], "userSsn": ["[REDACTED:UsSsn]", {"id": "123456789"}], "n": 123_456_789});
    assert_eq!(setup.structured(content), expected);
}

#[test]
fn numbers_are_seen_in_every_spelling() {
    let setup = detector("CreditCard", json!({"redact": {}}));
    let message = r#"{"jsonrpc":"2.0","id":4111111111111111,"result":{"structuredContent":[4.111111111111111e15,-4111111111111111.0,0.4111111111111111,41111111111111110]}}"#;
    let expected = r#"{"jsonrpc":"2.0","id":4111111111111111,"result":{"structuredContent":[0,0,0.4111111111111111,41111111111111110]}}"#;
    assert_eq!(setup.text(message), expected);
}

#[test]
fn names_that_become_equal_are_numbered() {
    let setup = detector("Email", json!({"redact": {}}));
    let masked = setup.structured(json!({
        "ada@example.com": 1, "bob@example.com": 2, "eve@example.com": 3, "[REDACTED:Email]~2": 4, "plain": 5,
    }));
    let expected = json!({
        "[REDACTED:Email]": 1, "[REDACTED:Email]~3": 2, "[REDACTED:Email]~4": 3, "[REDACTED:Email]~2": 4, "plain": 5,
    });
    assert_eq!(masked, expected);
    assert_eq!(setup.structured(masked.clone()), masked);
}

#[test]
fn json_in_a_text_is_masked_like_the_same_structured_content() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
        "fields": [
            {"jsonPath": "$.rows[*].salary", "action": {"replace": {"number": 0}}},
            {"keys": ["*password*"], "action": {"redact": {}}},
        ],
    }));
    let content = json!({
        "rows": [{"name": "Ada", "salary": 75000, "mail": "ada@example.com", "dbPassword": "x"}, {"salary": "80000"}],
        "salary": 3, "PASSWORDS": ["a", "b"], "eve@example.com": null,
    });
    let answer = setup.json(&result(json!({
        "content": [
            {"type": "text", "text": content.to_string()},
            {"type": "resource", "resource": {"uri": "file:///a.json", "text": format!(" {:#}\n", content)}},
        ],
        "structuredContent": content,
    })));
    let expected = json!({
        "rows": [
            {"name": "Ada", "salary": 0, "mail": "[REDACTED:Email]", "dbPassword": "[REDACTED:Field]"},
            {"salary": "0"},
        ],
        "salary": 3, "PASSWORDS": [], "[REDACTED:Email]": null,
    });
    assert_eq!(answer["result"]["structuredContent"], expected);
    for text in [&answer["result"]["content"][0]["text"], &answer["result"]["content"][1]["resource"]["text"]]
    {
        assert_eq!(serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap(), expected);
    }
}

#[test]
fn json_in_json_is_opened_three_levels_deep_and_masked_as_text_below() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "CreditCard", "action": {"redact": {}}}],
        "fields": [{"keys": ["pin"], "action": {"redact": {}}}],
    }));
    let mut content = json!({"pin": "1234", "card": format!("a\n{CARD}")});
    let mut expected = json!({"pin": "[REDACTED:Field]", "card": "a\n[REDACTED:CreditCard]"});
    for level in 1..=3 {
        content = json!({"inner": content.to_string()});
        expected = json!({"inner": expected.to_string()});
        assert_eq!(setup.structured(content.clone()), expected, "level {level}");
    }
    let too_deep = json!({"inner": content.to_string()});
    let masked = setup.structured(too_deep).to_string();
    assert!(!masked.contains(CARD) && masked.contains("1234"), "{masked}");
}

#[test]
fn a_text_that_only_lenient_readers_take_for_json_is_redacted_whole() {
    let setup = Setup::with_rule(json!({"fields": [{"keys": ["pin"], "action": {"redact": {}}}]}));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for text in [r#"{"pin":"1","pin":"2"}"#, r#"{"pin":"\ud800"}"#, &deep] {
        assert_eq!(setup.content(text), "[REDACTED:unreadable]");
    }
    for text in ["{pin}", "[1, 2", "{\"pin\": \"1\"", "[link](x)", "{}", "[]", "{{ pin }}"] {
        assert_eq!(setup.content(text), text);
    }
}

#[test]
fn where_nothing_is_found_the_bytes_are_the_same() {
    let setup = Setup::redacting();
    let text =
        r#"{ "jsonrpc":"2.0", "id": 1,"result":{"content":[{"type":"text","text":"{\"a\" : 1}"}],"x":1.50}}"#;
    let message = parse(text);
    let masked = setup.masked(&message);
    assert_eq!(masked.bytes().as_ptr(), message.bytes().as_ptr());
    assert_eq!(masked.bytes(), message.bytes());
    assert!(masked.counts().is_empty() && !masked.is_refusal());
}

#[test]
fn what_is_not_masked_keeps_its_bytes() {
    let setup = Setup::redacting();
    let text = r#"{ "jsonrpc":"2.0", "id":1 , "result":{"a\u0062":1.50,"content":[ {"text":"ada@example.com \/"} ]}}"#;
    let expected = r#"{ "jsonrpc":"2.0", "id":1 , "result":{"a\u0062":1.50,"content":[ {"text":"[REDACTED:Email] /"} ]}}"#;
    assert_eq!(setup.text(text), expected);
}

#[test]
fn masks_are_counted_by_kind() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"group": "PersonalData", "action": {"redact": {}}}],
        "fields": [{"keys": ["pin", "list"], "action": {"redact": {}}}],
    }));
    let message = result(json!({"structuredContent": {
        "a": "ada@example.com bob@example.com", "pin": "1", "list": [1], "c": 4_111_111_111_111_111_u64, "eve@example.com": 0,
    }}));
    let masked = setup.masked(&parse(&message.to_string()));
    let counts: Vec<_> = masked.counts().iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, [("CreditCard", 1), ("Email", 3), ("Field", 2)]);
}

#[test]
fn a_name_that_is_masked_and_long_says_the_same_of_its_value_when_it_is_masked_again() {
    let setup = Setup {
        known: vec![crate::mask::Known::new("test", "correct-horse-battery")],
        ..detector("Password", json!({"redact": {}}))
    };
    let name = format!("correct-horse-battery{}private key", "4".repeat(60));
    let once = setup.structured(json!({name: "hunter2-hunter2"}));
    assert_eq!(setup.structured(once.clone()), once);
    assert!(!once.to_string().contains("hunter2"), "{once}");
}
