//! Identity numbers of Spain: eight digits and a letter (DNI, NIF), or X, Y or Z, seven digits and a letter (NIE). The letter
//! is a check modulo 23.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::Trigger;

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[9..=9], number)];

/// The letters of the remainders 0 to 22.
const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = text.get(word.clone())?.first_chunk()?;
    (is_valid(number) && stands_alone(text, word)).then(|| word.clone())
}

fn is_valid(number: &[u8; 9]) -> bool {
    let [first, middle @ .., letter] = number;
    let first = match first {
        b'0'..=b'9' => first - b'0',
        b'X' | b'Y' | b'Z' => first - b'X',
        _ => return false,
    };
    let value = middle.iter().try_fold(usize::from(first), |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + usize::from(byte - b'0'))
    });
    value.is_some_and(|value| LETTERS.get(value % 23) == Some(letter))
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::EsNif;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            EsNif,
            &["«23135456D»", "DNI: «16479888C».", "«X2675758F», «Z1061444E»", "nif=«32643845Z»"],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            EsNif,
            &[
                "23135456E",
                "X2675758G",
                "W2675758F",
                "23135456d",
                "X23135456D",
                "23135456-D",
                "23135456DX",
                "ab-23135456D",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(EsNif, "", &"23135456 X2675758-".repeat(50_000)).is_empty());
    }
}
