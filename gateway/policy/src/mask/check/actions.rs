//! What is wrong with what is to become of a value: by itself, and for the values that it is for.

use crate::compile::{Problem, is_plain_name};
use crate::config::{Action, Detector, DetectorType, Field, Fpe, Generalize, Hash, Replacement, SecretKey};
use crate::mask::keyed::LENGTH;
use crate::path::Path;

/// The fewest and most characters that a partial mask shows.
const KEEP_LAST: std::ops::RangeInclusive<u32> = 1..=8;
/// The same at the beginning of a postal code.
const KEEP_FIRST: std::ops::RangeInclusive<u32> = 1..=4;
/// The longest text that may stand for a value, in characters: masking must not make a message grow without
/// bound.
const MAXIMUM_REPLACEMENT: usize = 256;
/// The widest range of numbers that become one, as the schema has it.
const MAXIMUM_BUCKET: u64 = 1_000_000_000_000;

/// What is wrong with an action, whatever it is for.
pub(super) fn check_action(action: &Action, path: &str, problems: &mut Vec<Problem>) {
    match action {
        Action::Block {} | Action::Drop {} | Action::Redact {} | Action::Tokenize {} => {}
        Action::Replace(replacement) => {
            check_replacement(replacement, format!("{path}.replace"), problems);
        }
        Action::Hash(hash) => check_hash(hash, &format!("{path}.hash"), problems),
        Action::Fpe(Fpe { key }) => check_key(key, &format!("{path}.fpe"), problems),
        Action::Generalize(generalize) => {
            check_generalize(generalize, &format!("{path}.generalize"), problems);
        }
        Action::Partial(partial) => {
            if !KEEP_LAST.contains(&partial.keep_last) {
                let (least, most) = (KEEP_LAST.start(), KEEP_LAST.end());
                let message = format!(
                    "is {}; write {least} to {most}, or use redact to show nothing",
                    partial.keep_last
                );
                problems.push(Problem::new(format!("{path}.partial.keepLast"), message));
            }
        }
    }
}

fn check_replacement(replacement: &Replacement, path: String, problems: &mut Vec<Problem>) {
    match (&replacement.string, replacement.number) {
        (None, None) => problems.push(Problem::new(path, "gives nothing; add string or number")),
        (Some(_), Some(_)) => {
            problems.push(Problem::new(path, "has both string and number; remove one of them"));
        }
        (Some(text), None) if text.chars().count() > MAXIMUM_REPLACEMENT => {
            let message = format!("is longer than {MAXIMUM_REPLACEMENT} characters; write a shorter text");
            problems.push(Problem::new(format!("{path}.string"), message));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
}

fn check_hash(hash: &Hash, path: &str, problems: &mut Vec<Problem>) {
    check_key(&hash.key, path, problems);
    if !LENGTH.contains(&hash.length) {
        let (least, most) = (LENGTH.start(), LENGTH.end());
        let message = format!("is {}; write {least} to {most}, how many digits are shown", hash.length);
        problems.push(Problem::new(format!("{path}.length"), message));
    }
}

fn check_key(SecretKey { secret, key }: &SecretKey, path: &str, problems: &mut Vec<Problem>) {
    for (member, name) in [("name", secret), ("key", key)] {
        if !is_plain_name(name) {
            let message = "is no name of a Secret or of a key in one";
            problems.push(Problem::new(format!("{path}.keyRef.{member}"), message));
        }
    }
}

fn check_generalize(generalize: &Generalize, path: &str, problems: &mut Vec<Problem>) {
    let Generalize { bucket, date, ip_address, keep_first } = generalize;
    let written = [bucket.is_some(), date.is_some(), ip_address.is_some(), keep_first.is_some()];
    match written.into_iter().filter(|is_written| *is_written).count() {
        0 => {
            let message = "says not how; add one of bucket, date, ipAddress and keepFirst";
            problems.push(Problem::new(path, message));
        }
        1 => {}
        _ => problems.push(Problem::new(
            path,
            "says more than one thing; leave one of bucket, date, ipAddress and keepFirst",
        )),
    }
    if let Some(bucket) = bucket.filter(|bucket| !(2..=MAXIMUM_BUCKET).contains(bucket)) {
        let message = format!("is {bucket}; write 2 to {MAXIMUM_BUCKET}, how many numbers become one");
        problems.push(Problem::new(format!("{path}.bucket"), message));
    }
    if let Some(keep_first) = keep_first.filter(|keep_first| !KEEP_FIRST.contains(keep_first)) {
        let (least, most) = (KEEP_FIRST.start(), KEEP_FIRST.end());
        let message = format!("is {keep_first}; write {least} to {most}, or use redact to show nothing");
        problems.push(Problem::new(format!("{path}.keepFirst"), message));
    }
}

/// A value that a detector finds has the form of its kind, and what generalizes another would redact each.
pub(super) fn check_action_of_detector(detector: &Detector, path: &str, problems: &mut Vec<Problem>) {
    let Action::Generalize(generalize) = &detector.action else { return };
    let is_fitting = match detector.kind {
        Some(DetectorType::DateOfBirth) => generalize.date.is_some(),
        Some(DetectorType::IpAddress) => generalize.ip_address.is_some(),
        Some(_) | None => false,
    };
    if !is_fitting {
        problems.push(Problem::new(
            format!("{path}.generalize"),
            "does not fit what is found here, so that all of it would be redacted; write date with type \
             DateOfBirth, ipAddress with type IpAddress, or another action",
        ));
    }
}

/// Behind an item that goes away, every other one gets another place.
pub(super) fn check_action_of_field(field: &Field, path: &str, problems: &mut Vec<Problem>) {
    let is_item = |text: &str| Path::parse(text).is_ok_and(|path| path.ends_by_number());
    if matches!(field.action, Action::Drop {}) && field.json_path.as_deref().is_some_and(is_item) {
        problems.push(Problem::new(
            format!("{path}.drop"),
            "takes away an item by its number, so that the next one has it; write [*] for all items, or another action",
        ));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::super::check_rule;

    /// The problems of a rule for a detector of this type and a field at this path, each with this action.
    fn problems(kind: &str, path: &str, action: &Value) -> Vec<(String, String)> {
        let rule = json!({
            "name": "r",
            "directions": ["Response"],
            "detectors": [{"type": kind, "action": {"redact": {}}}],
            "fields": [{"jsonPath": path, "action": action}],
        });
        let mut of_detector = rule.clone();
        of_detector["detectors"][0]["action"] = action.clone();
        of_detector["fields"] = json!([]);
        let found = [rule, of_detector].map(|rule| check_rule(&serde_json::from_value(rule).unwrap()));
        let found = found.into_iter().flatten();
        found.map(|problem| (problem.path, problem.message)).collect()
    }

    #[test]
    fn what_fits_has_no_problems() {
        for (kind, path, action) in [
            ("Email", "$.a", json!({"block": {}})),
            ("Email", "$.rows[*]", json!({"drop": {}})),
            ("Email", "$['3']", json!({"drop": {}})),
            ("Email", "$.rows[3]", json!({"redact": {}})),
            ("IpAddress", "$.a", json!({"generalize": {"ipAddress": "Network"}})),
            ("DateOfBirth", "$.a", json!({"generalize": {"date": "Month"}})),
        ] {
            assert_eq!(problems(kind, path, &action), [], "{action}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_to_write() {
        let misfit = "does not fit what is found here, so that all of it would be redacted; write date with type \
                      DateOfBirth, ipAddress with type IpAddress, or another action";
        let of_both = |member: &str, message: &str| {
            let path = |list: &str| format!("{list}[0].action.generalize{member}");
            vec![(path("fields"), message.to_owned()), (path("detectors"), message.to_owned())]
        };
        for (generalize, member, message) in [
            (
                json!({"ipAddress": "Network", "date": "Year"}),
                "",
                "says more than one thing; leave one of bucket, date, ipAddress and keepFirst",
            ),
            (
                json!({"ipAddress": "Network", "bucket": 1}),
                ".bucket",
                "is 1; write 2 to 1000000000000, how many numbers become one",
            ),
            (
                json!({"ipAddress": "Network", "keepFirst": 5}),
                ".keepFirst",
                "is 5; write 1 to 4, or use redact to show nothing",
            ),
        ] {
            let found = problems("IpAddress", "$.a", &json!({"generalize": generalize}));
            for expected in of_both(member, message) {
                assert!(found.contains(&expected), "{found:?}");
            }
        }
        let hash = |secret: &str, length: u32| json!({"hash": {"key": {"secret": secret, "key": "k"}, "length": length}});
        let of_field = |action: &Value| problems("Email", "$.a", action).into_iter().next().unwrap();
        let message = "is 7; write 8 to 64, how many digits are shown";
        assert_eq!(of_field(&hash("s", 7)), ("fields[0].action.hash.length".to_owned(), message.to_owned()));
        let message = "is no name of a Secret or of a key in one";
        assert_eq!(
            of_field(&hash("../s", 8)),
            ("fields[0].action.hash.keyRef.name".to_owned(), message.to_owned())
        );
        let fpe = json!({"fpe": {"key": {"secret": "../s", "key": "k"}}});
        let message = "is no name of a Secret or of a key in one";
        assert_eq!(of_field(&fpe), ("fields[0].action.fpe.keyRef.name".to_owned(), message.to_owned()));
        let nothing = problems("IpAddress", "$.a", &json!({"generalize": {}}));
        let message = "says not how; add one of bucket, date, ipAddress and keepFirst";
        assert_eq!(nothing.first(), of_both("", message).first());
        for (kind, generalize) in [
            ("Email", json!({"date": "Year"})),
            ("IpAddress", json!({"date": "Year"})),
            ("DateOfBirth", json!({"bucket": 10})),
        ] {
            let found = problems(kind, "$.a", &json!({"generalize": generalize}));
            assert_eq!(found, [("detectors[0].action.generalize".to_owned(), misfit.to_owned())], "{kind}");
        }
        let item = "takes away an item by its number, so that the next one has it; write [*] for all items, or another \
                    action";
        for path in ["$.rows[3]", "$[0]", "$..rows[10]", "$[-1]", "$.rows[1:3]", "$['a', 2]"] {
            let found = problems("Email", path, &json!({"drop": {}}));
            assert_eq!(found, [("fields[0].action.drop".to_owned(), item.to_owned())], "{path}");
        }
    }
}
