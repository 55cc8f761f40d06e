//! One text, its statements.

use std::borrow::Cow;

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Limits;
use super::dialect::Dialect;
use super::effect::{Analysis, Effect, Kind, Place, Statement};
use super::escape::visible;
use super::refusal::{Cause, Unparseable};
use super::source::Source;
use super::tokens;
use super::unparsed;
use super::verbs;
use super::walk;

/// How deep expressions, queries and statements may nest.
const DEEPEST: usize = 50;

/// Parses statement by statement.
pub(super) fn analyse(
    tokens: Vec<TokenWithSpan>,
    source: &Source<'_>,
    dialect: Dialect,
    limits: &Limits,
) -> Result<Analysis, Unparseable> {
    let mut statements = Vec::new();
    let mut left = tokens;
    while let Some(begin) = left.iter().position(begins_statement) {
        left = rest(left, begin);
        let place =
            left.first().map_or(Place { line: 1, column: 1 }, |first| tokens::place(first.span.start));
        if statements.len() == limits.statements {
            return Err(Unparseable::at(place, Cause::TooManyStatements { most: limits.statements }));
        }
        let mut parser = parser(left, dialect);
        let parsed = parse(&mut parser, place);
        let end = parser.index();
        left = parser.into_tokens();
        let (effects, end) = match parsed {
            Ok(parsed) => {
                let own = left.get(..end).unwrap_or(&left);
                (walk::effects(&parsed, own, dialect, place)?, end)
            }
            Err(refusal) => unparsed(&left, dialect, place, refusal)?,
        };
        let canonical = source.written(left.get(..end).unwrap_or(&left));
        statements.push(Statement { canonical, effects: settled(effects, place) });
        left = rest(left, end);
    }
    if statements.is_empty() {
        return Err(Unparseable::whole(Cause::Empty));
    }
    Ok(Analysis { statements })
}

/// The effects of a statement that the parser refuses, and how many tokens are its. One whose first words are in
/// `verbs` is told by them; the next one begins behind the next semicolon.
fn unparsed(
    tokens: &[TokenWithSpan],
    dialect: Dialect,
    place: Place,
    refusal: Unparseable,
) -> Result<(Vec<Effect>, usize), Unparseable> {
    let Some(end) = verbs::end(tokens) else { return Err(refusal) };
    let own = tokens.get(..end).unwrap_or(tokens);
    if unparsed::is_telling_pragma(own, dialect) {
        return Ok((Vec::new(), end));
    }
    if let Some(mutation) = unparsed::mutation(own, dialect) {
        let mut parser = parser(mutation, dialect);
        let parsed = parse(&mut parser, place)?;
        return Ok((walk::effects(&parsed, &parser.into_tokens(), dialect, place)?, end));
    }
    verbs::effects(own, dialect, place).map(|effects| (effects, end)).ok_or(refusal)
}

fn parser(tokens: Vec<TokenWithSpan>, dialect: Dialect) -> Parser<'static> {
    Parser::new(dialect.grammar()).with_recursion_limit(DEEPEST).with_tokens_with_locations(tokens)
}

/// Whether a statement begins here: neither between two of them nor at the end.
fn begins_statement(token: &TokenWithSpan) -> bool {
    !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
}

fn rest(mut tokens: Vec<TokenWithSpan>, from: usize) -> Vec<TokenWithSpan> {
    let from = from.min(tokens.len());
    tokens.drain(..from);
    tokens
}

/// One statement up to its semicolon or the end. Where the parser stops before, the error is where it stopped.
fn parse(parser: &mut Parser<'static>, place: Place) -> Result<sqlparser::ast::Statement, Unparseable> {
    let parsed = parser.parse_statement();
    if parsed.is_ok() && parser.get_current_token().token == Token::SemiColon {
        // Snowflake's COPY INTO and names of stages take the semicolon behind them.
        parser.prev_token();
    }
    let next = parser.peek_token_ref();
    let reached = if next.token == Token::EOF { place } else { tokens::place(next.span.start) };
    let parsed = parsed.map_err(|error| tokens::refusal(error, reached))?;
    if !matches!(next.token, Token::EOF | Token::SemiColon) {
        let found = format!("Expected: end of statement, found: {}", next.token);
        return Err(Unparseable::at(reached, Cause::Syntax(visible(found))));
    }
    Ok(parsed)
}

/// The effects of one statement, in their order and each once; one that has none reads.
fn settled(mut effects: Vec<Effect>, place: Place) -> Vec<Effect> {
    effects.sort_by_key(|effect| (effect.place, effect.kind));
    effects.dedup_by(|later, kept| later.place == kept.place && later.kind == kept.kind);
    if effects.is_empty() {
        let why = Cow::Borrowed("reads, and changes nothing beyond its session");
        effects.push(Effect { kind: Kind::Read, place, why });
    }
    effects
}
