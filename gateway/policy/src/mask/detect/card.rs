//! Payment card numbers (ISO/IEC 7812): 12 to 19 digits, a prefix and length that some network issues, and
//! the check digit of Luhn. Digits stand together, or in the groups in which cards are printed with one space
//! or hyphen between them.
//!
//! Networks begin to issue numbers faster than lists of their prefixes are written: where a word nearby says that a
//! number is a card's, of a bank's or a network's numbers the check digit alone decides.
//!
//! A number that passes is a card even if it is a test number. Runs of more digits, fractions of decimal
//! numbers, parts of words and UUIDs are none.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, digits, is_digit_at, is_joined_after, is_joined_before};
use super::context::is_named;
use super::number::passes_luhn;
use super::trigger::{Shape, Trigger};

const MINIMUM_DIGITS: usize = 12;
const MAXIMUM_DIGITS: usize = 19;

/// Words that a card is called by.
const NAMES: &[&str] = &["card", "creditcard", "debitcard", "cc", "ccnumber"];

/// The most groups in which a card is printed.
const MAXIMUM_GROUPS: usize = 5;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[
        Shape::alone(MINIMUM_DIGITS..=MAXIMUM_DIGITS),
        Shape { digits: 4..=4, followed_by: b" -", groups: 3, second: 4..=6 },
    ],
    card,
)];

/// The card number that the first of `groups` is or begins.
fn card(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let group = groups.first()?;
    if is_number(sample, group) { Some(group.clone()) } else { grouped(sample, groups) }
}

/// Whether one group of digits is a card number by itself.
fn is_number(sample: Sample<'_>, group: &Range<usize>) -> bool {
    let text = sample.text.as_bytes();
    (MINIMUM_DIGITS..=MAXIMUM_DIGITS).contains(&group.len())
        && stands_alone(text, group)
        && !ends_uuid(text, group)
        && is_card(sample, group)
}

/// The card number that the first of `groups` begins.
fn grouped(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let first = groups.first()?;
    let separator = at(text, first.end)?;
    let longest = chain_length(text, groups, separator).min(MAXIMUM_GROUPS);
    // The longest layout first: the first 16 digits of a card with 19 may be a card as well.
    (3..=longest).rev().find_map(|count| {
        let groups = groups.get(..count)?;
        let card = first.start..groups.last()?.end;
        let is_part_of_more = separator == b'-'
            && (before(text, card.start) == Some(b'-')
                || at(text, card.end) == Some(b'-') && is_joined_after(text, card.end + 1));
        (is_layout(groups) && !is_part_of_more && stands_alone(text, &card) && is_card(sample, &card))
            .then_some(card)
    })
}

/// How many of `groups` follow each other with `separator` alone between them, if that is a space or a hyphen.
fn chain_length(text: &[u8], groups: &[Range<usize>], separator: u8) -> usize {
    let follows = |pair: &&[Range<usize>]| match pair {
        [one, other] => other.start == one.end + 1 && at(text, one.end) == Some(separator),
        _ => false,
    };
    if matches!(separator, b' ' | b'-') { 1 + groups.windows(2).take_while(follows).count() } else { 1 }
}

/// Whether groups of these sizes are printed on cards.
fn is_layout(groups: &[Range<usize>]) -> bool {
    let mut sizes = [0; MAXIMUM_GROUPS];
    for (size, group) in sizes.iter_mut().zip(groups) {
        *size = group.len();
    }
    match sizes {
        [4, 4, 4, 0..=4, 0] | [4, 4, 4, 4, 1..=3] => true,
        // American Express and Diners Club.
        [4, 6, 4 | 5, 0, 0] => true,
        _ => false,
    }
}

/// Neither part of a word nor the fraction of a decimal number.
fn stands_alone(text: &[u8], range: &Range<usize>) -> bool {
    let is_fraction = before(text, range.start) == Some(b'.')
        && range.start.checked_sub(2).is_some_and(|position| is_digit_at(text, position));
    !is_fraction && !is_joined_before(text, range.start) && !is_joined_after(text, range.end)
}

/// Whether a group of digits is the last part of a UUID (RFC 9562), the only part that is long enough.
fn ends_uuid(text: &[u8], group: &Range<usize>) -> bool {
    const BEFORE: usize = "00000000-0000-0000-0000-".len();
    let Some(head) = group.start.checked_sub(BEFORE).and_then(|start| text.get(start..group.start)) else {
        return false;
    };
    let is_in_place = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    group.len() == 12 && head.iter().enumerate().all(is_in_place)
}

fn is_card(sample: Sample<'_>, range: &Range<usize>) -> bool {
    let text = sample.text.as_bytes();
    let mut number = [0; MAXIMUM_DIGITS];
    let mut length = 0;
    for digit in digits(text, range.clone()) {
        let Some(place) = number.get_mut(length) else { return false };
        *place = digit;
        length += 1;
    }
    let number = number.get(..length).unwrap_or_default();
    passes_luhn(number) && (is_issued(number) || (is_bank_s(number) && is_named(sample, range, NAMES)))
}

/// Whether a number is of those that are kept for travel, banks and merchants (ISO/IEC 7812-1, major industry
/// identifier), and as long as cards have been for a while.
fn is_bank_s(number: &[u8]) -> bool {
    number.len() >= 14 && matches!(number.first(), Some(3..=6))
}

/// Whether a network issues numbers of this prefix and length.
fn is_issued(number: &[u8]) -> bool {
    let length = number.len();
    let prefix =
        |count: usize| number.iter().take(count).fold(0_u32, |value, &digit| value * 10 + u32::from(digit));
    let is_any_length = (16..=19).contains(&length);
    match prefix(4) {
        // Visa.
        4000..=4999 => matches!(length, 13 | 16 | 19),
        // American Express; JCB's old numbers.
        3400..=3499 | 3700..=3799 | 1800 | 2131 => length == 15,
        // Diners Club.
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length),
        // JCB.
        3528..=3589 => is_any_length,
        // Mastercard.
        5100..=5599 | 2221..=2720 => length == 16,
        // Mir.
        2200..=2204 => is_any_length,
        // Maestro and the national schemes within its ranges. Of 50, only what is known to be used: many ids
        // begin so.
        604
        | 5010..=5020
        | 5038
        | 5041
        | 5060..=5067
        | 5078..=5090
        | 5600..=5899
        | 6300..=6399
        | 6700..=6799 => (12..=19).contains(&length),
        // Discover, UnionPay.
        6011 | 6200..=6299 | 6440..=6599 => is_any_length,
        // RuPay, UnionPay's second range, Troy.
        6000..=6099 | 8100..=8299 | 9792 => length == 16,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::CreditCard;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn published_test_numbers_are_found_in_every_layout() {
        assert_marked(
            CreditCard,
            &[
                "«4111111111111111»",
                "card «4111 1111 1111 1111», thanks",
                "«4111-1111-1111-1111»",
                "«4012888888881881»;«4222222222222»",
                "«5555555555554444» and «5105105105105100»",
                "«2223003122003222»",
                "«378282246310005»",
                "«3782 822463 10005»",
                "«371449635398431»",
                "«30569309025904» «38520000023237»",
                "«3056 930902 5904»",
                "«6011111111111117»",
                "«6011 0009 9013 9424»",
                "«3530111333300000»",
                "«6200000000000005»",
                "«6759649826438453»",
                "«501800000009»",
                "«213100000000001»",
                "«2200000000000004»",
                "pan=«4111111111111111»&cvv=123",
                "card_«4111111111111111»",
                "PAN:«4111111111111111»=25121011000012345678",
                "see /cards/«4111111111111111»/limits",
                "12,«4111111111111111»,34.5",
                "valid 12 «4111 1111 1111 1111» 1225",
                "«4111 1111 1111 1111» «4012 8888 8888 1881»",
                "12-25 «4111 1111 1111 1111»",
                "号«4111111111111111»号",
                "«4111111111111111».",
                "«4111111111111111».00",
            ],
        );
    }

    #[test]
    fn where_a_word_says_that_it_is_a_card_s_the_check_digit_decides() {
        assert_marked(
            CreditCard,
            &["My card «3504772205685877» is lost", "creditCard: «3523 3648 0484 8473»"],
        );
        assert_eq!(found(CreditCard, "card_number", "3504772205685877"), ["3504772205685877"]);
        assert_kept(
            CreditCard,
            &[
                "order 3504772205685877",
                "card 3504772205685878",
                "card 1715000000000009",
                "card 3000000000004",
            ],
        );
    }

    #[test]
    fn numbers_that_are_no_cards_stay() {
        assert_kept(
            CreditCard,
            &[
                "4111111111111112",
                "4111 1111 1111 1112",
                "order 1234567890123456",
                "550e8400-e29b-41d4-a716-501800000009",
                "00000000-0000-4000-8000-500000000009",
                "12345678-4111-1111-1111-111112345678",
                "1715000000000000",
                "0.4111111111111111",
                "4111111111111111111111",
                "a4111111111111111",
                "4111111111111111b",
                "1.2.3-20240506123045",
                "127.0.0.1:8080 192.168.100.200",
                "$1,234,567,890.00",
                "4111  1111  1111  1111",
                "4111 1111-1111 1111",
                "41 11 11 11 11 11 11 11",
                "0000 0000 0000 0000",
                "2021 2022 2023 2024 2025 2026 2027 2028",
                "978-3-16-148410-0",
                "feature/5068609911521280",
                "[8160210889872729633]",
                "4111.1111.1111.1111",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(CreditCard, "", &"4111-".repeat(100_000)).is_empty());
        assert!(found(CreditCard, "", &"4 ".repeat(100_000)).is_empty());
    }
}
