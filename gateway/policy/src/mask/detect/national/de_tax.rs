//! Tax identification numbers of Germany: eleven digits that begin with no 0, of which among the first ten exactly one
//! occurs twice or three times, with a check digit after ISO 7064 (mod 11, 10). A word nearby must say what it is.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 2..=2, followed_by: b" ", groups: 4, second: 3..=3 }, Shape::alone(11..=11)],
    number,
)];

const LAYOUTS: &[Layout] =
    &[Layout { sizes: &[2, 3, 3, 3], between: Between::Any(b" "), needs_word: true }, bare_by_word(&[11])];

/// Words that say what a number is.
const NAMES: &[&str] = &[
    "steuerid",
    "steueridentifikationsnummer",
    "steueridnr",
    "idnr",
    "taxid",
    "steuernummer",
    "identifikationsnummer",
];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 11]) -> bool {
    let head = number.get(..10).unwrap_or_default();
    let count = |wanted: u8| head.iter().filter(|&&digit| digit == wanted).count();
    let repeated: Vec<usize> = (0..10).map(count).filter(|&times| times > 1).collect();
    number.first() != Some(&0) && matches!(repeated.as_slice(), [2 | 3]) && passes_mod_11_10(number)
}

/// The hybrid system of ISO 7064, section 9, for digits.
fn passes_mod_11_10(number: &[u8]) -> bool {
    let Some((&last, head)) = number.split_last() else { return false };
    let product = head.iter().fold(10, |product, &digit| {
        let sum = match (product + u32::from(digit)) % 10 {
            0 => 10,
            sum => sum,
        };
        sum * 2 % 11
    });
    (product + u32::from(last)) % 10 == 1
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::DeTaxId;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            DeTaxId,
            &[
                "Steuer-ID «64592272032»",
                "Steueridentifikationsnummer: «49 770 876 317»",
                "tax_id=«69873614566»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            DeTaxId,
            &["64592272032", "Steuer-ID 64592272033", "Steuer-ID 04592272032", "Steuer-ID 12345678903"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(DeTaxId, "", &"64 592 ".repeat(50_000)).is_empty());
    }
}
