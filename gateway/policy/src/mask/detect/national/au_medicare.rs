//! Medicare numbers of Australia: ten digits that begin with 2 to 6, of which the ninth is a check digit modulo 10; an
//! eleventh names the member of the family. A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 4..=4, followed_by: b" ", groups: 3, second: 5..=5 }, Shape::alone(10..=10)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[4, 5, 1], between: Between::Any(b" "), needs_word: true }, bare_by_word(&[10])];

/// Words that say what a number is.
const NAMES: &[&str] = &["medicare", "medicarenumber"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 10]) -> bool {
    let sum = weighted(number, &[1, 3, 7, 9, 1, 3, 7, 9]);
    matches!(number.first(), Some(2..=6)) && number.get(8).is_some_and(|&check| u32::from(check) == sum % 10)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::AuMedicare;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(AuMedicare, &["Medicare «2123 45670 1»", "medicare: «2123456701»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(AuMedicare, &["2123 45670 1", "Medicare 2123 45671 1", "Medicare 7123 45670 1"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(AuMedicare, "", &"2123 45670 ".repeat(50_000)).is_empty());
    }
}
