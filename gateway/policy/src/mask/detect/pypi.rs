//! Tokens of PyPI: `pypi-` and a macaroon of version 2 in base64, which begins with `AgE`.

use super::Sample;
use super::token::{is_word, prefixed};
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"p", b"y", token)];

const PREFIXES: &[&str] = &["pypi-AgE"];
/// How much stands behind the prefix at least, in bytes. What is shorter is a placeholder.
const MINIMUM_SECRET: usize = 32;

fn token(sample: Sample<'_>, start: usize) -> Look {
    prefixed(sample.text, start, PREFIXES, MINIMUM_SECRET, is_word)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::PypiToken;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0").replace("PYPI", "pypi")
    }

    #[test]
    fn values_are_found() {
        let rows = ["«PYPI-AgESECRETSECRETSECRET»", "password = «PYPI-AgESECRETSECRET»"].map(written);
        assert_marked(PypiToken, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows = [
            "PYPI-",
            "PYPI-AgEshort1",
            "PYPI-SECRETSECRETSECRET",
            "pypi-server-1.2.3",
            "xPYPI-AgESECRETSECRET",
        ]
        .map(written);
        assert_kept(PypiToken, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(PypiToken, "", &written("PYPI--").repeat(50_000)).is_empty());
    }
}
