//! Employer identification numbers of the United States: two digits that a campus of the Internal Revenue Service
//! assigns from, and seven more. There is no check digit, so a word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, decimal, find};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 2..=2, followed_by: b"-", groups: 2, second: 7..=7 }, Shape::alone(9..=9)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[2, 7], between: Between::Any(b"-"), needs_word: true }, bare_by_word(&[9])];

/// Words that say what a number is.
const NAMES: &[&str] =
    &["ein", "fein", "taxid", "taxpayerid", "employerid", "employeridentification", "federaltax"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

/// Whether the first two digits are assigned ("How EINs are assigned and valid EIN prefixes").
fn is_valid(number: &[u8; 9]) -> bool {
    let prefix = decimal(number.get(..2).unwrap_or_default());
    matches!(
        prefix,
        1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99
    )
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsEin;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            UsEin,
            &[
                "EIN «12-6520642»",
                "Tax ID: «47-6216827»",
                "employer identification number «521748885»",
                "fein=«12-6520642»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UsEin,
            &["12-6520642", "EIN 07-6520642", "EIN 12-652064", "EIN 12-65206421", "521748885"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsEin, "", &"12-6520642-".repeat(50_000)).is_empty());
    }
}
