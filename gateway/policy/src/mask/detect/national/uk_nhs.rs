//! NHS numbers of England and Wales (data dictionary, "NHS NUMBER"): ten digits, of which the last is a check digit
//! modulo 11. Printed as 3, 3 and 4 digits with spaces; with hyphens, or together, a word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, is_uniform, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 3..=3, followed_by: b" -", groups: 3, second: 3..=3 }, Shape::alone(10..=10)],
    number,
)];

const LAYOUTS: &[Layout] = &[
    Layout { sizes: &[3, 3, 4], between: Between::Any(b" "), needs_word: false },
    Layout { sizes: &[3, 3, 4], between: Between::Any(b"-"), needs_word: true },
    bare_by_word(&[10]),
];

/// Words that say what a number is.
const NAMES: &[&str] = &["nhs", "nhsnumber", "nationalhealthservice"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 10]) -> bool {
    // With the check digit's own weight 1, the sum is a multiple of 11; 10 is no digit.
    !is_uniform(number) && weighted(number, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UkNhsNumber;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            UkNhsNumber,
            &["«627 028 7790»", "NHS «983-781-1358»", "nhs_number: «9151072815»", "NHS no. «6270287790»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UkNhsNumber,
            &[
                "627 028 7791",
                "6270287790",
                "983-781-1358",
                "nhs 0000000000",
                "12 627 028 7790",
                "627 028 7790 1",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UkNhsNumber, "", &"627 028 ".repeat(50_000)).is_empty());
    }
}
