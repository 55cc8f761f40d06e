//! Times as Kubernetes objects have them: RFC 3339 in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use lychgate_gateway_record::Timestamp;

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_milliseconds() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A time in whole seconds, such as `2026-08-01T09:30:00Z`.
#[must_use]
pub fn text_of(milliseconds: u64) -> String {
    let whole =
        Timestamp::from_unix_microseconds((milliseconds / 1000).saturating_mul(1_000_000)).to_string();
    whole.split_once('.').map_or_else(|| whole.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// Reads a time in UTC, with or without a fraction; what is finer than microseconds is cut off.
#[must_use]
pub fn parse_milliseconds(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    let time = Timestamp::parse(&format!("{seconds}.{digits}Z"))?;
    Some(time.unix_microseconds() / 1000)
}

#[cfg(test)]
mod tests {
    use super::{parse_milliseconds, text_of};

    #[test]
    fn times_are_read_as_the_api_server_and_others_write_them() {
        for (text, expected) in [
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("2026-11-25T10:40:07Z", Some(1_795_603_207_000)),
            ("1970-01-01T00:00:01.5Z", Some(1500)),
            ("1970-01-01T00:00:01.123456789Z", Some(1123)),
            ("1970-01-01T00:00:01+00:00", Some(1000)),
            ("1970-01-01T00:00:01+01:00", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_milliseconds(text), expected, "{text}");
        }
        assert_eq!(text_of(1_795_603_207_999), "2026-11-25T10:40:07Z");
    }
}
