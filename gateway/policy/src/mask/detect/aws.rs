//! Keys of Amazon Web Services: access key ids by their form, and secret access keys, which have none, where
//! a name or an access key id stands shortly before them.
//!
//! Identifiers of users and roles (`AIDA…`, `AROA…`) open nothing and stay.

use std::ops::Range;

use super::Sample;
use super::bytes::{around, at, before, condensed, is_joined_after, is_joined_before, runs};
use super::trigger::{Having, Trigger};
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Run(Having::Word(ID_LENGTH, SECRET_LENGTH), keys)];

const ID_LENGTH: usize = 20;
const SECRET_LENGTH: usize = 40;

/// Access keys, temporary access keys, bearer tokens and context-specific credentials (AWS IAM User Guide,
/// "IAM identifiers").
const ID_PREFIXES: [&[u8]; 4] = [b"AKIA", b"ASIA", b"ABIA", b"ACCA"];

/// How far before a secret, in bytes, its name may stand.
const REACH: usize = 64;

/// What names of secrets contain, without case and punctuation.
const SECRET_NAMES: [&str; 3] = ["secretaccesskey", "awssecret", "secretkey"];

fn keys(sample: Sample<'_>, token: &Range<usize>, found: &mut Vec<Range<usize>>) {
    let text = sample.text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let inside = text.get(token.clone()).unwrap_or_default();
    for run in runs(inside, is_part).filter(|run| run.len() >= ID_LENGTH) {
        let run = token.start + run.start..token.start + run.end;
        if run.len() == SECRET_LENGTH && is_secret(sample, &run) {
            found.push(run);
        } else if text.get(run.clone()).is_some_and(|run| run.contains(&b'A')) {
            // As all ids begin.
            found.extend(ids(text, &run));
        }
    }
}

/// The access key ids in a run: they stand between characters that are no letters and digits.
fn ids(text: &[u8], run: &Range<usize>) -> Vec<Range<usize>> {
    count(run.len());
    let inside = text.get(run.clone()).unwrap_or_default();
    let words = runs(inside, |byte| byte.is_ascii_alphanumeric()).filter(|word| word.len() >= ID_LENGTH);
    // An id is the end of its word; what may stand before it is an escape.
    let ends = words.map(|word| run.start + word.end - ID_LENGTH..run.start + word.end);
    let is_id = |id: &Range<usize>| {
        let bytes = text.get(id.clone()).unwrap_or_default();
        ID_PREFIXES.iter().any(|prefix| bytes.starts_with(prefix))
            && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            && !is_joined_before(text, id.start)
            && !is_joined_after(text, id.end)
    };
    ends.filter(is_id).collect()
}

/// Whether a run of the right length is a secret: its name is known, or an access key id stands before it.
/// Hashes in hexadecimal have the same length.
fn is_secret(sample: Sample<'_>, run: &Range<usize>) -> bool {
    let text = sample.text.as_bytes();
    let bytes = text.get(run.clone()).unwrap_or_default();
    let is_part_of_more = matches!(before(text, run.start), Some(b'_' | b'-' | b'.'))
        || matches!(at(text, run.end), Some(b'_' | b'-' | b'='));
    if is_part_of_more || bytes.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let (behind, _) = around(sample.text, run, REACH);
    let is_named = [sample.label, behind]
        .into_iter()
        .map(condensed)
        .any(|words| SECRET_NAMES.iter().any(|name| words.contains(name)));
    is_named || !ids(behind.as_bytes(), &(0..behind.len())).is_empty()
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::AwsKey;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn ids_are_found_by_form_and_secrets_by_their_name() {
        assert_marked(
            AwsKey,
            &[
                "«AKIAIOSFODNN7EXAMPLE»",
                "id: «ASIAIOSFODNN7EXAMPLE», region eu-west-1",
                "AWS_ACCESS_KEY_ID=«AKIAIOSFODNN7EXAMPLE»",
                "key_«AKIAIOSFODNN7EXAMPLE»",
                "\"«AKIAI44QH8DHBEXAMPLE»\"",
                "https://bucket.example.com/?AWSAccessKeyId=«AKIAIOSFODNN7EXAMPLE»&Expires=1",
                "Credential=«AKIAIOSFODNN7EXAMPLE»/20240506/us-east-1/s3/aws4_request",
                "AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
                "aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
                "secretAccessKey: '«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»'",
                "«AKIAIOSFODNN7EXAMPLE»,«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
                "the aws secret is «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY».",
                "«ABIAIOSFODNN7EXAMPLE» «ACCAIOSFODNN7EXAMPLE»",
            ],
        );
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(found(AwsKey, "SecretAccessKey", secret), [secret]);
    }

    #[test]
    fn other_identifiers_and_hashes_stay() {
        assert_kept(
            AwsKey,
            &[
                "AIDAIOSFODNN7EXAMPLE",
                "AROAIOSFODNN7EXAMPLE",
                "AKIAIOSFODNN7EXAMPL",
                "AKIAIOSFODNN7EXAMPLES",
                "akiaiosfodnn7example",
                "AKIAIOSFODNN7EXAMPLe",
                "XAKIAIOSFODNN7EXAMPLE",
                "AKIA",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "secret key 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
                "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
                "AWS_SECRET_ACCESS_KEY=${SECRET}",
                "aws_secret_access_key: wJalrXUtnFEMI",
                "arn:aws:iam::123456789012:role/Reader",
                "gateway/policy/src/mask/detect/aws/files",
            ],
        );
    }
}
