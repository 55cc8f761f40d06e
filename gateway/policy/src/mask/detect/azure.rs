//! Secrets of Microsoft Azure: secrets of applications (three characters, a digit, `Q~`, and 31 to 34 characters), and
//! signatures of shared access (`sig=` with at least 40 characters of base64, percent-encoded as a rule).
//!
//! Keys of accounts in connection strings are found by their name; see `password`.

use std::ops::Range;

use super::Sample;
use super::bytes::{is_joined_before, run_end};
use super::trigger::{Having, Trigger};

pub(super) const TRIGGERS: &[Trigger] =
    &[Trigger::Run(Having::Tilde, application_secrets), Trigger::Sign(b"=:", signature)];

/// What stands in each secret of an application, and how many characters stand before and behind it.
const MARK: &[u8] = b"Q~";
const BEFORE: usize = 4;
const BEHIND: std::ops::RangeInclusive<usize> = 31..=34;

/// The shortest signature, in bytes: 32 bytes in base64.
const SHORTEST_SIGNATURE: usize = 43;
/// The longest that is read.
const LONGEST_SIGNATURE: usize = 256;

/// The secrets in a run. What is behind a mark is read once, for it is as long as a secret at most.
fn application_secrets(sample: Sample<'_>, run: &Range<usize>, found: &mut Vec<Range<usize>>) {
    let text = sample.text.as_bytes();
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~' | b'-');
    let inside = text.get(run.clone()).unwrap_or_default();
    for tilde in memchr::memchr_iter(b'~', inside) {
        let mark_end = run.start + tilde + 1;
        let Some(start) = mark_end.checked_sub(BEFORE + MARK.len()).filter(|start| *start >= run.start)
        else {
            continue;
        };
        let Some([head @ .., digit, b'Q', b'~']) = text.get(start..mark_end) else { continue };
        let window = text.get(..run.end.min(mark_end + BEHIND.end() + 1)).unwrap_or_default();
        let end = run_end(window, mark_end, belongs);
        let is_secret = head.iter().all(|&byte| belongs(byte))
            && digit.is_ascii_digit()
            && BEHIND.contains(&(end - mark_end))
            && !is_joined_before(text, start);
        if is_secret && found.last().is_none_or(|last| last.end <= start) {
            found.push(start..end);
        }
    }
}

/// The signature behind the `=` at `sign`.
fn signature(sample: Sample<'_>, sign: usize, _free_from: usize) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let name = sign.checked_sub(4).and_then(|start| text.get(start..sign))?;
    if !matches!(name, [b'?' | b'&' | b';', b's', b'i', b'g']) {
        return None;
    }
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'+' | b'/' | b'=');
    let window = text.get(..text.len().min(sign + 1 + LONGEST_SIGNATURE))?;
    let end = run_end(window, sign + 1, belongs);
    (end - sign > SHORTEST_SIGNATURE).then_some(sign + 1..end)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::AzureKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P")
    }

    #[test]
    fn values_are_found() {
        let rows = [
            "«abc8Q~SECRETxyz»",
            "client: «Xy_1Q~SECRET», next",
            "«abc8Q~a1~SECRET»",
            "https://x.example.com/c?sv=2022&sig=«SECRETa1b2c3d4e5f6%3D»&se=1",
            "?sig=«SECRETa1b2c3d4e5f6=»",
        ]
        .map(written);
        assert_marked(AzureKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows = [
            "abc8Q~short",
            "abcdQ~SECRET",
            "abc8Q~SECRETSECRET",
            "?sig=short",
            "&design=SECRETa1b2c3d4e5f6",
            "Q~SECRET",
        ]
        .map(written);
        assert_kept(AzureKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(AzureKey, "", &"abc8Q~".repeat(50_000)).is_empty());
        assert!(found(AzureKey, "", &"&sig=".repeat(50_000)).is_empty());
    }
}
