//! A message as it goes on, and as the record has it.
//!
//! The record is masked by every rule. Where every rule also holds for this caller and this way, which is the
//! common case, both see the same, and an answer is masked once. What is blocked for the caller is masked for the
//! record. Of a request, in which hardly ever anything is masked, the record's rules say so for the fewer ones that hold
//! on its way to the server.

use lychgate_gateway_mcp::message::Message;

use crate::call::{Call, Operation};
use crate::compile::Policy;
use crate::config::{Direction, MaskingRule};
use crate::decide::Caller;
use crate::mask::{Audience, Context, Known, Masked, Tokens, mask};

/// A message of the server that was masked for both who will see it.
#[derive(Debug)]
pub struct Shown {
    /// For the caller.
    pub caller: Masked,
    /// For the record.
    pub record: Masked,
}

/// Masks a message of the server, an answer to `operation`, for its caller and for the record. `known`, `tokens` and `now`
/// as in [`Context`].
#[must_use]
pub fn show(
    policy: &Policy,
    caller: &Caller,
    operation: Option<&Operation>,
    known: &[Known],
    tokens: Option<&Tokens>,
    message: &Message,
    now: u64,
) -> Shown {
    let direction = Direction::Response;
    let masked = |audience| {
        mask(policy.masking(), &Context { audience, direction, operation, known, tokens, now }, message)
    };
    let for_caller = masked(Audience::Caller(caller));
    let holds = |rule: &MaskingRule| {
        rule.directions.contains(&direction) && rule.matching.when.is_none() && !excepts(rule, caller)
    };
    let is_same = for_caller.blocked().is_empty() && policy.config().masking.iter().all(holds);
    let record = if is_same { for_caller.clone() } else { masked(Audience::Record) };
    Shown { caller: for_caller, record }
}

/// A message of the client that was masked for all who will see it.
pub(crate) struct Sent {
    /// For the server, with values in the place of tokens.
    pub(crate) upstream: Masked,
    /// The same with tokens, for people; none if the message holds none.
    pub(crate) told: Option<Masked>,
    /// For the record, as it came.
    pub(crate) record: Masked,
}

/// Masks what a caller asks, for the server and for the record.
pub(crate) fn send(policy: &Policy, caller: &Caller, call: &Call, known: &[Known], now: u64) -> Sent {
    let (operation, tokens) = (Some(call.meant()), call.tokens());
    let direction = Direction::Request;
    // For the record, no condition is asked.
    let context = Context { audience: Audience::Record, direction, operation, known, tokens, now: 0 };
    let record = mask(policy.masking(), &context, call.message());
    let on_its_way = Context { audience: Audience::Upstream(caller), now, ..context };
    let literal =
        if record.is_clean() { record.clone() } else { mask(policy.masking(), &on_its_way, call.message()) };
    // What must not reach the server must not reach it as a token either.
    let restored = call.restored().map(|restored| mask(policy.masking(), &on_its_way, &restored.message));
    match restored {
        None => Sent { upstream: literal, told: None, record },
        Some(upstream) => Sent { upstream, told: Some(literal), record },
    }
}

fn excepts(rule: &MaskingRule, caller: &Caller) -> bool {
    rule.exclude.callers.groups.iter().any(|group| caller.groups.contains(group))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use lychgate_gateway_mcp::message::Message;

    use super::{Sent, send, show};
    use crate::call::{Call, Operation};
    use crate::compile::Policy;
    use crate::config::{Action, Detector, DetectorType, Direction, Exclude, ExcludedCallers, MaskingRule};
    use crate::mask::{Audience, Context, Masked, mask};
    use crate::testing::{caller, message, policy};

    const BOTH: [Direction; 2] = [Direction::Request, Direction::Response];

    fn rule(kind: DetectorType, directions: &[Direction], excepted: &[&str]) -> MaskingRule {
        let groups = excepted.iter().map(|group| (*group).to_owned()).collect();
        MaskingRule {
            name: format!("{kind:?}"),
            directions: directions.to_vec(),
            detectors: vec![Detector { kind: Some(kind), group: None, action: Action::Redact {} }],
            exclude: Exclude { callers: ExcludedCallers { groups }, ..Exclude::default() },
            ..MaskingRule::default()
        }
    }

    fn alone(policy: &Policy, audience: Audience<'_>, message: &Message) -> Vec<u8> {
        let context = Context {
            audience,
            direction: Direction::Response,
            operation: None,
            known: &[],
            tokens: None,
            now: 0,
        };
        mask(policy.masking(), &context, message).bytes().to_vec()
    }

    #[test]
    fn a_rule_counts_where_its_condition_holds_or_has_no_answer_and_in_the_record_always() {
        let text =
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"erin@example.com"}]}}"#;
        let answer = message(text);
        let query = Operation::Tool { name: "query".to_owned() };
        for (when, is_masked) in [
            ("!('support' in caller.groups)", false),
            ("'support' in caller.groups", true),
            ("tool == 'query'", true),
            ("tool == 'other'", false),
            ("connection.name == 'db'", true),
            ("connection.name == 'other'", false),
            ("connection.labels['env'] == 'prod'", true),
            ("now < timestamp('1970-01-01T00:00:08Z')", true),
            ("now < timestamp('1970-01-01T00:00:06Z')", false),
        ] {
            let mut rule = rule(DetectorType::Email, &BOTH, &[]);
            rule.matching.when = Some(when.to_owned());
            let policy = policy(|config| config.masking = vec![rule]);
            let alice = caller("alice", &["support"]);
            let shown = show(&policy, &alice, Some(&query), &[], None, &answer, 7_000);
            let holds_mark = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("[REDACTED:Email]");
            assert_eq!(holds_mark(shown.caller.bytes()), is_masked, "{when}");
            assert!(holds_mark(shown.record.bytes()), "{when}");
        }
    }

    #[test]
    fn caller_and_record_are_shown_what_each_would_be_shown_alone() {
        let (email, iban) = (DetectorType::Email, DetectorType::Iban);
        let text = "erin@example.com, DE89370400440532013000";
        let answer = message(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        ));
        let alice = caller("alice", &["support"]);
        for (rules, differs) in [
            (vec![], false),
            (vec![rule(email, &BOTH, &[]), rule(iban, &[Direction::Response], &["others"])], false),
            (vec![rule(email, &BOTH, &[]), rule(iban, &[Direction::Request], &[])], true),
            (vec![rule(email, &BOTH, &["support"]), rule(iban, &BOTH, &[])], true),
        ] {
            let policy = policy(|config| config.masking = rules);
            let shown = show(&policy, &alice, None, &[], None, &answer, 0);
            assert_eq!(shown.caller.bytes(), &alone(&policy, Audience::Caller(&alice), &answer));
            assert_eq!(shown.record.bytes(), &alone(&policy, Audience::Record, &answer));
            assert_eq!(
                shown.caller.bytes() != shown.record.bytes(),
                differs,
                "{:?}",
                policy.config().masking
            );
        }
    }

    #[test]
    fn server_and_record_are_sent_what_each_would_be_sent_alone() {
        let (email, iban) = (DetectorType::Email, DetectorType::Iban);
        let audited = MaskingRule { audit: true, ..rule(email, &BOTH, &[]) };
        let short = MaskingRule { message_bytes: Some(1024), ..rule(iban, &[Direction::Request], &[]) };
        let query = Operation::Tool { name: "query".to_owned() };
        let alice = caller("alice", &["support"]);
        let seen = |masked: &Masked| {
            (masked.bytes().clone(), masked.counts().clone(), masked.is_refusal(), masked.blocked().to_vec())
        };
        for rules in [
            vec![],
            vec![rule(email, &[Direction::Response], &[])],
            vec![rule(email, &BOTH, &["support"]), rule(iban, &BOTH, &[])],
            vec![audited],
            vec![short],
        ] {
            let policy = policy(|config| config.masking = rules);
            let long = "a word ".repeat(200);
            for argument in ["a word", "erin@example.com, DE89370400440532013000", &long] {
                let call = message(&format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"query","arguments":{{"sql":"{argument}"}}}}}}"#
                ));
                let alone = |audience| {
                    let (direction, operation) = (Direction::Request, Some(&query));
                    let context =
                        Context { audience, direction, operation, known: &[], tokens: None, now: 0 };
                    seen(&mask(policy.masking(), &context, &call))
                };
                let call = Call::new(call.clone()).unwrap();
                let Sent { upstream, record, .. } = send(&policy, &alice, &call, &[], 0);
                let rules = &policy.config().masking;
                assert_eq!(seen(&upstream), alone(Audience::Upstream(&alice)), "{argument} {rules:?}");
                assert_eq!(seen(&record), alone(Audience::Record), "{argument} {rules:?}");
            }
        }
    }
}
