//! What a rule describes itself: what is found of it, where, and what stays.

use serde_json::{Value, json};

use super::{Setup, parse, result};

/// With one rule for one description, to which the members of `custom` are added.
fn setup(custom: Value) -> Setup {
    let mut whole = json!({"name": "own", "action": {"redact": {}}});
    whole.as_object_mut().unwrap().extend(custom.as_object().unwrap().clone());
    Setup::with_rule(json!({"custom": [whole]}))
}

/// Asserts that of each text exactly what stands between `«` and `»` is masked.
fn assert_marked(setup: &Setup, rows: &[&str]) {
    for row in rows {
        let text = row.replace(['«', '»'], "");
        let mut expected = String::new();
        for (index, part) in row.split(['«', '»']).enumerate() {
            expected.push_str(if index % 2 == 0 { part } else { "[REDACTED:own]" });
        }
        assert_eq!(setup.content(&text), expected, "{row}");
    }
}

#[test]
fn what_matches_is_masked_and_what_only_looks_like_it_stays() {
    assert_marked(
        &setup(json!({"regex": r"\bE-\d{6}\b"})),
        &[
            "«E-123456»",
            "ask «E-123456» and «E-000001», please",
            "E-12345, E-1234567, XE-123456, e-123456",
            "key=«E-123456»",
            "no number",
            "{\"a\":\"«E-123456»\",\"b\":[\"x «E-654321»\"]}",
            "{\"cut\":\"«E-123456»",
        ],
    );
    assert_marked(
        &setup(json!({"terms": ["Blue Heron", "Blue", "C++", "größe"], "ignoreCase": true})),
        &["the «blue heron» is «BLUE»", "Blues, bluest", "«c++»; «Größe»", "größer"],
    );
    assert_marked(&setup(json!({"terms": ["Heron"]})), &["«Heron» and heron and Herons"]);
}

#[test]
fn a_word_must_stand_near_in_the_text_or_in_the_name() {
    let near = setup(json!({"regex": r"\b\d{6}\b", "keywords": ["employee", "Staff no"], "window": 14}));
    assert_marked(
        &near,
        &[
            "employee «123456»",
            "«123456» is a staffNo",
            "staff_no: «123456»",
            "employee and some more words 123456",
            "unemployee 123456",
            "order 123456",
            "[REDACTED:employee] 123456",
        ],
    );
    let content =
        json!({"employeeId": "123456", "order": "123456", "employees": [123_456], "total": 123_456});
    let masked =
        json!({"employeeId": "[REDACTED:own]", "order": "123456", "employees": [0], "total": 123_456});
    assert_eq!(near.structured(content), masked);
}

#[test]
fn what_fails_its_check_stays() {
    for (checksum, rows) in
        [("Luhn", ["«C-79927398713»", "C-79927398710"]), ("Verhoeff", ["«C-2363»", "C-2364"])]
    {
        assert_marked(&setup(json!({"regex": r"\bC-\d{4,11}\b", "checksum": checksum})), &rows);
    }
    let lei = setup(json!({"regex": r"\b[A-Z0-9]{18}\d{2}\b", "checksum": "Mod97"}));
    assert_marked(&lei, &["«5493001KJTIIGC8Y1R12»", "5493001KJTIIGC8Y1R21"]);
}

#[test]
fn a_number_that_is_a_value_as_a_whole_becomes_0() {
    let digits = setup(json!({"regex": r"\d{6}"}));
    let content = json!({"a": 123_456, "b": -123_456, "c": 1_234_567, "d": 12.5, "e": 1.23456e5, "f": true});
    let masked = json!({"a": 0, "b": 0, "c": 1_234_567, "d": 12.5, "e": 0, "f": true});
    assert_eq!(digits.structured(content), masked);
    let spelled = setup(json!({"regex": r"\d\d\.\d\d"}));
    assert_eq!(spelled.structured(json!([12.25, 1.25])), json!([0, 1.25]));
}

#[test]
fn disguises_are_undone_for_it_too() {
    let own = setup(json!({"regex": r"\bE-\d{6}\b"}));
    for (text, expected) in [
        ("E%2D123456", "[REDACTED:own]"),
        ("Ｅ-１２３４５６", "[REDACTED:own]"),
        ("E-12\u{200b}3456", "[REDACTED:own]"),
        ("eyJhIjoiRS0xMjM0NTYgb2theSJ9", "eyJhIjoiW1JFREFDVEVEOm93bl0gb2theSJ9"),
    ] {
        assert_eq!(own.content(text), expected, "{text}");
    }
}

#[test]
fn it_is_counted_masked_and_blocked_by_its_name() {
    let message =
        parse(&result(json!({"content": [{"type": "text", "text": "E-123456 E-654321"}]})).to_string());
    let own = |action: Value| setup(json!({"regex": r"E-\d{6}", "action": action})).masked(&message);
    let masked = own(json!({"partial": {"keepLast": 2}}));
    assert!(String::from_utf8_lossy(masked.bytes()).contains("*-****56 *-****21"));
    assert_eq!(masked.counts().get("custom:own"), Some(&2));
    let blocked = own(json!({"block": {}}));
    assert!(blocked.is_refusal());
    assert_eq!(blocked.blocked(), ["custom:own"]);
    assert_eq!(blocked.counts().len(), 1, "{:?}", blocked.counts());
}

#[test]
fn names_of_members_are_masked_and_words_of_the_protocol_stay() {
    let words = setup(json!({"regex": "[a-z]{2,20}|[0-9]{1,20}"}));
    let answer = json!({
        "content": [{"type": "text", "text": "some text", "annotations": {"audience": ["user"], "priority": 1}}],
        "structuredContent": {"name": "ann", "other": 7},
        "isError": false,
    });
    let masked = json!({
        "content": [{
            "type": "text",
            "text": "[REDACTED:own] [REDACTED:own]",
            "annotations": {"audience": ["user"], "priority": 1},
        }],
        "structuredContent": {"[REDACTED:own]": "[REDACTED:own]", "[REDACTED:own]~2": 0},
        "isError": false,
    });
    assert_eq!(words.json(&result(answer)), result(masked.clone()));
    assert_eq!(words.json(&result(masked.clone())), result(masked));
}

#[test]
fn exclusions_and_the_stronger_action_hold_for_it() {
    let kept = Setup::with_rule(json!({
        "custom": [{"name": "own", "regex": r"E-\d{6}", "action": {"redact": {}}}],
        "exclude": {"fields": ["$.kept"], "values": {"exact": ["E-000000"]}},
    }));
    assert_eq!(
        kept.structured(json!({"kept": "E-123456", "a": "E-000000", "b": "E-123456"})),
        json!({"kept": "E-123456", "a": "E-000000", "b": "[REDACTED:own]"})
    );
    let two = Setup::with_rules(json!([
        {"custom": [{"name": "short", "regex": r"\d{4}", "action": {"partial": {"keepLast": 1}}}]},
        {"custom": [{"name": "long", "regex": r"\d{4}-\d{4}", "action": {"redact": {}}}]},
    ]));
    assert_eq!(two.content("1234 1234-5678"), "***4 [REDACTED:long]");
}

#[test]
fn the_example_in_the_documentation_does_what_is_said_of_it() {
    let page = include_str!("../../../../../docs/masking.md");
    let (_, section) = page.split_once("## Custom detectors").unwrap();
    let quoted = |start: &str| {
        let (_, rest) = section.split_once(start).unwrap();
        rest.split_once('\'').unwrap().0.to_owned()
    };
    let rule = Setup::with_rule(json!({"custom": [
        {"name": "employee-no", "regex": quoted("regex: '"), "keywords": ["employee", "staff no"], "action": {"redact": {}}},
        {"name": "project", "terms": ["Blue Heron", "Grey Heron"], "ignoreCase": true, "action": {"redact": {}}},
    ]}));
    let before = "employee E-123456 works on blue heron";
    let after = rule.content(before);
    assert_eq!(after, "employee [REDACTED:employee-no] works on [REDACTED:project]");
    assert!(section.contains(&format!("`{before}` becomes `{after}`")));
    assert_eq!(rule.content("order E-123456"), "order E-123456");
}

#[test]
fn what_stands_in_place_of_a_value_is_none_so_that_nothing_grows() {
    let number = setup(json!({"regex": "[0-9]", "action": {"replace": {"number": 1_234_567}}}));
    assert_eq!(number.content("a 89"), "a 12345671234567");
    assert_eq!(number.content("a 12345671234567"), "a 12345671234567");
    let any = setup(json!({"regex": ".{5}"}));
    let once = any.content("123456789012");
    assert_eq!(once, "[REDACTED:own][REDACTED:own][REDACTED:own]");
    assert_eq!(any.content(&once), once);
}

#[test]
fn what_matches_must_be_as_mixed_as_the_rule_says() {
    let mixed = setup(json!({"regex": r"\b[A-Za-z0-9]{20}\b", "entropyTenths": 38}));
    assert_marked(
        &mixed,
        &[
            "«q8Zr2LmX9vTt4KpB7wHs» and internationalization",
            "aaaaaaaaaaaaaaaaaaaa, abababababababababab, abcdabcdabcdabcdabcd",
            "at «abcdefghijklmnopqrst»: each of twenty characters is another, which is log2(20) = 4.3 bits",
        ],
    );
    assert_marked(&setup(json!({"regex": "[ab]{4}", "entropyTenths": 10})), &["«abab» aaab «aabb»"]);
}
