//! May this caller make this call?
//!
//! The answer is an [`Decision::Allow`] with a [`Permit`], an [`Decision::Ask`] with a permit that waits for people,
//! or a [`Decision::Deny`] with a [`Denial`], and names the rules that made it so. No rule matches: denied. Only
//! [`decide`] makes a [`Permit`], which owns the call that it permits, so that what was decided is what is sent.

use bytes::Bytes;
use lychgate_gateway_mcp::message::Form;

use crate::approval;
use crate::ask::Ask;
use crate::call::{Call, Operation};
use crate::compile::{Grant, Policy};
use crate::config::{Closed, Direction, ServerRequests};
use crate::denial::DenialReason;
use crate::mask::{self, Audience, Context, Known};

/// Who calls, as the gateway has verified it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Who vouches for the name: the `iss` of the token; empty for an anonymous caller.
    pub issuer: String,
    /// The token's subject.
    pub subject: String,
    /// The name that grants speak of.
    pub username: String,
    /// The groups that grants speak of, as of the token in hand.
    pub groups: Vec<String>,
    /// The caller's user names at the API server: under none of them may he decide on a call of his own. None if
    /// nobody knows them.
    pub kubernetes_usernames: Vec<String>,
    /// Whether there was no token at all.
    pub anonymous: bool,
}

impl Caller {
    /// The caller without a token, where the gateway serves one.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            issuer: String::new(),
            subject: "anonymous".to_owned(),
            username: "anonymous".to_owned(),
            groups: Vec::new(),
            kubernetes_usernames: Vec::new(),
            anonymous: true,
        }
    }
}

/// The answer to a call, with the rules that made it so.
#[derive(Debug)]
pub enum Decision {
    /// The call may be sent.
    Allow(Permit),
    /// The call may be sent once people have approved it.
    Ask(Box<Ask>),
    /// The call may not be sent.
    Deny(Denial),
}

/// A call that may be sent. Its fields are private: nothing outside this module can make one.
#[derive(Debug)]
pub struct Permit {
    call: Call,
    outbound: Bytes,
    rules: Vec<String>,
}

impl Permit {
    /// The call as it was received.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The bytes to send: the call's own, unless a MaskingRule with direction Request changed them.
    #[must_use]
    pub fn outbound(&self) -> &Bytes {
        &self.outbound
    }

    /// The grants that allow it, such as `access[0]`, and the ApprovalPolicies that hold for it.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.rules
    }
}

/// A call that may not be sent, and why.
#[derive(Debug)]
pub struct Denial {
    call: Call,
    reason: DenialReason,
}

impl Denial {
    /// The call as it was received.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> DenialReason {
        self.reason
    }
}

/// Decides a call. No rule matches: denied.
///
/// `known` are values that never travel, whatever the rules say: the caller's own token above all. Where the
/// call holds one, the permitted bytes hold a mask in its place.
#[must_use]
pub fn decide(policy: &Policy, caller: &Caller, call: Call, known: &[Known]) -> Decision {
    match judge(policy, caller, call.operation()) {
        Ok(rules) => {
            let context = Context {
                audience: Audience::Upstream(caller),
                direction: Direction::Request,
                operation: Some(call.operation()),
                known,
            };
            let masked = mask::mask(policy.masking(), &context, call.message());
            if masked.is_refusal() {
                return Decision::Deny(Denial { call, reason: DenialReason::Unmaskable });
            }
            ask(policy, caller, Permit { call, outbound: masked.into_bytes(), rules })
        }
        Err(reason) => Decision::Deny(Denial { call, reason }),
    }
}

/// A call that may be sent: at once, or once people have approved it, where an ApprovalPolicy holds for it.
fn ask(policy: &Policy, caller: &Caller, mut permit: Permit) -> Decision {
    let found = policy.approval().find(&permit.call);
    permit.rules.extend(found.rules());
    if found.enforced.is_empty() {
        return Decision::Allow(permit);
    }
    let reason = match approval::merge(&found.enforced) {
        None => DenialReason::NoCommonApprover,
        Some(_) if !matches!(permit.call.message().form(), Form::Request { .. }) => {
            DenialReason::Unanswerable
        }
        Some(_) if caller.kubernetes_usernames.is_empty() => DenialReason::RequesterUnmapped,
        Some(terms) => return Decision::Ask(Box::new(Ask::new(permit, terms))),
    };
    Decision::Deny(Denial { call: permit.call, reason })
}

/// Leave to open the stream of a session, or to end the session: requests without a message.
#[derive(Debug)]
pub struct StreamPermit {
    rules: Vec<String>,
}

impl StreamPermit {
    /// The grants that allow it.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.rules
    }
}

/// Decides a request without a message: open to whoever has any grant. What comes over the stream is
/// filtered and masked like every answer.
///
/// # Errors
/// The caller has no grant.
pub fn decide_stream(policy: &Policy, caller: &Caller) -> Result<StreamPermit, DenialReason> {
    judge(policy, caller, &Operation::Protocol { method: String::new() }).map(|rules| StreamPermit { rules })
}

/// Why nothing passes on the connection at all, where that is so: also what was permitted before ends then.
#[must_use]
pub fn closed(policy: &Policy) -> Option<DenialReason> {
    policy.config().closed.map(|closed| match closed {
        Closed::Suspended => DenialReason::Suspended,
        Closed::RequiredPolicyMissing => DenialReason::RequiredPolicyMissing,
    })
}

/// The rules that allow `operation`, never none, or why there are none. Lists are filtered with this very
/// function (see [`crate::list`]), so that what is shown and what may be called cannot differ.
pub(crate) fn judge(
    policy: &Policy,
    caller: &Caller,
    operation: &Operation,
) -> Result<Vec<String>, DenialReason> {
    if let Some(reason) = closed(policy) {
        return Err(reason);
    }
    let mut named = false;
    let mut rules = Vec::new();
    for (index, grant) in policy.access().iter().enumerate().filter(|(_, grant)| names(grant, caller)) {
        named = true;
        let covered = match operation {
            Operation::Tool { name } => grant.tools.iter().any(|glob| glob.matches(name)),
            Operation::Resource { uri } => grant.resources.iter().any(|glob| glob.matches(uri)),
            Operation::Prompt { name } => grant.prompts.iter().any(|glob| glob.matches(name)),
            Operation::Listen { uris } => {
                uris.iter().all(|uri| grant.resources.iter().any(|glob| glob.matches(uri)))
            }
            Operation::List(_) | Operation::Protocol { .. } => true,
            // The server has asked nothing where it may ask nothing.
            Operation::Answer => policy.config().server_requests != ServerRequests::default(),
            Operation::Unknown { .. } => false,
        };
        if covered {
            rules.push(format!("access[{index}]"));
        }
    }
    if !rules.is_empty() {
        return Ok(rules);
    }
    Err(if !named {
        DenialReason::NoAccess
    } else if matches!(operation, Operation::Unknown { .. }) {
        DenialReason::UnknownMethod
    } else {
        DenialReason::NoGrant
    })
}

/// Whether a grant speaks of `caller`. The group `*` stands for everyone who has shown a token.
fn names(grant: &Grant, caller: &Caller) -> bool {
    let in_group = |group: &String| (group == "*" && !caller.anonymous) || caller.groups.contains(group);
    grant.users.contains(&caller.username) || grant.groups.iter().any(in_group)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::{Caller, Decision, decide, decide_stream};
    use crate::DenialReason;
    use crate::config::{Closed, Grant, MaskingRule, ServerRequests};
    use crate::mask::Known;
    use crate::testing::{approval, approval_policy, call, caller, policy, request};

    fn grant(groups: &[&str], users: &[&str], tools: &[&str]) -> Grant {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Grant { groups: owned(groups), users: owned(users), tools: owned(tools), ..Grant::default() }
    }

    /// The rules that allow, or the reason that denies.
    fn outcome(access: &[Grant], caller: &Caller, message: &str) -> Result<Vec<String>, DenialReason> {
        let policy = policy(|config| config.access = access.to_vec());
        match decide(&policy, caller, call(message), &[]) {
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
        assert_eq!(decide_stream(&policy(|_| {}), &caller("bob", &[])).unwrap_err(), DenialReason::NoAccess);
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
                match decide(&policy, &alice, call(&message), &[]) {
                    Decision::Allow(_) | Decision::Ask(_) => panic!("allowed: {message}"),
                    Decision::Deny(denial) => assert_eq!(denial.reason(), expected, "{message}"),
                }
            }
            assert_eq!(decide_stream(&policy, &alice).unwrap_err(), expected, "GET and DELETE");
            // Who may do nothing anyway is told the same: a closed connection does not show its grants.
            assert_eq!(decide_stream(&policy, &caller("mallory", &[])).unwrap_err(), expected);
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
            ("tasks/get", r#"{"taskId":"1"}"#, Err(DenialReason::UnknownMethod)),
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
        let outcome = |caller: &Caller, message: &str| match decide(&policy, caller, call(message), &[]) {
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
            (
                &alice,
                tool("drop"),
                "Ask access[0] approval[agents/drop] approval[agents/audit] (audit) for 1",
            ),
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
            let decision = decide(&policy, &caller("alice", &[]), call(answer), &[]);
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
        let Decision::Allow(permit) = decide(&policy, &caller("alice", &[]), call(&message), &known) else {
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
    fn a_call_that_no_rule_changes_is_sent_byte_for_byte() {
        let message = "{ \"id\":1,\"jsonrpc\":\"2.0\", \"method\":\"tools/call\",\"x\":1e0,\"params\":{\"name\":\"q\"}}\n";
        let Decision::Allow(permit) = decide(&policy(|_| {}), &caller("alice", &[]), call(message), &[])
        else {
            panic!("denied");
        };
        assert_eq!(permit.outbound(), message.as_bytes());
    }
}
