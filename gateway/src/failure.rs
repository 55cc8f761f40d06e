//! Everything that can end a call other than an answer of the upstream: one table from cause to reply.
//!
//! A failure has two messages: [`Failure::answer`] is for the client and leaks nothing of the inside; the log
//! and the record have the cause. Each variant is one line in `docs/errors.md`.

use http::StatusCode;
use lychgate_gateway_mcp::headers::HeaderMismatch;
use lychgate_gateway_mcp::message::{MessageError, codes};
use lychgate_gateway_mcp::revision::{Revision, names_modern_era};
use lychgate_gateway_mcp::task::EXTENSION;
use lychgate_gateway_policy::limit::Over;
use lychgate_gateway_policy::{Denial, DenialReason, Operation};

use crate::approval::refusal::Refusal;
use crate::caller::Unauthenticated;
use crate::fault::Fault;
use crate::open::MAXIMUM_STREAMS;

/// Codes of Lychgate's own lie outside of those that JSON-RPC reserves (-32768 to -32000): the HTTP status
/// below this number, so that 503 is -31503.
const OWN_CODES: i64 = -31_000;

/// Why there is no answer of the upstream to relay.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The path is not `/<connection>/mcp`, or no such connection is served here.
    #[error("no such connection")]
    NoConnection,
    /// There is no configuration that can be enforced.
    #[error("no readable policy: {0}")]
    NoPolicy(String),
    /// The `Host` header names a host that the connection does not have.
    #[error("host not allowed")]
    Host,
    /// The `Origin` header names a page that the connection does not have (DNS rebinding).
    #[error("origin not allowed")]
    Origin,
    /// The HTTP method is not one of the protocol's.
    #[error("method not allowed")]
    Method,
    /// The server speaks the transport of MCP 2024-11-05, and the client another.
    #[error("the server speaks HTTP+SSE")]
    EventStreamOnly,
    /// The body is not declared as JSON.
    #[error("unsupported media type")]
    MediaType,
    /// The client accepts neither JSON nor an event stream.
    #[error("not acceptable")]
    NotAcceptable,
    /// A token stands in the query string, where logs would keep it.
    #[error("token in the query string")]
    TokenInQuery,
    /// No caller.
    #[error("unauthenticated: {0}")]
    Unauthenticated(#[from] Unauthenticated),
    /// The body is larger than the connection allows.
    #[error("message larger than {limit} bytes")]
    TooLarge {
        /// The connection's limit, in bytes.
        limit: u64,
    },
    /// The body did not arrive whole or in time.
    #[error("the body did not arrive")]
    Incomplete,
    /// The body is no MCP message.
    #[error("malformed: {0}")]
    Malformed(MessageError),
    /// A parameter that names the call's target is missing.
    #[error("params: {0}")]
    Target(String),
    /// Headers and body disagree.
    #[error("header mismatch: {0}")]
    Headers(HeaderMismatch),
    /// The revision is not one that this gateway relays.
    #[error("unsupported protocol version")]
    Revision {
        /// What the client asked for.
        requested: String,
    },
    /// The caller asks for more than he may.
    #[error(transparent)]
    Limited(Over),
    /// The session is unknown, foreign or over.
    #[error("no such session")]
    Session,
    /// The stream cannot be resumed after that event.
    #[error("no such event")]
    Event,
    /// The caller has as many streams open as he may.
    #[error("too many open streams")]
    TooManyStreams,
    /// A call of a batch waits for approval.
    #[error("a call of a batch waits for approval")]
    AskedInBatch,
    /// Policy says no.
    #[error("denied: {reason:?}")]
    Denied {
        /// Why.
        reason: DenialReason,
        /// What was asked for.
        operation: Operation,
        /// What the caller is told, where the reason alone would not help him.
        sentence: Option<String>,
    },
    /// The call waits for approval, or does not get it.
    #[error(transparent)]
    Approval(#[from] Refusal),
    /// The record cannot be written, and what is not recorded does not happen.
    #[error("the record cannot be written")]
    Recorder,
    /// The call was made, but its answer cannot be recorded and is therefore not shown.
    #[error("the answer cannot be recorded")]
    AnswerUnrecorded,
    /// A client answers in a revision in which servers ask nothing that way.
    #[error("an answer that the revision does not have")]
    UnaskedAnswer,
    /// The credential is missing or unusable.
    #[error("credential: {0}")]
    Credential(String),
    /// The credential's Secret does not name the upstream's host.
    #[error("the Secret {secret} does not allow the upstream's host")]
    HostNotAllowed {
        /// The Secret.
        secret: String,
    },
    /// The upstream is at fault.
    #[error(transparent)]
    Upstream(#[from] Fault),
}

/// How a failure is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON-RPC code.
    pub code: i64,
    /// What the client is told.
    pub text: String,
    /// The error's `data`, as JSON.
    pub data: Option<String>,
}

impl Failure {
    /// The failure of what is denied for a reason that needs no further words.
    #[must_use]
    pub fn denied(reason: DenialReason, operation: Operation) -> Self {
        Self::Denied { reason, operation, sentence: None }
    }

    /// When the client shall try again, in seconds, where the failure itself says so.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        if let Self::Limited(over) = self { Some(over.retry_after_seconds()) } else { None }
    }

    /// Whether it is told as the result of a tool, which models read, where a tool was called.
    #[must_use]
    pub fn is_for_models(&self) -> bool {
        matches!(self, Self::Approval(_) | Self::AskedInBatch | Self::Denied { sentence: Some(_), .. })
    }

    /// The stable name, as records and metrics show it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoConnection => "NoConnection",
            Self::NoPolicy(_) => "NoPolicy",
            Self::Host => "HostRefused",
            Self::Origin => "OriginRefused",
            Self::Method => "MethodNotAllowed",
            Self::EventStreamOnly => "EventStreamOnly",
            Self::MediaType => "UnsupportedMediaType",
            Self::NotAcceptable => "NotAcceptable",
            Self::TokenInQuery => "TokenInQuery",
            Self::Unauthenticated(reason) => reason.as_str(),
            Self::TooLarge { .. } => "MessageTooLarge",
            Self::Incomplete => "MessageIncomplete",
            Self::Malformed(_) => "MessageMalformed",
            Self::Target(_) => "TargetMissing",
            Self::Headers(_) => "HeaderMismatch",
            Self::Revision { .. } => "RevisionUnsupported",
            Self::Limited(Over::PerMinute { .. }) => "TooManyCalls",
            Self::Limited(Over::AtOnce) => "TooManyAtOnce",
            Self::Session => "SessionUnknown",
            Self::Event => "EventUnknown",
            Self::TooManyStreams => "TooManyStreams",
            Self::AskedInBatch => "AskedInBatch",
            Self::Denied { reason, .. } => reason.as_str(),
            Self::Approval(refusal) => refusal.as_str(),
            Self::Recorder => "RecordUnavailable",
            Self::AnswerUnrecorded => "AnswerUnrecorded",
            Self::UnaskedAnswer => "UnaskedAnswer",
            Self::Credential(_) => "CredentialUnavailable",
            Self::HostNotAllowed { .. } => "HostNotAllowed",
            Self::Upstream(fault) => fault.as_str(),
        }
    }

    /// How the failure is answered. `modern` is whether the request is of MCP 2026-07-28, which gives some
    /// JSON-RPC errors an HTTP status of their own.
    #[must_use]
    pub fn answer(&self, modern: bool) -> Answer {
        match self {
            Self::NoConnection => own(404, "No such MCP connection; the path is /<connection>/mcp"),
            Self::NoPolicy(_) => own(
                503,
                "This gateway has no policy that it could enforce, and refuses every call until it has one",
            ),
            Self::Host => own(403, "The Host header names no host of this connection"),
            Self::Origin => own(403, "The Origin header names no origin of this connection"),
            Self::Method => own(405, "Use POST, GET or DELETE"),
            Self::EventStreamOnly => own(
                405,
                "This MCP server speaks HTTP+SSE (MCP 2024-11-05): open its event stream here with GET",
            ),
            Self::MediaType => own(415, "Send Content-Type: application/json"),
            Self::NotAcceptable => {
                own(406, "Send Accept: application/json, text/event-stream (for GET: text/event-stream)")
            }
            Self::TokenInQuery => own(400, "Send the token in the Authorization header, never in the URL"),
            Self::Unauthenticated(reason) => own(unauthenticated_status(reason), reason.to_string()),
            Self::TooLarge { limit } => own(413, format!("The message is larger than {limit} bytes")),
            Self::Incomplete => own(408, "The message did not arrive whole and in time"),
            Self::Malformed(error) => Answer::new(400, error.code(), error.public_message()),
            Self::Target(text) => Answer::new(
                if modern { 400 } else { 200 },
                codes::INVALID_PARAMS,
                format!("Invalid params: {text}"),
            ),
            Self::Headers(mismatch) => Answer::new(400, mismatch.code(), mismatch.to_string()),
            Self::Revision { requested } => unsupported(requested),
            Self::AnswerUnrecorded => own(
                502,
                "The call was made, but its answer cannot be recorded and is withheld; do not just repeat it",
            ),
            Self::UnaskedAnswer => Answer::new(
                400,
                codes::INVALID_REQUEST,
                "MCP 2026-07-28 has no answers of clients; put inputResponses into the repeated request",
            ),
            Self::Limited(over) => limited(*over),
            Self::Session => {
                own(404, "No such session; begin a new one: send initialize, or open the event stream anew")
            }
            Self::Event => own(400, "No such event; open the stream without Last-Event-ID"),
            Self::TooManyStreams => {
                own(429, format!("You have {MAXIMUM_STREAMS} open streams here; close one"))
            }
            Self::AskedInBatch => own(
                400,
                "Not sent: this call waits for approval. Send it in a request of its own, not in a batch",
            ),
            Self::Denied { reason, operation, sentence } => {
                let answer = denied(*reason, operation, modern);
                Answer { text: sentence.clone().unwrap_or(answer.text), ..answer }
            }
            Self::Approval(refusal) => own(refusal.status(), refusal.text()),
            Self::Recorder => {
                own(503, "The call cannot be recorded at this moment and was not made; try again")
            }
            Self::Credential(_) | Self::HostNotAllowed { .. } => {
                own(502, "The gateway's credential for this server is not usable; its operators can see why")
            }
            Self::Upstream(fault) => own(fault.status(), fault.public_message()),
        }
    }
}

/// The words of servers for a target that does not exist.
fn not_there(operation: &Operation, modern: bool) -> Answer {
    match operation {
        Operation::Tool { name } => Answer::new(200, codes::INVALID_PARAMS, format!("Unknown tool: {name}")),
        Operation::Prompt { name } => {
            Answer::new(200, codes::INVALID_PARAMS, format!("Unknown prompt: {name}"))
        }
        Operation::Resource { uri } => {
            // MCP 2026-07-28 has no code of its own for this any more.
            let code = if modern { codes::INVALID_PARAMS } else { codes::RESOURCE_NOT_FOUND };
            Answer::new(200, code, format!("Resource not found: {uri}"))
        }
        // What may not be asked about any more looks like what never was.
        Operation::Task { .. } | Operation::UnknownTask { .. } => unknown_task(),
        Operation::Listen { .. }
        | Operation::List(_)
        | Operation::Protocol { .. }
        | Operation::Answer
        | Operation::Unknown { .. } => Answer::new(200, codes::INVALID_PARAMS, "Not granted to you"),
    }
}

impl From<&Denial> for Failure {
    fn from(denial: &Denial) -> Self {
        Self::Denied {
            reason: denial.reason(),
            operation: denial.call().operation().clone(),
            sentence: denial.sentence().map(str::to_owned),
        }
    }
}

impl Answer {
    fn new(status: u16, code: i64, text: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, text: text.into(), data: None }
    }
}

/// A revision that is not relayed. The code of MCP 2026-07-28 tells a client that this is a server of its era, so
/// only who asks for that era gets it.
fn unsupported(requested: &str) -> Answer {
    let text = "Unsupported MCP-Protocol-Version; this gateway relays 2024-11-05 to 2026-07-28";
    if !names_modern_era(requested) {
        return own(400, text);
    }
    let modern: Vec<&str> = Revision::ALL
        .iter()
        .filter(|revision| revision.is_modern())
        .map(|revision| revision.as_str())
        .collect();
    let data = serde_json::json!({ "supported": modern, "requested": requested });
    Answer { data: Some(data.to_string()), ..Answer::new(400, codes::UNSUPPORTED_PROTOCOL_VERSION, text) }
}

/// What is over a limit, with the time to wait in words for models and in `data` for programs.
fn limited(over: Over) -> Answer {
    let seconds = over.retry_after_seconds();
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let text = match over {
        Over::PerMinute { .. } => format!(
            "You have sent as many messages as this connection takes from you in a minute. This one was not passed on; \
             send it again in {seconds} {unit}"
        ),
        Over::AtOnce => {
            "You have as many calls under way as this connection takes from you at once. This one was not \
                         made; send it again when one of them has ended"
                .to_owned()
        }
    };
    let data = serde_json::json!({ "retryAfterSeconds": seconds });
    Answer { data: Some(data.to_string()), ..own(429, text) }
}

/// An answer whose code follows from its status.
fn own(status: u16, text: impl Into<String>) -> Answer {
    Answer::new(status, OWN_CODES - i64::from(status), text)
}

/// A token that cannot be checked is not a wrong one: the client shall try again, not log in anew.
fn unauthenticated_status(reason: &Unauthenticated) -> u16 {
    match reason {
        Unauthenticated::KeysUnavailable => 503,
        // RFC 6750, section 3.1: a malformed request.
        Unauthenticated::MalformedHeader => 400,
        Unauthenticated::MissingToken
        | Unauthenticated::MalformedToken
        | Unauthenticated::Algorithm
        | Unauthenticated::TokenType
        | Unauthenticated::UnknownIssuer
        | Unauthenticated::UnknownKey
        | Unauthenticated::Signature
        | Unauthenticated::Expired
        | Unauthenticated::NotYetValid
        | Unauthenticated::Audience
        | Unauthenticated::NoUsername
        | Unauthenticated::UnverifiedEmail
        | Unauthenticated::TooManyGroups
        | Unauthenticated::MalformedGroups
        | Unauthenticated::NotServiceAccount => 401,
    }
}

/// What is not granted looks like what does not exist, in the words that servers use for it.
fn denied(reason: DenialReason, operation: &Operation, modern: bool) -> Answer {
    match reason {
        DenialReason::NoAccess => own(403, "Nothing on this connection is granted to you"),
        DenialReason::Unmaskable => {
            own(400, "The message cannot be masked as this connection demands, and was not sent")
        }
        DenialReason::ValueBlocked => own(403, "The policy of this connection blocks this request"),
        DenialReason::Suspended => {
            own(503, "This connection is suspended; nothing passes until it is resumed")
        }
        DenialReason::RequiredPolicyMissing => own(
            503,
            "This connection lacks a policy that its gateway requires; nothing passes until it has one",
        ),
        DenialReason::NoCommonApprover => {
            own(403, "Several ApprovalPolicies hold for this call, and nobody may approve by each of them")
        }
        DenialReason::RequesterUnmapped => own(
            403,
            "This call waits for approval, and your token does not say who you are at the API server",
        ),
        DenialReason::Unanswerable => {
            own(400, "This call waits for approval; send it as a request with an id, not as a notification")
        }
        DenialReason::CommandDenied
        | DenialReason::CommandNotAllowed
        | DenialReason::CommandUnreadable
        | DenialReason::UnknownTool
        | DenialReason::NoApprovers
        | DenialReason::MaskedValueInRequest
        | DenialReason::ConditionError
        | DenialReason::CredentialConflict => own(403, "The rules of this connection do not allow this call"),
        DenialReason::UnknownToken => {
            own(400, "A [TOKEN:…] in this call stands for no value in this session")
        }
        DenialReason::ConditionUnmet => {
            own(403, "You may use this under conditions that these arguments do not meet; send others")
        }
        DenialReason::UnknownMethod => {
            Answer::new(if modern { 404 } else { 200 }, codes::METHOD_NOT_FOUND, "Method not found")
        }
        DenialReason::ToolChanged => own(403, "The server has changed this tool since people looked at it"),
        DenialReason::UnknownTask => unknown_task(),
        DenialReason::TasksUndeclared => {
            let required = serde_json::json!({"requiredCapabilities": {"extensions": {EXTENSION: {}}}});
            let text = "Missing required client capability: io.modelcontextprotocol/tasks";
            let answer = Answer::new(400, codes::MISSING_REQUIRED_CLIENT_CAPABILITY, text);
            Answer { data: Some(required.to_string()), ..answer }
        }
        DenialReason::NoGrant | DenialReason::ToolNotPinned | DenialReason::ToolNotListed => {
            not_there(operation, modern)
        }
    }
}

/// Tasks, Error Handling (SEP-2663, and MCP 2025-11-25).
fn unknown_task() -> Answer {
    Answer::new(200, codes::INVALID_PARAMS, "Unknown task")
}

#[cfg(test)]
mod tests;
