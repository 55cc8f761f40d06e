//! National insurance numbers of the United Kingdom (HMRC, "NIM39110"): two letters, six digits and a letter from A to D;
//! together, or in groups of two with spaces.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[
    Trigger::Word(&[9..=9], together),
    Trigger::Number(&[Shape { digits: 2..=2, followed_by: b" ", groups: 3, second: 2..=2 }], in_groups),
];

fn together(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = text.get(word.clone())?.first_chunk()?;
    (is_valid(number) && stands_alone(text, word)).then(|| word.clone())
}

/// The number whose digits are the first three of `groups`.
fn in_groups(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let [one, two, three, ..] = groups else { return None };
    let is_close = one.end + 1 == two.start && two.end + 1 == three.start && three.end + 1 == one.start + 9;
    let range = one.start.checked_sub(3)?..one.start + 10;
    let [a, b, b' ', c, d, b' ', e, f, b' ', g, h, b' ', letter] = *text.get(range.clone())?.first_chunk()?
    else {
        return None;
    };
    (is_close && is_valid(&[a, b, c, d, e, f, g, h, letter]) && stands_alone(text, &range)).then_some(range)
}

fn is_valid(number: &[u8; 9]) -> bool {
    let [first, second, digits @ .., last] = number;
    let is_letter = |byte: &u8, never: &[u8]| byte.is_ascii_uppercase() && !never.contains(byte);
    let is_issued = !matches!(&[*first, *second], b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ");
    is_letter(first, b"DFIQUV")
        && is_letter(second, b"DFIOQUV")
        && is_issued
        && digits.iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(last)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UkNino;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(UkNino, &["«AB123456C»", "NI number «AB 12 34 56 C».", "nino=«JG103759A»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UkNino,
            &[
                "AB123456E",
                "GB123456C",
                "DA123456C",
                "AO123456C",
                "ab123456c",
                "AB 12 34 56 E",
                "AB 12 34 56",
                "XAB 12 34 56 C",
                "AB123456CD",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UkNino, "", &"AB 12 34 ".repeat(50_000)).is_empty());
    }
}
