//! What is heard over streams that stay open, and when one has nothing more to say.
//!
//! A server tells of a resource to whoever has subscribed to it. Whether he may still hear of it is asked at each
//! notification, of what decides reads.

use lychgate_gateway_mcp::json::{Kind, Value};
use lychgate_gateway_mcp::lists::Lists;
use lychgate_gateway_mcp::message::Message;

use crate::call::Operation;
use crate::compile::Policy;
use crate::decide::Caller;
use crate::list::Viewer;

/// The notification that a resource has changed.
const UPDATED: &str = "notifications/resources/updated";
/// What `notifications` of a `subscriptions/listen` may name (MCP 2026-07-28, Subscriptions, Notification Filter).
const KNOWN: [&str; 4] =
    ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"];

/// Whether `caller` may hear `message`, a message of the server, at `now` (milliseconds since the Unix epoch). A
/// notification about a resource is for who may read that resource: one that names none is for nobody.
#[must_use]
pub fn may_hear(policy: &Policy, caller: &Caller, message: &Message, now: u64) -> bool {
    if message.method() != Some(UPDATED) {
        return true;
    }
    let uri = message.params().and_then(|params| params.get("uri")).and_then(Value::text);
    uri.is_some_and(|uri| {
        Viewer { policy, caller, now }.may_use(&Operation::Resource { uri: uri.into_owned() })
    })
}

/// What a `subscriptions/listen` asks to hear (MCP 2026-07-28).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    uris: Vec<String>,
    lists: Lists,
    /// Whether it asks for something else, as extensions let it.
    asks_more: bool,
}

impl Listening {
    /// What `message` asks to hear; nothing if it is no `subscriptions/listen`.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        if message.method() != Some("subscriptions/listen") {
            return None;
        }
        let asked = message.params().and_then(|params| params.get("notifications"));
        let uris = asked.and_then(|asked| asked.get("resourceSubscriptions"));
        let uris = uris.into_iter().flat_map(Value::items).filter_map(Value::text);
        let is_more = |asked: Value<'_>| {
            asked.kind() == Kind::Object
                && asked.members().any(|member| !KNOWN.iter().any(|known| member.key.is_text(known)))
        };
        Some(Self {
            uris: uris.map(std::borrow::Cow::into_owned).collect(),
            lists: asked.map(Lists::asked).unwrap_or_default(),
            asks_more: asked.is_some_and(is_more),
        })
    }

    /// The lists of whose changes it asks to hear.
    #[must_use]
    pub fn lists(&self) -> Lists {
        self.lists
    }

    /// Whether the caller may still hear something of what he asked for: of one that asked for resources alone,
    /// whether he may read any of them.
    #[must_use]
    pub fn is_left(&self, policy: &Policy, caller: &Caller, now: u64) -> bool {
        let viewer = Viewer { policy, caller, now };
        self.uris.is_empty()
            || self.asks_more
            || !self.lists.is_empty()
            || self.uris.iter().any(|uri| viewer.may_use(&Operation::Resource { uri: uri.clone() }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Listening, may_hear};
    use crate::Policy;
    use crate::config::Grant;
    use crate::testing::{caller, message, policy, request};

    fn granted(resources: &[&str]) -> Policy {
        policy(|config| {
            config.access = vec![Grant {
                users: vec!["alice".into()],
                tools: vec!["*".into()],
                resources: resources.iter().map(|pattern| (*pattern).to_owned()).collect(),
                ..Grant::default()
            }];
        })
    }

    #[test]
    fn of_a_resource_hears_who_may_read_it_and_of_everything_else_everybody() {
        let policy = granted(&["file:///srv/*"]);
        let told = |method: &str, params: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
            may_hear(&policy, &caller("alice", &[]), &message(&text), 0)
        };
        for (params, expected) in [
            (r#"{"uri":"file:///srv/a"}"#, true),
            (r#"{"uri":"file:///s\u0072v/a","x":1}"#, true),
            (r#"{"uri":"file:///etc/a"}"#, false),
            (r#"{"uri":7}"#, false),
            ("{}", false),
        ] {
            assert_eq!(told("notifications/resources/updated", params), expected, "{params}");
            assert!(told("notifications/message", params), "{params}");
        }
        assert!(may_hear(
            &policy,
            &caller("alice", &[]),
            &message(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            0
        ));
    }

    #[test]
    fn a_stream_for_resources_alone_has_nothing_to_say_once_none_of_them_is_granted() {
        let listening = |notifications: &str| {
            let params = format!(r#"{{"notifications":{notifications}}}"#);
            Listening::of(&message(&request("subscriptions/listen", &params))).unwrap()
        };
        let two = r#"{"resourceSubscriptions":["a:1","b:1"]}"#;
        for (notifications, grants, expected) in [
            (two, &["a:*", "b:*"][..], true),
            (two, &["b:1"], true),
            (two, &["c:*"], false),
            (two, &[], false),
            (r#"{"resourceSubscriptions":["a:1"],"toolsListChanged":true}"#, &[], true),
            (r#"{"resourceSubscriptions":["a:1"],"toolsListChanged":false}"#, &[], false),
            (r#"{"resourceSubscriptions":["a:1"],"other":["x"]}"#, &[], true),
            ("{}", &[], true),
        ] {
            let policy = granted(grants);
            let is_left = listening(notifications).is_left(&policy, &caller("alice", &[]), 0);
            assert_eq!(is_left, expected, "{notifications} by {grants:?}");
        }
        assert_eq!(Listening::of(&message(&request("tools/list", "{}"))), None);
    }
}
