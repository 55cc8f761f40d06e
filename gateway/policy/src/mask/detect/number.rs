//! What detectors of numbers share: layouts of groups of digits, and the checks that several kinds use.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, digits, is_digit_at, is_joined_after, is_joined_before};
use super::context::is_named;

/// The first group, if it has so many digits and stands alone.
pub(super) fn bare(text: &[u8], groups: &[Range<usize>], length: usize) -> Option<Range<usize>> {
    groups.first().filter(|group| group.len() == length && stands_alone(text, group)).cloned()
}

/// The groups of these sizes, if one of `separators` stands between all of them and nothing goes on before or behind.
pub(super) fn grouped(
    text: &[u8],
    groups: &[Range<usize>],
    sizes: &[usize],
    separators: &[u8],
) -> Option<Range<usize>> {
    let separator = at(text, groups.first()?.end).filter(|byte| separators.contains(byte))?;
    let range = shaped(groups, sizes)?;
    let inner = groups.iter().take(sizes.len() - 1);
    let is_separated = inner.into_iter().all(|group| at(text, group.end) == Some(separator));
    let goes_on = separator == b' '
        && (before(text, range.start) == Some(b' ')
            && range.start.checked_sub(2).is_some_and(|place| is_digit_at(text, place))
            || at(text, range.end) == Some(b' ') && is_digit_at(text, range.end + 1));
    (is_separated && !goes_on && stands_alone(text, &range)).then_some(range)
}

/// The groups of these sizes, if exactly these bytes stand between them.
pub(super) fn laid_out(
    text: &[u8],
    groups: &[Range<usize>],
    sizes: &[usize],
    between: &[u8],
) -> Option<Range<usize>> {
    let range = shaped(groups, sizes)?;
    let fits = groups.iter().zip(between).all(|(group, &byte)| at(text, group.end) == Some(byte));
    (fits && stands_alone(text, &range)).then_some(range)
}

/// The range of the first groups, if they have these sizes and are one byte apart.
fn shaped(groups: &[Range<usize>], sizes: &[usize]) -> Option<Range<usize>> {
    let groups = groups.get(..sizes.len())?;
    let is_sized = groups.iter().zip(sizes).all(|(group, &size)| group.len() == size);
    let is_close = groups.iter().zip(groups.iter().skip(1)).all(|(one, other)| other.start == one.end + 1);
    (is_sized && is_close).then_some(groups.first()?.start..groups.last()?.end)
}

/// Whether a value is neither part of a word, of a decimal number, nor of a longer identifier.
pub(super) fn stands_alone(text: &[u8], range: &Range<usize>) -> bool {
    let goes_on_before =
        is_joined_before(text, range.start) || matches!(before(text, range.start), Some(b'-' | b'.' | b'+'));
    let goes_on_behind = match at(text, range.end) {
        Some(b'-') => is_joined_after(text, range.end + 1),
        Some(b'.') => is_digit_at(text, range.end + 1),
        Some(_) | None => is_joined_after(text, range.end),
    };
    !goes_on_before && !goes_on_behind
}

/// The digits of a range, if there are exactly so many.
pub(super) fn value<const LENGTH: usize>(text: &[u8], range: &Range<usize>) -> Option<[u8; LENGTH]> {
    let mut value = [0; LENGTH];
    let mut digits = digits(text, range.clone());
    for place in &mut value {
        *place = digits.next()?;
    }
    digits.next().is_none().then_some(value)
}

/// Each digit with its weight, in all; the shorter of the two counts.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, weight)| u32::from(digit) * weight).sum()
}

/// The digits of a range as a number, which must have no more of them than 64 bits hold.
pub(super) fn digits_value(text: &[u8], range: &Range<usize>) -> u64 {
    digits(text, range.clone()).fold(0, |value, digit| value * 10 + u64::from(digit))
}

/// Digits as a number.
pub(super) fn decimal(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, &digit| value * 10 + u64::from(digit))
}

/// The check of Luhn (ISO/IEC 7812-1, annex B).
pub(super) fn passes_luhn(digits: &[u8]) -> bool {
    luhn_sum(digits).is_multiple_of(10)
}

/// The sum that Luhn's check is about.
pub(super) fn luhn_sum(digits: &[u8]) -> u32 {
    let value = |(place, &digit): (usize, &u8)| match (place % 2, u32::from(digit)) {
        (0, digit) => digit,
        (_, digit) if digit > 4 => digit * 2 - 9,
        (_, digit) => digit * 2,
    };
    digits.iter().rev().enumerate().map(value).sum()
}

/// Whether there is such a day in the calendar.
pub(super) fn is_date(year: u64, month: u64, day: u64) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether all digits are the same.
pub(super) fn is_uniform(digits: &[u8]) -> bool {
    digits.iter().all(|digit| Some(digit) == digits.first())
}

/// A way in which a number is written.
pub(super) struct Layout {
    /// How many digits each group has.
    pub(super) sizes: &'static [usize],
    /// What stands between the groups.
    pub(super) between: Between,
    /// Whether a word nearby must say what it is: too much else is written so.
    pub(super) needs_word: bool,
}

/// What stands between groups of digits.
pub(super) enum Between {
    /// One of these bytes, everywhere the same.
    Any(&'static [u8]),
    /// These bytes, in this order.
    Exactly(&'static [u8]),
}

/// All digits together, where a word nearby says what they are.
pub(super) const fn bare_by_word(sizes: &'static [usize]) -> Layout {
    Layout { sizes, between: Between::Exactly(b""), needs_word: true }
}

/// The number that `groups` begin in one of `layouts`, if `is_valid` says so, and one of `names` stands nearby where
/// the layout asks for it.
pub(super) fn find<const LENGTH: usize>(
    sample: Sample<'_>,
    groups: &[Range<usize>],
    layouts: &[Layout],
    names: &[&str],
    is_valid: fn(&[u8; LENGTH]) -> bool,
) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    layouts.iter().find_map(|layout| {
        let range = match (layout.sizes, &layout.between) {
            ([length], _) => bare(text, groups, *length),
            (sizes, Between::Any(separators)) => grouped(text, groups, sizes, separators),
            (sizes, Between::Exactly(between)) => laid_out(text, groups, sizes, between),
        }?;
        let is_right = value(text, &range).is_some_and(|digits| is_valid(&digits));
        (is_right && (!layout.needs_word || is_named(sample, &range, names))).then_some(range)
    })
}
