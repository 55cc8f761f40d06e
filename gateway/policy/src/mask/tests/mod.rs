//! Masking whole messages. What a detector, an action or a path does by itself is tested beside it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "values are written where they are passed")]

mod actions;
mod clean;
mod columns;
mod credentials;
mod custom;
mod disguises;
mod filters;
mod fitted;
mod fpe;
mod linear;
mod places;
mod properties;
mod rules;
mod tokens;
mod values;

use bytes::Bytes;
use lychgate_gateway_mcp::json::{Edits, Limits};
use lychgate_gateway_mcp::message::Message;
use serde_json::{Value, json};

use super::program::Active;
use super::text::Masker;
use super::{Audience, Context, Known, Masked, Program, Tokens, UNMASKABLE, compile, mask, own_error, seal};
use crate::call::Operation;
use crate::config::Direction;
use crate::decide::Caller;

/// How a message is masked, unless a test says otherwise: an answer of the tool `query` on its way to a
/// caller.
struct Setup {
    program: Program,
    known: Vec<Known>,
    tokens: Option<Tokens>,
    caller: Caller,
    for_record: bool,
    direction: Direction,
    operation: Option<Operation>,
}

impl Setup {
    /// With one rule for both directions, to which the members of `rule` are added.
    fn with_rule(rule: Value) -> Self {
        Self::with_rules(json!([rule]))
    }

    fn with_rules(mut rules: Value) -> Self {
        for rule in rules.as_array_mut().unwrap() {
            let rule = rule.as_object_mut().unwrap();
            rule.entry("name").or_insert("rule".into());
            rule.entry("directions").or_insert(json!(["Request", "Response"]));
        }
        Self {
            program: compile(&serde_json::from_value::<Vec<_>>(rules).unwrap()).unwrap(),
            known: Vec::new(),
            tokens: None,
            caller: Caller { groups: vec!["analysts".to_owned()], ..Caller::anonymous() },
            for_record: false,
            direction: Direction::Response,
            operation: Some(Operation::Tool { name: "query".to_owned() }),
        }
    }

    /// With a rule that redacts everything that any detector finds.
    fn redacting() -> Self {
        Self::with_rule(json!({"detectors": [
            {"group": "PersonalData", "action": {"redact": {}}},
            {"group": "Secrets", "action": {"redact": {}}},
        ]}))
    }

    fn masked(&self, message: &Message) -> Masked {
        self.masked_by(mask, message)
    }

    fn masked_by(
        &self,
        mask: impl Fn(&Program, &Context<'_>, &Message) -> Masked,
        message: &Message,
    ) -> Masked {
        let audience = match (self.for_record, self.direction) {
            (true, _) => Audience::Record,
            (false, Direction::Response) => Audience::Caller(&self.caller),
            (false, Direction::Request) => Audience::Upstream(&self.caller),
        };
        let context = Context {
            audience,
            direction: self.direction,
            operation: self.operation.as_ref(),
            known: &self.known,
            tokens: self.tokens.as_ref(),
            now: 0,
        };
        mask(&self.program, &context, message)
    }

    fn text(&self, message: &str) -> String {
        String::from_utf8(self.masked(&parse(message)).into_bytes().to_vec()).unwrap()
    }

    fn json(&self, message: &Value) -> Value {
        serde_json::from_str(&self.text(&message.to_string())).unwrap()
    }

    /// What becomes of the structured content of a tool's answer.
    fn structured(&self, content: Value) -> Value {
        self.json(&result(json!({"structuredContent": content})))["result"]["structuredContent"].take()
    }

    /// What becomes of the text of a tool's answer.
    fn content(&self, text: &str) -> String {
        let answer = self.json(&result(json!({"content": [{"type": "text", "text": text}]})));
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

fn parse(message: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(message.as_bytes()), Limits::with_bytes(1 << 24)).unwrap()
}

fn result(result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": result})
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

#[test]
fn a_message_that_cannot_be_masked_becomes_an_error_for_its_id() {
    let message = parse(r#"{"jsonrpc":"2.0","id":"a","result":{"secret":1}}"#);
    let program = compile(&[]).unwrap();
    let context = Context {
        audience: Audience::Record,
        direction: Direction::Response,
        operation: None,
        known: &[],
        tokens: None,
        now: 0,
    };
    let root = message.document().root();
    let result = root.get("result").unwrap();
    let mut overlapping = Edits::new();
    overlapping.replace(result.span(), "{}");
    overlapping.replace(result.get("secret").unwrap().span(), "0");
    let mut failed = Masker::new(Active::new(&program.enforced, &context), &[]);
    failed.has_failed = true;
    let intact = Masker::new(Active::new(&program.enforced, &context), &[]);
    for masked in
        [seal(&message, &context, overlapping, intact), seal(&message, &context, Edits::new(), failed)]
    {
        assert!(masked.is_refusal());
        let answer: Value = serde_json::from_slice(masked.bytes()).unwrap();
        assert_eq!(answer["id"], "a");
        assert_eq!(answer["error"]["code"], UNMASKABLE);
        assert_eq!(answer.get("result"), None);
    }
}

#[test]
fn a_message_that_cannot_be_masked_passes_where_its_rules_say_so_and_no_credential_is_in_it() {
    let message = parse(r#"{"jsonrpc":"2.0","id":"a","result":{"secret":"sesame-open-42"}}"#);
    let setup =
        Setup::with_rule(json!({"failOpen": true, "fields": [{"keys": ["x"], "action": {"redact": {}}}]}));
    for (known, passes) in [(vec![], true), (vec![Known::new("db", "sesame-open-42")], false)] {
        let context = Context {
            audience: Audience::Caller(&setup.caller),
            direction: Direction::Response,
            operation: None,
            known: &known,
            tokens: None,
            now: 0,
        };
        let mut failed = Masker::new(Active::new(&setup.program.enforced, &context), &known);
        failed.has_failed = true;
        let masked = seal(&message, &context, Edits::new(), failed);
        assert_eq!(masked.is_refusal(), !passes);
        assert_eq!(masked.counts().get("unmasked").is_some(), passes);
    }
}

#[test]
fn an_error_of_the_gateways_own_repeats_no_credential() {
    let known = [Known::new("caller", "caller-token-123")];
    let shown = |text: &str| {
        let masked = own_error(None, -31_999, text, Some(&format!("{{\"requested\":\"{text}\"}}")), &known);
        assert!(!masked.is_refusal());
        String::from_utf8(masked.bytes().to_vec()).unwrap()
    };
    let plain = shown("Unknown tool: query");
    assert!(plain.contains(r#""message":"Unknown tool: query""#) && plain.contains("requested"), "{plain}");
    let hidden = shown("Unknown tool: caller-token-123");
    assert!(!hidden.contains("caller-token") && !hidden.contains("requested"), "{hidden}");
}
