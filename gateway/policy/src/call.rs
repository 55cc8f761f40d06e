//! What a client's message asks for, as far as policy is concerned.
//!
//! [`Operation::of`] names every method that Lychgate knows. A method that it does not know is
//! [`Operation::Unknown`], which no grant covers: what is not understood does not pass.

mod meaning;

use std::borrow::Cow;
use std::sync::Arc;

use lychgate_gateway_mcp::headers::is_modern;
use lychgate_gateway_mcp::json::Kind;
use lychgate_gateway_mcp::message::{Form, Message};
use lychgate_gateway_mcp::revision::is_removed_in_modern_era;
use lychgate_gateway_mcp::task::{declares_tasks, is_about_a_task, listened};

use self::meaning::Meaning;
use crate::mask::Tokens;
use crate::task::{self, Maker, NotHis, Task};

/// A message from a client, with what it asks for. The message is owned: what is decided is what is sent.
#[derive(Clone, Debug)]
pub struct Call {
    message: Message,
    operation: Operation,
    tokens: Option<Arc<Tokens>>,
    meaning: Meaning,
}

impl Call {
    /// Reads what `message` asks for.
    ///
    /// # Errors
    /// A parameter that names the target of the operation is absent or of the wrong type.
    pub fn new(message: Message) -> Result<Self, MissingTarget> {
        Self::opening(message, |_| None)
    }

    /// Reads what `message` asks for, and puts the server's ids in the place of handles. `open` gives the task that a
    /// handle holds, if it is the caller's.
    ///
    /// # Errors
    /// As [`Call::new`].
    pub fn opening(message: Message, open: impl Fn(&str) -> Option<Task>) -> Result<Self, MissingTarget> {
        let operation = Operation::opening(&message, &open)?;
        Ok(match task::opened(&message, &open) {
            Ok(opened) => Self::literal(opened.unwrap_or(message), operation),
            Err(NotHis) => {
                let operation = Operation::unknown_task(&message);
                Self::literal(message, operation)
            }
        })
    }

    fn literal(message: Message, operation: Operation) -> Self {
        Self { message, operation, tokens: None, meaning: Meaning::Literal }
    }

    /// The message as it was received, but for handles of tasks.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// What it asks for.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.operation
    }
}

/// A request lacks the parameter that says what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("params.{parameter} must be a string")]
pub struct MissingTarget {
    parameter: &'static str,
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `tools/call`.
    Tool {
        /// The tool's name.
        name: String,
    },
    /// `resources/read`, `resources/subscribe`, `resources/unsubscribe`, or a completion for a resource.
    Resource {
        /// The resource's URI, or the template of a completion.
        uri: String,
    },
    /// `prompts/get`, or a completion for a prompt.
    Prompt {
        /// The prompt's name.
        name: String,
    },
    /// `tasks/get`, `tasks/update`, `tasks/cancel` or `tasks/result`.
    Task {
        /// The task.
        task: Task,
    },
    /// The same, or `subscriptions/listen`, about a task that is not the caller's: there is none for him.
    UnknownTask {
        /// Whether the client declares that it knows of tasks.
        is_declared: bool,
    },
    /// `subscriptions/listen` (MCP 2026-07-28): a stream of notifications.
    Listen {
        /// The URIs of the resources whose changes are asked for.
        uris: Vec<String>,
        /// The tasks whose states are asked for.
        tasks: Vec<Task>,
    },
    /// A list, whose answer is filtered for the caller.
    List(ListKind),
    /// A message that the protocol itself needs; open to whoever has any grant.
    Protocol {
        /// The method.
        method: String,
    },
    /// The client's answer to a request of the server.
    Answer,
    /// A method that Lychgate does not know.
    Unknown {
        /// The method.
        method: String,
    },
}

/// The lists that a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `tools/list`.
    Tools,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    ResourceTemplates,
    /// `prompts/list`.
    Prompts,
}

/// Methods that carry no target and change nothing that a grant would speak of.
const PROTOCOL_METHODS: [&str; 8] = [
    "initialize",
    "server/discover",
    "ping",
    "logging/setLevel",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
];

impl Operation {
    /// Reads what `message` asks for.
    ///
    /// # Errors
    /// As [`Call::new`].
    pub fn of(message: &Message) -> Result<Self, MissingTarget> {
        Self::opening(message, &|_| None)
    }

    fn opening(message: &Message, open: &impl Fn(&str) -> Option<Task>) -> Result<Self, MissingTarget> {
        let method = match message.form() {
            Form::Request { method, .. } | Form::Notification { method } => method.as_str(),
            Form::Response { .. } | Form::Error { .. } => return Ok(Self::Answer),
        };
        Ok(match method {
            removed if is_removed_in_modern_era(removed) && is_modern(None, message) => {
                Self::Unknown { method: removed.to_owned() }
            }
            "tools/call" => Self::Tool { name: parameter(message, "name")? },
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                Self::Resource { uri: parameter(message, "uri")? }
            }
            "prompts/get" => Self::Prompt { name: parameter(message, "name")? },
            "subscriptions/listen" => listen(message, open)?,
            _ if is_about_a_task(message) => {
                let task = open(&parameter(message, "taskId")?);
                task.map_or_else(|| Self::unknown_task(message), |task| Self::Task { task })
            }
            "tools/list" => Self::List(ListKind::Tools),
            "resources/list" => Self::List(ListKind::Resources),
            "resources/templates/list" => Self::List(ListKind::ResourceTemplates),
            "prompts/list" => Self::List(ListKind::Prompts),
            "completion/complete" => completion(message)?,
            protocol if PROTOCOL_METHODS.contains(&protocol) => {
                Self::Protocol { method: protocol.to_owned() }
            }
            unknown => Self::Unknown { method: unknown.to_owned() },
        })
    }

    /// The tasks that it asks about.
    pub(crate) fn tasks(&self) -> &[Task] {
        match self {
            Self::Task { task } => std::slice::from_ref(task),
            Self::Listen { tasks, .. } => tasks,
            Self::Tool { .. }
            | Self::Resource { .. }
            | Self::Prompt { .. }
            | Self::UnknownTask { .. }
            | Self::List(_)
            | Self::Protocol { .. }
            | Self::Answer
            | Self::Unknown { .. } => &[],
        }
    }

    /// Whether a message asks for the same, with the server's ids in it.
    pub(crate) fn is_asked_by(&self, message: &Message) -> bool {
        let named = |id: &str| self.tasks().iter().find(|task| task.id == id).cloned();
        Self::opening(message, &named).as_ref() == Ok(self)
    }

    fn unknown_task(message: &Message) -> Self {
        Self::UnknownTask { is_declared: declares_tasks(message) }
    }

    /// The tool that is called, if the operation is a tool call.
    #[must_use]
    pub fn tool_name(&self) -> Option<&str> {
        match self {
            Self::Tool { name } => Some(name),
            Self::Resource { .. }
            | Self::Prompt { .. }
            | Self::Task { .. }
            | Self::UnknownTask { .. }
            | Self::Listen { .. }
            | Self::List(_)
            | Self::Protocol { .. }
            | Self::Answer
            | Self::Unknown { .. } => None,
        }
    }

    /// The tool that is called, or whose task is asked about: rules for tools look at what comes of either.
    #[must_use]
    pub fn tool_behind(&self) -> Option<&str> {
        match self {
            Self::Task { task: Task { maker: Maker::Tool(name), .. } } => Some(name),
            Self::Task { task: Task { maker: Maker::Prompt(_) | Maker::Resource(_), .. } }
            | Self::Tool { .. }
            | Self::Resource { .. }
            | Self::Prompt { .. }
            | Self::UnknownTask { .. }
            | Self::Listen { .. }
            | Self::List(_)
            | Self::Protocol { .. }
            | Self::Answer
            | Self::Unknown { .. } => self.tool_name(),
        }
    }

    /// The resource that is read, or whose task is asked about.
    #[must_use]
    pub fn resource_behind(&self) -> Option<&str> {
        match self {
            Self::Resource { uri } | Self::Task { task: Task { maker: Maker::Resource(uri), .. } } => {
                Some(uri)
            }
            Self::Task { task: Task { maker: Maker::Prompt(_) | Maker::Tool(_), .. } }
            | Self::Tool { .. }
            | Self::Prompt { .. }
            | Self::UnknownTask { .. }
            | Self::Listen { .. }
            | Self::List(_)
            | Self::Protocol { .. }
            | Self::Answer
            | Self::Unknown { .. } => None,
        }
    }

    /// What the operation is about, as records and metrics show it: a tool's or prompt's name, or a URI.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Tool { name } | Self::Prompt { name } => Some(name),
            Self::Resource { uri } => Some(uri),
            Self::Task { .. }
            | Self::UnknownTask { .. }
            | Self::Listen { .. }
            | Self::List(_)
            | Self::Protocol { .. }
            | Self::Answer
            | Self::Unknown { .. } => None,
        }
    }
}

/// The resources and the tasks that a `subscriptions/listen` asks about.
fn listen(message: &Message, open: &impl Fn(&str) -> Option<Task>) -> Result<Operation, MissingTarget> {
    let uris = listened_uris(message)?;
    let wrong = MissingTarget { parameter: "notifications.taskIds[]" };
    let Some(handles) = listened(message) else { return Ok(Operation::Listen { uris, tasks: Vec::new() }) };
    if handles.kind() != Kind::Array {
        return Err(wrong);
    }
    let handles: Vec<_> =
        handles.items().map(|handle| handle.text().ok_or(wrong)).collect::<Result<_, _>>()?;
    let tasks: Option<Vec<Task>> = handles.iter().map(|handle| open(handle)).collect();
    Ok(tasks.map_or_else(|| Operation::unknown_task(message), |tasks| Operation::Listen { uris, tasks }))
}

/// The resources that a `subscriptions/listen` asks about.
fn listened_uris(message: &Message) -> Result<Vec<String>, MissingTarget> {
    let wrong = MissingTarget { parameter: "notifications.resourceSubscriptions[]" };
    let Some(uris) = message
        .params()
        .and_then(|params| params.get("notifications"))
        .and_then(|notifications| notifications.get("resourceSubscriptions"))
    else {
        return Ok(Vec::new());
    };
    if uris.kind() != Kind::Array {
        return Err(wrong);
    }
    uris.items().map(|uri| uri.text().map(Cow::into_owned).ok_or(wrong)).collect()
}

/// A completion is about the prompt or the resource template that its `ref` names.
fn completion(message: &Message) -> Result<Operation, MissingTarget> {
    let reference = message.params().and_then(|params| params.get("ref"));
    let member =
        |name: &str| reference.and_then(|reference| reference.get(name)).and_then(|value| value.text());
    match member("type").as_deref() {
        Some("ref/prompt") => match member("name") {
            Some(name) => Ok(Operation::Prompt { name: name.into_owned() }),
            None => Err(MissingTarget { parameter: "ref.name" }),
        },
        Some("ref/resource") => match member("uri") {
            Some(uri) => Ok(Operation::Resource { uri: uri.into_owned() }),
            None => Err(MissingTarget { parameter: "ref.uri" }),
        },
        Some(_) | None => Err(MissingTarget { parameter: "ref.type" }),
    }
}

fn parameter(message: &Message, name: &'static str) -> Result<String, MissingTarget> {
    message
        .params()
        .and_then(|params| params.get(name))
        .and_then(|value| value.text())
        .map(Cow::into_owned)
        .ok_or(MissingTarget { parameter: name })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Call, ListKind, MissingTarget, Operation};
    use bytes::Bytes;
    use lychgate_gateway_mcp::json::Limits;
    use lychgate_gateway_mcp::message::Message;

    fn call(text: &str) -> Result<Call, MissingTarget> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        Call::new(Message::parse(bytes, Limits::with_bytes(1 << 16)).unwrap())
    }

    fn operation(method: &str, params: &str) -> Result<Operation, MissingTarget> {
        call(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
            .map(|call| call.operation().clone())
    }

    #[test]
    fn each_method_asks_for_what_its_target_says() {
        let tool = |name: &str| Operation::Tool { name: name.into() };
        let resource = |uri: &str| Operation::Resource { uri: uri.into() };
        let prompt = |name: &str| Operation::Prompt { name: name.into() };
        for (method, params, expected) in [
            ("tools/call", r#"{"name":"query"}"#, tool("query")),
            ("tools/call", r#"{"n\u0061me":"qu\u0065ry"}"#, tool("query")),
            ("resources/read", r#"{"uri":"file:///a"}"#, resource("file:///a")),
            ("resources/subscribe", r#"{"uri":"file:///a"}"#, resource("file:///a")),
            ("prompts/get", r#"{"name":"p"}"#, prompt("p")),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, prompt("p")),
            ("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"u:{x}"}}"#, resource("u:{x}")),
            ("tools/list", "{}", Operation::List(ListKind::Tools)),
            ("resources/templates/list", "{}", Operation::List(ListKind::ResourceTemplates)),
            (
                "subscriptions/listen",
                r#"{"notifications":{"toolsListChanged":true}}"#,
                Operation::Listen { uris: vec![], tasks: vec![] },
            ),
            (
                "subscriptions/listen",
                r#"{"notifications":{"resourceSubscriptions":["a:1","a:2"]}}"#,
                Operation::Listen { uris: vec!["a:1".into(), "a:2".into()], tasks: vec![] },
            ),
            ("ping", "{}", Operation::Protocol { method: "ping".into() }),
            ("tasks/get", r#"{"taskId":"t"}"#, Operation::UnknownTask { is_declared: true }),
            ("tasks/result", r#"{"taskId":"t"}"#, Operation::UnknownTask { is_declared: true }),
            ("tasks/update", r#"{"taskId":"t"}"#, Operation::Unknown { method: "tasks/update".into() }),
            ("tasks/list", "{}", Operation::Unknown { method: "tasks/list".into() }),
            (
                "subscriptions/listen",
                r#"{"notifications":{"taskIds":["t"]}}"#,
                Operation::UnknownTask { is_declared: true },
            ),
            ("Tools/Call", r#"{"name":"query"}"#, Operation::Unknown { method: "Tools/Call".into() }),
        ] {
            assert_eq!(operation(method, params), Ok(expected), "{method} {params}");
        }
    }

    #[test]
    fn what_the_modern_era_removed_is_unknown_there_and_known_before() {
        let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        for method in
            ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]
        {
            let unknown = Operation::Unknown { method: method.into() };
            assert_eq!(operation(method, meta), Ok(unknown.clone()), "{method}, without a target");
            assert_ne!(operation(method, r#"{"uri":"a:1"}"#), Ok(unknown), "{method}");
        }
        assert_eq!(operation("tools/list", meta), Ok(Operation::List(ListKind::Tools)));
    }

    #[test]
    fn a_missing_target_is_named() {
        for (method, params, parameter) in [
            ("tools/call", "{}", "name"),
            ("tools/call", r#"{"name":7}"#, "name"),
            ("resources/read", r#"{"name":"x"}"#, "uri"),
            ("prompts/get", "{}", "name"),
            ("tasks/get", r#"{"taskId":7}"#, "taskId"),
            ("subscriptions/listen", r#"{"notifications":{"taskIds":[7]}}"#, "notifications.taskIds[]"),
            ("subscriptions/listen", r#"{"notifications":{"taskIds":"t"}}"#, "notifications.taskIds[]"),
            (
                "subscriptions/listen",
                r#"{"notifications":{"resourceSubscriptions":[7]}}"#,
                "notifications.resourceSubscriptions[]",
            ),
            ("completion/complete", "{}", "ref.type"),
            ("completion/complete", r#"{"ref":{"type":"ref/other"}}"#, "ref.type"),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt"}}"#, "ref.name"),
            ("completion/complete", r#"{"ref":{"type":"ref/resource"}}"#, "ref.uri"),
        ] {
            assert_eq!(operation(method, params), Err(MissingTarget { parameter }), "{method} {params}");
        }
    }

    #[test]
    fn an_answer_to_the_server_is_an_answer() {
        let answer = call(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap();
        assert_eq!(*answer.operation(), Operation::Answer);
    }
}
