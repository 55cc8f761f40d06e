//! Tasks: calls whose answers come later, and are asked for by a handle.
//!
//! A client never sees the server's id of a task. It sees a handle, which holds the id and what made the task. So a
//! task is asked about by the rules for what made it, as they are now, and what comes of it is masked as that call's
//! answer would be. How handles are sealed is the gateway's business: here `open` and `seal` are given.
//!
//! The arguments of the call are not in the handle. What was decided of them stays decided: conditions that ask about
//! them are not asked again, nor are CommandRules and approvers.

use bytes::Bytes;
use lychgate_gateway_mcp::json::{EditError, Edits, Kind, Limits, Value, quote};
use lychgate_gateway_mcp::message::{Message, MessageError};
use lychgate_gateway_mcp::task::{
    RELATED_TASK, is_about_a_task, listened, made, related, related_id, tells_of_a_task,
};
use serde::{Deserialize, Serialize};

use crate::access;
use crate::call::Operation;
use crate::compile::Policy;
use crate::decide::Caller;
use crate::mask::Known;
use crate::when::Asked;

/// A task of the server, and what made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The server's own id.
    #[serde(rename = "i")]
    pub id: String,
    /// The call that it is the answer to.
    #[serde(rename = "m")]
    pub maker: Maker,
    /// The credential that was chosen for that call: the server may know the task under no other.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The values that the call had as tokens: what comes of the task is its answer, and must not show them either.
    #[serde(rename = "v", default, skip_serializing_if = "Restored::is_empty")]
    pub restored: Restored,
}

/// Values that a caller has sent as tokens. They are for sealed handles and ids, and for no log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Restored(Option<Box<Values>>);

/// They stand apart, for what holds none of them to be small.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Values(Vec<String>);

impl Restored {
    /// Those among known values.
    #[must_use]
    pub fn of(known: &[Known]) -> Self {
        let values: Vec<String> = known.iter().filter_map(Known::restored_value).map(str::to_owned).collect();
        Self((!values.is_empty()).then(|| Box::new(Values(values))))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn values(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |values| &values.0)
    }

    /// The same, to be looked for in what is shown.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        self.values().iter().map(|value| Known::restored(value))
    }
}

impl std::fmt::Debug for Restored {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Restored({})", self.values().len())
    }
}

/// What makes tasks: what grants speak of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Maker {
    /// A tool, by its name.
    #[serde(rename = "t")]
    Tool(String),
    /// A prompt, by its name.
    #[serde(rename = "p")]
    Prompt(String),
    /// A resource, by its URI.
    #[serde(rename = "r")]
    Resource(String),
}

impl Maker {
    /// What an operation is, if its answer may be a task.
    #[must_use]
    pub fn of(operation: &Operation) -> Option<Self> {
        match operation {
            Operation::Tool { name } => Some(Self::Tool(name.clone())),
            Operation::Prompt { name } => Some(Self::Prompt(name.clone())),
            Operation::Resource { uri } => Some(Self::Resource(uri.clone())),
            Operation::Task { .. }
            | Operation::UnknownTask { .. }
            | Operation::Listen { .. }
            | Operation::List(_)
            | Operation::Protocol { .. }
            | Operation::Answer
            | Operation::Unknown { .. } => None,
        }
    }

    /// The operation again, for those who decide by it.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Tool(name) => Operation::Tool { name: name.clone() },
            Self::Prompt(name) => Operation::Prompt { name: name.clone() },
            Self::Resource(uri) => Operation::Resource { uri: uri.clone() },
        }
    }
}

/// Why an answer that names a task cannot be relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFault {
    /// The task has no id.
    #[error("a task without an id")]
    NoId,
    /// The answer is about another task than was asked about.
    #[error("an answer about another task")]
    AnotherTask,
    /// A task where none can be, or where nobody knows what made it.
    #[error("a task that no call is known to have made")]
    Unexpected,
    /// The id, together with what made the task, is too long.
    #[error("a task with an id that is too long")]
    TooLong,
    /// The message could not be rewritten.
    #[error("a message about a task that cannot be rewritten")]
    Unwritable,
}

impl From<EditError> for TaskFault {
    fn from(_: EditError) -> Self {
        Self::Unwritable
    }
}

impl From<MessageError> for TaskFault {
    fn from(_: MessageError) -> Self {
        Self::Unwritable
    }
}

/// A message names a task that is not its caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotHis;

/// A message of a client with the server's ids in the place of handles; `None` if nothing changes.
///
/// What belongs to a task that is not the caller's (`_meta`) loses the mark and stays a message. Tasks of clients are
/// not relayed, and so they are not announced either.
pub(crate) fn opened(
    message: &Message,
    open: &impl Fn(&str) -> Option<Task>,
) -> Result<Option<Message>, NotHis> {
    let mut edits = Edits::new();
    let params = message.params();
    let subject = params.and_then(|params| params.get("taskId"));
    let subject = subject.filter(|_| is_about_a_task(message));
    let items = listened(message).into_iter().flat_map(Value::items);
    for handle in subject.into_iter().chain(items) {
        let task = handle.text().and_then(|handle| open(&handle)).ok_or(NotHis)?;
        edits.replace(handle.span(), quote(&task.id));
    }
    for meta in related(message) {
        let id = related_id(meta);
        match id.and_then(|id| Some((id, open(&id.text()?)?))) {
            Some((id, task)) => edits.replace(id.span(), quote(&task.id)),
            None => {
                edits.remove_member(meta, RELATED_TASK);
            }
        }
    }
    let announced = params.filter(|_| message.method() == Some("initialize"));
    if let Some(capabilities) = announced.and_then(|params| params.get("capabilities")) {
        edits.remove_member(capabilities, "tasks");
    }
    rewritten(message, edits).map_err(|_| NotHis)
}

/// The message with its edits made; `None` if there are none.
fn rewritten(message: &Message, edits: Edits) -> Result<Option<Message>, TaskFault> {
    if edits.is_empty() {
        return Ok(None);
    }
    let bytes = edits.apply(message.bytes())?;
    let limits = Limits { bytes: bytes.len(), ..Limits::with_bytes(0) };
    Ok(Some(Message::parse(bytes, limits)?))
}

/// What a message of the server is an answer to, and for whom.
pub struct Relaying<'a> {
    /// The rules of now.
    pub policy: &'a Policy,
    /// Who gets the message.
    pub caller: &'a Caller,
    /// What was asked; nothing for a session's own stream.
    pub operation: Option<&'a Operation>,
    /// The credential that was chosen for it.
    pub credential: Option<&'a str>,
    /// What must not be shown; values that the call had as tokens among it.
    pub known: &'a [Known],
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

/// What becomes of a message of the server.
#[derive(Debug)]
pub enum Relayed {
    /// It names no task, or not any more: it passes as it is.
    Unchanged,
    /// It passes with handles in the place of ids.
    Changed(Bytes),
    /// It tells of a task, and passes as a message about that one alone.
    About(Bytes, Box<Operation>),
    /// It tells of a task that the client did not ask about, or may not ask about any more: it does not pass.
    Withheld,
}

/// Puts handles in the place of the ids of tasks in a message of the server.
///
/// # Errors
/// It names a task that cannot be given a handle. It must not be relayed.
pub fn relay(
    relaying: &Relaying<'_>,
    message: &Message,
    seal: impl Fn(&Task) -> Option<String>,
) -> Result<Relayed, TaskFault> {
    let mut sealing = Sealing { relaying, seal, edits: Edits::new() };
    let mut about = None;
    if tells_of_a_task(message) {
        let Some((id, task)) = sealing.told(message) else { return Ok(Relayed::Withheld) };
        sealing.put(id, &task)?;
        about = Some(Box::new(Operation::Task { task }));
    }
    sealing.acknowledged(message)?;
    sealing.answered(message)?;
    sealing.belonging(message)?;
    withhold_list(relaying.operation, message, &mut sealing.edits);
    if sealing.edits.is_empty() {
        return Ok(Relayed::Unchanged);
    }
    let bytes = sealing.edits.apply(message.bytes())?;
    Ok(match about {
        Some(operation) => Relayed::About(bytes, operation),
        None => Relayed::Changed(bytes),
    })
}

/// Whether a caller may ask about a task at `now`.
fn is_allowed(relaying: &Relaying<'_>, task: &Task) -> bool {
    let Relaying { policy, caller, now, .. } = *relaying;
    let operation = Operation::Task { task: task.clone() };
    let asked = Asked::new(policy.config(), caller, &operation, None, now);
    access::candidates(policy, caller, &operation).and_then(|candidates| candidates.hold(&asked)).is_ok()
}

struct Sealing<'a, S> {
    relaying: &'a Relaying<'a>,
    seal: S,
    edits: Edits,
}

impl<S: Fn(&Task) -> Option<String>> Sealing<'_, S> {
    fn put(&mut self, id: Value<'_>, task: &Task) -> Result<(), TaskFault> {
        let handle = (self.seal)(task).ok_or(TaskFault::TooLong)?;
        self.edits.replace(id.span(), quote(&handle));
        Ok(())
    }

    /// The task with that id, if the client has asked about it.
    fn asked_about(&self, id: Value<'_>) -> Option<Task> {
        let tasks = self.relaying.operation?.tasks();
        tasks.iter().find(|task| id.is_text(&task.id)).cloned()
    }

    /// The task of which a notification tells, if its client may hear of it now.
    fn told<'m>(&self, message: &'m Message) -> Option<(Value<'m>, Task)> {
        let id = message.params()?.get("taskId")?;
        let task = self.asked_about(id)?;
        is_allowed(self.relaying, &task).then_some((id, task))
    }

    /// The tasks of which a server says that it will tell.
    fn acknowledged(&mut self, message: &Message) -> Result<(), TaskFault> {
        let Some(ids) = listened(message) else { return Ok(()) };
        for id in ids.items() {
            if let Some(task) = self.asked_about(id) {
                self.put(id, &task)?;
            }
        }
        let known: Vec<_> = ids.items().map(|id| self.asked_about(id).is_some()).collect();
        let mut known = known.into_iter();
        self.edits.retain_items(ids, |_| known.next().unwrap_or(false));
        Ok(())
    }

    /// The task that an answer has made, or is about.
    fn answered(&mut self, message: &Message) -> Result<(), TaskFault> {
        let Some(result) = message.result() else { return Ok(()) };
        let made = made(message);
        match self.relaying.operation {
            Some(Operation::Task { task }) => match result.get("taskId") {
                Some(id) if id.is_text(&task.id) => self.put(id, task),
                Some(_) => Err(TaskFault::AnotherTask),
                None => Ok(()),
            },
            Some(operation) => match (made, Maker::of(operation)) {
                (None, _) => Ok(()),
                (Some(_), None) => Err(TaskFault::Unexpected),
                (Some(made), Some(maker)) => {
                    let id = made.id.ok_or(TaskFault::NoId)?;
                    let id_text = id.text().ok_or(TaskFault::NoId)?.into_owned();
                    let credential = self.relaying.credential.map(str::to_owned);
                    let restored = Restored::of(self.relaying.known);
                    self.put(id, &Task { id: id_text, maker, credential, restored })
                }
            },
            // The answer of a stream that broke off: which call's, nobody knows.
            None if made.is_some() || is_state(result) => Err(TaskFault::Unexpected),
            None => Ok(()),
        }
    }

    /// The task to which a part of the message belongs. One that the client did not ask about is not named to him.
    fn belonging(&mut self, message: &Message) -> Result<(), TaskFault> {
        for meta in related(message) {
            let id = related_id(meta);
            match id.and_then(|id| Some((id, self.asked_about(id)?))) {
                Some((id, task)) => self.put(id, &task)?,
                None => {
                    self.edits.remove_member(meta, RELATED_TASK);
                }
            }
        }
        Ok(())
    }
}

/// Whether a result says how a task does.
fn is_state(result: Value<'_>) -> bool {
    let is_text = |name: &str| result.get(name).is_some_and(|value| value.kind() == Kind::String);
    is_text("taskId") && is_text("status")
}

/// `tasks/list` (MCP 2025-11-25) is denied, since a server does not know whose its tasks are among callers who share a
/// credential. So no client shall rely on it.
fn withhold_list(operation: Option<&Operation>, message: &Message, edits: &mut Edits) {
    let Some(Operation::Protocol { method }) = operation else { return };
    let tasks = message.result().filter(|_| method == "initialize");
    let tasks = tasks.and_then(|result| result.get("capabilities")).and_then(|all| all.get("tasks"));
    if let Some(tasks) = tasks {
        edits.remove_member(tasks, "list");
    }
}

/// Whether a result's `ttlMs` is how long a task lives, and not how long a client may keep the answer.
pub(crate) fn lives(operation: Option<&Operation>, message: &Message) -> bool {
    match operation {
        Some(Operation::Task { .. }) => true,
        Some(operation) => Maker::of(operation).is_some() && made(message).is_some(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
