//! Masking: what comes out is a message of the same form and shape, holds no credential that was known, and is left
//! alone when it is masked again.

use std::sync::LazyLock;

use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_policy::config::{Direction, MaskingRule};
use lychgate_gateway_policy::mask::{Audience, Context, Known, Masked, Program, compile, mask};
use serde_json::{Value, json};

use crate::caller::alice;
use crate::readers::{Choices, message, two_parts};
use crate::tree::Tree;

const CREDENTIAL: &str = "correct-horse-battery";

/// Sets of rules: what most people write, what empties much, and none at all.
static PROGRAMS: LazyLock<[Program; 3]> = LazyLock::new(|| {
    let everything = json!([{"name": "all", "directions": ["Request", "Response"], "detectors": [
        {"group": "PersonalData", "action": {"redact": {}}},
        {"group": "Secrets", "action": {"redact": {}}},
    ]}]);
    let fields = json!([
        {"name": "fields", "directions": ["Request", "Response"],
         "detectors": [
            {"type": "CreditCard", "action": {"partial": {"keepLast": 4}}},
            {"type": "Email", "action": {"replace": {"string": "nobody@example.com"}}},
         ],
         "fields": [
            {"keys": ["pin", "*secret*"], "action": {"redact": {}}},
            {"jsonPath": "$.rows[*].salary", "action": {"replace": {"number": 0}}},
            {"jsonPath": "$..x", "action": {"redact": {}}},
         ],
         "exclude": {"fields": ["$.kept"]}},
    ]);
    [everything, fields, json!([])]
        .map(|rules: Value| compile(&serde_json::from_value::<Vec<MaskingRule>>(rules).unwrap()).unwrap())
});

/// A line of choices, and a message.
pub(crate) fn run(data: &[u8]) {
    let (choices, body) = two_parts(data);
    let Some(message) = message(body) else { return };
    let mut choices = Choices::new(choices);
    let program = &PROGRAMS[usize::from(choices.next()) % PROGRAMS.len()];
    let (choice, for_record) = (choices.next(), choices.next() % 2 == 1);
    let caller = alice();
    let (direction, audience) = match (choice % 2, for_record) {
        (0, false) => (Direction::Response, Audience::Caller(&caller)),
        (0, true) => (Direction::Response, Audience::Record),
        (_, false) => (Direction::Request, Audience::Upstream(&caller)),
        (_, true) => (Direction::Request, Audience::Record),
    };
    let operation = Operation::Tool { name: "query".to_owned() };
    let known = [Known::new("token", CREDENTIAL)];
    let operation = (choice % 4 < 2).then_some(&operation);
    let context = Context { audience, direction, operation, known: &known, tokens: None, now: 0 };
    let masked = mask(program, &context, &message);
    check(&message, &masked, &known[0]);
    if !masked.is_refusal() {
        let once = self::message(masked.bytes()).unwrap();
        let again = mask(program, &context, &once);
        assert_eq!(again.bytes(), masked.bytes(), "masked again, it stays as it is");
        assert!(again.counts().is_empty(), "{:?}", again.counts());
    }
}

fn check(before: &Message, masked: &Masked, known: &Known) {
    let after = message(masked.bytes()).expect("what is masked is a message");
    let tree = Tree::read(masked.bytes());
    if let Ok(tree) = &tree {
        tree.texts(&mut |text| assert!(!known.is_in(text), "a known credential is shown"));
    }
    if masked.is_refusal() {
        assert!(after.error().is_some());
        return;
    }
    if masked.counts().is_empty() {
        assert_eq!(masked.bytes(), before.bytes(), "where nothing was found, nothing has changed");
    }
    assert_eq!(std::mem::discriminant(after.form()), std::mem::discriminant(before.form()));
    let has_credential = before.method().is_some_and(|method| known.is_in(method));
    assert!(has_credential || after.method() == before.method(), "the method stays");
    if let (Ok(before), Ok(after)) = (Tree::read(before.bytes()), tree) {
        assert!(has_same_shape(&before, &after), "the shape stays");
    }
}

/// Whether two values are of the same kind all the way down, but for what a rule emptied.
fn has_same_shape(before: &Tree, after: &Tree) -> bool {
    match (before, after) {
        (Tree::Array(before), Tree::Array(after)) => {
            after.is_empty()
                || before.len() == after.len()
                    && before.iter().zip(after).all(|(one, other)| has_same_shape(one, other))
        }
        (Tree::Object(before), Tree::Object(after)) => {
            after.is_empty()
                || before.len() == after.len()
                    && before.iter().zip(after).all(|((_, one), (_, other))| has_same_shape(one, other))
        }
        (Tree::Integer(_) | Tree::Float(_), Tree::Integer(_) | Tree::Float(_)) => true,
        _ => std::mem::discriminant(before) == std::mem::discriminant(after),
    }
}
