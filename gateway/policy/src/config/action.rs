//! What becomes of a sensitive value, as the document says it.

use serde::{Deserialize, Serialize};

use super::SecretKey;

/// What becomes of a sensitive value. In order of strength: block, drop, redact, replace, hash, tokenize, fpe,
/// generalize, partial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Nothing of the message is shown: an answer becomes an error, a request is not sent.
    Block {},
    /// A member or an item goes away; of a text, what a detector found in it.
    Drop {},
    /// The value becomes `[REDACTED:<kind>]`; a number becomes 0, a boolean false, objects and arrays empty.
    Redact {},
    /// The value becomes the given one.
    Replace(Replacement),
    /// The value becomes `[HASH:<digits>]`, the same for the same value; a number becomes 0.
    Hash(Hash),
    /// The value becomes `[TOKEN:<base64url>]`, which is turned back on its way to the server in the same session; a number
    /// becomes 0.
    Tokenize {},
    /// The value becomes another of the same form.
    Fpe(Fpe),
    /// The value becomes one that many share.
    Generalize(Generalize),
    /// All but the last characters become `*`; separators stay.
    Partial(Partial),
}

impl Action {
    /// The key that the action needs.
    #[must_use]
    pub fn key(&self) -> Option<&SecretKey> {
        match self {
            Self::Hash(Hash { key, .. }) | Self::Fpe(Fpe { key }) => Some(key),
            Self::Block {}
            | Self::Drop {}
            | Self::Redact {}
            | Self::Replace(_)
            | Self::Tokenize {}
            | Self::Generalize(_)
            | Self::Partial(_) => None,
        }
    }

    /// What stands in the place of a value, if that is written.
    #[must_use]
    pub fn replacement(&self) -> Option<&Replacement> {
        match self {
            Self::Replace(replacement) => Some(replacement),
            Self::Block {}
            | Self::Drop {}
            | Self::Redact {}
            | Self::Hash(_)
            | Self::Tokenize {}
            | Self::Fpe(_)
            | Self::Generalize(_)
            | Self::Partial(_) => None,
        }
    }
}

/// The value of a `replace` action: exactly one member is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replacement {
    /// For strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// For numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
}

/// How a value is hashed (HMAC-SHA-256).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hash {
    /// Where the key is.
    pub key: SecretKey,
    /// How many hexadecimal digits are shown, 8 to 64.
    pub length: u32,
}

/// How a value is enciphered (FF1 with AES-256).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fpe {
    /// Where the key is.
    pub key: SecretKey,
}

/// How much of a value a `partial` action shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Partial {
    /// How many letters and digits at the end stay, 1 to 8; never more than half of the value.
    pub keep_last: u32,
}

/// How coarse a value becomes: exactly one member is set. What is not of its form is redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generalize {
    /// Numbers: rounded down to a multiple of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<u64>,
    /// Dates: what stays of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<DatePart>,
    /// Internet addresses: what stays of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<AddressPart>,
    /// Postal codes: how many letters and digits at the beginning stay, 1 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_first: Option<u32>,
}

/// What stays of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatePart {
    /// `1980`
    Year,
    /// `1980-02`
    Month,
}

/// What stays of an Internet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressPart {
    /// The network: the first 24 bits of version 4, the first 48 of version 6.
    Network,
}
