//! User names and passwords in URLs (RFC 3986, section 3.2.1): what stands between `://` and `@`, if a password is among
//! it. Host and path stay, so that one can see what was connected to.

use std::ops::Range;

use super::Sample;
use super::bytes::before;
use super::trigger::Trigger;
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::At(credentials)];

/// No user name and password are longer together, in bytes.
const LONGEST: usize = 512;

/// The credentials that end at the sign at `at`.
fn credentials(sample: Sample<'_>, at: usize, free_from: usize) -> Option<Range<usize>> {
    let text = sample.text.as_bytes();
    let ends = |byte: u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'@' | b'`')
    };
    let head = text.get(free_from.max(at.saturating_sub(LONGEST))..at)?;
    let length = head.iter().rev().take_while(|byte| !ends(**byte)).count();
    count(length + 1);
    let start = at - length;
    let (user, password) = sample.text.get(start..at)?.split_once(':')?;
    let is_in_url = text.get(..start).is_some_and(|head| head.ends_with(b"://"))
        && start
            .checked_sub(3)
            .and_then(|scheme| before(text, scheme))
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_placeholder =
        password.is_empty() || password.starts_with(['$', '{', '*']) || user.starts_with("[REDACTED");
    (is_in_url && !is_placeholder).then_some(start..at)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::UrlCredentials;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            UrlCredentials,
            &[
                "postgres://«ada:hunter2»@db.example.com:5432/billing",
                "DATABASE_URL=mysql://«root:p%40ss»@127.0.0.1/x",
                "redis://«:hunter2»@cache:6379, next",
                "git clone https://«x-access-token:abc»@git.example.com/o/r.git",
                "amqp://«u:a:b»@mq and amqp://«v:c»@mq",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            UrlCredentials,
            &[
                "https://example.com/@ada",
                "https://ada@example.com/",
                "mailto:ada@example.com",
                "ssh://git@example.com/repository",
                "postgres://ada:@db",
                "postgres://ada:${PASSWORD}@db",
                "postgres://[REDACTED:UrlCredentials]@db",
                "at 10:30@home",
                "://a:b@c",
                "https://example.com/a:b@c",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(UrlCredentials, "", &"https://u:p".repeat(50_000)).is_empty());
        assert!(found(UrlCredentials, "", &"a:b@".repeat(50_000)).is_empty());
    }
}
