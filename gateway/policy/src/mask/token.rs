//! Tokens: what stands for a value, and is turned back into it in the session that it was made for.
//!
//! A token holds the value itself, sealed, so that nothing is stored. The same value has the same token each time: the
//! cipher is AES-256-GCM-SIV with a constant nonce, which RFC 8452 (section 1) calls deterministic authenticated
//! encryption. It tells that two values are equal, and how long one is in steps of [`STEP`] bytes. Each session of each
//! caller on each connection has a key of its own; where it comes from is the gateway's business.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// How a token is written: this, base64 for URLs without padding, and a bracket.
const MARK: &str = "[TOKEN:";
/// The lengths of a value that has a token, in bytes. What is shorter has so few forms that one is guessed, and stands in too
/// many places to be kept out of an answer; what is longer is hardly passed from tool to tool.
const LENGTH: std::ops::RangeInclusive<usize> = 3..=1024;
/// Values are filled up to a multiple of so many bytes, so that their exact length is not told.
const STEP: usize = 16;
/// The byte behind a value, before what it is filled up with (ISO/IEC 7816-4).
const END: u8 = 0x80;
/// From so many characters on, what is written like a token is meant to be one. No shorter one is.
const FEWEST: usize = 16;

/// The tokens of one session.
pub struct Tokens(Vec<LessSafeKey>);

impl std::fmt::Debug for Tokens {
    /// Keys are for no log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens")
    }
}

impl Tokens {
    /// Tokens under keys of 32 bytes, of which the first seals and all open; `None` if one cannot be used.
    #[must_use]
    pub fn new<K: AsRef<[u8]>>(keys: impl Iterator<Item = K>) -> Option<Self> {
        let key = |key: K| UnboundKey::new(&AES_256_GCM_SIV, key.as_ref()).ok().map(LessSafeKey::new);
        keys.map(key).collect::<Option<_>>().map(Self)
    }

    /// The token of a value; `None` if it is too short or too long to have one.
    #[must_use]
    pub fn seal(&self, value: &str) -> Option<String> {
        if !LENGTH.contains(&value.len()) {
            return None;
        }
        let mut sealed = Vec::with_capacity(value.len() + 2 * STEP);
        sealed.extend_from_slice(value.as_bytes());
        sealed.push(END);
        sealed.resize(sealed.len().next_multiple_of(STEP), 0);
        self.0.first()?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).ok()?;
        Some(format!("{MARK}{}]", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The value that a token stands for, by what is between its brackets; `None` if it is none of this session's.
    #[must_use]
    pub fn open(&self, body: &str) -> Option<Zeroizing<String>> {
        let sealed = URL_SAFE_NO_PAD.decode(body).ok()?;
        self.0.iter().find_map(|key| {
            let mut sealed = Zeroizing::new(sealed.clone());
            let opened = key.open_in_place(nonce(), Aad::empty(), &mut sealed).ok()?;
            let end =
                opened.iter().rposition(|byte| *byte != 0).filter(|end| opened.get(*end) == Some(&END))?;
            let value = std::str::from_utf8(opened.get(..end)?).ok()?;
            Some(Zeroizing::new(value.to_owned()))
        })
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// What is written like a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written<'t> {
    /// Where it stands.
    pub(crate) range: Range<usize>,
    /// What is between the brackets; `None` if it does not end as a token does.
    pub(crate) body: Option<&'t str>,
}

/// All that is written like a token in a text, in order.
pub(crate) fn written(text: &str) -> impl Iterator<Item = Written<'_>> {
    text.match_indices(MARK).filter_map(|(start, mark)| {
        let from = start + mark.len();
        let rest = text.get(from..)?;
        let length = length_of_body(rest);
        let body =
            rest.get(..length).filter(|_| rest.get(length..).is_some_and(|rest| rest.starts_with(']')));
        (length >= FEWEST)
            .then(|| Written { range: start..from + length + usize::from(body.is_some()), body })
    })
}

/// Whether a message may hold something that is written like a token, by its bytes: in plain letters, or in escapes.
pub(crate) fn may_be_in(json: &[u8]) -> bool {
    memchr::memmem::find(json, MARK.as_bytes()).is_some() || memchr::memmem::find(json, br"\u").is_some()
}

/// How long the token is that `text` begins with, and what is between its brackets, if it begins with one that could be
/// whole.
pub(super) fn at_start(text: &str) -> Option<(usize, &str)> {
    let rest = text.strip_prefix(MARK)?;
    let length = length_of_body(rest);
    let (body, behind) = rest.split_at_checked(length)?;
    // The value filled up and a tag, each of whole steps.
    let sealed = length * 6 / 8;
    let is_whole = sealed >= 2 * STEP && sealed.is_multiple_of(STEP) && behind.starts_with(']');
    is_whole.then_some((MARK.len() + length + 1, body))
}

fn length_of_body(rest: &str) -> usize {
    let is_of_body = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    rest.bytes().take_while(is_of_body).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::{LENGTH, MARK, Tokens, at_start, may_be_in, written};

    /// The tokens of a session, under keys that are known by a number each.
    pub(crate) fn session(keys: &[u8]) -> Tokens {
        Tokens::new(keys.iter().map(|key| [*key; 32])).unwrap()
    }

    fn body(token: &str) -> &str {
        token.strip_prefix(MARK).unwrap().strip_suffix(']').unwrap()
    }

    #[test]
    fn a_token_opens_in_its_session_and_in_no_other_and_no_changed_one_opens() {
        let own = session(&[1]);
        let token = own.seal("ada@example.com").unwrap();
        assert_eq!(own.open(body(&token)).unwrap().as_str(), "ada@example.com");
        assert!(session(&[2]).open(body(&token)).is_none(), "another session");
        for (place, letter) in body(&token).char_indices() {
            let mut changed = body(&token).to_owned();
            changed.replace_range(place..=place, if letter == 'A' { "B" } else { "A" });
            assert!(own.open(&changed).is_none(), "{place}");
        }
        for cut in ["", "A", &body(&token)[1..], &body(&token)[..40], "ada@example.com"] {
            assert!(own.open(cut).is_none(), "{cut}");
        }
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_opens_while_it_is_listed() {
        let (old, both, new) = (session(&[1]), session(&[2, 1]), session(&[2]));
        let token = old.seal("Ada Lovelace").unwrap();
        assert_eq!(both.open(body(&token)).unwrap().as_str(), "Ada Lovelace");
        assert_eq!(both.seal("Ada Lovelace"), new.seal("Ada Lovelace"));
        assert!(new.open(body(&token)).is_none(), "once the old key is gone");
    }

    #[test]
    fn a_token_tells_the_length_of_its_value_in_steps_of_sixteen_bytes() {
        let tokens = session(&[1]);
        let length = |bytes: usize| tokens.seal(&"x".repeat(bytes)).map(|token| token.len());
        assert_eq!((length(2), length(1025)), (None, None));
        assert_eq!(length(3), length(15));
        assert_eq!(length(16), length(31));
        assert_ne!(length(15), length(16));
        assert!(length(1024).is_some());
    }

    #[test]
    fn what_is_written_like_a_token_is_found_and_what_only_looks_like_one_is_not() {
        let token = session(&[1]).seal("Ada").unwrap();
        assert_eq!(at_start(&format!("{token} and more")), Some((token.len(), body(&token))));
        for text in
            [body(&token), "[TOKEN:YOUR_TOKEN_HERE_PLEASE]", "[HASH:0123456789ab]", &token[..token.len() - 1]]
        {
            assert_eq!(at_start(text), None, "{text}");
        }
        let text = format!("to {token}, [TOKEN:your-token] [TOKEN:0123456789abcdef] {}…", &token[..30]);
        let found: Vec<_> = written(&text).map(|it| (&text[it.range], it.body.is_some())).collect();
        assert_eq!(found, [(&*token, true), ("[TOKEN:0123456789abcdef]", true), (&token[..30], false)]);
        assert!(may_be_in(token.as_bytes()) && may_be_in(br"\u005bTOKEN") && !may_be_in(b"[HASH:"));
    }

    proptest! {
        #[test]
        fn equal_values_have_equal_tokens_and_a_token_never_opens_elsewhere(
            value in ".{1,40}", other in ".{1,40}", key: u8, another: u8,
        ) {
            let tokens = session(&[key]);
            let token = tokens.seal(&value);
            prop_assert_eq!(token.is_some(), LENGTH.contains(&value.len()));
            if let Some(token) = token {
                prop_assert_eq!(tokens.seal(&value), Some(token.clone()));
                let opened = tokens.open(body(&token)).unwrap();
                prop_assert_eq!(opened.as_str(), &value);
                prop_assert_eq!(at_start(&token), Some((token.len(), body(&token))));
                if other != value {
                    prop_assert_ne!(tokens.seal(&other), Some(token.clone()));
                }
                if another != key {
                    prop_assert!(session(&[another]).open(body(&token)).is_none());
                    prop_assert_ne!(session(&[another]).seal(&value), Some(token));
                }
            }
        }
    }
}
