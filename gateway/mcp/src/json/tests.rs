//! The scanner held against texts made to fool it, and against another parser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use bytes::Bytes;
use proptest::prelude::*;

use super::{Document, JsonError, Limits, Value};

fn parse(text: impl AsRef<[u8]>) -> Result<Document, JsonError> {
    let limits = Limits { bytes: 1_000_000, depth: 4 };
    Document::parse(Bytes::copy_from_slice(text.as_ref()), limits)
}

/// Checks that each text is refused for `fault` at its offset.
fn refused(fault: impl Fn(usize) -> JsonError, cases: &[(&[u8], usize)]) {
    for (text, offset) in cases {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(parse(text).err(), Some(fault(*offset)), "{shown}");
    }
}

#[test]
fn given_a_text_that_is_not_one_utf8_value_when_scanned_then_it_is_refused() {
    refused(|_| JsonError::Empty, &[(b"", 0), (b" \r\n\t", 0)]);
    refused(|_| JsonError::ByteOrderMark, &[(b"\xEF\xBB\xBF{}", 0)]);
    let cases: [(&[u8], usize); 6] = [
        (b"\xFE\xFF\0{\0}", 0),
        (b"\"\xC3\"", 1),
        (b"\"\xC0\xAF\"", 1),
        (b"\"\xED\xA0\x80\"", 1),
        (b"\"\xF4\x90\x80\x80\"", 1),
        (b"{}\x80", 2),
    ];
    refused(|offset| JsonError::NotUtf8 { offset }, &cases);
    let cases: [(&[u8], usize); 5] = [(b"{} {}", 3), (b"1 2", 2), (b"{}]", 2), (b"null,", 4), (b"{}\0", 2)];
    refused(|offset| JsonError::TrailingData { offset }, &cases);
    let cases: [(&[u8], usize); 2] = [(b"[[[[[]]]]]", 4), (br#"[[[{"a":{}}]]]"#, 8)];
    refused(|offset| JsonError::TooDeep { offset, limit: 4 }, &cases);
    assert!(parse(r#"[[[{"a":0}]]]"#).is_ok());
}

#[test]
fn given_punctuation_that_is_missing_or_too_much_when_scanned_then_it_is_refused() {
    let cases: [(&[u8], usize); 13] = [
        (b"// note\n{}", 0),
        (b"[1,]", 3),
        (b"[,1]", 1),
        (b"[1,,2]", 3),
        (b"]", 0),
        (b"'a'", 0),
        (b"+1", 0),
        (b".5", 0),
        (b"\x0C1", 0),
        ("\u{A0}1".as_bytes(), 0),
        (br#"{"a":}"#, 5),
        (b"NaN", 0),
        (b"Infinity", 0),
    ];
    refused(|offset| JsonError::ExpectedValue { offset }, &cases);
    let cases: [(&[u8], usize); 6] =
        [(br#"{"a":1,}"#, 7), (b"{,}", 1), (b"{a:1}", 1), (b"{1:1}", 1), (b"{'a':1}", 1), (b"{null:1}", 1)];
    refused(|offset| JsonError::ExpectedName { offset }, &cases);
    let cases: [(&[u8], usize); 3] = [(br#"{"a" 1}"#, 5), (br#"{"a"}"#, 4), (br#"{"a","b":1}"#, 4)];
    refused(|offset| JsonError::ExpectedColon { offset }, &cases);
    let cases: [(&[u8], usize); 5] =
        [(b"[1 2]", 3), (b"[1}", 2), (br#"{"a":1]"#, 6), (br#"{"a":1 "b":2}"#, 7), (br#"["a"/**/]"#, 4)];
    refused(|offset| JsonError::ExpectedCommaOrEnd { offset }, &cases);
}

#[test]
fn given_a_text_cut_short_when_scanned_then_its_end_is_named() {
    let whole = br#"[{"a":"b\n","c":[1,true]}]"#;
    for length in 1..whole.len() {
        let cut = whole.get(..length).unwrap();
        let offset = length;
        let expected = match cut {
            // Half a word is a word, and not one of the three.
            [.., b't'] | [.., b't', b'r'] | [.., b't', b'r', b'u'] => JsonError::BadLiteral { offset: 19 },
            _ => JsonError::UnexpectedEnd { offset },
        };
        let shown = String::from_utf8_lossy(cut);
        assert_eq!(parse(cut).err(), Some(expected), "{shown}");
    }
    assert!(parse(whole).is_ok());
}

#[test]
fn given_malformed_words_and_numbers_when_scanned_then_they_are_refused() {
    let cases: [(&[u8], usize); 5] =
        [(b"tru", 0), (b"[nul]", 1), (b"nan", 0), (b"truefalse", 0), (b"[falsey]", 1)];
    refused(|offset| JsonError::BadLiteral { offset }, &cases);
    let cases: [(&[u8], usize); 14] = [
        (b"-", 1),
        (b"-a", 1),
        (b"01", 1),
        (b"-00", 2),
        (b"1.", 2),
        (b"1.e5", 2),
        (b"1e", 2),
        (b"1e+", 3),
        (b"1.2.3", 3),
        (b"0x10", 1),
        (b"1n", 1),
        (b"--1", 1),
        (b"-Infinity", 1),
        (b"[1-2]", 2),
    ];
    refused(|offset| JsonError::BadNumber { offset }, &cases);
}

#[test]
fn given_malformed_strings_when_scanned_then_they_are_refused() {
    let long = b"\"0123456789012345678901234567890123456789\x1F\"";
    let cases: [(&[u8], usize); 4] = [(b"\"a\nb\"", 2), (b"\"\0\"", 1), (b"{\"\t\":1}", 2), (long, 41)];
    refused(|offset| JsonError::ControlCharacter { offset }, &cases);
    let cases: [(&[u8], usize); 8] = [
        (br#""\a""#, 1),
        (br#""\u12""#, 1),
        (br#""\u+123""#, 1),
        (br#""\x41""#, 1),
        (br#""\U0041""#, 1),
        (br#""\'""#, 1),
        (b"\"\\\n\"", 1),
        (br#""\uD83D\uDE0""#, 1),
    ];
    refused(|offset| JsonError::BadEscape { offset }, &cases);
    let cases: [(&[u8], usize); 6] = [
        (br#""\uD800""#, 1),
        (br#""\uDC00""#, 1),
        (br#""\uD800\uD800""#, 1),
        (br#""\uDC00\uD800""#, 1),
        (br#""\uD83Dx\uDE00""#, 1),
        (br#"{"\uD83D\n":1}"#, 2),
    ];
    refused(|offset| JsonError::LoneSurrogate { offset }, &cases);
}

#[test]
fn given_two_members_of_one_name_when_scanned_then_the_second_is_named() {
    let cases: [(&[u8], usize); 7] = [
        (br#"{"a":1,"a":2}"#, 7),
        (br#"{"a":1,"\u0061":2}"#, 7),
        (br#"{"\u0061":1,"b":0,"a":2}"#, 18),
        (br#"{"":1,"":2}"#, 6),
        (br#"{"\/":1,"/":2}"#, 8),
        (br#"{"x":[{"a":{},"a":[]}]}"#, 14),
        (br#"{"\uD83D\uDE00":1,"\ud83d\ude00":2}"#, 18),
    ];
    refused(|offset| JsonError::DuplicateMember { offset }, &cases);
}

#[test]
fn given_a_text_over_the_byte_limit_when_parsed_then_it_is_refused_by_its_length() {
    let fault = Document::parse(Bytes::from_static(b"[1]"), Limits::with_bytes(2)).err();
    assert_eq!(fault, Some(JsonError::TooLong { bytes: 3, limit: 2 }));
    assert!(Document::parse(Bytes::from_static(b"[]"), Limits::with_bytes(2)).is_ok());
}

#[test]
fn given_many_members_when_one_repeats_then_the_second_is_named_however_it_is_spelled() {
    for count in [3, 15, 16, 17, 1000] {
        let members: String = (0..count).map(|at| format!("\"n{at}\":0,")).collect();
        let unique = format!("{{{members}\"n\":0}}");
        assert!(parse(&unique).is_ok(), "{count}");
        let repeated = format!("{{{members}\"n\\u0030\":0}}");
        let offset = members.len() + 1;
        let fault = JsonError::DuplicateMember { offset };
        assert_eq!(parse(&repeated).err(), Some(fault), "{count}");
    }
}

/// Names that are alike in their length, or in their beginning, or stand at the end of the text.
fn alike() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof!["[ab]{0,3}", "abcdef[ab]{0,3}", "abcdefgh[ab]{1,2}", Just("\\u0061".to_owned())];
    prop::collection::vec(name, 0..20)
}

proptest! {
    #[test]
    fn given_names_that_are_alike_when_scanned_then_the_first_that_repeats_is_named(
        names in alike(),
        tail in prop::sample::select(&["", " ", "                "][..]),
    ) {
        let mut seen = std::collections::HashSet::new();
        let mut text = "{".to_owned();
        let mut expected = None;
        for name in &names {
            text.push_str(if text.len() > 1 { "," } else { "" });
            if !seen.insert(name.replace("\\u0061", "a")) && expected.is_none() {
                expected = Some(JsonError::DuplicateMember { offset: text.len() });
            }
            text.push_str(&format!("\"{name}\":0"));
        }
        text.push('}');
        text.push_str(tail);
        prop_assert_eq!(parse(&text).err(), expected, "{}", text);
    }
}

#[test]
fn given_the_same_name_in_different_objects_when_scanned_then_it_is_no_duplicate() {
    assert!(parse(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}],"A":2}"#).is_ok());
}

#[test]
fn given_errors_when_shown_then_no_content_of_the_text_appears() {
    for text in ["{\"s3cret\":1,\"s3cret\":2}", "\"s3cret", "s3cret", "\"\\s3cret\""] {
        assert!(!parse(text).unwrap_err().to_string().contains("s3cret"));
    }
}

/// Texts near the line between valid and not: valid ones with a few bytes changed.
fn near_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
        r#""([a-c é]|\\[nt/"\\]|\\u00[46]1|\\uD83D\\uDE00){0,4}""#,
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        let name = r#""[a-zé]{0,5}""#;
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                let members = members.iter().map(|(name, value)| format!("{name}:{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(" ,"))
            }),
        ]
    });
    let noise = "[\\[\\]{},:\"\\\\ 0-9.eE+\\-a-fu\n\u{1}]";
    let changes = prop::collection::vec((any::<prop::sample::Index>(), noise), 0..3);
    (tree, changes).prop_map(|(text, changes)| {
        let mut characters: Vec<String> = text.chars().map(String::from).collect();
        for (index, change) in changes {
            *index.get_mut(&mut characters) = change;
        }
        characters.concat()
    })
}

proptest! {
    #[test]
    fn given_a_text_that_may_be_json_when_scanned_then_another_parser_agrees(
        text in near_json(),
    ) {
        let ours = Document::parse(Bytes::from(text.clone()), Limits::with_bytes(10_000));
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match (ours, theirs) {
            // The other parser takes the last of two members, and refuses numbers that
            // overflow a double.
            (Err(JsonError::DuplicateMember { .. }), _) => {}
            (Ok(_), Err(error)) => {
                prop_assert!(error.to_string().contains("out of range"), "{text}");
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text),
        }
    }

    #[test]
    fn given_any_bytes_when_scanned_then_the_scanner_returns(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = parse(bytes);
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..20)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn parse_deep(text: &str) -> Document {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Document::parse(bytes, Limits::with_bytes(1_000_000)).unwrap()
}

/// Compares a value with what another parser makes of it, all the way down.
fn agrees(ours: Value<'_>, theirs: &serde_json::Value) -> bool {
    let reparsed = serde_json::from_slice::<serde_json::Value>(ours.raw());
    let same_inside = match theirs {
        serde_json::Value::Null => ours.is_null(),
        serde_json::Value::Bool(value) => ours.as_bool() == Some(*value),
        serde_json::Value::Number(value) => ours.as_i64() == value.as_i64(),
        serde_json::Value::String(value) => ours.text().unwrap() == *value,
        serde_json::Value::Array(items) => {
            ours.len() == items.len() && ours.items().zip(items).all(|(ours, theirs)| agrees(ours, theirs))
        }
        serde_json::Value::Object(members) => {
            ours.len() == members.len()
                && members.iter().all(|(name, value)| agrees(ours.get(name).unwrap(), value))
        }
    };
    reparsed.is_ok_and(|reparsed| reparsed == *theirs) && same_inside
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn given_any_value_when_parsed_then_every_part_of_it_is_what_another_parser_reads(
        value in json(),
        is_pretty in any::<bool>(),
    ) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let theirs = serde_json::from_str(&text).unwrap();
        prop_assert!(agrees(parse_deep(&text).root(), &theirs));
    }
}
