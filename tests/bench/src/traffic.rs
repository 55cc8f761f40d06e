//! The calls that are made and the answers that they get, all known beforehand, so that every body can be checked.
//! Everything here computes and does nothing else.
//!
//! An answer is a table of rows as a database server gives it: JSON in a text. Its length is exact, and nothing in
//! it is sensitive, so that each arm must pass on the very same message.

use bytes::Bytes;
use serde_json::{Value, json};

/// The revision of the modern era that is spoken.
pub(crate) const MODERN: &str = "2026-07-28";
/// The revision of the legacy era that is spoken.
pub(crate) const LEGACY: &str = "2025-11-25";
/// The first id of a call. All have as many digits, so that every message of a kind is equally long.
pub(crate) const FIRST_ID: u64 = 10_000_000;
/// The digits of an id.
const ID_DIGITS: usize = 8;
/// The tool whose answer holds an address that must not pass.
pub(crate) const PERSON_TOOL: &str = "query_person";
/// The address in it.
pub(crate) const PERSON: &str = "erin.wong@example.com";

/// The era of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Modern,
    Legacy,
}

/// How the answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As one JSON document.
    Json,
    /// As a stream of one event.
    Events,
    /// As a stream: word of progress at once, and the answer a while later.
    Later,
}

/// How long the answer is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Bytes200,
    Kibibytes2,
    Kibibytes256,
    Kibibytes1536,
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) era: Era,
    pub(crate) form: Form,
    pub(crate) size: Size,
}

impl Size {
    pub(crate) const ALL: [Self; 4] =
        [Self::Bytes200, Self::Kibibytes2, Self::Kibibytes256, Self::Kibibytes1536];

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Bytes200 => 200,
            Self::Kibibytes2 => 2 * 1024,
            Self::Kibibytes256 => 256 * 1024,
            Self::Kibibytes1536 => 1536 * 1024,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes200 => "200b",
            Self::Kibibytes2 => "2kib",
            Self::Kibibytes256 => "256kib",
            Self::Kibibytes1536 => "1536kib",
        }
    }
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::Events, Self::Later];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Events => "sse",
            Self::Later => "later",
        }
    }
}

impl Era {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }
}

impl Traffic {
    /// The tool that answers so.
    pub(crate) fn tool(self) -> String {
        format!("query_{}_{}", self.form.name(), self.size.name())
    }

    /// As it stands in keys of the report.
    pub(crate) fn name(self) -> String {
        format!("{}_{}_{}", self.era.name(), self.form.name(), self.size.name())
    }
}

/// A call of a tool.
pub(crate) fn call(era: Era, tool: &str, id: u64) -> Bytes {
    let sql = "SELECT id, name, state FROM stations WHERE region = 'north' ORDER BY id LIMIT 100";
    let params = match era {
        Era::Modern => json!({"name": tool, "arguments": {"sql": sql}, "_meta": meta()}),
        Era::Legacy => json!({"name": tool, "arguments": {"sql": sql}}),
    };
    request("tools/call", &params, id)
}

/// A call of `query_person` that would change data, which a command rule must refuse.
pub(crate) fn forbidden_call(id: u64) -> Bytes {
    let params = json!({"name": PERSON_TOOL, "arguments": {"sql": "DROP TABLE stations"}, "_meta": meta()});
    request("tools/call", &params, id)
}

/// The beginning of a session.
pub(crate) fn initialize(id: u64) -> Bytes {
    let params = json!({
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1.0.0"},
    });
    request("initialize", &params, id)
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1.0.0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn request(method: &str, params: &Value, id: u64) -> Bytes {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string().into()
}

/// The id in a request, as it is spelt. It is found, not parsed: the requests are those of this bench.
pub(crate) fn id_of(request: &[u8]) -> Option<&[u8]> {
    let start = memchr::memmem::find(request, br#""id":"#)?.checked_add(5)?;
    request.get(start..start.checked_add(ID_DIGITS)?)
}

/// What stands behind the first `mark` in a request, up to the next quotation mark.
pub(crate) fn behind<'a>(request: &'a [u8], mark: &str) -> Option<&'a [u8]> {
    let start = memchr::memmem::find(request, mark.as_bytes())?.checked_add(mark.len())?;
    let rest = request.get(start..)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

/// A message with a place for the id.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    before: Bytes,
    after: Bytes,
}

impl Template {
    /// The answer to a call of a size, exactly as long.
    pub(crate) fn of_size(size: Size) -> Option<Self> {
        let shell = Self::answer("")?;
        let overhead = shell.before.len() + ID_DIGITS + shell.after.len();
        let mut text = rows(size.bytes().checked_sub(overhead)?)?;
        // What quotes and escapes add was counted by `rows`; what is left is filled at the end.
        text.extend(std::iter::repeat_n(' ', size.bytes().checked_sub(overhead + escaped(&text))?));
        Self::answer(&text)
    }

    /// The answer with this text in it.
    pub(crate) fn answer(text: &str) -> Option<Self> {
        Self::of(&json!({
            "jsonrpc": "2.0", "id": FIRST_ID,
            "result": {"content": [{"type": "text", "text": text}], "resultType": "complete"},
        }))
    }

    fn of(message: &Value) -> Option<Self> {
        let text = message.to_string();
        let (before, after) = text.split_once(&FIRST_ID.to_string())?;
        Some(Self { before: before.to_owned().into(), after: after.to_owned().into() })
    }

    /// The message for a call.
    pub(crate) fn fill(&self, id: &[u8]) -> Vec<u8> {
        [self.before.as_ref(), id, self.after.as_ref()].concat()
    }

    /// Whether `message` is the one for a call.
    pub(crate) fn is(&self, message: &[u8], id: &[u8]) -> bool {
        message
            .strip_prefix(self.before.as_ref())
            .and_then(|rest| rest.strip_prefix(id))
            .is_some_and(|rest| rest == self.after.as_ref())
    }
}

/// How many bytes a text takes in JSON, without the quotation marks around it.
fn escaped(text: &str) -> usize {
    text.bytes().map(|byte| if matches!(byte, b'"' | b'\\') { 2 } else { 1 }).sum()
}

/// Rows as a database server gives them, of at most `limit` bytes once they are escaped.
fn rows(limit: usize) -> Option<String> {
    const PLACES: [&str; 8] =
        ["harbour", "mill", "bridge", "quarry", "orchard", "lighthouse", "station", "market"];
    const STATES: [&str; 4] = ["ready", "in repair", "closed", "unknown"];
    let mut text = "[".to_owned();
    let mut length = 2;
    for number in 0usize.. {
        let place = PLACES.get(number % PLACES.len())?;
        let state = STATES.get((number / 3) % STATES.len())?;
        let comma = if number == 0 { "" } else { "," };
        let row = format!(r#"{comma}{{"id":{number},"name":"old {place}","state":"{state}"}}"#);
        length += escaped(&row);
        if length > limit {
            break;
        }
        text.push_str(&row);
    }
    text.push(']');
    Some(text)
}

/// The word of progress that comes before an answer.
pub(crate) fn progress() -> &'static str {
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"reading stations"}}"#
}

/// The data of the last event that has some. The streams are short: they hold one call's answer.
pub(crate) fn last_data(stream: &[u8]) -> Option<&[u8]> {
    let start = memchr::memmem::rfind(stream, b"data: ")?.checked_add(6)?;
    let rest = stream.get(start..)?;
    rest.get(..memchr::memchr2(b'\n', b'\r', rest)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{Era, FIRST_ID, Form, Size, Template, Traffic, behind, call, id_of, last_data};
    use serde_json::Value;

    #[test]
    fn an_answer_is_exactly_as_long_as_it_should_be_and_holds_json_in_its_text() {
        for size in Size::ALL {
            let message = Template::of_size(size).unwrap().fill(b"12345678");
            assert_eq!(message.len(), size.bytes());
            let message: Value = serde_json::from_slice(&message).unwrap();
            assert_eq!(message["id"], 12_345_678);
            let text = message["result"]["content"][0]["text"].as_str().unwrap();
            let rows: Value = serde_json::from_str(text).unwrap();
            assert!(!rows.as_array().unwrap().is_empty(), "{size:?}");
        }
    }

    #[test]
    fn an_answer_is_that_of_its_call_and_of_no_other() {
        let template = Template::of_size(Size::Bytes200).unwrap();
        let message = template.fill(b"12345678");
        assert!(template.is(&message, b"12345678"));
        assert!(!template.is(&message, b"12345679"));
        assert!(!template.is(message.get(1..).unwrap(), b"12345678"));
        assert!(!template.is(&[&message[..], b" "].concat(), b"12345678"));
    }

    #[test]
    fn id_and_tool_of_a_call_are_found_where_they_stand() {
        for era in [Era::Modern, Era::Legacy] {
            let traffic = Traffic { era, form: Form::Events, size: Size::Kibibytes2 };
            let request = call(era, &traffic.tool(), FIRST_ID + 7);
            assert_eq!(id_of(&request), Some(&b"10000007"[..]));
            let request: Value = serde_json::from_slice(&request).unwrap();
            assert_eq!(request["params"]["name"], "query_sse_2kib");
            let text = request.to_string();
            assert_eq!(behind(text.as_bytes(), r#""name":"query_"#), Some(&b"sse_2kib"[..]));
        }
    }

    #[test]
    fn the_answer_in_a_stream_is_its_last_data() {
        let stream = b"id: 1\ndata: {\"a\":1}\n\n: still here\n\ndata: {\"b\":2}\nid: 2\n\n";
        assert_eq!(last_data(stream), Some(&b"{\"b\":2}"[..]));
        assert_eq!(last_data(b": nothing\n\n"), None);
    }
}
