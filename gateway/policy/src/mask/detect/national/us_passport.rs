//! Passport numbers of the United States: nine digits, or a letter and eight digits. There is no check, so a word nearby must
//! say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::context::is_named;
use crate::mask::detect::number::{bare, stands_alone};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] =
    &[Trigger::Word(&[9..=9], with_letter), Trigger::Number(&[Shape::alone(9..=9)], digits)];

fn with_letter(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let [first, digits @ ..] = text.get(word.clone())? else { return None };
    let is_number = first.is_ascii_uppercase() && digits.iter().all(u8::is_ascii_digit);
    (is_number && stands_alone(text, word) && is_passport(sample, word)).then(|| word.clone())
}

fn digits(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    bare(sample.text.as_bytes(), groups, 9).filter(|range| is_passport(sample, range))
}

fn is_passport(sample: Sample<'_>, range: &Range<usize>) -> bool {
    is_named(sample, range, &["passport", "passportno", "passportnumber"])
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsPassport;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            UsPassport,
            &["passport «A12345678»", "Passport No. «123456789»", "passport_number=«C03005988»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UsPassport,
            &["A12345678", "123456789", "passport a12345678", "passport 12345678", "passport A1234567"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsPassport, "", &"A12345678 ".repeat(50_000)).is_empty());
    }
}
