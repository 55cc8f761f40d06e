//! Several messages in one array, as MCP 2025-03-26 lets both sides send them.

use bytes::Bytes;

use super::{Form, Message, MessageError, form_of};
use crate::headers::is_modern;
use crate::json::{Document, Kind, Limits, Value};

/// The most messages of one batch.
pub const MAXIMUM_BATCH: usize = 64;

/// Whether a body begins as an array does. It may be none all the same.
#[must_use]
pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

impl Message {
    /// Reads a message, or the messages of a batch, in their order. Only a session that negotiated
    /// 2025-03-26 may have batches ([`crate::revision::Revision::allows_batches`]).
    ///
    /// # Errors
    /// As [`Message::parse`], and if the batch is empty or has more than [`MAXIMUM_BATCH`] messages; one bad
    /// message refuses the whole.
    pub fn parse_batch(bytes: Bytes, limits: Limits) -> Result<Vec<Self>, MessageError> {
        let batch = Document::parse(bytes, limits)?;
        if batch.root().kind() != Kind::Array {
            let form = form_of(batch.root())?;
            let document = batch;
            return Ok(vec![Self { document, form }]);
        }
        if batch.root().is_empty() || batch.root().len() > MAXIMUM_BATCH {
            return Err(MessageError::BatchSize);
        }
        let slice = |item: Value<'_>| batch.bytes().slice(item.span().start..item.span().end);
        let items = batch.root().items();
        items.map(|item| Self::parse(slice(item), limits)).collect()
    }
}

/// Whether a client may send these messages together: requests and notifications, or answers (MCP 2025-03-26,
/// Transports, Sending Messages to the Server), without `initialize` (Lifecycle, Initialization), and without two
/// requests that one answer would fit.
///
/// # Errors
/// The first rule that they break.
pub fn check_batch(messages: &[Message]) -> Result<(), MessageError> {
    let is_answer = |message: &Message| matches!(message.form(), Form::Response { .. } | Form::Error { .. });
    let mut ids = std::collections::BTreeSet::new();
    for message in messages {
        if message.method() == Some("initialize") {
            return Err(MessageError::BatchInitialize);
        }
        if is_modern(None, message) {
            return Err(MessageError::Batch);
        }
        if messages.first().is_some_and(|first| is_answer(first) != is_answer(message)) {
            return Err(MessageError::BatchMixed);
        }
        if message.id().is_some_and(|id| !ids.insert(id)) {
            return Err(MessageError::BatchRepeatedId);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn batch(text: &str) -> Result<Vec<Message>, MessageError> {
        Message::parse_batch(Bytes::copy_from_slice(text.as_bytes()), Limits::with_bytes(10_000))
    }

    #[test]
    fn given_a_batch_when_read_then_each_message_is_its_own_and_one_bad_one_refuses_the_whole() {
        let one = r#"{"jsonrpc":"2.0","method":"a"}"#;
        assert_eq!(batch(one).unwrap().len(), 1);
        let two = r#"[{"jsonrpc":"2.0","method":"a"}, {"jsonrpc":"2.0","id":1,"method":"b"}]"#;
        let messages = batch(two).unwrap();
        let methods: Vec<_> = messages.iter().filter_map(Message::method).collect();
        assert_eq!(methods, ["a", "b"]);
        assert_eq!(messages.first().unwrap().bytes(), one);
        for (text, fault) in [
            ("[]", MessageError::BatchSize),
            ("[[]]", MessageError::Batch),
            ("[1]", MessageError::NotAnObject),
            (r#"[{"jsonrpc":"2.0","method":"a"},{}]"#, MessageError::Version),
        ] {
            assert_eq!(batch(text).err(), Some(fault), "{text}");
        }
        let many = |count: usize| format!("[{}]", vec![one; count].join(","));
        assert_eq!(batch(&many(MAXIMUM_BATCH)).unwrap().len(), MAXIMUM_BATCH);
        assert_eq!(batch(&many(MAXIMUM_BATCH + 1)).err(), Some(MessageError::BatchSize));
    }

    #[test]
    fn given_messages_of_a_client_when_together_then_only_what_can_be_answered_apart_is_taken() {
        let checked = |items: &[&str]| {
            let items: Vec<_> = items.iter().map(|item| format!(r#"{{"jsonrpc":"2.0",{item}}}"#)).collect();
            check_batch(&batch(&format!("[{}]", items.join(","))).unwrap())
        };
        let (ask, tell, answer) = (r#""id":1,"method":"ping""#, r#""method":"n""#, r#""id":1,"result":{}"#);
        let modern =
            r#""id":2,"method":"m","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}"#;
        for (items, expected) in [
            (&[ask, tell, r#""id":"1","method":"ping""#][..], Ok(())),
            (&[answer, r#""id":2,"error":{"code":1,"message":""}"#], Ok(())),
            (&[ask, answer], Err(MessageError::BatchMixed)),
            (&[answer, tell], Err(MessageError::BatchMixed)),
            (&[ask, tell, ask], Err(MessageError::BatchRepeatedId)),
            (&[tell, r#""id":1,"method":"initialize""#], Err(MessageError::BatchInitialize)),
            (&[ask, modern], Err(MessageError::Batch)),
        ] {
            assert_eq!(checked(items), expected, "{items:?}");
        }
    }

    #[test]
    fn given_bodies_when_looked_at_then_those_that_begin_with_a_bracket_are_batches() {
        for (body, expected) in [("[", true), (" \r\n\t[1]", true), ("{}", false), ("", false), ("  ", false)]
        {
            assert_eq!(is_batch(body.as_bytes()), expected, "{body:?}");
        }
    }
}
