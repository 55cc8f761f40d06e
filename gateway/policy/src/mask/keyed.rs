//! Hashes of values under a key, which stand for the same value wherever it occurs and tell it to nobody without the key.
//!
//! A key comes in as a [`Known`] value, for whoever has it could test guesses: it must not be shown either.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::known::Known;
use crate::config::{Hash, SecretKey};

/// How a key begins in its Secret. A Secret that was made for something else is no key by chance, so that nobody can
/// have its value tried out by naming it in a rule.
const KEY_PREFIX: &str = "lmk_";
/// The lengths of a key, in bytes: at least what SHA-256 gives (RFC 2104, section 3).
const KEY_BYTES: std::ops::RangeInclusive<usize> = 32..=64;
/// How many hexadecimal digits of a hash are shown.
pub(super) const LENGTH: std::ops::RangeInclusive<u32> = 8..=64;
/// How a hash is written: this, its digits, and a bracket.
pub(super) const MARK: &str = "[HASH:";

/// The bytes of a masking key as a Secret holds it.
///
/// # Errors
/// What is wrong with it, as a clause that follows the Secret's name. No part of the key is in it.
pub fn masking_key(text: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let wrong = || "is no masking key; write lmk_ and 32 to 64 random bytes in base64 into it".to_owned();
    let encoded = text.trim().strip_prefix(KEY_PREFIX).ok_or_else(wrong)?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| wrong())?);
    if KEY_BYTES.contains(&bytes.len()) { Ok(bytes) } else { Err(wrong()) }
}

impl Known {
    /// The key of a rule's action, under the name of its Secret.
    #[must_use]
    pub fn masking_key(reference: &SecretKey, value: &str) -> Self {
        Self::new(&name(reference), value)
    }
}

/// What a key is called among the known values.
fn name(SecretKey { secret, key }: &SecretKey) -> String {
    format!("key:{secret}/{key}")
}

/// The key that an action names. None if it is not there or is none.
pub(super) fn key(reference: &SecretKey, known: &[Known]) -> Option<Zeroizing<Vec<u8>>> {
    let name = name(reference);
    let key = known.iter().find(|known| known.name() == name)?;
    masking_key(key.value()).ok()
}

/// The mark of a value of a kind: equal for equal values of one kind under one key. None if the key is not there or is
/// none.
pub(super) fn hash(hash: &Hash, kind: &str, value: &str, known: &[Known]) -> Option<String> {
    let key = key(&hash.key, known)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    for part in ["lychgate masked value", kind, value] {
        context.update(part.as_bytes());
        context.update(b"\0");
    }
    let digits = hex::encode(context.sign());
    let length = usize::try_from(hash.length).unwrap_or(digits.len());
    Some(format!("{MARK}{}]", digits.get(..length).unwrap_or(&digits)))
}

/// How long the rest of a mark is whose beginning stands right before `rest`; none if it is no mark.
pub(super) fn rest_of_mark(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
    let is_mark = LENGTH.contains(&u32::try_from(digits).unwrap_or(u32::MAX));
    (is_mark && rest.get(digits..)?.starts_with(']')).then_some(digits + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{hash, masking_key, rest_of_mark};
    use crate::config::{Hash, SecretKey};
    use crate::mask::Known;

    const KEY: &str = "lmk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn reference(key: &str) -> SecretKey {
        SecretKey { secret: "mask-key".into(), key: key.into() }
    }

    fn made(key: &str, length: u32, kind: &str, value: &str) -> Option<String> {
        let known = [
            Known::new("caller", "some-token-123"),
            Known::masking_key(&reference("k1"), KEY),
            Known::masking_key(&reference("k2"), "lmk_IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=\n"),
            Known::masking_key(&reference("short"), "lmk_AAEC"),
        ];
        hash(&Hash { key: reference(key), length }, kind, value, &known)
    }

    #[test]
    fn equal_values_of_one_kind_under_one_key_have_one_hash_and_others_have_others() {
        // By Python: hmac.new(bytes(range(32)), b"lychgate masked value\0Email\0ada@example.com\0", "sha256").
        let whole = made("k1", 64, "Email", "ada@example.com").unwrap();
        let digits = "20a9d5cebb15f088a53394e10ab57bcf486e2716ccb351e88326831f1c501e3d";
        assert_eq!(whole, format!("[HASH:{digits}]"));
        let short = made("k1", 12, "Email", "ada@example.com").unwrap();
        assert_eq!(short.trim_end_matches(']'), whole.get(..short.len() - 1).unwrap());
        for other in [
            made("k2", 12, "Email", "ada@example.com"),
            made("k1", 12, "Field", "ada@example.com"),
            made("k1", 12, "Email", "ben@example.com"),
        ] {
            assert_ne!(other.unwrap(), short);
        }
    }

    #[test]
    fn without_its_key_there_is_no_hash() {
        assert_eq!(made("gone", 12, "Email", "ada@example.com"), None);
        assert_eq!(made("short", 12, "Email", "ada@example.com"), None);
    }

    #[test]
    fn only_what_was_made_as_a_key_is_one() {
        assert_eq!(masking_key(&format!("{KEY}\n")).unwrap().len(), 32);
        for text in
            ["", "lmk_", "lmk_AAEC", KEY.trim_start_matches("lmk_"), "sk-live-0123456789abcdef0123456789"]
        {
            assert!(masking_key(text).is_err(), "{text}");
        }
        let long = format!("lmk_{}", "A".repeat(88));
        assert!(masking_key(&long).is_err());
    }

    #[test]
    fn a_mark_is_known_by_its_form() {
        for (rest, expected) in [
            ("0123abcd] and", Some(9)),
            ("0123abc]", None),
            ("0123abcg]", None),
            ("0123ABCD]", None),
            ("0123abcd", None),
            ("ada@example.com]", None),
        ] {
            assert_eq!(rest_of_mark(rest), expected, "{rest}");
        }
    }
}
