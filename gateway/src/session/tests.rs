//! Tests of what is sealed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::keys::{KEY_BYTES, SessionKeys};
use super::{Leg, NoSession, Resumed, SealedEndpoint, Sealer, Session, StreamOf, URL_SAFE_NO_PAD};
use base64::Engine as _;
use lychgate_gateway_policy::mask::Known;
use lychgate_gateway_policy::{Caller, Restored};
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

/// A gateway that seals with the first of these keys and opens with all.
fn with_keys(keys: &[u8]) -> Sealer {
    let mut keys = keys.iter().map(|key| SessionKeys::of([*key; KEY_BYTES]).current);
    let current = keys.next().unwrap();
    Sealer::new(&SessionKeys { current, others: keys.collect(), names: None }).unwrap()
}

fn session() -> Session {
    let revision = Some("2025-03-26".into());
    Session { upstream: None, name: "s-1".into(), expires: 100, revision, announced: 5 }
}

#[test]
fn an_id_of_an_earlier_gateway_opens_and_says_less() {
    let sealer = with_keys(&[1]);
    let alice = caller("https://idp", "alice");
    let earlier = br#"{"u":"up-1","n":"s-1","e":100}"#.to_vec();
    let id =
        super::seal_bytes(&sealer.current.sealing, super::binding("agents/db", &alice), earlier).unwrap();
    let opened = sealer.open("agents/db", &alice, id.as_bytes(), 99).unwrap();
    assert_eq!((opened.upstream.as_deref(), opened.allows_batches()), (Some("up-1"), false));
    assert!(opened.announced().is_empty());
    assert!(session().allows_batches() && session().announced().tools);
    let later = Session { revision: Some("2025-06-18".into()), ..session() };
    assert!(!later.allows_batches());

    let stream =
        StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true, known: &[] };
    let earlier = br#"{"u":"up/7","e":100}"#.to_vec();
    let key = sealer.current.event_key("s-1").unwrap();
    let id = super::seal_bytes(&key, super::binding("agents/db", &alice), earlier).unwrap();
    let expected = Some(Resumed { upstream: "up/7".into(), of_call: false, restored: Restored::default() });
    assert_eq!(sealer.open_event(&stream, id.as_bytes(), 99), expected);
}

#[test]
fn an_id_opens_for_its_caller_on_its_connection_until_its_end_and_for_nobody_else() {
    let sealer = with_keys(&[1]);
    let alice = caller("https://idp", "alice");
    let session = Session { upstream: Some("up-1".into()), ..session() };
    let id = sealer.seal("agents/db", &alice, &session).unwrap();

    assert_eq!(sealer.open("agents/db", &alice, id.as_bytes(), 99), Ok(session));
    assert!(!id.contains("up-1"), "the upstream's id is not to be read");
    let other_key = with_keys(&[2]);
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
        let sealer = with_keys(&[1]);
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
            let stream = StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true, known: &[] };
            prop_assert_eq!(sealer.open_event(&stream, &changed, 1), None);
            prop_assert_eq!(sealer.open_leg("agents/db", &alice, &changed, 1), None);
        }
    }
}

#[test]
fn any_changed_character_makes_an_id_worthless() {
    let sealer = with_keys(&[1]);
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
    let sealer = with_keys(&[1]);
    let alice = caller("https://idp", "alice");
    let leg = Leg { digest: "d".into(), number: 3, expires: 100 };
    let state = sealer.seal_leg("agents/db", &alice, &leg).unwrap();
    let open =
        |connection: &str, caller: &Caller, now| sealer.open_leg(connection, caller, state.as_bytes(), now);
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
    let sealer = with_keys(&[1]);
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
    let longest = SealedEndpoint { url: longest, name: format!("s-{}", "0".repeat(16)), expires: u64::MAX };
    let sealed = sealer.seal_endpoint("agents/db", &alice, &longest).unwrap();
    assert_eq!(sealer.open_endpoint("agents/db", &alice, &sealed, 0), Ok(longest));
}

#[test]
fn the_id_of_an_event_opens_in_its_session_for_its_caller_and_for_a_day() {
    let sealer = with_keys(&[1]);
    let (alice, bob) = (caller("https://idp", "alice"), caller("https://idp", "bob"));
    let stream =
        StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true, known: &[] };
    let id = sealer.seal_event(&stream, "up/7", 0).unwrap();
    let expected = Some(Resumed { upstream: "up/7".into(), of_call: true, restored: Restored::default() });
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

#[test]
fn a_new_key_seals_and_what_the_old_one_sealed_opens_while_that_is_listed() {
    let alice = caller("https://idp", "alice");
    let stream =
        StreamOf { connection: "agents/db", caller: &alice, session: "s-1", of_call: true, known: &[] };
    let leg = Leg { digest: "d".into(), number: 3, expires: 100 };
    let endpoint = SealedEndpoint { url: "http://server/m".into(), name: "s-1".into(), expires: 100 };
    let all_open = |sealing: &Sealer, opening: &Sealer| {
        let id = sealing.seal("agents/db", &alice, &session()).unwrap();
        let state = sealing.seal_leg("agents/db", &alice, &leg).unwrap();
        let event = sealing.seal_event(&stream, "up/7", 0).unwrap();
        let sealed = sealing.seal_endpoint("agents/db", &alice, &endpoint).unwrap();
        let opened = [
            opening.open("agents/db", &alice, id.as_bytes(), 1).is_ok(),
            opening.open_leg("agents/db", &alice, state.as_bytes(), 1).is_some(),
            opening.open_event(&stream, event.as_bytes(), 1).is_some(),
            opening.open_endpoint("agents/db", &alice, &sealed, 1).is_ok(),
        ];
        assert!(opened.iter().all(|it| *it == opened[0]), "all are of one key: {opened:?}");
        opened[0]
    };
    // A key is listed as the next one, seals, is listed as the previous one, and is gone.
    let steps = [with_keys(&[1]), with_keys(&[1, 2]), with_keys(&[2, 1]), with_keys(&[2])];
    for (sealing, opening, expected) in
        [(0, 1, true), (1, 2, true), (2, 1, true), (2, 3, true), (0, 2, true), (0, 3, false), (2, 0, false)]
    {
        assert_eq!(all_open(&steps[sealing], &steps[opening]), expected, "{sealing} at {opening}");
    }
}

#[test]
fn names_and_digests_stay_while_keys_change_if_they_have_a_key_of_their_own() {
    let alice = caller("https://idp", "alice");
    let with = |current: u8, names: Option<u8>| {
        let names = names.map(|names| SessionKeys::of([names; KEY_BYTES]).current);
        Sealer::new(&SessionKeys { names, ..SessionKeys::of([current; KEY_BYTES]) }).unwrap()
    };
    let facts = |sealer: &Sealer| {
        let digest = aws_lc_rs::hmac::sign(&sealer.approval_key("agents/db"), b"a call");
        let version = aws_lc_rs::hmac::sign(sealer.naming(), b"a value");
        let name = sealer.name_of_token("agents/db", &alice, "token");
        (digest.as_ref().to_vec(), version.as_ref().to_vec(), name)
    };
    let first = facts(&with(1, None));
    assert_eq!(facts(&with(2, Some(1))), first, "the first key goes on as that of names");
    assert_ne!(facts(&with(2, None)), first);
}

#[test]
fn the_keys_of_a_folder_are_read_and_one_of_a_wrong_length_is_told_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, key: &[u8]| std::fs::write(folder.path().join(file), key).unwrap();
    let problem =
        || SessionKeys::read(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(problem().ends_with("session: there is none; it must hold 32 random bytes"), "{}", problem());
    write("session", &[1; 32]);
    let keys = SessionKeys::read(folder.path()).unwrap();
    assert!(keys.others.is_empty() && keys.names.is_none());
    for file in ["session.previous", "session.next", "names"] {
        write(file, &[2; 31]);
        assert!(problem().ends_with(&format!("{file}: has 31 bytes; it must hold 32 random bytes")));
        write(file, &[2; 32]);
    }
    let keys = SessionKeys::read(folder.path()).unwrap();
    assert_eq!((keys.others.len(), keys.names.map(|key| *key)), (2, Some([2; 32])));
}

#[test]
fn a_token_opens_in_the_session_of_its_caller_on_its_connection_and_nowhere_else() {
    let (alice, bob) = (caller("https://idp", "alice"), caller("https://idp", "bob"));
    let sealer = with_keys(&[1]);
    let tokens = |sealer: &Sealer, connection: &str, caller, session| {
        sealer.tokens(connection, caller, session).unwrap()
    };
    let own = tokens(&sealer, "agents/db", &alice, Some("s-1"));
    let token = own.seal("ada@example.com").unwrap();
    let body = token.strip_prefix("[TOKEN:").unwrap().strip_suffix(']').unwrap();
    assert_eq!(own.open(body).unwrap().as_str(), "ada@example.com");
    let again = tokens(&with_keys(&[1]), "agents/db", &alice, Some("s-1"));
    assert_eq!(again.seal("ada@example.com").as_ref(), Some(&token), "any replica makes the same");
    let rotated = tokens(&with_keys(&[2, 1]), "agents/db", &alice, Some("s-1"));
    assert!(rotated.open(body).is_some() && rotated.seal("ada@example.com").as_ref() != Some(&token));
    let elsewhere = caller("https://other", "alice");
    for (what, tokens) in [
        ("another session", tokens(&sealer, "agents/db", &alice, Some("s-2"))),
        ("no session", tokens(&sealer, "agents/db", &alice, None)),
        ("another caller", tokens(&sealer, "agents/db", &bob, Some("s-1"))),
        ("another issuer", tokens(&sealer, "agents/db", &elsewhere, Some("s-1"))),
        ("another connection", tokens(&sealer, "agents/other", &alice, Some("s-1"))),
        ("once the key is gone", tokens(&with_keys(&[2]), "agents/db", &alice, Some("s-1"))),
    ] {
        assert!(tokens.open(body).is_none(), "{what}");
    }
}

#[test]
fn the_id_of_an_event_says_what_the_call_had_as_tokens_or_there_is_none() {
    let (sealer, alice) = (with_keys(&[1]), caller("https://idp", "alice"));
    let seal = |values: usize| {
        let known: Vec<Known> =
            (0..values).map(|number| Known::restored(&format!("{number:0>100}"))).collect();
        let stream = StreamOf {
            connection: "agents/db",
            caller: &alice,
            session: "s-1",
            of_call: true,
            known: &known,
        };
        let id = sealer.seal_event(&stream, "up/7", 1)?;
        Some(sealer.open_event(&stream, id.as_bytes(), 1).unwrap().restored.known().count())
    };
    assert_eq!((seal(0), seal(3), seal(64)), (Some(0), Some(3), None));
}
