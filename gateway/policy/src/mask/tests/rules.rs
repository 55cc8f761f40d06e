//! Which rules count, what they leave as it is, and which of several wins.

use serde_json::{Value, json};

use super::{Setup, notification, parse, result};
use crate::call::{ListKind, Operation};
use crate::config::Direction;

const MAIL: &str = "ada@example.com";
const MARK: &str = "[REDACTED:Email]";

fn email(rest: Value) -> Setup {
    let mut rule = json!({"detectors": [{"type": "Email", "action": {"redact": {}}}]});
    rule.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    Setup::with_rule(rule)
}

#[test]
fn a_rule_counts_in_its_directions_and_in_the_record_always() {
    for (directions, direction, for_record, masks) in [
        (json!(["Response"]), Direction::Response, false, true),
        (json!(["Response"]), Direction::Request, false, false),
        (json!(["Request"]), Direction::Response, false, false),
        (json!(["Request"]), Direction::Request, false, true),
        (json!(["Request", "Response"]), Direction::Request, false, true),
        (json!(["Response"]), Direction::Request, true, true),
        (json!(["Request"]), Direction::Response, true, true),
    ] {
        let setup = Setup { direction, for_record, ..email(json!({"directions": directions})) };
        let expected = if masks { MARK } else { MAIL };
        assert_eq!(setup.content(MAIL), expected, "{directions} {direction:?} record: {for_record}");
    }
}

#[test]
fn a_rule_counts_for_the_tools_that_it_matches() {
    let tool = |name: &str| Some(Operation::Tool { name: name.to_owned() });
    for (tools, operation, masks) in [
        (json!([]), tool("query"), true),
        (json!([]), Some(Operation::List(ListKind::Tools)), true),
        (json!([]), Some(Operation::Answer), true),
        (json!([]), None, true),
        (json!(["query*"]), tool("query_rows"), true),
        (json!(["query*"]), tool("get_schema"), false),
        (json!(["query*", "!query_all"]), tool("query_all"), false),
        (json!(["query*", "!query_all"]), tool("query_one"), true),
        (json!(["*", "!get_*"]), tool("get_schema"), false),
        (json!(["query*"]), Some(Operation::Resource { uri: "query".to_owned() }), false),
        (json!(["query*"]), Some(Operation::Protocol { method: "ping".to_owned() }), false),
        (json!(["query*"]), None, true),
        (json!(["query*", "!query_all"]), None, true),
    ] {
        let setup = Setup { operation: operation.clone(), ..email(json!({"match": {"tools": tools}})) };
        let expected = if masks { MARK } else { MAIL };
        assert_eq!(setup.content(MAIL), expected, "{tools} {operation:?}");
    }
}

#[test]
fn a_rule_counts_for_the_resources_that_it_matches() {
    let read = |uri: &str| Some(Operation::Resource { uri: uri.to_owned() });
    for (matching, operation, masks) in [
        (json!({"resources": ["db://*"]}), read("db://hr/salaries"), true),
        (json!({"resources": ["db://*", "!db://public/*"]}), read("db://public/a"), false),
        (json!({"resources": ["db://*", "!db://public/*"]}), read("db://public/../hr/a"), true),
        (json!({"resources": ["db://*"]}), read("file://a"), false),
        (json!({"resources": ["db://*"]}), Some(Operation::Tool { name: "query".to_owned() }), false),
        (json!({"resources": ["db://*"], "tools": ["q*"]}), read("db://a"), true),
        (
            json!({"resources": ["db://*"], "tools": ["q*"]}),
            Some(Operation::Tool { name: "q".to_owned() }),
            true,
        ),
        (json!({"resources": ["db://*"], "tools": ["q*"]}), Some(Operation::Answer), false),
        (json!({"tools": ["*"]}), read("db://a"), false),
        (json!({"resources": ["db://*"]}), None, true),
    ] {
        let setup = Setup { operation: operation.clone(), ..email(json!({"match": matching})) };
        let expected = if masks { MARK } else { MAIL };
        assert_eq!(setup.content(MAIL), expected, "{matching} {operation:?}");
    }
}

#[test]
fn a_rule_that_only_watches_counts_what_it_would_mask_and_changes_nothing() {
    let detectors = |kind: &str| json!([{"type": kind, "action": {"redact": {}}}]);
    let setup = Setup::with_rules(json!([
        {"audit": true, "detectors": detectors("Email")},
        {"audit": true, "directions": ["Request"], "detectors": detectors("Phone")},
        {"audit": true, "fields": [{"keys": ["pin"], "action": {"block": {}}}]},
        {"detectors": detectors("UsSsn")},
    ]));
    let content = json!({"text": "ada@example.com 123-45-6789 (415) 555-0132", "pin": 7});
    let message = parse(&result(json!({"structuredContent": content})).to_string());
    let masked = setup.masked(&message);
    let shown: Value = serde_json::from_slice(masked.bytes()).unwrap();
    let expected = json!({"text": "ada@example.com [REDACTED:UsSsn] (415) 555-0132", "pin": 7});
    assert_eq!(shown["result"]["structuredContent"], expected);
    assert!(masked.blocked().is_empty());
    let counts = |counts: &std::collections::BTreeMap<String, u32>| serde_json::to_value(counts).unwrap();
    assert_eq!(counts(masked.audited()), json!({"Email": 1, "Field": 1}));
    assert_eq!(counts(masked.counts()), json!({"UsSsn": 1}));
    let only = Setup::with_rule(json!({"audit": true, "detectors": detectors("Email")}));
    let masked = only.masked(&message);
    assert_eq!(masked.bytes().as_ptr(), message.bytes().as_ptr());
    assert_eq!(counts(masked.audited()), json!({"Email": 1}));
    assert!(!only.program.has_written("[REDACTED") && masked.counts().is_empty());
}

#[test]
fn callers_of_an_excluded_group_see_everything_and_the_record_does_not() {
    for (groups, for_record, masks) in [
        (json!(["analysts"]), false, false),
        (json!(["others"]), false, true),
        (json!(["analysts"]), true, true),
    ] {
        let setup = Setup { for_record, ..email(json!({"exclude": {"callers": {"groups": groups}}})) };
        let expected = if masks { MARK } else { MAIL };
        assert_eq!(setup.content(MAIL), expected, "{groups} record: {for_record}");
    }
    let setup = Setup {
        direction: Direction::Request,
        ..email(json!({"exclude": {"callers": {"groups": ["analysts"]}}}))
    };
    assert_eq!(setup.content(MAIL), MAIL, "towards the server");
}

#[test]
fn excluded_values_stay_wherever_they_are_found_whole() {
    let setup =
        email(json!({"exclude": {"values": {"exact": [MAIL], "regex": [r".*@example\.org|bob@.*"]}}}));
    for (text, expected) in [
        ("ada@example.com, eve@example.com", "ada@example.com, [REDACTED:Email]"),
        ("x@example.org", "x@example.org"),
        ("x@example.org.example.com", "[REDACTED:Email]"),
        ("bob@example.net", "bob@example.net"),
        ("xbob@example.net", "[REDACTED:Email]"),
        ("{\"ada@example.com\":\"ada@example.com\"}", "{\"ada@example.com\":\"ada@example.com\"}"),
    ] {
        assert_eq!(setup.content(text), expected);
    }
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "CreditCard", "action": {"redact": {}}}],
        "fields": [{"keys": ["pin", "on"], "action": {"redact": {}}}],
        "exclude": {"values": {"exact": ["0000", "4111111111111111", "true"]}},
    }));
    let content =
        json!([{"pin": "0000", "on": true}, {"pin": "1234"}, {"pin": 1}, 4_111_111_111_111_111_u64]);
    let expected = json!([{"pin": "0000", "on": true}, {"pin": "[REDACTED:Field]"}, {"pin": 0}, 4_111_111_111_111_111_u64]);
    assert_eq!(setup.structured(content), expected);
}

#[test]
fn excluded_fields_stay_with_all_below_them_also_in_texts() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
        "fields": [{"keys": ["pin"], "action": {"redact": {}}}],
        "exclude": {"fields": ["$.rows[*].contact", "$.kept"]},
    }));
    let content = json!({
        "rows": [{"contact": {"a": MAIL, "pin": "1", MAIL: [MAIL]}, "other": MAIL}],
        "kept": json!({"pin": MAIL}).to_string(),
        "contact": MAIL,
    });
    let expected = json!({
        "rows": [{"contact": {"a": MAIL, "pin": "1", MAIL: [MAIL]}, "other": MARK}],
        "kept": json!({"pin": MAIL}).to_string(),
        "contact": MARK,
    });
    assert_eq!(setup.structured(content.clone()), expected);
    assert_eq!(setup.content(&content.to_string()), expected.to_string());
}

#[test]
fn an_exclusion_holds_for_its_own_rule_alone() {
    let rule = |exclude: Value| json!({"detectors": [{"type": "Email", "action": {"redact": {}}}], "exclude": exclude});
    for exclude in [
        json!({"fields": ["$.a"]}),
        json!({"values": {"exact": [MAIL]}}),
        json!({"callers": {"groups": ["analysts"]}}),
    ] {
        let alone = Setup::with_rule(rule(exclude.clone()));
        assert_eq!(alone.structured(json!({"a": MAIL})), json!({"a": MAIL}));
        let both = Setup::with_rules(json!([rule(exclude), rule(json!({}))]));
        assert_eq!(both.structured(json!({"a": MAIL})), json!({"a": MARK}));
    }
}

#[test]
fn paths_begin_at_each_document_and_names_count_at_any_depth() {
    let setup = Setup::with_rule(json!({"fields": [
        {"jsonPath": "$.a", "action": {"redact": {}}},
        {"jsonPath": "$[0].b", "action": {"redact": {}}},
        {"jsonPath": "$..deep", "action": {"redact": {}}},
        {"keys": ["API*key", "pin"], "action": {"redact": {}}},
    ]}));
    let content = |gone: &str| {
        json!({
            "a": gone, "t": json!({"a": gone}).to_string(),
            "c": {"a": "x", "deep": gone, "Api-Key": gone, "apikeys": "x", "PIN": gone},
        })
    };
    let gone = "[REDACTED:Field]";
    assert_eq!(setup.structured(content("x")), content(gone));
    assert_eq!(setup.structured(json!([{"b": 1}, {"b": 1}])), json!([{"b": 0}, {"b": 1}]));

    let arguments = notification("x", json!({"arguments": {"a": "x"}, "data": {"a": "x"}, "a": "x"}));
    let expected = notification("x", json!({"arguments": {"a": gone}, "data": {"a": gone}, "a": "x"}));
    assert_eq!(setup.json(&arguments), expected);
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "{\"a\":\"x\"}", "data": {"a": "x"}}});
    assert_eq!(
        setup.json(&error)["error"],
        json!({"code": 1, "message": format!("{{\"a\":\"{gone}\"}}"), "data": {"a": gone}})
    );
}

#[test]
fn of_two_rules_for_one_value_the_stronger_wins_in_any_order() {
    let redact = json!({"redact": {}});
    let replace = json!({"replace": {"string": "gone"}});
    let show_four = json!({"partial": {"keepLast": 4}});
    let show_eight = json!({"partial": {"keepLast": 8}});
    let detect = |action: &Value| json!({"detectors": [{"type": "Email", "action": action}]});
    let place = |action: &Value| json!({"fields": [{"keys": ["v"], "action": action}]});
    for (one, other, expected) in [
        (detect(&redact), detect(&replace), MARK),
        (detect(&redact), detect(&show_four), MARK),
        (detect(&replace), detect(&show_four), "gone"),
        (detect(&show_four), detect(&show_eight), "***@*******.*om"),
        (place(&redact), detect(&show_four), "[REDACTED:Field]"),
        (place(&show_four), detect(&redact), MARK),
        (place(&show_four), detect(&replace), "gone"),
        (place(&replace), place(&redact), "[REDACTED:Field]"),
    ] {
        for rules in [json!([one, other]), json!([other, one])] {
            let setup = Setup::with_rules(rules.clone());
            // Four characters of thirteen are shown, and never more than half.
            let expected = if expected.starts_with("***@") { "***@******e.com" } else { expected };
            let masked = setup.structured(json!({"v": MAIL}));
            assert_eq!(masked, json!({"v": expected}), "{rules}");
            assert_eq!(setup.structured(masked.clone()), masked, "{rules} twice");
        }
    }
}

#[test]
fn values_that_overlap_are_masked_as_one_so_that_no_part_stays() {
    // The card is the local part of the address: the longer value is shown in part, the shorter not at all.
    let setup = Setup::with_rules(json!([
        {"detectors": [{"type": "CreditCard", "action": {"redact": {}}}]},
        {"detectors": [{"type": "Email", "action": {"partial": {"keepLast": 4}}}]},
    ]));
    assert_eq!(setup.content("pay 4111111111111111@example.com now"), "pay [REDACTED:CreditCard] now");
    let setup = Setup::with_rule(json!({
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
        "fields": [{"keys": ["note"], "action": {"partial": {"keepLast": 4}}}],
    }));
    assert_eq!(setup.structured(json!({"note": format!("write to {MAIL} soon")})), json!({"note": MARK}));
}

#[test]
fn of_two_actions_for_one_number_the_fields_own_settles_it() {
    let rules = |field: Value| {
        Setup::with_rule(json!({
            "detectors": [{"type": "CreditCard", "action": {"redact": {}}}],
            "fields": [{"keys": ["v"], "action": field}],
        }))
    };
    for (field, expected) in [
        (json!({"redact": {}}), 0_u64),
        (json!({"replace": {"number": 5}}), 5),
        (json!({"partial": {"keepLast": 4}}), 0),
    ] {
        let masked = rules(field.clone()).structured(json!({"v": 4_111_111_111_111_111_u64}));
        assert_eq!(masked, json!({"v": expected}), "{field}");
        assert_eq!(rules(field.clone()).structured(masked.clone()), masked, "{field} twice");
    }
}

#[test]
fn a_replacement_that_looks_sensitive_itself_is_left_alone() {
    let setup = Setup::with_rules(json!([
        {"detectors": [{"type": "Email", "action": {"replace": {"string": "+1 415 555 0132"}}}]},
        {"detectors": [{"type": "Phone", "action": {"replace": {"string": "nobody@example.com and nobody@example.org"}}}]},
    ]));
    let masked = setup.content("ada@example.com, +44 20 7946 0958");
    assert_eq!(masked, "+1 415 555 0132, nobody@example.com and nobody@example.org");
    assert_eq!(setup.content(&masked), masked);
}

#[test]
fn without_rules_and_credentials_nothing_happens() {
    let setup = Setup::with_rules(json!([]));
    let message = parse(&result(json!({"content": MAIL})).to_string());
    assert_eq!(setup.masked(&message).bytes().as_ptr(), message.bytes().as_ptr());
}
