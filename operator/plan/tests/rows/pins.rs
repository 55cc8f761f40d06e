//! Wrong values of pins, and the reasons that are given about them.

use serde_json::json;

use super::{Row, many_labels};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        ("spec.toolPinning", json!([]), "", "write a mapping"),
        ("spec.toolPinning.mode", json!("Warn"), "", "write one of Off, Audit, Enforce"),
        ("spec.toolPinning.pins", json!(["query"]), "", "write a mapping"),
        ("spec.toolPinning.pins", many_labels(513), "", "write at most 512"),
        ("spec.toolPinning.pins.query", json!("3389"), "", "64 hexadecimal digits in lower case"),
        ("spec.toolPinning.pins.query", json!("A".repeat(64)), "", "as lychgate pin prints them"),
        (
            "spec.toolPinning.pins",
            json!({"q".repeat(129): "a".repeat(64)}),
            "",
            "a name that is empty or longer than 128 characters; write the tool's own",
        ),
    ]
}
