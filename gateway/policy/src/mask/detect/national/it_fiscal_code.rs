//! Fiscal codes of Italy (decree of 23 December 1976): sixteen letters and digits that hold name, birth and place, the
//! last of them a check letter. Upper or lower case; digits may be replaced by letters where two codes were equal.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{is_date, stands_alone};
use crate::mask::detect::trigger::Trigger;

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[16..=16], number)];

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let code: &[u8; 16] = text.get(word.clone())?.first_chunk()?;
    let is_one_case = !code.iter().any(u8::is_ascii_lowercase) || !code.iter().any(u8::is_ascii_uppercase);
    let code = code.map(|byte| byte.to_ascii_uppercase());
    (is_one_case && is_valid(&code) && stands_alone(text, word)).then(|| word.clone())
}

/// The letters of the months, January first.
const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";
/// The letters that stand for digits, for 0 first.
const FOR_DIGITS: &[u8; 10] = b"LMNPQRSTUV";

/// Whether letters and digits are in their places, the day of birth is one, and the check letter is right.
fn is_valid(code: &[u8; 16]) -> bool {
    let is_in_place = |(place, &byte): (usize, &u8)| match place {
        0..=5 | 11 | 15 => byte.is_ascii_uppercase(),
        8 => MONTHS.contains(&byte),
        // A letter that stands for a digit.
        _ => byte.is_ascii_digit() || FOR_DIGITS.contains(&byte),
    };
    let [head @ .., check] = code;
    let sum: u32 = head.iter().enumerate().map(|(place, &byte)| weight(place, byte)).sum();
    let letter = u8::try_from(sum % 26).map(|value| b'A' + value);
    code.iter().enumerate().all(is_in_place) && has_birthday(code) && letter == Ok(*check)
}

/// Whether year, month and day are those of a calendar. To the day of women 40 is added.
fn has_birthday(code: &[u8; 16]) -> bool {
    let digit = |byte: &u8| match FOR_DIGITS.iter().position(|letter| letter == byte) {
        Some(digit) => u64::try_from(digit).ok(),
        None => char::from(*byte).to_digit(10).map(u64::from),
    };
    let number = |tens: usize| Some(digit(code.get(tens)?)? * 10 + digit(code.get(tens + 1)?)?);
    let month = code.get(8).and_then(|letter| MONTHS.iter().position(|own| own == letter));
    let (Some(year), Some(month), Some(day)) = (number(6), month, number(9)) else { return false };
    let day = if day > 40 { day - 40 } else { day };
    // Which century it is does not matter: both have the same leap years.
    u64::try_from(month).is_ok_and(|month| is_date(2000 + year, month + 1, day))
}

/// What a character counts. Places are counted from 0, so that the decree's odd ones are even here.
fn weight(place: usize, byte: u8) -> u32 {
    /// What digits and the letters from A on count at odd places.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let value = if byte.is_ascii_digit() { byte - b'0' } else { byte.saturating_sub(b'A') };
    if place.is_multiple_of(2) { ODD.get(usize::from(value)).copied().unwrap_or(0) } else { u32::from(value) }
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::ItFiscalCode;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(ItFiscalCode, &["«FDNTFG60C09B361Z»", "CF: «LTRPGM64T09B542U».", "«sdfpgb27c23a175b»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            ItFiscalCode,
            &[
                "FDNTFG60C09B361A",
                "GGTSZR08M76L542T",
                "DCTGGN22R37G214J",
                "FDNTFG60F09B361Z",
                "Fdntfg60C09B361Z",
                "FDNTFG60C09B361ZZ",
                "0123456789abcdef",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(ItFiscalCode, "", &"FDNTFG60C09B361-".repeat(50_000)).is_empty());
    }
}
