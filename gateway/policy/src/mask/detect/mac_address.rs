//! Hardware addresses (IEEE 802, EUI-48): six pairs of hexadecimal digits with colons or hyphens between.
//! Addresses of which all pairs are the same are nobody's.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, is_joined_after, is_joined_before};
use super::trigger::{Having, Shape, Trigger};
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::Sign(b":", with_colons),
    Trigger::Number(&[Shape { followed_by: b"-", ..Shape::alone(2..=2) }], with_hyphens),
    Trigger::Word(&[2..=2], with_hyphens_word),
    Trigger::Run(Having::Pairs, of_letters),
];

const LENGTH: usize = 17;

/// The address whose first colon stands at `colon`.
fn with_colons(sample: Sample<'_>, colon: usize, free_from: usize) -> Option<Range<usize>> {
    let start = colon.checked_sub(2).filter(|start| *start >= free_from)?;
    address(sample.text.as_bytes(), start, b':')
}

fn with_hyphens(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    with_hyphens_word(sample, groups.first()?)
}

/// The address that `pair` is in: the first that has a digit.
fn with_hyphens_word(sample: Sample<'_>, pair: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let mut start = pair.start;
    for _ in 0..5 {
        match start.checked_sub(3).and_then(|place| text.get(place..start)) {
            Some([one, other, b'-']) if one.is_ascii_hexdigit() && other.is_ascii_hexdigit() => start -= 3,
            Some(_) | None => break,
        }
    }
    address(text, start, b'-')
}

/// Addresses with hyphens and without a digit, which no group of digits leads to.
fn of_letters(sample: Sample<'_>, run: &Range<usize>, found: &mut Vec<Range<usize>>) {
    let text = sample.text.as_bytes();
    let inside = text.get(run.clone()).unwrap_or_default();
    if run.len() < LENGTH {
        return;
    }
    let has_digit = |range: &Range<usize>| {
        text.get(range.clone()).is_none_or(|bytes| bytes.iter().any(u8::is_ascii_digit))
    };
    count(inside.len());
    let mut free_from = run.start;
    // One hyphen after another is what most runs with hyphens have not: identifiers, names, dates.
    let pairs = inside.windows(4).enumerate().filter(|(_, pair)| matches!(pair, [b'-', _, _, b'-']));
    for start in pairs.filter_map(|(place, _)| (run.start + place).checked_sub(2)) {
        if start < free_from {
            continue;
        }
        if let Some(range) = address(text, start, b'-').filter(|range| !has_digit(range)) {
            free_from = range.end;
            found.push(range);
        }
    }
}

fn address(text: &[u8], start: usize, separator: u8) -> Option<Range<usize>> {
    let range = start..start + LENGTH;
    let bytes = text.get(range.clone())?;
    let is_in_place = |(place, byte): (usize, &u8)| match place % 3 {
        2 => *byte == separator,
        _ => byte.is_ascii_hexdigit(),
    };
    if !bytes.iter().enumerate().all(is_in_place) {
        return None;
    }
    let is_uniform = bytes.chunks(3).all(|pair| pair.get(..2) == bytes.get(..2));
    let is_part_of_more = is_joined_before(text, start)
        || is_joined_after(text, range.end)
        || before(text, start) == Some(separator)
        || at(text, range.end) == Some(separator);
    (!is_uniform && !is_part_of_more).then_some(range)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::MacAddress;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            MacAddress,
            &[
                "«00:1A:2B:3C:4D:5E»",
                "mac «aa:bb:cc:dd:ee:f0», next",
                "«00-1a-2b-3c-4d-5e»",
                "ether «AA-BB-CC-0D-EE-FF».",
                "«AA-BB-CC-DD-EE-FA», «fa-ce-be-ef-ca-fe»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            MacAddress,
            &[
                "ff:ff:ff:ff:ff:ff",
                "00:00:00:00:00:00",
                "00:1A:2B:3C:4D",
                "00:1A:2B:3C:4D:5E:6F",
                "00:1A:2B:3C:4D:5G",
                "00:1A-2B:3C:4D:5E",
                "12:30:45",
                "2024-05-06-07-08-09",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(MacAddress, "", &"00:1A:2B:3C:4D:".repeat(50_000)).is_empty());
    }
}
