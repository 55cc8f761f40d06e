//! Social insurance numbers of Canada: nine digits with the check of Luhn, of which the first is no 0 or 8. A word nearby
//! must say what it is: amounts are written in groups of three as well.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, passes_luhn};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 3..=3, followed_by: b" -", groups: 3, second: 3..=3 }, Shape::alone(9..=9)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[3, 3, 3], between: Between::Any(b" -"), needs_word: true }, bare_by_word(&[9])];

/// Words that say what a number is.
const NAMES: &[&str] = &["sin", "socialinsurance", "nas", "assurancesociale"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 9]) -> bool {
    !matches!(number.first(), Some(0 | 8)) && passes_luhn(number)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::CaSin;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            CaSin,
            &[
                "SIN «176 123 198»",
                "sin: «323-217-497»",
                "social insurance number «703312777»",
                "NAS «176123198»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(CaSin, &["176 123 198", "SIN 176 123 199", "SIN 876 123 198", "a sinful 176123198"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(CaSin, "", &"176 123 ".repeat(50_000)).is_empty());
    }
}
