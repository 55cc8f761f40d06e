//! String escapes, in both directions (RFC 8259 section 7).
//!
//! One function decodes an escape for the scanner, which only wants to know that it is well formed,
//! and for the reader of a value, so that the two cannot disagree. Finding strings in a text is the
//! scanner's work.

use super::special::{LANE, first_backslash, first_special};

/// What is wrong with an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EscapeFault {
    /// The text ends after the backslash.
    Ends,
    /// There is no such escape, or `\u` lacks four hexadecimal digits.
    Malformed,
    /// `\u` names half of a surrogate pair, and the other half does not follow.
    LoneSurrogate,
}

/// Decodes the escape whose backslash comes just before `text`: the character, and how many bytes
/// of `text` it takes.
pub(super) fn decode_escape(text: &[u8]) -> Result<(char, usize), EscapeFault> {
    let character = match text.first() {
        None => return Err(EscapeFault::Ends),
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return decode_unicode_escape(text),
        Some(_) => return Err(EscapeFault::Malformed),
    };
    Ok((character, 1))
}

/// Decodes `uXXXX`, or `uXXXX\uXXXX` where the first is a high surrogate.
fn decode_unicode_escape(text: &[u8]) -> Result<(char, usize), EscapeFault> {
    let first = four_digits(text.get(1..5)).ok_or(EscapeFault::Malformed)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 5));
    }
    let second = match text.get(5..7) {
        Some(br"\u") => four_digits(text.get(7..11)).ok_or(EscapeFault::Malformed)?,
        Some(_) | None => return Err(EscapeFault::LoneSurrogate),
    };
    if !(0xD800..0xDC00).contains(&first) || !(0xDC00..0xE000).contains(&second) {
        return Err(EscapeFault::LoneSurrogate);
    }
    let code_point = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    let character = char::from_u32(code_point).ok_or(EscapeFault::LoneSurrogate)?;
    Ok((character, 11))
}

fn four_digits(text: Option<&[u8]>) -> Option<u32> {
    text?.iter().try_fold(0, |number, &byte| Some(number * 16 + char::from(byte).to_digit(16)?))
}

/// Resolves the escapes of a scanned string, given without its quotes.
pub(super) fn unescape(text: &[u8]) -> String {
    // No escape is shorter than what it stands for. A lane more is room for what is copied and not wanted.
    let mut output = vec![0; text.len() + LANE];
    let (mut length, mut position) = (0, 0);
    while let Some(lane) = text.get(position..).and_then(<[u8]>::first_chunk::<LANE>) {
        let plain = first_backslash(lane);
        if let Some(place) = output.get_mut(length..).and_then(<[u8]>::first_chunk_mut) {
            *place = *lane;
        }
        (length, position) = (length + plain, position + plain);
        if plain < LANE {
            position += resolve(text, position, &mut output, &mut length);
        }
    }
    while let Some(&byte) = text.get(position) {
        if byte == b'\\' {
            position += resolve(text, position, &mut output, &mut length);
            continue;
        }
        if let Some(place) = output.get_mut(length) {
            *place = byte;
        }
        (length, position) = (length + 1, position + 1);
    }
    output.truncate(length);
    String::from_utf8(output).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}

/// Writes what the escape at `position` stands for, and says how long it is.
#[inline]
fn resolve(text: &[u8], position: usize, output: &mut [u8], length: &mut usize) -> usize {
    if text.get(position + 1) == Some(&b'"')
        && let Some(place) = output.get_mut(*length)
    {
        *place = b'"';
        *length += 1;
        return 2;
    }
    // The scanner has decoded the same escape, so the fault cannot occur; a replacement
    // character would show it without ending the process.
    let after = text.get(position + 1..).unwrap_or_default();
    let (character, taken) = decode_escape(after).unwrap_or(('\u{FFFD}', 1));
    let written = output.get_mut(*length..).unwrap_or_default();
    if written.len() >= character.len_utf8() {
        *length += character.encode_utf8(written).len();
    }
    1 + taken
}

/// Writes `text` as a JSON string with its quotes, escaping no more than RFC 8259 section 7 asks.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut output = String::with_capacity(text.len() + 2);
    output.push('"');
    let mut rest = text;
    while let Some(place) = first_unquotable(rest.as_bytes()) {
        let (plain, behind) = rest.split_at(place);
        output.push_str(plain);
        let mut characters = behind.chars();
        match characters.next() {
            Some('"') => output.push_str("\\\""),
            Some('\\') => output.push_str("\\\\"),
            Some('\n') => output.push_str("\\n"),
            Some('\r') => output.push_str("\\r"),
            Some('\t') => output.push_str("\\t"),
            Some(control) => {
                let code = u32::from(control);
                output.push_str("\\u00");
                output.extend(char::from_digit(code >> 4, 16));
                output.extend(char::from_digit(code & 0xF, 16));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    output.push_str(rest);
    output.push('"');
    output
}

/// The first byte of a text that does not stand as it is between quotes.
fn first_unquotable(text: &[u8]) -> Option<usize> {
    let (lanes, rest) = text.as_chunks::<LANE>();
    for (index, lane) in lanes.iter().enumerate() {
        let special = first_special(lane);
        if special < LANE {
            return Some(index * LANE + special);
        }
    }
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    rest.iter().position(|byte| !is_plain(*byte)).map(|place| lanes.len() * LANE + place)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn given_each_escape_when_resolved_then_it_is_the_character_it_names() {
        let text = br#"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\uD83D\uDE00"#;
        assert_eq!(unescape(text), "\"\\/\u{8}\u{c}\n\r\tAé€😀");
    }

    #[test]
    fn given_control_characters_when_quoted_then_each_is_escaped() {
        assert_eq!(quote("\u{0}\u{1f}\n\"\\é"), r#""\u0000\u001f\n\"\\é""#);
    }

    proptest! {
        #[test]
        fn given_any_text_when_quoted_then_another_parser_reads_the_same(text in any::<String>()) {
            let quoted = quote(&text);
            prop_assert_eq!(&serde_json::from_str::<String>(&quoted).unwrap(), &text);
            let inside = quoted.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            prop_assert_eq!(unescape(inside.as_bytes()), text);
        }
    }
}
