//! PESEL numbers of Poland: the date of birth (with the century in the month), a serial number, and a check digit over the
//! weights 1, 3, 7 and 9. A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Layout, bare_by_word, decimal, find, is_date, weighted};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(&[Shape::alone(11..=11)], number)];

const LAYOUTS: &[Layout] = &[bare_by_word(&[11])];

/// Words that say what a number is.
const NAMES: &[&str] = &["pesel"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 11]) -> bool {
    let part = |start: usize| decimal(number.get(start..start + 2).unwrap_or_default());
    let (short_year, long_month, day) = (part(0), part(2), part(4));
    let century = match long_month / 20 {
        0 => 1900,
        1 => 2000,
        2 => 2100,
        3 => 2200,
        _ => 1800,
    };
    let sum = weighted(number, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_date(century + short_year, long_month % 20, day) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::PlPesel;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(PlPesel, &["PESEL «88920629578»", "pesel: «99430629815»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(PlPesel, &["88920629578", "PESEL 88920629579", "PESEL 88999929578"]);
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(PlPesel, "", &"88920629578 ".repeat(50_000)).is_empty());
    }
}
