//! What is wrong with what a rule describes itself. What its names and words may be is that of the schema, said once more.

use super::actions::check_action;
use super::reason;
use crate::compile::Problem;
use crate::config::{Action, Custom};
use crate::mask::custom::{MAXIMUM_LENGTH, compile, lengths};
use crate::mask::detect;
use crate::mask::marks::{CREDENTIAL, FIELD, UNREADABLE};

/// How many of them a rule may have.
const MAXIMUM_CUSTOMS: usize = 32;
/// The longest name: with what stands around it, a mark is no longer than any other.
const MAXIMUM_NAME: usize = 28;
/// How many words may be looked for.
pub const MAXIMUM_TERMS: usize = 1000;
/// How long each may be, in bytes.
pub const MAXIMUM_TERM: usize = 128;
/// How many may say what a value is, and how long each may be, in bytes.
const MAXIMUM_KEYWORDS: usize = 32;
const MAXIMUM_KEYWORD: usize = 64;
/// What can be asked of how mixed a value is, in tenths of a bit for each of its bytes.
const ENTROPY: std::ops::RangeInclusive<u32> = 1..=80;
/// How far away a word may stand: the text around is read for each match.
const WINDOW: std::ops::RangeInclusive<u32> = 1..=200;

pub(super) fn check_customs(customs: &[Custom], problems: &mut Vec<Problem>) {
    if customs.len() > MAXIMUM_CUSTOMS {
        let message = format!("has {} entries; write at most {MAXIMUM_CUSTOMS}", customs.len());
        problems.push(Problem::new("custom", message));
    }
    for (index, custom) in customs.iter().enumerate() {
        let path = format!("custom[{index}]");
        if customs.iter().take(index).any(|earlier| earlier.name == custom.name) {
            problems.push(Problem::new(
                format!("{path}.name"),
                "stands twice; give each entry a name of its own",
            ));
        }
        check_custom(custom, &path, problems);
    }
}

fn check_custom(custom: &Custom, path: &str, problems: &mut Vec<Problem>) {
    check_name(&custom.name, format!("{path}.name"), problems);
    match (&custom.regex, custom.terms.is_empty()) {
        (None, true) => {
            problems.push(Problem::new(path, "says not what to look for; add regex or terms"));
        }
        (Some(_), false) => problems
            .push(Problem::new(path, "has both regex and terms; write two entries, or remove one of them")),
        (Some(_), true) => check_lengths(custom, format!("{path}.regex"), problems),
        (None, false) => check_terms(custom, &format!("{path}.terms"), problems),
    }
    check_entropy(custom, format!("{path}.entropy"), problems);
    check_keywords(custom, &format!("{path}.keywords"), problems);
    if !WINDOW.contains(&custom.window) {
        let (least, most) = (WINDOW.start(), WINDOW.end());
        let message =
            format!("is {}; write {least} to {most}, how far away a keyword may stand", custom.window);
        problems.push(Problem::new(format!("{path}.window"), message));
    }
    check_action(&custom.action, &format!("{path}.action"), problems);
    if matches!(custom.action, Action::Generalize(_)) {
        problems.push(Problem::new(
            format!("{path}.action.generalize"),
            "does not fit what is found here, which has no known form; write another action",
        ));
    }
}

fn check_entropy(custom: &Custom, path: String, problems: &mut Vec<Problem>) {
    let Some(tenths) = custom.entropy_tenths else { return };
    let message = if custom.regex.is_none() {
        "goes with regex alone: words are as they are; remove it, or write a regex"
    } else if ENTROPY.contains(&tenths) {
        return;
    } else {
        "is no entropy; write bits for each character, from 0.1 to 8, such as 3.5"
    };
    problems.push(Problem::new(path, message));
}

fn check_name(name: &str, path: String, problems: &mut Vec<Problem>) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.starts_with(|first: char| first.is_ascii_alphabetic())
        || !name.bytes().all(is_plain)
        || name.len() > MAXIMUM_NAME
    {
        let message = format!(
            "is no name; write at most {MAXIMUM_NAME} letters, digits, '-' and '_', beginning with a letter, such as \
             employee-no"
        );
        problems.push(Problem::new(path, message));
        return;
    }
    let own = detect::ALL.into_iter().map(detect::name).chain([FIELD, CREDENTIAL, UNREADABLE]);
    if own.into_iter().any(|own| own.eq_ignore_ascii_case(name)) {
        problems
            .push(Problem::new(path, "is what masks of the gateway's own are called; write another name"));
    }
}

/// What is wrong with a regular expression, by itself and by what it may match.
fn check_lengths(custom: &Custom, path: String, problems: &mut Vec<Problem>) {
    if let Err(error) = compile(custom) {
        problems
            .push(Problem::new(path, format!("{}; write a smaller pattern in RE2 syntax", reason(&error))));
        return;
    }
    let message = match lengths(custom) {
        (Some(0), _) => {
            "may match nothing at all, which stands everywhere; write what a value has at least, such as + in place of *"
                .to_owned()
        }
        (None, _) => "matches nothing; write what a value looks like".to_owned(),
        (Some(_), None) => format!(
            "may match a text of any length; write a bound, such as {{1,64}} in place of + or *, up to {MAXIMUM_LENGTH} \
             bytes"
        ),
        (Some(_), Some(longest)) if longest > MAXIMUM_LENGTH => format!(
            "may match {longest} bytes; write smaller bounds, for at most {MAXIMUM_LENGTH} bytes of UTF-8"
        ),
        (Some(_), Some(_)) => return,
    };
    problems.push(Problem::new(path, message));
}

fn check_terms(custom: &Custom, path: &str, problems: &mut Vec<Problem>) {
    if custom.terms.len() > MAXIMUM_TERMS {
        let message = format!("has {} words; write at most {MAXIMUM_TERMS}", custom.terms.len());
        problems.push(Problem::new(path, message));
        return;
    }
    for (index, term) in custom.terms.iter().enumerate() {
        if term.trim().is_empty() || term.len() > MAXIMUM_TERM {
            let message = format!("is empty or too long; write a word of 1 to {MAXIMUM_TERM} bytes");
            problems.push(Problem::new(format!("{path}[{index}]"), message));
            return;
        }
    }
    if let Err(error) = compile(custom) {
        let message = format!("{}; write fewer or shorter words", reason(&error));
        problems.push(Problem::new(path, message));
    }
}

fn check_keywords(custom: &Custom, path: &str, problems: &mut Vec<Problem>) {
    if custom.keywords.len() > MAXIMUM_KEYWORDS {
        let message = format!("has {} words; write at most {MAXIMUM_KEYWORDS}", custom.keywords.len());
        problems.push(Problem::new(path, message));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_');
    for (index, keyword) in custom.keywords.iter().enumerate() {
        if !keyword.bytes().all(is_plain)
            || !keyword.bytes().any(|byte| byte.is_ascii_alphanumeric())
            || keyword.len() > MAXIMUM_KEYWORD
        {
            let message = format!(
                "is no word; write at most {MAXIMUM_KEYWORD} letters of ASCII and digits, with ' ', '-' or '_' between"
            );
            problems.push(Problem::new(format!("{path}[{index}]"), message));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::super::check_rule;

    /// The problems of a rule with nothing but these descriptions, each with what is missing.
    fn problems(customs: &[Value]) -> Vec<(String, String)> {
        let whole = |custom: &Value| {
            let mut whole = json!({"name": "own", "action": {"redact": {}}});
            whole.as_object_mut().unwrap().extend(custom.as_object().unwrap().clone());
            whole
        };
        let customs: Vec<Value> = customs.iter().map(whole).collect();
        let rule = json!({"name": "r", "directions": ["Response"], "custom": customs});
        let found = check_rule(&serde_json::from_value(rule).unwrap());
        found.into_iter().map(|problem| (problem.path, problem.message)).collect()
    }

    #[test]
    fn what_can_be_looked_for_has_no_problems() {
        for custom in [
            json!({"regex": r"E-\d{6}"}),
            json!({"regex": r"(?i)\bcase[ -]?[0-9]{1,20}\b", "keywords": ["case file", "docket"], "window": 200}),
            json!({"regex": "a{4096}", "checksum": "Luhn"}),
            json!({"terms": ["Blue Heron", "C++", "("], "ignoreCase": true}),
            json!({"terms": (0..1000).map(|number| format!("project {number}")).collect::<Vec<_>>(), "ignoreCase": true}),
        ] {
            assert_eq!(problems(std::slice::from_ref(&custom)), [], "{custom}");
        }
    }

    #[test]
    fn each_wrong_expression_is_told_with_what_to_write() {
        let unbounded = "may match a text of any length; write a bound, such as {1,64} in place of + or *, up to 4096 bytes";
        let empty = "may match nothing at all, which stands everywhere; write what a value has at least, such as + in \
                     place of *";
        let large = "takes more than 1048576 bytes when compiled; write a smaller pattern in RE2 syntax";
        for (regex, message) in [
            ("(a+)+$", unbounded),
            (r"E-\d+", unbounded),
            ("a*", empty),
            ("", empty),
            (r"\b", empty),
            ("a?|b", empty),
            (r"(\w{1000}){1000}", large),
            (r"\w{1000}", large),
            ("a{4097}", "may match 4097 bytes; write smaller bounds, for at most 4096 bytes of UTF-8"),
            ("[a&&b]", "matches nothing; write what a value looks like"),
            ("a(", "is no regular expression (unclosed group); write a smaller pattern in RE2 syntax"),
            ("a)|(b", "is no regular expression (unopened group); write a smaller pattern in RE2 syntax"),
        ] {
            let expected = ("custom[0].regex".to_owned(), message.to_owned());
            assert_eq!(problems(&[json!({"regex": regex})]), [expected], "{regex}");
        }
        for (regex, part) in [(r"(a)\1", "backreferences"), ("(?=a)b", "look-around")] {
            let found = problems(&[json!({"regex": regex})]);
            assert!(
                found.iter().all(|(path, message)| path == "custom[0].regex" && message.contains(part)),
                "{found:?}"
            );
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn each_other_wrong_member_is_told_with_what_to_write() {
        let name = "is no name; write at most 28 letters, digits, '-' and '_', beginning with a letter, such as \
                    employee-no";
        let taken = "is what masks of the gateway's own are called; write another name";
        let term = "is empty or too long; write a word of 1 to 128 bytes";
        let keyword =
            "is no word; write at most 64 letters of ASCII and digits, with ' ', '-' or '_' between";
        let thousand: Vec<String> = (0..1001).map(|number| format!("t{number}")).collect();
        for (custom, path, message) in [
            (json!({}), "", "says not what to look for; add regex or terms"),
            (
                json!({"regex": "a", "terms": ["a"]}),
                "",
                "has both regex and terms; write two entries, or remove one of them",
            ),
            (json!({"name": "", "regex": "a"}), ".name", name),
            (json!({"name": "1a", "regex": "a"}), ".name", name),
            (json!({"name": "a]b", "regex": "a"}), ".name", name),
            (json!({"name": "a b", "regex": "a"}), ".name", name),
            (json!({"name": "a".repeat(29), "regex": "a"}), ".name", name),
            (json!({"name": "CreditCard", "regex": "a"}), ".name", taken),
            (json!({"name": "creditcard", "regex": "a"}), ".name", taken),
            (json!({"name": "credential", "regex": "a"}), ".name", taken),
            (json!({"terms": ["a", ""]}), ".terms[1]", term),
            (json!({"terms": ["a", "b".repeat(129)]}), ".terms[1]", term),
            (json!({"terms": thousand}), ".terms", "has 1001 words; write at most 1000"),
            (json!({"regex": "a", "keywords": ["a", "größe"]}), ".keywords[1]", keyword),
            (json!({"regex": "a", "keywords": ["- -"]}), ".keywords[0]", keyword),
            (
                json!({"terms": ["a"], "entropyTenths": 35}),
                ".entropy",
                "goes with regex alone: words are as they are; remove it, or write a regex",
            ),
            (
                json!({"regex": "a", "entropyTenths": 81}),
                ".entropy",
                "is no entropy; write bits for each character, from 0.1 to 8, such as 3.5",
            ),
            (
                json!({"regex": "a", "window": 0}),
                ".window",
                "is 0; write 1 to 200, how far away a keyword may stand",
            ),
            (
                json!({"regex": "a", "window": 201}),
                ".window",
                "is 201; write 1 to 200, how far away a keyword may stand",
            ),
            (
                json!({"regex": "a", "action": {"partial": {"keepLast": 9}}}),
                ".action.partial.keepLast",
                "is 9; write 1 to 8, or use redact to show nothing",
            ),
            (
                json!({"regex": "a", "action": {"generalize": {"date": "Year"}}}),
                ".action.generalize",
                "does not fit what is found here, which has no known form; write another action",
            ),
        ] {
            let expected = (format!("custom[0]{path}"), message.to_owned());
            assert_eq!(problems(std::slice::from_ref(&custom)), [expected], "{custom}");
        }
        let twice = problems(&[json!({"regex": "a"}), json!({"terms": ["a"]})]);
        let message = "stands twice; give each entry a name of its own";
        assert_eq!(twice, [("custom[1].name".to_owned(), message.to_owned())]);
        let many: Vec<Value> =
            (0..33).map(|number| json!({"name": format!("n{number}"), "regex": "a"})).collect();
        let found = problems(&many);
        assert_eq!(found, [("custom".to_owned(), "has 33 entries; write at most 32".to_owned())]);
    }
}
