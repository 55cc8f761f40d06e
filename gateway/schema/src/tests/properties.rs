//! Properties of whatever schema, document and masks.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::schema;
use crate::Fit;

/// What is planted in documents, and stands in no schema.
const PLANTED: &str = "planted-value-7c1";
const PLANTED_NUMBER: i64 = 731_904_417;

/// A schema with a value that fits it, and what masking leaves of that.
fn part() -> impl Strategy<Value = (Value, Value, Value)> {
    let mark = || Just(json!("[REDACTED:Field]"));
    let texts = prop_oneof![
        (0_u64..20).prop_map(|least| json!({"type": "string", "minLength": least.min(10)})),
        (17_u64..30).prop_map(|most| json!({"type": "string", "maxLength": most})),
        Just(json!({"type": "string", "pattern": "^[a-z0-9-]+$"})),
        Just(json!({"type": "string", "pattern": "^planted-[a-z]+-[0-9a-f]{3}$"})),
        Just(json!({"enum": [PLANTED, "other"]})),
        Just(json!({"enum": [PLANTED, null]})),
        Just(json!({"const": PLANTED})),
        Just(json!({"anyOf": [{"type": "string", "pattern": "^[a-z]"}, {"type": "null"}]})),
        Just(json!({"oneOf": [{"type": "string", "not": {"pattern": "^\\["}}, {"type": "integer"}]})),
        Just(json!({"type": ["string", "null"], "not": {"const": "[REDACTED:Field]"}})),
    ];
    let numbers = prop_oneof![
        (0_i64..1_000_000).prop_map(|least| json!({"type": "integer", "minimum": least})),
        Just(json!({"type": "integer", "exclusiveMinimum": 0, "not": {"const": 1}})),
        Just(json!({"type": "number", "exclusiveMinimum": 0.5, "maximum": 1e12})),
        Just(json!({"const": PLANTED_NUMBER})),
    ];
    let objects = prop_oneof![
        Just(json!({"type": "object", "required": ["inner"]})),
        Just(json!({"type": "object", "minProperties": 1})),
        Just(
            json!({"type": "object", "properties": {"inner": {"type": "string", "format": "email"}}, "required": ["inner"]})
        ),
        Just(
            json!({"type": "object", "properties": {"inner": {"enum": ["x@example.org"]}}, "required": ["inner"]})
        ),
    ];
    prop_oneof![
        (texts, mark()).prop_map(|(of, mark)| (of, json!(PLANTED), mark)),
        (numbers, Just(json!(0))).prop_map(|(of, zero)| (of, json!(PLANTED_NUMBER), zero)),
        (objects, Just(json!({}))).prop_map(|(of, empty)| (of, json!({"inner": "x@example.org"}), empty)),
    ]
}

fn holds_planted(value: &Value) -> bool {
    let text = value.to_string();
    text.contains(PLANTED) || text.contains(&PLANTED_NUMBER.to_string()) || text.contains("x@example.org")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// What is given fits, holds nothing that was masked, and depends on nothing but what is masked and the schema.
    #[test]
    fn what_fitted_fits_again_or_is_told_and_no_planted_value_is_shown(
        parts in prop::collection::vec((part(), any::<bool>(), 0_u8..3), 1..6),
    ) {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        let (mut before, mut masked) = (Map::new(), Map::new());
        for (index, ((of, value, mask), is_required, fate)) in parts.into_iter().enumerate() {
            let name = format!("m{index}");
            properties.insert(name.clone(), of);
            before.insert(name.clone(), value);
            if is_required {
                required.push(name.clone());
            }
            // Most are masked, and some dropped.
            if fate < 2 {
                masked.insert(name, mask);
            }
        }
        let of = json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let (before, masked) = (Value::Object(before), Value::Object(masked));
        let schema = schema(&of);
        prop_assume!(schema.with_formats.is_valid(&before));
        match schema.fit(&before, &masked, &|_| true) {
            Fit::NotAsked => prop_assert!(false, "what came fits"),
            Fit::Fits => prop_assert!(schema.with_formats.is_valid(&masked)),
            Fit::Changed { document, .. } => {
                prop_assert!(schema.with_formats.is_valid(&document), "{document}");
                prop_assert!(!holds_planted(&document), "{document}");
            }
            Fit::Unfit(unfit) => prop_assert!(!unfit.pointer.contains(PLANTED) && !unfit.keyword.is_empty()),
        }
    }
}
