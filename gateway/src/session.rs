//! Session ids that only this gateway can make, and that only their owner can use.
//!
//! A client of a revision with sessions gets an id that seals (AES-256-GCM) the upstream's own id, a name for
//! the record, and an end. The caller and the connection are authenticated with it, so that an id that was
//! stolen, forged or carried to another connection opens nothing: it is answered like one that never was.
//! Any replica with the same key serves any session; nothing is stored.
//!
//! The ids of events are sealed likewise, so that a client can resume its own streams and nobody else's.
//!
//! Keys are replaced with overlap: [`keys`] has the one that seals, and those that only open.

pub mod keys;
pub mod tokens;

use aws_lc_rs::aead::{Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_gateway_mcp::lists::Lists;
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_policy::mask::{Known, Tokens};
use lychgate_gateway_policy::{Caller, Restored};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::keys::{Ring, SessionKeys};
use crate::task::Handles;

/// How long a session lives, in seconds: one day. A client then initialises a new one.
pub const LIFETIME_SECONDS: u64 = 24 * 60 * 60;
/// The longest id that an upstream may give its session, in bytes.
pub const MAXIMUM_UPSTREAM_ID_BYTES: usize = 1024;
/// The longest id that an upstream may give an event, in bytes; a longer one is left out.
const MAXIMUM_EVENT_ID_BYTES: usize = 1024;
/// The longest id that is unsealed, in bytes.
const MAXIMUM_SEALED_BYTES: usize = 4 * 1024;
const NONCE_BYTES: usize = 12;

/// What an id seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The upstream's own id, if it gave one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The session's name in the record.
    #[serde(rename = "n")]
    pub name: String,
    /// When it ends, in seconds since the Unix epoch.
    #[serde(rename = "e")]
    pub expires: u64,
    /// The revision that `initialize` settled, if it is known; ids of earlier gateways do not say.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The lists of whose changes the server said that it tells, as [`Lists::bits`].
    #[serde(rename = "l", default)]
    pub announced: u8,
}

impl Session {
    /// Whether its revision lets both sides send several messages in one array.
    #[must_use]
    pub fn allows_batches(&self) -> bool {
        self.revision.as_deref().and_then(Revision::parse).is_some_and(Revision::allows_batches)
    }

    /// The lists of whose changes its streams tell.
    #[must_use]
    pub fn announced(&self) -> Lists {
        Lists::from_bits(self.announced)
    }
}

/// What a client gives back when it asks again for a call that waits for approval (MCP 2026-07-28).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The digest of the call that waits.
    #[serde(rename = "d")]
    pub digest: String,
    /// How often the client was told to ask again.
    #[serde(rename = "l")]
    pub number: u32,
    /// When it is worth nothing any more, in seconds since the Unix epoch.
    #[serde(rename = "e")]
    pub expires: u64,
}

/// Where the messages of an open event stream go (MCP 2024-11-05): what a client posts back with each of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedEndpoint {
    /// The URL that the server named. Whether it is of the server's origin is asked when it is used, too.
    #[serde(rename = "u")]
    pub url: String,
    /// The session's name in the record.
    #[serde(rename = "n")]
    pub name: String,
    /// When it ends, in seconds since the Unix epoch.
    #[serde(rename = "e")]
    pub expires: u64,
}

/// What the id of an event seals.
#[derive(Serialize, Deserialize)]
struct EventId {
    /// The upstream's own id.
    #[serde(rename = "u")]
    upstream: String,
    /// When it is worth nothing any more, in seconds since the Unix epoch.
    #[serde(rename = "e")]
    expires: u64,
    /// Whether the stream is that of a call.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    of_call: bool,
    /// The values that the call had as tokens.
    #[serde(rename = "v", default, skip_serializing_if = "Restored::is_empty")]
    restored: Restored,
}

/// An event after which a stream is to be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The upstream's id of the event.
    pub upstream: String,
    /// Whether the stream is that of a call; ids of earlier gateways do not say.
    pub of_call: bool,
    /// The values that the call had as tokens: what is left of its answer must not show them.
    pub restored: Restored,
}

/// The keys that a gateway makes and opens ids with.
pub struct Sealer {
    current: Ring,
    others: Vec<Ring>,
    naming: hmac::Key,
    approving: hmac::Key,
}

/// The id is unknown, foreign, expired or forged: which of these is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSession;

impl Sealer {
    /// Takes the gateway's keys; `None` if one of them cannot be used.
    #[must_use]
    pub fn new(keys: &SessionKeys) -> Option<Self> {
        let names = keys.names.as_ref().unwrap_or(&keys.current);
        Some(Self {
            current: Ring::new(&keys.current)?,
            others: keys.others.iter().map(|key| Ring::new(key)).collect::<Option<_>>()?,
            naming: keys::derived(names, b"lychgate session naming"),
            approving: keys::derived(names, b"lychgate approval digests"),
        })
    }

    /// What opens, the key that seals first.
    fn rings(&self) -> impl Iterator<Item = &Ring> {
        std::iter::once(&self.current).chain(&self.others)
    }

    fn open_with_any<T: DeserializeOwned>(&self, bound: &[u8], id: &[u8]) -> Option<T> {
        self.rings().find_map(|ring| open_bytes(&ring.sealing, bound, id))
    }

    /// The key for the digests of calls on one connection.
    #[must_use]
    pub fn approval_key(&self, connection: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.approving, connection.as_bytes()).as_ref())
    }

    /// The handles that stand for a caller's tasks on one connection; `None` if the key cannot be made.
    #[must_use]
    pub fn handles(&self, connection: &str, caller: &Caller) -> Option<Handles> {
        Handles::of(self.rings().map(|ring| &ring.tasks), connection, caller)
    }

    /// The tokens of a caller's session on one connection, or of the caller where there are no sessions; `None` if a key cannot
    /// be used.
    #[must_use]
    pub fn tokens(&self, connection: &str, caller: &Caller, session: Option<&str>) -> Option<Tokens> {
        let bound = token_binding(connection, caller, session);
        Tokens::new(self.rings().map(|ring| hmac::sign(&ring.tokens, &bound)))
    }

    /// The key under which credential versions and sessions are named.
    #[must_use]
    pub fn naming(&self) -> &hmac::Key {
        &self.naming
    }

    /// Makes the id of a session; `None` if the system has no randomness to give.
    #[must_use]
    pub fn seal(&self, connection: &str, caller: &Caller, session: &Session) -> Option<String> {
        seal_bytes(&self.current.sealing, binding(connection, caller), serde_json::to_vec(session).ok()?)
    }

    /// Opens an id.
    ///
    /// # Errors
    /// The id is not one that these keys made for this caller and connection, or its session has ended.
    pub fn open(&self, connection: &str, caller: &Caller, id: &[u8], now: u64) -> Result<Session, NoSession> {
        let session: Session = self.open_with_any(&binding(connection, caller), id).ok_or(NoSession)?;
        if session.expires > now { Ok(session) } else { Err(NoSession) }
    }

    /// Makes the state of a leg; `None` if the system has no randomness to give.
    #[must_use]
    pub fn seal_leg(&self, connection: &str, caller: &Caller, leg: &Leg) -> Option<String> {
        seal_bytes(&self.current.sealing, leg_binding(connection, caller), serde_json::to_vec(leg).ok()?)
    }

    /// Opens the state of a leg; `None` if it is not one that these keys made for this caller and connection, or if it
    /// is too old.
    #[must_use]
    pub fn open_leg(&self, connection: &str, caller: &Caller, state: &[u8], now: u64) -> Option<Leg> {
        let leg: Leg = self.open_with_any(&leg_binding(connection, caller), state)?;
        (leg.expires > now).then_some(leg)
    }

    /// Makes what a client posts its messages with; `None` if the system has no randomness to give.
    #[must_use]
    pub fn seal_endpoint(
        &self,
        connection: &str,
        caller: &Caller,
        endpoint: &SealedEndpoint,
    ) -> Option<String> {
        let bound = endpoint_binding(connection, caller);
        seal_bytes(&self.current.sealing, bound, serde_json::to_vec(endpoint).ok()?)
    }

    /// Opens what a client posts a message with.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn open_endpoint(
        &self,
        connection: &str,
        caller: &Caller,
        sealed: &str,
        now: u64,
    ) -> Result<SealedEndpoint, NoSession> {
        let bound = endpoint_binding(connection, caller);
        let endpoint: SealedEndpoint = self.open_with_any(&bound, sealed.as_bytes()).ok_or(NoSession)?;
        if endpoint.expires > now { Ok(endpoint) } else { Err(NoSession) }
    }

    /// Makes the id of an event in a stream of the session with that name; `None` if the upstream's id is too long, or what
    /// the call had as tokens is, or if the system has no randomness to give.
    #[must_use]
    pub fn seal_event(&self, stream: &StreamOf<'_>, upstream: &str, now: u64) -> Option<String> {
        if upstream.len() > MAXIMUM_EVENT_ID_BYTES {
            return None;
        }
        let id = EventId {
            upstream: upstream.to_owned(),
            expires: now.saturating_add(LIFETIME_SECONDS),
            of_call: stream.of_call,
            restored: Restored::of(stream.known),
        };
        let bound = binding(stream.connection, stream.caller);
        let id = seal_bytes(&self.current.event_key(stream.session)?, bound, serde_json::to_vec(&id).ok()?)?;
        (id.len() <= MAXIMUM_SEALED_BYTES).then_some(id)
    }

    /// What the id of an event stands for; `None` if it is not one that these keys made for this caller, connection and
    /// session, or if it is too old. Whose stream it was is told by the id, not asked of `stream`.
    #[must_use]
    pub fn open_event(&self, stream: &StreamOf<'_>, id: &[u8], now: u64) -> Option<Resumed> {
        let bound = binding(stream.connection, stream.caller);
        let open = |ring: &Ring| open_bytes(&ring.event_key(stream.session)?, &bound, id);
        let id: EventId = self.rings().find_map(open)?;
        let EventId { upstream, expires, of_call, restored } = id;
        (expires > now).then_some(Resumed { upstream, of_call, restored })
    }

    /// The name in the record for what one token does without a session: the same for the same token.
    #[must_use]
    pub fn name_of_token(&self, connection: &str, caller: &Caller, token: &str) -> String {
        let mut context = hmac::Context::with_key(&self.naming);
        context.update(b"lychgate token session\0");
        context.update(&binding(connection, caller));
        context.update(token.as_bytes());
        format!("t-{}", hex::encode(context.sign().as_ref().get(..8).unwrap_or_default()))
    }
}

/// Whose stream an event is in.
#[derive(Clone, Copy)]
pub struct StreamOf<'a> {
    /// The connection's label.
    pub connection: &'a str,
    /// Who opened the stream.
    pub caller: &'a Caller,
    /// The name of the session in the record.
    pub session: &'a str,
    /// Whether it is that of a call, and not the session's own.
    pub of_call: bool,
    /// What must not be shown in it, the values among it that the call had as tokens.
    pub known: &'a [Known],
}

fn seal_bytes(key: &RandomizedNonceKey, bound: Vec<u8>, mut sealed: Vec<u8>) -> Option<String> {
    let nonce = key.seal_in_place_append_tag(Aad::from(bound), &mut sealed).ok()?;
    let mut id = nonce.as_ref().to_vec();
    id.append(&mut sealed);
    Some(URL_SAFE_NO_PAD.encode(id))
}

fn open_bytes<T: DeserializeOwned>(key: &RandomizedNonceKey, bound: &[u8], id: &[u8]) -> Option<T> {
    if id.len() > MAXIMUM_SEALED_BYTES {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let opened = key.open_in_place(nonce, Aad::from(bound), &mut sealed).ok()?;
    serde_json::from_slice(opened).ok()
}

/// A new name in the record for a session; `None` if the system has no randomness to give.
#[must_use]
pub fn new_name() -> Option<String> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(format!("s-{}", hex::encode(bytes)))
}

/// What the state of a leg is bound to: nothing that an id of a session could be bound to.
fn leg_binding(connection: &str, caller: &Caller) -> Vec<u8> {
    [b"lychgate leg\0".as_slice(), &binding(connection, caller)].concat()
}

/// What the endpoint of a stream is bound to: nothing that an id of a session or the state of a leg could be bound to.
fn endpoint_binding(connection: &str, caller: &Caller) -> Vec<u8> {
    [b"lychgate endpoint\0".as_slice(), &binding(connection, caller)].concat()
}

/// What tokens are bound to: what an id of a session is, and its name, each part with its length. Where there is no session,
/// nothing follows.
fn token_binding(connection: &str, caller: &Caller, session: Option<&str>) -> Vec<u8> {
    let mut bytes = [b"lychgate token\0".as_slice(), &binding(connection, caller)].concat();
    if let Some(session) = session {
        bytes.extend_from_slice(&(session.len() as u64).to_be_bytes());
        bytes.extend_from_slice(session.as_bytes());
    }
    bytes
}

/// What an id is bound to, each part with its length, so that no two bindings read alike.
pub(crate) fn binding(connection: &str, caller: &Caller) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in [connection, &caller.issuer, &caller.subject, &caller.username] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
