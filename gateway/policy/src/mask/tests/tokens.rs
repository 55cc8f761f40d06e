//! Tokens in messages: what becomes one, what is none and stays or is found, and what must not come back as it is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Setup, parse, result};
use crate::mask::Known;
use crate::mask::token::tests::session;

/// In a session, with e-mail addresses and everything called `salary` as tokens.
fn tokenizing() -> Setup {
    with_rule(json!({
        "detectors": [{"type": "Email", "action": {"tokenize": {}}}],
        "fields": [
            {"keys": ["salary"], "action": {"tokenize": {}}},
            {"columns": ["salary"], "action": {"tokenize": {}}},
        ],
    }))
}

fn with_rule(mut rule: Value) -> Setup {
    rule["directions"] = json!(["Response"]);
    Setup { tokens: Some(session(&[1])), ..Setup::with_rule(rule) }
}

fn token(value: &str) -> String {
    session(&[1]).seal(value).unwrap()
}

#[test]
fn a_value_becomes_its_token_wherever_it_stands_and_numbers_and_names_do_not() {
    let setup = tokenizing();
    let (ada, salary) = (token("ada@example.com"), token("75000 EUR"));
    assert_eq!(setup.content("to ada@example.com, ada@example.com"), format!("to {ada}, {ada}"));
    let nested = |mail: &str| json!({"rows": [{"mail": mail}]}).to_string();
    assert_eq!(setup.content(&nested("ada@example.com")), nested(&ada));
    assert_eq!(setup.content("id,salary\n1,75000 EUR"), format!("id,salary\n1,{salary}"));
    assert_eq!(setup.content("ada%40example.com"), ada, "what is disguised is the value that it reads as");
    assert_eq!(
        setup.structured(json!({"salary": "75000 EUR", "a": {"salary": 75_000}, "b": {"salary": [1], "ada@example.com": 1}})),
        json!({"salary": salary, "a": {"salary": 0}, "b": {"salary": [], "[REDACTED:Email]": 1}})
    );
    let short =
        setup.structured(json!({"salary": "no", "a": {"salary": "x".repeat(1025)}, "b": {"salary": null}}));
    let redacted = "[REDACTED:Field]";
    assert_eq!(short, json!({"salary": redacted, "a": {"salary": redacted}, "b": {"salary": null}}));
    let split = setup.structured(json!(["write to ada@exam", "ple.com soon"]));
    assert_eq!(split, json!(["write to [REDACTED:Email]", "[REDACTED:Email] soon"]));
}

#[test]
fn without_a_session_a_value_is_redacted() {
    let setup = Setup { tokens: None, ..tokenizing() };
    assert_eq!(setup.content("to ada@example.com"), "to [REDACTED:Email]");
    let token = token("ada@example.com");
    assert_eq!(setup.content(&token), token, "what could be a token stays");
}

#[test]
fn a_token_is_no_value_and_what_is_written_like_one_hides_nothing() {
    let setup = with_rule(json!({
        "detectors": [{"group": "All", "action": {"redact": {}}}],
        "fields": [{"keys": ["salary"], "action": {"tokenize": {}}}],
    }));
    let token = token("75000 EUR");
    for text in [
        format!("token={token}"),
        format!("the api secret {token} and password: {token}"),
        json!({"salary": token, "api_token": token, "password": token}).to_string(),
    ] {
        assert_eq!(setup.content(&text), text);
    }
    let forged = "[TOKEN:ghp_16C7e42F292c6912E7710c838347Ae178B4aBcD]";
    let known = vec![Known::new("billing", "ghp_16C7e42F292c6912E7710c838347Ae178B4aBcD")];
    assert_eq!(setup.content(forged), "[TOKEN:[REDACTED:GithubToken]]");
    for tokens in [None, Some(session(&[1]))] {
        let setup = Setup { known: known.clone(), tokens, ..Setup::with_rules(json!([])) };
        assert_eq!(setup.content(forged), "[TOKEN:[REDACTED:credential]]");
    }
}

#[test]
fn what_was_sent_as_a_token_comes_back_as_one_whatever_finds_it() {
    let known = ["90000 EUR", "Ada", "4711", "Lovelace Street"].map(Known::restored).to_vec();
    let setup = Setup { known, ..tokenizing() };
    let (salary, ada, number) = (token("90000 EUR"), token("Ada"), token("4711"));
    let echo = "Hello, Ada! You earn 90000 EUR, as no. 4711. Adam earns 190000 EUR, as no. 47111.";
    let expected =
        format!("Hello, {ada}! You earn {salary}, as no. {number}. Adam earns 190000 EUR, as no. 47111.");
    assert_eq!(setup.content(echo), expected.replace("190000 EUR", &format!("1{salary}")));
    let content = json!({
        "a": 4711, "b": 4711.0, "c": 47_110, "Ada": {"x": "Ada"}, "Lovelace Street": 1,
        "json": json!({"note": "Ada"}).to_string(), "url": "/?q=Lovelace%20Street", "b64": "QWRhIG9mIExvdmVsYWNlIFN0cmVldCE",
    });
    let masked = setup.structured(content);
    assert_eq!((&masked["a"], &masked["b"], &masked["c"]), (&json!(0), &json!(0), &json!(47_110)));
    assert_eq!(masked["[REDACTED:restored]"], json!({"x": ada}));
    assert_eq!(masked["json"], json!({"note": ada}).to_string());
    let whole = masked.to_string();
    for value in ["Lovelace", "Street", "TG92ZWxhY2", "xvdmVsYWNl", "MTG9"] {
        assert!(!whole.contains(value), "{value} in {whole}");
    }
    let message = parse(&result(json!({"content": [{"type": "text", "text": echo}]})).to_string());
    assert_eq!(setup.masked(&message).counts().get("restored"), Some(&4));
}

#[test]
fn words_of_the_protocol_stay_though_a_short_value_is_one() {
    let known = ["text", "user", "low"].map(Known::restored).to_vec();
    let setup = Setup { known, ..tokenizing() };
    let answer = result(json!({
        "content": [{"type": "text", "text": "a user", "annotations": {"audience": ["user"], "priority": 0.5}}],
        "isError": false,
    }));
    let mut expected = answer.clone();
    expected["result"]["content"][0]["text"] = format!("a {}", token("user")).into();
    assert_eq!(setup.json(&answer), expected);
}

#[test]
fn a_stronger_action_of_another_rule_wins_over_a_token_and_a_weaker_does_not() {
    let rules = |action: Value| {
        json!([
            {"directions": ["Response"], "detectors": [{"type": "Email", "action": {"tokenize": {}}}]},
            {"directions": ["Response"], "fields": [{"keys": ["mail"], "action": action}]},
        ])
    };
    let masked = |action: Value| {
        let setup = Setup { tokens: Some(session(&[1])), ..Setup::with_rules(rules(action)) };
        setup.structured(json!({"mail": "ada@example.com"}))["mail"].as_str().unwrap().to_owned()
    };
    assert_eq!(masked(json!({"redact": {}})), "[REDACTED:Field]");
    assert_eq!(masked(json!({"partial": {"keepLast": 4}})), token("ada@example.com"));
}

const PLANTED: [&str; 5] = ["ada@example.com", "90000 EUR", "Zoë Ångström", "4711", "+44 20 7946 0958"];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(&PLANTED[..]).prop_map(str::to_owned),
        prop::sample::select(&PLANTED[..]).prop_map(token),
        prop::sample::select(
            &[
                " ",
                ", ",
                "\n",
                "\"",
                "{",
                "}",
                "[TOKEN:",
                "]",
                "%40",
                "token=",
                "password: ",
                "[REDACTED:Email]",
                "é"
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-z]{1,4}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![text().prop_map(Value::from), Just(json!(4711)), Just(json!(true)), Just(Value::Null)];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop_oneof![
            prop::sample::select(&["salary", "note", "token"][..]).prop_map(str::to_owned),
            text()
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name, inner.clone(), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

/// At least 1,000 messages; more with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(1_000), failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tokens_stay_when_they_are_masked_again_and_no_planted_value_survives(
        value in value(), text in text(), is_restored: bool,
    ) {
        let known = if is_restored { PLANTED.map(Known::restored).to_vec() } else { Vec::new() };
        let setup = Setup { known, ..tokenizing() };
        let message = result(json!({"content": [{"type": "text", "text": text}], "structuredContent": value}));
        let once = setup.text(&message.to_string());
        let again = setup.masked(&parse(&once));
        prop_assert_eq!(std::str::from_utf8(again.bytes()).unwrap(), &once);
        prop_assert!(again.counts().is_empty(), "{:?}", again.counts());
        prop_assert!(!once.contains(PLANTED[0]), "{}", once);
        if is_restored {
            // Of a longer one no part stands anywhere; a short one may be part of a longer word.
            for planted in PLANTED.iter().filter(|planted| planted.len() >= 8) {
                prop_assert!(!once.contains(planted), "{} in {}", planted, once);
            }
        }
    }
}
