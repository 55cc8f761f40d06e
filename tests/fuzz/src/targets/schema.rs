//! Schemas of servers, and documents that are masked under them: reading and fitting end, what is given fits, and no
//! text that was masked is in it, unless the schema itself says it.

use lychgate_gateway_schema::{Fit, Schema};
use serde_json::{Value, json};

use crate::readers::two_parts;

/// The shortest text that must not be shown: shorter ones may stand anywhere.
const TELLING: usize = 8;

/// A line with a schema, and a document.
pub(crate) fn run(data: &[u8]) {
    let (schema_text, document) = two_parts(data);
    let Ok(schema) = Schema::read(schema_text) else { return };
    let Ok(before) = serde_json::from_slice::<Value>(document) else { return };
    let mut hidden = Vec::new();
    let masked = mask(&before, &mut hidden);
    if let Fit::Changed { document, .. } = schema.fit(&before, &masked, &|_| true) {
        assert_eq!(schema.fit(&document, &document, &|_| true), Fit::Fits, "what is given fits");
        let (shown, said) = (document.to_string(), String::from_utf8_lossy(schema_text));
        for hidden in hidden {
            assert!(
                !shown.contains(&hidden) || said.contains(&hidden) || masked.to_string().contains(&hidden)
            );
        }
    }
}

/// A document in which texts, numbers and what is true are masked, and members called `drop` are dropped.
fn mask(value: &Value, hidden: &mut Vec<String>) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => json!(false),
        Value::Number(_) => json!(0),
        Value::String(text) => {
            if text.len() >= TELLING {
                hidden.push(text.clone());
            }
            json!("[M]")
        }
        Value::Array(items) => items.iter().map(|item| mask(item, hidden)).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| *name != "drop");
            Value::Object(kept.map(|(name, member)| (name.clone(), mask(member, hidden))).collect())
        }
    }
}
