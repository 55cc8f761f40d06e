//! The headers of MCP 2026-07-28: those that say what the body says pass, and no others do; every text survives being
//! put into a header.

use lychgate_gateway_mcp::headers::{check_modern, decode_value, encode_value, is_modern, mirrored_param};
use serde_json::Value;

use crate::readers::{message, two_parts};

/// The value of a header, and a message.
pub(crate) fn run(data: &[u8]) {
    let (header, body) = two_parts(data);
    if let Some(text) = decode_value(header) {
        survives(&text);
    }
    survives(&String::from_utf8_lossy(body));

    let Some(message) = message(body) else { return };
    let Some(method) = message.method() else {
        assert_eq!(check_modern([("Mcp-Method", header)], &message), Ok(()), "answers mirror nothing");
        return;
    };
    let seen: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let version = text(&seen["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"]);
    let Some(version) = version.filter(|version| is_plain(version)).filter(|_| message.id().is_some()) else {
        return;
    };
    assert!(is_modern(None, &message), "the body says so");
    if !is_plain(method) {
        return;
    }
    let name = mirrored_param(method).and_then(|(param, _)| text(&seen["params"][param]));
    let mirrored = name.as_deref().map(encode_value);
    let mut headers: Vec<(&str, &[u8])> =
        vec![("mcp-protocol-version", version.as_bytes()), ("MCP-METHOD", method.as_bytes())];
    let with = |headers: &[(&'static str, &[u8])], name: &[u8]| {
        check_modern(headers.iter().copied().chain([("Mcp-Name", name)]), &message)
    };
    match &mirrored {
        Some(name) => assert_eq!(with(&headers, name.as_bytes()), Ok(()), "what is mirrored passes"),
        None => assert_eq!(check_modern(headers.iter().copied(), &message), Ok(()), "nothing is to mirror"),
    }
    // Any other value passes only if it stands for the same text.
    if mirrored_param(method).is_some() {
        let same = name.is_some() && decode_value(header).as_deref() == name.as_deref();
        assert_eq!(with(&headers, header).is_ok(), same);
    }
    headers[1].1 = header;
    let trimmed = std::str::from_utf8(header).ok().map(|header| header.trim_matches([' ', '\t']));
    if trimmed != Some(method) {
        let name = mirrored.as_deref().unwrap_or_default();
        assert!(with(&headers, name.as_bytes()).is_err(), "another method does not pass");
    }
}

/// Whether a text stands for itself in a header.
fn is_plain(text: &str) -> bool {
    let is_visible = |byte: u8| (b' '..=b'~').contains(&byte);
    text.bytes().all(is_visible) && text.trim_matches(' ') == text
}

fn survives(text: &str) {
    let header = encode_value(text);
    assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "it is safe in a header");
    assert_eq!(decode_value(header.as_bytes()).as_deref(), Some(text), "and comes out as it was");
}
