//! Statements that the parser does not know, told by their first words.
//!
//! Only verbs whose effect is certain whatever follows, and for which nothing that follows could do more: where an
//! expression or a query may follow, the statement stays unparseable.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::dialect::Dialect;
use super::effect::{Effect, Kind, Place};
use super::walk;

/// How statements begin, and what they do.
struct Verb {
    dialects: Vec<Dialect>,
    /// In lower case.
    words: Vec<&'static str>,
    kinds: Vec<Kind>,
    why: &'static str,
}

static VERBS: LazyLock<Vec<Verb>> = LazyLock::new(|| read(include_str!("verbs.txt")));

/// The longest beginning in the table, in words.
const MOST_WORDS: usize = 4;

/// The effects of the statement that `tokens` are.
pub(super) fn effects(tokens: &[TokenWithSpan], dialect: Dialect, place: Place) -> Option<Vec<Effect>> {
    let words: Vec<String> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .map_while(|token| {
            let Token::Word(word) = &token.token else { return None };
            word.quote_style.is_none().then(|| word.value.to_ascii_lowercase())
        })
        .take(MOST_WORDS)
        .collect();
    let verb = VERBS
        .iter()
        .filter(|verb| verb.dialects.contains(&dialect))
        .filter(|verb| words.iter().take(verb.words.len()).eq(verb.words.iter()))
        .max_by_key(|verb| verb.words.len())?;
    let mut effects: Vec<Effect> =
        verb.kinds.iter().map(|kind| Effect { kind: *kind, place, why: Cow::Borrowed(verb.why) }).collect();
    effects.extend(walk::harm_in_tokens(tokens, dialect));
    if matches!(dialect, Dialect::SqlServer | Dialect::Generic) {
        // Transact-SQL needs no semicolon, so that another statement may hide in the rest.
        let why = Cow::Borrowed("what follows a statement that is not parsed cannot be told from it");
        effects.push(Effect { kind: Kind::Exec, place, why });
    }
    Some(effects)
}

/// How many tokens are before the first semicolon that is not in parentheses. None where one is never closed: a server
/// that splits texts by itself would find more statements than that.
pub(super) fn end(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        if token.token == Token::LParen {
            depth += 1;
        } else if token.token == Token::RParen {
            depth = depth.saturating_sub(1);
        } else if token.token == Token::SemiColon && depth == 0 {
            return Some(index);
        }
    }
    (depth == 0).then_some(tokens.len())
}

/// The table: a line that is not indented has dialects, kinds and a reason; the beginnings are below it.
fn read(text: &'static str) -> Vec<Verb> {
    let mut verbs = Vec::new();
    let mut heading = ("", "", "");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(beginnings) = line.strip_prefix("  ") {
            let beginnings = beginnings.split(',').map(str::trim).filter(|beginning| !beginning.is_empty());
            verbs.extend(beginnings.map(|beginning| verb(heading, beginning)));
        } else {
            let mut parts = line.splitn(3, ": ");
            let mut part = || parts.next().unwrap_or_default();
            heading = (part(), part(), part());
        }
    }
    verbs
}

fn verb((dialects, kinds, why): (&str, &str, &'static str), beginning: &'static str) -> Verb {
    let kind = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    Verb {
        dialects: dialects.split(' ').filter_map(|name| name.parse().ok()).collect(),
        words: beginning.split(' ').collect(),
        kinds: kinds.split(' ').filter_map(kind).collect(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Limits, analyse};

    #[test]
    fn a_parenthesis_that_is_never_closed_hides_no_statement_behind_it() {
        for (dialect, hidden) in [
            (Dialect::Sqlite, "PRAGMA a b(t; DROP TABLE t"),
            (Dialect::PostgreSql, "REINDEX (a b; DROP TABLE t"),
            (Dialect::MySql, "PURGE BINARY LOGS (; DROP TABLE t"),
        ] {
            assert!(analyse(hidden, dialect, &Limits::default()).is_err(), "{hidden}");
            let told =
                hidden.split_once('(').map(|(verb, _)| analyse(verb, dialect, &Limits::default()).is_ok());
            assert_eq!(told, Some(true), "{hidden}: its beginning alone is told by its verb");
        }
    }

    #[test]
    fn the_table_is_well_formed() {
        assert!(VERBS.len() > 300);
        for verb in VERBS.iter() {
            assert!(
                !verb.dialects.is_empty() && !verb.kinds.is_empty() && !verb.why.is_empty(),
                "{:?}",
                verb.words
            );
            assert!(verb.words.len() <= MOST_WORDS, "{:?}", verb.words);
            assert!(!verb.kinds.contains(&Kind::Read), "{:?}: a read must be parsed", verb.words);
        }
    }
}
