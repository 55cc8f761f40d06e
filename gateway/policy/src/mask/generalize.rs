//! Values that many share, in place of those that tell of one: a number rounded down, the year of a date, the
//! network of an address, the beginning of a postal code.
//!
//! Every value that is made here is one of those that it stands for, so that making it again changes nothing.
//! What is not of the form that a rule asks for is nobody's to shorten: the caller redacts it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{AddressPart, DatePart, Generalize};

/// The fewest and most letters and digits of a postal code.
const POSTAL_LENGTH: std::ops::RangeInclusive<usize> = 3..=10;
/// The most digits of a number that is rounded.
const MAXIMUM_DIGITS: usize = 30;

/// What a text becomes, if it is of the form that is asked for.
pub(super) fn of_text(generalize: &Generalize, value: &str) -> Option<String> {
    match *generalize {
        Generalize { bucket: Some(bucket), .. } => rounded(value, bucket),
        Generalize { date: Some(part), .. } => date(value, part),
        Generalize { ip_address: Some(AddressPart::Network), .. } => network(value),
        Generalize { keep_first: Some(keep_first), .. } => postal_code(value, keep_first),
        Generalize { bucket: None, date: None, ip_address: None, keep_first: None } => None,
    }
}

/// What a JSON number becomes, given and returned as it is spelled, if it is of the form that is asked for.
pub(super) fn of_number(generalize: &Generalize, spelled: &str) -> Option<String> {
    match *generalize {
        Generalize { bucket: Some(bucket), .. } => rounded(spelled, bucket),
        // A number that begins with 0 would be none, so the first digit of all stays.
        Generalize { date: None, ip_address: None, keep_first: Some(keep_first), .. }
            if spelled.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            postal_code(spelled, keep_first).map(|shown| shown.replace('*', "0"))
        }
        Generalize { .. } => None,
    }
}

/// The greatest multiple of `bucket` that is no more than a number such as `-1234.56`.
fn rounded(text: &str, bucket: u64) -> Option<String> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_number = |digits: &str| {
        (1..=MAXIMUM_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(whole) || !is_number(fraction) || bucket == 0 {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let has_fraction = fraction.bytes().any(|byte| byte != b'0');
    let bucket = i128::from(bucket);
    // Down also means away from 0 where the number is negative.
    let floor = if is_negative { -whole - i128::from(has_fraction) } else { whole };
    Some((floor.div_euclid(bucket) * bucket).to_string())
}

/// The year, or the year and the month, of a date in the order of ISO 8601 or of day, month and year (or month, day and
/// year). Where it is not sure which of two is the month, the year alone.
fn date(text: &str, part: DatePart) -> Option<String> {
    let day = match text.split_once(['T', ' ']) {
        Some((day, time)) if time.starts_with(|first: char| first.is_ascii_digit()) => day,
        Some(_) => return None,
        None => text,
    };
    let separator = day.chars().find(|character| !character.is_ascii_digit());
    let groups: Vec<&str> = match separator {
        None => vec![day],
        Some(separator @ ('-' | '/' | '.')) => day.split(separator).collect(),
        Some(_) => return None,
    };
    let number = |group: &str| -> Option<u32> {
        let is_number = (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { group.parse().ok() } else { None }
    };
    let is_day = |day: u32| (1..=31).contains(&day);
    let is_month = |month: u32| (1..=12).contains(&month);
    let (year, month) = match *groups.as_slice() {
        [year] if year.len() == 4 => (number(year)?, None),
        [year, month] if year.len() == 4 && month.len() <= 2 => (number(year)?, Some(number(month)?)),
        [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => {
            (number(year)?, Some(number(month)?).filter(|_| number(day).is_some_and(is_day)))
        }
        [one, two, year] if year.len() == 4 && one.len() <= 2 && two.len() <= 2 => {
            let (one, two) = (number(one)?, number(two)?);
            let month = match (is_month(one), is_month(two)) {
                (true, true) if one == two => Some(one),
                (true, true) => None,
                (true, false) if is_day(two) => Some(one),
                (false, true) if is_day(one) => Some(two),
                (true | false, false) | (false, true) => return None,
            };
            (number(year)?, month)
        }
        _ => return None,
    };
    match (part, month) {
        (_, Some(month)) if !is_month(month) => None,
        (DatePart::Month, Some(month)) => Some(format!("{year:04}-{month:02}")),
        (DatePart::Year, _) | (DatePart::Month, None) => Some(format!("{year:04}")),
    }
}

/// The first address of the network that an address belongs to.
fn network(text: &str) -> Option<String> {
    let address: IpAddr = text.parse().ok()?;
    let address = match address {
        IpAddr::V4(address) => IpAddr::V4(network_of_version_4(address)),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V6(network_of_version_4(mapped).to_ipv6_mapped()),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80))),
        },
    };
    Some(address.to_string())
}

fn network_of_version_4(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8))
}

/// The first letters and digits, all others as `*`; spaces and hyphens stay.
fn postal_code(text: &str, keep_first: u32) -> Option<String> {
    let is_counted = |character: &char| character.is_ascii_alphanumeric() || *character == '*';
    let is_separator = |character: char| matches!(character, ' ' | '-');
    let is_code = text.chars().all(|character| is_counted(&character) || is_separator(character));
    let length = text.chars().filter(is_counted).count();
    if !is_code || !POSTAL_LENGTH.contains(&length) {
        return None;
    }
    let shown = usize::try_from(keep_first).unwrap_or(usize::MAX).min(length - 1);
    let mut place = 0;
    let character = |character: char| {
        if is_separator(character) {
            return character;
        }
        place += 1;
        if place > shown { '*' } else { character }
    };
    Some(text.chars().map(character).collect())
}

#[cfg(test)]
mod tests {
    use super::{of_number, of_text};
    use crate::config::{AddressPart, DatePart, Generalize};

    fn bucket(bucket: u64) -> Generalize {
        Generalize { bucket: Some(bucket), ..Generalize::default() }
    }

    fn date(part: DatePart) -> Generalize {
        Generalize { date: Some(part), ..Generalize::default() }
    }

    fn network() -> Generalize {
        Generalize { ip_address: Some(AddressPart::Network), ..Generalize::default() }
    }

    fn keep_first(keep_first: u32) -> Generalize {
        Generalize { keep_first: Some(keep_first), ..Generalize::default() }
    }

    #[test]
    fn each_form_becomes_coarser_once_and_what_is_of_another_form_has_no_answer() {
        for (generalize, value, expected) in [
            (bucket(10_000), "75123", Some("70000")),
            (bucket(10_000), "75123.99", Some("70000")),
            (bucket(10_000), "9", Some("0")),
            (bucket(10_000), "-1", Some("-10000")),
            (bucket(10), "-0.5", Some("-10")),
            (bucket(10), "-0", Some("0")),
            (bucket(1), "7.9", Some("7")),
            (bucket(10), "1e9", None),
            (bucket(10), "75,123", None),
            (bucket(10), "", None),
            (bucket(10), "-", None),
            (bucket(10), "1234567890123456789012345678901", None),
            (date(DatePart::Year), "1980-02-29", Some("1980")),
            (date(DatePart::Month), "1980-02-29", Some("1980-02")),
            (date(DatePart::Month), "1980-02-29T10:00:00Z", Some("1980-02")),
            (date(DatePart::Month), "1980-02-29 10:00", Some("1980-02")),
            (date(DatePart::Month), "29.02.1980", Some("1980-02")),
            (date(DatePart::Month), "2/29/1980", Some("1980-02")),
            (date(DatePart::Month), "3/3/1980", Some("1980-03")),
            (date(DatePart::Month), "02/03/1980", Some("1980")),
            (date(DatePart::Year), "02/03/1980", Some("1980")),
            (date(DatePart::Month), "1980-13-01", None),
            (date(DatePart::Month), "31.13.1980", None),
            (date(DatePart::Year), "80-02-29", None),
            (date(DatePart::Year), "29 February 1980", None),
            (date(DatePart::Year), "", None),
            (network(), "203.0.113.77", Some("203.0.113.0")),
            (network(), "2001:db8:1:2:3:4:5:6", Some("2001:db8:1::")),
            (network(), "::ffff:203.0.113.77", Some("::ffff:203.0.113.0")),
            (network(), "203.0.113.77:80", None),
            (network(), "localhost", None),
            (keep_first(3), "94107", Some("941**")),
            (keep_first(3), "94107-1234", Some("941**-****")),
            (keep_first(2), "SW1A 1AA", Some("SW** ***")),
            (keep_first(4), "123", Some("12*")),
            (keep_first(3), "12", None),
            (keep_first(3), "1 Example Street", None),
            (keep_first(3), "größe", None),
            (Generalize::default(), "94107", None),
        ] {
            let made = of_text(&generalize, value);
            assert_eq!(made.as_deref(), expected, "{value}");
            if let Some(made) = made {
                assert_eq!(of_text(&generalize, &made), Some(made.clone()), "{value} twice");
            }
        }
    }

    #[test]
    fn numbers_become_numbers_once() {
        for (generalize, value, expected) in [
            (bucket(10_000), "75123", Some("70000")),
            (bucket(10_000), "-75123.5", Some("-80000")),
            (bucket(10), "1e9", None),
            (keep_first(3), "94107", Some("94100")),
            (keep_first(3), "-94107", None),
            (keep_first(3), "9.4107", None),
            (date(DatePart::Year), "1980", None),
            (network(), "7", None),
        ] {
            let made = of_number(&generalize, value);
            assert_eq!(made.as_deref(), expected, "{value}");
            if let Some(made) = made {
                assert_eq!(of_number(&generalize, &made), Some(made.clone()), "{value} twice");
            }
        }
    }
}
