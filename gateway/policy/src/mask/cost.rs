//! What a rule costs, told without compiling it: how much is looked for in every message that it counts for.

use std::collections::BTreeSet;

use super::detect;
use crate::config::{Field, MaskingRule};

/// What is looked for because of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Kinds of values, in every text; those that the rule describes itself among them.
    pub detectors: usize,
    /// Paths and patterns over names, at every member and in every table.
    pub fields: usize,
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
    Cost { detectors: kinds.len() + rule.custom.len(), fields }
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
            (r#"{"name":"r","directions":["Response"]}"#, Cost { detectors: 0, fields: 0 }),
            (
                r#"{"name":"r","directions":["Response"],"detectors":[
                    {"group":"PersonalData","action":{"redact":{}}},{"type":"Email","action":{"drop":{}}},
                    {"type":"NpmToken","action":{"redact":{}}}],
                    "custom":[{"name":"a","regex":"b","action":{"redact":{}}}],
                    "fields":[{"keys":["a","b"],"action":{"redact":{}}},
                    {"columns":["e","f"],"action":{"redact":{}}},{"jsonPath":"$.c","action":{"redact":{}}}],
                    "exclude":{"fields":["$.d"]}}"#,
                Cost { detectors: members(DetectorGroup::PersonalData).count() + 2, fields: 6 },
            ),
        ] {
            assert_eq!(cost(&serde_json::from_str(rule).unwrap()), expected, "{rule}");
        }
    }
}
