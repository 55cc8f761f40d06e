//! Actions that do more than stand in for a value: what goes away, what blocks, what becomes coarser; and which
//! of two counts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Setup, parse, request, result};
use crate::config::{Direction, SecretKey};
use crate::mask::{Audience, BLOCKED, Context, Known, explain};

const KEY: &str = "lmk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The key of the actions that have one.
pub(super) fn masking_key() -> Known {
    Known::masking_key(&SecretKey { secret: "mask-key".into(), key: "k1".into() }, KEY)
}

const CARD: &str = "4111111111111111";

fn field(path: &str, action: Value) -> Setup {
    Setup::with_rule(json!({"fields": [{"jsonPath": path, "action": action}]}))
}

fn blocking() -> Setup {
    Setup::with_rule(json!({
        "detectors": [
            {"type": "CreditCard", "action": {"block": {}}},
            {"type": "Email", "action": {"redact": {}}},
        ],
        "fields": [{"keys": ["secret"], "action": {"block": {}}}],
    }))
}

#[test]
fn what_is_dropped_goes_away_whole_and_nothing_else_does() {
    let drop = || json!({"drop": {}});
    for (path, content, expected) in [
        ("$.a", json!({"a": 1, "b": 2}), json!({"b": 2})),
        ("$.a", json!({"a": {"a": CARD}}), json!({})),
        ("$.rows[*].a", json!({"rows": [{"a": 1}, {"b": 2, "a": null}]}), json!({"rows": [{}, {"b": 2}]})),
        ("$.rows[*]", json!({"rows": [1, [2], {"a": 3}]}), json!({"rows": []})),
        ("$..a", json!({"a": 1, "b": [{"a": 2, "c": {"a": 3}}]}), json!({"b": [{"c": {}}]})),
        ("$", json!({"a": 1}), json!({})),
    ] {
        assert_eq!(field(path, drop()).structured(content.clone()), expected, "{path}");
        let text = field(path, drop()).content(&content.to_string());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{path} in a text");
    }
    let by_key = Setup::with_rule(json!({"fields": [{"keys": ["pin"], "action": drop()}]}));
    assert_eq!(by_key.structured(json!({"PIN": 1, "x": {"pin": [2]}})), json!({"x": {}}));
}

#[test]
fn of_a_text_goes_away_what_was_found_in_it() {
    let setup = Setup::with_rule(json!({"detectors": [{"group": "All", "action": {"drop": {}}}]}));
    assert_eq!(setup.content(&format!("card {CARD}, thanks")), "card , thanks");
    assert_eq!(setup.structured(json!({"n": 4_111_111_111_111_111_i64})), json!({"n": 0}));
    // A name does not go away: its member would be another.
    assert_eq!(setup.structured(json!({"ada@example.com": 1})), json!({"[REDACTED:Email]": 1}));
}

#[test]
fn an_answer_that_is_blocked_becomes_an_error_that_says_why_and_shows_nothing() {
    let setup = blocking();
    let message = parse(
        &result(json!({"content": [{"type": "text", "text": format!("ada@example.com {CARD}")}]}))
            .to_string(),
    );
    let masked = setup.masked(&message);
    assert!(masked.is_refusal());
    assert_eq!(masked.blocked(), ["CreditCard"]);
    assert_eq!(masked.counts().get("CreditCard"), Some(&1));
    let answer: Value = serde_json::from_slice(masked.bytes()).unwrap();
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["error"]["code"], BLOCKED);
    let text = "The policy of this connection blocks this answer, because of what it holds: CreditCard.";
    assert_eq!(answer["error"]["message"], text);
    for (content, kinds) in [
        (json!({"secret": "x", "n": 4_111_111_111_111_111_i64}), &["CreditCard", "Field"][..]),
        (json!({"secret": 0}), &["Field"]),
        (json!({"secret": false}), &["Field"]),
        (json!({"secret": {}}), &["Field"]),
        (json!({CARD: 1}), &["CreditCard"]),
        (json!({"secret": null, "email": "ada@example.com"}), &[]),
    ] {
        let message = parse(&result(json!({"structuredContent": content})).to_string());
        assert_eq!(setup.masked(&message).blocked(), kinds, "{content}");
    }
}

#[test]
fn the_record_has_a_message_that_is_blocked_with_masks_in_it() {
    let setup = Setup { for_record: true, ..blocking() };
    let content = setup.structured(json!({"secret": "x", "card": CARD}));
    assert_eq!(content, json!({"secret": "[REDACTED:Field]", "card": "[REDACTED:CreditCard]"}));
    let setup = Setup { direction: Direction::Request, ..blocking() };
    let call = request("tools/call", json!({"name": "query", "arguments": {"card": CARD}}));
    assert_eq!(setup.masked(&parse(&call.to_string())).blocked(), ["CreditCard"]);
}

#[test]
fn of_two_actions_for_one_value_the_stronger_counts_in_whatever_order_they_are_written() {
    let in_order = [
        (json!({"partial": {"keepLast": 4}}), json!("***.*.***.*77")),
        (json!({"generalize": {"ipAddress": "Network"}}), json!("203.0.113.0")),
        (json!({"fpe": {"key": {"secret": "s", "key": "k"}}}), json!("[REDACTED:IpAddress]")),
        (json!({"hash": {"key": {"secret": "s", "key": "k"}, "length": 8}}), json!("[REDACTED:IpAddress]")),
        (json!({"replace": {"string": "gone"}}), json!("gone")),
        (json!({"redact": {}}), json!("[REDACTED:IpAddress]")),
        (json!({"drop": {}}), json!("")),
    ];
    let setup = |first: &Value, second: &Value| {
        let detector = |action: &Value| json!({"type": "IpAddress", "action": action});
        Setup::with_rules(json!([{"detectors": [detector(first)]}, {"detectors": [detector(second)]}]))
    };
    for (index, (weak, _)) in in_order.iter().enumerate() {
        for (strong, expected) in in_order.iter().skip(index + 1) {
            for setup in [setup(weak, strong), setup(strong, weak)] {
                assert_eq!(
                    setup.structured(json!({"ip": "203.0.113.77"}))["ip"],
                    *expected,
                    "{weak} {strong}"
                );
            }
        }
        let block = json!({"block": {}});
        for setup in [setup(weak, &block), setup(&block, weak)] {
            let message = parse(&result(json!({"structuredContent": "203.0.113.77"})).to_string());
            assert_eq!(setup.masked(&message).blocked(), ["IpAddress"], "{weak}");
        }
    }
}

#[test]
fn a_coarser_value_keeps_its_type_and_what_has_no_form_is_redacted() {
    for (generalize, value, expected) in [
        (json!({"bucket": 10_000}), json!(75_123), json!(70_000)),
        (json!({"bucket": 10_000}), json!("75123"), json!("70000")),
        (json!({"bucket": 10_000}), json!("much"), json!("[REDACTED:Field]")),
        (json!({"bucket": 10_000}), json!(7.5e20), json!(0)),
        (json!({"bucket": 10_000}), json!(true), json!(false)),
        (json!({"bucket": 10_000}), json!([1]), json!([])),
        (json!({"date": "Year"}), json!("1980-02-29"), json!("1980")),
        (json!({"date": "Month"}), json!("29.2.1980"), json!("1980-02")),
        (json!({"ipAddress": "Network"}), json!("2001:db8:1:2::7"), json!("2001:db8:1::")),
        (json!({"keepFirst": 3}), json!("94107"), json!("941**")),
        (json!({"keepFirst": 3}), json!(94_107), json!(94_100)),
    ] {
        let setup = field("$.v", json!({"generalize": generalize}));
        assert_eq!(setup.structured(json!({"v": value})), json!({"v": expected}), "{value} by {generalize}");
    }
}

/// Values that one detector finds wherever they stand between spaces.
const VALUES: [(&str, &str); 6] = [
    ("CreditCard", CARD),
    ("Email", "ada@example.com"),
    ("Iban", "DE89370400440532013000"),
    ("UsSsn", "123-45-6789"),
    ("IpAddress", "203.0.113.77"),
    ("GithubToken", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
];

proptest! {
    #[test]
    fn no_value_survives_an_action_that_hides_it_wherever_it_was_planted(
        (kind, value) in prop::sample::select(&VALUES[..]),
        action in prop::sample::select(&["redact", "drop", "block"][..]),
        before in "[a-z]{0,8}",
        behind in "[a-z]{0,8}",
        place in 0..5_usize,
    ) {
        let setup = Setup::with_rule(json!({"detectors": [{"type": kind, "action": {action: {}}}]}));
        let text = format!("{before} {value} {behind}");
        let inside = json!({"rows": [{"v": text}]});
        let message = match place {
            0 => result(json!({"content": [{"type": "text", "text": text}]})),
            1 => result(json!({"structuredContent": inside})),
            2 => result(json!({"content": [{"type": "text", "text": inside.to_string()}]})),
            3 => result(json!({"structuredContent": {text: 1}})),
            _ => json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": text, "data": inside}}),
        };
        let masked = setup.masked(&parse(&message.to_string()));
        let shown = String::from_utf8(masked.bytes().to_vec()).unwrap();
        prop_assert!(!shown.contains(value), "{}", shown);
        prop_assert_eq!(masked.blocked().is_empty(), action != "block");
        let again = setup.masked(&parse(&shown));
        prop_assert_eq!(String::from_utf8(again.bytes().to_vec()).unwrap(), shown);
    }
}

#[test]
fn a_message_over_a_limit_is_blocked_and_the_smallest_limit_counts() {
    let detectors = json!([{"type": "Email", "action": {"redact": {}}}]);
    let setup = |first: u64, second: u64| {
        Setup::with_rules(json!([
            {"messageBytes": first, "detectors": detectors},
            {"messageBytes": second, "detectors": detectors},
            {"detectors": detectors},
        ]))
    };
    let message =
        parse(&result(json!({"content": [{"type": "text", "text": "a".repeat(1100)}]})).to_string());
    let length = u64::try_from(message.bytes().len()).unwrap();
    let masked = setup(length, length - 1).masked(&message);
    assert_eq!(masked.blocked(), [format!("more than {} bytes", length - 1)]);
    assert_eq!(masked.counts().get("messageBytes"), Some(&1));
    assert!(!String::from_utf8_lossy(masked.bytes()).contains("aaaa"));
    assert_eq!(setup(length, length + 1).masked(&message).bytes().as_ptr(), message.bytes().as_ptr());
    let record = Setup { for_record: true, ..setup(1024, 1024) };
    assert!(!record.masked(&message).is_refusal());
}

#[test]
fn what_cannot_be_masked_passes_only_where_every_rule_says_so_and_is_counted() {
    let detectors = json!([{"type": "Email", "action": {"redact": {}}}]);
    let twice = r#"{"a": "ada@example.com", "a": 1}"#;
    let setup = |first: bool, second: bool| {
        Setup::with_rules(json!([
            {"failOpen": first, "detectors": detectors},
            {"failOpen": second, "fields": [{"keys": ["pin"], "action": {"redact": {}}}]},
        ]))
    };
    for (first, second) in [(false, false), (true, false), (false, true)] {
        assert_eq!(setup(first, second).content(twice), "[REDACTED:unreadable]");
    }
    let open = setup(true, true);
    // It is read as text, and what detectors find in it is masked.
    assert_eq!(open.content(twice), r#"{"a": "[REDACTED:Email]", "a": 1}"#);
    let message = parse(&result(json!({"content": [{"type": "text", "text": twice}]})).to_string());
    assert!(open.masked(&message).counts().get("unmasked").is_some_and(|count| *count >= 1));
}

#[test]
fn a_hash_is_the_same_wherever_the_value_stands_and_without_its_key_the_value_is_redacted() {
    let hash = json!({"hash": {"key": {"secret": "mask-key", "key": "k1"}, "length": 12}});
    let rule = json!({
        "detectors": [{"type": "Email", "action": hash}, {"type": "CreditCard", "action": hash}],
        "fields": [{"keys": ["id"], "action": hash}],
    });
    let with_key = Setup { known: vec![masking_key()], ..Setup::with_rule(rule.clone()) };
    let content = json!({
        "a": "ada@example.com", "b": "to ada@example.com", "ada@example.com": 1, "id": "A-77",
        "n": 4_111_111_111_111_111_i64, "c": "ben@example.com",
    });
    let masked = with_key.structured(content.clone());
    let one = masked["a"].as_str().unwrap();
    assert!(one.starts_with("[HASH:") && one.len() == "[HASH:]".len() + 12, "{one}");
    assert_eq!(masked["b"], format!("to {one}"));
    assert_eq!(masked[one], 1);
    assert_eq!(masked["n"], 0);
    assert_ne!(masked["c"], masked["a"]);
    assert_eq!(masked["id"], with_key.structured(json!({"x": [{"ID": "A-77"}]}))["x"][0]["ID"]);
    assert_eq!(with_key.structured(masked.clone()), masked);
    let without = Setup::with_rule(rule).structured(content);
    assert_eq!(without["a"], "[REDACTED:Email]");
    assert_eq!(without["id"], "[REDACTED:Field]");
    let shown = with_key.content(&format!("the key is {KEY}"));
    assert_eq!(shown, "the key is [REDACTED:credential]");
}

#[test]
fn an_explanation_tells_kind_place_and_bytes_and_never_a_value() {
    let setup = Setup::with_rule(json!({
        "detectors": [{"group": "All", "action": {"redact": {}}}],
        "fields": [
            {"keys": ["pin"], "action": {"redact": {}}},
            {"keys": ["gone"], "action": {"drop": {}}},
        ],
    }));
    let inside = json!({"rows": [{"mail": "x ada@example.com"}]}).to_string();
    let content = json!({
        "a b": "ada@example.com, 123-45-6789", "ada@example.com": {"pin": 7}, "gone": [1], "ok": true, "pin": [1],
        "text": inside,
    });
    let message = parse(&result(json!({"structuredContent": content})).to_string());
    let context = Context {
        audience: Audience::Caller(&setup.caller),
        direction: Direction::Response,
        operation: None,
        known: &[],
        tokens: None,
        now: 0,
    };
    let (masked, found) = explain(&setup.program, &context, &message);
    assert_eq!(masked.bytes(), setup.masked(&message).bytes());
    let told: Vec<_> = found
        .iter()
        .map(|found| {
            let range = found.range.as_ref().map(|range| (range.start, range.end));
            let path = found.path.strip_prefix("$.result.structuredContent").unwrap();
            (found.kind.as_str(), path, range, found.in_name)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Email", "[\"a b\"]", Some((0, 15)), false),
            ("UsSsn", "[\"a b\"]", Some((17, 28)), false),
            ("Email", "", Some((0, 15)), true),
            ("Field", "[\"[REDACTED:Email]\"].pin", Some((0, 1)), false),
            ("Field", ".gone", None, false),
            ("Field", ".pin", None, false),
            ("Email", ".text > $.rows[0].mail", Some((2, 17)), false),
        ]
    );
    assert!(!format!("{found:?}").contains("ada@"), "{found:?}");
}
