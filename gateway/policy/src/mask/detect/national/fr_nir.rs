//! Social security numbers of France (NIR): sex, year and month of birth, place of birth, serial number and a key of two
//! digits modulo 97. Departments of Corsica are written 2A and 2B.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, decimal, find, stands_alone};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[
    Trigger::Word(&[15..=15], corsican),
    Trigger::Number(
        &[Shape { digits: 1..=1, followed_by: b" ", groups: 7, second: 2..=2 }, Shape::alone(15..=15)],
        number,
    ),
];

const LAYOUTS: &[Layout] = &[
    Layout { sizes: &[1, 2, 2, 2, 3, 3, 2], between: Between::Any(b" "), needs_word: false },
    Layout { sizes: &[15], between: Between::Exactly(b""), needs_word: false },
];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, &[], is_valid)
}

/// A number of Corsica, which has a letter at its seventh place.
fn corsican(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    // What the letter takes away from a number in which a zero stands for it.
    let corsica = match text.get(word.start + 5..word.start + 7)? {
        b"2A" => 1_000_000,
        b"2B" => 2_000_000,
        _ => return None,
    };
    let mut number = [0; 15];
    for (place, &byte) in number.iter_mut().zip(text.get(word.clone())?) {
        *place = if byte.is_ascii_digit() { byte - b'0' } else { 0 };
    }
    let letters = text.get(word.clone())?.iter().filter(|byte| !byte.is_ascii_digit()).count();
    (letters == 1 && stands_alone(text, word) && passes(&number, corsica)).then(|| word.clone())
}

fn is_valid(number: &[u8; 15]) -> bool {
    passes(number, 0)
}

/// Whether the structure and the key are right, of which `corsica` is taken away first.
fn passes(number: &[u8; 15], corsica: u64) -> bool {
    let part = |range: Range<usize>| decimal(number.get(range).unwrap_or_default());
    let is_month = matches!(part(3..5), 1..=12 | 20 | 30..=42 | 50..=99);
    let key = 97 - part(0..13).saturating_sub(corsica) % 97;
    matches!(number.first(), Some(1..=4 | 7 | 8)) && is_month && part(13..15) == key
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::FrNir;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(
            FrNir,
            &[
                "«202103857261972»",
                "«2 02 10 38 572 619 72»",
                "NIR «207039925393052»",
                "«290052A12345629», «290052B12345656»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            FrNir,
            &["202103857261973", "2 02 10 38 572 619 73", "202153857261972", "902103857261972"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(FrNir, "", &"2 02 10 38 ".repeat(50_000)).is_empty());
    }
}
