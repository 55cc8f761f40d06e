//! One text for all spellings of a value, so that equal calls have equal digests and people read what will run.
//!
//! The form is that of RFC 8785 with one difference: numbers keep every digit. RFC 8785 reads them as doubles, so that
//! 9007199254740993 and 9007199254740992 would be one text though they are two calls.

use super::{Kind, Value};

/// The canonical text of a value.
#[must_use]
pub fn canonical(value: Value<'_>) -> String {
    let mut text = String::new();
    write(value, false, &mut text);
    text
}

/// As [`canonical`], without the members of the value itself that `left_out` names; at deeper places they count.
#[must_use]
pub fn canonical_without(value: Value<'_>, left_out: &[&str]) -> String {
    let mut text = String::new();
    match value.kind() {
        Kind::Object => object(value, left_out, false, &mut text),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array => write(value, false, &mut text),
    }
    text
}

/// As [`canonical`], with every character escaped that a terminal would obey, hide, or let change the direction of
/// others. It is the same value still.
#[must_use]
pub fn visible(value: Value<'_>) -> String {
    let mut text = String::new();
    write(value, true, &mut text);
    text
}

/// Depth is bounded by the limits that the document was read with.
fn write(value: Value<'_>, visibly: bool, text: &mut String) {
    match value.kind() {
        Kind::Null => text.push_str("null"),
        Kind::Bool => text.push_str(if value.as_bool() == Some(true) { "true" } else { "false" }),
        Kind::Number => text.push_str(&number(&String::from_utf8_lossy(value.raw()))),
        Kind::String => string(&value.text().unwrap_or_default(), visibly, text),
        Kind::Array => {
            text.push('[');
            for (index, item) in value.items().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, visibly, text);
            }
            text.push(']');
        }
        Kind::Object => object(value, &[], visibly, text),
    }
}

fn object(value: Value<'_>, left_out: &[&str], visibly: bool, text: &mut String) {
    let named = value.members().map(|member| (member.key.text().unwrap_or_default(), member.value));
    let mut members: Vec<_> = named.filter(|(name, _)| !left_out.contains(&name.as_ref())).collect();
    // By UTF-16 code units (RFC 8785, section 3.2.3).
    members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    text.push('{');
    for (index, (name, member)) in members.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        string(&name, visibly, text);
        text.push(':');
        write(member, visibly, text);
    }
    text.push('}');
}

/// A string with the escapes of RFC 8785, section 3.2.2.2.
fn string(content: &str, visibly: bool, text: &mut String) {
    text.push('"');
    for character in content.chars() {
        match character {
            '"' => text.push_str(r#"\""#),
            '\\' => text.push_str(r"\\"),
            '\u{8}' => text.push_str(r"\b"),
            '\t' => text.push_str(r"\t"),
            '\n' => text.push_str(r"\n"),
            '\u{c}' => text.push_str(r"\f"),
            '\r' => text.push_str(r"\r"),
            '\0'..='\u{1f}' => escape(character, text),
            hidden if visibly && is_hidden(hidden) => escape(hidden, text),
            plain => text.push(plain),
        }
    }
    text.push('"');
}

fn escape(character: char, text: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        text.push_str(&format!(r"\u{unit:04x}"));
    }
}

/// Whether a character is one that people would not see, or that would let others be seen in another place.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    let invisible = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    invisible || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// A number in the layout of ECMAScript (RFC 8785, section 3.2.2.3), with all of its digits.
fn number(raw: &str) -> String {
    let (sign, unsigned) = raw.strip_prefix('-').map_or(("", raw), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>().map(i64::from) else { return raw.to_ascii_lowercase() };
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let zeros = digits.len() - significant.len();
    // The value is 0.DIGITS times ten to the power of `point`.
    let point = exponent + length(whole.len()) - length(zeros);
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() { format!("{sign}0") } else { format!("{sign}{}", layout(digits, point)) }
}

fn layout(digits: &str, point: i64) -> String {
    let count = length(digits.len());
    let zeros = |number: i64| "0".repeat(usize::try_from(number).unwrap_or_default());
    let split =
        |at: i64| digits.split_at_checked(usize::try_from(at).unwrap_or_default()).unwrap_or((digits, ""));
    if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = split(point);
        format!("{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = split(1);
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{:+}", point - 1)
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::{canonical, canonical_without, visible};
    use crate::json::{Document, Limits};
    use bytes::Bytes;

    fn document(text: &str) -> Document {
        Document::parse(Bytes::copy_from_slice(text.as_bytes()), Limits::with_bytes(10_000)).unwrap()
    }

    #[test]
    fn given_spellings_of_one_value_when_made_canonical_then_they_are_one_text() {
        for (text, expected) in [
            (r#" { "b" : [ 1 , true , null , false ] , "a" : {} } "#, r#"{"a":{},"b":[1,true,null,false]}"#),
            (r#"{"\u0061":"\u0041\/\u000a\u0007\""}"#, r#"{"a":"A/\n\u0007\""}"#),
            // RFC 8785, section 3.2.3: sorted by UTF-16 code units.
            (
                "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
                "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}",
            ),
        ] {
            assert_eq!(canonical(document(text).root()), expected);
        }
    }

    #[test]
    fn given_members_to_leave_out_when_made_canonical_then_those_of_the_value_itself_are_gone() {
        let text = r#"{"b":{"a":1},"\u0061":2,"c":3}"#;
        assert_eq!(canonical_without(document(text).root(), &["a"]), r#"{"b":{"a":1},"c":3}"#);
        assert_eq!(canonical_without(document("[1 ]").root(), &["a"]), "[1]");
    }

    #[test]
    fn given_numbers_when_made_canonical_then_equal_ones_are_equal_and_no_digit_is_lost() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "-0"),
            ("0.000", "0"),
            ("1", "1"),
            ("1.0", "1"),
            ("10e-1", "1"),
            ("-12.50", "-12.5"),
            ("333333333.33333329", "333333333.33333329"),
            ("1E30", "1e+30"),
            ("4.50", "4.5"),
            ("2e-3", "0.002"),
            ("0.000000000000000000000000001", "1e-27"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("100000000000000000000", "100000000000000000000"),
            ("1000000000000000000000", "1e+21"),
            ("295147905179352830000", "295147905179352830000"),
            ("9007199254740993", "9007199254740993"),
            ("9007199254740992", "9007199254740992"),
            ("0.1000000000000000055", "0.1000000000000000055"),
            ("123e2147483647", "1.23e+2147483649"),
            ("1E99999999999", "1e99999999999"),
        ] {
            assert_eq!(canonical(document(text).root()), expected, "{text}");
        }
    }

    #[test]
    fn given_characters_that_hide_or_turn_when_shown_then_they_are_escaped_and_the_value_is_the_same() {
        let hostile = "{\"a\u{202e}b\":\"x\u{200b}\u{9b}31m\u{7f}\u{e0041}\u{feff}\u{fe0f}é\"}";
        let shown = visible(document(hostile).root());
        assert_eq!(shown, r#"{"a\u202eb":"x\u200b\u009b31m\u007f\udb40\udc41\ufeff\ufe0fé"}"#);
        assert_eq!(canonical(document(&shown).root()), canonical(document(hostile).root()));
    }
}
