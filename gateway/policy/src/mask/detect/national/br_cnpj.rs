//! CNPJ numbers of companies in Brazil: twelve digits and two check digits modulo 11, printed as 12.345.678/0001-95.
//! Together, a word nearby must say what they are.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, is_uniform};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 2..=2, followed_by: b".", groups: 5, second: 3..=3 }, Shape::alone(14..=14)],
    number,
)];

const LAYOUTS: &[Layout] = &[
    Layout { sizes: &[2, 3, 3, 4, 2], between: Between::Exactly(b"../-"), needs_word: false },
    bare_by_word(&[14]),
];

/// Words that say what a number is.
const NAMES: &[&str] = &["cnpj"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 14]) -> bool {
    let check = |length: usize| {
        let head = number.get(..length).unwrap_or_default().iter().rev();
        let weights = (2..=9).cycle();
        let sum: u32 = head.zip(weights).map(|(&digit, weight)| u32::from(digit) * weight).sum();
        match sum % 11 {
            0 | 1 => 0,
            remainder => 11 - remainder,
        }
    };
    let is = |place: usize, digit: u32| number.get(place).is_some_and(|&own| u32::from(own) == digit);
    !is_uniform(number) && is(12, check(12)) && is(13, check(13))
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::BrCnpj;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(BrCnpj, &["«12.133.476/4979-39»", "CNPJ «12133476497939»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            BrCnpj,
            &["12.133.476/4979-38", "12133476497939", "00.000.000/0000-00", "cnpj 12133476497938"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(BrCnpj, "", &"12.133.476/".repeat(50_000)).is_empty());
    }
}
