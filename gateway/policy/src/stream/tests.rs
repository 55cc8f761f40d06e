//! Answers in pieces, held against the same answers masked as a whole.

use lychgate_gateway_mcp::message::{Id, Message};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Part, Stream, StreamFault};
use crate::call::Operation;
use crate::compile::Policy;
use crate::config::MaskingRule;
use crate::shown::{Shown, show};
use crate::testing::{caller, policy};

fn rules(text: Value) -> Policy {
    let rules: Vec<MaskingRule> = serde_json::from_value(text).unwrap();
    policy(|config| config.masking.clone_from(&rules))
}

fn all() -> Policy {
    rules(json!([{"name": "all", "directions": ["Response", "Request"],
        "detectors": [{"group": "All", "action": {"redact": {}}}],
        "fields": [{"jsonPath": "$.rows[*].salary", "action": {"replace": {"number": 0}}},
            {"jsonPath": "$..hidden", "action": {"redact": {}}},
            {"keys": ["ssn"], "action": {"redact": {}}}]}]))
}

/// Masks as the gateway does.
fn shows(policy: &Policy) -> impl FnMut(&Message) -> Option<Shown> {
    let operation = Operation::Tool { name: "query".to_owned() };
    move |message| Some(show(policy, &caller("alice", &[]), Some(&operation), &[], None, message, 0))
}

/// What becomes of an answer that comes in chunks of these lengths, over and over.
fn streamed(policy: &Policy, text: &str, chunks: &[usize]) -> Result<Vec<Part>, StreamFault> {
    pushed(policy, text, chunks, Stream::new(Id::Number(1)))
}

/// The same in pieces that are so short that a test has many of them.
fn in_short_pieces(policy: &Policy, text: &str, chunks: &[usize]) -> Result<Vec<Part>, StreamFault> {
    pushed(policy, text, chunks, Stream::with_sizes(Id::Number(1), 16, 128))
}

fn pushed(
    policy: &Policy,
    text: &str,
    chunks: &[usize],
    mut stream: Stream,
) -> Result<Vec<Part>, StreamFault> {
    let (mut parts, mut rest) = (Vec::new(), text.as_bytes());
    for length in chunks.iter().cycle() {
        let (now, later) = rest.split_at((*length).max(1).min(rest.len()));
        parts.extend(stream.push(now, &mut shows(policy))?);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    parts.extend(stream.finish(&mut shows(policy))?);
    Ok(parts)
}

fn joined(parts: &[Part]) -> String {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.bytes().to_vec()).collect();
    String::from_utf8(bytes).unwrap()
}

fn whole(policy: &Policy, text: &str) -> String {
    let message = crate::testing::message(text);
    let shown = shows(policy)(&message).unwrap();
    String::from_utf8(shown.caller.bytes().to_vec()).unwrap()
}

/// A text with what it says in texts that are JSON made one value, so that spellings make no difference.
fn meaning(text: &str) -> Value {
    fn open(value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Ok(mut inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    open(&mut inner);
                    *value = json!({"json": inner});
                }
            }
            Value::Array(items) => items.iter_mut().for_each(open),
            Value::Object(members) => members.values_mut().for_each(open),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    open(&mut value);
    value
}

fn row(number: usize) -> Value {
    json!({"id": number, "name": format!("customer number {number}"), "email": format!("c{number}@example.com"),
        "salary": 1000 + number, "notes": ["a \"quoted\" note", {"deep": [number, null, true]}],
        "ssn": "123-45-6789", "card": "4111 1111 1111 1111", "city": "Zürich\n"})
}

/// An answer with this data, as a text and as itself.
fn answer_of(data: &Value) -> String {
    let content = json!([
        {"type": "text", "text": "mail to dora@example.com"},
        {"type": "text", "text": data.to_string(), "annotations": {"audience": ["user"]}},
        {"type": "image", "data": "aGVsbG8gd29ybGQ=", "mimeType": "image/png"}]);
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": content, "structuredContent": data, "isError": false}})
        .to_string()
}

fn assert_is_as_whole(policy: &Policy, text: &str) {
    let parts = in_short_pieces(policy, text, &[50]).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    let masked = joined(&parts);
    assert_eq!(meaning(&masked), meaning(&whole(policy, text)), "{text}\n{masked}");
}

#[test]
fn a_long_answer_is_masked_in_pieces_as_it_would_be_as_a_whole() {
    let rows: Vec<_> = (0..400).map(row).collect();
    let text = answer_of(&json!({"rows": rows, "hidden": {"a": [1, 2, 3]}, "count": rows.len()}));
    for policy in [all(), rules(json!([]))] {
        let parts = streamed(&policy, &text, &[5_000]).unwrap();
        assert_eq!(meaning(&joined(&parts)), meaning(&whole(&policy, &text)));
        assert!(parts.len() > 10, "{} parts", parts.len());
        for short in [0, 1, 2, 9] {
            let rows = rows.get(..short).unwrap();
            assert_is_as_whole(
                &policy,
                &answer_of(&json!({"rows": rows, "hidden": {"a": rows}, "count": short})),
            );
            assert_is_as_whole(&policy, &answer_of(&json!({"result": json!(rows).to_string()})));
        }
    }
}

#[test]
fn what_is_masked_with_all_that_is_in_it_takes_whole_pieces_with_it() {
    let rows: Vec<_> = (0..20).map(row).collect();
    let policy = all();
    for data in [
        json!({"hidden": rows, "rows": rows}),
        json!({"rows": [{"hidden": {"deep": [rows]}, "salary": rows}, {"salary": 7, "ssn": {"a": rows}}], "last": 1}),
        json!([[rows, {"hidden": []}], {"hidden": rows}]),
        json!({"hidden": "a ".repeat(300), "rows": {"hidden": json!(rows).to_string()}}),
    ] {
        assert_is_as_whole(&policy, &answer_of(&data));
    }
}

#[test]
fn names_that_are_masked_alike_in_several_pieces_are_kept_apart() {
    let people: serde_json::Map<_, _> =
        (0..60).map(|number| (format!("p{number}@example.com"), json!({"number": number}))).collect();
    let text = answer_of(&json!({"people": people, "[REDACTED:Email]~7": 1}));
    let parts = in_short_pieces(&all(), &text, &[64]).unwrap();
    let masked = joined(&parts);
    assert!(!masked.contains('@'), "{masked}");
    // Read strictly, so that a name which stands twice would be told.
    let read = crate::testing::message(&masked);
    let people = read.result().and_then(|result| result.get("structuredContent")?.get("people")).unwrap();
    assert_eq!(people.members().count(), 60);
    assert_eq!(meaning(&masked), meaning(&whole(&all(), &text)));
}

#[test]
fn a_text_that_is_no_json_further_on_is_masked_as_text_from_there() {
    let rows = (0..20).map(|number| row(number).to_string());
    let lines = rows.clone().collect::<Vec<_>>().join("\n");
    let broken = format!("[{}] and that was all, dora@example.com", rows.collect::<Vec<_>>().join(","));
    let cut = broken.get(..broken.len() / 2).unwrap();
    for text in [
        &lines,
        &broken,
        &cut.to_owned(),
        &format!("[{}", "x".repeat(500)),
        &format!("{{{}", "\"".repeat(400)),
    ] {
        let text =
            json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}})
                .to_string();
        let masked = joined(&in_short_pieces(&all(), &text, &[64]).unwrap());
        assert!(serde_json::from_str::<Value>(&masked).is_ok(), "{masked}");
        for secret in ["@example.com", "123-45-6789", "4111 1111"] {
            assert!(!masked.contains(secret), "{secret}: {masked}");
        }
    }
}

#[test]
fn a_text_with_a_name_twice_ends_as_unreadable_there() {
    let filler = json!((0..40).collect::<Vec<_>>());
    let text = format!(r#"{{"a":1,"f":{filler},"g":{filler},"a":2,"h":{filler},"salary":"dora"}}"#);
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}});
    let masked = joined(&in_short_pieces(&all(), &message.to_string(), &[64]).unwrap());
    let read: Value = serde_json::from_str(&masked).unwrap();
    let text = read["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(r#"{"a":1,"f":"#) && text.ends_with("[REDACTED:unreadable]"), "{text}");
    assert!(!text.contains("dora"), "{text}");
}

#[test]
fn what_is_no_whole_answer_to_the_call_is_told() {
    let data: Vec<_> = (0..200).collect();
    let with =
        |head: &str, tail: &str| format!(r#"{head}"result":{{"structuredContent":{{"a":{data:?}}}}}{tail}"#);
    let head = r#"{"jsonrpc":"2.0","id":1,"#;
    for (text, expected) in [
        (with(head, "}"), None),
        (with("{", r#","id":1,"jsonrpc":"2.0"}"#), None),
        (with(r#"{"jsonrpc":"2.0","id":2,"#, "}"), Some(StreamFault::AnotherCall)),
        (with(r#"{"jsonrpc":"2.0","#, r#","id":2}"#), Some(StreamFault::AnotherCall)),
        (with(r#"{"jsonrpc":"2.0","#, "}"), Some(StreamFault::NoMessage)),
        (with(r#"{"id":1,"#, "}"), Some(StreamFault::NoMessage)),
        (with(r#"{"id":1,"jsonrpc":"1.0","#, "}"), Some(StreamFault::NoMessage)),
        (with(head, ""), Some(StreamFault::Incomplete)),
        (with(head, "}}"), Some(StreamFault::Incomplete)),
        (with(head, "} {"), Some(StreamFault::Incomplete)),
        (with(head, r#","id":1}"#), Some(StreamFault::SecondName)),
        ("[]".to_owned(), Some(StreamFault::NoMessage)),
        (String::new(), Some(StreamFault::Incomplete)),
        (format!(r#"{head}"error":{{"code":1,"message":"m"}}}}"#), Some(StreamFault::AnotherCall)),
    ] {
        let fault = in_short_pieces(&all(), &text, &[30]).err();
        assert_eq!(fault, expected, "{text}");
    }
}

#[test]
fn a_name_that_stands_twice_is_found_also_where_it_does_so_in_two_pieces() {
    let data: Vec<_> = (0..200).collect();
    for (first, second) in [("a", "a"), ("a", r"\u0061"), (r"\u0061", "a")] {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"{first}":{data:?},"b":{data:?},"{second}":2}}}}}}"#
        );
        assert_eq!(in_short_pieces(&all(), &text, &[30]).err(), Some(StreamFault::SecondName), "{text}");
    }
}

#[test]
fn what_nothing_is_found_in_keeps_its_bytes_also_where_it_is_spelled_oddly() {
    let items = vec![r#"{\"a\": \"\u00e9 \/ x\",   \"b\":[1 , 2]}"#; 4_000].join(" , ");
    let text = format!(
        r#" {{ "result" : {{ "content" : [ {{ "text" : "[ {items} ]" , "type":"text" }} ] }} , "id":1, "jsonrpc":"2.0" }} "#
    );
    let parts = streamed(&all(), &text, &[1_000]).unwrap();
    assert!(parts.len() > 5, "{}", parts.len());
    assert_eq!(joined(&parts), text);
}

/// Data of every form, with values to mask in it.
fn data() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z \"\\\\\n\u{e9}]{0,40}",
        Just("carol@example.com".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("[REDACTED:Email]".to_owned()),
    ];
    let name = prop_oneof![
        "[a-z]{1,6}",
        Just("text".to_owned()),
        Just("hidden".to_owned()),
        Just("salary".to_owned()),
        Just("eve@example.com".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 120, 12, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner.clone(), 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(|inner| Value::from(inner.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn any_answer_is_masked_in_pieces_as_it_would_be_as_a_whole(rows in proptest::collection::vec(data(), 0..8)) {
        assert_is_as_whole(&all(), &answer_of(&json!({"rows": rows})));
    }

    #[test]
    fn however_an_answer_comes_the_pieces_are_the_same(
        rows in proptest::collection::vec(data(), 0..6),
        chunks in proptest::collection::vec(1_usize..200, 1..8),
    ) {
        let text = answer_of(&json!({"rows": rows}));
        let pieces = |chunks: &[usize]| {
            let parts = in_short_pieces(&all(), &text, chunks).unwrap();
            parts.iter().map(|part| part.bytes().clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(pieces(&chunks), pieces(&[usize::MAX]));
    }
}
