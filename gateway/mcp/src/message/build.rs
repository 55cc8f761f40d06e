//! The messages that a gateway says itself.
//!
//! They are written as text, because each is small and of a fixed shape. Raw parts are JSON that
//! the caller vouches for.

use bytes::Bytes;

use super::Id;
use crate::json::quote;

/// An error response. `data` is raw JSON. Without an id the member is left out, as MCP asks where
/// the request's id could not be read.
#[must_use]
pub fn error_response(id: Option<&Id>, code: i64, message: &str, data: Option<&str>) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!(r#","id":{id}"#));
    let data = data.map_or_else(String::new, |data| format!(r#","data":{data}"#));
    let message = quote(message);
    Bytes::from(format!(r#"{{"jsonrpc":"2.0"{id},"error":{{"code":{code},"message":{message}{data}}}}}"#))
}

/// A result of `tools/call` that says, in `text`, why the tool did not do what was asked, so that
/// the model can act on it.
///
/// `resultType` is required by 2026-07-28 and an unknown member, which every revision allows, to
/// the ones before.
#[must_use]
pub fn tool_error(id: &Id, text: &str) -> Bytes {
    let text = quote(text);
    let result =
        format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{text}}}],"isError":true}}"#);
    response(id, &result)
}

/// A response. `result` is raw JSON.
#[must_use]
pub fn response(id: &Id, result: &str) -> Bytes {
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#))
}

/// A request. `params` is a raw JSON object.
#[must_use]
pub fn request(id: &Id, method: &str, params: Option<&str>) -> Bytes {
    call(&format!(r#","id":{id}"#), method, params)
}

/// A notification. `params` is a raw JSON object.
#[must_use]
pub fn notification(method: &str, params: Option<&str>) -> Bytes {
    call("", method, params)
}

fn call(id: &str, method: &str, params: Option<&str>) -> Bytes {
    let method = quote(method);
    let params = params.map_or_else(String::new, |params| format!(r#","params":{params}"#));
    Bytes::from(format!(r#"{{"jsonrpc":"2.0"{id},"method":{method}{params}}}"#))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::super::{Form, Message};
    use super::*;
    use crate::json::{Limits, Value};

    fn parse(bytes: Bytes) -> Message {
        Message::parse(bytes, Limits::with_bytes(1000)).unwrap()
    }

    #[test]
    fn given_text_that_needs_quoting_when_built_then_every_message_parses_as_what_it_is() {
        let id = Id::String("\"\n".into());
        let text = "}\"\u{1}\\";

        let call = parse(request(&id, text, Some("{}")));
        let method = text.to_owned();
        assert_eq!(call.form(), &Form::Request { id: id.clone(), method });
        assert!(call.params().is_some());

        let told = parse(notification(text, None));
        assert_eq!((told.method(), told.id()), (Some(text), None));

        let failed = parse(error_response(Some(&id), -5, text, Some("[1]")));
        let error = failed.error().unwrap();
        assert_eq!(failed.id(), Some(&id));
        assert_eq!(error.get("code").and_then(Value::as_i64), Some(-5));
        assert!(error.get("message").unwrap().is_text(text));
        assert_eq!(error.get("data").unwrap().raw(), b"[1]");

        let refused = parse(tool_error(&id, text));
        let result = refused.result().unwrap();
        assert_eq!(result.get("isError").and_then(Value::as_bool), Some(true));
        let content = result.get("content").and_then(|content| content.items().next());
        assert!(content.unwrap().get("text").unwrap().is_text(text));
    }

    #[test]
    fn given_no_id_when_an_error_is_built_then_the_member_is_left_out() {
        let expected = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"No."}}"#;
        assert_eq!(error_response(None, -32700, "No.", None), expected);
    }
}
