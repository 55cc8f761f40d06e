//! Messages, as three readers see them: what policy is asked about is what a server on rmcp would do, and what one that
//! takes the last of two members would do.

use lychgate_gateway_mcp::json::Value as Span;
use lychgate_gateway_mcp::message::{Form, Id, Message};
use lychgate_gateway_policy::call::ListKind;
use lychgate_gateway_policy::{Call, Operation};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, NumberOrString, Reference};
use serde_json::{Map, Value};

use crate::readers::message;

/// What a request asks for: the operation, and the arguments of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The id that the answer will carry.
    pub id: Id,
    /// What is asked for.
    pub operation: Operation,
    /// The arguments of a tool or a prompt.
    pub arguments: Option<Map<String, Value>>,
}

/// The whole of `data` is a message.
pub(crate) fn run(data: &[u8]) {
    let Some(message) = message(data) else { return };
    envelope(&message);
    if let (Some(asked), Some(theirs)) = (authorised(&message), read_by_rmcp(data)) {
        // What a revision has removed is refused without a look at the rest.
        if !matches!(asked.operation, Operation::Unknown { .. }) {
            assert_eq!(asked, theirs, "rmcp reads what is authorised");
        }
    }
}

/// What our readers make of a request; `None` if it is refused before policy is asked.
#[must_use]
pub fn authorised(message: &Message) -> Option<Asked> {
    let id = match message.form() {
        Form::Request { id, .. } => id.clone(),
        Form::Notification { .. } | Form::Response { .. } | Form::Error { .. } => return None,
    };
    let call = Call::new(message.clone()).ok()?;
    let operation = call.operation().clone();
    let arguments = matches!(message.method(), Some("tools/call" | "prompts/get"))
        .then(|| message.params()?.get("arguments"))
        .flatten()
        .filter(|arguments| !arguments.is_null())
        .and_then(object);
    Some(Asked { id, operation, arguments })
}

/// An object as serde_json has it.
fn object(value: Span<'_>) -> Option<Map<String, Value>> {
    serde_json::from_slice(value.raw()).ok()
}

/// What rmcp makes of a request, of those that ask for something that grants speak of.
#[must_use]
pub fn read_by_rmcp(data: &[u8]) -> Option<Asked> {
    let request = match serde_json::from_slice::<ClientJsonRpcMessage>(data).ok()? {
        JsonRpcMessage::Request(request) => request,
        JsonRpcMessage::Response(_) | JsonRpcMessage::Notification(_) | JsonRpcMessage::Error(_) => {
            return None;
        }
    };
    let id = match &request.id {
        NumberOrString::Number(number) => Id::Number(*number),
        NumberOrString::String(text) => Id::String(text.to_string()),
    };
    let mut arguments = None;
    #[allow(clippy::wildcard_enum_match_arm, reason = "rmcp knows extensions that no grant speaks of")]
    let operation = match request.request {
        ClientRequest::CallToolRequest(call) => {
            arguments = call.params.arguments;
            Operation::Tool { name: call.params.name.into_owned() }
        }
        ClientRequest::GetPromptRequest(get) => {
            arguments = get.params.arguments;
            Operation::Prompt { name: get.params.name }
        }
        ClientRequest::ReadResourceRequest(read) => Operation::Resource { uri: read.params.uri },
        ClientRequest::SubscribeRequest(subscribe) => Operation::Resource { uri: subscribe.params.uri },
        ClientRequest::UnsubscribeRequest(end) => Operation::Resource { uri: end.params.uri },
        ClientRequest::CompleteRequest(complete) => match complete.params.r#ref {
            Reference::Resource(resource) => Operation::Resource { uri: resource.uri },
            Reference::Prompt(prompt) => Operation::Prompt { name: prompt.name },
            _ => return None,
        },
        ClientRequest::ListToolsRequest(_) => Operation::List(ListKind::Tools),
        ClientRequest::ListPromptsRequest(_) => Operation::List(ListKind::Prompts),
        ClientRequest::ListResourcesRequest(_) => Operation::List(ListKind::Resources),
        ClientRequest::ListResourceTemplatesRequest(_) => Operation::List(ListKind::ResourceTemplates),
        _ => return None,
    };
    Some(Asked { id, operation, arguments })
}

/// The envelope as serde_json has it, which takes the last of two members.
fn envelope(message: &Message) {
    let Ok(seen) = serde_json::from_slice::<Value>(message.bytes()) else { return };
    let has = |member: &str| seen.get(member).is_some();
    assert_eq!(seen["jsonrpc"], "2.0");
    assert_eq!(seen["method"].as_str(), message.method());
    let id = message.id().map(|id| match id {
        Id::Number(number) => Value::from(*number),
        Id::String(text) => Value::from(text.as_str()),
    });
    assert!(seen.get("id").filter(|id| !id.is_null()) == id.as_ref());
    let expected = match message.form() {
        Form::Request { .. } => (true, true, false, false),
        Form::Notification { .. } => (false, true, false, false),
        Form::Response { .. } => (true, false, true, false),
        Form::Error { id } => (id.is_some(), false, false, true),
    };
    assert_eq!((id.is_some(), has("method"), has("result"), has("error")), expected);
    assert_eq!(message.params().is_some(), has("method") && has("params"));
}
