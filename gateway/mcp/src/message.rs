//! JSON-RPC 2.0 messages as MCP narrows them: which of the four forms a document has, and building
//! the few messages that a gateway says itself.
//!
//! The envelope is checked, its unknown members are let through, and everything inside `params`,
//! `result` and `error.data` is left to the reader. Which methods exist, and who may call them, is
//! not known here.

mod batch;
mod build;
pub mod codes;

use std::fmt;

use bytes::Bytes;

use crate::json::{Document, JsonError, Kind, Limits, Value, quote};

pub use batch::{MAXIMUM_BATCH, check_batch, is_batch};
pub use build::{error_response, notification, request, response, tool_error};

/// One message and the bytes it came as. Cloning copies no text but the method's and the id's.
#[derive(Debug, Clone)]
pub struct Message {
    document: Document,
    form: Form,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Asks for an answer.
    Request {
        /// What the answer will carry.
        id: Id,
        /// What is asked for.
        method: String,
    },
    /// Asks for none.
    Notification {
        /// What is told.
        method: String,
    },
    /// The answer to a request that succeeded.
    Response {
        /// The id of the request.
        id: Id,
    },
    /// The answer to a request that failed.
    Error {
        /// The id of the request, unless the answering side could not read it.
        id: Option<Id>,
    },
}

/// Ties an answer to its request. MCP allows a string or an integer, never `null`
/// (MCP 2025-06-18 and 2026-07-28, Overview, Requests).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// An integer, written without fraction and exponent.
    Number(i64),
    /// A string, escapes resolved.
    String(String),
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// If `bytes` is not JSON within `limits`, is an array, or is no JSON-RPC 2.0 message.
    pub fn parse(bytes: Bytes, limits: Limits) -> Result<Self, MessageError> {
        let document = Document::parse(bytes, limits)?;
        let form = form_of(document.root())?;
        Ok(Self { document, form })
    }

    /// What the message is.
    #[must_use]
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match &self.form {
            Form::Request { method, .. } | Form::Notification { method } => Some(method),
            Form::Response { .. } | Form::Error { .. } => None,
        }
    }

    /// The id of a request, or the id that an answer carries.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match &self.form {
            Form::Request { id, .. } | Form::Response { id } => Some(id),
            Form::Error { id } => id.as_ref(),
            Form::Notification { .. } => None,
        }
    }

    /// The `params` of a request or notification: an object, if there are any.
    #[must_use]
    pub fn params(&self) -> Option<Value<'_>> {
        match self.form {
            Form::Request { .. } | Form::Notification { .. } => self.document.root().get("params"),
            Form::Response { .. } | Form::Error { .. } => None,
        }
    }

    /// The `params._meta` of a request or notification, if it is an object.
    #[must_use]
    pub fn meta(&self) -> Option<Value<'_>> {
        let meta = self.params()?.get("_meta")?;
        (meta.kind() == Kind::Object).then_some(meta)
    }

    /// The `result` of a response.
    #[must_use]
    pub fn result(&self) -> Option<Value<'_>> {
        match self.form {
            Form::Response { .. } => self.document.root().get("result"),
            Form::Request { .. } | Form::Notification { .. } | Form::Error { .. } => None,
        }
    }

    /// The `error` of an error response: an object with `code` and `message`.
    #[must_use]
    pub fn error(&self) -> Option<Value<'_>> {
        match self.form {
            Form::Error { .. } => self.document.root().get("error"),
            Form::Request { .. } | Form::Notification { .. } | Form::Response { .. } => None,
        }
    }

    /// The message as JSON.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The message as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.document.bytes()
    }
}

impl Id {
    /// The id that a value stands for: `id` of a message, `requestId` of a cancellation.
    #[must_use]
    pub fn from_value(value: Value<'_>) -> Option<Self> {
        match value.kind() {
            Kind::Number => value.as_i64().map(Self::Number),
            Kind::String => value.text().map(|text| Self::String(text.into_owned())),
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => None,
        }
    }
}

impl fmt::Display for Id {
    /// Writes the id as JSON, so that `1` and `"1"` differ and no line break reaches a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::String(text) => formatter.write_str(&quote(text)),
        }
    }
}

/// Why a text is no message that this gateway relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The text is not JSON, or is over a limit.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// The text is an array: a batch where none is allowed.
    #[error("the body is a batch")]
    Batch,
    /// A batch has no message, or too many.
    #[error("the batch has no message, or more than {MAXIMUM_BATCH}")]
    BatchSize,
    /// A batch begins a session.
    #[error("the batch has \"initialize\"")]
    BatchInitialize,
    /// A batch has answers beside requests or notifications.
    #[error("the batch has both requests and answers")]
    BatchMixed,
    /// Two messages of a batch have one id.
    #[error("the batch has an id twice")]
    BatchRepeatedId,
    /// The text is a string, number or literal.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// `jsonrpc` is absent or not the string `2.0` (JSON-RPC 2.0 section 4).
    #[error("\"jsonrpc\" is not \"2.0\"")]
    Version,
    /// `method` is not a string (JSON-RPC 2.0 section 4).
    #[error("\"method\" is not a string")]
    Method,
    /// `params` is there and not an object: MCP has no positional parameters.
    #[error("\"params\" is not an object")]
    Params,
    /// `id` is neither a string nor an integer of 64 bits, or an answer has none.
    #[error("\"id\" is neither a string nor an integer")]
    Id,
    /// `error` is not an object with an integer `code` and a string `message`
    /// (JSON-RPC 2.0 section 5.1).
    #[error("\"error\" has no integer \"code\" or no string \"message\"")]
    Error,
    /// More than one of `method`, `result` and `error` is there.
    #[error("the body has more than one of \"method\", \"result\" and \"error\"")]
    Ambiguous,
    /// None of `method`, `result` and `error` is there.
    #[error("the body has none of \"method\", \"result\" and \"error\"")]
    Formless,
}

impl MessageError {
    /// The code to answer with: [`codes::PARSE_ERROR`] or [`codes::INVALID_REQUEST`].
    #[must_use]
    pub const fn code(&self) -> i64 {
        match self {
            Self::Json(_) => codes::PARSE_ERROR,
            Self::Batch
            | Self::BatchSize
            | Self::BatchInitialize
            | Self::BatchMixed
            | Self::BatchRepeatedId
            | Self::NotAnObject
            | Self::Version
            | Self::Method
            | Self::Params
            | Self::Id
            | Self::Error
            | Self::Ambiguous
            | Self::Formless => codes::INVALID_REQUEST,
        }
    }

    /// What is wrong and what to send instead, for the caller; it repeats nothing of the message.
    #[must_use]
    pub fn public_message(&self) -> String {
        let advice = match self {
            Self::Json(JsonError::TooLong { .. }) => "Send a shorter message.",
            Self::Json(JsonError::TooDeep { .. }) => "Send a flatter message.",
            Self::Json(JsonError::DuplicateMember { .. }) => "Send each member once.",
            Self::Json(_) => "Send one JSON value in UTF-8 as RFC 8259 defines it.",
            Self::Batch | Self::BatchInitialize => "Send each message in a request of its own.",
            Self::BatchSize => "Send several smaller batches.",
            Self::BatchMixed => "Send answers in a batch of their own.",
            Self::BatchRepeatedId => "Give each request an id of its own.",
            Self::NotAnObject | Self::Version | Self::Formless => {
                "Send one JSON-RPC 2.0 object with \"jsonrpc\": \"2.0\" and a \"method\"."
            }
            Self::Method => "Send the name of the method as a string.",
            Self::Params => "Send \"params\" as an object, or leave it out.",
            Self::Id => "Send a string or an integer as \"id\".",
            Self::Error => "Send \"error\" with an integer \"code\" and a string \"message\".",
            Self::Ambiguous => "Send exactly one of \"method\", \"result\" and \"error\".",
        };
        format!("Invalid message: {self}. {advice}")
    }
}

fn form_of(root: Value<'_>) -> Result<Form, MessageError> {
    match root.kind() {
        Kind::Object => {}
        Kind::Array => return Err(MessageError::Batch),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => {
            return Err(MessageError::NotAnObject);
        }
    }
    if !root.get("jsonrpc").is_some_and(|value| value.is_text("2.0")) {
        return Err(MessageError::Version);
    }
    let id = root.get("id");
    match (root.get("method"), root.get("result"), root.get("error")) {
        (Some(method), None, None) => call_form(method, root.get("params"), id),
        (None, Some(_), None) => {
            let id = id.and_then(Id::from_value).ok_or(MessageError::Id)?;
            Ok(Form::Response { id })
        }
        (None, None, Some(error)) => error_form(error, id),
        (None, None, None) => Err(MessageError::Formless),
        (Some(_), _, _) | (_, Some(_), _) => Err(MessageError::Ambiguous),
    }
}

fn call_form(
    method: Value<'_>,
    params: Option<Value<'_>>,
    id: Option<Value<'_>>,
) -> Result<Form, MessageError> {
    let method = method.text().ok_or(MessageError::Method)?.into_owned();
    if params.is_some_and(|params| params.kind() != Kind::Object) {
        return Err(MessageError::Params);
    }
    match id {
        None => Ok(Form::Notification { method }),
        Some(id) => {
            let id = Id::from_value(id).ok_or(MessageError::Id)?;
            Ok(Form::Request { id, method })
        }
    }
}

fn error_form(error: Value<'_>, id: Option<Value<'_>>) -> Result<Form, MessageError> {
    let code = error.get("code").and_then(Value::as_i64);
    let message = error.get("message").map(Value::kind);
    if code.is_none() || message != Some(Kind::String) {
        return Err(MessageError::Error);
    }
    // JSON-RPC 2.0 section 5 says null where the id could not be read, MCP leaves it out.
    let id = match id {
        Some(id) if !id.is_null() => Some(Id::from_value(id).ok_or(MessageError::Id)?),
        Some(_) | None => None,
    };
    Ok(Form::Error { id })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, MessageError> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        Message::parse(bytes, Limits::with_bytes(10_000))
    }

    #[test]
    fn given_each_form_when_parsed_then_its_parts_are_found_and_its_bytes_kept() {
        let text = r#"{"id":"a","params":{"_meta":{},"x":1},"method":"m","jsonrpc":"2.0","y":[]}"#;
        let request = parse(text).unwrap();
        assert_eq!(request.method(), Some("m"));
        assert_eq!(request.id(), Some(&Id::String("a".into())));
        assert_eq!(request.params().unwrap().len(), 2);
        assert!(request.meta().unwrap().is_empty());
        assert!(request.result().is_none() && request.error().is_none());
        assert_eq!(request.bytes(), text);

        let notification = parse(r#"{"jsonrpc":"2.0","method":"n"}"#).unwrap();
        let method = "n".to_owned();
        assert_eq!(notification.form(), &Form::Notification { method });
        assert!(notification.id().is_none() && notification.params().is_none());

        let response = parse(r#"{"jsonrpc":"2.0","id":-7,"result":{},"params":{}}"#).unwrap();
        assert_eq!(response.form(), &Form::Response { id: Id::Number(-7) });
        assert!(response.result().unwrap().is_empty());
        assert!(response.method().is_none() && response.params().is_none());

        let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":""}}"#;
        let error = parse(error).unwrap();
        assert_eq!(error.form(), &Form::Error { id: None });
        assert_eq!(error.error().unwrap().len(), 2);
    }

    #[test]
    fn given_a_faulty_envelope_when_parsed_then_the_fault_its_code_and_advice_are_named() {
        use MessageError as Fault;
        let cases = [
            ("[]", Fault::Batch),
            (r#"[{"jsonrpc":"2.0","method":"m"}]"#, Fault::Batch),
            ("null", Fault::NotAnObject),
            ("\"{}\"", Fault::NotAnObject),
            ("7", Fault::NotAnObject),
            ("{}", Fault::Version),
            (r#"{"method":"m"}"#, Fault::Version),
            (r#"{"jsonrpc":2.0,"method":"m"}"#, Fault::Version),
            (r#"{"jsonrpc":"2.00","method":"m"}"#, Fault::Version),
            (r#"{"JSONRPC":"2.0","method":"m"}"#, Fault::Version),
            (r#"{"jsonrpc":"2.0"}"#, Fault::Formless),
            (r#"{"jsonrpc":"2.0","id":1}"#, Fault::Formless),
            (r#"{"jsonrpc":"2.0","Method":"m"}"#, Fault::Formless),
            (r#"{"jsonrpc":"2.0","method":null}"#, Fault::Method),
            (r#"{"jsonrpc":"2.0","method":["m"]}"#, Fault::Method),
            (r#"{"jsonrpc":"2.0","method":"m","params":[]}"#, Fault::Params),
            (r#"{"jsonrpc":"2.0","method":"m","params":null}"#, Fault::Params),
            (r#"{"jsonrpc":"2.0","method":"m","id":null}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","method":"m","id":true}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","method":"m","id":1.5}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","method":"m","id":1e3}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","method":"m","id":{}}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","method":"m","id":99999999999999999999}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","result":{}}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","id":[],"error":{"code":1,"message":""}}"#, Fault::Id),
            (r#"{"jsonrpc":"2.0","id":1,"error":null}"#, Fault::Error),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#, Fault::Error),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#, Fault::Error),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, Fault::Error),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#, Fault::Ambiguous),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m","error":{}}"#, Fault::Ambiguous),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Fault::Ambiguous),
        ];
        for (text, fault) in cases {
            assert_eq!(parse(text).err(), Some(fault), "{text}");
            assert_eq!(fault.code(), codes::INVALID_REQUEST);
            assert!(fault.public_message().ends_with('.'));
        }
    }

    #[test]
    fn given_bad_json_when_parsed_then_the_answer_is_a_parse_error_without_content() {
        let error = parse(r#"{"s3cret":1,"s3cret":2}"#).unwrap_err();
        assert_eq!(error.code(), codes::PARSE_ERROR);
        let expected = "Invalid message: an object has a second member of the same name at byte \
                        12. Send each member once.";
        assert_eq!(error.public_message(), expected);
    }

    #[test]
    fn given_ids_when_shown_then_they_are_json_and_a_number_is_not_its_text() {
        assert_eq!(Id::Number(1).to_string(), "1");
        assert_eq!(Id::String("1\n".into()).to_string(), r#""1\n""#);
        assert_ne!(Id::Number(1), Id::String("1".into()));
    }
}
