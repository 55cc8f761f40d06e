//! What a rule costs, told without compiling it: how much is looked for in every message that it counts for.

use std::collections::BTreeSet;

use super::detect;
use crate::config::{Action, Field, MaskingRule};
use crate::path::Path;

/// What is looked for because of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Kinds of values, in every text; those that the rule describes itself among them.
    pub detectors: usize,
    /// Paths and patterns over names, at every member and in every table.
    pub fields: usize,
    /// Whether an answer can be masked while it comes.
    pub streaming: bool,
}

/// What a rule costs.
#[must_use]
pub fn cost(rule: &MaskingRule) -> Cost {
    let of_groups = rule.detectors.iter().filter_map(|detector| detector.group).flat_map(detect::members);
    let kinds = rule.detectors.iter().filter_map(|detector| detector.kind);
    let kinds: BTreeSet<_> = of_groups.chain(kinds).collect();
    let patterns =
        |field: &Field| usize::from(field.json_path.is_some()) + field.keys.len() + field.columns.len();
    let fields = rule.fields.iter().map(patterns).sum::<usize>() + rule.exclude.fields.len();
    Cost { detectors: kinds.len() + rule.custom.len(), fields, streaming: streams(rule) }
}

/// Whether a rule makes of the pieces of an answer what it makes of the whole. One that blocks, or bounds the length, must
/// know the whole first; one that takes members away, counts items, or asks about values looks at more than a piece.
pub(super) fn streams(rule: &MaskingRule) -> bool {
    let detected = rule.detectors.iter().map(|detector| &detector.action);
    let described = rule.custom.iter().map(|custom| &custom.action);
    let placed = || rule.fields.iter().map(|field| &field.action);
    let blocks = |action: &Action| matches!(action, Action::Block {});
    let drops = |action: &Action| matches!(action, Action::Drop {});
    let masked = rule.fields.iter().filter_map(|field| field.json_path.as_ref());
    let is_by_name = |path: &String| Path::parse(path).is_ok_and(|path| path.is_by_name());
    !detected.chain(described).chain(placed()).any(blocks)
        && !placed().any(drops)
        && masked.chain(&rule.exclude.fields).all(is_by_name)
        && rule.message_bytes.is_none()
        && !rule.fail_open
        && rule.decode.nested_json > 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Cost, cost};
    use crate::config::DetectorGroup;
    use crate::mask::detect::members;

    #[test]
    fn a_kind_costs_once_and_each_place_by_itself() {
        for (rule, expected) in [
            (r#"{"name":"r","directions":["Response"]}"#, Cost { detectors: 0, fields: 0, streaming: true }),
            (
                r#"{"name":"r","directions":["Response"],"detectors":[
                    {"group":"PersonalData","action":{"redact":{}}},{"type":"Email","action":{"drop":{}}},
                    {"type":"NpmToken","action":{"redact":{}}}],
                    "custom":[{"name":"a","regex":"b","action":{"redact":{}}}],
                    "fields":[{"keys":["a","b"],"action":{"redact":{}}},
                    {"columns":["e","f"],"action":{"redact":{}}},{"jsonPath":"$.c","action":{"redact":{}}}],
                    "exclude":{"fields":["$.d"]}}"#,
                Cost {
                    detectors: members(DetectorGroup::PersonalData).count() + 2,
                    fields: 6,
                    streaming: true,
                },
            ),
        ] {
            assert_eq!(cost(&serde_json::from_str(rule).unwrap()), expected, "{rule}");
        }
    }

    #[test]
    fn what_looks_at_more_than_a_piece_does_not_stream() {
        for (member, expected) in [
            (r#""detectors":[{"group":"All","action":{"drop":{}}}]"#, true),
            (r#""detectors":[{"type":"Email","action":{"block":{}}}]"#, false),
            (r#""custom":[{"name":"a","regex":"b","action":{"block":{}}}]"#, false),
            (r#""fields":[{"keys":["a"],"action":{"drop":{}}}]"#, false),
            (r#""fields":[{"jsonPath":"$..a[*].b","action":{"redact":{}}}]"#, true),
            (r#""fields":[{"jsonPath":"$.a[0]","action":{"redact":{}}}]"#, false),
            (r#""fields":[{"jsonPath":"$.a[?@.b]","action":{"redact":{}}}]"#, false),
            (r#""exclude":{"fields":["$.a[1:]"]}"#, false),
            (r#""messageBytes":65536"#, false),
            (r#""failOpen":true"#, false),
            (r#""decode":{"nestedJson":0}"#, false),
        ] {
            let rule = format!(r#"{{"name":"r","directions":["Response"],{member}}}"#);
            assert_eq!(cost(&serde_json::from_str(&rule).unwrap()).streaming, expected, "{member}");
        }
    }
}
