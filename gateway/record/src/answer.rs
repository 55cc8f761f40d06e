//! What answers a call: the upstream server, or the gateway itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::entry::Masks;
use crate::message::Message;

/// An answer of the upstream server, or one part of a streamed answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The call that is answered.
    pub call: String,
    /// The HTTP status (RFC 9110, section 15).
    pub status: u16,
    /// Whether the answer is an event stream.
    pub stream: bool,
    /// The part's place in the stream, from 0; 0 if it is no stream.
    pub part: u64,
    /// Whether this is the last part.
    pub last: bool,
    /// Whether the message is a piece of one that was too long to be held: a message of its own, with no more around the
    /// piece than says where in the whole it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<Piece>,
    /// The masked message; absent when payloads are not recorded or the bytes are not JSON.
    #[serde(default, skip_serializing)]
    pub message: Option<Message>,
    /// The message's length in bytes as it was relayed.
    pub message_bytes: u64,
    /// What was masked in the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: Masks,
    /// Microseconds from forwarding the call until this part came.
    pub upstream_microseconds: u64,
}

/// Where in a long answer a piece begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Piece {
    /// So many of the arrays and objects around it, from the outermost on, are those of the pieces before it.
    pub open: u64,
    /// Where it is a piece of a document in a text: so many of those in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_in_text: Option<u64>,
    /// Whether it is the rest of a text that began as a document and is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
}

/// A call that the gateway itself answered with an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The call.
    pub call: String,
    /// The name of the reason, as the documentation lists it.
    pub reason: String,
    /// The HTTP status that the caller saw.
    pub status: u16,
}
