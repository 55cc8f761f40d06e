//! Finding sensitive values in a text: one module for each kind.
//!
//! A detector takes a text and gives the byte ranges at which a value of its kind stands. It knows nothing
//! of rules, actions or JSON, so that another layer (one that undoes disguises, say) can stand before it.
//! Every detector reads a text a bounded number of times, whatever the text: candidates are found by a byte
//! that they must hold, each is followed only as far as its kind is long, and where a candidate may be of any
//! length, the search goes on behind it.

mod aws;
mod bytes;
mod card;
mod email;
mod github;
mod iban;
mod json_web_token;
mod phone;
mod private_key;
mod slack;
mod ssn;

use std::ops::Range;

use crate::config::{DetectorGroup, DetectorType};

/// A text, and the name it stands under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    text: &'a str,
    label: &'a str,
}

/// A longer name says nothing more about its value, in bytes. It is read once for each candidate.
const MAXIMUM_LABEL: usize = 128;

impl<'a> Sample<'a> {
    /// `label` is the name of the member whose value the text is; empty where there is none. Some values are
    /// known by the words around them, and a name is such a word.
    pub(super) fn new(text: &'a str, label: &'a str) -> Self {
        let end = (0..=MAXIMUM_LABEL).rev().find(|end| label.is_char_boundary(*end)).unwrap_or(0);
        Self { text, label: label.get(..end).unwrap_or(label) }
    }
}

/// What a text is made of, counted once, so that most detectors need not look at most texts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits {
    digits: usize,
    dashes: usize,
    ats: usize,
    pluses: usize,
    underscores: usize,
    dots: usize,
}

impl Traits {
    /// Counts in `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut traits = Self::default();
        for byte in text.bytes() {
            traits.digits += usize::from(byte.is_ascii_digit());
            traits.dashes += usize::from(byte == b'-');
            traits.ats += usize::from(byte == b'@');
            traits.pluses += usize::from(byte == b'+');
            traits.underscores += usize::from(byte == b'_');
            traits.dots += usize::from(byte == b'.');
        }
        traits
    }

    /// Whether a text of these traits can hold a value of this kind at all.
    fn can_hold(&self, kind: DetectorType, length: usize) -> bool {
        match kind {
            DetectorType::CreditCard => self.digits >= card::MINIMUM_DIGITS,
            DetectorType::Email => self.ats > 0 && self.dots > 0,
            DetectorType::Iban => self.digits >= iban::MINIMUM_DIGITS && length >= iban::MINIMUM_LENGTH,
            DetectorType::UsSsn => self.digits >= ssn::DIGITS,
            DetectorType::Phone => {
                self.digits >= phone::MINIMUM_DIGITS && (self.pluses > 0 || self.digits >= 10)
            }
            DetectorType::AwsKey => length >= aws::MINIMUM_LENGTH,
            DetectorType::GithubToken => self.underscores > 0 && length >= github::MINIMUM_LENGTH,
            DetectorType::SlackToken => self.dashes > 0 || self.dots > 1,
            DetectorType::JsonWebToken => self.dots > 1,
            DetectorType::PrivateKey => self.dashes >= private_key::MINIMUM_DASHES,
        }
    }
}

/// Adds to `found` where values of `kind` stand in the text, in order and without overlap.
pub(super) fn find(kind: DetectorType, sample: Sample<'_>, traits: &Traits, found: &mut Vec<Range<usize>>) {
    if !traits.can_hold(kind, sample.text.len()) {
        return;
    }
    match kind {
        DetectorType::CreditCard => card::find(sample.text, found),
        DetectorType::Email => email::find(sample.text, found),
        DetectorType::Iban => iban::find(sample.text, found),
        DetectorType::UsSsn => ssn::find(sample, found),
        DetectorType::Phone => phone::find(sample.text, found),
        DetectorType::AwsKey => aws::find(sample, found),
        DetectorType::GithubToken => github::find(sample.text, found),
        DetectorType::SlackToken => slack::find(sample.text, found),
        DetectorType::JsonWebToken => json_web_token::find(sample.text, found),
        DetectorType::PrivateKey => private_key::find(sample.text, found),
    }
}

/// The kinds of a group.
pub(super) fn members(group: DetectorGroup) -> &'static [DetectorType] {
    match group {
        DetectorGroup::PersonalData => &[
            DetectorType::CreditCard,
            DetectorType::Email,
            DetectorType::Iban,
            DetectorType::UsSsn,
            DetectorType::Phone,
        ],
        DetectorGroup::Secrets => &[
            DetectorType::AwsKey,
            DetectorType::GithubToken,
            DetectorType::SlackToken,
            DetectorType::JsonWebToken,
            DetectorType::PrivateKey,
        ],
    }
}

/// The kind's name, as masks and counts show it: the name that rules use.
pub(super) fn name(kind: DetectorType) -> &'static str {
    match kind {
        DetectorType::CreditCard => "CreditCard",
        DetectorType::Email => "Email",
        DetectorType::Iban => "Iban",
        DetectorType::UsSsn => "UsSsn",
        DetectorType::Phone => "Phone",
        DetectorType::AwsKey => "AwsKey",
        DetectorType::GithubToken => "GithubToken",
        DetectorType::SlackToken => "SlackToken",
        DetectorType::JsonWebToken => "JsonWebToken",
        DetectorType::PrivateKey => "PrivateKey",
    }
}

/// Whether a kind is looked for in JSON numbers too: only where a value is nothing but digits.
pub(super) fn can_be_number(kind: DetectorType) -> bool {
    match kind {
        DetectorType::CreditCard | DetectorType::UsSsn => true,
        DetectorType::Email
        | DetectorType::Iban
        | DetectorType::Phone
        | DetectorType::AwsKey
        | DetectorType::GithubToken
        | DetectorType::SlackToken
        | DetectorType::JsonWebToken
        | DetectorType::PrivateKey => false,
    }
}

#[cfg(test)]
pub(super) mod test {
    //! What the tables of the detectors' tests share.

    use super::{DetectorType, Sample, Traits, find};

    /// The values of `kind` in `text`.
    pub(in crate::mask) fn found(kind: DetectorType, label: &str, text: &str) -> Vec<String> {
        let mut ranges = Vec::new();
        find(kind, Sample::new(text, label), &Traits::of(text), &mut ranges);
        assert!(ranges.is_sorted_by(|one, other| one.end <= other.start), "{ranges:?} in {text:?}");
        ranges.into_iter().map(|range| text.get(range).unwrap_or("not at a character").to_owned()).collect()
    }

    /// Asserts that of each text exactly what stands between `«` and `»` is found, and the same inside
    /// JSON that was cut and so is read as text.
    pub(in crate::mask) fn assert_marked(kind: DetectorType, rows: &[&str]) {
        for row in rows {
            let text = row.replace(['«', '»'], "");
            let expected: Vec<_> = row
                .split('«')
                .skip(1)
                .map(|rest| rest.split_once('»').map_or("no end", |(value, _)| value).to_owned())
                .collect();
            assert!(!expected.is_empty(), "a row without a mark belongs to the other table: {row}");
            assert_eq!(found(kind, "", &text), expected, "{row}");
            if !text.contains('\n') {
                let escaped = format!("{{\"a\":\"x\\n{text}\\ny");
                assert_eq!(found(kind, "", &escaped), expected, "{escaped}");
            }
        }
    }

    /// Asserts that nothing is found in any of the texts.
    pub(in crate::mask) fn assert_kept(kind: DetectorType, rows: &[&str]) {
        for row in rows {
            assert_eq!(found(kind, "", row), Vec::<String>::new(), "{row}");
        }
    }
}
