//! Passwords and keys that are known by their name alone: the whole text of a member that is called so, and in other
//! texts what follows such a name and `=` or `:`.
//!
//! `token` and `secret` by themselves name too much else (cursors of pages, objects of Kubernetes). In prose, after a
//! colon, a value without a digit or sign is a word.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, run_end};
use super::trigger::Trigger;

pub(super) const TRIGGERS: &[Trigger] =
    &[Trigger::Label(speaks_of_secret, by_label), Trigger::Sign(b"=:", behind_sign)];

/// What names end with, in small letters and digits alone.
const NAMES: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "clientsecret",
    "secretkey",
    "apisecret",
    "appsecret",
    "sharedsecret",
    "webhooksecret",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "encryptionkey",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "bearertoken",
];

/// The longest name that is read, in bytes.
const LONGEST_NAME: usize = 32;
/// A longer text is no password, in bytes.
const LONGEST: usize = 512;
/// No password is shorter, in bytes.
const SHORTEST: usize = 4;

fn by_label(sample: Sample<'_>) -> Option<Range<usize>> {
    let length = sample.text.len();
    let is_value = (1..=LONGEST).contains(&length) && !is_placeholder(sample.text);
    (is_value && speaks_of_secret(sample.label)).then_some(0..length)
}

/// Whether a name says that its value is secret. A member that was renamed has both names here, with a space between.
fn speaks_of_secret(label: &str) -> bool {
    is_secret_name(label.as_bytes())
        || (label.bytes().any(|byte| byte == b' ')
            && label.split(' ').any(|name| is_secret_name(name.as_bytes())))
}

/// Whether a name ends with one that says that its value is secret.
fn is_secret_name(name: &[u8]) -> bool {
    // The last two letters decide nearly always.
    let mut last = name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    if !matches!(
        (last.next(), last.next()),
        (Some(b'd'), Some(b'r' | b'w')) | (Some(b'e'), Some(b's')) | (Some(b't' | b'y' | b'n'), Some(b'e'))
    ) {
        return false;
    }
    let mut condensed = [0; LONGEST_NAME];
    let bytes = name.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
    let mut length = 0;
    for (place, byte) in condensed.iter_mut().rev().zip(bytes) {
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    let name = condensed.get(LONGEST_NAME - length..).unwrap_or_default();
    NAMES.iter().any(|secret| name.ends_with(secret.as_bytes()))
}

/// Whether a value only stands for one: a variable, a template, what a mask has left.
fn is_placeholder(value: &str) -> bool {
    value.starts_with(['$', '{', '<', '%', '*', '['])
        || matches!(value, "true" | "false" | "null" | "none" | "None")
}

/// The value behind the sign at `sign`, if a secret's name stands before it.
fn behind_sign(sample: Sample<'_>, sign: usize, free_from: usize) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let head = text.get(free_from.max(sign.saturating_sub(LONGEST_NAME + 2))..sign)?;
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b' ');
    let name_end = head.iter().rposition(|byte| !is_quote(byte))? + 1;
    let gap = head.len() - name_end;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let name = head.get(..name_end)?;
    let name_start = name.iter().rposition(|byte| !is_name(byte)).map_or(0, |place| place + 1);
    if gap > 2 || !is_secret_name(name.get(name_start..)?) {
        return None;
    }
    let start = run_end(text.get(..text.len().min(sign + 5))?, sign + 1, |byte| is_quote(&byte));
    let is_quoted = matches!(text.get(start.checked_sub(1)?), Some(b'"' | b'\''));
    let ends = |byte: u8| {
        byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`,;&<>(){}\\".contains(&byte)
    };
    // Looked at first, because what is no value is not read twice either.
    if sample.text.get(start..).is_none_or(is_placeholder) {
        return None;
    }
    let end = run_end(text, start, |byte| !ends(byte));
    let value = sample.text.get(start..end)?;
    let value = value.trim_end_matches(['.', ':', '!', '?']);
    let is_word = value.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_assigned = is_quoted || (at(text, sign) == Some(b'=') && start == sign + 1) || !is_word;
    // Only a name is called; it has no further sign in it, so that nothing is read twice.
    let is_path = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let is_call = is_path && matches!(at(text, end), Some(b'(' | b'{'));
    let is_value = value.len() >= SHORTEST && !is_placeholder(value) && !is_call;
    (is_value && is_assigned).then_some(start..start + value.len())
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::Password;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            Password,
            &[
                "password=«hunter2»",
                "DB_PASSWORD=«correct-horse»;Server=x",
                "Server=x;Pwd=«hunter2»;Database=y",
                "password: «hunter2», next",
                "--client-secret=x --api-key=«abcdef»",
                "AccountKey=«Zm9vYmFyZm9vYmFy==»;EndpointSuffix=x",
                "the password is not it, but passphrase: «tr0ub4dor-3»",
                "api_key = '«abcdef»'",
            ],
        );
    }

    #[test]
    fn a_members_name_says_that_its_whole_value_is_secret() {
        for label in [
            "password",
            "userPassword",
            "DB_PASSWORD",
            "api-key",
            "clientSecret",
            "access_token",
            "new.passwd",
        ] {
            assert_eq!(found(Password, label, "correct horse"), ["correct horse"], "{label}");
        }
        for label in
            ["", "passwordHint", "token", "nextPageToken", "secret", "key", "keyword", "monkey", "passwords"]
        {
            assert!(found(Password, label, "correct horse").is_empty(), "{label}");
        }
        for value in ["", "${PASSWORD}", "********", "[REDACTED:Password]", "true"] {
            assert!(found(Password, "password", value).is_empty(), "{value}");
        }
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            Password,
            &[
                "password: string",
                "password: must be at least twelve characters",
                "password=${PASSWORD}",
                "password=$(cat file)",
                "password = get_password()",
                "token=abc123",
                "secret: my-secret-1",
                "page_token: abc123",
                "password:",
                "password reset at 10:30",
                "password=[REDACTED:Password]",
                "keyword=abc123",
                "https://example.com:8080/password",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert_eq!(found(Password, "", &"password=".repeat(20_000)).len(), 1);
        assert_eq!(found(Password, "", &"password:".repeat(20_000)).len(), 1);
        assert!(found(Password, "", &"pwd=$".repeat(20_000)).is_empty());
    }
}
