//! Two statements that the parser does not know, read all the same: a pragma of SQLite about a name without quotes, and
//! ClickHouse's mutations, `ALTER TABLE … DELETE` and `UPDATE`.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::dialect::Dialect;
use super::walk::tells_about;

/// Whether a statement is `PRAGMA table_info(users)` or its like.
pub(super) fn is_telling_pragma(tokens: &[TokenWithSpan], dialect: Dialect) -> bool {
    let own: Vec<&Token> = significant(tokens).map(|token| &token.token).collect();
    let [verb, name @ .., Token::LParen, Token::Word(_), Token::RParen] = own.as_slice() else {
        return false;
    };
    let ([Token::Word(name)] | [Token::Word(_), Token::Period, Token::Word(name)]) = name else {
        return false;
    };
    dialect == Dialect::Sqlite && is_word(verb, "pragma") && tells_about(&name.value)
}

/// `DELETE FROM t WHERE …` for `ALTER TABLE t DELETE WHERE …`, and `UPDATE t SET …` for `ALTER TABLE t UPDATE …`, which
/// do the same to its rows. What stands behind the verb stays, so that several mutations in one statement are not
/// parsed.
pub(super) fn mutation(tokens: &[TokenWithSpan], dialect: Dialect) -> Option<Vec<TokenWithSpan>> {
    if dialect != Dialect::ClickHouse {
        return None;
    }
    let own: Vec<&TokenWithSpan> = significant(tokens).collect();
    let [alter, table, rest @ ..] = own.as_slice() else { return None };
    if !is_word(&alter.token, "alter") || !is_word(&table.token, "table") {
        return None;
    }
    let is_qualified = rest.get(1).is_some_and(|second| second.token == Token::Period);
    let (name, rest) = rest.split_at_checked(if is_qualified { 3 } else { 1 })?;
    let (verb, rest) = rest.split_first()?;
    let keyword = |word: &str| TokenWithSpan { token: Token::make_keyword(word), span: verb.span };
    let (before, behind) = if is_word(&verb.token, "delete") {
        (vec![keyword("DELETE"), keyword("FROM")], None)
    } else if is_word(&verb.token, "update") {
        (vec![keyword("UPDATE")], Some(keyword("SET")))
    } else {
        return None;
    };
    let copied = |tokens: &[&TokenWithSpan]| tokens.iter().copied().cloned().collect::<Vec<_>>();
    Some([before, copied(name), behind.into_iter().collect(), copied(rest)].concat())
}

fn significant(tokens: &[TokenWithSpan]) -> impl Iterator<Item = &TokenWithSpan> {
    tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}
