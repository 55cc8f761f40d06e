//! The request headers of streamable HTTP, and how they must agree with the message.
//!
//! From 2026-07-28 on, a request repeats parts of its body in headers, so that machines on the way
//! can route it without reading the body. A server that reads the body must hold the two against
//! each other (Streamable HTTP, Server Validation), or whoever routes by the header sees another
//! request than the server carries out. Decisions are made on the body alone; this module only
//! finds the difference. `Mcp-Param-*` is left to the server, which knows the schemas.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::Value;
use crate::message::{Form, Message, codes};
use crate::revision::names_modern_era;

/// The session of 2025-03-26 to 2025-11-25.
pub const MCP_SESSION_ID: &str = "mcp-session-id";

/// The revision that a request is of.
pub const MCP_PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// The method of the message.
pub const MCP_METHOD: &str = "mcp-method";

/// What the method is about: see [`mirrored_param`].
pub const MCP_NAME: &str = "mcp-name";

/// Begins the headers that repeat arguments of a tool.
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// The event after which a stream is to be resumed, up to 2025-11-25.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// The member of `params._meta` that names the revision of a request.
pub const META_PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// How headers and body disagree. Nothing of either is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderMismatch {
    /// A required header is absent.
    #[error("Header mismatch: {header} is missing; send it with the value of {member}")]
    Missing {
        /// The header.
        header: &'static str,
        /// Where the value is in the body.
        member: &'static str,
    },
    /// A header is there more than once, so that readers may choose differently.
    #[error("Header mismatch: {header} is there more than once; send it once")]
    Repeated {
        /// The header.
        header: &'static str,
    },
    /// A header has characters that it must not have, or is wrongly encoded.
    #[error(
        "Header mismatch: {header} is malformed; send visible ASCII, or =?base64?VALUE?= with \
         padded Base64 of UTF-8 where that encoding is allowed"
    )]
    Malformed {
        /// The header.
        header: &'static str,
    },
    /// A header has another value than the body.
    #[error("Header mismatch: {header} differs from {member}; send the same value in both")]
    Different {
        /// The header.
        header: &'static str,
        /// Where the value is in the body.
        member: &'static str,
    },
    /// The header names a modern revision and the body none.
    #[error(
        "Invalid params: params._meta[\"io.modelcontextprotocol/protocolVersion\"] is missing; \
         send the value of MCP-Protocol-Version there as a string"
    )]
    NoVersionInBody,
}

impl HeaderMismatch {
    /// The code to answer with, under HTTP status 400.
    ///
    /// A required field of `_meta` that is missing is not a mismatch but invalid parameters
    /// (MCP 2026-07-28, Overview, Per-request protocol fields).
    #[must_use]
    pub const fn code(&self) -> i64 {
        match self {
            Self::Missing { .. }
            | Self::Repeated { .. }
            | Self::Malformed { .. }
            | Self::Different { .. } => codes::HEADER_MISMATCH,
            Self::NoVersionInBody => codes::INVALID_PARAMS,
        }
    }
}

/// Whether a POST is of the modern era: its body names a revision in `_meta`, or its
/// `MCP-Protocol-Version` header names a modern one.
///
/// The body counts first, so that a proxy which drops the header does not change the era. A value
/// in the body counts whatever it is: a session of the legacy era has none there.
#[must_use]
pub fn is_modern(version_header: Option<&str>, message: &Message) -> bool {
    version_in_body(message).is_some()
        || version_header.is_some_and(|version| names_modern_era(version.trim()))
}

/// Holds the headers of a modern POST against its message (MCP 2026-07-28, Streamable HTTP, Request
/// Metadata). `headers` are all headers of the request, with names in any case.
///
/// For a request, `MCP-Protocol-Version` and `Mcp-Method` are required, and `Mcp-Name` where the
/// body has what it repeats ([`mirrored_param`]). For a notification the revision requires none,
/// and those that are there must agree. A posted answer has nothing to compare; the revision
/// forbids it, which is for the caller to say. Unknown headers and `Mcp-Param-*` are let through.
///
/// # Errors
/// The first disagreement, in the order version, method, name.
pub fn check_modern<'h>(
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    message: &Message,
) -> Result<(), HeaderMismatch> {
    let (method, is_request) = match message.form() {
        Form::Request { method, .. } => (method, true),
        Form::Notification { method } => (method, false),
        Form::Response { .. } | Form::Error { .. } => return Ok(()),
    };
    let mirrored = Mirrored::find(headers)?;
    check_version(mirrored.version, message, is_request)?;
    let expected = Expected {
        header: "Mcp-Method",
        member: "method",
        value: Some(Cow::Borrowed(method)),
        is_required: is_request,
    };
    expected.check(mirrored.method, plain_value)?;
    if let Some((param, member)) = mirrored_param(method) {
        let value = message.params().and_then(|params| params.get(param));
        let expected = Expected {
            header: "Mcp-Name",
            member,
            value: value.and_then(Value::text),
            is_required: is_request,
        };
        expected.check(mirrored.name, decode_value)?;
    }
    Ok(())
}

/// Which member of `params` the `Mcp-Name` header of a method repeats, and that member's path in
/// the message; `None` if the method has no such header.
///
/// The first three are of MCP 2026-07-28 (Streamable HTTP, Standard Request Headers), the others of
/// the Tasks extension (SEP-2663, Streamable HTTP: Routing Headers).
#[must_use]
pub fn mirrored_param(method: &str) -> Option<(&'static str, &'static str)> {
    match method {
        "tools/call" | "prompts/get" => Some(("name", "params.name")),
        "resources/read" => Some(("uri", "params.uri")),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some(("taskId", "params.taskId")),
        _ => None,
    }
}

/// What a header value stands for: `=?base64?…?=` decoded, anything else as it is, without spaces
/// and tabs around it (MCP 2026-07-28, Streamable HTTP, Value Encoding).
///
/// `None` if the value has a character other than visible ASCII, space and tab, or what is between
/// the markers is not padded Base64 of UTF-8.
#[must_use]
pub fn decode_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let plain = plain_value(value)?;
    let Some(encoded) = between_markers(&plain) else {
        return Some(plain);
    };
    let decoded = STANDARD.decode(encoded).ok()?;
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The header value that stands for `text`; the reverse of [`decode_value`].
#[must_use]
pub fn encode_value(text: &str) -> Cow<'_, str> {
    let survives = plain_value(text.as_bytes()).is_some_and(|plain| plain == text);
    if survives && !text.is_empty() && between_markers(text).is_none() {
        return Cow::Borrowed(text);
    }
    let encoded = STANDARD.encode(text);
    Cow::Owned(format!("{MARKER_BEFORE}{encoded}{MARKER_AFTER}"))
}

const MARKER_BEFORE: &str = "=?base64?";
const MARKER_AFTER: &str = "?=";

/// The headers that repeat a part of the body, as they came.
#[derive(Default)]
struct Mirrored<'h> {
    version: Option<&'h [u8]>,
    method: Option<&'h [u8]>,
    name: Option<&'h [u8]>,
}

impl<'h> Mirrored<'h> {
    fn find(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Result<Self, HeaderMismatch> {
        let mut found = Self::default();
        for (name, value) in headers {
            let (header, slot) = if name.eq_ignore_ascii_case(MCP_PROTOCOL_VERSION) {
                ("MCP-Protocol-Version", &mut found.version)
            } else if name.eq_ignore_ascii_case(MCP_METHOD) {
                ("Mcp-Method", &mut found.method)
            } else if name.eq_ignore_ascii_case(MCP_NAME) {
                ("Mcp-Name", &mut found.name)
            } else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(HeaderMismatch::Repeated { header });
            }
        }
        Ok(found)
    }
}

/// What a header should say.
struct Expected<'a> {
    header: &'static str,
    member: &'static str,
    /// The body's value, if it has one.
    value: Option<Cow<'a, str>>,
    /// Whether the header must be there if the body's value is.
    is_required: bool,
}

impl Expected<'_> {
    fn check(
        &self,
        found: Option<&[u8]>,
        read: impl Fn(&[u8]) -> Option<Cow<'_, str>>,
    ) -> Result<(), HeaderMismatch> {
        let Self { header, member, .. } = *self;
        let Some(found) = found else {
            return if self.is_required && self.value.is_some() {
                Err(HeaderMismatch::Missing { header, member })
            } else {
                Ok(())
            };
        };
        let found = read(found).ok_or(HeaderMismatch::Malformed { header })?;
        if self.value.as_ref() == Some(&found) {
            Ok(())
        } else {
            Err(HeaderMismatch::Different { header, member })
        }
    }
}

fn check_version(found: Option<&[u8]>, message: &Message, is_request: bool) -> Result<(), HeaderMismatch> {
    let in_body = version_in_body(message);
    let Some(value) = in_body.and_then(Value::text) else {
        // A notification need not name a revision; the header then stands alone.
        return if is_request || in_body.is_some() { Err(HeaderMismatch::NoVersionInBody) } else { Ok(()) };
    };
    let expected = Expected {
        header: "MCP-Protocol-Version",
        member: "params._meta[\"io.modelcontextprotocol/protocolVersion\"]",
        value: Some(value),
        is_required: is_request,
    };
    expected.check(found, plain_value)
}

fn version_in_body(message: &Message) -> Option<Value<'_>> {
    message.meta()?.get(META_PROTOCOL_VERSION)
}

/// A value without spaces and tabs around it (RFC 9110 section 5.5), if its characters are allowed.
fn plain_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(value).ok()?;
    let text = text.trim_matches([' ', '\t']);
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    text.bytes().all(is_allowed).then_some(Cow::Borrowed(text))
}

fn between_markers(value: &str) -> Option<&str> {
    value.strip_prefix(MARKER_BEFORE)?.strip_suffix(MARKER_AFTER)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;
    use crate::json::Limits;
    use bytes::Bytes;
    use proptest::prelude::*;

    const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");

    fn message(text: &str) -> Message {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        Message::parse(bytes, Limits::with_bytes(10_000)).unwrap()
    }

    /// A request for `method` with `params` before the required metadata.
    fn request(method: &str, params: &str) -> Message {
        message(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}
               "_meta":{{"{META_PROTOCOL_VERSION}":"2026-07-28"}}}}}}"#
        ))
    }

    fn check(message: &Message, headers: &[(&str, &str)]) -> Result<(), HeaderMismatch> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        check_modern(headers, message)
    }

    #[test]
    fn given_a_tool_call_when_headers_vary_then_only_those_that_agree_pass() {
        let call = request("tools/call", r#""name":"Wetter für heute","#);
        let method = ("mcp-method", "tools/call");
        let name = ("MCP-NAME", "=?base64?V2V0dGVyIGbDvHIgaGV1dGU=?=");
        let other = ("Mcp-Param-Region", "\u{e9}");
        let (header, member) = ("Mcp-Name", "params.name");
        let missing = HeaderMismatch::Missing { header, member };
        let different = HeaderMismatch::Different { header, member };
        let malformed = HeaderMismatch::Malformed { header };
        let repeated = HeaderMismatch::Repeated { header };
        let cases = [
            (vec![VERSION, method, name], None),
            (vec![VERSION, method, name, other], None),
            (vec![VERSION, method], Some(missing)),
            (vec![VERSION, method, name, name], Some(repeated)),
            (vec![VERSION, method, ("mcp-name", "wetter")], Some(different)),
            (vec![VERSION, method, ("mcp-name", "=?BASE64?V2V0?=")], Some(different)),
            (vec![VERSION, method, ("mcp-name", "Wetter für heute")], Some(malformed)),
            (vec![VERSION, method, ("mcp-name", "=?base64?V2V0dGU?=")], Some(malformed)),
            (vec![VERSION, method, ("mcp-name", "=?base64?V2V!!0==?=")], Some(malformed)),
        ];
        for (headers, fault) in cases {
            assert_eq!(check(&call, &headers).err(), fault, "{headers:?}");
        }
    }

    #[test]
    fn given_a_request_without_a_required_header_when_checked_then_the_first_one_is_named() {
        let list = request("tools/list", "");
        let named = |headers: &[(&str, &str)]| check(&list, headers).unwrap_err().to_string();
        assert!(named(&[]).contains("MCP-Protocol-Version is missing"));
        assert!(named(&[VERSION]).contains("Mcp-Method is missing"));
        assert!(named(&[VERSION, ("Mcp-Method", "TOOLS/LIST")]).contains("differs from method"));
        let older = [("MCP-Protocol-Version", "2025-11-25"), ("Mcp-Method", "tools/list")];
        assert!(named(&older).contains("MCP-Protocol-Version differs"));
        assert_eq!(check(&list, &[VERSION, ("Mcp-Method", " tools/list\t")]), Ok(()));
        // A method that repeats no name may have the header all the same.
        let more = [VERSION, ("Mcp-Method", "tools/list"), ("Mcp-Name", "x")];
        assert_eq!(check(&list, &more), Ok(()));
    }

    #[test]
    fn given_each_method_with_a_name_when_checked_then_its_own_member_counts() {
        let cases = [
            ("tools/call", "name"),
            ("prompts/get", "name"),
            ("resources/read", "uri"),
            ("tasks/get", "taskId"),
            ("tasks/update", "taskId"),
            ("tasks/cancel", "taskId"),
        ];
        for (method, member) in cases {
            let call = request(method, &format!(r#""{member}":"a","other":"b","#));
            let named = |name| check(&call, &[VERSION, ("Mcp-Method", method), ("Mcp-Name", name)]);
            assert_eq!(named("a"), Ok(()));
            assert!(named("b").is_err());
            let nameless = request(method, "");
            // What the body lacks is for the server to refuse, unless the header claims it.
            assert_eq!(check(&nameless, &[VERSION, ("Mcp-Method", method)]), Ok(()));
            let claimed = [VERSION, ("Mcp-Method", method), ("Mcp-Name", "a")];
            assert!(check(&nameless, &claimed).is_err());
        }
    }

    #[test]
    fn given_a_notification_when_checked_then_headers_may_be_absent_and_must_not_disagree() {
        let told = message(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#);
        assert_eq!(check(&told, &[]), Ok(()));
        assert_eq!(check(&told, &[VERSION, ("Mcp-Method", "notifications/x")]), Ok(()));
        assert!(check(&told, &[VERSION, ("Mcp-Method", "tools/call")]).is_err());
        let params = format!(r#"{{"_meta":{{"{META_PROTOCOL_VERSION}":1}}}}"#);
        let odd = format!(r#"{{"jsonrpc":"2.0","method":"n","params":{params}}}"#);
        let fault = check(&message(&odd), &[VERSION]).err();
        assert_eq!(fault, Some(HeaderMismatch::NoVersionInBody));
        let answer = message(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        assert_eq!(check(&answer, &[("Mcp-Method", "tools/call")]), Ok(()));
    }

    #[test]
    fn given_headers_and_bodies_of_both_eras_when_classified_then_the_body_counts_first() {
        let legacy = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#);
        let modern = request("tools/list", "");
        assert!(!is_modern(None, &legacy));
        assert!(!is_modern(Some("2025-11-25"), &legacy));
        assert!(is_modern(Some("2026-07-28"), &legacy));
        assert!(is_modern(None, &modern));
        assert!(is_modern(Some("2025-11-25"), &modern));
        let fault = check(&legacy, &[VERSION, ("Mcp-Method", "tools/list")]).unwrap_err();
        assert_eq!(fault, HeaderMismatch::NoVersionInBody);
        assert_eq!(fault.code(), codes::INVALID_PARAMS);
        assert_eq!(check(&modern, &[]).unwrap_err().code(), codes::HEADER_MISMATCH);
    }

    #[test]
    fn given_the_examples_of_the_specification_when_encoded_then_they_come_out_as_printed() {
        let cases = [
            ("us-west1", "us-west1"),
            ("", "=?base64??="),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ];
        for (text, header) in cases {
            assert_eq!(encode_value(text), header);
        }
        assert_eq!(decode_value(b"=?base64?SGVsbG8=").unwrap(), "=?base64?SGVsbG8=");
        assert_eq!(decode_value(b"=?base64?/w==?="), None);
    }

    proptest! {
        #[test]
        fn given_any_text_when_encoded_then_it_is_safe_and_decoding_gives_it_back(
            text in any::<String>(),
        ) {
            let header = encode_value(&text).into_owned();
            prop_assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
            prop_assert_eq!(decode_value(header.as_bytes()).unwrap(), text);
        }
    }
}
