//! The work grows with the message and no faster, whatever the message is made of: what is read of it is counted, for a message
//! and for one twice as long.

use serde_json::{Value, json};

use super::{Setup, parse, result};
use crate::mask::base64;
use crate::mask::{Known, work};

/// How long the shorter message is at least, in bytes.
const LENGTH: usize = 1 << 13;

/// Beginnings of values, and of what values are hidden in.
const PIECES: [&str; 69] = [
    "4111 1111 1111 111",
    "4111-",
    "4 ",
    "41111111111111111",
    "a@",
    "a@a.",
    "@a.a.a",
    "DE12 ",
    "DE89 3704 0044 0532 0130 ",
    "123-45-",
    "+1 ",
    "+44 20 79",
    "415-555-",
    "1 415 555 ",
    "AKIAIOSFODNN7EXAMP",
    "AKIAIOSFODNN7EXAMPLE/",
    "wJalrXUtnFEMI/K7MDENG+bPxRfi",
    "ghp_16C7e42F292c6912E7710c8383",
    "github_pat_",
    "glpat-",
    "xoxb-12345-",
    "xoxe.xoxp-",
    "sk-ant-",
    "sk_live_",
    "npm_",
    "pypi-AgE",
    "AIza",
    "ya29.",
    "eyJhbGciOi.",
    "eyJhbGciOiJub25lIn0.",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "----PRIVATE KEY",
    "1.1.1.",
    "1:",
    "::1",
    "00:1A:2B:3C:4D:",
    "aa-bb-cc-dd-ee-",
    "bc1-0x-1Boat",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpy ",
    "0x52908400098527886E0F7030069857D2E4169EE",
    "https://u:p",
    "a:b@",
    "password=",
    "password: ",
    "pwd=$",
    "token=a1B2",
    "abc8Q~",
    "&sig=",
    "12 March 198",
    "1980-02-",
    "2026-05-06T12:30:45.123Z",
    "550e8400-e29b-41d4-a716-446655440000 ",
    "550e8400-e29b-41d4-a716-446655440000-",
    "ssn 123456789 [REDACTED:UsSsn",
    "[REDACTED:",
    "[REDACTED:Email]",
    "[HASH:0123456789ab",
    "D1234567 ",
    "1EG4-TE5-",
    "%2",
    "%2540",
    "&#6",
    "&commat",
    "\\u0034",
    "\\",
    "\u{200b}4",
    "４",
];

/// What is read while a message is masked.
fn work(setup: &Setup, message: &Value) -> u64 {
    let message = parse(&message.to_string());
    let before = work::done();
    assert!(!setup.masked(&message).is_refusal());
    work::done() - before
}

/// Asserts that twice as much is not more than twice the work, with a tenth for what stands at ends.
fn assert_linear(setup: &Setup, what: &str, made: impl Fn(usize) -> Value) {
    let (once, twice) = (work(setup, &made(LENGTH)), work(setup, &made(2 * LENGTH)));
    assert!(once >= u64::try_from(LENGTH).unwrap() / 2, "{what}: only {once} bytes are counted");
    assert!(twice * 10 <= once * 22, "{what}: {once} bytes are read, and {twice} of twice as much");
}

fn setup() -> Setup {
    let known = vec![
        Known::new("caller", "c2VjcmV0LXRva2VuLW9mLXRoZS1jYWxsZXI.0123456789abcdef"),
        Known::new("short", "s3cr3t"),
    ];
    Setup { known, ..Setup::redacting() }
}

fn repeated(piece: &str, length: usize) -> String {
    piece.repeat(length.div_ceil(piece.len()))
}

#[test]
fn a_text_of_beginnings_is_read_in_linear_time() {
    let setup = setup();
    for piece in PIECES {
        for label in ["note", "ssn", "password"] {
            assert_linear(&setup, &format!("{piece} under {label}"), |length| {
                result(json!({"structuredContent": {label: repeated(piece, length)}}))
            });
        }
    }
}

#[test]
fn many_texts_of_beginnings_are_read_in_linear_time() {
    let setup = setup();
    for piece in PIECES {
        let count = |length: usize| length / piece.len();
        assert_linear(&setup, &format!("items of {piece}"), |length| {
            result(json!({"structuredContent": vec![piece; count(length)]}))
        });
        assert_linear(&setup, &format!("blocks of {piece}"), |length| {
            result(json!({"content": vec![json!({"type": "text", "text": piece}); count(length)]}))
        });
        assert_linear(&setup, &format!("names of {piece}"), |length| {
            // A number stuck to a beginning could make it a value.
            let name = |index: usize| format!("{piece} n{index:06}x");
            let members = (0..count(length)).map(|index| (name(index), Value::from(piece)));
            result(json!({"structuredContent": Value::Object(members.collect())}))
        });
    }
}

#[test]
fn what_is_hidden_is_read_in_linear_time() {
    let setup = setup();
    for piece in PIECES {
        assert_linear(&setup, &format!("{piece} in base64"), |length| {
            let encoded = base64::encode(piece.repeat(3).as_bytes());
            result(json!({"structuredContent": {"note": repeated(&format!("{encoded} "), length)}}))
        });
        assert_linear(&setup, &format!("{piece} in one text in base64"), |length| {
            let encoded = base64::encode(repeated(piece, length / 4 * 3).as_bytes());
            result(json!({"structuredContent": {"note": encoded}}))
        });
        assert_linear(&setup, &format!("{piece} in JSON in a text"), |length| {
            let inside = json!({"rows": vec![piece; length / piece.len()]}).to_string();
            result(json!({"content": [{"type": "text", "text": inside}]}))
        });
    }
}
