//! The parser's tokens, compared with what was found before, and bounded in depth.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use super::dialect::Dialect;
use super::effect::Place;
use super::escape::visible;
use super::lexis::Piece;
use super::refusal::{Cause, Unparseable};

/// The most tokens that may stand one behind the other without a comma, all levels of parentheses added. A chain
/// such as `a OR b OR c` nests in the parsed statement as deep as it is long, and so does what is done with it.
const LONGEST_CHAIN: usize = 4_000;

/// The tokens of `text`, with comments and blanks: in some dialects names end at them.
pub(super) fn read(
    text: &str,
    dialect: Dialect,
    pieces: &[Piece],
) -> Result<Vec<TokenWithSpan>, Unparseable> {
    let tokens = Tokenizer::new(dialect.grammar(), text)
        .tokenize_with_location()
        .map_err(|error| Unparseable::at(place(error.location), syntax(&error.message)))?;
    compare(&tokens, pieces)?;
    bound(&tokens)?;
    Ok(tokens)
}

pub(super) fn place(location: Location) -> Place {
    Place { line: location.line, column: location.column }
}

fn syntax(message: &str) -> Cause {
    Cause::Syntax(visible(message.to_owned()))
}

/// What the parser says about a text that it cannot parse.
pub(super) fn refusal(error: ParserError, at: Place) -> Unparseable {
    match error {
        ParserError::RecursionLimitExceeded => Unparseable::at(at, Cause::TooDeep),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            // The place is ours to tell.
            let message = message.split(" at Line:").next().unwrap_or_default();
            Unparseable::at(at, syntax(message))
        }
    }
}

/// Every comment, string and quoted name of the parser begins and ends where it was found before.
fn compare(tokens: &[TokenWithSpan], pieces: &[Piece]) -> Result<(), Unparseable> {
    let mut expected = pieces.iter();
    for token in tokens {
        let Some(prefix) = prefix(token) else { continue };
        let mut start = place(token.span.start);
        start.column += prefix;
        let end = place(token.span.end);
        let agrees = expected
            .next()
            .is_some_and(|piece| piece.start == start && piece.end.is_none_or(|expected| expected == end));
        if !agrees {
            return Err(Unparseable::unsettled(place(token.span.start), TWO_WAYS));
        }
    }
    match expected.next() {
        Some(piece) => Err(Unparseable::unsettled(piece.start, TWO_WAYS)),
        None => Ok(()),
    }
}

const TWO_WAYS: &str = "quotes or comments here can be read in two ways; write them plainly";

/// The characters before the quote of a token that is a comment, a string or a quoted name. A kind of string that is
/// not listed is one too many among the pieces, and the text is refused.
fn prefix(token: &TokenWithSpan) -> Option<u64> {
    let bare = matches!(
        token.token,
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::Word(Word { quote_style: Some(_), .. })
    );
    let one = matches!(
        token.token,
        Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::TripleSingleQuotedByteStringLiteral(_)
            | Token::TripleDoubleQuotedByteStringLiteral(_)
            | Token::SingleQuotedRawStringLiteral(_)
            | Token::DoubleQuotedRawStringLiteral(_)
            | Token::TripleSingleQuotedRawStringLiteral(_)
            | Token::TripleDoubleQuotedRawStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::QuoteDelimitedStringLiteral(_)
            | Token::EscapedStringLiteral(_)
    );
    let two =
        matches!(token.token, Token::NationalQuoteDelimitedStringLiteral(_) | Token::UnicodeStringLiteral(_));
    // X'41' has one character more than 0x41, and is the same to the parser.
    let width = token.span.end.column.saturating_sub(token.span.start.column);
    let hexadecimal =
        matches!(&token.token, Token::HexStringLiteral(digits) if width != digits.chars().count() as u64 + 2);
    if bare {
        Some(0)
    } else if one || hexadecimal {
        Some(1)
    } else {
        two.then_some(2)
    }
}

/// Holds the longest chain of tokens below [`LONGEST_CHAIN`].
fn bound(tokens: &[TokenWithSpan]) -> Result<(), Unparseable> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for token in tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))) {
        if matches!(token.token, Token::LParen | Token::LBracket | Token::LBrace) {
            outer.push(std::mem::take(&mut level));
        } else if matches!(token.token, Token::RParen | Token::RBracket | Token::RBrace) {
            let inner = level.deepest();
            level = outer.pop().unwrap_or_default();
            level.below = level.below.max(inner);
        } else if token.token == Token::Comma || token.token == Token::SemiColon {
            level = Level { before: level.deepest(), ..Level::default() };
        }
        level.run += 1;
        if level.deepest() > LONGEST_CHAIN {
            return Err(Unparseable::at(place(token.span.start), Cause::TooDeep));
        }
    }
    Ok(())
}

/// How deep one level of parentheses may nest.
#[derive(Default)]
struct Level {
    /// Tokens since the last comma.
    run: usize,
    /// The deepest level below since then.
    below: usize,
    /// The deepest run before the last comma.
    before: usize,
}

impl Level {
    fn deepest(&self) -> usize {
        self.before.max(self.run + self.below)
    }
}
