//! Internet addresses: version 4 with four numbers (RFC 791), version 6 in any form of RFC 4291, section 2.2, that has a
//! digit. Loopback, unspecified and broadcast addresses and network masks are nobody's, and versions of programs have
//! four numbers too.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::Sample;
use super::bytes::{around, at, before, is_digit_at, is_joined_after, is_joined_before, run_end};
use super::number::digits_value;
use super::trigger::{Shape, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::Number(&[Shape { digits: 1..=3, followed_by: b".", groups: 4, second: 1..=3 }], version_4),
    Trigger::Sign(b":", version_6),
];

fn version_4(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let [a, b, c, d, ..] = groups else { return None };
    let follows = |one: &Range<usize>, other: &Range<usize>| {
        at(text, one.end) == Some(b'.') && other.start == one.end + 1
    };
    if !follows(a, b)
        || !follows(b, c)
        || !follows(c, d)
        || matches!(before(text, a.start), Some(b'.' | b'-'))
    {
        return None;
    }
    let is_number = |group: &Range<usize>| {
        let has_zero = group.len() > 1 && at(text, group.start) == Some(b'0');
        group.len() <= 3 && !has_zero && digits_value(text, group) <= 255
    };
    let goes_on = is_joined_after(text, d.end)
        || matches!(at(text, d.end), Some(b'.' | b'-')) && is_digit_at(text, d.end + 1);
    let first = digits_value(text, a);
    let is_somebodys = !matches!(first, 0 | 127 | 255);
    let range = a.start..d.end;
    let is_address = [a, b, c, d].into_iter().all(is_number) && !goes_on && is_somebodys;
    (is_address && !is_version(sample, &range)).then_some(range)
}

/// Whether the word right before says that the numbers are a version.
fn is_version(sample: Sample<'_>, range: &Range<usize>) -> bool {
    /// The longest such word and what may stand behind it, in bytes.
    const REACH: usize = 12;
    let (behind, _) = around(sample.text, range, REACH);
    let behind = behind.trim_end_matches([' ', ':', '=', '"', '\'', 'v']);
    let says = |text: &str| {
        let start = text.len().saturating_sub("version".len());
        text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case("version"))
    };
    says(behind) || says(sample.label)
}

/// The address whose first colon stands at `colon`.
fn version_6(sample: Sample<'_>, colon: usize, free_from: usize) -> Option<Range<usize>> {
    /// Eight groups of four with colons between, the last two written as in version 4, in bytes.
    const LONGEST: usize = 45;
    let text = sample.text.as_bytes();
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':');
    if at(text, colon) != Some(b':') || !is_part(at(text, colon + 1)) {
        return None;
    }
    let head =
        text.get(free_from..colon)?.iter().rev().take(5).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let start = colon - head;
    if head > 4 || before(text, start) == Some(b':') || is_joined_before(text, start) {
        return None;
    }
    let belongs = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let window = text.get(..(start + LONGEST + 1).min(text.len()))?;
    let end = run_end(window, start, belongs);
    let candidate = sample.text.get(start..end)?.trim_end_matches(['.', ':']);
    let colons = candidate.bytes().filter(|&byte| byte == b':').count();
    let has_digit = candidate.bytes().any(|byte| byte.is_ascii_digit());
    if colons < 2 || !has_digit || end - start > LONGEST || is_joined_after(text, end) {
        return None;
    }
    let address: Ipv6Addr = candidate.parse().ok()?;
    (!address.is_loopback() && !address.is_unspecified()).then_some(start..start + candidate.len())
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::IpAddress;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            IpAddress,
            &[
                "«192.168.100.200»",
                "from «10.0.0.7»:8080",
                "«203.0.113.9»/24",
                "ip=«198.51.100.4», next",
                "http://«203.0.113.9»/x",
                "«2001:db8::1»",
                "[«2001:db8:0:0:8:800:200c:417a»]:443",
                "addr «fe80::1ff:fe23:4567:890a».",
                "«::ffff:192.0.2.128»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            IpAddress,
            &[
                "127.0.0.1",
                "0.0.0.0",
                "255.255.255.0",
                "::1",
                "::",
                "1.2.3",
                "1.2.3.4.5",
                "256.1.1.1",
                "01.2.3.4",
                "10.0.0.1234",
                "version 1.2.3.4",
                "Version: 10.0.19.41",
                "v1.2.3.4",
                "std::vec::Vec",
                "12:30:45",
                "a::b",
                "Self::add1",
                "1.2.3.4-5",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(IpAddress, "", &"1.1.1.".repeat(50_000)).is_empty());
        assert!(found(IpAddress, "", &"1:".repeat(50_000)).is_empty());
    }
}
