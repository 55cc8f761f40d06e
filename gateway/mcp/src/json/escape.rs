//! String escapes, in both directions (RFC 8259 section 7).
//!
//! One function decodes an escape for the scanner, which only wants to know that it is well formed,
//! and for the reader of a value, so that the two cannot disagree. Finding strings in a text is the
//! scanner's work.

use std::ops::Range;

use lychgate_gateway_lanes::{BLOCK, Classes, Marks, Window, compact, padded};

use super::special::{escaped, ones};

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
    // No escape is shorter than what it stands for. A block more is room for what is copied and not wanted.
    let mut output = Vec::with_capacity(text.len() + BLOCK);
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut window = None;
    // How much of the next block is read, and whether a backslash before it is still to be heeded.
    let (mut done, mut carry) = (0, 0);
    for (index, block) in blocks.iter().enumerate() {
        let window = window.get_or_insert_with(Window::<Marks>::default);
        let marks = window.block(text, index);
        if marks.backslashes | carry == 0 && done == 0 {
            output.extend_from_slice(block);
        } else {
            (done, carry) = unescape_block(
                text,
                index * BLOCK..(index + 1) * BLOCK,
                *block,
                marks,
                (done, carry),
                &mut output,
            );
        }
    }
    if !rest.is_empty() {
        let range = text.len() - rest.len()..text.len();
        unescape_block(text, range, padded(rest), Marks::of(rest), (done, carry), &mut output);
    }
    String::from_utf8(output).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}

/// The same of one block, which stands at `range`. `done` of its bytes are read, and `carry` says whether the next stands behind a
/// backslash that is still to be heeded; both are given back for the next block.
fn unescape_block(
    text: &[u8],
    range: Range<usize>,
    mut block: [u8; BLOCK],
    Marks { quotes, mut backslashes, .. }: Marks,
    (done, carry): (usize, u64),
    output: &mut Vec<u8>,
) -> (usize, u64) {
    let unread = u64::MAX.checked_shl(u32::try_from(done).unwrap_or(u32::MAX)).unwrap_or(0);
    backslashes &= unread;
    let (escaped, next_carry) = escaped(backslashes, carry);
    for bit in ones(escaped & !quotes & !backslashes) {
        match block.get_mut(bit as usize) {
            Some(b'/') | None => {}
            Some(byte @ b'n') => *byte = b'\n',
            Some(byte @ b't') => *byte = b'\t',
            Some(byte @ b'r') => *byte = b'\r',
            Some(byte @ b'b') => *byte = 8,
            Some(byte @ b'f') => *byte = 0xC,
            Some(_) => return unescape_one_by_one(text, range, backslashes, (done, carry), output),
        }
    }
    let mut kept = unread & (escaped | !backslashes);
    if range.len() < BLOCK {
        kept &= (1 << range.len()) - 1;
    }
    let mut room = [0; BLOCK];
    let length = output.len() + compact(&block, kept, &mut room);
    output.extend_from_slice(&room);
    output.truncate(length);
    (0, next_carry)
}

/// The same where an escape is more than one letter.
#[inline(never)]
fn unescape_one_by_one(
    text: &[u8],
    range: Range<usize>,
    backslashes: u64,
    (done, carry): (usize, u64),
    output: &mut Vec<u8>,
) -> (usize, u64) {
    let mut position = range.start + done;
    let resolve = |position: usize, output: &mut Vec<u8>| {
        // The scanner has decoded the same escape, so the fault cannot occur; a replacement
        // character would show it without ending the process.
        let after = text.get(position + 1..).unwrap_or_default();
        let (character, taken) = decode_escape(after).unwrap_or(('\u{FFFD}', 1));
        output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        position + 1 + taken
    };
    if carry != 0 {
        position = resolve(position - 1, output);
    }
    for bit in ones(backslashes) {
        let place = range.start + bit as usize;
        // What another backslash stands before was read with that.
        if place >= position {
            output.extend_from_slice(text.get(position..place).unwrap_or_default());
            position = resolve(place, output);
        }
    }
    output.extend_from_slice(text.get(position..range.end).unwrap_or_default());
    (position.saturating_sub(range.end), 0)
}

/// Writes `text` as a JSON string with its quotes, escaping no more than RFC 8259 section 7 asks.
#[must_use]
pub fn quote(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut output = String::with_capacity(text.len() + 2);
    output.push('"');
    let mut window = Window::<Marks>::default();
    let mut done = 0;
    for index in 0..bytes.len().div_ceil(BLOCK) {
        let Marks { quotes, backslashes, controls } = window.block(bytes, index);
        let mut special = quotes | backslashes | controls;
        while special != 0 {
            let place = index * BLOCK + special.trailing_zeros() as usize;
            special &= special - 1;
            // Behind the end of a text are control characters.
            let Some(&byte) = bytes.get(place) else { break };
            output.push_str(text.get(done..place).unwrap_or_default());
            done = place + 1;
            escape(byte, &mut output);
        }
    }
    output.push_str(text.get(done..).unwrap_or_default());
    output.push('"');
    output
}

/// Writes a byte that does not stand as it is between quotes.
fn escape(byte: u8, output: &mut String) {
    match byte {
        b'"' => output.push_str("\\\""),
        b'\\' => output.push_str("\\\\"),
        b'\n' => output.push_str("\\n"),
        b'\r' => output.push_str("\\r"),
        b'\t' => output.push_str("\\t"),
        control => {
            let code = u32::from(control);
            output.push_str("\\u00");
            output.extend(char::from_digit(code >> 4, 16));
            output.extend(char::from_digit(code & 0xF, 16));
        }
    }
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
        fn given_escapes_of_every_length_when_resolved_then_another_parser_reads_the_same(
            pieces in prop::collection::vec(
                prop::sample::select(
                    &[r"\n", r"\\", "\\\"", r"\/", r"\b", r"\f", r"\r", r"\t", r"\u00e9", r"\ud83d\ude00", "a", "é", "0123456789abcdef"][..]
                ),
                0..80,
            )
        ) {
            let inside = pieces.concat();
            let expected: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
            prop_assert_eq!(unescape(inside.as_bytes()), expected);
        }

        #[test]
        fn given_any_text_when_quoted_then_another_parser_reads_the_same(text in any::<String>()) {
            let quoted = quote(&text);
            prop_assert_eq!(&serde_json::from_str::<String>(&quoted).unwrap(), &text);
            let inside = quoted.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            prop_assert_eq!(unescape(inside.as_bytes()), text);
        }
    }
}
