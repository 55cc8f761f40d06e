//! Secret and restricted keys of Stripe, of test accounts too, and secrets of its webhooks. Publishable keys stay.

use super::Sample;
use super::token::prefixed;
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"srw", b"kh", token)];

const PREFIXES: &[&str] = &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"];
/// How much stands behind the prefix at least, in bytes. What is shorter is a placeholder.
const MINIMUM_SECRET: usize = 16;

fn token(sample: Sample<'_>, start: usize) -> Look {
    prefixed(sample.text, start, PREFIXES, MINIMUM_SECRET, |byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::StripeKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0")
            .replace("SK", "sk_")
            .replace("RK", "rk_")
            .replace("PK", "pk_")
            .replace("WHSEC", "whsec")
    }

    #[test]
    fn values_are_found() {
        let rows = ["«SKlive_SECRET»", "key: «SKtest_SECRETSECRET».", "«RKlive_SECRET», «WHSEC_SECRET»"]
            .map(written);
        assert_marked(StripeKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows =
            ["SKlive_", "SKlive_short1", "PKlive_SECRET", "SKlive_abcdefghijklmnopqrst", "xSKlive_SECRET"]
                .map(written);
        assert_kept(StripeKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(StripeKey, "", &written("SKlive_-").repeat(50_000)).is_empty());
    }
}
