//! Citizen service numbers of the Netherlands (BSN): nine digits with the check of eleven. A word nearby must say what it
//! is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, is_uniform, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 4..=4, followed_by: b".", groups: 3, second: 2..=2 }, Shape::alone(9..=9)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[4, 2, 3], between: Between::Any(b"."), needs_word: true }, bare_by_word(&[9])];

/// Words that say what a number is.
const NAMES: &[&str] = &["bsn", "burgerservicenummer", "sofinummer"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 9]) -> bool {
    let Some((&last, head)) = number.split_last() else { return false };
    let sum = weighted(head, &[9, 8, 7, 6, 5, 4, 3, 2]);
    // The last digit is subtracted.
    !is_uniform(number) && sum % 11 == u32::from(last)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::NlBsn;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(NlBsn, &["BSN «950059936»", "bsn: «7145.25.388»", "burgerservicenummer «733295733»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(NlBsn, &["950059936", "BSN 950059937", "bsn 000000000"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(NlBsn, "", &"7145.25.".repeat(50_000)).is_empty());
    }
}
