//! Lists show a caller what he may call, and nothing else.
//!
//! Each item is judged by what judges calls (`access`), so that the two cannot differ: a grant whose condition
//! asks about arguments is shown, since some arguments may meet it. A tool that is not as it was pinned is not shown
//! where pins are enforced. An answer whose
//! origin is not known (a stream that is resumed, say) is taken for a list of every kind. What a shared
//! cache may keep is narrowed here as well: what one caller sees is not for another.

use bytes::Bytes;
use lychgate_gateway_mcp::json::{EditError, Edits, Kind, Value};
use lychgate_gateway_mcp::message::Message;

use crate::access;
use crate::call::{ListKind, Operation};
use crate::compile::Policy;
use crate::decide::Caller;
use crate::task;
use crate::when::Asked;

/// The longest time that a client may keep an answer, in milliseconds (`ttlMs`, MCP 2026-07-28): a change of
/// policy is seen after this time even by a client that listens to nothing.
pub const MAXIMUM_TTL_MILLISECONDS: i64 = 60_000;

/// `message`, an answer to `operation`, without the items that `caller` may not use at `now` (milliseconds since the
/// Unix epoch), whatever the arguments.
///
/// # Errors
/// The message could not be rewritten; it must not be shown.
pub fn filter(
    policy: &Policy,
    caller: &Caller,
    operation: Option<&Operation>,
    message: &Message,
    now: u64,
) -> Result<Bytes, EditError> {
    let mut edits = Edits::new();
    let viewer = Viewer { policy, caller, now };
    if let Some(result) = message.result().filter(|result| result.kind() == Kind::Object) {
        match operation {
            Some(Operation::List(kind)) => hide(&viewer, *kind, result, &mut edits),
            None => {
                for kind in
                    [ListKind::Tools, ListKind::Resources, ListKind::ResourceTemplates, ListKind::Prompts]
                {
                    hide(&viewer, kind, result, &mut edits);
                }
            }
            Some(
                Operation::Tool { .. }
                | Operation::Resource { .. }
                | Operation::Prompt { .. }
                | Operation::Task { .. }
                | Operation::UnknownTask { .. }
                | Operation::Listen { .. }
                | Operation::Protocol { .. }
                | Operation::Answer
                | Operation::Unknown { .. },
            ) => {}
        }
        keep_private(result, task::lives(operation, message), &mut edits);
    }
    edits.apply(message.bytes())
}

/// Who sees a list, and when.
pub(crate) struct Viewer<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) caller: &'a Caller,
    /// In milliseconds since the Unix epoch.
    pub(crate) now: u64,
}

impl Viewer<'_> {
    /// Whether he could use that, with some arguments.
    pub(crate) fn may_use(&self, operation: &Operation) -> bool {
        let asked = Asked::new(self.policy.config(), self.caller, operation, None, self.now);
        let candidates = access::candidates(self.policy, self.caller, operation);
        candidates.is_ok_and(|candidates| candidates.could_hold(&asked))
    }
}

fn hide(viewer: &Viewer<'_>, kind: ListKind, result: Value<'_>, edits: &mut Edits) {
    let (member, key) = match kind {
        ListKind::Tools => ("tools", "name"),
        ListKind::Resources => ("resources", "uri"),
        ListKind::ResourceTemplates => ("resourceTemplates", "uriTemplate"),
        ListKind::Prompts => ("prompts", "name"),
    };
    let Some(list) = result.get(member).filter(|list| list.kind() == Kind::Array) else { return };
    edits.retain_items(list, |item| {
        let is_shown = match kind {
            ListKind::Tools => viewer.policy.pinning().shows(item),
            ListKind::Resources | ListKind::ResourceTemplates | ListKind::Prompts => true,
        };
        is_shown
            && item.get(key).and_then(Value::text).is_some_and(|target| {
                let target = target.into_owned();
                let operation = match kind {
                    ListKind::Tools => Operation::Tool { name: target },
                    ListKind::Resources | ListKind::ResourceTemplates => Operation::Resource { uri: target },
                    ListKind::Prompts => Operation::Prompt { name: target },
                };
                viewer.may_use(&operation)
            })
    });
}

/// MCP 2026-07-28 lets a server mark answers as cacheable for everybody, which a filtered or masked answer
/// is not.
/// A task has its own `ttlMs`, which says how long it `lives`.
fn keep_private(result: Value<'_>, lives: bool, edits: &mut Edits) {
    if let Some(scope) = result.get("cacheScope").filter(|scope| scope.text().as_deref() != Some("private")) {
        edits.replace(scope.span(), b"\"private\"".to_vec());
    }
    if let Some(ttl) = result.get("ttlMs").filter(|_| !lives)
        && ttl.as_i64().is_none_or(|milliseconds| milliseconds > MAXIMUM_TTL_MILLISECONDS)
    {
        edits.replace(ttl.span(), MAXIMUM_TTL_MILLISECONDS.to_string().into_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::filter;
    use crate::call::{ListKind, Operation};
    use crate::config::{Closed, Grant};
    use crate::testing::{caller, message, policy};

    fn filtered(operation: Option<&Operation>, result: &str) -> String {
        filtered_when(None, operation, result)
    }

    fn filtered_when(closed: Option<Closed>, operation: Option<&Operation>, result: &str) -> String {
        let policy = policy(|config| {
            config.closed = closed;
            config.access = vec![Grant {
                users: vec!["alice".into()],
                tools: vec!["query*".into()],
                resources: vec!["file:///srv/*".into()],
                prompts: vec!["greet".into()],
                ..Grant::default()
            }];
        });
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let bytes = filter(&policy, &caller("alice", &[]), operation, &message(&text), 0).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let result = text.strip_prefix(r#"{"jsonrpc":"2.0","id":1,"result":"#).unwrap();
        result.strip_suffix('}').unwrap().to_owned()
    }

    #[test]
    fn a_list_holds_what_may_be_called_and_its_items_stay_as_they_were() {
        for (kind, given, expected) in [
            (
                ListKind::Tools,
                r#"{"tools":[{"name":"query", "x":1e0},{"name":"drop"},{"n\u0061me":"query2"},{"noname":1},7]}"#,
                r#"{"tools":[{"name":"query", "x":1e0},{"n\u0061me":"query2"}]}"#,
            ),
            (
                ListKind::Tools,
                r#"{"tools":[{"name":"drop"}],"nextCursor":"c"}"#,
                r#"{"tools":[],"nextCursor":"c"}"#,
            ),
            (
                ListKind::Resources,
                r#"{"resources":[{"uri":"file:///etc/a"},{"uri":"file:///srv/a"}]}"#,
                r#"{"resources":[{"uri":"file:///srv/a"}]}"#,
            ),
            (
                ListKind::ResourceTemplates,
                r#"{"resourceTemplates":[{"uriTemplate":"file:///srv/{x}"},{"uriTemplate":"file:///{x}"}]}"#,
                r#"{"resourceTemplates":[{"uriTemplate":"file:///srv/{x}"}]}"#,
            ),
            (
                ListKind::Prompts,
                r#"{"prompts":[{"name":"greet"},{"name":"x"}]}"#,
                r#"{"prompts":[{"name":"greet"}]}"#,
            ),
        ] {
            assert_eq!(filtered(Some(&Operation::List(kind)), given), expected);
        }
    }

    #[test]
    fn an_answer_of_unknown_origin_is_taken_for_every_list() {
        let given = r#"{"tools":[{"name":"drop"}],"prompts":[{"name":"greet"},{"name":"x"}]}"#;
        assert_eq!(filtered(None, given), r#"{"tools":[],"prompts":[{"name":"greet"}]}"#);
        let tool = Operation::Tool { name: "query".into() };
        assert_eq!(filtered(Some(&tool), given), given, "a tool's own result is not a list");
    }

    #[test]
    fn a_list_of_a_closed_connection_is_empty() {
        let given = r#"{"tools":[{"name":"query"}]}"#;
        let list = Operation::List(ListKind::Tools);
        for operation in [Some(&list), None] {
            let shown = filtered_when(Some(Closed::Suspended), operation, given);
            assert_eq!(shown, r#"{"tools":[]}"#);
        }
    }

    #[test]
    fn no_answer_is_cached_for_others_or_for_long() {
        let list = Operation::List(ListKind::Tools);
        for (given, expected) in [
            (r#"{"ttlMs":300000,"cacheScope":"public"}"#, r#"{"ttlMs":60000,"cacheScope":"private"}"#),
            (r#"{"ttlMs":5,"cacheScope":"private"}"#, r#"{"ttlMs":5,"cacheScope":"private"}"#),
            (r#"{"ttlMs":1e9,"cacheScope":7}"#, r#"{"ttlMs":60000,"cacheScope":"private"}"#),
            (r#"{"x":1}"#, r#"{"x":1}"#),
        ] {
            assert_eq!(filtered(Some(&list), given), expected);
        }
    }
}
