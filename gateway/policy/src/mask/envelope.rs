//! Masking a whole message: which of its members belong to the protocol, and which are data.
//!
//! What a client must give back as it came, or finds its way by, stays: see [`Region`]. Everything else is
//! masked, and what is not known counts as data. The table follows the schemas of MCP 2025-03-26 to
//! 2026-07-28; `docs/masking.md` lists for users what stays.

use lychgate_gateway_mcp::json::{Edits, Kind, Member, Value, quote};

use super::base64;
use super::document::{Names, Spot, label};
use super::text::{Masker, Place};
use super::{Audience, Context};
use crate::call::{ListKind, Operation};
use crate::config::Direction;

/// What a part of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Region {
    /// The message itself.
    Message,
    /// `params` of a request or notification, of the message or of one of `inputRequests`.
    Params,
    /// `result`.
    Result,
    /// `error`.
    Error,
    /// What the protocol defines, without names to keep: texts are masked, names of members mean nothing to
    /// rules.
    Envelope,
    /// A tool, prompt, or argument of a prompt, whose name the client must give back.
    Definition,
    /// `_meta`: data, but for what the protocol keeps there.
    Meta,
    /// A JSON Schema: only its descriptions, examples and defaults are text.
    Schema,
    /// Members named by a schema's author, each a schema.
    SchemaMembers,
    /// Members named by the sender, whom the answer must name the same (`inputRequests`, MCP 2026-07-28).
    Named,
    /// A document of its own, where paths begin.
    Document,
    /// Data that is no document: only names of members and values count.
    Loose,
    /// Base64 of an image, a sound or a file.
    Binary,
    /// What must stay as it came: identifiers, cursors, targets. Only known credentials are masked here.
    Handle,
}

/// What about the message decides how it is read.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// It goes to the server, or went there: names of tools and prompts are what is called.
    is_call: bool,
    /// It is on its way to the server: URIs are what is read. In a record they are text.
    is_sent: bool,
    /// It may be the answer to `tools/list` or `prompts/list`.
    may_define: bool,
    /// It may say how a task does, with the result of the task within.
    may_tell: bool,
}

/// Members of `params` that the protocol knows and that hold text or further parts of the protocol.
const PARAMS: [&str; 45] = [
    "_meta",
    "argument",
    "capabilities",
    "clientInfo",
    "context",
    "createdAt",
    "cursor",
    "elicitationId",
    "includeContext",
    "inputRequests",
    "inputResponses",
    "lastUpdatedAt",
    "level",
    "logger",
    "maxTokens",
    "message",
    "messages",
    "mode",
    "modelPreferences",
    "name",
    "notifications",
    "pollInterval",
    "pollIntervalMs",
    "progress",
    "progressToken",
    "protocolVersion",
    "reason",
    "ref",
    "requestId",
    "requestState",
    "requestedSchema",
    "status",
    "statusMessage",
    "stopSequences",
    "systemPrompt",
    "task",
    "taskId",
    "temperature",
    "toolChoice",
    "tools",
    "total",
    "ttl",
    "ttlMs",
    "uri",
    "url",
];

/// Members of `result` that the protocol knows, likewise.
const RESULT: [&str; 38] = [
    "_meta",
    "action",
    "cacheScope",
    "capabilities",
    "completion",
    "content",
    "contents",
    "createdAt",
    "description",
    "inputRequests",
    "instructions",
    "isError",
    "lastUpdatedAt",
    "messages",
    "model",
    "nextCursor",
    "pollInterval",
    "pollIntervalMs",
    "prompts",
    "protocolVersion",
    "requestState",
    "resourceTemplates",
    "resources",
    "resultType",
    "role",
    "roots",
    "serverInfo",
    "status",
    "statusMessage",
    "stopReason",
    "structuredContent",
    "supportedVersions",
    "task",
    "taskId",
    "tasks",
    "tools",
    "ttl",
    "ttlMs",
];

/// Members of the protocol whose values are words of it, or times: what rules describe themselves is not looked for in
/// them.
const WORDS: [&str; 20] = [
    "action",
    "audience",
    "cacheScope",
    "createdAt",
    "includeContext",
    "lastModified",
    "lastUpdatedAt",
    "level",
    "mimeType",
    "mode",
    "protocolVersion",
    "resultType",
    "role",
    "sizes",
    "status",
    "stopReason",
    "supportedVersions",
    "taskSupport",
    "theme",
    "type",
];

/// Types of content blocks: an object without one of them under `content` is a filled form.
const BLOCK_TYPES: [&str; 7] =
    ["text", "image", "audio", "resource", "resource_link", "tool_use", "tool_result"];

impl Masker<'_> {
    /// Collects what changes in a message.
    pub(super) fn message(&mut self, root: Value<'_>, context: &Context<'_>, edits: &mut Edits) {
        let is_call = context.direction == Direction::Request;
        let reading = Reading {
            is_call,
            is_sent: is_call && !matches!(context.audience, Audience::Record),
            may_define: may_define(context.operation),
            may_tell: may_tell(context.operation),
        };
        self.part(root, Region::Message, "", reading, edits);
    }

    fn part(&mut self, value: Value<'_>, region: Region, label: &str, reading: Reading, edits: &mut Edits) {
        // What a document is may be masked because of its place.
        if !self.may_change(value) && (self.prunes() || region != Region::Document) {
            return;
        }
        if region == Region::Document {
            self.document(value, label, None, edits);
            return;
        }
        match value.kind() {
            Kind::Object => self.members(value, region, reading, edits),
            Kind::Array => {
                let noted = match trust(region) {
                    Trust::Text => self.carry(value, Place { label, ..Place::default() }),
                    Trust::Handle | Trust::Binary => Vec::new(),
                };
                for (index, item) in value.items().enumerate() {
                    self.at_item(index);
                    self.part(item, region, label, reading, edits);
                    self.leave();
                }
                self.forget(&noted);
            }
            Kind::String => {
                self.is_word = WORDS.contains(&label);
                let text = || value.text().unwrap_or_default();
                let masked = match trust(region) {
                    Trust::Text => self.string_of(value, label, &Spot::default(), None),
                    Trust::Handle => self.handle(&text()),
                    Trust::Binary => self.binary(&text(), label),
                };
                self.is_word = false;
                if let Some(masked) = masked {
                    edits.replace(value.span(), quote(&masked));
                }
            }
            Kind::Number => {
                let spelled = String::from_utf8_lossy(value.raw());
                self.is_word = true;
                let masked = match trust(region) {
                    Trust::Text => self.number(&spelled, Place { label, ..Place::default() }, None),
                    Trust::Handle | Trust::Binary => None,
                };
                self.is_word = false;
                if let Some(masked) = masked {
                    edits.replace(value.span(), masked);
                }
            }
            Kind::Null | Kind::Bool => {}
        }
    }

    fn members(&mut self, object: Value<'_>, region: Region, reading: Reading, edits: &mut Edits) {
        let mut names = Names::of(object);
        for member in object.members() {
            if !self.may_change_member(member) {
                continue;
            }
            let name = member.key.text().unwrap_or_default();
            let inside = region_of(region, object, &name, member, reading);
            if inside == Region::Loose {
                self.member(member, &Spot::default(), &mut names, edits);
                continue;
            }
            self.is_word = true;
            let renamed = match trust(region) {
                Trust::Text => self.name(&name, &[], &mut names),
                Trust::Handle | Trust::Binary => self.handle(&name).map(|masked| names.unique(masked)),
            };
            self.is_word = false;
            if let Some(renamed) = &renamed {
                edits.replace(member.key.span(), quote(renamed));
            }
            self.at_member(renamed.as_deref().unwrap_or(&name));
            self.part(member.value, inside, &label(&name, renamed.as_deref()), reading, edits);
            self.leave();
        }
        names.drop_from(edits);
    }

    /// Binary content passes, but for known credentials: one of those makes the whole of it a mask, for a
    /// part of it cannot be replaced. A text in base64 is masked inside; what is no base64 is no binary content
    /// but text.
    fn binary(&mut self, text: &str, label: &str) -> Option<String> {
        if self.has_known(text) {
            return Some(base64::encode(b"[REDACTED:credential]"));
        }
        let content = text.trim_end_matches('=');
        if content.bytes().all(base64::is_base64) {
            let place = Place { label, ..Place::default() };
            self.rewritten(text, std::slice::from_ref(&(0..text.len())), place)
                .into_iter()
                .find(|whole| whole.range == (0..text.len()))
                .map(|whole| whole.text)
        } else {
            self.string(text, label, &Spot::default(), None)
        }
    }
}

/// How far the texts of a region, and the names of its members, may be changed.
enum Trust {
    Text,
    Handle,
    Binary,
}

fn trust(region: Region) -> Trust {
    match region {
        Region::Message
        | Region::Params
        | Region::Result
        | Region::Error
        | Region::Envelope
        | Region::Definition
        | Region::Meta
        | Region::Document
        | Region::Loose => Trust::Text,
        Region::Schema | Region::SchemaMembers | Region::Named | Region::Handle => Trust::Handle,
        Region::Binary => Trust::Binary,
    }
}

/// Whether an answer to `operation` may hold definitions of tools and prompts; to an unknown one it may.
fn may_define(operation: Option<&Operation>) -> bool {
    match operation {
        None | Some(Operation::List(ListKind::Tools | ListKind::Prompts)) => true,
        Some(
            Operation::List(ListKind::Resources | ListKind::ResourceTemplates)
            | Operation::Tool { .. }
            | Operation::Resource { .. }
            | Operation::Prompt { .. }
            | Operation::Task { .. }
            | Operation::UnknownTask { .. }
            | Operation::Listen { .. }
            | Operation::Protocol { .. }
            | Operation::Answer
            | Operation::Unknown { .. },
        ) => false,
    }
}

/// Whether a message about `operation` may say how a task does; one about an unknown operation may.
fn may_tell(operation: Option<&Operation>) -> bool {
    match operation {
        None | Some(Operation::Task { .. }) => true,
        Some(
            Operation::Tool { .. }
            | Operation::Resource { .. }
            | Operation::Prompt { .. }
            | Operation::UnknownTask { .. }
            | Operation::Listen { .. }
            | Operation::List(_)
            | Operation::Protocol { .. }
            | Operation::Answer
            | Operation::Unknown { .. },
        ) => false,
    }
}

/// What the member `name` of `object` is, in a region.
fn region_of(region: Region, object: Value<'_>, name: &str, member: Member<'_>, reading: Reading) -> Region {
    match region {
        Region::Message => match name {
            "jsonrpc" | "id" | "method" => Region::Handle,
            "params" => Region::Params,
            "result" => Region::Result,
            "error" => Region::Error,
            _ => Region::Loose,
        },
        Region::Error => match name {
            "code" => Region::Handle,
            "message" => Region::Envelope,
            "data" => Region::Document,
            _ => Region::Loose,
        },
        Region::Params | Region::Result if reading.may_tell && is_outcome(name, member) => {
            if name == "error" { Region::Error } else { Region::Result }
        }
        Region::Params => match name {
            "name" if reading.is_call => Region::Handle,
            "uri" | "ref" | "notifications" if reading.is_sent => Region::Handle,
            "tools" => Region::Definition,
            "data" | "metadata" => Region::Document,
            _ => known_or_loose(envelope_region(object, name, member), name, &PARAMS),
        },
        Region::Result => match name {
            "tools" | "prompts" if reading.may_define => Region::Definition,
            _ => known_or_loose(envelope_region(object, name, member), name, &RESULT),
        },
        Region::Definition => match name {
            "name" => Region::Handle,
            "arguments" => Region::Definition,
            _ => envelope_region(object, name, member),
        },
        Region::Meta => match name {
            // The id of the request that began a stream (MCP 2026-07-28).
            "progressToken" | "io.modelcontextprotocol/subscriptionId" => Region::Handle,
            _ if name.starts_with("io.modelcontextprotocol/") => Region::Envelope,
            _ => Region::Loose,
        },
        Region::Schema => schema_region(name, member),
        Region::SchemaMembers => Region::Schema,
        Region::Envelope | Region::Named => envelope_region(object, name, member),
        Region::Document | Region::Loose | Region::Binary | Region::Handle => region,
    }
}

/// Whether a member of what tells of a task is the task's own result or error.
fn is_outcome(name: &str, member: Member<'_>) -> bool {
    matches!(name, "result" | "error") && member.value.kind() == Kind::Object
}

/// What the protocol does not know is data.
fn known_or_loose(region: Region, name: &str, known: &[&str]) -> Region {
    if region == Region::Envelope && !known.contains(&name) { Region::Loose } else { region }
}

/// What a member is wherever the protocol has it.
fn envelope_region(object: Value<'_>, name: &str, member: Member<'_>) -> Region {
    let has_type = |wanted: &[&str]| {
        let kind = object.get("type").and_then(Value::text);
        kind.is_some_and(|kind| wanted.contains(&kind.as_ref()))
    };
    match name {
        "structuredContent" | "arguments" | "input" => Region::Document,
        "params" => Region::Params,
        "_meta" => Region::Meta,
        "data" if has_type(&["image", "audio"]) => Region::Binary,
        "data" => Region::Document,
        "blob" => Region::Binary,
        "content" if is_form(member.value) => Region::Document,
        "inputSchema" | "outputSchema" | "requestedSchema" => Region::Schema,
        "inputRequests" | "inputResponses" => Region::Named,
        "id" | "name" if has_type(&["tool_use"]) => Region::Handle,
        "cursor" | "nextCursor" | "progressToken" | "requestId" | "requestState" | "taskId" | "toolUseId"
        | "taskIds" | "elicitationId" => Region::Handle,
        _ => Region::Envelope,
    }
}

/// Whether `content` is what a person filled in (`elicitation/create`), and not a block of content.
fn is_form(content: Value<'_>) -> bool {
    let kind = content.get("type").and_then(Value::text);
    content.kind() == Kind::Object && !kind.is_some_and(|kind| BLOCK_TYPES.contains(&kind.as_ref()))
}

fn schema_region(name: &str, member: Member<'_>) -> Region {
    match name {
        "title" | "description" | "$comment" if member.value.kind() == Kind::String => Region::Envelope,
        "default" | "examples" => Region::Envelope,
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => {
            Region::SchemaMembers
        }
        "enum" | "const" => Region::Handle,
        _ => Region::Schema,
    }
}
