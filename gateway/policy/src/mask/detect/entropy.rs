//! Secrets of no known form: long random values of letters and digits under a name, or right behind one, that says that they
//! open something.
//!
//! Random is what mixes its letters and digits as no word, path or identifier does. Without such a name nothing is found, and a
//! word somewhere near is none: hashes, cursors of pages and identifiers are random too.

use std::ops::Range;

use super::Sample;
use super::bytes::{condensed, is_joined_after};
use super::trigger::{Having, Trigger};
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Run(Having::Part(0), secrets)];

/// What names end with of values that open something.
const NAMES: &[&str] = &[
    "secret",
    "token",
    "bearer",
    "apikey",
    "authkey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sessionkey",
    "credential",
    "credentials",
    "authorization",
];

/// Names that end with one of those and mean something else.
const OTHERS: &[&str] = &[
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "cursortoken",
    "synctoken",
    "progresstoken",
    "csrftoken",
];

/// The length of a secret, in bytes.
const LENGTH: std::ops::RangeInclusive<usize> = 20..=256;

fn secrets(sample: Sample<'_>, run: &Range<usize>, found: &mut Vec<Range<usize>>) {
    if run.len() < *LENGTH.start() {
        return;
    }
    // A part of a run behind a dot has no name before it but that of the member.
    let is_labelled = says_secret(sample.label);
    if !is_labelled && (run.start == 0 || !is_behind_name(sample.text, run.start)) {
        return;
    }
    let text = sample.text.as_bytes();
    let inside = text.get(run.clone()).unwrap_or_default();
    count(inside.len());
    // What dots stand between are names and versions, and each is looked at by itself.
    let mut start = run.start;
    for part in inside.split(|byte| matches!(byte, b'.' | b'~')) {
        let range = start..start + part.len();
        start = range.end + 1;
        if LENGTH.contains(&part.len())
            && (is_labelled || range.start == run.start)
            && !is_joined_after(text, range.end)
            && is_random(part)
        {
            found.push(range);
        }
    }
}

/// Whether the value that begins at `start` is called a secret by what stands right before it.
fn is_behind_name(text: &str, start: usize) -> bool {
    /// The longest name that is read, with what stands between it and the value, in bytes.
    const REACH: usize = 48;
    let mut from = start.saturating_sub(REACH);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let head = text.get(from..start).unwrap_or_default();
    let is_between = |character: char| matches!(character, ' ' | '"' | '\'' | '=' | ':' | '>' | '\\');
    let head = head.trim_end_matches(is_between);
    let head = [" is", "Bearer"].into_iter().find_map(|word| head.strip_suffix(word)).unwrap_or(head);
    let head = head.trim_end_matches(is_between);
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    says_secret(head.rsplit(|character| !is_name(character)).next().unwrap_or_default())
}

fn says_secret(name: &str) -> bool {
    // The last two letters decide nearly always.
    let mut last = name.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    if !matches!(
        (last.next(), last.next()),
        (Some(b't' | b'n' | b'r' | b'y'), Some(b'e'))
            | (Some(b'l'), Some(b'a'))
            | (Some(b's'), Some(b'l'))
            | (Some(b'n'), Some(b'o'))
    ) {
        return false;
    }
    let name = condensed(name);
    NAMES.iter().any(|own| name.ends_with(own)) && !OTHERS.iter().any(|other| name.ends_with(other))
}

/// Whether letters and digits are mixed as if by chance.
fn is_random(value: &[u8]) -> bool {
    /// Bits for each byte; a random value of twenty characters has four.
    const FEWEST_BITS: f64 = 3.3;
    /// A longer run of small letters is a word.
    const LONGEST_WORD: usize = 6;
    /// Most values are words, and are known by this.
    const FEWEST_CHANGES: usize = 6;
    let class = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase(), byte.is_ascii_lowercase());
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let is_uuid = value.len() == 36 && value.iter().filter(|byte| **byte == b'-').count() == 4;
    if !has(u8::is_ascii_digit) || !has(u8::is_ascii_alphabetic) || is_uuid {
        return false;
    }
    let is_change = |one: u8, other: u8| {
        one.is_ascii_alphanumeric() && other.is_ascii_alphanumeric() && class(one) != class(other)
    };
    let changes = value.windows(2).filter(|pair| matches!(pair, [one, other] if is_change(*one, *other)));
    let words = value.split(|byte| !byte.is_ascii_lowercase());
    changes.count() >= FEWEST_CHANGES
        && words.map(<[u8]>::len).max().unwrap_or(0) <= LONGEST_WORD
        && bits(value) >= FEWEST_BITS
}

/// The entropy of the bytes of a value (Shannon), in bits for each.
pub(in crate::mask) fn bits(value: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    for &byte in value {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u16::try_from(value.len()).unwrap_or(u16::MAX));
    // Each byte is counted where it stands first.
    let counts = value.iter().map(|byte| counts.get_mut(usize::from(*byte)).map_or(0, std::mem::take));
    let share = |count: u16| f64::from(count) / length;
    counts.filter(|count| *count > 0).map(share).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::HighEntropySecret;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            HighEntropySecret,
            &[
                "token: «q8Zr2LmX9vTt4KpB7wHs», use it",
                "X-Api-Key: «9f86d081884c7d659a2feaa0c55ad015»",
                "the secret is «Zm3-9xQp_77LkT0aVb2Rr8Yd»",
                "Authorization: Bearer «3hV9xKq2Lw8Zt5Rm1Nc7».",
            ],
        );
        assert_eq!(found(HighEntropySecret, "sessionKey", "q8Zr2LmX9vTt4KpB7wHs"), ["q8Zr2LmX9vTt4KpB7wHs"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            HighEntropySecret,
            &[
                "q8Zr2LmX9vTt4KpB7wHs",
                "commit 5eb63bbbe01eeed093cb22bb8f5acdc3",
                "nextPageToken: q8Zr2LmX9vTt4KpB7wHs",
                "secretName: postgres-credentials-2024",
                "git@example.com:team/token.git # 9f86d081884c7d659a2feaa0c55ad015",
                "registry.example.com/secret@sha256:9f86d081884c7d659a2feaa0c55ad015",
                "the token expired; trace 9f86d081884c7d659a2feaa0c55ad015",
                "token 550e8400-e29b-41d4-a716-446655440000",
                "token: your-token-goes-here-1234567890",
                "token: q8Zr2LmX9v",
                "secret /var/run/secrets/lychgate/token",
                "secret: aaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(HighEntropySecret, "", &"token=a1B2".repeat(50_000)).is_empty());
    }
}
