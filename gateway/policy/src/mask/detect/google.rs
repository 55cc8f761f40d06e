//! Credentials of Google: keys of its interfaces (`AIza` and 35 characters), secrets of OAuth clients (`GOCSPX-` and 28) and access
//! tokens (`ya29.`). Keys of service accounts are private keys.

use std::ops::Range;

use super::Sample;
use super::bytes::at;
use super::token::{is_word, prefixed};
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::Token(b"A", b"I", key),
    Trigger::Token(b"G", b"O", client_secret),
    Trigger::Token(b"y", b"a", access_token),
];

fn key(sample: Sample<'_>, start: usize) -> Look {
    exactly(sample.text, start, "AIza", 35).into()
}

fn client_secret(sample: Sample<'_>, start: usize) -> Look {
    exactly(sample.text, start, "GOCSPX-", 28).into()
}

fn access_token(sample: Sample<'_>, start: usize) -> Look {
    /// What is shorter is a placeholder, in bytes.
    const MINIMUM_SECRET: usize = 20;
    prefixed(sample.text, start, &["ya29."], MINIMUM_SECRET, is_word)
}

/// The token that begins with `prefix` and goes on with so many characters and no more.
fn exactly(text: &str, start: usize, prefix: &str, length: usize) -> Option<Range<usize>> {
    let end = start + prefix.len() + length;
    let token = text.get(start..end)?.strip_prefix(prefix)?;
    let is_whole = !at(text.as_bytes(), end).is_some_and(is_word);
    (is_whole && token.bytes().all(is_word) && token.bytes().any(|byte| byte.is_ascii_digit()))
        .then_some(start..end)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::GoogleKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn written(row: &str) -> String {
        row.replace("SECRET", "a1B2c3D4e5F6g7H8i9J0").replace("AIZA", "AIza").replace("GOC", "GOCSPX")
    }

    #[test]
    fn values_are_found() {
        let rows = [
            "«AIZASECRETa1b2c3d4e5f6g7-»",
            "key=«AIZASECRETa1b2c3d4e5f6g7_»&x",
            "«GOC-SECRETa1b2c3d4»",
            "Bearer «ya29.SECRETSECRET»",
        ]
        .map(written);
        assert_marked(GoogleKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let rows = [
            "AIZASECRET",
            "AIZASECRETa1b2c3d4e5f6g7-8",
            "AIZA_your-api-key-goes-here-not-mine-no",
            "GOC-SECRET",
            "ya29.short1",
            "xAIZASECRETa1b2c3d4e5f6g7-",
        ]
        .map(written);
        assert_kept(GoogleKey, &rows.each_ref().map(String::as_str));
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(GoogleKey, "", &written("AIZA-").repeat(50_000)).is_empty());
    }
}
