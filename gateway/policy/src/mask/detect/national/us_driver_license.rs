//! Driver licences of the United States. Every state has a form of its own and few have a check, so a word nearby must say
//! what a number is: seven to twelve digits, or one to three letters and five to fourteen digits.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::context::is_named;
use crate::mask::detect::number::stands_alone;
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] =
    &[Trigger::Word(&[6..=15], with_letters), Trigger::Number(&[Shape::alone(7..=12)], digits)];

/// Words that say what a number is.
const NAMES: &[&str] = &[
    "driverlicense",
    "driverslicense",
    "driverlicence",
    "driverslicence",
    "drivinglicense",
    "drivinglicence",
    "dlnumber",
    "dlno",
    "dln",
];

fn with_letters(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let bytes = text.get(word.clone())?;
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let digits = bytes.iter().skip(letters).filter(|byte| byte.is_ascii_digit()).count();
    let is_number =
        (1..=3).contains(&letters) && (5..=14).contains(&digits) && letters + digits == bytes.len();
    (is_number && stands_alone(text, word) && is_named(sample, word, NAMES)).then(|| word.clone())
}

fn digits(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let group = groups.first().filter(|group| stands_alone(sample.text.as_bytes(), group))?;
    is_named(sample, group, NAMES).then(|| group.clone())
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UsDriverLicense;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            UsDriverLicense,
            &[
                "driver's license «D1234567»",
                "Driver License No. «123456789»",
                "drivers_licence: «WDL123456»",
                "DL number: «S53012345678»",
                "dlNo=«12345678»",
            ],
        );
        assert_eq!(found(UsDriverLicense, "driverLicenseNumber", "D1234567"), ["D1234567"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UsDriverLicense,
            &[
                "D1234567",
                "driver D1234567",
                "software license 123456789",
                "driver license d1234567",
                "driver license 12345",
                "driver license on 2024-05-06",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UsDriverLicense, "", &"D1234567 ".repeat(50_000)).is_empty());
    }
}
