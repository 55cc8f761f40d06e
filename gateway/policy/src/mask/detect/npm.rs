//! Tokens of npm: `npm_` and 36 letters and digits.

use super::Sample;
use super::token::prefixed;
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"n", b"p", token)];

const PREFIXES: &[&str] = &["npm_"];
/// How much stands behind the prefix at least, in bytes. What is shorter is a placeholder.
const MINIMUM_SECRET: usize = 36;

fn token(sample: Sample<'_>, start: usize) -> Look {
    prefixed(sample.text, start, PREFIXES, MINIMUM_SECRET, |byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::NpmToken;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0").replace("NPM", "npm")
    }

    #[test]
    fn values_are_found() {
        let rows = ["«NPM_SECRETa1b2c3d4e5f6g7h8»", "_authToken=«NPM_SECRETSECRET»"].map(written);
        assert_marked(NpmToken, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows = [
            "NPM_",
            "NPM_SECRET",
            "npm_config_registry",
            "xNPM_SECRETSECRET",
            "NPM_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst",
        ]
        .map(written);
        assert_kept(NpmToken, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(NpmToken, "", &written("NPM_-").repeat(50_000)).is_empty());
    }
}
