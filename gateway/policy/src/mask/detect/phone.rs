//! Telephone numbers: international ones (ITU-T E.164: `+`, a country, 8 to 15 digits in all), North American ones of
//! ten digits that are written with separators, and others as a country writes its own, of which a word nearby must say
//! what they are.
//!
//! Without such a word ten bare digits are no telephone number: too much else looks like that. Dates, decimal numbers
//! and network addresses, which begin lines of patches behind a `+`, never are.

use std::ops::{Range, RangeInclusive};

use super::Sample;
use super::bytes::{at, before, digits, is_digit_at, is_joined_after, is_joined_before};
use super::context::is_named;
use super::trigger::{Shape, Trigger};

const MINIMUM_DIGITS: usize = 8;
const MAXIMUM_DIGITS: usize = 15;
/// Country 1, then ten digits.
const NORTH_AMERICAN_DIGITS: usize = 11;
/// How many digits a number within a country has, with those that lead out of a city.
const NATIONAL_DIGITS: RangeInclusive<usize> = 7..=13;
/// How many it has if they stand together.
const TOGETHER: RangeInclusive<usize> = 9..=11;

/// Words that a number is called by.
const NAMES: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "cellphone",
    "msisdn",
    "fax",
    "whatsapp",
    "sms",
    "call",
    "dial",
];

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::Plus(international),
    Trigger::Number(
        &[
            Shape { digits: 3..=3, followed_by: b" -.)", groups: 3, second: 3..=3 },
            // The country.
            Shape { digits: 1..=1, followed_by: b" -./()", groups: 4, second: 3..=3 },
        ],
        north_american,
    ),
    Trigger::Number(
        &[Shape { digits: 2..=5, followed_by: b" -./)", groups: 2, second: 1..=11 }, Shape::alone(TOGETHER)],
        national,
    ),
];

/// The number behind a `+`, which stands right before the first of `groups`.
fn international(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let first = groups.first()?;
    let start = first.start.checked_sub(1)?;
    let is_part_of_more = is_joined_before(text, start) || matches!(before(text, start), Some(b'+' | b')'));
    if at(text, first.start) == Some(b'0') || is_part_of_more {
        return None;
    }
    let is_north_american = at(text, first.start) == Some(b'1');
    let (minimum, maximum) = if is_north_american {
        (NORTH_AMERICAN_DIGITS, NORTH_AMERICAN_DIGITS)
    } else {
        (MINIMUM_DIGITS, MAXIMUM_DIGITS)
    };
    let mut count = 0;
    let mut used = 0;
    let mut end = first.start;
    for group in groups {
        // Who writes eight digits in a row sets no spaces: what follows is another number.
        let is_complete = used == 1 && count >= MINIMUM_DIGITS;
        let is_next = used == 0 || (!is_complete && is_gap(text.get(end..group.start).unwrap_or_default()));
        if !is_next || count + group.len() > maximum {
            break;
        }
        count += group.len();
        used += 1;
        end = group.end;
    }
    let used = groups.get(..used).unwrap_or_default();
    let goes_on = is_joined_after(text, end) || (at(text, end) == Some(b'.') && is_digit_at(text, end + 1));
    (count >= minimum && !goes_on && !looks_otherwise(text, used)).then_some(start..end)
}

/// Whether what stands between two groups belongs to one telephone number.
fn is_gap(gap: &[u8]) -> bool {
    matches!(
        gap,
        [b' ' | b'-' | b'.' | b'/' | b'(' | b')'] | [b' ', b'('] | [b')', b' ' | b'-'] | [b'-', b'(']
    )
}

/// A date, a decimal number or a network address, by the sizes of its groups.
fn looks_otherwise(text: &[u8], groups: &[Range<usize>]) -> bool {
    let is_separated_by = |separator: u8| {
        groups.windows(2).all(|pair| match pair {
            [one, other] => other.start == one.end + 1 && at(text, one.end) == Some(separator),
            _ => false,
        })
    };
    let size = |index: usize| groups.get(index).map_or(0, Range::len);
    // Years of more than four digits are written with a sign (ISO 8601).
    // No year that anybody writes begins with a zero.
    let has_year = groups.first().is_some_and(|first| size(0) >= 4 && at(text, first.start) != Some(b'0'));
    let is_date = (has_year && size(1) == 2 && size(2) == 2)
        || (groups.len() == 3 && size(0) <= 2 && size(1) <= 2 && size(2) == 4);
    let is_address =
        groups.len() == 4 && groups.iter().all(|group| group.len() <= 3) && is_separated_by(b'.');
    let is_decimal = groups.len() == 2 && is_separated_by(b'.');
    is_date || is_address || is_decimal
}

/// The number of ten digits, or eleven with a leading 1, that the first of `groups` begins.
fn north_american(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let first = groups.first()?;
    let is_country = first.len() == 1
        && at(text, first.start) == Some(b'1')
        && groups.get(1).is_some_and(|area| is_gap(text.get(first.end..area.start).unwrap_or_default()));
    let mut parts = groups.iter().skip(usize::from(is_country));
    let (area, exchange, line) = (parts.next()?, parts.next()?, parts.next()?);
    if (area.len(), exchange.len(), line.len()) != (3, 3, 4) {
        return None;
    }
    let is_in_parentheses = before(text, area.start) == Some(b'(') && at(text, area.end) == Some(b')');
    let start = match (is_country, is_in_parentheses) {
        (true, _) => first.start,
        (false, true) => area.start.checked_sub(1)?,
        (false, false) => area.start,
    };
    let number = start..line.end;
    let gaps = (text.get(area.end..exchange.start)?, text.get(exchange.end..line.start)?);
    let is_written_so = match gaps {
        (b") " | b")" | b")-", b" " | b"-" | b".") => is_in_parentheses,
        (b"-", b"-") | (b".", b".") => true,
        (b" ", b" " | b"-") => !is_in_row_of_numbers(text, &number),
        _ => false,
    };
    let is_assigned = is_area(text, area) && is_exchange(text, exchange);
    (is_written_so && is_assigned && stands_alone(text, &number)).then_some(number)
}

/// The number that the first of `groups` begins, if something nearby says that it is one.
fn national(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let first = groups.first()?;
    let is_in_parentheses = before(text, first.start) == Some(b'(') && at(text, first.end) == Some(b')');
    let start = first.start - usize::from(is_in_parentheses);
    // Most groups are behind another one.
    if is_behind_number(text, start) || goes_on_before(text, start) {
        return None;
    }
    let is_behind = |(one, other): (&Range<usize>, &Range<usize>)| {
        is_gap(text.get(one.end..other.start).unwrap_or_default())
    };
    let length = 1 + groups.iter().zip(groups.iter().skip(1)).take_while(|pair| is_behind(*pair)).count();
    let groups = groups.get(..length)?;
    let count: usize = groups.iter().map(Range::len).sum();
    let number = start..groups.last()?.end;
    let fits = NATIONAL_DIGITS.contains(&count) && (length > 1 || TOGETHER.contains(&count));
    let is_number = fits && stands_alone(text, &number) && !looks_otherwise(text, groups);
    (is_number && !is_version(text, groups) && is_named(sample, &number, NAMES)).then_some(number)
}

/// Area codes begin with 2 to 9, and neither end in 11 nor have a 9 in the middle (NANP numbering plan).
fn is_area(text: &[u8], area: &Range<usize>) -> bool {
    is_exchange(text, area) && digits(text, area.clone()).nth(1) != Some(9)
}

/// Exchange codes begin with 2 to 9 and do not end in 11.
fn is_exchange(text: &[u8], exchange: &Range<usize>) -> bool {
    let value = digits(text, exchange.clone()).fold(0_u32, |value, digit| value * 10 + u32::from(digit));
    value >= 200 && value % 100 != 11
}

/// Whether spaces separate the number from further numbers, as in a table.
fn is_in_row_of_numbers(text: &[u8], number: &Range<usize>) -> bool {
    let is_behind = before(text, number.start) == Some(b' ')
        && number.start.checked_sub(2).is_some_and(|position| is_digit_at(text, position));
    is_behind || (at(text, number.end) == Some(b' ') && is_digit_at(text, number.end + 1))
}

/// Whether dots are between groups as in a version, or behind them as in a range. A telephone number with dots begins with
/// a zero.
fn is_version(text: &[u8], groups: &[Range<usize>]) -> bool {
    let has_dot = |group: &Range<usize>| at(text, group.end) == Some(b'.');
    let is_range = |group: &Range<usize>| has_dot(group) && at(text, group.end + 1) == Some(b'.');
    let is_led_out = groups.first().is_some_and(|first| at(text, first.start) == Some(b'0'));
    let inner = groups.split_last().map_or(&[][..], |(_, inner)| inner);
    inner.iter().any(|group| has_dot(group) && !is_led_out) || groups.last().is_some_and(is_range)
}

/// Whether a group of digits goes before, as close as groups of one number are.
fn is_behind_number(text: &[u8], start: usize) -> bool {
    let head = text.get(start.saturating_sub(3)..start).unwrap_or_default();
    let digit = head.iter().rposition(u8::is_ascii_digit);
    digit.and_then(|digit| head.get(digit + 1..)).is_some_and(is_gap)
}

/// Whether the number is not part of a longer identifier, version or path.
fn stands_alone(text: &[u8], number: &Range<usize>) -> bool {
    let goes_on_behind = match at(text, number.end) {
        // An extension, as in `x12`.
        Some(b'x') => !is_digit_at(text, number.end + 1),
        Some(b'-' | b'.') => is_joined_after(text, number.end + 1),
        Some(b'_') => true,
        Some(_) | None => is_joined_after(text, number.end),
    };
    !goes_on_before(text, number.start) && !goes_on_behind
}

/// Whether what stands before the number makes it a part of more.
fn goes_on_before(text: &[u8], start: usize) -> bool {
    matches!(before(text, start), Some(b'-' | b'.' | b'/' | b'_' | b'+')) || is_joined_before(text, start)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::Phone;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_with_a_country_or_north_american_separators_are_found() {
        assert_marked(
            Phone,
            &[
                "«+14155550132»",
                "call «+1 415 555 0132» now",
                "«+1 (415) 555-0132»",
                "«+1-415-555-0132»",
                "«+1.415.555.0132»",
                "«+44 20 7946 0958»",
                "«+442079460958» 12 items",
                "«+49 (0)30 901820»",
                "«+49 30/901820»",
                "tel:«+33 1 99 00 12 34»",
                "phone=«+61491570156»;",
                "«+1 415 555 0132» 2024",
                "(«+81 3-1234-5678»)",
                "«(415) 555-0132»",
                "«(415)555-0132»",
                "«(415) 555 0132»",
                "«415-555-0132»",
                "«415.555.0132»",
                "«1-415-555-0132»",
                "«415 555 0132»",
                "phone: «415-555-0132», «212-555-0187».",
                "«415-555-0132»x12",
            ],
        );
    }

    #[test]
    fn numbers_as_a_country_writes_them_are_found_where_a_word_says_what_they_are() {
        assert_marked(
            Phone,
            &[
                "phone «4155550132»",
                "Phone: «070 4493 5104»",
                "call me at «0487 98 11 92»",
                "call me on «67 501 36 56»?",
                "«(07700)034176» fax",
                "tel. «01.96.03.54.29»",
                "mobile=«0171-1234567»",
                "userPhone: «030/901820»",
                "whatsapp «(14) 3458-4891»",
            ],
        );
        assert_eq!(found(Phone, "phoneNumber", "4155550132"), ["4155550132"]);
        assert_eq!(found(Phone, "orderNumber", "4155550132"), Vec::<String>::new());
        assert_kept(
            Phone,
            &[
                "phoned on 2024-05-06",
                "call of 06-05-2024",
                "phone 6 for 1234.5678",
                "phone at 192.168.100.200",
                "phone app 19.31.3700",
                "phone index 123456789..a6b844744",
                "call 1234 5678 9012 3456",
                "call 12 34 times",
                "phone ORD-2024-000123456",
                "recall 070 4493 5104",
            ],
        );
    }

    #[test]
    fn dates_versions_addresses_and_identifiers_stay() {
        assert_kept(
            Phone,
            &[
                "4155550132",
                "2024-05-06",
                "2024-05-06T12:30:45.123+02:00",
                "+2024-05-06 released",
                "+10000-12-31T00:00:00Z",
                "1.2.3+20240506123045",
                "v10.20.3040",
                "192.168.100.200",
                "+192.168.10.200 host",
                "+127.0.0.1 localhost",
                "+3.14159265",
                "123-456-7890",
                "415-055-0132",
                "911-555-0132",
                "415-911-0132",
                "ORD-415-555-0132",
                "415-555-0132-7",
                "415-555-01321",
                "415-555-0132a",
                "10 415 555 0132",
                "415 555 0132 7",
                "+0123456789",
                "abc+12345678",
                "+1234567",
                "+1 415 555 013",
                "+1234567890123456",
                "$1,234,567.89",
                "978-3-16-148410-0",
                "file_415-555-0132",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(Phone, "", &"+1 ".repeat(100_000)).is_empty());
        assert!(found(Phone, "", &"415-555-".repeat(50_000)).is_empty());
    }
}
