//! Points in time as RFC 3339 writes them, durations as Go does, and the parts of a date in the calendar of today
//! extended to all years. Times are nanoseconds since 1970-01-01T00:00:00Z, durations nanoseconds.

/// Nanoseconds in a second.
pub(crate) const SECOND: i128 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// 0001-01-01T00:00:00Z and the last nanosecond of 9999, the range that CEL has.
const FIRST: i128 = -62_135_596_800 * SECOND;
const LAST: i128 = 253_402_300_800 * SECOND - 1;

/// The point in time, if CEL has it.
pub(crate) fn in_range(nanoseconds: i128) -> Option<i128> {
    (FIRST..=LAST).contains(&nanoseconds).then_some(nanoseconds)
}

/// Reads a point in time: `2026-11-25T16:00:00.5+01:00`.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let text = text.to_ascii_uppercase();
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix('T')?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = fields(date, "-", [4, 2, 2])?;
    let [hour, minute, second] = fields(clock, ":", [2, 2, 2])?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?,
        None => ("0", rest),
    };
    let nanoseconds = fraction_of_second(fraction)?;
    let offset = if zone == "Z" { 0 } else { offset(zone)? };
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let seconds = days(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
    in_range(i128::from(seconds) * SECOND + i128::from(nanoseconds))
}

fn fields<const N: usize>(text: &str, between: &str, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut values = [0; N];
    for (value, length) in values.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length)?;
        *value = digits(part)?;
    }
    parts.next().is_none().then_some(values)
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Nanoseconds of the digits behind the point, at most nine.
fn fraction_of_second(text: &str) -> Option<i64> {
    (text.len() <= 9).then(|| digits(&format!("{text:0<9}")))?
}

/// Seconds east of UTC: `+01:00`. None for names of time zones, whose rules are not known here.
pub(crate) fn offset(zone: &str) -> Option<i64> {
    if zone == "UTC" {
        return Some(0);
    }
    let (sign, clock) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(clock), _) => (1, clock),
        (None, Some(clock)) => (-1, clock),
        (None, None) => (1, zone),
    };
    let [hours, minutes] = fields(clock, ":", [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A point in time as RFC 3339 writes it, in UTC, with as many digits behind the point as it takes.
pub(crate) fn write(nanoseconds: i128) -> String {
    let clock = Clock::of(nanoseconds, 0);
    let fraction = format!("{:09}", nanoseconds.rem_euclid(SECOND));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let Date { year, month, day, .. } = Date::of(clock.day);
    let (hour, minute, second) = (clock.second / 3600, clock.second / 60 % 60, clock.second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}Z")
}

/// A day and the time on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Days since 1970-01-01.
    pub(crate) day: i64,
    /// Seconds since midnight.
    pub(crate) second: i64,
}

impl Clock {
    /// The day and the time where clocks are `offset` seconds ahead of UTC.
    pub(crate) fn of(nanoseconds: i128, offset: i64) -> Self {
        // What 64 bits hold is divided faster; all of this century is.
        let seconds = match i64::try_from(nanoseconds) {
            Ok(near) => near.div_euclid(1_000_000_000),
            Err(_) => i64::try_from(nanoseconds.div_euclid(SECOND)).unwrap_or(0),
        };
        let seconds = seconds + offset;
        Self { day: seconds.div_euclid(DAY_SECONDS), second: seconds.rem_euclid(DAY_SECONDS) }
    }

    /// From 0, which is Sunday.
    pub(crate) fn day_of_week(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.day + 4).rem_euclid(7)
    }
}

/// A day in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    /// From 0.
    pub(crate) day_of_year: i64,
}

impl Date {
    /// The date of a day, in days since 1970-01-01.
    pub(crate) fn of(number: i64) -> Self {
        // A first guess that is never too late, from the mean length of a year.
        let mut year = 1970 + number * 400 / 146_097 - 1;
        while days(year + 1, 1, 1) <= number {
            year += 1;
        }
        let day_of_year = number - days(year, 1, 1);
        let mut month = 1;
        let mut day = day_of_year;
        while month < 12 && day >= days_in(year, month) {
            day -= days_in(year, month);
            month += 1;
        }
        Self { year, month, day: day + 1, day_of_year }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    // 719,162 days lie before 1970-01-01 since 0001-01-01.
    before * 365 + leaps + months + day - 1 - 719_162
}

/// Reads a duration as Go writes it: `1h30m`, `-1.5s`, `300ms`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest)?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after)?,
            None => ("", after),
        };
        let (unit, after) = UNITS.iter().find_map(|(name, unit)| Some((*unit, after.strip_prefix(name)?)))?;
        if whole.is_empty() && fraction.is_empty() || whole.len() > 19 || fraction.len() > 15 {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        // Less than a nanosecond is nothing that a duration has.
        (part * unit % places == 0).then_some(())?;
        total += whole * unit + part * unit / places;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Names of units with their nanoseconds, longer names before those that they begin with.
const UNITS: [(&str, i128); 7] = [
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("ns", 1),
    ("h", 3600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
];

fn split_digits(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// A duration in seconds: `90s`, `1.5s`.
pub(crate) fn write_duration(nanoseconds: i64) -> String {
    let magnitude = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let fraction = format!("{:09}", magnitude % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}s", magnitude / 1_000_000_000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Clock, Date, FIRST, LAST, SECOND, parse, parse_duration, write, write_duration};

    #[test]
    fn what_is_written_is_read_as_the_same_point_in_time() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2000-02-29T12:30:45.5Z",
            "2026-11-25T16:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            assert_eq!(write(parse(text).unwrap()), text);
        }
        assert_eq!(parse("1970-01-02T01:00:00+01:00"), Some(86_400 * SECOND));
        assert_eq!(parse("2009-02-13T23:31:30.123Z"), Some(1_234_567_890_123 * (SECOND / 1000)));
        assert_eq!(
            (parse("0001-01-01T00:00:00Z"), parse("9999-12-31T23:59:59.999999999Z")),
            (Some(FIRST), Some(LAST))
        );
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T24:00:00Z",
            "2026-1-1T0:0:0Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.1234567891Z",
            "0000-01-01T00:00:00Z",
            "2026-01-01T00:00:60Z",
            "0001-01-01T00:00:00+00:01",
            "2026-01-01T00:00:00+1:00",
            "",
            "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
            "+026-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let clock = |text: &str| Clock::of(parse(text).unwrap(), 0);
        let first = clock("1897-01-01T00:00:00Z");
        assert_eq!((clock("2026-11-25T23:59:59Z").day_of_week(), first.day_of_week()), (3, 5));
        let mut last = Date::of(first.day - 1);
        for day in 0..146_097 {
            let now = Date::of(first.day + day);
            let next_day = (now.year, now.month, now.day) == (last.year, last.month, last.day + 1);
            let next_month = (now.year, now.month, now.day) == (last.year, last.month + 1, 1);
            let next_year = (now.year, now.month, now.day, now.day_of_year) == (last.year + 1, 1, 1, 0);
            assert!(next_day || next_month || next_year, "{last:?} {now:?}");
            last = now;
        }
        assert_eq!((last.year, last.month, last.day), (2296, 12, 31));
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in [
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("300ms", Some(300_000_000)),
            (".5s", Some(500_000_000)),
            ("0", Some(0)),
            ("1us", Some(1000)),
            ("1d", None),
            ("5", None),
            ("", None),
            ("s", None),
            ("1.5ns", None),
            ("9999999h", None),
            ("1h-5m", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
        assert_eq!(write_duration(-1_500_000_000), "-1.5s");
        assert_eq!(write_duration(5_400_000_000_000), "5400s");
    }
}
