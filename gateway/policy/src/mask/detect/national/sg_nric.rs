//! Identity numbers of Singapore (NRIC, FIN): a letter for the century and kind, seven digits, and a check letter modulo
//! 11.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::Trigger;

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[9..=9], number)];

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = text.get(word.clone())?.first_chunk()?;
    (is_valid(number) && stands_alone(text, word)).then(|| word.clone())
}

fn is_valid(number: &[u8; 9]) -> bool {
    const WEIGHTS: [usize; 7] = [2, 7, 6, 5, 4, 3, 2];
    let [first, digits @ .., letter] = number;
    // Letters of citizens and residents, of foreigners, and of foreigners since 2022, with what is added to the sum.
    let (letters, added) = match first {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        b'M' => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: usize =
        digits.iter().zip(WEIGHTS).map(|(digit, weight)| usize::from(digit - b'0') * weight).sum();
    letters.get((sum + added) % 11) == Some(letter)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::SgNric;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(SgNric, &["«S1234567D»", "NRIC «T1234567J»", "fin=«F1234567N»;", "«G1234567X»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(SgNric, &["S1234567E", "A1234567D", "S1234567d", "S1234567", "S12345678D"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(SgNric, "", &"S1234567 T12345-".repeat(50_000)).is_empty());
    }
}
