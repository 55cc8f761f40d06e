//! Registration numbers of the Drug Enforcement Administration of the United States: two letters and seven digits, of which
//! the last is a check digit. A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::context::is_named;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::Trigger;

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[9..=9], number)];

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = text.get(word.clone())?.first_chunk()?;
    let is_number = is_valid(number) && stands_alone(text, word);
    (is_number && is_named(sample, word, &["dea", "drugenforcement"])).then(|| word.clone())
}

fn is_valid(number: &[u8; 9]) -> bool {
    let [kind, name, digits @ .., check] = number;
    if !b"ABCDEFGHJKLMPRSTUX".contains(kind)
        || !(name.is_ascii_uppercase() || *name == b'9')
        || !digits.iter().chain([check]).all(u8::is_ascii_digit)
    {
        return false;
    }
    // Digits at even places count twice.
    let sum: u32 = digits
        .iter()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    sum % 10 == u32::from(check - b'0')
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsDea;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(UsDea, &["DEA «AB1234563»", "dea_number: «BX1234563».", "DEA# «A91234563»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(UsDea, &["AB1234563", "DEA AB1234564", "DEA NB1234563", "DEA ab1234563"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsDea, "", &"AB1234563 ".repeat(50_000)).is_empty());
    }
}
