//! Properties over messages that are made up, spelled oddly and broken: what rmcp and serde_json read of one that passes
//! is what policy was asked about.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bytes::Bytes;
use lychgate_gateway_mcp::json::{JsonError, Limits};
use lychgate_gateway_mcp::message::{Id, Message, MessageError};
use lychgate_gateway_policy::Operation;
use lychgate_tests_fuzz::{Asked, authorised, read_by_rmcp, target};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const LIMITS: Limits = Limits::with_bytes(1 << 20);

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", "\\PC{0,6}", any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn arguments() -> impl Strategy<Value = Option<Map<String, Value>>> {
    prop::option::of(prop::collection::vec((text(), value()), 0..4).prop_map(Map::from_iter))
}

/// A request, and what it asks for.
fn request() -> impl Strategy<Value = (Value, Asked)> {
    let id = prop_oneof![
        any::<i64>().prop_map(|number| (Id::Number(number), json!(number))),
        text().prop_map(|text| (Id::String(text.clone()), json!(text))),
    ];
    let target = (0..6_usize, text(), arguments()).prop_map(|(kind, name, arguments)| {
        let resource = Operation::Resource { uri: name.clone() };
        let prompt = Operation::Prompt { name: name.clone() };
        let completion = |reference| json!({"ref": reference, "argument": {"name": "a", "value": "b"}});
        let called = json!({"name": name, "arguments": arguments});
        match kind {
            0 => ("tools/call", called, Operation::Tool { name }, arguments),
            1 => ("prompts/get", called, prompt, arguments),
            2 => ("resources/read", json!({"uri": name}), resource, None),
            3 => ("resources/subscribe", json!({"uri": name}), resource, None),
            4 => {
                ("completion/complete", completion(json!({"type": "ref/prompt", "name": name})), prompt, None)
            }
            _ => (
                "completion/complete",
                completion(json!({"type": "ref/resource", "uri": name})),
                resource,
                None,
            ),
        }
    });
    (id, target).prop_map(|((id, written), (method, params, operation, arguments))| {
        let message = json!({"jsonrpc": "2.0", "id": written, "method": method, "params": params});
        (message, Asked { id, operation, arguments })
    })
}

/// A value in an odd spelling: any character escaped, blanks anywhere, members in any order. `choices` say how.
fn spell(value: &Value, choices: &mut impl Iterator<Item = u8>, output: &mut String) {
    let blank =
        |choices: &mut dyn Iterator<Item = u8>| ["", " ", "\n\t", "\r"][usize::from(next(choices) % 4)];
    output.push_str(blank(choices));
    match value {
        Value::String(text) => spell_text(text, choices, output),
        Value::Array(items) => {
            output.push('[');
            for (index, item) in items.iter().enumerate() {
                output.push_str(if index > 0 { "," } else { "" });
                spell(item, choices, output);
            }
            output.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            let turn = usize::from(next(choices)) % members.len().max(1);
            members.rotate_left(turn);
            output.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                output.push_str(if index > 0 { "," } else { "" });
                output.push_str(blank(choices));
                spell_text(name, choices, output);
                output.push_str(blank(choices));
                output.push(':');
                spell(value, choices, output);
            }
            output.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => output.push_str(&value.to_string()),
    }
    output.push_str(blank(choices));
}

fn next(choices: &mut dyn Iterator<Item = u8>) -> u8 {
    choices.next().unwrap_or(0)
}

fn spell_text(text: &str, choices: &mut impl Iterator<Item = u8>, output: &mut String) {
    output.push('"');
    for character in text.chars() {
        let must = character.is_control() || matches!(character, '"' | '\\');
        if must || next(choices) % 3 == 1 {
            for unit in character.encode_utf16(&mut [0; 2]) {
                output.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            output.push(character);
        }
    }
    output.push('"');
}

fn parse(text: &str) -> Result<Message, MessageError> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), LIMITS)
}

proptest! {
    #[test]
    fn what_a_request_asks_for_is_what_we_rmcp_and_serde_json_read_however_it_is_spelled(
        (message, asked) in request(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut text = String::new();
        spell(&message, &mut choices.into_iter().cycle(), &mut text);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &message);
        let ours = parse(&text).unwrap();
        prop_assert_eq!(authorised(&ours), Some(asked.clone()));
        prop_assert_eq!(read_by_rmcp(text.as_bytes()), Some(asked));
    }

    #[test]
    fn a_second_member_of_a_name_is_refused_wherever_it_stands_and_however_it_is_spelled(
        (message, _) in request(),
        place in any::<prop::sample::Index>(),
        in_params in any::<bool>(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let object = if in_params { &message["params"] } else { &message };
        let names: Vec<&String> = object.as_object().unwrap().keys().collect();
        let name = names[place.index(names.len())];
        let mut twin = String::new();
        spell_text(name, &mut choices.iter().copied().cycle(), &mut twin);
        // In front, so that whoever takes the last member sees the message as it was.
        let marker = if in_params { r#""params":{"# } else { "{" };
        let text = message.to_string().replacen(marker, &format!("{marker}{twin}:\"other\","), 1);
        let last_wins: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(last_wins, message);
        let refused = matches!(parse(&text), Err(MessageError::Json(JsonError::DuplicateMember { .. })));
        prop_assert!(refused, "{}", text);
    }

    #[test]
    fn a_request_with_a_few_bytes_changed_is_refused_or_read_alike_by_all(
        (message, _) in request(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..5),
    ) {
        let mut bytes = message.to_string().into_bytes();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        for name in ["json", "message", "decide"] {
            (target(name).unwrap().run)(&bytes);
        }
    }
}
