//! What was measured, as `target/bench/report.json` has it: nested objects whose leaves are numbers, or objects of
//! arms; and beside them, for each figure, when it was measured and on what. Everything here computes and does
//! nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::goals::{GOALS, Verdict};

/// The member that says when each figure was measured, by its key.
const DATES: &str = "dates";
/// The member that says on what machine.
const MACHINE: &str = "machine";

/// A figure: one number, or one for each arm.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Figure {
    One(f64),
    Arms(BTreeMap<String, f64>),
}

/// Figures by their keys, such as `call.cpu_microseconds`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// Takes down a figure. One that could not be measured is no figure.
    pub(crate) fn one(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.0.insert(key.to_owned(), Figure::One(value));
        }
    }

    /// Takes down a figure for each arm.
    pub(crate) fn arms(&mut self, key: &str, values: impl IntoIterator<Item = (String, f64)>) {
        let values: BTreeMap<String, f64> =
            values.into_iter().filter(|(_, value)| value.is_finite()).collect();
        if !values.is_empty() {
            self.0.insert(key.to_owned(), Figure::Arms(values));
        }
    }

    /// Adds those of another suite.
    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// The report that `earlier` becomes by what was measured now: other figures stay, with their dates.
pub(crate) fn merge(earlier: &Value, figures: &Figures, date: &str, machine: Value) -> Value {
    let mut report = earlier.as_object().cloned().unwrap_or_default();
    let mut dates = report.get(DATES).and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, figure) in &figures.0 {
        put(&mut report, key, rounded(figure));
        dates.insert(key.clone(), json!(date));
    }
    report.insert(DATES.to_owned(), Value::Object(dates));
    report.insert(MACHINE.to_owned(), machine);
    Value::Object(report)
}

/// Puts a value at its place, making the objects on the way.
fn put(object: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            object.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = object.entry(first).or_insert_with(|| json!({}));
            if !below.is_object() {
                *below = json!({});
            }
            if let Some(below) = below.as_object_mut() {
                put(below, rest, value);
            }
        }
    }
}

fn rounded(figure: &Figure) -> Value {
    match figure {
        Figure::One(value) => json!(round(*value)),
        Figure::Arms(values) => {
            values.iter().map(|(arm, value)| (arm.clone(), json!(round(*value)))).collect()
        }
    }
}

/// Four digits are more than any figure here is worth; whole numbers stay whole.
fn round(value: f64) -> f64 {
    if value == 0.0 || value.abs() >= 1000.0 {
        return value.round();
    }
    let places = 3 - value.abs().log10().floor() as i32;
    let factor = 10f64.powi(places);
    (value * factor).round() / factor
}

/// The figures as a table for people, each with its goal and whether it is met.
pub(crate) fn table(figures: &Figures) -> String {
    let mut rows = vec![["figure".to_owned(), "value".to_owned(), "goal".to_owned(), String::new()]];
    for (key, figure) in &figures.0 {
        let goal = GOALS.iter().find(|(goal, _)| goal == key).map(|(_, goal)| goal);
        let (value, ours) = match figure {
            Figure::One(value) => (number(*value), Some(*value)),
            Figure::Arms(values) => {
                let arm = |(arm, value): (&String, &f64)| format!("{arm} {}", number(*value));
                let text = values.iter().map(arm).collect::<Vec<_>>().join(", ");
                (text, values.get("ours").copied())
            }
        };
        let verdict = goal.zip(ours).map(|(goal, ours)| match goal.judge(ours) {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
        });
        let goal = goal.map(ToString::to_string).unwrap_or_default();
        rows.push([key.clone(), value, goal, verdict.unwrap_or_default().to_owned()]);
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for [key, value, goal, verdict] in &rows {
        let [first, second, third] = widths;
        let line = format!("{key:first$}  {value:second$}  {goal:third$}  {verdict}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn number(value: f64) -> String {
    let rounded = round(value);
    if rounded.fract() == 0.0 { format!("{rounded:.0}") } else { format!("{rounded}") }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::{Figures, merge, round, table};

    fn figures(ratio: f64) -> Figures {
        let mut figures = Figures::default();
        figures.one("call.ratio_to_passthrough", Some(ratio));
        figures
            .arms("call.cpu_microseconds", [("ours".to_owned(), 61.234), ("passthrough".to_owned(), 30.0)]);
        figures
    }

    #[test]
    fn figures_stand_at_their_keys_and_those_of_earlier_runs_stay_with_their_dates() {
        let earlier = json!({
            "mask": {"megabytes_per_second": {"clean": 900.0}},
            "call": {"ratio_to_passthrough": 9.0, "added_p50_microseconds": 7.0},
            "dates": {"mask.megabytes_per_second.clean": "then", "call.ratio_to_passthrough": "then"},
            "machine": {"cores": 64},
        });
        assert_eq!(
            merge(&earlier, &figures(2.5), "now", json!({"cores": 2})),
            json!({
                "mask": {"megabytes_per_second": {"clean": 900.0}},
                "call": {
                    "ratio_to_passthrough": 2.5, "added_p50_microseconds": 7.0,
                    "cpu_microseconds": {"ours": 61.23, "passthrough": 30.0},
                },
                "dates": {
                    "mask.megabytes_per_second.clean": "then",
                    "call.ratio_to_passthrough": "now",
                    "call.cpu_microseconds": "now",
                },
                "machine": {"cores": 2},
            })
        );
    }

    #[test]
    fn a_report_that_is_none_is_begun_anew() {
        for earlier in [json!(null), json!([1]), json!({"call": 3})] {
            let merged = merge(&earlier, &figures(1.0), "now", json!({}));
            assert_eq!(merged["call"]["ratio_to_passthrough"], json!(1.0), "{earlier}");
        }
    }

    #[test]
    fn what_could_not_be_measured_is_no_figure() {
        let mut figures = Figures::default();
        figures.one("call.ratio_to_passthrough", None);
        figures.one("start.milliseconds", Some(f64::NAN));
        figures.arms("call.cpu_microseconds", [("ours".to_owned(), f64::INFINITY)]);
        assert_eq!(merge(&json!({}), &figures, "now", json!({})), json!({"dates": {}, "machine": {}}));
    }

    #[test]
    fn the_table_says_which_goals_are_met() {
        let text = table(&figures(2.5));
        let line = |key: &str| text.lines().find(|line| line.starts_with(key)).map(str::to_owned);
        let missed = line("call.ratio_to_passthrough");
        assert!(missed.is_some_and(|line| line.contains("2.5") && line.ends_with("missed")), "{text}");
        let aim = line("call.cpu_microseconds");
        assert!(aim.is_some_and(|line| line.contains("ours 61.23, passthrough 30")), "{text}");
        assert!(table(&figures(1.5)).lines().any(|line| line.ends_with(" met")));
    }

    #[test]
    fn numbers_are_rounded_to_what_they_are_worth() {
        for (value, expected) in
            [(0.0, 0.0), (0.012_345, 0.012_35), (61.234, 61.23), (12_345.6, 12_346.0), (-1.234_56, -1.235)]
        {
            assert_eq!(round(value), expected);
        }
    }
}
