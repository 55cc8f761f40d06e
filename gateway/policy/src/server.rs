//! What a server may ask of the client: sampling, elicitation and roots, each where the connection allows it.
//!
//! In the revisions with sessions such a request is a message of its own; in MCP 2026-07-28 it stands in a
//! result (`inputRequests`). Requests of kinds that are not known here are refused.

use lychgate_gateway_mcp::json::{Kind, Value};
use lychgate_gateway_mcp::message::{Form, Message, codes};
use lychgate_gateway_mcp::task::{state, tells_of_a_task};

use crate::compile::Policy;

/// What to do with a message of the server before it is filtered and masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screening {
    /// Relay it.
    Relay,
    /// It asks the client for something that the connection does not allow: it must not reach the client.
    Refuse,
    /// It asks whether somebody is there. The gateway is: it answers itself, so that a connection on which the
    /// server may ask nothing needs no answer of a client at all.
    Pong,
}

/// Judges a message that came from the server. On a closed connection nothing passes.
#[must_use]
pub fn screen(policy: &Policy, message: &Message) -> Screening {
    if policy.config().closed.is_some() {
        return Screening::Refuse;
    }
    let relayed = match message.form() {
        Form::Request { method, .. } if method == "ping" => return Screening::Pong,
        Form::Request { method, .. } => may_ask(policy, method),
        Form::Response { .. } => embedded_requests_allowed(policy, message),
        // What a notification tells of a task is what the answer to `tasks/get` would tell.
        Form::Notification { .. } if tells_of_a_task(message) => embedded_requests_allowed(policy, message),
        Form::Error { .. } => !asks_by_error(message) || policy.config().server_requests.elicitation,
        Form::Notification { .. } => true,
    };
    if relayed { Screening::Relay } else { Screening::Refuse }
}

fn may_ask(policy: &Policy, method: &str) -> bool {
    let allowed = &policy.config().server_requests;
    match method {
        "sampling/createMessage" => allowed.sampling,
        "elicitation/create" => allowed.elicitation,
        "roots/list" => allowed.roots,
        _ => false,
    }
}

/// Whether an error asks the person to visit a URL (elicitation by URL, MCP 2025-11-25).
fn asks_by_error(message: &Message) -> bool {
    let code = message.error().and_then(|error| error.get("code")).and_then(|code| code.as_i64());
    code == Some(codes::URL_ELICITATION_REQUIRED)
}

/// Whether everything may be asked that a result asks, or what tells of a task.
fn embedded_requests_allowed(policy: &Policy, message: &Message) -> bool {
    let Some(state) = state(message) else { return true };
    // The outcome of a task is within what tells of it.
    let outcome = state.get("result").filter(|outcome| outcome.kind() == Kind::Object);
    let code = state.get("error").and_then(|error| error.get("code")).and_then(|code| code.as_i64());
    let visits = code == Some(codes::URL_ELICITATION_REQUIRED);
    [Some(state), outcome].into_iter().flatten().all(|part| requests_allowed(policy, part))
        && (!visits || policy.config().server_requests.elicitation)
}

/// Whether every request in `inputRequests` may be asked. A member of a wrong type may not.
fn requests_allowed(policy: &Policy, part: Value<'_>) -> bool {
    let Some(requests) = part.get("inputRequests") else { return true };
    requests.kind() == Kind::Object
        && requests.members().all(|member| {
            let method = member.value.get("method").and_then(|method| method.text());
            method.is_some_and(|method| may_ask(policy, &method))
        })
}

#[cfg(test)]
mod tests {
    use super::{Screening, screen};
    use crate::config::{Closed, ServerRequests};
    use crate::testing::{message, policy, request};

    #[test]
    fn a_server_asks_only_what_it_may_in_both_eras() {
        let elicitation = ServerRequests { elicitation: true, ..ServerRequests::default() };
        let embedded = |method: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"inputRequests":{{"a":{{"method":"{method}"}}}}}}}}"#
            )
        };
        let error =
            |code: i64| format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"visit"}}}}"#);
        for (allowed, text, expected) in [
            (ServerRequests::default(), request("elicitation/create", "{}"), Screening::Refuse),
            (elicitation.clone(), request("elicitation/create", "{}"), Screening::Relay),
            (elicitation.clone(), request("sampling/createMessage", "{}"), Screening::Refuse),
            (elicitation.clone(), request("roots/list", "{}"), Screening::Refuse),
            (elicitation.clone(), request("some/thing", "{}"), Screening::Refuse),
            (ServerRequests::default(), request("ping", "{}"), Screening::Pong),
            (ServerRequests::default(), embedded("elicitation/create"), Screening::Refuse),
            (elicitation.clone(), embedded("elicitation/create"), Screening::Relay),
            (elicitation.clone(), embedded("roots/list"), Screening::Refuse),
            (ServerRequests::default(), error(-32_042), Screening::Refuse),
            (elicitation.clone(), error(-32_042), Screening::Relay),
            (ServerRequests::default(), error(-32_603), Screening::Relay),
            (
                elicitation,
                r#"{"jsonrpc":"2.0","id":1,"result":{"inputRequests":[]}}"#.to_owned(),
                Screening::Refuse,
            ),
            (
                ServerRequests::default(),
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
                Screening::Relay,
            ),
            (
                ServerRequests::default(),
                r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#.to_owned(),
                Screening::Relay,
            ),
        ] {
            let policy = policy(|config| config.server_requests = allowed.clone());
            assert_eq!(screen(&policy, &message(&text)), expected, "{text} with {allowed:?}");
        }
    }
    #[test]
    fn on_a_closed_connection_nothing_of_the_server_passes() {
        let all = ServerRequests { sampling: true, elicitation: true, roots: true };
        for closed in [Closed::Suspended, Closed::RequiredPolicyMissing] {
            let policy = policy(|config| {
                config.server_requests = all.clone();
                config.closed = Some(closed);
            });
            for text in [
                request("sampling/createMessage", "{}"),
                request("ping", "{}"),
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#.to_owned(),
            ] {
                assert_eq!(screen(&policy, &message(&text)), Screening::Refuse, "{text}, {closed:?}");
            }
        }
    }
}
