//! JSON Web Tokens in compact form (RFC 7519): three parts in base64 for URLs with dots between them, of
//! which the first is a JSON object with the member `alg`. Encrypted ones (RFC 7516) have five parts and are
//! taken whole. Which algorithm, and whether the signature holds, is of no interest here.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, run_end};
use super::trigger::{Look, Trigger};
use crate::mask::base64;
use crate::mask::work::count;

/// Parts of an encrypted token.
const MAXIMUM_PARTS: usize = 5;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"e", b"wxyz", token)];

fn token(sample: Sample<'_>, start: usize) -> Look {
    let text = sample.text.as_bytes();
    // What a hyphen or underscore precedes is the rest of a part.
    if matches!(before(text, start), Some(b'-' | b'_'))
        || !begins_like_object(text.get(start..).unwrap_or_default())
    {
        return Look::Nothing;
    }
    let header = start..run_end(text, start, is_part);
    token_end(text, &header).map(|end| start..end).into()
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The end of the token whose first part is `header`. Each run of a text is decoded at most once.
fn token_end(text: &[u8], header: &Range<usize>) -> Option<usize> {
    let first = text.get(header.clone())?;
    if at(text, header.end) != Some(b'.') {
        return None;
    }
    let payload_end = run_end(text, header.end + 1, is_part);
    if payload_end == header.end + 1 || at(text, payload_end) != Some(b'.') || !is_header(first) {
        return None;
    }
    // The third part is empty in a token without signature.
    let mut end = run_end(text, payload_end + 1, is_part);
    for _ in 3..MAXIMUM_PARTS {
        let next = run_end(text, end + 1, is_part);
        if at(text, end) != Some(b'.') || next == end + 1 {
            break;
        }
        end = next;
    }
    Some(end)
}

/// An opening brace encodes to `e` and one of `w`, `x`, `y`, `z`.
fn begins_like_object(part: &[u8]) -> bool {
    matches!(part, [b'e', b'w'..=b'z', ..])
}

fn is_header(part: &[u8]) -> bool {
    count(part.len());
    // What does not end as an object does is told by its last characters.
    let tail = part.chunks(4).next_back().and_then(base64::decode_for_urls);
    let last = tail.as_ref().and_then(|tail| tail.last());
    if !matches!(last, Some(b'}' | b' ' | b'\t' | b'\n' | b'\r')) {
        return false;
    }
    let Some(bytes) = base64::decode_for_urls(part) else { return false };
    let header = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes);
    header.is_ok_and(|header| header.contains_key("alg"))
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::JsonWebToken;
    use crate::mask::base64;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// `{header}` becomes a part with that content.
    fn encoded(rows: &[&str]) -> Vec<String> {
        let part = |text: &str| base64::for_urls(&base64::encode(text.as_bytes()));
        let fill = |row: &&str| {
            row.replace("HEAD", &part(r#"{"alg":"HS256","typ":"JWT"}"#))
                .replace("SPACED", &part("{\n \"typ\": \"JWT\", \"alg\": \"RS256\" }"))
                .replace("NONE", &part(r#"{"alg":"none"}"#))
                .replace("TYPE", &part(r#"{"typ":"JWT"}"#))
                .replace("LIST", &part(r#"["alg"]"#))
                .replace("BODY", &part(r#"{"sub":"ada@example.com"}"#))
        };
        rows.iter().map(fill).collect()
    }

    #[test]
    fn tokens_are_found_by_their_header() {
        let rows = encoded(&[
            "«HEAD.BODY.c2lnbmF0dXJl»",
            "Bearer «HEAD.BODY.c2lnbmF0dXJl»",
            "«SPACED.BODY.c2lnbmF0dXJl»",
            "«NONE.BODY.»",
            "token=«HEAD.BODY.c2ln»&x=1",
            "\"«HEAD.BODY.c2ln»\"",
            "«HEAD.BODY.a-b_c»",
            "«HEAD.BODY.c2ln» and «HEAD.BODY.c2ln»",
            "«HEAD.a2V5.aXY.dGV4dA.dGFn»",
            "(«HEAD.BODY.c2ln»)",
            "https://example.com/cb#id_token=«HEAD.BODY.c2ln»",
            "x.«HEAD.BODY.c2ln»",
            "Cookie: session=«HEAD.BODY.c2ln»; Path=/",
        ]);
        assert_marked(JsonWebToken, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn other_dotted_words_stay() {
        let rows = encoded(&[
            "HEAD",
            "HEAD.BODY",
            "HEAD BODY c2ln",
            "HEAD..c2ln",
            "TYPE.BODY.c2ln",
            "LIST.BODY.c2ln",
            "eyes.example.com",
            "eyJhbGciOi.BODY.c2ln",
            "ey.ey.ey",
            "www.example.com",
            "1.2.3",
            "192.168.0.1",
            "aHEAD.BODY.c2ln",
            "com.example.policy.Mask",
            "BODY.BODY.c2ln",
        ]);
        assert_kept(JsonWebToken, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_wall_of_headers_is_read_once() {
        assert!(found(JsonWebToken, "", &"eyJ.".repeat(100_000)).is_empty());
    }
}
