//! Unique taxpayer references of the United Kingdom: ten digits, of which the first is a check digit modulo 11. A word
//! nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 5..=5, followed_by: b" ", groups: 2, second: 5..=5 }, Shape::alone(10..=10)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[5, 5], between: Between::Any(b" "), needs_word: true }, bare_by_word(&[10])];

/// Words that say what a number is.
const NAMES: &[&str] = &["utr", "taxpayerreference", "taxreference"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 10]) -> bool {
    let Some((&check, rest)) = number.split_first() else { return false };
    let sum = weighted(rest, &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    // The remainders 0 to 10 stand for 2, 1, and 9 down to 1: the digits 1 and 2 stand for two of them each.
    let expected = match sum % 11 {
        0 => 2,
        1 => 1,
        remainder => 11 - remainder,
    };
    u32::from(check) == expected
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UkUtr;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            UkUtr,
            &["UTR «4578973924»", "utr: «67986 23272»", "Unique Taxpayer Reference «1456611412»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(UkUtr, &["4578973924", "UTR 4578973925", "UTR 45789739241"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UkUtr, "", &"45789 ".repeat(50_000)).is_empty());
    }
}
