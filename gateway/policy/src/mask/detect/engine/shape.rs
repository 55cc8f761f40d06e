//! What is known at sight, and holds no value: UUIDs and times of a day. They are read as wholes, so that no detector is asked
//! for each of their parts.

use super::super::bytes::{at, is_digit_at, is_joined_after};
use super::bits::{bits, ones};
use crate::mask::scan::{BLOCK, Block};

/// How long a UUID is (RFC 9562).
pub(super) const UUID: usize = 36;
/// Where hyphens stand in one.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
/// The letters and digits of one.
const UUID_WORDS: u64 = ((1 << UUID) - 1) & !(1 << 8 | 1 << 13 | 1 << 18 | 1 << 23);

/// The bits of all UUIDs that stand in a block as runs of their own; `last` is the block before it, `bytes` are the text's from
/// the block on. One that reaches into the next block is not seen.
///
/// Nothing in one is a value: parts of identifiers are none, the ends of a UUID are no random secret, and what stands behind a
/// name that says so is found by that.
#[inline]
pub(super) fn uuids(last: Block, block: Block, bytes: &[u8]) -> u64 {
    let signs = block.tokens & !block.words;
    let starts = HYPHENS.iter().fold(u64::MAX, |starts, hyphen| starts & signs >> hyphen);
    if starts == 0 { 0 } else { those_of(starts, last, block, bytes) }
}

fn those_of(starts: u64, last: Block, block: Block, bytes: &[u8]) -> u64 {
    let is_uuid = |start: &usize| {
        let end = start + UUID;
        let is_whole = end < BLOCK || (end == BLOCK && bytes.len() == BLOCK);
        let is_shaped = is_whole && block.words >> start & ((1 << UUID) - 1) == UUID_WORDS;
        let before = if *start == 0 { last.tokens >> (BLOCK - 1) } else { block.tokens >> (start - 1) };
        let behind = if end < BLOCK { block.tokens >> end } else { 0 };
        let inside = bytes.get(*start..end).unwrap_or_default();
        let has_hyphens = HYPHENS.iter().all(|hyphen| inside.get(*hyphen) == Some(&b'-'));
        is_shaped && (before | behind) & 1 == 0 && has_hyphens && has_no_letters_behind_f(inside)
    };
    ones(starts).filter(is_uuid).fold(0, |found, start| found | bits(start..start + UUID))
}

/// Whether no byte is greater than `f`, nor a capital letter than `F`, so that letters are hexadecimal.
fn has_no_letters_behind_f(bytes: &[u8]) -> bool {
    let (eights, rest) = bytes.as_chunks::<8>();
    let is_greater = |byte: u8| u64::from(byte | 0x20).wrapping_add(EXCESS_OF_G) & 0x80;
    let greater = eights.iter().fold(0, |sum, eight| {
        let bytes = u64::from_le_bytes(*eight);
        sum | bytes | (bytes | 0x2020_2020_2020_2020).wrapping_add(EXCESS_OF_G * 0x0101_0101_0101_0101)
    });
    greater & 0x8080_8080_8080_8080 == 0 && rest.iter().all(|byte| byte.is_ascii() && is_greater(*byte) == 0)
}

/// What takes `g` out of ASCII.
const EXCESS_OF_G: u64 = 0x80 - b'g' as u64;

/// How times of a day are written (RFC 3339), as far as everybody writes them; each digit is a nine.
const TIME: &[u8; 16] = b"9999-99-99T99:99";

/// For each byte of a time what it is without its digits, which bits of what is left must be 0, and what takes digits that
/// are none to those.
const PLAIN: u128 = spread(b'0', None);
const LEFT: u128 = spread(0xF0, Some(0xFF));
const EXCESS: u128 = spread(6, Some(0));

/// `digit` in place of each digit of a time, and `sign`, or what it is, in place of each sign.
#[allow(clippy::indexing_slicing, reason = "the compiler has looked at it")]
const fn spread(digit: u8, sign: Option<u8>) -> u128 {
    let mut bytes = *TIME;
    let mut index = 0;
    while index < TIME.len() {
        bytes[index] = match (TIME[index], sign) {
            (b'9', _) => digit,
            (_, Some(sign)) => sign,
            (own, None) => own,
        };
        index += 1;
    }
    u128::from_le_bytes(bytes)
}

/// The end of the time of a day that begins at `start`. Nothing in one begins a value: dates of birth have no time, and no number
/// has groups of four, two and two digits. Seconds belong to it where they end as they should.
#[inline]
pub(super) fn time_end(text: &[u8], start: usize) -> Option<usize> {
    let head = u128::from_le_bytes(*text.get(start..)?.first_chunk()?) ^ PLAIN;
    // Digits are 0 to 9 now. A carry comes from what is none alone.
    if (head | head.wrapping_add(EXCESS)) & LEFT != 0 || is_digit_at(text, start + TIME.len()) {
        return None;
    }
    Some(seconds_end(text, start + TIME.len()).unwrap_or(start + TIME.len()))
}

/// The end of `:59Z` or `:59.123Z` at `position`. Of eight digits and a letter there are numbers.
fn seconds_end(text: &[u8], position: usize) -> Option<usize> {
    let [b':', tens, ones, ..] = text.get(position..)? else { return None };
    let end = position + 3;
    let fraction = text.get(end + 1..)?.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let end = match (at(text, end), fraction) {
        (Some(b'.'), 1..=7 | 9) => end + 1 + fraction,
        _ => end,
    };
    let is_time = tens.is_ascii_digit() && ones.is_ascii_digit() && at(text, end) == Some(b'Z');
    (is_time && !is_joined_after(text, end + 1)).then_some(end + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use lychgate_gateway_lanes::Classes;
    use proptest::prelude::*;

    use super::{TIME, time_end, uuids};
    use crate::mask::detect::engine::bits::bits;
    use crate::mask::scan::Block;

    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn found(text: &str) -> u64 {
        uuids(Block::default(), Block::of(text.as_bytes()), text.as_bytes())
    }

    #[test]
    fn a_uuid_is_seen_where_it_stands_alone() {
        for start in 0..=28 {
            let before = " ".repeat(start);
            assert_eq!(found(&format!("{before}{UUID}")), bits(start..start + 36), "{start}");
            let expected = if start < 28 { bits(start..start + 36) } else { 0 };
            assert_eq!(found(&format!("{before}{UUID}{}", " ".repeat(64))), expected, "{start}");
        }
        for text in [
            format!("x{UUID}"),
            format!("-{UUID}"),
            format!("{UUID}-"),
            format!("{UUID}0"),
            UUID.replacen('5', "g", 1),
            UUID.replacen('-', "_", 1),
            UUID.replacen('-', "", 1),
        ] {
            assert_eq!(found(&text), 0, "{text}");
        }
        let last = Block { tokens: 1 << 63, ..Block::default() };
        assert_eq!(uuids(last, Block::of(UUID.as_bytes()), UUID.as_bytes()), 0);
    }

    #[test]
    fn a_time_ends_where_its_seconds_do() {
        for (text, expected) in [
            ("2026-05-06T12:30", Some(16)),
            ("2026-05-06T12:30:45", Some(16)),
            ("2026-05-06T12:30:45Z", Some(20)),
            ("2026-05-06T12:30:45.1Z", Some(22)),
            ("2026-05-06T12:30:45.123456789Z.", Some(30)),
            ("2026-05-06T12:30:45.12345678Z", Some(16)),
            ("2026-05-06T12:30:45.1234567890Z", Some(16)),
            ("2026-05-06T12:30:45Za", Some(16)),
            ("2026-05-06T12:30:4Z", Some(16)),
            ("2026-05-06T12:301", None),
            ("2026-05-06 12:30", None),
            ("2026-05-06T12:3", None),
        ] {
            assert_eq!(time_end(text.as_bytes(), 0), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_time_is_what_fits_byte_by_byte(
            place in 0..16_usize, byte in any::<u8>(), other in 0..16_usize, another in any::<u8>(),
        ) {
            let mut text = *TIME;
            *text.get_mut(place).unwrap() = byte;
            *text.get_mut(other).unwrap() = another;
            let fits = |(&byte, &form): (&u8, &u8)| if form == b'9' { byte.is_ascii_digit() } else { byte == form };
            prop_assert_eq!(time_end(&text, 0).is_some(), text.iter().zip(TIME).all(fits));
        }
    }
}
