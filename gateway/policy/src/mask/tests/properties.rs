//! What holds for every message: the output is JSON of the same shape, and masking it again changes nothing.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::actions::masking_key;
use super::{Setup, parse, request, result};
use crate::config::Direction;
use crate::mask::{Known, mask_plainly};

const CREDENTIAL: &str = "correct-horse-battery";

/// Pieces of which texts and names are made: values, their neighbours, and what masks leave behind.
const PIECES: [&str; 58] = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "3782-822463-10005",
    "ada@example.com",
    "g@a.io",
    "+44 20 7946 0958",
    "(415) 555-0132",
    "123-45-6789",
    "123456789",
    "ssn",
    "DE89 3704 0044 0532 0130 00",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJub25lIn0.e30.",
    "10.0.0.7",
    "postgres://ada:hunter2@",
    "password=",
    "sin ",
    "176123198",
    "born 1980-02-29",
    CREDENTIAL,
    "E-123456",
    "heron",
    "[REDACTED:own]",
    "E%2D654321",
    "[REDACTED:Email]",
    "[REDACTED:",
    "nobody@example.com",
    "YWRhQGV4YW1wbGUuY29tIA==",
    "４１１１ 1111 1111 1111",
    "ada%40",
    "550e8400-e29b-41d4-a716-446655440000",
    "2026-11-23T12:34:56Z",
    "****",
    "[HASH:0123456789ab]",
    "id,pin\n1,",
    "| x | pin |\n|---|---|\n| ",
    " | ",
    ",",
    "\n2,\"",
    "; ",
    "~2",
    " ",
    ".",
    "-",
    "\n",
    "\\n",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "a",
    "7",
    "é",
    "@",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

/// A line of a text: most have nothing to mask, and some have much.
fn line() -> impl Strategy<Value = String> {
    let words = [
        "harbour ",
        "call ",
        "12 ",
        "020 7946 0958",
        "in 2026 ",
        "token: ",
        " 1111",
        "x-y.z/",
        "card ",
        "tax ",
    ];
    let plain =
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..12).prop_map(|words| words.concat());
    prop_oneof![9 => plain, 1 => (text(), text()).prop_map(|(one, other)| one + &other)]
        .prop_map(|line| line + "\n")
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&["pin", "email", "ssn", "password", "rows", "kept", "x"][..])
            .prop_map(str::to_owned),
        text()
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let number =
        prop::sample::select(&[0_i64, 7, 42, 123_456_789, 4_111_111_111_111_111, -4_111_111_111_111_111][..]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name(), inner.clone()), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

fn action() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"redact": {}})),
        (1..=8_u32).prop_map(|keep_last| json!({"partial": {"keepLast": keep_last}})),
        prop::sample::select(
            &["", "gone", "nobody@example.com", "{}", "+1 415 555 0132", "4111111111111111"][..]
        )
        .prop_map(|string| json!({"replace": {"string": string}})),
        prop::sample::select(&[0_i64, 7, 4_111_111_111_111_111][..])
            .prop_map(|number| json!({"replace": {"number": number}})),
        Just(json!({"drop": {}})),
        (8..=64_u32).prop_map(
            |length| json!({"hash": {"key": {"secret": "mask-key", "key": "k1"}, "length": length}})
        ),
    ]
}

/// What may be done at a place and, for want of a form, not to what a detector finds.
fn action_of_field() -> impl Strategy<Value = Value> {
    let generalize = prop_oneof![
        (2..=1_000_000_u64).prop_map(|bucket| json!({"bucket": bucket})),
        prop::sample::select(&["Year", "Month"][..]).prop_map(|part| json!({"date": part})),
        Just(json!({"ipAddress": "Network"})),
        (1..=4_u32).prop_map(|keep_first| json!({"keepFirst": keep_first})),
    ];
    prop_oneof![3 => action(), 2 => generalize.prop_map(|generalize| json!({"generalize": generalize}))]
}

/// What a rule describes itself.
fn custom() -> impl Strategy<Value = Value> {
    let looks = prop::sample::select(
        &[
            r#""regex":"\\bE-[0-9]{6}\\b""#,
            r#""regex":"[0-9]{4}""#,
            r#""regex":"\\b[0-9]{9}\\b","keywords":["pin","a"],"window":20"#,
            r#""regex":"[0-9]{1,19}","checksum":"Luhn""#,
            r#""terms":["heron","born","y"],"ignoreCase":true"#,
        ][..],
    );
    (looks, action()).prop_map(|(looks, action)| {
        let mut custom: Value = serde_json::from_str(&format!("{{{looks}}}")).unwrap();
        custom["name"] = "own".into();
        custom["action"] = action;
        custom
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let kinds = [
        "CreditCard",
        "Email",
        "Iban",
        "UsSsn",
        "Phone",
        "PrivateKey",
        "GithubToken",
        "JsonWebToken",
        "AwsKey",
        "IpAddress",
        "Password",
        "UrlCredentials",
        "CaSin",
        "DateOfBirth",
    ];
    let generalized = prop_oneof![
        Just(("IpAddress", json!({"generalize": {"ipAddress": "Network"}}))),
        Just(("DateOfBirth", json!({"generalize": {"date": "Year"}}))),
        Just(("DateOfBirth", json!({"generalize": {"date": "Month"}}))),
    ];
    let detector = prop_oneof![6 => (prop::sample::select(kinds.to_vec()), action()), 1 => generalized];
    let detectors = prop::collection::vec(detector, 1..6);
    let keys = prop::sample::select(&["pin", "*email*", "*", "*gone*"][..]);
    let columns = prop::sample::select(&["pin", "*", "*i*"][..]);
    let paths = prop::sample::select(&["$.pin", "$.rows[*]", "$..x", "$.*", "$"][..]);
    let kept = prop::sample::select(&["$.kept", "$.rows"][..]);
    (
        detectors,
        prop::option::of(custom()),
        prop::option::of((keys, action_of_field())),
        prop::option::of((columns, action_of_field())),
        prop::option::of((paths, action_of_field())),
        prop::option::of(kept),
    )
        .prop_map(|(detectors, custom, keys, columns, path, kept)| {
            let detectors: Vec<_> =
                detectors.into_iter().map(|(kind, action)| json!({"type": kind, "action": action})).collect();
            let mut fields: Vec<_> =
                keys.into_iter().map(|(keys, action)| json!({"keys": [keys], "action": action})).collect();
            fields.extend(columns.map(|(columns, action)| json!({"columns": [columns], "action": action})));
            fields.extend(path.map(|(path, action)| json!({"jsonPath": path, "action": action})));
            json!({"detectors": detectors, "custom": Vec::from_iter(custom), "fields": fields,
                "exclude": {"fields": Vec::from_iter(kept)}})
        })
}

/// Rules that encipher what they would hash, and ask about values where they would take all.
fn enciphering(rules: &[Value]) -> Vec<Value> {
    fn go(value: &mut Value) {
        if let Some(hash) = value.as_object_mut().and_then(|object| object.remove("hash")) {
            *value = json!({"fpe": {"key": hash["key"]}});
        }
        if value["jsonPath"] == "$.*" {
            value["jsonPath"] = "$[?@.x || @ > 7 || search(@, 'a')]".into();
        }
        value.as_object_mut().into_iter().flatten().for_each(|(_, inner)| go(inner));
        value.as_array_mut().into_iter().flatten().for_each(go);
    }
    let mut rules = rules.to_vec();
    rules.iter_mut().for_each(go);
    rules
}

fn setup(rules: Vec<Value>, has_known: bool, is_request: bool) -> Setup {
    Setup {
        known: has_known.then(|| Known::new("test", CREDENTIAL)).into_iter().chain([masking_key()]).collect(),
        direction: if is_request { Direction::Request } else { Direction::Response },
        ..Setup::with_rules(Value::Array(rules))
    }
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        (value(), text()).prop_map(|(value, text)| result(json!({
            "content": [{"type": "text", "text": value.to_string()}, {"type": "text", "text": text}],
            "structuredContent": value,
        }))),
        value().prop_map(|value| request("tools/call", json!({"name": "query", "arguments": value}))),
        value().prop_map(result),
        (value(), text()).prop_map(|(value, text)| {
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": text, "data": value}})
        }),
    ]
}

/// Whether two values are of the same kind all the way down, but for what a rule emptied or dropped.
fn has_same_shape(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            // Items keep their order, so each that stays finds its own among those that are left.
            let mut left = before.iter();
            after.iter().all(|one| left.any(|other| has_same_shape(other, one)))
        }
        (Value::Object(before), Value::Object(after)) => after.len() <= before.len(),
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => true,
        _ => false,
    }
}

/// At least 2,000 messages; more with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(2_000), failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_long_text_is_masked_at_once_as_it_would_be_again(lines in prop::collection::vec(line(), 10..80)) {
        // Of a long text only what is near masks is looked at again.
        let setup = Setup::redacting();
        let text = lines.concat();
        let masked = setup.content(&text);
        prop_assert_eq!(setup.content(&masked), masked);
        let folded = text.replace('\n', " ");
        let masked = setup.content(&folded);
        prop_assert_eq!(setup.content(&masked), masked);
    }

    #[test]
    fn masking_gives_json_of_the_same_shape_and_is_idempotent(
        rules in prop::collection::vec(rule(), 1..4),
        has_known in any::<bool>(),
        is_request in any::<bool>(),
        message in message(),
    ) {
        let setup = setup(rules, has_known, is_request);
        let masked = setup.masked(&parse(&message.to_string()));
        prop_assert!(!masked.is_refusal());
        let once = String::from_utf8(masked.bytes().to_vec()).unwrap();
        prop_assert!(has_same_shape(&message, &serde_json::from_str(&once).unwrap()), "{}", once);
        let again = setup.masked(&parse(&once));
        prop_assert_eq!(std::str::from_utf8(again.bytes()).unwrap(), &once);
        prop_assert!(again.counts().is_empty(), "{:?}", again.counts());
        if has_known {
            prop_assert!(!once.contains(CREDENTIAL));
        }
    }

    #[test]
    fn enciphering_gives_json_of_the_same_shape(
        rules in prop::collection::vec(rule(), 1..4),
        message in message(),
    ) {
        let setup = setup(enciphering(&rules), true, false);
        let masked = setup.masked(&parse(&message.to_string()));
        prop_assert!(!masked.is_refusal());
        let once = String::from_utf8(masked.bytes().to_vec()).unwrap();
        prop_assert!(has_same_shape(&message, &serde_json::from_str(&once).unwrap()), "{}", once);
        prop_assert!(!once.contains(CREDENTIAL));
    }

    #[test]
    fn what_the_sieve_passes_over_would_have_stayed(
        rules in prop::collection::vec(rule(), 1..4),
        has_known in any::<bool>(),
        is_request in any::<bool>(),
        enciphers in any::<bool>(),
        message in message(),
    ) {
        let rules = if enciphers { enciphering(&rules) } else { rules };
        let setup = setup(rules, has_known, is_request);
        let message = parse(&message.to_string());
        let (sifted, plain) = (setup.masked(&message), setup.masked_by(mask_plainly, &message));
        prop_assert_eq!(sifted.bytes(), plain.bytes());
        prop_assert_eq!(sifted.counts(), plain.counts());
    }

    #[test]
    fn a_clean_message_keeps_its_bytes(words in prop::collection::vec("[a-z]{1,8}", 0..20)) {
        let text = words.join(" ");
        let message = parse(&result(json!({"content": [{"type": "text", "text": text}]})).to_string());
        let masked = Setup::redacting().masked(&message);
        prop_assert_eq!(masked.bytes().as_ptr(), message.bytes().as_ptr());
    }
}
