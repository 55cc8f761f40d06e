//! What quotes and what comments, dialect by dialect.
//!
//! Sources: PostgreSQL 15, chapter 4.1; MySQL 8.4, chapter 11; Transact-SQL reference, "Database identifiers",
//! "Constants" and "Comment"; SQLite, "SQL As Understood By SQLite", tokenizer requirements; Snowflake, "String &
//! binary data types"; GoogleSQL, "Lexical structure"; Oracle SQL Language Reference, chapter 3; ClickHouse, "Syntax".

use super::quoted::Reading;
use crate::sql::dialect::Dialect;

/// What double quotes hold. Where a setting decides, both readings close at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Double {
    Name(Reading),
    Text(Reading),
}

impl Double {
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Name(_) => false,
        }
    }
}

/// What `]]` means inside of brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    /// A bracket that does not close.
    Doubled,
    /// A bracket that closes, and another.
    Single,
}

/// What a dollar sign outside of a word may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dollar {
    /// `$tag$ … $tag$`
    Tagged,
    /// `$$ … $$`
    Plain,
    /// A parameter and nothing else.
    Parameter,
}

/// What a word right before a quote says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Text(Reading),
    /// `q'[…]'`
    Delimited,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    dialect: Dialect,
    pub single: Reading,
    pub double: Double,
    pub backtick: Option<Reading>,
    pub brackets: Option<Brackets>,
    pub triple_quotes: bool,
    pub dollar: Dollar,
    pub dollar_in_words: bool,
    pub nested_comments: bool,
    pub executable_comments: bool,
    pub dashes_need_blank: bool,
    pub slash_comments: bool,
    pub hash_comments: bool,
    pub hash_refused: bool,
}

impl Rules {
    /// What `word` says about the quote right behind it; nothing, when it is no prefix here.
    pub(super) fn prefix(&self, word: &str) -> Option<Prefix> {
        let lower = word.to_ascii_lowercase();
        let text = |reading| Some(Prefix::Text(reading));
        match (self.dialect, lower.as_str()) {
            (Dialect::PostgreSql, "e") => text(Reading::Escape),
            (Dialect::PostgreSql, "b" | "x" | "n") => text(Reading::Unsettled),
            (Dialect::MySql, "b" | "x" | "n" | "_utf8" | "_utf8mb4" | "_latin1" | "_ascii" | "_binary") => {
                text(Reading::Unsettled)
            }
            (Dialect::SqlServer | Dialect::Oracle, "n") => text(Reading::Literal),
            (Dialect::Oracle, "q" | "nq") => Some(Prefix::Delimited),
            (Dialect::Sqlite, "x") | (Dialect::Snowflake, "x") => text(Reading::Refused),
            (Dialect::BigQuery, "b") => text(Reading::Escape),
            (Dialect::BigQuery, "r" | "rb" | "br") => text(Reading::Refused),
            _ => None,
        }
    }
}

/// Standard SQL, with nothing that a dialect adds.
fn plain(dialect: Dialect) -> Rules {
    Rules {
        dialect,
        single: Reading::Literal,
        double: Double::Name(Reading::Literal),
        backtick: None,
        brackets: None,
        triple_quotes: false,
        dollar: Dollar::Parameter,
        dollar_in_words: true,
        nested_comments: false,
        executable_comments: false,
        dashes_need_blank: false,
        slash_comments: false,
        hash_comments: false,
        hash_refused: false,
    }
}

/// The rules of a dialect.
pub(super) fn of(dialect: Dialect) -> Rules {
    let plain = plain(dialect);
    match dialect {
        Dialect::PostgreSql => {
            Rules { single: Reading::Unsettled, dollar: Dollar::Tagged, nested_comments: true, ..plain }
        }
        Dialect::MySql => Rules {
            single: Reading::Unsettled,
            double: Double::Text(Reading::Unsettled),
            backtick: Some(Reading::Literal),
            executable_comments: true,
            dashes_need_blank: true,
            hash_comments: true,
            ..plain
        },
        Dialect::SqlServer => Rules { brackets: Some(Brackets::Doubled), nested_comments: true, ..plain },
        Dialect::Sqlite => {
            Rules { backtick: Some(Reading::Literal), brackets: Some(Brackets::Single), ..plain }
        }
        Dialect::Snowflake => Rules {
            single: Reading::Escape,
            dollar: Dollar::Plain,
            slash_comments: true,
            hash_refused: true,
            ..plain
        },
        Dialect::BigQuery => Rules {
            single: Reading::Escape,
            double: Double::Text(Reading::Escape),
            backtick: Some(Reading::Refused),
            triple_quotes: true,
            dollar_in_words: false,
            hash_comments: true,
            ..plain
        },
        Dialect::Oracle => plain,
        Dialect::ClickHouse => Rules {
            single: Reading::Escape,
            double: Double::Name(Reading::Refused),
            backtick: Some(Reading::Refused),
            dollar: Dollar::Tagged,
            dollar_in_words: false,
            hash_refused: true,
            ..plain
        },
        Dialect::Generic => Rules {
            single: Reading::Unsettled,
            double: Double::Name(Reading::Refused),
            backtick: Some(Reading::Refused),
            executable_comments: true,
            dashes_need_blank: true,
            hash_refused: true,
            ..plain
        },
    }
}
