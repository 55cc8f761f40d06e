//! String escapes, in both directions (RFC 8259 section 7).
//!
//! One function decodes an escape for the scanner, which only wants to know that it is well formed,
//! and for the reader of a value, so that the two cannot disagree. Finding strings in a text is the
//! scanner's work.

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
    let mut output = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(backslash);
        output.extend_from_slice(plain);
        let after = escape.get(1..).unwrap_or_default();
        // The scanner has decoded the same escape, so the fault cannot occur; a replacement
        // character would show it without ending the process.
        let (character, length) = decode_escape(after).unwrap_or(('\u{FFFD}', 1));
        output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = after.get(length..).unwrap_or_default();
    }
    output.extend_from_slice(rest);
    String::from_utf8(output).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}

/// Writes `text` as a JSON string with its quotes, escaping no more than RFC 8259 section 7 asks.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut output = String::with_capacity(text.len() + 2);
    output.push('"');
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        output.push_str(text);
        output.push('"');
        return output;
    }
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            control if control < ' ' => {
                let code = u32::from(control);
                output.push_str("\\u00");
                output.extend(char::from_digit(code >> 4, 16));
                output.extend(char::from_digit(code & 0xF, 16));
            }
            plain => output.push(plain),
        }
    }
    output.push('"');
    output
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
