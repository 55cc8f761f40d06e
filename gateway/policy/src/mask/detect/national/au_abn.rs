//! Business numbers of Australia: eleven digits, of which the first two are check digits modulo 89. Sole traders have
//! them too. A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, decimal, find, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 2..=2, followed_by: b" ", groups: 4, second: 3..=3 }, Shape::alone(11..=11)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[2, 3, 3, 3], between: Between::Any(b" "), needs_word: true }, bare_by_word(&[11])];

/// Words that say what a number is.
const NAMES: &[&str] = &["abn", "businessnumber", "australianbusiness"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 11]) -> bool {
    // The first digit counts one less, and the first two are never less than 11.
    let sum = weighted(number, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    decimal(number.get(..2).unwrap_or_default()) > 10 && (sum - 10).is_multiple_of(89)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::AuAbn;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            AuAbn,
            &["ABN «51 824 753 556»", "abn: «68971635361»", "Australian Business Number «46798341119»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(AuAbn, &["51 824 753 556", "ABN 51 824 753 557", "68971635361"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(AuAbn, "", &"51 824 753 ".repeat(50_000)).is_empty());
    }
}
