//! What must not be shown, and what stands there instead.
//!
//! [`mask`] takes a message and gives a [`Masked`] one; nothing else makes such a value but the gateway's own
//! replies, and only such a value may reach a reply or a record. Rules are compiled into a [`Program`] once.
//! A message in which nothing is found keeps its bytes; one that cannot be masked becomes an error, never
//! itself.
//!
//! `sieve` says what of a message may change at all. The message is read from outside in: `envelope` knows the
//! protocol, `document` the data of tools, `text` masks one text with what `detect` and `known` find in it, as
//! `action` says. `check` and `program` take the
//! rules.

mod action;
mod base64;
mod check;
mod columns;
mod content;
mod cost;
mod custom;
mod decode;
mod detect;
mod document;
mod envelope;
mod fitted;
mod fpe;
mod generalize;
mod integer;
mod keyed;
mod known;
mod marks;
mod number;
mod program;
mod rule;
mod scan;
mod sieve;
mod table;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod token;
mod trail;
mod work;
mod written;

use std::collections::BTreeMap;

use bytes::Bytes;
use lychgate_gateway_mcp::json::{Edits, quote};
use lychgate_gateway_mcp::lists::{List, META_SUBSCRIPTION_ID};
use lychgate_gateway_mcp::message::{Id, Message, error_response, notification, response, tool_error};

pub use check::{MAXIMUM_TERM, MAXIMUM_TERMS, check_rule};
pub(crate) use content::compile_or_take;
pub use content::{Compiled, Content};
pub use cost::{Cost, cost};
pub(crate) use document::{is_read_by_others, looks_like_json};
pub use fitted::{fit, may_misfit};
pub use keyed::masking_key;
pub use known::Known;
pub use lychgate_gateway_schema::{MAXIMUM_SCHEMA_BYTES, Schema, Unusable};
pub use program::{Program, compile};
pub use token::Tokens;

use crate::call::Operation;
use crate::config::Direction;
use crate::decide::Caller;
use program::Active;
use text::{Masker, UNMASKED};
pub use trail::Found;
use trail::Trail;

/// The error code of a message that could not be masked and is therefore not shown. It lies outside the codes
/// that JSON-RPC 2.0 keeps for itself.
pub const UNMASKABLE: i64 = -31_001;
/// The error code of an answer that a rule blocks.
pub const BLOCKED: i64 = -31_002;

/// What is counted of a message that is larger than a rule allows.
const OVERSIZED: &str = "messageBytes";

/// Who will see a message.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// The client of this caller.
    Caller(&'a Caller),
    /// The server, on behalf of this caller.
    Upstream(&'a Caller),
    /// The record: every rule counts whatever its directions, and no caller is excepted.
    Record,
}

/// What about a message decides which rules count.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Who will see it.
    pub audience: Audience<'a>,
    /// Which way it goes.
    pub direction: Direction,
    /// The operation that it is, or is an answer to. `None` if that is not known, as for a stream that the
    /// server began by itself: then it is taken for any tool's.
    pub operation: Option<&'a Operation>,
    /// Credentials that must not be shown, whatever the rules say.
    pub known: &'a [Known],
    /// The tokens of the session that the message belongs to; none where nothing could be turned back.
    pub tokens: Option<&'a Tokens>,
    /// The time at which conditions are asked, in milliseconds since the Unix epoch.
    pub now: u64,
}

/// A message that may be shown to the audience it was masked for.
#[derive(Clone)]
pub struct Masked {
    bytes: Bytes,
    counts: BTreeMap<String, u32>,
    audited: BTreeMap<String, u32>,
    is_refusal: bool,
    is_clean: bool,
    blocked: Vec<String>,
}

impl Masked {
    /// The message: the bytes that came if nothing was masked.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How much was masked, by kind: a detector's name, `Field`, `credential:NAME`, `unreadable`.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<String, u32> {
        &self.counts
    }

    /// How much rules that only count would have masked, by kind. It stands in the message as it came.
    #[must_use]
    pub fn audited(&self) -> &BTreeMap<String, u32> {
        &self.audited
    }

    /// The message alone.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Whether the message could not be masked or is blocked, so that these bytes are an error response in its place. It
    /// is for the client: nothing of the kind may be sent to a server.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    /// Whether no rule that counts has anything to say of the message, nor would any of fewer rules. It is as it came.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_clean
    }

    /// The kinds of the values for which a rule blocks the message; none if nothing does.
    #[must_use]
    pub fn blocked(&self) -> &[String] {
        &self.blocked
    }

    /// Counts what is not shown because nobody can say where in it what stands.
    pub(crate) fn note_unreadable(&mut self) {
        *self.counts.entry(marks::UNREADABLE.to_owned()).or_default() += 1;
    }

    fn own(bytes: Bytes) -> Self {
        let counts = BTreeMap::new();
        let (is_refusal, is_clean) = (false, false);
        Self { bytes, counts: counts.clone(), audited: counts, is_refusal, is_clean, blocked: Vec::new() }
    }
}

impl std::fmt::Debug for Masked {
    /// Sizes and counts: what is masked for one reader is not for every log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Masked")
            .field("bytes", &self.bytes.len())
            .field("counts", &self.counts)
            .field("audited", &self.audited)
            .field("is_refusal", &self.is_refusal)
            .finish()
    }
}

/// Masks a message for an audience.
#[must_use]
pub fn mask(program: &Program, context: &Context<'_>, message: &Message) -> Masked {
    follow(|masker, message| masker.sift(message), program, context, message, None).0
}

/// The same, with every value looked at by itself: what masking is held against.
#[cfg(test)]
fn mask_plainly(program: &Program, context: &Context<'_>, message: &Message) -> Masked {
    follow(|_, _| (), program, context, message, None).0
}

/// Masks a message, and tells where it was masked. For people who try a rule, not for messages on their way.
#[must_use]
pub fn explain(program: &Program, context: &Context<'_>, message: &Message) -> (Masked, Vec<Found>) {
    let sift = |masker: &mut Masker<'_>, message: &Message| masker.sift(message);
    let (masked, trail) = follow(sift, program, context, message, Some(Trail::new()));
    (masked, trail.map(Trail::into_found).unwrap_or_default())
}

fn follow(
    sift: fn(&mut Masker<'_>, &Message),
    program: &Program,
    context: &Context<'_>,
    message: &Message,
    trail: Option<Trail>,
) -> (Masked, Option<Trail>) {
    let audited = audit(sift, program, context, message);
    let active = Active::new(&program.enforced, context);
    let limit = active.message_bytes().filter(|limit| exceeds(message, *limit));
    let is_clean = limit.is_none();
    let clean = |audited| Masked { audited, is_clean, ..Masked::own(message.bytes().clone()) };
    if active.is_empty() && context.known.is_empty() {
        return (clean(audited), trail);
    }
    if let Some(limit) = limit.filter(|_| !matches!(context.audience, Audience::Record)) {
        let counts = BTreeMap::from([(OVERSIZED.to_owned(), 1)]);
        let blocked = blocked(message, vec![format!("more than {limit} bytes")], counts);
        return (Masked { audited, ..blocked }, trail);
    }
    let mut masker = Masker::new(active, context.known);
    sift(&mut masker, message);
    if masker.sieve.is_empty() && masker.prunes() {
        return (clean(audited), trail);
    }
    masker.trail = trail;
    let mut edits = Edits::new();
    masker.message(message.document().root(), context, &mut edits);
    let trail = masker.trail.take();
    (Masked { audited, ..seal(message, context, edits, masker) }, trail)
}

/// What stands for a text that cannot be masked in part.
pub(crate) fn unreadable_mark() -> String {
    action::mark(marks::UNREADABLE)
}

fn exceeds(message: &Message, limit: u64) -> bool {
    u64::try_from(message.bytes().len()).is_ok_and(|length| length > limit)
}

/// What the rules that only count would mask in a message, if they were alone.
fn audit(
    sift: fn(&mut Masker<'_>, &Message),
    program: &Program,
    context: &Context<'_>,
    message: &Message,
) -> BTreeMap<String, u32> {
    if program.audited.is_empty() {
        return BTreeMap::new();
    }
    let active = Active::new(&program.audited, context);
    if active.is_empty() {
        return BTreeMap::new();
    }
    if active.message_bytes().is_some_and(|limit| exceeds(message, limit)) {
        return BTreeMap::from([(OVERSIZED.to_owned(), 1)]);
    }
    let mut masker = Masker::new(active, &[]);
    sift(&mut masker, message);
    masker.message(message.document().root(), context, &mut Edits::new());
    masker.into_counts()
}

/// The message with its edits made, or an error in its place: never the message as it was. The record has a message that
/// is blocked, with a mask in place of each value that blocks it.
fn seal(message: &Message, context: &Context<'_>, edits: Edits, masker: Masker<'_>) -> Masked {
    let for_record = matches!(context.audience, Audience::Record);
    if !for_record && !masker.blocked().is_empty() && !masker.has_failed {
        let kinds: Vec<String> = masker.blocked().iter().cloned().collect();
        let mut counts = masker.into_counts();
        for kind in &kinds {
            counts.entry(kind.clone()).or_insert(1);
        }
        return blocked(message, kinds, counts);
    }
    let has_failed = masker.has_failed;
    let passes = masker.active.fails_open() && !holds_known(message, context.known);
    match edits.apply(message.bytes()) {
        Ok(bytes) if !has_failed => Masked { counts: masker.into_counts(), ..Masked::own(bytes) },
        Ok(_) | Err(_) if passes => {
            let counts = BTreeMap::from([(UNMASKED.to_owned(), 1)]);
            Masked { counts, ..Masked::own(message.bytes().clone()) }
        }
        Ok(_) | Err(_) => {
            let text = "The gateway could not mask this message, and so does not show it.";
            Masked { is_refusal: true, ..own_error(message.id(), UNMASKABLE, text, None, &[]) }
        }
    }
}

/// Whether a credential stands in a message, which then passes under no policy. A short value that was sent as a token may be
/// a word of the protocol.
fn holds_known(message: &Message, known: &[Known]) -> bool {
    let text = String::from_utf8_lossy(message.bytes());
    known.iter().any(|known| !known.may_be_a_word() && known.is_in(&text))
}

/// The error in place of a message that rules block: it names the kinds of the values, and nothing of them.
fn blocked(message: &Message, blocked: Vec<String>, counts: BTreeMap<String, u32>) -> Masked {
    let kinds = blocked.join(", ");
    let text =
        format!("The policy of this connection blocks this answer, because of what it holds: {kinds}.");
    Masked { counts, is_refusal: true, blocked, ..own_error(message.id(), BLOCKED, &text, None, &[]) }
}

/// The gateway's own answer to a ping.
#[must_use]
pub fn own_pong(id: &Id) -> Masked {
    Masked::own(response(id, "{}"))
}

/// An error response of the gateway's own. `text` may repeat what a client sent, in which every one of `known`
/// is replaced; it must hold nothing else that came from outside. `data` is JSON.
#[must_use]
pub fn own_error(id: Option<&Id>, code: i64, text: &str, data: Option<&str>, known: &[Known]) -> Masked {
    let is_safe = |text: &str| !known.iter().any(|known| known.is_in(text));
    let text = if is_safe(text) { text } else { "[REDACTED:credential]" };
    Masked::own(error_response(id, code, text, data.filter(|data| is_safe(data))))
}

/// A result of `tools/call` of the gateway's own, which says why the tool did not do what was asked. `text` is as in
/// [`own_error`].
#[must_use]
pub fn own_tool_error(id: &Id, text: &str, known: &[Known]) -> Masked {
    let is_safe = !known.iter().any(|known| known.is_in(text));
    Masked::own(tool_error(id, if is_safe { text } else { "[REDACTED:credential]" }))
}

/// A result of the gateway's own that tells a client of MCP 2026-07-28 to ask again with `state`.
#[must_use]
pub fn own_input_required(id: &Id, state: &str) -> Masked {
    Masked::own(response(
        id,
        &format!(r#"{{"resultType":"input_required","requestState":{}}}"#, quote(state)),
    ))
}

/// Word of the gateway's own that a call still waits. `token` is the client's progress token, as JSON.
#[must_use]
pub fn own_progress(token: &str, beats: u64, text: &str) -> Masked {
    // Progress must increase, and the server's own comes afterwards, as a rule from one: thousandths lie below.
    let progress = format!("{}.{:03}", beats / 1000, beats % 1000);
    let params = format!(r#"{{"progressToken":{token},"progress":{progress},"message":{}}}"#, quote(text));
    Masked::own(notification("notifications/progress", Some(&params)))
}

/// Word of the gateway's own that a list has changed for its caller; `subscription` is the id of the
/// `subscriptions/listen` that hears it, if one does.
#[must_use]
pub fn own_list_changed(list: List, subscription: Option<&Id>) -> Masked {
    let params = subscription.map(|id| format!(r#"{{"_meta":{{"{META_SUBSCRIPTION_ID}":{id}}}}}"#));
    Masked::own(notification(list.notification(), params.as_deref()))
}

/// The end of a `subscriptions/listen` that the gateway itself ends (MCP 2026-07-28, Subscriptions, Graceful Closure).
#[must_use]
pub fn own_listen_end(id: &Id) -> Masked {
    let result = format!(r#"{{"resultType":"complete","_meta":{{"{META_SUBSCRIPTION_ID}":{id}}}}}"#);
    Masked::own(response(id, &result))
}
