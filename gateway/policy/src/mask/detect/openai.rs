//! Keys of OpenAI: `sk-`, or `sk-proj-` and its kin, and at least 32 characters, with digits and letters of both cases among
//! them. Keys of other issuers that begin so are taken for its own, but for those of Anthropic.

use std::ops::Range;

use super::Sample;
use super::token::{is_word, prefixed};
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"s", b"k", token)];

const PREFIXES: &[&str] = &["sk-"];
const OTHER: &str = "sk-ant-";
/// How much stands behind the prefix at least, in bytes. What is shorter is a placeholder.
const MINIMUM_SECRET: usize = 32;

fn token(sample: Sample<'_>, start: usize) -> Look {
    if sample.text.get(start..).is_some_and(|rest| rest.starts_with(OTHER)) {
        return Look::Nothing;
    }
    match prefixed(sample.text, start, PREFIXES, MINIMUM_SECRET, is_word) {
        Look::Value(range) if !has_both_cases(sample.text.as_bytes(), &range) => {
            Look::NothingBefore(range.end)
        }
        look @ (Look::Value(_) | Look::Nothing | Look::NothingBefore(_)) => look,
    }
}

fn has_both_cases(text: &[u8], range: &Range<usize>) -> bool {
    let secret = text.get(range.start + 3..range.end).unwrap_or_default();
    secret.iter().any(u8::is_ascii_uppercase) && secret.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::OpenAiKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0").replace("SK", "sk-")
    }

    #[test]
    fn values_are_found() {
        let rows =
            ["«SKproj-SECRETSECRET»", "Bearer «SKSECRETSECRET».", "OPENAI_API_KEY=«SKsvcacct-SECRETSECRET»"]
                .map(written);
        assert_marked(OpenAiKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows = [
            "SK",
            "SKSECRET",
            "SKant-SECRETSECRET",
            "SKyour-api-key-goes-right-here-please-1",
            "risk-SECRETSECRET",
            "SKabcdefghijklmnopqrstuvwxyz0123456789",
        ]
        .map(written);
        assert_kept(OpenAiKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(OpenAiKey, "", &written("SK-").repeat(50_000)).is_empty());
    }
}
