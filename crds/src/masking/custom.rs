//! Sensitive text that a rule describes itself.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Action;
use crate::rule::{self, validations};
use crate::schema::{set, text};
use crate::text as format;

/// A kind of sensitive text that the rule describes itself, by a regular expression or by words.
/// Exactly one of regex, terms and termsFrom is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::CUSTOM_REGEX_OR_TERMS, rule::ENTROPY_WITH_REGEX]
)))]
pub struct Custom {
    /// As masks and counts show it: `[REDACTED:<name>]` and `custom:<name>`. The names of built-in kinds are taken.
    #[schemars(schema_with = "name")]
    pub name: String,
    /// What it looks like: a regular expression (RE2 syntax) that matches at least one and at most 4096 bytes. Write
    /// either this or terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "regex")]
    pub regex: Option<String>,
    /// How mixed its characters must be at least, in bits for each (Shannon), such as "3.5": a text of one character alone
    /// has 0, one of n different characters the binary logarithm of n. Goes with regex alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "entropy")]
    pub entropy: Option<String>,
    /// Whole words that it may be. Write either regex or terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "terms")]
    pub terms: Vec<String>,
    /// Where such words stand, in place of terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_from: Option<TermsFrom>,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// Words of which one must stand nearby, or in the name of the member. Compared without case, and however they are
    /// written: `staff no` is `staffNo` too. Without any, none is needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "keywords")]
    pub keywords: Vec<String>,
    /// How far away a keyword may stand, before or after, in bytes.
    #[serde(default = "default_window")]
    #[schemars(range(min = 1, max = 200))]
    pub window: i32,
    /// What its letters and digits must fulfil.
    #[serde(default)]
    pub checksum: Checksum,
    /// What becomes of what is found.
    pub action: Action,
}

/// Where words stand that are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TermsFrom {
    /// A ConfigMap with the label `lychgate.dev/terms: "true"`, in the rule's own namespace: one word or name a line. Blanks
    /// at both ends, empty lines and lines that begin with # do not count. A change counts from the moment it is made.
    pub config_map_key_ref: ConfigMapKeyReference,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapKeyReference {
    /// The ConfigMap's name, in the same namespace.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// The key in the ConfigMap's data.
    #[schemars(schema_with = "data_key")]
    pub key: String,
}

/// What letters and digits fulfil. Luhn and Verhoeff are over the digits; Mod97 is over digits and letters (as 10 to 35),
/// which leave 1 (ISO 7064, MOD 97-10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Checksum {
    /// Nothing.
    #[default]
    None,
    /// The check of Luhn, as cards have it.
    Luhn,
    /// MOD 97-10, as identifiers of legal entities have it.
    Mod97,
    /// The check of Verhoeff.
    Verhoeff,
}

fn default_window() -> i32 {
    40
}

fn name(_: &mut SchemaGenerator) -> Schema {
    text(&format::NAME_OF_KIND)
}

fn regex(_: &mut SchemaGenerator) -> Schema {
    text(&format::PATTERN)
}

fn entropy(_: &mut SchemaGenerator) -> Schema {
    text(&format::ENTROPY)
}

fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(&format::OBJECT_NAME)
}

fn data_key(_: &mut SchemaGenerator) -> Schema {
    text(&format::DATA_KEY)
}

fn terms(_: &mut SchemaGenerator) -> Schema {
    set(1000, &text(&format::TERM))
}

fn keywords(_: &mut SchemaGenerator) -> Schema {
    set(32, &text(&format::KEYWORD))
}
