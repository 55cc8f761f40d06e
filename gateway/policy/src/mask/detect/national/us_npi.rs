//! National provider identifiers of the United States (45 CFR 162.406): ten digits that begin with 1 or 2, with the check
//! of Luhn over them and the prefix 80840. A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Layout, bare_by_word, find, luhn_sum};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(&[Shape::alone(10..=10)], number)];

const LAYOUTS: &[Layout] = &[bare_by_word(&[10])];

/// Words that say what a number is.
const NAMES: &[&str] = &["npi", "nationalprovider", "provideridentifier", "providerid"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 10]) -> bool {
    /// What the prefix adds to the sum.
    const PREFIX: u32 = 24;
    matches!(number.first(), Some(1 | 2)) && (luhn_sum(number) + PREFIX).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsNpi;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(UsNpi, &["NPI «1234567893»", "npi: «1245319599»", "provider_id=«1234567893»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(UsNpi, &["1234567893", "NPI 1234567890", "NPI 3234567893", "NPI 12345678931"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsNpi, "", &"1234567893 ".repeat(50_000)).is_empty());
    }
}
