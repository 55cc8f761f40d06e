//! Enciphered values in messages: each is enciphered once, whatever it then looks like.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::actions::masking_key;
use super::{Setup, parse, result};
use crate::config::{Fpe, SecretKey};
use crate::mask::fpe::{of_number, of_text};

fn key() -> SecretKey {
    SecretKey { secret: "mask-key".into(), key: "k1".into() }
}

fn action() -> Value {
    json!({"fpe": {"key": key()}})
}

fn enciphered(kind: &str, value: &str) -> String {
    of_text(&Fpe { key: key() }, kind, value, &[masking_key()]).unwrap()
}

fn with_rule(rule: Value) -> Setup {
    Setup { known: vec![masking_key()], ..Setup::with_rule(rule) }
}

fn detecting() -> Setup {
    let detectors: Vec<Value> = ["UsSsn", "Phone", "CreditCard", "Email", "IpAddress", "Iban"]
        .map(|kind| json!({"type": kind, "action": action()}))
        .to_vec();
    with_rule(json!({"detectors": detectors, "fields": [
        {"keys": ["account"], "action": action()},
        {"columns": ["account"], "action": action()},
    ]}))
}

#[test]
fn a_value_becomes_another_of_its_form_wherever_it_stands() {
    let setup = detecting();
    let ssn = enciphered("UsSsn", "123-45-6789");
    assert_eq!(setup.content("ssn 123-45-6789, bye"), format!("ssn {ssn}, bye"));
    let account = enciphered("Field", "AB-123456");
    let number = of_number(&Fpe { key: key() }, "Field", "12345678", &[masking_key()]).unwrap();
    assert_eq!(
        setup.structured(
            json!({"account": "AB-123456", "rows": {"account": 12_345_678}, "csv": "id,account\n1,AB-123456"})
        ),
        json!({
            "account": account,
            "rows": {"account": number.parse::<u64>().unwrap()},
            "csv": format!("id,account\n1,{account}"),
        })
    );
    // Behind a disguise the value is what it reads as.
    assert_eq!(setup.content("ssn 123%2D45%2D6789"), format!("ssn {ssn}"));
    let card = 4_111_111_111_111_111_i64;
    assert_ne!(setup.structured(json!({"card": card}))["card"], json!(card));
}

#[test]
fn what_cannot_be_enciphered_is_redacted() {
    let setup = detecting();
    for (value, expected) in [
        (json!("12345"), json!("[REDACTED:Field]")),
        (json!("größe 1234567"), json!("[REDACTED:Field]")),
        (json!(12345), json!(0)),
        (json!(true), json!(false)),
        (json!([1]), json!([])),
        (json!(null), json!(null)),
    ] {
        assert_eq!(setup.structured(json!({"account": value})), json!({"account": expected}));
    }
    let without_key = Setup { known: vec![], ..detecting() };
    assert_eq!(
        without_key.structured(json!({"account": "AB-123456"})),
        json!({"account": "[REDACTED:Field]"})
    );
    // A value that is split over texts has no one place.
    assert_eq!(
        setup.structured(json!(["4111 1111", "1111 1111"])),
        json!(["[REDACTED:CreditCard]", "[REDACTED:CreditCard]"])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What comes out of the cipher is a value of its kind again, more often than not.
    #[test]
    fn each_value_is_enciphered_exactly_once(
        values in prop::collection::vec((0..4_usize, 0..1_000_u32), 1..6),
        glue in prop::sample::select(&[" and ", "; ", "\n"][..]),
    ) {
        let planted: Vec<(&str, String)> = values.iter().map(|(kind, seed)| match kind {
            0 => ("UsSsn", format!("123-45-{:04}", seed + 1)),
            1 => ("Phone", format!("(415) 555-{seed:04}")),
            2 => ("Email", format!("ada{seed}@example.com")),
            _ => ("IpAddress", format!("203.0.113.{}", seed % 256)),
        }).collect();
        let write = |of: &dyn Fn(&str, &str) -> String| {
            planted.iter().map(|(kind, value)| format!("x {}", of(kind, value))).collect::<Vec<_>>().join(glue)
        };
        let setup = detecting();
        let masked = setup.content(&write(&|_, value| value.to_owned()));
        prop_assert_eq!(masked, write(&|kind, value| {
            of_text(&Fpe { key: key() }, kind, value, &[masking_key()]).unwrap_or_else(|| format!("[REDACTED:{kind}]"))
        }));
        let message = result(json!({"content": [{"type": "text", "text": write(&|_, value| value.to_owned())}]}));
        let counts = setup.masked(&parse(&message.to_string())).counts().values().sum::<u32>();
        prop_assert_eq!(usize::try_from(counts).unwrap(), planted.len());
    }
}
