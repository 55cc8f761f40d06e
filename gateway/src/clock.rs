//! How far this machine's clock is from the API server's, as the heads of its answers say.

use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderMap;
use http::header::DATE;
use k8s_openapi::jiff::fmt::rfc2822::DateTimeParser;

/// How long a date in whole seconds holds, in milliseconds.
const DATE_HOLDS: i64 = 1000;

/// The difference as it was seen last.
#[derive(Default)]
pub(crate) struct Clocks {
    ahead: AtomicI64,
}

impl Clocks {
    /// Takes note of an answer to what was asked at `asked`, and that has come at `now`: milliseconds since the Unix
    /// epoch, by this machine's clock. An answer without a date says nothing.
    pub(crate) fn note(&self, headers: &HeaderMap, asked: u64, now: u64) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date =
            date.and_then(|date| DateTimeParser::new().relaxed_weekday(true).parse_timestamp(date).ok());
        if let (Some(date), Ok(asked), Ok(now)) = (date, i64::try_from(asked), i64::try_from(now)) {
            self.ahead.store(ahead(date.as_millisecond(), asked, now), Ordering::Relaxed);
        }
    }

    /// How many milliseconds this machine is ahead of the API server, at least; behind, if it is negative. Nothing as
    /// long as nothing is known.
    pub(crate) fn ahead_milliseconds(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }
}

/// The API server's clock has shown `date` at some moment between the question and the answer.
fn ahead(date: i64, asked: i64, now: i64) -> i64 {
    let end = date.saturating_add(DATE_HOLDS);
    if asked > end {
        asked.saturating_sub(end)
    } else if now < date {
        now.saturating_sub(date)
    } else {
        0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::Clocks;
    use http::HeaderMap;
    use http::header::DATE;

    #[test]
    fn only_a_difference_that_the_way_there_and_back_does_not_explain_is_one() {
        let date = 784_111_777_000;
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        for (asked, now, expected) in [
            (date + 400, date + 410, 0),
            (date - 5000, date + 5000, 0),
            (date + 1000, date + 9000, 0),
            (date + 61_000, date + 61_010, 60_000),
            (date - 61_000, date - 60_000, -60_000),
        ] {
            let clocks = Clocks::default();
            clocks.note(&headers, asked, now);
            assert_eq!(clocks.ahead_milliseconds(), expected);
        }
    }

    #[test]
    fn an_answer_without_a_date_changes_nothing() {
        let clocks = Clocks::default();
        for date in [None, Some("yesterday")] {
            let mut headers = HeaderMap::new();
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            clocks.note(&headers, 1, 2);
            assert_eq!(clocks.ahead_milliseconds(), 0);
        }
    }
}
