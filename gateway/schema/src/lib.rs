//! Masked documents and the JSON Schemas that clients hold them to.
//!
//! A [`Schema`] is read once, within bounds, from what a server says of a tool; its validation is that of the crate
//! `jsonschema`. [`Schema::fit`] takes a document as it came and as it is masked, and gives one that fits, if there
//! is any. What stands in it in the end depends on the masked document and the schema alone: the document as it came
//! says whether anything is to be done, and nothing of it is ever shown. Nothing here knows what is masked or why.

mod demand;
mod fit;
mod places;
mod pointer;
mod sample;
mod work;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

pub use fit::{Fit, Unfit};

/// The longest schema that is read, in bytes.
pub const MAXIMUM_SCHEMA_BYTES: usize = 256 * 1024;
/// The most that one pattern of a schema is compiled to, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;
/// How often a match of a pattern that looks around may go back. All other patterns never do.
const BACKTRACKS: usize = 5_000;

/// A schema that can be asked.
#[derive(Debug)]
pub struct Schema {
    work: work::Work,
    /// As clients read it that assert formats.
    with_formats: Validator,
    /// As all others do.
    without_formats: Validator,
}

/// Why a schema cannot be used. No message repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is longer than [`MAXIMUM_SCHEMA_BYTES`].
    #[error("the schema is longer than {MAXIMUM_SCHEMA_BYTES} bytes")]
    TooLong,
    /// It is no JSON object.
    #[error("the schema is no JSON object")]
    NoObject,
    /// It refers to something outside of itself, or by an `$id` of a part of it.
    #[error("the schema refers to something by another way than # and a place or an anchor in it")]
    Elsewhere,
    /// It refers to itself at one and the same place of a document.
    #[error("the schema refers to itself without end")]
    Endless,
    /// It has more parts than are looked at, or more patterns.
    #[error("the schema has too many parts or patterns")]
    TooMany,
    /// It is no schema of its dialect.
    #[error("the schema is none of its dialect")]
    Invalid,
}

impl Schema {
    /// Reads a schema: of the dialect that it names, or of 2020-12, which is that of MCP. Nothing is fetched, and what a
    /// pattern may take is bounded.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn read(text: &[u8]) -> Result<Self, Unusable> {
        if text.len() > MAXIMUM_SCHEMA_BYTES {
            return Err(Unusable::TooLong);
        }
        let schema: Value = serde_json::from_slice(text).map_err(|_| Unusable::NoObject)?;
        if !schema.is_object() {
            return Err(Unusable::NoObject);
        }
        let work = work::Work::of(&schema)?;
        let build = |formats: bool| {
            let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS);
            let patterns = patterns.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
            let options = jsonschema::options().offline().with_pattern_options(patterns);
            options.should_validate_formats(formats).build(&schema).map_err(|_| Unusable::Invalid)
        };
        Ok(Self { with_formats: build(true)?, without_formats: build(false)?, work })
    }

    /// What may stand in the place of a masked document. `may_show` says whether a text that a pattern of the schema
    /// asks for may be shown at all.
    #[must_use]
    pub fn fit(&self, before: &Value, masked: &Value, may_show: &dyn Fn(&str) -> bool) -> Fit {
        if !self.work.allows(before) || !self.work.allows(masked) {
            return Fit::NotAsked;
        }
        // Clients differ in whether a format counts: where the server's own does not, none does.
        let validators = [&self.with_formats, &self.without_formats];
        let Some(validator) = validators.into_iter().find(|validator| validator.is_valid(before)) else {
            return Fit::NotAsked;
        };
        fit::fit(validator, before, masked, may_show)
    }
}

#[cfg(test)]
mod tests;
