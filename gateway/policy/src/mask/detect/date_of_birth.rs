//! Dates of birth: a day of the calendar, in the order of ISO 8601 or of day, month and year (or month, day and year), where a
//! word nearby says that it is one.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, is_digit_at};
use super::context::is_named;
use super::number::{digits_value, is_date, laid_out};
use super::trigger::{Shape, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 1..=2, followed_by: b"/-." }, Shape { digits: 4..=4, followed_by: b"-/." }],
    date,
)];

const NAMES: &[&str] = &[
    "dob",
    "birth",
    "birthdate",
    "birthday",
    "dateofbirth",
    "born",
    "geboren",
    "geburtsdatum",
    "naissance",
    "nacimiento",
    "nascita",
];

fn date(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let [one, two, three, ..] = groups else { return None };
    let separator = at(text, one.end)?;
    let sizes = [one.len(), two.len(), three.len()];
    let range = laid_out(text, groups, &sizes, &[separator, separator])?;
    let [one, two, three] =
        [one, two, three].map(|group| if group.len() <= 4 { digits_value(text, group) } else { 0 });
    let is_day = match sizes {
        [4, 1..=2, 1..=2] => is_birth(one, two, three),
        [1..=2, 1..=2, 4] => is_birth(three, two, one) || is_birth(three, one, two),
        _ => false,
    };
    // A time of day follows other dates, not those of birth.
    let has_time = matches!(at(text, range.end), Some(b'T' | b' ')) && is_digit_at(text, range.end + 1);
    (is_day && !has_time && is_named(sample, &range, NAMES)).then_some(range)
}

/// Whether somebody who lives may be born then.
fn is_birth(year: u64, month: u64, day: u64) -> bool {
    (1900..2100).contains(&year) && is_date(year, month, day)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::DateOfBirth;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            DateOfBirth,
            &[
                "DOB «1980-02-29»",
                "born «12.05.1967» in",
                "date_of_birth: «07/31/1999»",
                "Birthday «3/4/2001»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            DateOfBirth,
            &[
                "1980-02-29",
                "DOB 1981-02-29",
                "DOB 1980-02-29T10:00:00Z",
                "DOB 1980-02-29 10:00",
                "DOB 1.2.3",
                "DOB 32.13.1980",
                "born to run, release 1.2.2024.5",
                "550e8400-e29b-41d4-a716-446655440000",
                "2024-05-06T12:30:45.123456789Z",
                "5eb63bbbe01eeed093cb22bb8f5acdc3",
                "order 1234567890",
                "1.2.3-20240506",
                "52.520008, 13.404954",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(DateOfBirth, "", &"1980-02-".repeat(50_000)).is_empty());
    }
}
