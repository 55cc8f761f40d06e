//! Statements of SQL and their effects.
//!
//! [`analyse`] is all there is to call. It takes four steps: `lexis` finds comments, strings and quoted names as the
//! server would and refuses what is unsettled; `tokens` asks the parser for its tokens, and compares; `batch` splits
//! and parses, and cuts each statement out of the text (`source`); `walk` names what every part of every statement
//! does, with the tables in `functions` and `settings` and with `condition`, which knows a WHERE that restricts
//! nothing.

mod batch;
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "what has no known form restricts nothing; a form that a new parser brings counts so too"
)]
mod condition;
mod dialect;
mod effect;
mod escape;
mod functions;
mod lexis;
mod refusal;
mod settings;
mod source;
mod tokens;
mod unparsed;
mod verbs;
mod walk;

use source::Source;

pub use dialect::{Dialect, UnknownDialect};
pub use effect::{Analysis, Effect, Kind, Place, Statement};
pub use refusal::{Cause, Unparseable};

/// How much is looked at before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes. It bounds time and memory of everything else.
    pub statement_bytes: usize,
    /// The most statements in one text.
    pub statements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { statement_bytes: 64 * 1024, statements: 20 }
    }
}

/// What `text` would do at a server of this dialect.
///
/// # Errors
///
/// [`Unparseable`], when the text is longer than `limits`, holds nothing, is not of this dialect as far as it is
/// known here, or could be read in more than one way.
pub fn analyse(text: &str, dialect: Dialect, limits: &Limits) -> Result<Analysis, Unparseable> {
    if text.len() > limits.statement_bytes {
        return Err(Unparseable::whole(Cause::TooLong { bytes: text.len(), most: limits.statement_bytes }));
    }
    let pieces = lexis::pieces(text, dialect)?;
    let tokens = tokens::read(text, dialect, &pieces)?;
    batch::analyse(tokens, &Source { text, pieces: &pieces }, dialect, limits)
}
