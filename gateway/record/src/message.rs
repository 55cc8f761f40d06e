//! A message as the record embeds it: the bytes that were relayed, on one line. Whether they are
//! masked is the caller's duty; this module only keeps a line a line.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Why bytes cannot be embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The bytes are not exactly one JSON value in UTF-8.
    #[error("the message is not one JSON value in UTF-8")]
    NotJson,
}

/// A JSON value, kept byte for byte: order, duplicates, number forms and escapes stay as they were.
///
/// A journal has one line for each entry, so whitespace around the value is dropped, and a value
/// that holds a line feed or carriage return loses all its insignificant whitespace (RFC 8259,
/// section 2); nothing inside a string changes. `null` as a whole message cannot be told from no
/// message when it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Box<RawValue>")]
pub struct Message(Box<str>);

impl Message {
    /// Takes the bytes of one JSON value.
    ///
    /// # Errors
    /// [`MessageError::NotJson`] when they are anything else: the caller then records the entry
    /// without a message and with its count of bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, MessageError> {
        let raw: &RawValue = serde_json::from_slice(bytes).map_err(|_| MessageError::NotJson)?;
        Ok(Self::of_json(raw.get()))
    }

    /// Takes the bytes of one JSON value that a reader of JSON has accepted already, so that they are
    /// not read once more. Nothing but such bytes may come here: others would break the line.
    ///
    /// # Errors
    /// [`MessageError::NotJson`] when they are not UTF-8.
    pub fn accepted(bytes: &[u8]) -> Result<Self, MessageError> {
        debug_assert!(Self::new(bytes).is_ok(), "only what was read as JSON is taken as read");
        let text = str::from_utf8(bytes).map_err(|_| MessageError::NotJson)?;
        Ok(Self::of_json(text.trim_matches([' ', '\t', '\n', '\r'])))
    }

    fn of_json(json: &str) -> Self {
        if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
            Self(json.into())
        } else {
            Self(without_whitespace(json).into())
        }
    }

    /// The JSON text, on one line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Box<RawValue>> for Message {
    fn from(raw: Box<RawValue>) -> Self {
        Self::of_json(raw.get())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Drops JSON's whitespace outside strings. The text must be valid JSON: then a raw line feed can
/// stand only there.
fn without_whitespace(json: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let kept = json.chars().filter(|character| {
        if in_string {
            in_string = escaped || *character != '"';
            escaped = !escaped && *character == '\\';
            return true;
        }
        in_string = *character == '"';
        !matches!(character, ' ' | '\t' | '\n' | '\r')
    });
    kept.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_on_one_line_is_kept_byte_for_byte() {
        for text in [r#"{"b": 1e0,  "a":"\u00e9é", "a":-0}"#, "[]", "1.0", r#""\ud800""#] {
            assert_eq!(Message::new(text.as_bytes()).unwrap().as_str(), text);
            assert_eq!(Message::accepted(text.as_bytes()).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_message_on_several_lines_loses_its_whitespace_outside_strings_alone() {
        let message = Message::new(b"\n{\r\n  \"a b\\\"\\\\\" : [ 1,\t2 ],\n \"c\": \" \\n \" }\n");
        assert_eq!(message.unwrap().as_str(), r#"{"a b\"\\":[1,2],"c":" \n "}"#);
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for bytes in [&b""[..], b"{", b"{}{}", b"\xff", b"\"a\nb\"", b"\xef\xbb\xbf{}", b"nul"] {
            assert_eq!(Message::new(bytes), Err(MessageError::NotJson));
        }
    }

    #[test]
    fn depth_does_not_exhaust_the_stack() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Message::new(deep.as_bytes()).unwrap().as_str(), deep);
    }

    proptest! {
        #[test]
        fn dropping_whitespace_changes_no_value(text in r#"\PC*"#, more in r#"[ -~]*"#) {
            let value = serde_json::json!({ text.clone(): [more, { "t": text }], "n": [1, null] });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let message = Message::new(pretty.as_bytes()).unwrap();
            prop_assert_eq!(message.as_str(), value.to_string());
        }
    }
}
