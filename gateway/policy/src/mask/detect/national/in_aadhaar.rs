//! Aadhaar numbers of India (UIDAI): twelve digits that begin with 2 to 9, with the check of Verhoeff (J. Verhoeff, "Error
//! Detecting Decimal Codes", 1969). Printed in groups of four with spaces; otherwise a word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, decimal, find};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 4..=4, followed_by: b" -", groups: 3, second: 4..=4 }, Shape::alone(12..=12)],
    number,
)];

const LAYOUTS: &[Layout] = &[
    Layout { sizes: &[4, 4, 4], between: Between::Any(b" "), needs_word: false },
    Layout { sizes: &[4, 4, 4], between: Between::Any(b"-"), needs_word: true },
    bare_by_word(&[12]),
];

/// Words that say what a number is.
const NAMES: &[&str] = &["aadhaar", "aadhar", "uidai", "uid"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 12]) -> bool {
    let is_palindrome = number.iter().eq(number.iter().rev());
    let is_year = |group: &[u8]| matches!(decimal(group), 1900..=2099);
    let are_years = number.chunks(4).all(is_year);
    matches!(number.first(), Some(2..=9)) && !is_palindrome && !are_years && passes_verhoeff(number)
}

/// Sums up digits in the dihedral group of ten elements, each permuted as often as its place from the end says.
pub(in crate::mask::detect) fn passes_verhoeff(number: &[u8]) -> bool {
    let mut sum = 0;
    for (place, &digit) in number.iter().rev().enumerate() {
        let permuted = (0..place % 8).fold(digit, |digit, _| permute(digit));
        sum = combine(sum, permuted);
    }
    sum == 0
}

/// The permutation (0 1 5 8 9 4 2 7)(3 6).
fn permute(digit: u8) -> u8 {
    match digit {
        0 => 1,
        1 => 5,
        2 => 7,
        3 => 6,
        4 => 2,
        5 => 8,
        6 => 3,
        7 => 0,
        8 => 9,
        _ => 4,
    }
}

/// The product of two elements: 0 to 4 are rotations, 5 to 9 reflections.
fn combine(one: u8, other: u8) -> u8 {
    match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => 5 + (one + other - 5) % 5,
        (false, true) => 5 + (one + 5 - other) % 5,
        (false, false) => (one + 5 - other) % 5,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::InAadhaar;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            InAadhaar,
            &["«4242 1312 5912»", "Aadhaar «387457799644»", "aadhaar: «4598-7579-8694»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            InAadhaar,
            &[
                "4242 1312 5913",
                "424213125912",
                "uid 424213125913",
                "1242 1312 5912",
                "2021 2022 2023",
                "2019 2020 2021",
                "4242 1312 5912 1",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(InAadhaar, "", &"4242 1312 ".repeat(50_000)).is_empty());
    }
}
