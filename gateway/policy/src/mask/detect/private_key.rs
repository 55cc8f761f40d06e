//! Private keys in PEM (RFC 7468): from the line that begins one to the line that ends it, over line breaks
//! of every kind, escaped ones included.
//!
//! A key that was cut is masked all the same: without an end, to the end of the text; without a beginning,
//! back to where its encoded lines begin. Certificates and public keys stay, and so does a beginning in quotes
//! that nothing encoded follows: programs that read keys say what they look for.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, before, runs};
use super::trigger::Trigger;
use crate::mask::base64::is_base64;
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Dashes(keys)];

/// SSH2 keys have four dashes (RFC 4716), all others five.
const OPENING_DASHES: usize = 4;

/// What labels of secret keys contain; what is before it differs ("RSA ", "ENCRYPTED ", "OPENSSH ").
const LABEL: &str = "PRIVATE KEY";
/// Shorter runs of letters and digits are words, in bytes. The lines of keys are longer but for the last.
const MINIMUM_LINE: usize = 32;
/// Between the dashes of a boundary stand at most so many bytes.
const MAXIMUM_LABEL: usize = 64;

fn keys(sample: Sample<'_>, found: &mut Vec<Range<usize>>) {
    let text = sample.text;
    let mut open: Option<Range<usize>> = None;
    let mut free_from = 0;
    count(text.len());
    for (label, _) in text.match_indices(LABEL) {
        match (boundary(text, label), &open) {
            (Some(Boundary::Begin(begin)), None) => open = Some(begin),
            (Some(Boundary::End(end)), Some(begin)) => {
                found.push(begin.start..end);
                free_from = end;
                open = None;
            }
            (Some(Boundary::End(end)), None) => {
                let marker = text.get(..label).and_then(|head| head.rfind("END")).unwrap_or(label);
                found.push(encoded_start(text.as_bytes(), free_from, marker)..end);
                free_from = end;
            }
            (Some(Boundary::Begin(_)), Some(_)) | (None, _) => {}
        }
    }
    if let Some(begin) = open.filter(|begin| !is_mention(text.as_bytes(), begin.end)) {
        found.push(begin.start..text.len());
    }
}

/// Whether a beginning without an end, which stops at `end`, is only spoken of: it stands in quotes, and no line
/// of a key follows anywhere.
fn is_mention(text: &[u8], end: usize) -> bool {
    let is_quoted = matches!(at(text, end), Some(b'"' | b'\'' | b'`'));
    let rest = text.get(end..).unwrap_or_default();
    is_quoted && !runs(rest, is_base64).any(|run| run.len() >= MINIMUM_LINE)
}

/// A line such as `-----BEGIN RSA PRIVATE KEY-----`.
enum Boundary {
    /// Where a beginning stands.
    Begin(Range<usize>),
    /// Where an end stops.
    End(usize),
}

/// The boundary whose label holds the words at `label`.
fn boundary(text: &str, label: usize) -> Option<Boundary> {
    let bytes = text.as_bytes();
    let mut start = label;
    while label - start < MAXIMUM_LABEL
        && before(bytes, start).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
    {
        start -= 1;
    }
    let mut end = label + LABEL.len();
    while end - label < MAXIMUM_LABEL
        && at(bytes, end).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
    {
        end += 1;
    }
    count(end - start);
    let words = text.get(start..end)?.trim_start();
    let dashes = |position: usize, step: fn(&[u8], usize) -> Option<u8>, forth: bool| {
        let mut count = 0;
        while count < 5 && step(bytes, if forth { position + count } else { position - count }) == Some(b'-')
        {
            count += 1;
        }
        count
    };
    let (opening, closing) = (dashes(start, before, false), dashes(end, at, true));
    if opening < OPENING_DASHES {
        None
    } else if words.starts_with("BEGIN ") {
        Some(Boundary::Begin(start - opening..end + closing))
    } else if words.starts_with("END ") {
        Some(Boundary::End(end + closing))
    } else {
        None
    }
}

/// Where the encoded lines begin that end at the dashes before `marker`.
fn encoded_start(text: &[u8], free_from: usize, marker: usize) -> usize {
    let belongs = |byte: u8| is_base64(byte) || matches!(byte, b'=' | b'\n' | b'\r' | b'\\');
    let mut start = marker;
    while start > free_from
        && before(text, start).is_some_and(|byte| belongs(byte) || (byte == b' ' && start == marker))
    {
        start -= 1;
    }
    count(marker - start);
    start
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::PrivateKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in parts, so that no scanner of source code takes the tests for a leak.
    fn rows(rows: &[&str]) -> Vec<String> {
        let fill = |row: &&str| {
            row.replace("KEY", "PRIVATE KEY")
                .replace("BEGIN[", "-----BEGIN ")
                .replace("END[", "-----END ")
                .replace(']', "-----")
        };
        rows.iter().map(fill).collect()
    }

    #[test]
    fn keys_are_found_whole_and_cut() {
        let rows = rows(&[
            "«BEGIN[KEY]\nMIIEvQIBADANBg\nkqhkiG9w0B=\nEND[KEY]»",
            "key:\n«BEGIN[RSA KEY]\nMIIE\nEND[RSA KEY]»\nnext",
            "«BEGIN[EC KEY]\r\nMHcC\r\nEND[EC KEY]»",
            "«BEGIN[OPENSSH KEY]\nb3Bl\nEND[OPENSSH KEY]»",
            "«BEGIN[ENCRYPTED KEY]\nMIIF\nEND[ENCRYPTED KEY]»",
            "«BEGIN[PGP KEY BLOCK]\nVersion: 1\n\nlQOY\nEND[PGP KEY BLOCK]»",
            "\"«BEGIN[KEY]\\nMIIE\\nEND[KEY]\\»n\"",
            "«BEGIN[KEY] MIIE END[KEY]»",
            "«BEGIN[RSA KEY]\nMIIEvQIBADANBgkqhkiG9w0B and no end\n»",
            "«BEGIN[RSA KEY]\nMIIE\n-----BEGIN CERTIFICATE-----\nMIID\n»",
            "tail of a key: «MIIEvQIBADAN\nBgkqhk=\nEND[KEY]» rest",
            "«BEGIN[KEY]\nMIIE\nEND[KEY]» and «BEGIN[KEY]\nMIIF\nEND[KEY]»",
            "«---- BEGIN SSH2 ENCRYPTED KEY ----\nMIIE\n---- END SSH2 ENCRYPTED KEY ----»",
            "«-----BEGIN KEY»",
            "keys = ['«BEGIN[KEY]', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC', …»",
        ]);
        let rows: Vec<_> = rows.iter().map(|row| row.replace("\\»n", "»\\n")).collect();
        for row in &rows {
            let text = row.replace(['«', '»'], "");
            let expected: Vec<_> = row.split('«').skip(1).filter_map(|rest| rest.split('»').next()).collect();
            assert_eq!(found(PrivateKey, "", &text), expected, "{row}");
        }
        assert_marked(PrivateKey, &[rows.first().map_or("", |row| row.as_str())]);
    }

    #[test]
    fn public_keys_certificates_and_talk_of_keys_stay() {
        let rows = rows(&[
            "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC K-----\nMIIB\n-----END PUBLIC K-----",
            "a PRIVATE KEY is private",
            "BEGIN KEY",
            "--BEGIN KEY--",
            "# ----- KEY -----",
            "-------------------",
            "| a | b |\n|-----|-----|",
            "-----BEGIN DH PARAMETERS-----\nMIIB\n-----END DH PARAMETERS-----",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
            "diff --git a/x b/x\n--- a/x\n+++ b/x",
            "-----begin KEY-----",
            "-----THE KEY-----",
            "if text.starts_with(\"BEGIN[KEY]\") { read(text) }",
            "a line with `BEGIN[RSA KEY]` begins a key",
        ]);
        assert_kept(PrivateKey, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_wall_of_boundaries_is_read_once() {
        let wall = rows(&["END[KEY]"]).concat().repeat(20_000);
        assert_eq!(found(PrivateKey, "", &wall).len(), 20_000);
    }
}
