//! What is decided, by every rule there is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::DenialReason;
use crate::config::{Closed, Grant, MaskingRule, ServerRequests};
use crate::decide::{Caller, Decision, decide, decide_stream};
use crate::mask::Known;
use crate::testing::{approval, approval_policy, call, caller, policy, request};

fn grant(groups: &[&str], users: &[&str], tools: &[&str]) -> Grant {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Grant { groups: owned(groups), users: owned(users), tools: owned(tools), ..Grant::default() }
}

/// The rules that allow, or the reason that denies.
fn outcome(access: &[Grant], caller: &Caller, message: &str) -> Result<Vec<String>, DenialReason> {
    let policy = policy(|config| config.access = access.to_vec());
    match decide(&policy, caller, call(message), &[], 0) {
        Decision::Allow(permit) => Ok(permit.rules().to_vec()),
        Decision::Ask(ask) => panic!("asked: {:?}", ask.rules()),
        Decision::Deny(denial) => Err(denial.reason()),
    }
}

#[test]
fn a_call_is_allowed_by_the_grants_that_name_caller_and_tool_and_by_nothing_else() {
    let access = [
        grant(&["analysts"], &[], &["query*"]),
        grant(&[], &["alice"], &["query_rows"]),
        grant(&["*"], &[], &["status"]),
    ];
    let rules = |indices: &[usize]| Ok(indices.iter().map(|index| format!("access[{index}]")).collect());
    let alice = caller("alice", &["analysts"]);
    for (caller, tool, expected) in [
        (&alice, "query_rows", rules(&[0, 1])),
        (&alice, "query_all", rules(&[0])),
        (&alice, "status", rules(&[2])),
        (&alice, "drop", Err(DenialReason::NoGrant)),
        (&alice, "QUERY_ROWS", Err(DenialReason::NoGrant)),
        (&caller("alice", &[]), "query_rows", rules(&[1])),
        (&caller("bob", &["Analysts"]), "query_rows", Err(DenialReason::NoGrant)),
        (&caller("bob", &[]), "status", rules(&[2])),
        (&Caller::anonymous(), "status", Err(DenialReason::NoAccess)),
    ] {
        let message = request("tools/call", &format!(r#"{{"name":"{tool}"}}"#));
        assert_eq!(outcome(&access, caller, &message), expected, "{} calls {tool}", caller.username);
    }
}

#[test]
fn without_any_grant_everything_is_denied() {
    for message in [
        request("initialize", "{}"),
        request("ping", "{}"),
        request("tools/list", "{}"),
        request("tools/call", r#"{"name":"x"}"#),
        request("no/such", "{}"),
    ] {
        let denied = outcome(&[], &caller("alice", &["analysts"]), &message);
        assert_eq!(denied, Err(DenialReason::NoAccess), "{message}");
    }
    assert_eq!(decide_stream(&policy(|_| {}), &caller("bob", &[]), 0).unwrap_err(), DenialReason::NoAccess);
}

#[test]
fn on_a_closed_connection_everything_is_denied_whatever_the_grants_say() {
    for (closed, expected) in [
        (Closed::Suspended, DenialReason::Suspended),
        (Closed::RequiredPolicyMissing, DenialReason::RequiredPolicyMissing),
    ] {
        let policy = policy(|config| {
            config.closed = Some(closed);
            config.server_requests.sampling = true;
            config.access = vec![Grant {
                users: vec!["alice".into()],
                tools: vec!["*".into()],
                resources: vec!["*".into()],
                prompts: vec!["*".into()],
                ..Grant::default()
            }];
        });
        let alice = caller("alice", &[]);
        for message in [
            request("initialize", "{}"),
            request("ping", "{}"),
            request("tools/list", "{}"),
            request("tools/call", r#"{"name":"x"}"#),
            request("resources/read", r#"{"uri":"file:///x"}"#),
            request("subscriptions/listen", r#"{"notifications":{}}"#),
            request("no/such", "{}"),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
        ] {
            match decide(&policy, &alice, call(&message), &[], 0) {
                Decision::Allow(_) | Decision::Ask(_) => panic!("allowed: {message}"),
                Decision::Deny(denial) => assert_eq!(denial.reason(), expected, "{message}"),
            }
        }
        assert_eq!(decide_stream(&policy, &alice, 0).unwrap_err(), expected, "GET and DELETE");
        // Who may do nothing anyway is told the same: a closed connection does not show its grants.
        assert_eq!(decide_stream(&policy, &caller("mallory", &[]), 0).unwrap_err(), expected);
    }
}

#[test]
fn tools_resources_and_prompts_are_granted_apart_and_unknown_methods_never() {
    let access = [Grant {
        users: vec!["alice".into()],
        resources: vec!["file:///srv/*".into()],
        prompts: vec!["greet".into()],
        ..Grant::default()
    }];
    let allowed = || Ok(vec!["access[0]".to_owned()]);
    for (method, params, expected) in [
        ("resources/read", r#"{"uri":"file:///srv/a"}"#, allowed()),
        ("resources/subscribe", r#"{"uri":"file:///etc/passwd"}"#, Err(DenialReason::NoGrant)),
        ("prompts/get", r#"{"name":"greet"}"#, allowed()),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"other"}}"#,
            Err(DenialReason::NoGrant),
        ),
        ("tools/call", r#"{"name":"greet"}"#, Err(DenialReason::NoGrant)),
        (
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["file:///srv/a"]}}"#,
            allowed(),
        ),
        (
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["file:///srv/a","file:///etc/passwd"]}}"#,
            Err(DenialReason::NoGrant),
        ),
        ("tools/list", "{}", allowed()),
        ("ping", "{}", allowed()),
        ("tasks/get", r#"{"taskId":"1"}"#, Err(DenialReason::UnknownTask)),
        ("tasks/list", "{}", Err(DenialReason::UnknownMethod)),
    ] {
        assert_eq!(
            outcome(&access, &caller("alice", &[]), &request(method, params)),
            expected,
            "{method} {params}"
        );
    }
}

#[test]
fn a_call_waits_for_the_policies_that_are_enforced_and_names_those_that_only_watch() {
    let named = |name: &str, tools: &[&str], audit: bool| {
        let mut policy = approval_policy(name);
        policy.matching.tools = tools.iter().map(|text| (*text).to_owned()).collect();
        policy.audit = audit;
        policy
    };
    let mut foreign = named("foreign", &["odd"], false);
    foreign.groups = vec!["others".into()];
    let policies = vec![named("audit", &["*"], true), named("drop", &["drop*", "odd"], false), foreign];
    let policy = policy(|config| config.approval = Some(approval(policies.clone())));
    let outcome = |caller: &Caller, message: &str| match decide(&policy, caller, call(message), &[], 0) {
        Decision::Allow(permit) => format!("Allow {}", permit.rules().join(" ")),
        Decision::Ask(ask) => format!("Ask {} for {}", ask.rules().join(" "), ask.terms().policies.len()),
        Decision::Deny(denial) => denial.reason().as_str().to_owned(),
    };
    let tool = |name: &str| request("tools/call", &format!(r#"{{"name":"{name}"}}"#));
    let notified = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"drop"}}"#.to_owned();
    let (alice, bob) = (caller("alice", &[]), caller("bob", &[]));
    let nameless = Caller { kubernetes_usernames: vec![], ..alice.clone() };
    for (caller, message, expected) in [
        (&alice, tool("query"), "Allow access[0] approval[agents/audit] (audit)"),
        (&alice, tool("drop"), "Ask access[0] approval[agents/drop] approval[agents/audit] (audit) for 1"),
        (&alice, request("tools/list", "{}"), "Allow access[0]"),
        (&alice, tool("odd"), "NoCommonApprover"),
        (&alice, notified, "Unanswerable"),
        (&nameless, tool("drop"), "RequesterUnmapped"),
        (&nameless, tool("query"), "Allow access[0] approval[agents/audit] (audit)"),
        (&bob, tool("drop"), "NoAccess"),
    ] {
        assert_eq!(outcome(caller, &message), expected, "{message}");
    }
}

#[test]
fn an_answer_to_the_server_passes_only_where_the_server_may_ask() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    for (sampling, expected) in [(false, false), (true, true)] {
        let policy = policy(|config| {
            config.server_requests = ServerRequests { sampling, ..ServerRequests::default() };
        });
        let decision = decide(&policy, &caller("alice", &[]), call(answer), &[], 0);
        assert_eq!(matches!(decision, Decision::Allow(_)), expected);
    }
}

#[test]
fn what_is_sent_is_what_was_decided_masked_for_the_server_and_without_the_callers_token() {
    let rule: MaskingRule = serde_json::from_str(
        r#"{"name":"r","directions":["Request"],"detectors":[{"type":"Email","action":{"redact":{}}}]}"#,
    )
    .unwrap();
    let policy = policy(|config| config.masking = vec![rule]);
    let message = request(
        "tools/call",
        r#"{"name":"query","arguments":{"to":"alice@example.com","token":"caller-token-123"}}"#,
    );
    let known = [Known::new("caller", "caller-token-123")];
    let Decision::Allow(permit) = decide(&policy, &caller("alice", &[]), call(&message), &known, 0) else {
        panic!("denied");
    };
    let outbound = std::str::from_utf8(permit.outbound()).unwrap();
    assert!(
        outbound.contains("[REDACTED:Email]") && outbound.contains("[REDACTED:credential]"),
        "{outbound}"
    );
    assert!(!outbound.contains("alice@") && !outbound.contains("caller-token-123"), "{outbound}");
}

#[test]
fn a_resource_above_the_folder_of_a_pattern_is_granted_by_its_own_uri_alone() {
    let written = "file:///pub/../etc/motd";
    let policy = policy(|config| {
        config
            .access
            .iter_mut()
            .for_each(|grant| grant.resources = vec!["file:///pub/*".into(), written.into()])
    });
    for (uri, granted) in [
        ("file:///pub/a..b/..c", true),
        ("file:///pub/...", true),
        (written, true),
        ("file:///pub/../etc/passwd", false),
        ("file:///pub/..", false),
        ("file:///pub/%2E%2e/etc/passwd", false),
        ("file:///pub/..%2Fetc/passwd", false),
        ("file:///pub/a/..%5c../etc/passwd", false),
        ("file:///pub/..\\etc", false),
        ("file:///pub/..?a", false),
    ] {
        let message =
            request("resources/read", &format!(r#"{{"uri":{}}}"#, serde_json::to_string(uri).unwrap()));
        let decision = decide(&policy, &caller("alice", &[]), call(&message), &[], 0);
        assert_eq!(matches!(decision, Decision::Allow(_)), granted, "{uri}");
    }
}

#[test]
fn a_call_that_names_a_known_credential_as_its_target_or_its_id_is_not_sent_as_another() {
    let known = [Known::new("caller", "caller-token-123")];
    let policy =
        policy(|config| config.access.iter_mut().for_each(|grant| grant.resources = vec!["*".into()]));
    for message in [
        request("tools/call", r#"{"name":"read_caller-token-123"}"#),
        request("resources/read", r#"{"uri":"db://caller-token-123/t"}"#),
        request("tools/call", r#"{"name":"query"}"#).replace(r#""id":1"#, r#""id":"caller-token-123""#),
    ] {
        let decision = decide(&policy, &caller("alice", &[]), call(&message), &known, 0);
        let Decision::Deny(denial) = decision else { panic!("{message}: not denied") };
        assert_eq!(denial.reason(), DenialReason::Unmaskable, "{message}");
    }
}

#[test]
fn a_call_that_holds_what_a_rule_blocks_is_refused_with_the_kinds_of_what_it_holds() {
    let rule = |direction: &str| -> MaskingRule {
        let rule = serde_json::json!({
            "name": "cards",
            "directions": [direction],
            "detectors": [{"type": "CreditCard", "action": {"block": {}}}],
        });
        serde_json::from_value(rule).unwrap()
    };
    let decided = |direction: &str, arguments: &str| {
        let policy = policy(|config| config.masking = vec![rule(direction)]);
        let message = request("tools/call", &format!(r#"{{"name":"query","arguments":{arguments}}}"#));
        match decide(&policy, &caller("alice", &[]), call(&message), &[], 0) {
            Decision::Allow(_) | Decision::Ask(_) => None,
            Decision::Deny(denial) => Some((denial.reason(), denial.sentence().map(str::to_owned))),
        }
    };
    let card = r#"{"card":"4111 1111 1111 1111"}"#;
    let sentence = "Not sent: the policy of this connection blocks this request, because of what it holds: \
                    CreditCard. Leave it out";
    assert_eq!(decided("Request", card), Some((DenialReason::ValueBlocked, Some(sentence.to_owned()))));
    assert_eq!(decided("Request", r#"{"card":"none"}"#), None);
    assert_eq!(decided("Response", card), None);
}

#[test]
fn a_call_that_no_rule_changes_is_sent_byte_for_byte() {
    let message =
        "{ \"id\":1,\"jsonrpc\":\"2.0\", \"method\":\"tools/call\",\"x\":1e0,\"params\":{\"name\":\"q\"}}\n";
    let Decision::Allow(permit) = decide(&policy(|_| {}), &caller("alice", &[]), call(message), &[], 0)
    else {
        panic!("denied");
    };
    assert_eq!(permit.outbound(), message.as_bytes());
}
