//! Words, signs, numbers and strings of a text, each with its place.

use super::Span;
use super::literal;
use crate::fault::Fault;

/// One word, sign, number or string.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number, as it is written.
    Number,
    /// A string, with its escapes resolved.
    Text(String),
    /// An operator, a bracket or other punctuation.
    Sign,
    /// Behind the last one.
    End,
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",", "(", ")",
    "[", "]", "{", "}",
];

/// All tokens of `text`, the last of them [`Kind::End`].
///
/// # Errors
/// Everything that is no token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Vec<Fault>> {
    let mut tokens = Vec::new();
    let mut faults = Vec::new();
    let mut at = 0;
    loop {
        at += blank(text.get(at..).unwrap_or_default());
        let rest = text.get(at..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        let (kind, length) = match token(rest) {
            Ok(found) => found,
            Err(Bad { offset, length, message }) => {
                faults.push(Fault::new(text, at + offset, message));
                at += length.max(1);
                continue;
            }
        };
        tokens.push(Token { kind, span: span(at, at + length) });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, span: span(text.len(), text.len()) });
    if faults.is_empty() { Ok(tokens) } else { Err(faults) }
}

/// Something that is no token: where in the rest of the text, how much of it to pass over, and what to write instead.
pub(super) struct Bad {
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) message: String,
}

fn token(rest: &str) -> Result<(Kind, usize), Bad> {
    if let Some((text, length)) = literal::text(rest)? {
        return Ok((Kind::Text(text), length));
    }
    let length = word_length(rest);
    if rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return Ok((Kind::Word, length));
    }
    let digit_follows = |text: &str| text.starts_with(|next: char| next.is_ascii_digit());
    if digit_follows(rest) || rest.strip_prefix('.').is_some_and(digit_follows) {
        return Ok((Kind::Number, literal::number_length(rest)));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Kind::Sign, sign.len()));
    }
    let first = rest.chars().next().unwrap_or_default();
    let message = match first {
        '=' => "`=` is no operator; to compare, write `==`".to_owned(),
        '&' | '|' => format!("`{first}` is no operator; write it twice"),
        '`' => "names in backticks are not offered; write args['name']".to_owned(),
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
            format!("`{first}` is a typographic quotation mark; write ' or \"")
        }
        other => {
            format!("`{}` does not belong here; quote it, if it is part of a text", other.escape_default())
        }
    };
    Err(Bad { offset: 0, length: first.len_utf8(), message })
}

/// How many bytes of blanks and comments the text begins with.
fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        if !rest.starts_with("//") {
            return text.len() - rest.len();
        }
        rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
    }
}

/// How many bytes of letters, digits and underscores the text begins with.
pub(super) fn word_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

fn span(start: usize, end: usize) -> Span {
    let offset = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    Span { start: offset(start), end: offset(end) }
}
