//! Tokens of GitLab ("Token overview"): a prefix for each kind, and at least 20 characters.

use super::Sample;
use super::token::{is_word, prefixed};
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"g", b"l", token)];

const PREFIXES: &[&str] =
    &["glpat-", "gldt-", "glptt-", "glrt-", "glcbt-", "glagent-", "gloas-", "glsoat-", "glft-", "glimt-"];
/// How much stands behind the prefix at least, in bytes. What is shorter is a placeholder.
const MINIMUM_SECRET: usize = 20;

fn token(sample: Sample<'_>, start: usize) -> Look {
    match prefixed(sample.text, start, PREFIXES, MINIMUM_SECRET, |byte| is_word(byte) || byte == b'.') {
        // A full stop ends a sentence.
        Look::Value(range) => Look::Value(range.start..without_stop(sample.text, range.end)),
        other @ (Look::Nothing | Look::NothingBefore(_)) => other,
    }
}

fn without_stop(text: &str, end: usize) -> usize {
    text.get(..end).unwrap_or_default().trim_end_matches('.').len()
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::GitlabToken;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0").replace("GL", "gl")
    }

    #[test]
    fn values_are_found() {
        let rows = [
            "«GLpat-SECRET»",
            "PRIVATE-TOKEN: «GLpat-SECRET».",
            "«GLrt-SECRETSECRET»",
            "token_«GLdt-SECRET»",
        ]
        .map(written);
        assert_marked(GitlabToken, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows =
            ["GLpat-", "GLpat-short1", "GLpat-your-token-goes-right-here", "glass-SECRET", "xGLpat-SECRET"]
                .map(written);
        assert_kept(GitlabToken, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(GitlabToken, "", &written("GLpat--").repeat(50_000)).is_empty());
    }
}
