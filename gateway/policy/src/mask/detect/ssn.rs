//! United States social security numbers: `123-45-6789` with one separator throughout, or nine digits
//! together where a word nearby says what they are.
//!
//! Numbers that were never issued stay: area 000, 666 and 900 to 999, group 00, serial 0000.

use std::ops::Range;

use super::Sample;
use super::bytes::{
    DigitGroups, around, at, before, condensed, digits, is_digit_at, is_joined_after, is_joined_before,
};

/// How many digits a number has.
pub(super) const DIGITS: usize = 9;

/// How far away, in bytes, a word may stand that says what nine digits are.
const REACH: usize = 40;

pub(super) fn find(sample: Sample<'_>, found: &mut Vec<Range<usize>>) {
    let text = sample.text.as_bytes();
    let mut groups = DigitGroups::of(text);
    let mut free_from = 0;
    while let [group, rest @ ..] = groups.ahead() {
        let number = match rest {
            [middle, serial, ..] if is_separated(text, group, middle, serial) => {
                Some(group.start..serial.end)
            }
            _ if group.len() == DIGITS && is_named(sample, group) => Some(group.clone()),
            _ => None,
        };
        let number = number.filter(|number| {
            number.start >= free_from
                && !is_joined_before(text, number.start)
                && !is_joined_after(text, number.end)
                && is_issued(text, number)
        });
        if let Some(number) = number {
            free_from = number.end;
            found.push(number);
        }
        groups.advance();
    }
}

/// Whether three groups are 3, 2 and 4 digits with the same space or hyphen between, and nothing of the sort
/// goes on before or behind them.
fn is_separated(text: &[u8], area: &Range<usize>, middle: &Range<usize>, serial: &Range<usize>) -> bool {
    let separator = at(text, area.end);
    let is_shaped = (area.len(), middle.len(), serial.len()) == (3, 2, 4)
        && matches!(separator, Some(b' ' | b'-'))
        && at(text, middle.end) == separator
        && middle.start == area.end + 1
        && serial.start == middle.end + 1;
    let goes_on_before = match before(text, area.start) {
        Some(b'-' | b'.') => true,
        Some(b' ') => {
            separator == Some(b' ') && area.start.checked_sub(2).is_some_and(|place| is_digit_at(text, place))
        }
        Some(_) | None => false,
    };
    let goes_on_behind = match at(text, serial.end) {
        Some(b'-') => is_joined_after(text, serial.end + 1),
        Some(b'.') => is_digit_at(text, serial.end + 1),
        Some(b' ') => separator == Some(b' ') && is_digit_at(text, serial.end + 1),
        Some(_) | None => false,
    };
    is_shaped && !goes_on_before && !goes_on_behind
}

fn is_issued(text: &[u8], number: &Range<usize>) -> bool {
    let value = digits(text, number.clone()).fold(0_u32, |value, digit| value * 10 + u32::from(digit));
    let (area, group, serial) = (value / 1_000_000, value / 10_000 % 100, value % 10_000);
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
}

/// Whether a word nearby, or the name of the member, says that nine digits are such a number.
fn is_named(sample: Sample<'_>, bare: &Range<usize>) -> bool {
    let (behind, ahead) = around(sample.text, bare, REACH);
    [sample.label, behind, ahead].into_iter().any(speaks_of_ssn)
}

fn speaks_of_ssn(words: &str) -> bool {
    condensed(words).contains("socialsecurity")
        || words.bytes().enumerate().any(|(start, _)| is_ssn_at(words, start))
}

/// Whether the word `ssn` or `ssns` stands at `start`, by itself or as a part of a name such as `userSsn` or
/// `ssn_hash`.
fn is_ssn_at(words: &str, start: usize) -> bool {
    let Some(word) = words.get(start..start + 3).filter(|word| word.eq_ignore_ascii_case("ssn")) else {
        return false;
    };
    // The mask of such a number is not a word about its neighbours.
    let is_mask = words.get(..start).is_some_and(|before| before.ends_with("[REDACTED:Us"));
    let bytes = words.as_bytes();
    let begins = match before(bytes, start) {
        Some(byte) if byte.is_ascii_alphabetic() && is_joined_before(bytes, start) => {
            byte.is_ascii_lowercase() && word.starts_with('S')
        }
        Some(_) | None => true,
    };
    let end = start + 3 + usize::from(matches!(at(bytes, start + 3), Some(b's')));
    let ends = match at(bytes, end) {
        Some(byte) if byte.is_ascii_alphabetic() => byte.is_ascii_uppercase(),
        Some(_) | None => true,
    };
    begins && ends && !is_mask
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsSsn;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_with_separators_or_a_word_nearby_are_found() {
        assert_marked(
            UsSsn,
            &[
                "«123-45-6789»",
                "SSN «123-45-6789».",
                "«219-09-9999», «457-55-5462»",
                "«123 45 6789»",
                "id=«001-01-0001»;",
                "(«899-99-9999»)",
                "ssn «123456789»",
                "SSN: «123456789», born 1980",
                "Social Security number «123456789»",
                "«123456789» is my social security number",
                "social-security no. «123456789»",
                "user_ssn=«123456789»",
                "ssn_«123-45-6789»",
                "123-45-678 «123-45-6789»",
            ],
        );
    }

    #[test]
    fn a_member_name_is_a_word_nearby() {
        for label in
            ["ssn", "SSN", "userSsn", "ssnNumber", "customer_ssn", "socialSecurityNumber", "social-security"]
        {
            assert_eq!(found(UsSsn, label, "123456789"), ["123456789"], "{label}");
        }
        for label in ["", "id", "className", "assn", "lessnoise", "ssnot"] {
            assert!(found(UsSsn, label, "123456789").is_empty(), "{label}");
        }
    }

    #[test]
    fn numbers_that_are_no_such_number_stay() {
        assert_kept(
            UsSsn,
            &[
                "000-12-3456",
                "666-12-3456",
                "900-12-3456",
                "987-65-4320",
                "123-00-4567",
                "123-45-0000",
                "123456789",
                "order 123456789",
                "ssn 000123456",
                "123-45 6789",
                "123.45.6789",
                "1123-45-6789",
                "123-45-67890",
                "a123-45-6789",
                "123-45-6789-1",
                "1-123-45-6789",
                "10 123 45 6789",
                "123 45 6789 10",
                "2024-05-06",
                "+1 212-555-0187",
                "550e8400-e29b-41d4-a716-446655440000",
                "127.0.0.1",
                "[REDACTED:UsSsn] 123456789",
                "ssn hidden behind more words than forty bytes can hold: 123456789",
            ],
        );
    }
}
