//! What the detectors share: bytes by position, word boundaries, groups of digits, words nearby.
//!
//! Boundaries know the escapes of JSON, because a text may be JSON that was cut and cannot be parsed: in
//! `\n4111` the letter before the digits is no letter.

use std::ops::Range;

use crate::mask::work::count;

/// The byte at `position`.
pub(super) fn at(text: &[u8], position: usize) -> Option<u8> {
    text.get(position).copied()
}

/// The byte before `position`.
pub(super) fn before(text: &[u8], position: usize) -> Option<u8> {
    at(text, position.checked_sub(1)?)
}

/// Whether a digit stands at `position`.
pub(super) fn is_digit_at(text: &[u8], position: usize) -> bool {
    at(text, position).is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether a letter or digit of ASCII stands right before `position`, so that what begins there is only the
/// rest of a word. An escape of JSON is no letter. Other scripts are no boundary to look for: many set no
/// spaces.
pub(super) fn is_joined_before(text: &[u8], position: usize) -> bool {
    before(text, position).is_some_and(|byte| byte.is_ascii_alphanumeric())
        && !is_escape_before(text, position)
}

/// Whether a letter or digit of ASCII stands at `position`, so that what ends there is only part of a word.
pub(super) fn is_joined_after(text: &[u8], position: usize) -> bool {
    at(text, position).is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Whether an escape of JSON, such as `\n` or `\u00a0`, ends right before `position`.
fn is_escape_before(text: &[u8], position: usize) -> bool {
    let last = |count: usize| position.checked_sub(count).and_then(|start| text.get(start..position));
    match last(2) {
        Some([b'\\', b'b' | b'f' | b'n' | b'r' | b't']) => true,
        Some(_) | None => last(6).is_some_and(is_unicode_escape),
    }
}

/// Whether an escape such as `\u00a0` begins at `position`.
pub(super) fn is_unicode_escape_at(text: &[u8], position: usize) -> bool {
    text.get(position..position + 6).is_some_and(is_unicode_escape)
}

fn is_unicode_escape(text: &[u8]) -> bool {
    match text {
        [b'\\', b'u', digits @ ..] => digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

/// `run` without its first byte if that is the letter of an escape of JSON, such as the `n` of `\n`.
pub(super) fn without_escape(text: &[u8], run: Range<usize>) -> Range<usize> {
    run.start + usize::from(is_escape_before(text, run.start + 1))..run.end
}

/// The end of the run of bytes from `start` on that `belongs` accepts.
pub(super) fn run_end(text: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|&&byte| belongs(byte)).count();
    count(length + 1);
    start + length
}

/// The runs of bytes that `belongs` accepts, in order.
pub(super) fn runs<'a>(
    text: &'a [u8],
    belongs: impl Fn(u8) -> bool + 'a,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = run_end(text, position, |byte| !belongs(byte));
        let end = run_end(text, start, &belongs);
        position = end;
        (end > start).then_some(start..end)
    })
}

/// The digits of a range, as numbers from 0 to 9.
pub(super) fn digits(text: &[u8], range: Range<usize>) -> impl Iterator<Item = u8> + '_ {
    count(range.len());
    let bytes = text.get(range).unwrap_or_default().iter();
    bytes.filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
}

/// The text up to `reach` bytes before and behind a range, cut where characters begin.
pub(super) fn around<'a>(text: &'a str, range: &Range<usize>, reach: usize) -> (&'a str, &'a str) {
    let mut start = range.start.saturating_sub(reach);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let mut end = (range.end + reach).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (text.get(start..range.start).unwrap_or_default(), text.get(range.end..end).unwrap_or_default())
}

/// Lower-case letters and digits of a text alone, so that `Secret-Access_Key` and `secretAccessKey` are one.
pub(in crate::mask) fn condensed(text: &str) -> String {
    count(text.len());
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::{around, condensed, is_joined_before, is_unicode_escape_at, runs};

    #[test]
    fn escapes_are_no_letters() {
        for (text, position, expected) in
            [("a1", 1, true), (" 1", 1, false), (r"\n1", 2, false), (r"\u00a01", 6, false), ("é1", 2, false)]
        {
            assert_eq!(is_joined_before(text.as_bytes(), position), expected, "{text}");
        }
        assert!(is_unicode_escape_at(br"1\u002022-3", 1) && !is_unicode_escape_at(br"1\u00g0", 1));
    }

    #[test]
    fn runs_and_neighbourhoods_end_where_they_should() {
        assert_eq!(runs(b"--ab-c", |byte| byte != b'-').collect::<Vec<_>>(), [2..4, 5..6]);
        assert_eq!(around("aéxéb", &(3..4), 2), ("é", "é"));
        assert_eq!(around("aéxéb", &(3..4), 1), ("", ""));
        assert_eq!(condensed("Secret-Access_Key"), "secretaccesskey");
    }
}
