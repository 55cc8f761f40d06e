//! Dates of birth: a day of the calendar, in the order of ISO 8601 or of day, month and year (or month, day and year), the month
//! by number or by name, where a word nearby says that it is one.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, is_digit_at};
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
    Trigger::Number(&[Shape { followed_by: b" -.,/st", ..Shape::alone(1..=2) }], named),
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

/// A day with the name of its month before or behind it: `12 March 1980`, `12-Mar-1980`, `March 12, 1980`.
fn named(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let day = groups.first().filter(|day| may_be_beside_month(text, day))?;
    let range = match month_behind(sample.text, day.end) {
        Some((month, end)) => {
            let year = year_at(text, end)?;
            is_birth(digits_value(text, &year), month, digits_value(text, day))
                .then_some(day.start..year.end)?
        }
        None => {
            let year = year_at(text, day.end)?;
            let (month, start) = month_before(sample.text, day.start)?;
            is_birth(digits_value(text, &year), month, digits_value(text, day)).then_some(start..year.end)?
        }
    };
    is_named(sample, &range, NAMES).then_some(range)
}

/// Whether a name may begin shortly behind a day or end shortly before it: most numbers stand beside other things.
fn may_be_beside_month(text: &[u8], day: &Range<usize>) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    let mut gap = 0;
    while gap < 5 && matches!(at(text, day.end + gap), Some(b' ' | b'.' | b'-' | b'/')) {
        gap += 1;
    }
    let begins = |letters: &[u8; 2]| {
        let [first, second] = letters.map(|byte| byte.to_ascii_lowercase());
        match first {
            b'j' => matches!(second, b'a' | b'u') || !second.is_ascii(),
            b'f' | b'd' => matches!(second, b'e' | b'i') || !second.is_ascii(),
            b'g' => matches!(second, b'e' | b'i'),
            b'm' => second == b'a' || second == b'r' || !second.is_ascii(),
            b'a' => matches!(second, b'p' | b'v' | b'b' | b'g' | b'o' | b'u'),
            b'o' => matches!(second, b'c' | b'k' | b't'),
            b'e' => second == b'n',
            b's' => second == b'e',
            b'n' => second == b'o',
            b'l' => second == b'u',
            _ => false,
        }
    };
    let next = text.get(day.end + gap..).and_then(<[u8]>::first_chunk);
    if gap > 0 && next.is_some_and(begins) {
        return true;
    }
    let [other, last] = [2, 1].map(|back| day.start.checked_sub(back).and_then(|place| at(text, place)));
    match last {
        Some(b' ' | b'.' | b'-') => match other {
            Some(b' ' | b'.' | b'-') => {
                day.start.checked_sub(3).and_then(|place| at(text, place)).is_some_and(is_letter)
            }
            Some(_) | None => other.is_some_and(is_letter),
        },
        Some(_) | None => false,
    }
}

/// The month that is named behind `position`, and where its name ends.
fn month_behind(text: &str, position: usize) -> Option<(u64, usize)> {
    let rest = text.get(position..)?;
    let gap = rest.chars().take(5).take_while(|character| " .-/".contains(*character)).count();
    let name = rest.get(gap..).filter(|_| gap > 0)?;
    let end = name.find(|character: char| !character.is_alphabetic()).unwrap_or(name.len());
    count(end);
    Some((month(name.get(..end)?)?, position + gap + end))
}

/// The month that is named before `position`, and where its name begins.
fn month_before(text: &str, position: usize) -> Option<(u64, usize)> {
    let head = text.get(..position)?;
    let trimmed = head.trim_end_matches([' ', '.', '-']);
    let letters = trimmed.chars().rev().take(LONGEST_MONTH).take_while(|character| character.is_alphabetic());
    let start = trimmed.len() - letters.map(char::len_utf8).sum::<usize>();
    let is_near = (1..=2).contains(&(head.len() - trimmed.len()));
    Some((month(trimmed.get(start..).filter(|_| is_near)?)?, start))
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

/// Four digits behind a separator or two at `position`, and behind the letters of `1st`.
fn year_at(text: &[u8], position: usize) -> Option<Range<usize>> {
    let rest = text.get(position..)?;
    let gap = rest.iter().take(4).take_while(|byte| b" ,.-/thndrs".contains(byte)).count();
    let year = position + gap..position + gap + 4;
    let is_year = text.get(year.clone())?.iter().all(u8::is_ascii_digit) && !is_digit_at(text, year.end);
    (gap > 0 && is_year).then_some(year)
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
                let behind = format!("7. {name}");
                assert!(super::may_be_beside_month(behind.as_bytes(), &(0..1)), "{behind}");
                let before = format!("{name} 7,");
                let day = before.len() - 2..before.len() - 1;
                assert!(super::may_be_beside_month(before.as_bytes(), &day), "{before}");
            }
        }
        for text in ["7 items", "7.json", "7.8.9", "7", "7, 8"] {
            assert!(!super::may_be_beside_month(text.as_bytes(), &(0..1)), "{text}");
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
