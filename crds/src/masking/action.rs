//! What becomes of a sensitive value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connection::SecretKeyReference;
use crate::rule::{self, validations};

/// What becomes of a sensitive value: exactly one action. Where several rules ask for the same value, the
/// strongest counts: block, drop, redact, replace, hash, tokenize, fpe, generalize, partial, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::ONE_ACTION])))]
pub struct Action {
    /// The message is not shown: an answer becomes an error that names the kinds of its values, a request is
    /// refused. Write `block: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Nothing>,
    /// The member or item goes away; of a text, what a detector finds in it. Write `drop: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<Nothing>,
    /// The value becomes `[REDACTED:<kind>]`; a number becomes 0, a boolean false, objects and arrays empty.
    /// Write `redact: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redact: Option<Nothing>,
    /// The value becomes the given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<Replacement>,
    /// The value becomes `[HASH:<digits>]`, the same wherever the same value stands (HMAC-SHA-256 under a key of
    /// yours); a number becomes 0. Without its key, the value is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
    /// The value becomes `[TOKEN:<base64url>]`, the same wherever the same value stands in one session. When the caller sends
    /// the token back in that session, over the same connection, the server gets the value. A number becomes 0, and what is
    /// shorter than 3 or longer than 1024 bytes is redacted. For rules with directions `[Response]`. Write `tokenize: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenize: Option<Nothing>,
    /// The value becomes another of the same form (FF1 with AES-256 under a key of yours): digits and letters of
    /// ASCII become others of the same class, all else stays. What has fewer than a million forms, or other
    /// letters, is redacted, and so is everything without the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fpe: Option<Fpe>,
    /// The value becomes one that many share: a rounded number, the year of a date, the network of an
    /// address. What is not of that form is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalize: Option<Generalize>,
    /// All but the last letters and digits become asterisks; separators stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

/// There is nothing to say about this action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The value to put in place: exactly one of string and number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::ONE_REPLACEMENT])))]
pub struct Replacement {
    /// A text of at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub string: Option<String>,
    /// A whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
}

/// How a value is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hash {
    /// The Secret with the key: `lmk_` and 32 to 64 random bytes in base64. It is one of the connection's own namespace,
    /// also for a rule that stands elsewhere.
    pub key_ref: SecretKeyReference,
    /// How many hexadecimal digits are shown.
    #[serde(default = "default_length")]
    #[schemars(range(min = 8, max = 64))]
    pub length: i32,
}

/// How a value is enciphered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fpe {
    /// The Secret with the key: `lmk_` and 32 to 64 random bytes in base64. It is one of the connection's own namespace,
    /// also for a rule that stands elsewhere.
    pub key_ref: SecretKeyReference,
}

fn default_length() -> i32 {
    12
}

/// How coarse a value becomes: exactly one of bucket, date, ipAddress and keepFirst.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::ONE_GENERALIZATION])))]
pub struct Generalize {
    /// Numbers: rounded down to a multiple of this, 2 to 10^12. For fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1_000_000_000_000_i64))]
    pub bucket: Option<i64>,
    /// Dates: what stays of one. For fields, and with type DateOfBirth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<DatePart>,
    /// Internet addresses: what stays of one. For fields, and with type IpAddress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<AddressPart>,
    /// Postal codes: how many letters and digits at the beginning stay; never all. For fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4))]
    pub keep_first: Option<i32>,
}

/// What stays of a date: Year leaves `1980`, Month leaves `1980-02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DatePart {
    /// `1980`
    Year,
    /// `1980-02`
    Month,
}

/// What stays of an Internet address: Network leaves the first 24 bits of version 4, the first 48 of version 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AddressPart {
    /// The first address of the network.
    Network,
}

/// How much of a value stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Partial {
    /// How many letters and digits at the end stay; never more than half of the value.
    #[schemars(range(min = 1, max = 8))]
    pub keep_last: i32,
}
