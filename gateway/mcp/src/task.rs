//! Where messages name tasks: calls whose answers come later.
//!
//! MCP 2026-07-28 has them as an extension (`io.modelcontextprotocol/tasks`, SEP-2663), MCP 2025-11-25 as an
//! experiment (Basic, Utilities, Tasks). Both have methods with the same names; what differs is where a call's answer
//! names the task that it made. Here are only the places. Who may name which task is not this crate's business.

use crate::headers::is_modern;
use crate::json::{Kind, Value};
use crate::message::Message;

/// The member of `_meta` by which a message belongs to a task (MCP 2025-11-25, Tasks, Associating Task-Related
/// Messages).
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The extension of MCP 2026-07-28, as clients and servers declare it.
pub const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// Whether the client of a request declares that it knows of tasks: in MCP 2026-07-28 each request does, before
/// nothing is declared there.
#[must_use]
pub fn declares_tasks(message: &Message) -> bool {
    if !is_modern(None, message) {
        return true;
    }
    let capabilities = message.meta().and_then(|meta| meta.get("io.modelcontextprotocol/clientCapabilities"));
    capabilities.and_then(|all| all.get("extensions")).and_then(|all| all.get(EXTENSION)).is_some()
}

/// Whether a method asks about one task, `params.taskId`, in the era of `message`.
///
/// `tasks/result` is of MCP 2025-11-25 alone, and `tasks/update` of the extension. `tasks/list` asks about no task.
#[must_use]
pub fn is_about_a_task(message: &Message) -> bool {
    match message.method() {
        Some("tasks/get" | "tasks/cancel") => true,
        Some("tasks/result") => !is_modern(None, message),
        Some("tasks/update") => is_modern(None, message),
        Some(_) | None => false,
    }
}

/// Whether a message of a server tells how a task does: then it is `params.taskId`.
#[must_use]
pub fn tells_of_a_task(message: &Message) -> bool {
    matches!(message.method(), Some("notifications/tasks" | "notifications/tasks/status"))
}

/// The ids of tasks that `subscriptions/listen` asks about, and that its acknowledgement names.
#[must_use]
pub fn listened(message: &Message) -> Option<Value<'_>> {
    match message.method() {
        Some("subscriptions/listen" | "notifications/subscriptions/acknowledged") => {
            message.params()?.get("notifications")?.get("taskIds")
        }
        Some(_) | None => None,
    }
}

/// How a task does, where a message of a server says so: the object that has `result`, `error` and `inputRequests`
/// beside `status`.
#[must_use]
pub fn state(message: &Message) -> Option<Value<'_>> {
    if tells_of_a_task(message) { message.params() } else { message.result() }
}

/// The task that the answer to a call says was made instead of a result: its `taskId`, if that is a text.
///
/// The extension marks such an answer with `resultType`. MCP 2025-11-25 has no mark; there the task is the only
/// member of the result that the revision defines.
#[must_use]
pub fn made(message: &Message) -> Option<Made<'_>> {
    let result = message.result()?;
    let task = match result.get("resultType") {
        Some(kind) if kind.is_text("task") => result,
        Some(_) => return None,
        None => result.get("task").filter(|task| task.kind() == Kind::Object)?,
    };
    Some(Made { id: task.get("taskId").filter(|id| id.kind() == Kind::String) })
}

/// What an answer says of the task that it is about.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// The task's id; `None` if it is missing or no text.
    pub id: Option<Value<'a>>,
}

/// Every `_meta` that names a task to which a part of the message belongs.
#[must_use]
pub fn related(message: &Message) -> Vec<Value<'_>> {
    let root = message.document().root();
    let parts = [root.get("params"), root.get("result")];
    let mut metas = Vec::new();
    for part in parts.into_iter().flatten() {
        metas.push(part.get("_meta"));
        // The result of a task, within what tells how it does.
        metas.push(part.get("result").and_then(|result| result.get("_meta")));
        for requests in [part.get("inputRequests"), part.get("inputResponses")].into_iter().flatten() {
            for request in requests.members() {
                metas.push(request.value.get("_meta"));
                metas.push(request.value.get("params").and_then(|params| params.get("_meta")));
            }
        }
    }
    let names_task = |meta: &Value<'_>| meta.kind() == Kind::Object && meta.get(RELATED_TASK).is_some();
    metas.into_iter().flatten().filter(names_task).collect()
}

/// The id in a `_meta` that [`related`] gives, if it is a text.
#[must_use]
pub fn related_id(meta: Value<'_>) -> Option<Value<'_>> {
    meta.get(RELATED_TASK)?.get("taskId").filter(|id| id.kind() == Kind::String)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{
        declares_tasks, is_about_a_task, listened, made, related, related_id, state, tells_of_a_task,
    };
    use crate::json::{Limits, Value};
    use crate::message::Message;
    use bytes::Bytes;

    const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;

    fn message(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()), Limits::with_bytes(1 << 16)).unwrap()
    }

    fn text(value: Value<'_>) -> String {
        value.text().unwrap().into_owned()
    }

    #[test]
    fn given_each_method_when_asked_then_it_is_about_a_task_in_its_own_era_alone() {
        for (method, legacy, modern) in [
            ("tasks/get", true, true),
            ("tasks/cancel", true, true),
            ("tasks/result", true, false),
            ("tasks/update", false, true),
            ("tasks/list", false, false),
            ("tools/call", false, false),
        ] {
            let of = |params: &str| {
                message(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#))
            };
            assert_eq!(is_about_a_task(&of("")), legacy, "{method}");
            assert_eq!(is_about_a_task(&of(MODERN)), modern, "{method}, modern");
        }
    }

    #[test]
    fn given_a_modern_request_when_read_then_it_declares_tasks_in_its_capabilities_or_not() {
        let of = |meta: &str| {
            message(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{{"_meta":{{{meta}}}}}}}"#
            ))
        };
        let modern = |capabilities: &str| {
            let version = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
            of(&format!(r#"{version},"io.modelcontextprotocol/clientCapabilities":{capabilities}"#))
        };
        assert!(declares_tasks(&of("")), "nothing is declared there");
        assert!(declares_tasks(&modern(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#)));
        for capabilities in ["{}", r#"{"extensions":{}}"#, r#"{"extensions":7}"#, r#"{"tasks":{}}"#] {
            assert!(!declares_tasks(&modern(capabilities)), "{capabilities}");
        }
    }

    #[test]
    fn given_answers_when_read_then_those_that_made_a_task_name_it() {
        for (result, expected) in [
            (r#"{"resultType":"task","taskId":"t"}"#, Some(Some("t"))),
            (r#"{"resultType":"t\u0061sk","taskId":"t"}"#, Some(Some("t"))),
            (r#"{"resultType":"task","taskId":7}"#, Some(None)),
            (r#"{"resultType":"task"}"#, Some(None)),
            (r#"{"resultType":"complete","task":{"taskId":"t"}}"#, None),
            (r#"{"task":{"taskId":"t"}}"#, Some(Some("t"))),
            (r#"{"task":{}}"#, Some(None)),
            (r#"{"task":"t"}"#, None),
            (r#"{"taskId":"t"}"#, None),
            ("7", None),
        ] {
            let message = message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
            let found = made(&message).map(|made| made.id.map(text));
            assert_eq!(found, expected.map(|id| id.map(str::to_owned)), "{result}");
        }
    }

    #[test]
    fn given_a_message_that_belongs_to_tasks_when_searched_then_every_place_is_found() {
        let related_to = |id: &str| {
            format!(r#""_meta":{{"io.modelcontextprotocol/related-task":{{"taskId":"{id}"}},"other":1}}"#)
        };
        let [a, b, c, d] = ["a", "b", "c", "d"].map(related_to);
        let written = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{{a},"result":{{{b}}},
                "inputRequests":{{"k":{{"method":"m",{c},"params":{{{d}}}}}}},"deep":{{"deeper":{{{a}}}}}}}}}"#
        );
        let message = message(&written);
        let found: Vec<_> = related(&message).into_iter().filter_map(related_id).map(text).collect();
        assert_eq!(found, ["a", "b", "c", "d"]);
    }

    #[test]
    fn given_a_related_task_without_an_id_when_searched_then_the_place_is_found_and_the_id_is_not() {
        let message = message(
            r#"{"jsonrpc":"2.0","method":"x","params":{"_meta":{"io.modelcontextprotocol/related-task":7}}}"#,
        );
        let metas = related(&message);
        assert_eq!(metas.len(), 1);
        assert!(metas.into_iter().all(|meta| related_id(meta).is_none()));
    }

    #[test]
    fn given_notifications_when_read_then_those_of_tasks_and_acknowledgements_are_told_apart() {
        let told = message(r#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"t"}}"#);
        assert!(tells_of_a_task(&told));
        assert!(state(&told).unwrap().get("taskId").is_some());
        let acknowledged = message(
            r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged",
                "params":{"notifications":{"taskIds":["t"]}}}"#,
        );
        assert!(!tells_of_a_task(&acknowledged));
        assert_eq!(listened(&acknowledged).unwrap().len(), 1);
        let other = message(r#"{"jsonrpc":"2.0","method":"x","params":{"notifications":{"taskIds":["t"]}}}"#);
        assert!(listened(&other).is_none());
    }
}
