//! What the texts for lengths of time and sizes mean. Their formats are in [`crate::text`].

use std::time::Duration;

/// The meaning of a length of time such as `90s`, `8h` or `30d`; `None` if it is not of that form.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// The meaning of a size such as `4Mi`, in bytes; `None` if it is not of that form.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let bytes = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "Ki" => 1_024,
        "Mi" => 1_048_576,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_size};

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("1ms", Some(1)),
            ("90s", Some(90_000)),
            ("2m", Some(120_000)),
            ("8h", Some(28_800_000)),
            ("30d", Some(2_592_000_000)),
            ("", None),
            ("5", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("1 s", None),
            ("1h30m", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            let parsed = parse_duration(text).map(|duration| duration.as_millis());
            assert_eq!(parsed, milliseconds, "{text:?}");
        }
    }

    #[test]
    fn a_size_is_a_number_with_or_without_a_unit() {
        for (text, bytes) in [
            ("1024", Some(1_024)),
            ("64k", Some(64_000)),
            ("1M", Some(1_000_000)),
            ("1Ki", Some(1_024)),
            ("4Mi", Some(4_194_304)),
            ("", None),
            ("4MB", None),
            ("4 Mi", None),
            ("0.5Mi", None),
            ("-1", None),
            ("18446744073709551615Mi", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text:?}");
        }
    }
}
