//! What a schema asks of one place, gathered from what its validator finds wrong there, and a value that has all of it.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::types::JsonType;
use serde_json::{Map, Number, Value};

use crate::sample::{Bounds, of_format, of_pattern};

/// What stands for a text that there is none of.
const MARK: &str = "[REDACTED:Field]";
/// The longest text that is filled up, in characters.
const MAXIMUM_FILLED: usize = 1024;
/// What may be asked for where a value of several types will do, first the one that says best that nothing is there.
const TYPES: [JsonType; 7] = [
    JsonType::Null,
    JsonType::String,
    JsonType::Object,
    JsonType::Array,
    JsonType::Integer,
    JsonType::Number,
    JsonType::Boolean,
];

/// What is asked of a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    kind: Option<JsonType>,
    format: Option<String>,
    pattern: Option<String>,
    shortest: Option<usize>,
    longest: Option<usize>,
    bounds: Bounds,
    /// Something is asked that no other value of the kind has for sure: an `enum`, a `not`.
    is_beyond: bool,
}

impl Demand {
    /// Takes note of one thing that is wrong at the place.
    #[allow(clippy::wildcard_enum_match_arm, reason = "no other keyword says what would do")]
    pub(crate) fn note(&mut self, wrong: &ValidationErrorKind) {
        use ValidationErrorKind as Wrong;
        let length = |limit: &u64| usize::try_from(*limit).ok();
        let bounds = &mut self.bounds;
        match wrong {
            Wrong::Type { kind } => {
                self.kind = wanted(kind);
                bounds.is_whole |= self.kind == Some(JsonType::Integer);
            }
            Wrong::Format { format } => self.format = Some(format.clone()),
            Wrong::Pattern { pattern } => self.pattern = Some(pattern.clone()),
            Wrong::MinLength { limit } => self.shortest = length(limit),
            Wrong::MaxLength { limit } => self.longest = length(limit),
            Wrong::Minimum { limit } => bounds.least = limit.as_f64(),
            Wrong::ExclusiveMinimum { limit } => bounds.more_than = limit.as_f64(),
            Wrong::Maximum { limit } => bounds.most = limit.as_f64(),
            Wrong::ExclusiveMaximum { limit } => bounds.less_than = limit.as_f64(),
            Wrong::MultipleOf { multiple_of } => bounds.multiple_of = Some(*multiple_of),
            _ => self.is_beyond = true,
        }
    }

    /// A value that has what is asked, made from the one that stands there.
    pub(crate) fn meet(&self, current: &Value, may_show: &dyn Fn(&str) -> bool) -> Option<Value> {
        if self.is_beyond || !self.keeps_kind(current) {
            return None;
        }
        match self.kind {
            Some(JsonType::Null) => Some(Value::Null),
            Some(JsonType::String) => self.text(MARK, may_show),
            Some(JsonType::Integer | JsonType::Number) => {
                self.number(current.as_f64().unwrap_or_default(), true)
            }
            Some(JsonType::Boolean) => Some(Value::Bool(false)),
            Some(JsonType::Object) => Some(Value::Object(Map::new())),
            Some(JsonType::Array) => Some(Value::Array(Vec::new())),
            None => match current {
                Value::String(text) => self.text(text, may_show),
                Value::Number(number) => self.number(number.as_f64()?, number.is_i64() || number.is_u64()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            },
        }
    }

    /// Whether what is asked for is of the type that stands there. Only what was added as `null` may have any, and only
    /// `null` may come for any.
    fn keeps_kind(&self, current: &Value) -> bool {
        match (self.kind, current) {
            (None | Some(JsonType::Null), _) | (_, Value::Null) => true,
            (Some(JsonType::Integer | JsonType::Number), current) => current.is_number(),
            (Some(JsonType::String), current) => current.is_string(),
            (Some(JsonType::Boolean), current) => current.is_boolean(),
            (Some(JsonType::Object), current) => current.is_object(),
            (Some(JsonType::Array), current) => current.is_array(),
        }
    }

    fn text(&self, current: &str, may_show: &dyn Fn(&str) -> bool) -> Option<Value> {
        let shortest = self.shortest.unwrap_or_default();
        let text = match (&self.format, &self.pattern) {
            (Some(format), _) => of_format(format)?.to_owned(),
            (None, Some(pattern)) => of_pattern(pattern, shortest).filter(|sample| may_show(sample))?,
            (None, None) => {
                let missing = shortest.saturating_sub(current.chars().count());
                if missing > MAXIMUM_FILLED {
                    return None;
                }
                let filled = format!("{current}{}", "*".repeat(missing));
                return Some(
                    filled.chars().take(self.longest.unwrap_or(usize::MAX)).collect::<String>().into(),
                );
            }
        };
        let length = text.chars().count();
        (shortest..=self.longest.unwrap_or(usize::MAX)).contains(&length).then(|| text.into())
    }

    fn number(&self, current: f64, is_whole: bool) -> Option<Value> {
        let bounds = Bounds { is_whole: is_whole || self.bounds.is_whole, ..self.bounds };
        let nearest = bounds.nearest(current).or_else(|| self.bounds.nearest(current))?;
        // Whole numbers below this are exact in either form.
        #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
        if nearest.fract() == 0.0 && nearest.abs() < 9e15 {
            return Some(Value::from(nearest as i64));
        }
        Number::from_f64(nearest).map(Value::Number)
    }
}

fn wanted(kind: &TypeKind) -> Option<JsonType> {
    match kind {
        TypeKind::Single(kind) => Some(*kind),
        TypeKind::Multiple(kinds) => TYPES.into_iter().find(|kind| kinds.contains(*kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::Demand;
    use jsonschema::error::ValidationErrorKind as Wrong;
    use serde_json::{Value, json};

    fn met(current: &Value, wrong: &[Wrong]) -> Option<Value> {
        let mut demand = Demand::default();
        wrong.iter().for_each(|wrong| demand.note(wrong));
        demand.meet(current, &|text| !text.contains("secret"))
    }

    #[test]
    fn a_mark_is_filled_and_cut_and_gives_way_to_a_sample() {
        let mark = json!("[REDACTED:Email]");
        let format = |format: &str| Wrong::Format { format: format.to_owned() };
        let pattern = |pattern: &str| Wrong::Pattern { pattern: pattern.to_owned() };
        for (wrong, expected) in [
            (vec![Wrong::MinLength { limit: 18 }], Some(json!("[REDACTED:Email]**"))),
            (vec![Wrong::MaxLength { limit: 4 }], Some(json!("[RED"))),
            (vec![Wrong::MinLength { limit: 1_000_000 }], None),
            (vec![format("email")], Some(json!("redacted@example.invalid"))),
            (vec![format("email"), Wrong::MaxLength { limit: 4 }], None),
            (vec![pattern("^[a-z]+$"), Wrong::MinLength { limit: 3 }], Some(json!("xxx"))),
            (vec![pattern("^secret-[a-z]+$")], None),
            (vec![Wrong::Enum { options: json!(["a", "b"]).into() }], None),
        ] {
            assert_eq!(met(&mark, &wrong), expected, "{wrong:?}");
        }
    }

    #[test]
    fn a_number_stays_whole_and_moves_no_further_than_it_must() {
        assert_eq!(met(&json!(0), &[Wrong::Minimum { limit: json!(18) }]), Some(json!(18)));
        assert_eq!(met(&json!(0), &[Wrong::ExclusiveMinimum { limit: json!(0) }]), Some(json!(1)));
        assert_eq!(met(&json!(10_000), &[Wrong::Maximum { limit: json!(99.5) }]), Some(json!(99)));
        assert_eq!(met(&json!(false), &[Wrong::Constant { expected_value: json!(true).into() }]), None);
    }
}
