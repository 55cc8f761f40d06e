//! Vehicle identification numbers (ISO 3779): seventeen letters and digits without I, O and Q. The ninth is a check digit in
//! North America and China (49 CFR 565.15); where it is not, a word nearby must say what it is.

use std::ops::Range;

use super::Sample;
use super::context::is_named;
use super::number::stands_alone;
use super::trigger::Trigger;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[17..=17], number)];

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number: &[u8; 17] = text.get(word.clone())?.first_chunk()?;
    let letters = number.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    // The last four are digits, whoever builds the vehicle.
    let is_shaped = letters > 2
        && number.iter().all(|byte| value(*byte).is_some())
        && number.iter().rev().take(4).all(u8::is_ascii_digit);
    let is_number = is_shaped && stands_alone(text, word);
    (is_number && (is_valid(number) || is_named(sample, word, NAMES))).then(|| word.clone())
}

const NAMES: &[&str] = &["vin", "vehicleidentification", "chassis", "chassisnumber"];

fn is_valid(number: &[u8; 17]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = number.iter().zip(WEIGHTS).map(|(&byte, weight)| value(byte).unwrap_or(0) * weight).sum();
    let expected = char::from_digit(sum % 11, 10).unwrap_or('X');
    number.get(8).is_some_and(|&check| char::from(check) == expected)
}

/// What a character counts: letters count as their place in rows of nine, of which the last begins with S as 2.
fn value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'H' => byte - b'A' + 1,
        b'J'..=b'N' | b'P' | b'R' => byte - b'J' + 1,
        b'S'..=b'Z' => byte - b'S' + 2,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::Vin;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(Vin, &["«1M8GDM9AXKP042788»", "VIN: «5GZCZ43D13S812715».", "vin «WVWZZZ1JZ3W386752»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            Vin,
            &[
                "1M8GDM9AXKP042789",
                "WVWZZZ1JZ3W386752",
                "1M8GDM9AXKP04278",
                "1m8gdm9axkp042788",
                "11111111111111111",
                "1M8GDM9AXKPO42788",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(Vin, "", &"1M8GDM9AXKP04278-".repeat(50_000)).is_empty());
    }
}
