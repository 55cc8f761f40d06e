//! What a gateway writes down: one type for each kind of entry, with the member names of the
//! format. Signed heads are not here, because only [`Chain::head`](crate::Chain::head) makes them.
//!
//! Member names are the field names in camelCase; optional members are absent, never `null`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::LINE_BYTES_MAXIMUM;
use crate::answer::{Failed, Response};
use crate::command::Commands;
use crate::flagged::Flagged;
use crate::key::VerifyingKey;
use crate::line::ENVELOPE_BYTES_MAXIMUM;
use crate::message::Message;

/// How many values each detector masked, by its name; behind [`AUDITED`], how many it would have masked.
pub type Masks = BTreeMap<String, u64>;
/// What precedes the name of a detector whose values were counted and not masked.
pub const AUDITED: &str = "audit:";

/// One fact about the gateway's work, without its place in the journal.
///
/// No text in an entry may hold a credential or an unmasked payload; the caller sees to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// A segment begins, or a process took the journal up again.
    Opened(Opened),
    /// A caller asked for something, and policy decided. Written before anything is forwarded.
    Request(Box<Request>),
    /// A call waits for people. Written before its client is told.
    Asked(Box<Asked>),
    /// What people decided, and on what the call goes on. Written before anything is forwarded.
    Decided(Box<Decided>),
    /// A credential was put into a forwarded request.
    Injected(Injected),
    /// A server says something of itself that somebody should look at. Written before it is shown or called.
    Flagged(Box<Flagged>),
    /// An answer, or one part of a streamed answer. Written before it leaves for the caller.
    Response(Response),
    /// A call got an answer made by the gateway in place of the server's.
    Failed(Failed),
    /// A message outside any call's own answer.
    Event(Box<Event>),
    /// Bytes came that never became a call.
    Rejected(Rejected),
    /// A call or a stream is over; nothing more is written about it.
    Ended(Ended),
}

/// The first entry of every segment and of every process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    /// The gateway replica that owns the journal; the same in all its segments.
    pub replica: String,
    /// The version of the gateway.
    pub version: String,
    /// The key that signs the heads that follow.
    pub public_key: VerifyingKey,
    /// Present when the process before this one left a torn line behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Recovered>,
}

/// What a process found when it took up a journal whose last line was torn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// Bytes after the last whole line, over all segments since. They stay in their files.
    pub torn_bytes: u64,
}

/// A call, with who asked, what was asked and what policy decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The call's identifier, which no other call of any replica has.
    pub call: String,
    /// The session's identifier.
    pub session: String,
    /// The connection, as `namespace/name`.
    pub connection: String,
    /// Who asked; absent if the connection takes calls without authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The JSON-RPC method.
    pub method: String,
    /// The tool's name or the resource's URI, where the method has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The revision of the Model Context Protocol that the call speaks.
    pub revision: String,
    /// What policy decided.
    pub decision: Decision,
    /// The masked message; absent when payloads are not recorded or the bytes are not JSON.
    #[serde(default, skip_serializing)]
    pub message: Option<Message>,
    /// The message's length in bytes as it was relayed.
    pub message_bytes: u64,
    /// What was masked in the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: Masks,
    /// The sequence of the configuration that decided.
    pub configuration_sequence: u64,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// Who vouches for the caller: the token's issuer.
    pub issuer: String,
    /// The issuer's identifier of the caller.
    pub subject: String,
    /// The name that policies use.
    pub username: String,
    /// The groups that policies use.
    pub groups: Vec<String>,
}

/// What policy decided about a call, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether the call may be forwarded.
    pub outcome: Outcome,
    /// The rules that made it so.
    pub rules: Vec<String>,
    /// The reason of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its commands do, and what rules say of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Commands>,
    /// The same, if the rules were enforced that only watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audited: Option<Commands>,
}

/// Whether a call may be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It may.
    Allow,
    /// It may once people have approved it.
    Ask,
    /// It may not.
    Deny,
}

/// A call that waits for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The call.
    pub call: String,
    /// The Approval, as `namespace/name`.
    pub approval: String,
    /// The Approval's uid.
    pub uid: String,
    /// The digest of what is asked.
    pub digest: String,
    /// When a decision comes too late (RFC 3339).
    pub deadline: String,
    /// Whether an earlier call asked for the same, so that this one waits with it.
    pub attached: bool,
}

/// What became of an Approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The call that goes on, or is refused, by it; absent where no call waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The Approval, as `namespace/name`.
    pub approval: String,
    /// The Approval's uid.
    pub uid: String,
    /// The digest of what was asked.
    pub digest: String,
    /// Its phase.
    pub phase: String,
    /// When it was decided (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// Which use of it the call is about to make, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<u32>,
    /// The votes.
    pub votes: Vec<Vote>,
}

/// A vote on an Approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// The voter's user name at the API server.
    pub approver: String,
    /// Whether he approves.
    pub approves: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether he approved alone, in an emergency.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
}

/// A credential was used. The credential itself is never recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Injected {
    /// The call that it was used for.
    pub call: String,
    /// The credential's name.
    pub credential: String,
    /// A keyed hash (HMAC, hexadecimal) that tells versions of the credential apart.
    pub version: String,
    /// The host that it was sent to.
    pub host: String,
}

/// A message outside a call's own answer, such as a notification or the server's own request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The call on whose stream it went, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The session's identifier.
    pub session: String,
    /// The connection, as `namespace/name`.
    pub connection: String,
    /// Which way it went.
    pub direction: Direction,
    /// The masked message; absent when payloads are not recorded or the bytes are not JSON.
    #[serde(default, skip_serializing)]
    pub message: Option<Message>,
    /// The message's length in bytes as it was relayed.
    pub message_bytes: u64,
    /// What was masked in the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: Masks,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the caller to the upstream server.
    ToServer,
    /// From the upstream server to the caller.
    ToClient,
}

/// A request that never was a call: malformed, unauthenticated, oversized. Its payload is not
/// recorded, because nobody vouches for it and nothing has masked it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// The connection, as `namespace/name`, if the path named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Who sent it, if that is known: a caller who sends more than he may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The name of the reason, as the documentation lists it.
    pub reason: String,
    /// The HTTP status that the sender saw.
    pub status: u16,
    /// Bytes of body that were read before it was refused.
    pub bytes: u64,
}

/// A call or a stream is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The call; absent for a stream that belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The session of a stream that belongs to no call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Why it is over.
    pub reason: End,
}

/// Why a call or a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// The answer was given whole.
    Completed,
    /// The caller went away.
    ClientGone,
    /// The upstream server closed before the answer was whole.
    UpstreamClosed,
    /// A time limit passed.
    Timeout,
    /// The gateway was shutting down.
    Drained,
}

/// Why an entry cannot be written. The journal's state is untouched.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The line would be longer than [`LINE_BYTES_MAXIMUM`].
    #[error("the entry has {bytes} bytes, more than a line of the record may hold")]
    TooLong {
        /// Bytes of the entry's body.
        bytes: usize,
    },
    /// The value has no JSON form.
    #[error("the entry has no JSON form")]
    Json(#[from] serde_json::Error),
}

/// An entry as bytes, ready for [`Chain::append`](crate::Chain::append).
///
/// Everything that can fail or take long happens in [`Entry::encode`], which many tasks do at once;
/// the one writer only adds the envelope and the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Encoded {
    /// The length in bytes, to bound the queue to the writer.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len()
    }
}

impl Entry {
    /// The name of the kind, the member `kind` of the line.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened(_) => "Opened",
            Self::Request(_) => "Request",
            Self::Asked(_) => "Asked",
            Self::Decided(_) => "Decided",
            Self::Injected(_) => "Injected",
            Self::Flagged(_) => "Flagged",
            Self::Response(_) => "Response",
            Self::Failed(_) => "Failed",
            Self::Event(_) => "Event",
            Self::Rejected(_) => "Rejected",
            Self::Ended(_) => "Ended",
        }
    }

    /// The call that the entry is about.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.call),
            Self::Asked(asked) => Some(&asked.call),
            Self::Decided(decided) => decided.call.as_deref(),
            Self::Injected(injected) => Some(&injected.call),
            Self::Flagged(flagged) => Some(&flagged.call),
            Self::Response(response) => Some(&response.call),
            Self::Failed(failed) => Some(&failed.call),
            Self::Event(event) => event.call.as_deref(),
            Self::Ended(ended) => ended.call.as_deref(),
            Self::Opened(_) | Self::Rejected(_) => None,
        }
    }

    /// The session that the entry names itself; most entries name a call instead.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.session),
            Self::Event(event) => Some(&event.session),
            Self::Ended(ended) => ended.session.as_deref(),
            Self::Opened(_)
            | Self::Asked(_)
            | Self::Decided(_)
            | Self::Injected(_)
            | Self::Flagged(_)
            | Self::Response(_)
            | Self::Failed(_)
            | Self::Rejected(_) => None,
        }
    }

    /// The message, how long it was in bytes, and what was masked in it, for the kinds that have
    /// one.
    #[must_use]
    pub fn payload(&self) -> Option<(Option<&Message>, u64, &Masks)> {
        match self {
            Self::Request(it) => Some((it.message.as_ref(), it.message_bytes, &it.masks)),
            Self::Response(it) => Some((it.message.as_ref(), it.message_bytes, &it.masks)),
            Self::Event(it) => Some((it.message.as_ref(), it.message_bytes, &it.masks)),
            Self::Opened(_)
            | Self::Asked(_)
            | Self::Decided(_)
            | Self::Injected(_)
            | Self::Flagged(_)
            | Self::Failed(_)
            | Self::Rejected(_)
            | Self::Ended(_) => None,
        }
    }

    /// Makes the bytes of the entry's body.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the line would be too long: the caller then records the entry
    /// without its message. [`EncodeError::Json`] cannot happen with the values that these types
    /// hold; it is here so that nothing is assumed.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        let mut body = serde_json::to_vec(self)?;
        if let Some((Some(message), _, _)) = self.payload() {
            // As it is, without being read again. The body is an object that has other members.
            body.pop();
            body.extend_from_slice(br#","message":"#);
            body.extend_from_slice(message.as_str().as_bytes());
            body.push(b'}');
        }
        if body.len() > LINE_BYTES_MAXIMUM - ENVELOPE_BYTES_MAXIMUM {
            return Err(EncodeError::TooLong { bytes: body.len() });
        }
        Ok(Encoded { kind: self.kind(), body })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_would_make_too_long_a_line_is_refused() {
        let long = "x".repeat(LINE_BYTES_MAXIMUM);
        let failed = Failed { call: long, reason: "Timeout".into(), status: 504 };
        let refused = Entry::Failed(failed).encode().unwrap_err();
        assert!(matches!(refused, EncodeError::TooLong { bytes } if bytes > LINE_BYTES_MAXIMUM));
    }

    #[test]
    fn the_body_has_camel_case_members_and_leaves_out_what_is_absent() {
        let event = Event {
            call: None,
            session: "s".into(),
            connection: "team/database".into(),
            direction: Direction::ToClient,
            message: Some(Message::new(br#"{"b": 1, "a":1e0}"#).unwrap()),
            message_bytes: 17,
            masks: Masks::from([("email".into(), 2)]),
        };
        let encoded = Entry::Event(Box::new(event)).encode().unwrap();
        let body = r#"{"session":"s","connection":"team/database","direction":"ToClient","messageBytes":17,"masks":{"email":2},"message":{"b": 1, "a":1e0}}"#;
        assert_eq!(String::from_utf8(encoded.body).unwrap(), body);
        assert_eq!(encoded.kind, "Event");
    }
}
