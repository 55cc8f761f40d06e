//! Routing numbers of banks of the United States (ABA): nine digits of which the first two name a district, with a
//! check over weights 3, 7 and 1. A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Layout, bare_by_word, decimal, find, is_uniform, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(&[Shape::alone(9..=9)], number)];

const LAYOUTS: &[Layout] = &[bare_by_word(&[9])];

/// Words that say what a number is.
const NAMES: &[&str] = &["routing", "aba", "rtn", "transitnumber", "bankcode"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 9]) -> bool {
    let district = decimal(number.get(..2).unwrap_or_default());
    matches!(district, 0..=12 | 21..=32 | 61..=72 | 80)
        && !is_uniform(number)
        && weighted(number, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsBankRouting;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            UsBankRouting,
            &[
                "routing number «329150615»",
                "ABA «021000021»",
                "routing_number=«021000021»",
                "RTN: «011401533»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UsBankRouting,
            &["329150615", "routing 329150616", "routing 529150615", "aba 000000000", "routing 3291506151"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsBankRouting, "", &"021000021 ".repeat(50_000)).is_empty());
    }
}
