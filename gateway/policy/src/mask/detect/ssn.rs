//! United States social security numbers: `123-45-6789` with one separator throughout, or nine digits
//! together where a word nearby says what they are.
//!
//! Numbers that were never issued stay: area 000, 666 and 900 to 999, group 00, serial 0000.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, digits, is_digit_at, is_joined_after, is_joined_before};
use super::context;
use super::trigger::{Shape, Trigger};

/// How many digits a number has.
const DIGITS: usize = 9;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 3..=3, followed_by: b" -", groups: 3, second: 2..=2 }, Shape::alone(DIGITS..=DIGITS)],
    number,
)];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = match groups {
        [area, middle, serial, ..] if is_separated(text, area, middle, serial) => area.start..serial.end,
        [bare, ..] if bare.len() == DIGITS => bare.clone(),
        _ => return None,
    };
    let stands_alone = !is_joined_before(text, number.start) && !is_joined_after(text, number.end);
    let is_number = stands_alone && is_issued(text, &number);
    (is_number && (number.len() > DIGITS || is_named(sample, &number))).then_some(number)
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
    context::is_named(sample, bare, &["ssn", "socialsecurity"])
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
                "127.0.0.1",
                "[REDACTED:UsSsn] 123456789",
                "ssn hidden behind more words than forty bytes can hold: 123456789",
            ],
        );
    }
}
