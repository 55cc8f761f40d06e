//! A line of the journal: the envelope around an entry, written and read. How lines hang together
//! is the chain's matter; whether they may be believed is the verifier's.

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::FORMAT_VERSION;
use crate::entry::Entry;
use crate::hash::Hash;
use crate::key::{SigningKey, VerifyingKey};
use crate::timestamp::Timestamp;

/// More than the envelope's bytes around a body can be: names, 20 digits of sequence, a time, a
/// hash and the kind. Encoded entries leave this much room below the maximum of a line.
pub(crate) const ENVELOPE_BYTES_MAXIMUM: usize = 512;

/// The kinds of this version of the format.
pub(crate) const KINDS: [&str; 12] = [
    "Opened", "Request", "Asked", "Decided", "Injected", "Flagged", "Response", "Failed", "Event",
    "Rejected", "Ended", HEAD,
];

const HEAD: &str = "Head";

/// Stands before the signed bytes of a head, so that a signature over anything else that the same
/// key may sign is never a head's.
const HEAD_PREFIX: &[u8] = b"lychgate.dev/record/head/v1\n";

/// Between the signed bytes and the signature.
const SIGNATURE_OPEN: &[u8] = b",\"signature\":\"";
const SIGNATURE_CLOSE: &[u8] = b"\"}}";
/// 64 bytes in base64.
const SIGNATURE_CHARACTERS: usize = 88;

/// A line as it was read.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The entry's number over the life of the journal, from 0.
    pub sequence: u64,
    /// When it was written, by the replica's clock.
    pub time: Timestamp,
    /// The hash of the line before.
    pub previous: Hash,
    /// What the line says.
    pub content: Content,
}

/// What a line says.
#[derive(Clone, Debug)]
pub enum Content {
    /// An entry of the gateway.
    Entry(Entry),
    /// A signed head.
    Head(Head),
    /// A kind, or a value within a kind, that this version does not know. It is kept as it is, and
    /// the chain runs through it.
    Unknown {
        /// The name of the kind.
        kind: String,
        /// The body's JSON text.
        body: String,
        /// The call that the body names, if it names one as the known kinds do.
        call: Option<String>,
        /// The session that the body names, if it names one as the known kinds do.
        session: Option<String>,
    },
}

/// A signature over everything that stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Entries since the head before, or since the journal began; the head itself not counted.
    pub entries: u64,
    /// Which key signed, see [`VerifyingKey::id`].
    pub key_id: String,
    /// The signature in standard base64.
    pub signature: String,
}

/// Why bytes are no line of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not one JSON value in UTF-8.
    #[error("the line is not JSON")]
    NotJson,
    /// JSON without the envelope's members in their forms.
    #[error("the line is JSON but not an entry of a record")]
    NotAnEntry,
    /// An envelope of another version.
    #[error("the line has version {0} of the format")]
    UnknownVersion(u64),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    v: u64,
    sequence: u64,
    time: &'a str,
    previous: &'a str,
    kind: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// What ties a body of an unknown kind to a session.
#[derive(Default, Deserialize)]
struct Links {
    call: Option<String>,
    session: Option<String>,
}

impl Recorded {
    /// Reads one line, without its newline. Only the form is checked.
    ///
    /// # Errors
    /// Each [`LineError`] says what the bytes are instead.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let envelope: Envelope<'_> =
            serde_json::from_slice(line).map_err(|error| match error.classify() {
                Category::Syntax | Category::Eof | Category::Io => LineError::NotJson,
                Category::Data => other_version(line),
            })?;
        if envelope.v != FORMAT_VERSION {
            return Err(LineError::UnknownVersion(envelope.v));
        }
        Ok(Self {
            sequence: envelope.sequence,
            time: Timestamp::parse(envelope.time).ok_or(LineError::NotAnEntry)?,
            previous: Hash::parse(envelope.previous).ok_or(LineError::NotAnEntry)?,
            content: Content::parse(envelope.kind, envelope.body.get()),
        })
    }
}

impl Content {
    /// The name of the kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Entry(entry) => entry.kind(),
            Self::Head(_) => HEAD,
            Self::Unknown { kind, .. } => kind,
        }
    }

    /// The call that the line is about.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        match self {
            Self::Entry(entry) => entry.call(),
            Self::Head(_) => None,
            Self::Unknown { call, .. } => call.as_deref(),
        }
    }

    /// The session that the line itself names.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Entry(entry) => entry.session(),
            Self::Head(_) => None,
            Self::Unknown { session, .. } => session.as_deref(),
        }
    }

    fn parse(kind: &str, body: &str) -> Self {
        let entry = match kind {
            "Opened" => serde_json::from_str(body).map(Entry::Opened),
            "Request" => serde_json::from_str(body).map(Entry::Request),
            "Injected" => serde_json::from_str(body).map(Entry::Injected),
            "Flagged" => serde_json::from_str(body).map(Entry::Flagged),
            "Response" => serde_json::from_str(body).map(Entry::Response),
            "Failed" => serde_json::from_str(body).map(Entry::Failed),
            "Event" => serde_json::from_str(body).map(Entry::Event),
            "Rejected" => serde_json::from_str(body).map(Entry::Rejected),
            "Asked" => serde_json::from_str(body).map(Entry::Asked),
            "Decided" => serde_json::from_str(body).map(Entry::Decided),
            "Ended" => serde_json::from_str(body).map(Entry::Ended),
            HEAD => {
                let head = serde_json::from_str(body).map(Self::Head);
                return head.unwrap_or_else(|_| Self::unknown(kind, body));
            }
            other => return Self::unknown(other, body),
        };
        entry.map_or_else(|_| Self::unknown(kind, body), Self::Entry)
    }

    fn unknown(kind: &str, body: &str) -> Self {
        let Links { call, session } = serde_json::from_str(body).unwrap_or_default();
        Self::Unknown { kind: kind.to_owned(), body: body.to_owned(), call, session }
    }
}

/// Another version may have another envelope, so its number is looked for apart.
fn other_version(line: &[u8]) -> LineError {
    match serde_json::from_slice(line) {
        Ok(Version { v }) if v != FORMAT_VERSION => LineError::UnknownVersion(v),
        Ok(_) | Err(_) => LineError::NotAnEntry,
    }
}

/// The bytes of a line without its newline. `body` must be JSON on one line.
pub(crate) fn write_line(
    line: &mut Vec<u8>,
    sequence: u64,
    time: Timestamp,
    previous: Hash,
    kind: &str,
    body: &[u8],
) {
    line.reserve(ENVELOPE_BYTES_MAXIMUM + body.len());
    let (version, sequence) = (FORMAT_VERSION.to_string(), sequence.to_string());
    for part in [
        br#"{"v":"#.as_slice(),
        version.as_bytes(),
        br#","sequence":"#,
        sequence.as_bytes(),
        br#","time":""#,
        &time.text(),
        br#"","previous":""#,
        &previous.digits(),
        br#"","kind":""#,
        kind.as_bytes(),
        br#"","body":"#,
        body,
        b"}",
    ] {
        line.extend_from_slice(part);
    }
}

/// The bytes of a signed head's line without its newline. The signature covers the line up to the
/// member `signature`, so every byte of a head is either signed or the signature.
pub(crate) fn write_head(
    sequence: u64,
    time: Timestamp,
    previous: Hash,
    entries: u64,
    key: &SigningKey,
) -> Vec<u8> {
    let id = key.verifying_key().id();
    let unsigned = format!(r#"{{"entries":{entries},"keyId":"{id}""#);
    let mut line = Vec::new();
    write_line(&mut line, sequence, time, previous, HEAD, unsigned.as_bytes());
    // The envelope's closing brace comes after the signature instead.
    line.pop();
    let signature = key.sign(&[HEAD_PREFIX, &line].concat());
    line.extend_from_slice(SIGNATURE_OPEN);
    line.extend_from_slice(signature.as_bytes());
    line.extend_from_slice(SIGNATURE_CLOSE);
    line
}

/// Whether a head's line, without its newline, was written by [`write_head`] with the key's other
/// half. The bytes are checked, not the values, so that nothing in the line is left unsigned.
pub(crate) fn verify_head(line: &[u8], key: &VerifyingKey) -> bool {
    let signed_and_signature = || {
        let rest = line.strip_suffix(SIGNATURE_CLOSE)?;
        let (rest, signature) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_CHARACTERS)?)?;
        Some((rest.strip_suffix(SIGNATURE_OPEN)?, std::str::from_utf8(signature).ok()?))
    };
    signed_and_signature()
        .is_some_and(|(signed, signature)| key.verifies(&[HEAD_PREFIX, signed].concat(), signature))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    fn line(kind: &str, body: &str) -> Vec<u8> {
        let mut line = Vec::new();
        write_line(&mut line, 7, Timestamp::from_unix_microseconds(1), Hash::ZERO, kind, body.as_bytes());
        line
    }

    #[test]
    fn the_envelope_has_its_members_in_one_order() {
        let text = String::from_utf8(line("Later", r#"{"a":1}"#)).unwrap();
        let zeros = "0".repeat(64);
        assert_eq!(
            text,
            format!(
                r#"{{"v":1,"sequence":7,"time":"1970-01-01T00:00:00.000001Z","previous":"{zeros}","kind":"Later","body":{{"a":1}}}}"#
            )
        );
    }

    #[test]
    fn the_envelope_is_never_longer_than_the_room_that_entries_leave_it() {
        let time = Timestamp::from_unix_microseconds(u64::MAX);
        for kind in KINDS {
            let mut line = Vec::new();
            write_line(&mut line, u64::MAX, time, Hash::ZERO, kind, b"");
            assert!(line.len() <= ENVELOPE_BYTES_MAXIMUM);
        }
    }

    #[test]
    fn a_kind_from_the_future_is_kept_and_tied_to_its_call() {
        let recorded = Recorded::parse(&line("Later", r#"{"call":"c","x":[ 1]}"#)).unwrap();
        assert_eq!(recorded.content.kind(), "Later");
        assert_eq!(recorded.content.call(), Some("c"));
        assert!(matches!(recorded.content, Content::Unknown { body, .. }
            if body == r#"{"call":"c","x":[ 1]}"#));
    }

    #[test]
    fn a_value_from_the_future_within_a_known_kind_is_kept_too() {
        let body = r#"{"call":"c","reason":"SomethingNew"}"#;
        let recorded = Recorded::parse(&line("Ended", body)).unwrap();
        assert_eq!(recorded.content.kind(), "Ended");
        assert!(matches!(recorded.content, Content::Unknown { .. }));
    }

    #[test]
    fn what_is_no_entry_is_told_apart() {
        let other = String::from_utf8(line("Later", "{}")).unwrap();
        let table = [
            (String::new(), LineError::NotJson),
            ("{".into(), LineError::NotJson),
            (other.clone() + " x", LineError::NotJson),
            ("{}".into(), LineError::NotAnEntry),
            ("7".into(), LineError::NotAnEntry),
            (other.replace("00001Z", "00001z"), LineError::NotAnEntry),
            (other.replace("\"sequence\":7", "\"sequence\":-7"), LineError::NotAnEntry),
            (other.replace("\"v\":1,", "\"v\":1,\"v\":1,"), LineError::NotAnEntry),
            (other.replace("\"v\":1", "\"v\":2"), LineError::UnknownVersion(2)),
            (r#"{"v":2}"#.into(), LineError::UnknownVersion(2)),
        ];
        for (text, error) in table {
            assert_eq!(Recorded::parse(text.as_bytes()).err(), Some(error), "{text}");
        }
    }
}
