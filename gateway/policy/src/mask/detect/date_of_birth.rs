//! Dates of birth: a day of the calendar, in the order of ISO 8601 or of day, month and year (or month, day and year), the month
//! by number or by name, where a word nearby says that it is one.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, is_digit_at, is_joined_after, is_joined_before};
use super::context::is_named;
use super::number::{digits_value, is_date, laid_out};
use super::trigger::{Shape, Trigger};
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::Number(
        &[
            Shape { digits: 1..=2, followed_by: b"/-.", groups: 3, second: 1..=2 },
            Shape { digits: 4..=4, followed_by: b"-/.", groups: 3, second: 1..=2 },
        ],
        date,
    ),
    Trigger::Number(&[Shape::alone(4..=4)], named),
];

/// Months by name, as far as their first letters tell them apart; in English, German, French, Spanish and Italian.
const MONTHS: [&[&str]; 12] = [
    &["jan", "gen", "ene", "jän"],
    &["feb", "fév", "fev"],
    &["mar", "mär", "mrz"],
    &["apr", "avr", "abr"],
    &["may", "mai", "mag"],
    &["jun", "juin", "giu"],
    &["jul", "juil", "lug"],
    &["aug", "aoû", "ago"],
    &["sep", "set"],
    &["oct", "okt", "ott"],
    &["nov"],
    &["dec", "dez", "déc", "dic"],
];

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

/// A year with a day before it that has its month by name, before or behind: `12 March 1980`, `12-Mar-1980`,
/// `March 12, 1980`. Years are rarer than days, and both numbers would lead here.
fn named(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let year = groups.first()?;
    let is_between = |byte: u8| b" ,.-/thndrs".contains(&byte);
    if !matches!(text.get(year.clone())?, [b'1', b'9', ..] | [b'2', b'0', ..])
        || !before(text, year.start).is_some_and(is_between)
    {
        return None;
    }
    for gap in 1..=4 {
        let end = year.start.checked_sub(gap).filter(|end| at(text, *end).is_some_and(is_between))?;
        let start = match day_before(text, end) {
            Some(day) => month_before(sample.text, day.start).map(|(month, start)| (day, month, start)),
            None => month_ending(sample.text, end).and_then(|(month, start)| {
                let day = day_behind(text, start)?;
                Some((day.clone(), month, day.start))
            }),
        };
        if let Some((day, month, start)) = start
            && is_birth(digits_value(text, year), month, digits_value(text, &day))
        {
            let range = start..year.end;
            return is_named(sample, &range, NAMES).then_some(range);
        }
    }
    None
}

/// The one or two digits that end at `end`, and are no part of a word but of one such as `12th`.
fn day_before(text: &[u8], end: usize) -> Option<Range<usize>> {
    let is_digit = |back: usize| end.checked_sub(back).is_some_and(|place| is_digit_at(text, place));
    let length = (1..=3).take_while(|back| is_digit(*back)).count();
    let start = end - length;
    let is_ordinal = || matches!(text.get(end..end + 2), Some(b"st" | b"nd" | b"rd" | b"th"));
    let is_alone = || !is_joined_before(text, start) && (!is_joined_after(text, end) || is_ordinal());
    ((1..=2).contains(&length) && is_alone()).then_some(start..end)
}

/// The same of those that end shortly before `position`.
fn day_behind(text: &[u8], position: usize) -> Option<Range<usize>> {
    let gap = (0..5)
        .take_while(|gap| position.checked_sub(gap + 1).and_then(|place| at(text, place)).is_some_and(is_gap))
        .count();
    if gap == 0 { None } else { day_before(text, position - gap) }
}

/// Whether a byte may stand between a day and the name of its month.
fn is_gap(byte: u8) -> bool {
    b" .-/".contains(&byte)
}

/// The month that is named right before `end`, and where its name begins.
fn month_ending(text: &str, end: usize) -> Option<(u64, usize)> {
    let (head, rest) = text.split_at_checked(end)?;
    let is_letter = |character: &char| character.is_alphabetic();
    if rest.chars().next().as_ref().is_some_and(is_letter) {
        return None;
    }
    let letters = head.chars().rev().take(LONGEST_MONTH + 1).take_while(is_letter);
    let start = end - letters.map(char::len_utf8).sum::<usize>();
    count(end - start);
    Some((month(text.get(start..end)?)?, start))
}

/// The month that is named shortly before `position`, and where its name begins.
fn month_before(text: &str, position: usize) -> Option<(u64, usize)> {
    let bytes = text.as_bytes();
    let gap = (1..=3).find(|gap| {
        position
            .checked_sub(*gap)
            .and_then(|place| at(bytes, place))
            .is_none_or(|byte| !b" .-".contains(&byte))
    });
    let gap = gap.filter(|gap| (2..=3).contains(gap))? - 1;
    month_ending(text, position - gap)
}

/// In characters: `septiembre`, `settembre`.
const LONGEST_MONTH: usize = 10;

/// The number of a month with such a name.
fn month(name: &str) -> Option<u64> {
    if name.len() < 3 || name.chars().count() > LONGEST_MONTH {
        return None;
    }
    let name = name.to_lowercase();
    let index = MONTHS.iter().position(|names| names.iter().any(|start| name.starts_with(start)))?;
    u64::try_from(index + 1).ok()
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
    fn every_month_is_seen_behind_a_day_and_before_one() {
        for name in super::MONTHS.iter().copied().flatten() {
            for name in [(*name).to_owned(), name.to_uppercase()] {
                for date in [format!("7. {name} 1980"), format!("17-{name}-2001"), format!("{name} 7, 1980")]
                {
                    assert_eq!(found(DateOfBirth, "", &format!("born {date}.")), [date]);
                }
            }
        }
    }

    #[test]
    fn values_are_found() {
        assert_marked(
            DateOfBirth,
            &[
                "DOB «1980-02-29»",
                "born «12.05.1967» in",
                "date_of_birth: «07/31/1999»",
                "Birthday «3/4/2001»",
                "born «12 March 1980» in",
                "born «March 12, 1980».",
                "born «March 12th, 1980».",
                "DOB «12-Mar-1980»",
                "geboren am «3. März 1967»",
                "née, naissance: «14 juillet 1989»",
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
                "12 March 1980",
                "born 31 February 1980",
                "born 12 marbles 19801",
                "born in room 12, 1980",
                "born to run, release 1.2.2024.5",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(DateOfBirth, "", &"1980-02-".repeat(50_000)).is_empty());
    }
}
