//! Masked documents held to schemas: tables of what stands there in the end, and properties.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod properties;

use serde_json::{Value, json};

use crate::{Fit, MAXIMUM_SCHEMA_BYTES, Schema, Unfit, Unusable};

fn schema(schema: &Value) -> Schema {
    Schema::read(schema.to_string().as_bytes()).unwrap()
}

fn fitted(of: &Value, before: &Value, masked: &Value) -> Fit {
    schema(of).fit(before, masked, &|text| !text.contains("secret"))
}

/// What becomes of the member `it`, for which the schema is `of`.
fn member(of: &Value, is_required: bool, before: &Value, masked: &Value) -> Result<Value, Unfit> {
    let required: Vec<&str> = if is_required { vec!["it"] } else { Vec::new() };
    let of = json!({"type": "object", "properties": {"it": of}, "required": required});
    match fitted(&of, &json!({"it": before, "other": 1}), &json!({"it": masked, "other": 1})) {
        Fit::Changed { document, .. } => Ok(document),
        Fit::Unfit(unfit) => Err(unfit),
        fit @ (Fit::NotAsked | Fit::Fits) => panic!("{fit:?}"),
    }
}

#[test]
fn what_does_not_fit_gives_way_to_what_does() {
    let mark = json!("[REDACTED:Email]");
    for (of, before, masked, expected) in [
        (
            json!({"type": "string", "format": "email"}),
            json!("a@b.cc"),
            &mark,
            json!("redacted@example.invalid"),
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("2020-02-02T02:02:02Z"),
            &mark,
            json!("0001-01-01T00:00:00Z"),
        ),
        (json!({"type": "string", "pattern": r"^\d{3}-\d{4}$"}), json!("123-4567"), &mark, json!("000-0000")),
        (json!({"type": "string", "maxLength": 10}), json!("a@b.cc"), &mark, json!("[REDACTED:")),
        (
            json!({"type": "string", "minLength": 18}),
            json!("ada@london.example"),
            &mark,
            json!("[REDACTED:Email]**"),
        ),
        (json!({"type": "integer", "minimum": 18, "multipleOf": 5}), json!(40), &json!(0), json!(20)),
        (json!({"type": "number", "exclusiveMinimum": 0}), json!(4.5), &json!(0), json!(1)),
        (json!({"enum": ["open", "closed", null]}), json!("open"), &mark, json!(null)),
        (
            json!({"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}),
            json!("a@b.cc"),
            &mark,
            json!("redacted@example.invalid"),
        ),
        (
            json!({"anyOf": [{"type": "integer"}, {"enum": ["a", "b"]}, {"type": "null"}]}),
            json!("a"),
            &mark,
            json!(null),
        ),
        (
            json!({
                "type": "object",
                "properties": {"street": {"type": "string"}, "zip": {"type": "integer", "minimum": 1000}},
                "required": ["street", "zip"],
            }),
            json!({"street": "Way", "zip": 9411}),
            &json!({}),
            json!({"street": "[REDACTED:Field]", "zip": 1000}),
        ),
        (
            json!({"type": "array", "minItems": 2, "items": {"type": "boolean"}}),
            json!([true, true]),
            &json!([]),
            json!([false, false]),
        ),
        (json!({"type": ["object", "null"], "minProperties": 1}), json!({"a": 1}), &json!({}), json!(null)),
        (
            json!({"type": "array", "uniqueItems": true}),
            json!(["a@b.cc", "b@b.cc"]),
            &json!(["[M]", "[M]"]),
            json!(["[M]", "[M]~2"]),
        ),
    ] {
        let found = member(&of, true, &before, masked).unwrap();
        assert_eq!(found, json!({"it": expected, "other": 1}), "{of}");
    }
}

#[test]
fn what_several_parts_of_a_schema_ask_is_met_together() {
    let of = json!({"type": "string", "allOf": [{"pattern": "^[a-z]+$"}, {"minLength": 4}]});
    let found = member(&of, true, &json!("abcde"), &json!("[REDACTED:Email]")).unwrap();
    assert_eq!(found, json!({"it": "xxxx", "other": 1}));
}

#[test]
fn what_only_a_false_value_would_fit_is_left_out_where_it_may_be_and_told_where_not() {
    let mark = json!("[REDACTED:Field]");
    for (of, before, masked, keyword) in [
        (json!({"enum": ["open", "closed"]}), json!("open"), &mark, "enum"),
        (json!({"const": "ada"}), json!("ada"), &mark, "const"),
        (json!({"type": "boolean", "const": true}), json!(true), &json!(false), "const"),
        (json!({"type": "string", "pattern": "^(open|closed)$"}), json!("open"), &mark, "pattern"),
        (json!({"type": "string", "pattern": "^secret-[a-z]{3}$"}), json!("secret-abc"), &mark, "pattern"),
    ] {
        assert_eq!(member(&of, false, &before, masked), Ok(json!({"other": 1})), "{of}");
        let unfit = member(&of, true, &before, masked).unwrap_err();
        assert_eq!(unfit.pointer, "/it", "{of}");
        assert!([keyword, "type", "required"].contains(&unfit.keyword.as_str()), "{of} {unfit:?}");
    }
}

#[test]
fn what_was_dropped_comes_back_as_what_says_nothing_where_the_schema_requires_it() {
    let of = json!({
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
        },
        "$defs": {"row": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "mail": {"type": ["string", "null"]}},
            "required": ["name", "mail"],
            "additionalProperties": false,
        }},
    });
    let before = json!({"rows": [{"name": "Ada", "mail": "a@b.cc"}, {"name": "Bob", "mail": "b@b.cc"}]});
    let masked = json!({"rows": [{"name": "Ada"}, {"mail": "b@b.cc"}]});
    let Fit::Changed { document, places } = fitted(&of, &before, &masked) else { panic!("it can be mended") };
    let expected =
        json!({"rows": [{"name": "Ada", "mail": null}, {"name": "[REDACTED:Field]", "mail": "b@b.cc"}]});
    assert_eq!((document, places), (expected, 2));
}

#[test]
fn a_member_whose_masked_name_the_schema_refuses_goes_away() {
    let of = json!({"type": "object", "propertyNames": {"format": "email"}, "additionalProperties": {"type": "integer"}});
    let Fit::Changed { document, .. } =
        fitted(&of, &json!({"a@b.cc": 1, "c@d.ee": 2}), &json!({"[MARK]": 1, "c@d.ee": 2}))
    else {
        panic!("it can be mended")
    };
    assert_eq!(document, json!({"c@d.ee": 2}));
}

#[test]
fn only_what_was_masked_is_ever_another() {
    // The kind is masked, and with it the branch is another: what stands beside it stays, and so nothing fits.
    let of = json!({"oneOf": [
        {"properties": {"kind": {"const": "card"}, "number": {"type": "integer"}}, "required": ["kind", "number"]},
        {"properties": {"kind": {"type": "string", "minLength": 5}, "number": {"type": "string"}}, "required": ["kind"]},
    ]});
    let (before, masked) = (json!({"kind": "card", "number": 7}), json!({"kind": "[M]", "number": 7}));
    let Fit::Unfit(unfit) = fitted(&of, &before, &masked) else { panic!("nothing fits") };
    assert_eq!(unfit, Unfit { pointer: String::new(), keyword: "oneOf".to_owned() });
}

#[test]
fn what_did_not_fit_before_is_the_servers_matter_and_what_fits_stays() {
    let of = json!({"type": "object", "properties": {"mail": {"format": "email"}, "n": {"type": "integer"}}});
    let masked = json!({"mail": "[REDACTED:Email]", "n": "x"});
    assert_eq!(fitted(&of, &json!({"mail": "a@b.cc", "n": "x"}), &masked), Fit::NotAsked);
    // Its own format is none to the server: so clients that assert formats refuse it anyway, and others take it.
    let masked = json!({"mail": "[REDACTED:Email]", "n": 0});
    assert_eq!(fitted(&of, &json!({"mail": "no mail", "n": 1}), &masked), Fit::Fits);
}

#[test]
fn a_schema_that_is_none_or_too_much_is_refused() {
    let long = format!(r#"{{"description":"{}"}}"#, "x".repeat(MAXIMUM_SCHEMA_BYTES));
    for (text, expected) in [
        (long.as_str(), Unusable::TooLong),
        ("[]", Unusable::NoObject),
        ("{", Unusable::NoObject),
        (r#"{"type":"nothing"}"#, Unusable::Invalid),
        (r#"{"pattern":"("}"#, Unusable::Invalid),
        (r#"{"$schema":"https://example.com/own","type":"object"}"#, Unusable::Invalid),
        (r##"{"$ref":"#"}"##, Unusable::Endless),
    ] {
        assert_eq!(Schema::read(text.as_bytes()).err(), Some(expected), "{}", text.get(..40).unwrap_or(text));
    }
    for dialect in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
    {
        assert!(
            Schema::read(json!({"$schema": dialect, "type": "object"}).to_string().as_bytes()).is_ok(),
            "{dialect}"
        );
    }
}

#[test]
fn a_pattern_that_looks_around_is_asked_and_one_that_would_take_for_ever_is_not() {
    // As a library of schemas that servers are written with has it.
    let mail =
        r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$";
    let of = json!({"type": "string", "format": "email", "pattern": mail});
    let found = member(&of, true, &json!("a@b.cc"), &json!("[REDACTED:Email]")).unwrap();
    assert_eq!(found, json!({"it": "redacted@example.invalid", "other": 1}));
    let endless = json!({"type": "string", "pattern": r"^(?=(a+)+$)(a|aa)+\1$"});
    let long = "a".repeat(5000);
    let schema = schema(&json!({"type": "array", "items": endless}));
    let begun = schema.fit(&json!([long, long]), &json!(["[M]", long]), &|_| true);
    assert_eq!(begun, Fit::NotAsked, "whether it fits is not known");
    let many: Vec<Value> = vec![json!("a"); 10_000];
    assert_eq!(schema.fit(&json!(many), &json!(many), &|_| true), Fit::NotAsked, "too many would be asked");
}
