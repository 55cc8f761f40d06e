//! Texts and numbers that a schema lets pass and that are nobody's: made from the schema alone.
//!
//! A pattern that lists words is an `enum` in disguise: to choose one of them would say something that may be false, so
//! it has no sample.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// The longest sample, in characters.
const MAXIMUM_LENGTH: usize = 1024;
/// The fewest letters of a class that says nothing by being one of them.
const MEANINGLESS_LETTERS: usize = 5;
/// What stands for any character, in this order of preference.
const PREFERRED: [char; 9] = ['x', 'X', '0', '*', '-', '_', '.', ' ', '1'];

/// A text of a format, if it is one that is checked.
pub(crate) fn of_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "email" | "idn-email" => "redacted@example.invalid",
        "date" => "0001-01-01",
        "date-time" => "0001-01-01T00:00:00Z",
        "time" => "00:00:00Z",
        "duration" => "P0D",
        "uuid" => "00000000-0000-0000-0000-000000000000",
        "ipv4" => "0.0.0.0",
        "ipv6" => "::",
        "hostname" | "idn-hostname" => "redacted.invalid",
        "uri" | "iri" | "uri-reference" | "iri-reference" | "uri-template" => "https://redacted.invalid/",
        "json-pointer" => "/redacted",
        "relative-json-pointer" => "0",
        "regex" => "redacted",
        _ => return None,
    })
}

/// A text that a pattern matches, of `length` characters or more if it can be.
pub(crate) fn of_pattern(pattern: &str, length: usize) -> Option<String> {
    let tree = regex_syntax::Parser::new().parse(pattern).ok()?;
    let shortest = write(&tree, 0)?;
    let missing = length.saturating_sub(shortest.text.chars().count());
    if missing == 0 {
        return Some(shortest.text);
    }
    write(&tree, missing).map(|sample| sample.text)
}

/// A part of a sample.
#[derive(Default)]
struct Written {
    text: String,
    /// Whether a letter or digit in it is spelled out by the pattern.
    says: bool,
}

/// Writes what an expression matches. `more` is how many further repetitions there may be of each part that can be
/// repeated.
fn write(tree: &Hir, more: usize) -> Option<Written> {
    let written = match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => Written::default(),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?.to_owned();
            Written { says: text.chars().any(char::is_alphanumeric), text }
        }
        HirKind::Class(class) => Written { text: any_of(class)?.to_string(), says: false },
        HirKind::Capture(capture) => write(&capture.sub, more)?,
        HirKind::Repetition(repetition) => repeat(repetition, more)?,
        HirKind::Concat(parts) => {
            let mut whole = Written::default();
            for part in parts {
                let part = write(part, more)?;
                whole.text.push_str(&part.text);
                whole.says |= part.says;
                if whole.text.len() > MAXIMUM_LENGTH {
                    return None;
                }
            }
            whole
        }
        HirKind::Alternation(branches) => {
            branches.iter().filter_map(|branch| write(branch, more)).find(|written| !written.says)?
        }
    };
    (written.text.len() <= MAXIMUM_LENGTH).then_some(written)
}

fn repeat(repetition: &Repetition, more: usize) -> Option<Written> {
    let least = usize::try_from(repetition.min).ok()?;
    let most = repetition.max.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let times = least.saturating_add(more).min(most);
    if times == 0 {
        return Some(Written::default());
    }
    if times > MAXIMUM_LENGTH {
        return None;
    }
    let once = write(&repetition.sub, 0)?;
    Some(Written { text: once.text.repeat(times), says: once.says })
}

/// A character of a class that says nothing by being that one.
fn any_of(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let holds = |wanted: char| ranges.iter().any(|(first, last)| (*first..=*last).contains(&wanted));
    let chosen = PREFERRED.into_iter().find(|preferred| holds(*preferred));
    let chosen = chosen.or_else(|| ranges.first().map(|(first, _)| *first))?;
    let letters = ranges.iter().map(|(first, last)| (u32::from(*last) - u32::from(*first)) as usize + 1);
    let is_meaningless = !chosen.is_alphabetic() || letters.sum::<usize>() >= MEANINGLESS_LETTERS;
    is_meaningless.then_some(chosen)
}

/// What a number must be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) least: Option<f64>,
    pub(crate) more_than: Option<f64>,
    pub(crate) most: Option<f64>,
    pub(crate) less_than: Option<f64>,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) is_whole: bool,
}

impl Bounds {
    fn holds(&self, number: f64) -> bool {
        self.least.is_none_or(|least| number >= least)
            && self.more_than.is_none_or(|bound| number > bound)
            && self.most.is_none_or(|most| number <= most)
            && self.less_than.is_none_or(|bound| number < bound)
    }

    /// The number that is nearest to `wanted` and within the bounds, if one is found.
    pub(crate) fn nearest(&self, wanted: f64) -> Option<f64> {
        let whole = if self.is_whole { Some(1.0) } else { None };
        let step = self.multiple_of.filter(|step| *step > 0.0).or(whole);
        let low = greater(self.least, self.more_than);
        let high = greater(self.most.map(|most| -most), self.less_than.map(|bound| -bound)).map(|high| -high);
        let clamped = high.map_or(wanted, |high| wanted.min(high));
        let clamped = low.map_or(clamped, |low| clamped.max(low));
        let candidates: Vec<f64> = match step {
            Some(step) => {
                let steps = (clamped / step).floor();
                [0.0, 1.0, -1.0, 2.0].into_iter().map(|more| (steps + more) * step).collect()
            }
            None => {
                let middle = low.zip(high).map(|(low, high)| f64::midpoint(low, high));
                [Some(clamped), Some(clamped + 1.0), Some(clamped - 1.0), middle]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        };
        candidates.into_iter().find(|candidate| candidate.is_finite() && self.holds(*candidate))
    }
}

fn greater(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, of_pattern};

    #[test]
    fn a_pattern_has_a_sample_that_says_nothing_or_none() {
        for (pattern, length, sample) in [
            (r"^\d{3}-\d{2}-\d{4}$", 0, Some("000-00-0000")),
            (r"^[A-Z]{2}\d{6}$", 0, Some("XX000000")),
            (r"^[1-9]\d*$", 3, Some("100")),
            (r"^usr_[a-z0-9]+$", 0, Some("usr_x")),
            (r"^[a-z]+$", 8, Some("xxxxxxxx")),
            (r"^(\+|00)\d{4}$", 0, Some("+0000")),
            (r"^[^@]+@[^@]+\.[a-z]{2,}$", 0, Some("x@x.xx")),
            (r"^(active|closed)$", 0, None),
            (r"^(M|F)$", 0, None),
            (r"^(gold|silver)-\d+$", 0, None),
            (r"^x{5000}$", 0, None),
            (r"(", 0, None),
        ] {
            assert_eq!(of_pattern(pattern, length).as_deref(), sample, "{pattern}");
        }
    }

    #[test]
    fn a_number_is_the_nearest_within_its_bounds() {
        let none = Bounds::default();
        for (bounds, wanted, expected) in [
            (Bounds { least: Some(1.0), is_whole: true, ..none }, 0.0, Some(1.0)),
            (Bounds { more_than: Some(0.0), is_whole: true, ..none }, 0.0, Some(1.0)),
            (Bounds { more_than: Some(0.0), less_than: Some(1.0), ..none }, 0.0, Some(0.5)),
            (Bounds { most: Some(-5.0), ..none }, 0.0, Some(-5.0)),
            (Bounds { least: Some(3.0), multiple_of: Some(7.0), ..none }, 0.0, Some(7.0)),
            (Bounds { least: Some(3.0), most: Some(6.0), multiple_of: Some(7.0), ..none }, 0.0, None),
            (Bounds { multiple_of: Some(100.0), ..none }, 10_000.0, Some(10_000.0)),
        ] {
            assert_eq!(bounds.nearest(wanted), expected, "{bounds:?}");
        }
    }
}
