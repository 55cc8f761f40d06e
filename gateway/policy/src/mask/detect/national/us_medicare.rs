//! Medicare beneficiary identifiers of the United States (CMS, "Understanding the MBI format"): eleven letters and digits,
//! each place of which allows one or the other, without S, L, O, I, B and Z; together, or as 4-3-4. There is no check.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::Trigger;

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] =
    &[Trigger::Word(&[11..=11], together), Trigger::Word(&[4..=4], in_groups)];

fn together(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let number = text.get(word.clone())?.first_chunk()?;
    (is_valid(number) && stands_alone(text, word)).then(|| word.clone())
}

/// The number whose first group is `word`.
fn in_groups(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let range = word.start..word.start + 13;
    let [a, b, c, d, b'-', e, f, g, b'-', h, i, j, k] = *text.get(range.clone())?.first_chunk()? else {
        return None;
    };
    (is_valid(&[a, b, c, d, e, f, g, h, i, j, k]) && stands_alone(text, &range)).then_some(range)
}

fn is_valid(number: &[u8; 11]) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
    let is_in_place = |(place, &byte): (usize, &u8)| match place {
        0 => (b'1'..=b'9').contains(&byte),
        1 | 4 | 7 | 8 => is_letter(byte),
        2 | 5 => is_letter(byte) || byte.is_ascii_digit(),
        _ => byte.is_ascii_digit(),
    };
    number.iter().enumerate().all(is_in_place)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsMedicare;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(UsMedicare, &["«1EG4-TE5-MK73»", "MBI: «1EG4TE5MK73».", "mbi=«1EG4TE5MK73»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UsMedicare,
            &[
                "1SG4-TE5-MK73",
                "0EG4TE5MK73",
                "1eg4te5mk73",
                "1EG4-TE5-MK7",
                "1EG4-TE5-MK731",
                "1EG4TE5MK731",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsMedicare, "", &"1EG4-TE5-".repeat(50_000)).is_empty());
    }
}
