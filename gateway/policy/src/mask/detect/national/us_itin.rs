//! Individual taxpayer identification numbers of the United States: as a social security number, but with an area
//! from 900 on and a group that the Internal Revenue Service assigns (Publication 1915). There is no check digit.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, decimal, find};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 3..=3, followed_by: b" -", groups: 3, second: 2..=2 }, Shape::alone(9..=9)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[3, 2, 4], between: Between::Any(b" -"), needs_word: false }, bare_by_word(&[9])];

/// Words that say what a number is.
const NAMES: &[&str] = &["itin", "taxpayerid", "taxpayeridentification", "individualtaxpayer"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 9]) -> bool {
    let group = decimal(number.get(3..5).unwrap_or_default());
    number.first() == Some(&9) && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsItin;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            UsItin,
            &["«913-75-8584»", "ITIN «903 95 4762»", "itin: «971954061»", "taxpayer_id=«971954061»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UsItin,
            &["913-45-8584", "913-89-8584", "813-75-8584", "971954061", "900-700-0000", "913-75-85841"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsItin, "", &"913-75-".repeat(50_000)).is_empty());
    }
}
