//! Session ids that only this gateway can make, and that only their owner can use.
//!
//! A client of a revision with sessions gets an id that seals (AES-256-GCM) the upstream's own id, a name for
//! the record, and an end. The caller and the connection are authenticated with it, so that an id that was
//! stolen, forged or carried to another connection opens nothing: it is answered like one that never was.
//! Any replica with the same key serves any session; nothing is stored.
//!
//! The ids of events are sealed likewise, so that a client can resume its own streams and nobody else's.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_gateway_mcp::lists::Lists;
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_policy::Caller;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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
}

/// An event after which a stream is to be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The upstream's id of the event.
    pub upstream: String,
    /// Whether the stream is that of a call; ids of earlier gateways do not say.
    pub of_call: bool,
}

/// The keys that a gateway makes and opens ids with.
pub struct Sealer {
    sealing: RandomizedNonceKey,
    events: hmac::Key,
    naming: hmac::Key,
    approving: hmac::Key,
}

/// The id is unknown, foreign, expired or forged: which of these is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSession;

impl Sealer {
    /// Takes the 32 bytes of the gateway's session key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Option<Self> {
        let derive = |purpose: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
        let sealing =
            RandomizedNonceKey::new(&AES_256_GCM, derive(b"lychgate session sealing").as_ref()).ok()?;
        let events = hmac::Key::new(hmac::HMAC_SHA256, derive(b"lychgate event sealing").as_ref());
        let naming = hmac::Key::new(hmac::HMAC_SHA256, derive(b"lychgate session naming").as_ref());
        let approving = hmac::Key::new(hmac::HMAC_SHA256, derive(b"lychgate approval digests").as_ref());
        Some(Self { sealing, events, naming, approving })
    }

    /// The key for the digests of calls on one connection.
    #[must_use]
    pub fn approval_key(&self, connection: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.approving, connection.as_bytes()).as_ref())
    }

    /// The key under which credential versions and sessions are named.
    #[must_use]
    pub fn naming(&self) -> &hmac::Key {
        &self.naming
    }

    /// Makes the id of a session; `None` if the system has no randomness to give.
    #[must_use]
    pub fn seal(&self, connection: &str, caller: &Caller, session: &Session) -> Option<String> {
        seal_bytes(&self.sealing, binding(connection, caller), serde_json::to_vec(session).ok()?)
    }

    /// Opens an id.
    ///
    /// # Errors
    /// The id is not one that this key made for this caller and connection, or its session has ended.
    pub fn open(&self, connection: &str, caller: &Caller, id: &[u8], now: u64) -> Result<Session, NoSession> {
        let session: Session = open_bytes(&self.sealing, binding(connection, caller), id).ok_or(NoSession)?;
        if session.expires > now { Ok(session) } else { Err(NoSession) }
    }

    /// Makes the state of a leg; `None` if the system has no randomness to give.
    #[must_use]
    pub fn seal_leg(&self, connection: &str, caller: &Caller, leg: &Leg) -> Option<String> {
        seal_bytes(&self.sealing, leg_binding(connection, caller), serde_json::to_vec(leg).ok()?)
    }

    /// Opens the state of a leg; `None` if it is not one that this key made for this caller and connection, or if it
    /// is too old.
    #[must_use]
    pub fn open_leg(&self, connection: &str, caller: &Caller, state: &[u8], now: u64) -> Option<Leg> {
        let leg: Leg = open_bytes(&self.sealing, leg_binding(connection, caller), state)?;
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
        seal_bytes(&self.sealing, bound, serde_json::to_vec(endpoint).ok()?)
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
        let endpoint: SealedEndpoint =
            open_bytes(&self.sealing, bound, sealed.as_bytes()).ok_or(NoSession)?;
        if endpoint.expires > now { Ok(endpoint) } else { Err(NoSession) }
    }

    /// Makes the id of an event in a stream of the session with that name; `None` if the upstream's id is too long,
    /// or if the system has no randomness to give.
    #[must_use]
    pub fn seal_event(&self, stream: &StreamOf<'_>, upstream: &str, now: u64) -> Option<String> {
        if upstream.len() > MAXIMUM_EVENT_ID_BYTES {
            return None;
        }
        let id = EventId {
            upstream: upstream.to_owned(),
            expires: now.saturating_add(LIFETIME_SECONDS),
            of_call: stream.of_call,
        };
        let bound = binding(stream.connection, stream.caller);
        seal_bytes(&self.event_key(stream.session)?, bound, serde_json::to_vec(&id).ok()?)
    }

    /// What the id of an event stands for; `None` if it is not one that this key made for this caller, connection and
    /// session, or if it is too old. Whose stream it was is told by the id, not asked of `stream`.
    #[must_use]
    pub fn open_event(&self, stream: &StreamOf<'_>, id: &[u8], now: u64) -> Option<Resumed> {
        let bound = binding(stream.connection, stream.caller);
        let id: EventId = open_bytes(&self.event_key(stream.session)?, bound, id)?;
        (id.expires > now).then_some(Resumed { upstream: id.upstream, of_call: id.of_call })
    }

    /// Each session has a key of its own for its events: there are too many of them for one key with random nonces.
    fn event_key(&self, session: &str) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, hmac::sign(&self.events, session.as_bytes()).as_ref()).ok()
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
}

fn seal_bytes(key: &RandomizedNonceKey, bound: Vec<u8>, mut sealed: Vec<u8>) -> Option<String> {
    let nonce = key.seal_in_place_append_tag(Aad::from(bound), &mut sealed).ok()?;
    let mut id = nonce.as_ref().to_vec();
    id.append(&mut sealed);
    Some(URL_SAFE_NO_PAD.encode(id))
}

fn open_bytes<T: DeserializeOwned>(key: &RandomizedNonceKey, bound: Vec<u8>, id: &[u8]) -> Option<T> {
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

/// What an id is bound to, each part with its length, so that no two bindings read alike.
fn binding(connection: &str, caller: &Caller) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in [connection, &caller.issuer, &caller.subject, &caller.username] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{Leg, NoSession, Resumed, SealedEndpoint, Sealer, Session, StreamOf, URL_SAFE_NO_PAD};
    use base64::Engine as _;
    use lychgate_gateway_policy::Caller;
    use proptest::prelude::*;

    fn caller(issuer: &str, subject: &str) -> Caller {
        Caller {
            issuer: issuer.into(),
            subject: subject.into(),
            username: subject.into(),
            groups: vec![],
            kubernetes_usernames: vec![],
            anonymous: false,
        }
    }

    fn session() -> Session {
        let revision = Some("2025-03-26".into());
        Session { upstream: None, name: "s-1".into(), expires: 100, revision, announced: 5 }
    }

    #[test]
    fn an_id_of_an_earlier_gateway_opens_and_says_less() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let alice = caller("https://idp", "alice");
        let earlier = br#"{"u":"up-1","n":"s-1","e":100}"#.to_vec();
        let id = super::seal_bytes(&sealer.sealing, super::binding("agents/db", &alice), earlier).unwrap();
        let opened = sealer.open("agents/db", &alice, id.as_bytes(), 99).unwrap();
        assert_eq!((opened.upstream.as_deref(), opened.allows_batches()), (Some("up-1"), false));
        assert!(opened.announced().is_empty());
        assert!(session().allows_batches() && session().announced().tools);
        let later = Session { revision: Some("2025-06-18".into()), ..session() };
        assert!(!later.allows_batches());

        let stream = StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true };
        let earlier = br#"{"u":"up/7","e":100}"#.to_vec();
        let key = sealer.event_key("s-1").unwrap();
        let id = super::seal_bytes(&key, super::binding("agents/db", &alice), earlier).unwrap();
        let expected = Some(Resumed { upstream: "up/7".into(), of_call: false });
        assert_eq!(sealer.open_event(&stream, id.as_bytes(), 99), expected);
    }

    #[test]
    fn an_id_opens_for_its_caller_on_its_connection_until_its_end_and_for_nobody_else() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let alice = caller("https://idp", "alice");
        let session = Session { upstream: Some("up-1".into()), ..session() };
        let id = sealer.seal("agents/db", &alice, &session).unwrap();

        assert_eq!(sealer.open("agents/db", &alice, id.as_bytes(), 99), Ok(session));
        assert!(!id.contains("up-1"), "the upstream's id is not to be read");
        let other_key = Sealer::new(&[2; 32]).unwrap();
        for (what, opened) in [
            ("expired", sealer.open("agents/db", &alice, id.as_bytes(), 100)),
            ("another connection", sealer.open("agents/other", &alice, id.as_bytes(), 99)),
            ("another caller", sealer.open("agents/db", &caller("https://idp", "bob"), id.as_bytes(), 99)),
            ("another issuer", sealer.open("agents/db", &caller("https://b", "alice"), id.as_bytes(), 99)),
            ("another key", other_key.open("agents/db", &alice, id.as_bytes(), 99)),
            ("cut", sealer.open("agents/db", &alice, &id.as_bytes()[..id.len() - 2], 99)),
            ("empty", sealer.open("agents/db", &alice, b"", 99)),
            ("the upstream's own id", sealer.open("agents/db", &alice, b"up-1", 99)),
            ("huge", sealer.open("agents/db", &alice, &vec![b'A'; 8192], 99)),
        ] {
            assert_eq!(opened, Err(NoSession), "{what}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_opens_nothing_that_was_not_sealed_for_it(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            upstream in ".{0,40}",
            place in any::<prop::sample::Index>(),
            pieces in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let sealer = Sealer::new(&[1; 32]).unwrap();
            let alice = caller("https://idp", "alice");
            let mine = Session { upstream: Some(upstream), ..session() };
            let id = sealer.seal("agents/db", &alice, &mine).unwrap().into_bytes();
            prop_assert_eq!(sealer.open("agents/db", &alice, &id, 99), Ok(mine));
            let other = sealer.seal("agents/db", &alice, &session()).unwrap().into_bytes();
            let place = place.index(id.len());
            let (start, end) = (pieces.0.index(id.len()), pieces.1.index(other.len()));
            for changed in [
                bytes.clone(),
                URL_SAFE_NO_PAD.encode(&bytes).into_bytes(),
                [&id[..place], &bytes, &id[place..]].concat(),
                [&id[..start], &other[end..]].concat(),
                id[..place].to_vec(),
            ] {
                let opened = sealer.open("agents/db", &alice, &changed, 99);
                prop_assert!(opened == Err(NoSession) || changed == id || changed == other);
                let stream = StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true };
                prop_assert_eq!(sealer.open_event(&stream, &changed, 1), None);
                prop_assert_eq!(sealer.open_leg("agents/db", &alice, &changed, 1), None);
            }
        }
    }

    #[test]
    fn any_changed_character_makes_an_id_worthless() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let alice = caller("https://idp", "alice");
        let id = sealer.seal("agents/db", &alice, &session()).unwrap();
        for index in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(sealer.open("agents/db", &alice, &changed, 99), Err(NoSession), "at {index}");
        }
    }

    #[test]
    fn the_state_of_a_leg_is_the_callers_own_and_is_no_session() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let alice = caller("https://idp", "alice");
        let leg = Leg { digest: "d".into(), number: 3, expires: 100 };
        let state = sealer.seal_leg("agents/db", &alice, &leg).unwrap();
        let open = |connection: &str, caller: &Caller, now| {
            sealer.open_leg(connection, caller, state.as_bytes(), now)
        };
        assert_eq!(open("agents/db", &alice, 99), Some(leg));
        assert_eq!(open("agents/db", &alice, 100), None, "too old");
        assert_eq!(open("agents/other", &alice, 99), None);
        assert_eq!(open("agents/db", &caller("https://idp", "bob"), 99), None);
        assert_eq!(sealer.open("agents/db", &alice, state.as_bytes(), 99), Err(NoSession));
        let id = sealer.seal("agents/db", &alice, &session()).unwrap();
        assert_eq!(sealer.open_leg("agents/db", &alice, id.as_bytes(), 99), None);
    }

    #[test]
    fn the_endpoint_of_a_stream_opens_for_its_caller_on_its_connection_until_its_end_and_is_no_session() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let (alice, bob) = (caller("https://idp", "alice"), caller("https://idp", "bob"));
        let endpoint =
            SealedEndpoint { url: "http://server/message?id=7".into(), name: "s-1".into(), expires: 100 };
        let sealed = sealer.seal_endpoint("agents/db", &alice, &endpoint).unwrap();
        let open =
            |connection: &str, caller: &Caller, now| sealer.open_endpoint(connection, caller, &sealed, now);
        assert_eq!(open("agents/db", &alice, 99), Ok(endpoint));
        assert_eq!(open("agents/db", &alice, 100), Err(NoSession), "expired");
        assert_eq!(open("agents/other", &alice, 99), Err(NoSession));
        assert_eq!(open("agents/db", &bob, 99), Err(NoSession));
        assert_eq!(sealer.open("agents/db", &alice, sealed.as_bytes(), 99), Err(NoSession));
        let id = sealer.seal("agents/db", &alice, &session()).unwrap();
        for other in [id.as_str(), "http://server/message?id=7", ""] {
            assert_eq!(sealer.open_endpoint("agents/db", &alice, other, 99), Err(NoSession), "{other}");
        }
        let longest = format!("http://{}/{}", "h".repeat(253), "x".repeat(1024));
        let longest =
            SealedEndpoint { url: longest, name: format!("s-{}", "0".repeat(16)), expires: u64::MAX };
        let sealed = sealer.seal_endpoint("agents/db", &alice, &longest).unwrap();
        assert_eq!(sealer.open_endpoint("agents/db", &alice, &sealed, 0), Ok(longest));
    }

    #[test]
    fn the_id_of_an_event_opens_in_its_session_for_its_caller_and_for_a_day() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let (alice, bob) = (caller("https://idp", "alice"), caller("https://idp", "bob"));
        let stream = StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true };
        let id = sealer.seal_event(&stream, "up/7", 0).unwrap();
        let expected = Some(Resumed { upstream: "up/7".into(), of_call: true });
        assert_eq!(sealer.open_event(&stream, id.as_bytes(), 86_399), expected);
        for (what, opened) in [
            ("too old", sealer.open_event(&stream, id.as_bytes(), 86_400)),
            ("another caller", sealer.open_event(&StreamOf { caller: &bob, ..stream }, id.as_bytes(), 1)),
            ("another session", sealer.open_event(&StreamOf { session: "s-2", ..stream }, id.as_bytes(), 1)),
            (
                "another connection",
                sealer.open_event(&StreamOf { connection: "agents/other", ..stream }, id.as_bytes(), 1),
            ),
            ("the upstream's own id", sealer.open_event(&stream, b"up/7", 1)),
        ] {
            assert_eq!(opened, None, "{what}");
        }
        assert_eq!(sealer.seal_event(&stream, &"x".repeat(1025), 0), None, "too long");
    }
}
