//! Keys of Anthropic: `sk-ant-` and at least 20 characters.

use super::Sample;
use super::token::{is_word, prefixed};
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"s", b"k", token)];

const PREFIXES: &[&str] = &["sk-ant-"];
/// How much stands behind the prefix at least, in bytes. What is shorter is a placeholder.
const MINIMUM_SECRET: usize = 20;

fn token(sample: Sample<'_>, start: usize) -> Look {
    prefixed(sample.text, start, PREFIXES, MINIMUM_SECRET, is_word)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::AnthropicKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0").replace("SK", "sk-")
    }

    #[test]
    fn values_are_found() {
        let rows = ["«SKant-api03-SECRETSECRET»", "x-api-key: «SKant-SECRET»;"].map(written);
        assert_marked(AnthropicKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows =
            ["SKant-", "SKant-api03-short", "SKant-your-api-key-goes-here", "SKSECRET", "xSKant-SECRET"]
                .map(written);
        assert_kept(AnthropicKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(AnthropicKey, "", &written("SKant--").repeat(50_000)).is_empty());
    }
}
