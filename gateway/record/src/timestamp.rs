//! The time of an entry and its one text form, RFC 3339 in UTC with microseconds. The calendar is
//! computed here so that the format depends on no date library; no clock is read here.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const MICROSECONDS_PER_SECOND: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Days from 0000-03-01, where the calendar's 400-year cycle is easiest to count, to 1970-01-01.
const DAYS_TO_EPOCH: u64 = 719_468;
const DAYS_PER_CYCLE: u64 = 146_097;
/// 9999-12-31T23:59:59.999999Z: RFC 3339 knows four digits of a year.
const MAXIMUM: u64 = 253_402_300_799_999_999;
/// The bytes of the text form.
const LENGTH: usize = 27;

/// A moment in microseconds since 1970-01-01T00:00:00Z, between the years 1970 and 9999.
///
/// Times tell a reader when; they never order a journal, because clocks step. `sequence` orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    unix_microseconds: u64,
}

impl Timestamp {
    /// Takes microseconds since the Unix epoch. What lies beyond the year 9999 becomes its last
    /// microsecond: a broken clock must not cost an entry.
    #[must_use]
    pub fn from_unix_microseconds(unix_microseconds: u64) -> Self {
        Self { unix_microseconds: unix_microseconds.min(MAXIMUM) }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn unix_microseconds(self) -> u64 {
        self.unix_microseconds
    }

    /// Reads exactly the form that [`Display`](fmt::Display) writes,
    /// `2026-08-01T09:30:00.000000Z`; other forms of RFC 3339 are refused, because one value must
    /// have one form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        let microsecond = part(20, 26)?;
        let days = days_from_date(year, month, day)?;
        let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        let time = Self::from_unix_microseconds(seconds * MICROSECONDS_PER_SECOND + microsecond);
        // Writing it again finds every slip at once: separators, signs, 31 February, second 60.
        (time.to_string() == text).then_some(time)
    }
}

impl Timestamp {
    /// The text form. Every line of a journal has one, so it is made without formatting.
    pub(crate) fn text(self) -> [u8; LENGTH] {
        let seconds = self.unix_microseconds / MICROSECONDS_PER_SECOND;
        let (year, month, day) = date_from_days(seconds / SECONDS_PER_DAY);
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, seconds / 3600 % 24),
            (14..16, seconds / 60 % 60),
            (17..19, seconds % 60),
            (20..26, self.unix_microseconds % MICROSECONDS_PER_SECOND),
        ];
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (place, mut number) in parts {
            for digit in text.get_mut(place).into_iter().flatten().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        text
    }
}

impl From<SystemTime> for Timestamp {
    /// What lies before 1970 becomes the epoch, and what lies beyond 9999 its end.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_microseconds(u64::try_from(since.as_micros()).unwrap_or(MAXIMUM))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
    }
}

/// The proleptic Gregorian date of a day counted from the epoch. Years begin in March here, so
/// that the leap day is the last of its year.
fn date_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_EPOCH;
    let (cycle, day) = (days / DAYS_PER_CYCLE, days % DAYS_PER_CYCLE);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, day)
}

fn days_from_date(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let (cycle, year) = (year / 400, year % 400);
    let day = (153 * month + 2) / 5 + day - 1;
    let day = 365 * year + year / 4 - year / 100 + day;
    Some(cycle * DAYS_PER_CYCLE + day - DAYS_TO_EPOCH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_in_utc_with_microseconds() {
        let table = [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (951_868_800_000_001, "2000-03-01T00:00:00.000001Z"),
            (1_785_576_600_123_456, "2026-08-01T09:30:00.123456Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ];
        for (microseconds, text) in table {
            let time = Timestamp::from_unix_microseconds(microseconds);
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(time));
        }
    }

    #[test]
    fn a_clock_before_the_epoch_gives_the_epoch() {
        let before = UNIX_EPOCH - std::time::Duration::from_secs(1);
        assert_eq!(Timestamp::from(before).unix_microseconds(), 0);
    }

    #[test]
    fn any_other_form_of_a_time_is_refused() {
        for text in [
            "",
            "2026-08-01T09:30:00Z",
            "2026-08-01t09:30:00.000000Z",
            "2026-08-01T09:30:00.000000+00:00",
            "2026-02-30T09:30:00.000000Z",
            "2026-08-01T09:30:60.000000Z",
            "2026-08-01T09:30:00.+00000Z",
            "2026-08-01T09:30:00.0000000Z",
            "1969-12-31T23:59:59.999999Z",
            "2026-00-01T00:00:00.000000Z",
            "2026-01-00T00:00:00.000000Z",
            "2026-08-01T09:30:00.00000é",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_read_back_as_written(microseconds in 0..=MAXIMUM) {
            let time = Timestamp::from_unix_microseconds(microseconds);
            prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
        }
    }
}
