//! Permanent account numbers of India: five letters, of which the fourth says what the holder is, four digits and a
//! letter. Upper case; there is no check that is published.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::Trigger;

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[10..=10], number)];

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = text.get(word.clone())?.first_chunk()?;
    (is_valid(number) && stands_alone(text, word)).then(|| word.clone())
}

fn is_valid(number: &[u8; 10]) -> bool {
    let [letters @ .., one, two, three, four, last] = number;
    let digits = [one, two, three, four];
    letters.iter().chain([last]).all(u8::is_ascii_uppercase)
        && matches!(
            letters,
            [_, _, _, b'A' | b'B' | b'C' | b'F' | b'G' | b'H' | b'J' | b'K' | b'L' | b'P' | b'T', _]
        )
        && digits.iter().all(|digit| digit.is_ascii_digit())
        && digits.iter().any(|&&digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::InPan;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(InPan, &["«ABCPD1234E»", "PAN: «AAACR5055K».", "pan_«ABCPD1234E»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            InPan,
            &["ABCDE1234F", "abcpd1234e", "ABCPD0000E", "ABCPD12345", "ABCPD1234EF", "SKU-ABCPD1234E"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(InPan, "", &"ABCPD1234-".repeat(50_000)).is_empty());
    }
}
