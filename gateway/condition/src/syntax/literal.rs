//! Strings and numbers, as CEL writes them.

use super::Literal;
use super::lexer::{Bad, word_length};

/// The string that `rest` begins with, escapes resolved, and its length in bytes. None, if it begins with none.
pub(super) fn text(rest: &str) -> Result<Option<(String, usize)>, Bad> {
    let prefix = rest.bytes().take_while(|byte| matches!(byte, b'r' | b'R' | b'b' | b'B')).count();
    let Some((letters, quoted)) = rest.split_at_checked(prefix) else { return Ok(None) };
    let Some(quote) = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| quoted.starts_with(quote)) else {
        return Ok(None);
    };
    let raw = match letters {
        "" => false,
        "r" | "R" => true,
        _ => {
            let message = "bytes are not offered; write a text without the letter before it".to_owned();
            return Err(Bad { offset: 0, length: prefix, message });
        }
    };
    let begin = prefix + quote.len();
    let (value, inside) = inside(rest, begin, quote, raw)?;
    Ok(Some((value, begin + inside + quote.len())))
}

/// The text from `begin` to the closing quote, and how long it was as written.
fn inside(rest: &str, begin: usize, quote: &str, raw: bool) -> Result<(String, usize), Bad> {
    let body = rest.get(begin..).unwrap_or_default();
    let mut value = String::new();
    let mut at = 0;
    loop {
        let left = body.get(at..).unwrap_or_default();
        if left.starts_with(quote) {
            return Ok((value, at));
        }
        let Some(first) =
            left.chars().next().filter(|first| quote.len() == 3 || !matches!(first, '\n' | '\r'))
        else {
            let message = format!("this text does not end; close it with {quote}");
            return Err(Bad { offset: 0, length: rest.len(), message });
        };
        if first == '\\' && !raw {
            let (character, length) = escape(left).ok_or_else(|| Bad {
                offset: begin + at,
                length: rest.len(),
                message:
                    "CEL has no such escape; for a backslash write two, or r'…' around a text without escapes"
                        .to_owned(),
            })?;
            value.push(character);
            at += length;
        } else {
            value.push(first);
            at += first.len_utf8();
        }
    }
}

/// The character that the escape at the start of `text` stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    let letter = text.chars().nth(1)?;
    let simple = |character| Some((character, 2));
    match letter {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' | '?' | '"' | '\'' | '`' => simple(letter),
        'x' | 'X' => code(text, 2..4, 16),
        'u' => code(text, 2..6, 16),
        'U' => code(text, 2..10, 16),
        '0'..='3' => code(text, 1..4, 8),
        _ => None,
    }
}

fn code(text: &str, digits: std::ops::Range<usize>, base: u32) -> Option<(char, usize)> {
    let end = digits.end;
    let digits = text.get(digits)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = plain.then(|| u32::from_str_radix(digits, base).ok())??;
    Some((char::from_u32(value)?, end))
}

/// How long the number is that `text` begins with. What follows a number without a blank belongs to it, so that `1x`
/// is one bad number rather than two tokens.
pub(super) fn number_length(text: &str) -> usize {
    let mut length = word_length(text);
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let after = |length: usize| text.get(length..).unwrap_or_default();
    if !hexadecimal
        && after(length)
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
    {
        length += 1 + word_length(after(length + 1));
    }
    let so_far = text.get(..length).unwrap_or_default();
    if !hexadecimal && so_far.ends_with(['e', 'E']) && after(length).starts_with(['+', '-']) {
        length += 1 + word_length(after(length + 1));
    }
    length
}

/// The value of a number as written, with a minus before it or not.
pub(super) fn number(text: &str, negative: bool) -> Result<Literal, String> {
    let signed = |digits: &str| if negative { format!("-{digits}") } else { digits.to_owned() };
    let lower = text.to_ascii_lowercase();
    let (digits, unsigned) = match lower.strip_suffix('u') {
        Some(digits) => (digits, true),
        None => (lower.as_str(), false),
    };
    if unsigned && negative {
        return Err(format!("an unsigned number has no sign; write -{digits}"));
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        let value = if unsigned {
            u64::from_str_radix(hexadecimal, 16).map(Literal::Uint)
        } else {
            i64::from_str_radix(&signed(hexadecimal), 16).map(Literal::Int)
        };
        return value.map_err(|_| bad_integer(text));
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let value = if unsigned {
            digits.parse().map(Literal::Uint)
        } else {
            signed(digits).parse().map(Literal::Int)
        };
        return value.map_err(|_| bad_integer(text));
    }
    let value = signed(digits).parse().ok().filter(|value: &f64| value.is_finite() && !unsigned);
    let begins_right = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    value.filter(|_| begins_right).map(Literal::Double).ok_or_else(|| {
        format!("`{text}` is no number; write 5, 5.0, 0x1f or 5u, and quote it, if it is a text")
    })
}

fn bad_integer(text: &str) -> String {
    format!("`{text}` is no integer of 64 bits; write 5, 0x1f or 5u")
}
