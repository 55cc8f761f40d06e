//! Tax file numbers of Australia: nine digits (old ones eight) with a weighted check modulo 11. A word nearby must say what
//! it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, is_uniform, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 2..=3, followed_by: b" ", groups: 3, second: 3..=3 }, Shape::alone(8..=9)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[3, 3, 3], between: Between::Any(b" "), needs_word: true }, bare_by_word(&[9])];

/// Words that say what a number is.
const NAMES: &[&str] = &["tfn", "taxfile", "taxfilenumber"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
        .or_else(|| find(sample, groups, OLD_LAYOUTS, NAMES, is_valid_old))
}

/// Numbers of eight digits.
const OLD_LAYOUTS: &[Layout] =
    &[Layout { sizes: &[2, 3, 3], between: Between::Any(b" "), needs_word: true }, bare_by_word(&[8])];

const WEIGHTS: [u32; 9] = [1, 4, 3, 7, 5, 8, 6, 9, 10];

fn is_valid(number: &[u8; 9]) -> bool {
    !is_uniform(number) && weighted(number, &WEIGHTS).is_multiple_of(11)
}

fn is_valid_old(number: &[u8; 8]) -> bool {
    !is_uniform(number) && weighted(number, &WEIGHTS).is_multiple_of(11)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::AuTfn;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            AuTfn,
            &["TFN «219999737»", "tfn «597 804 082»", "tax file number: «79335321»", "TFN: «27 878 509»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(AuTfn, &["219999737", "TFN 219999738", "597 804 082", "tfn 000000000"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(AuTfn, "", &"597 804 ".repeat(50_000)).is_empty());
    }
}
