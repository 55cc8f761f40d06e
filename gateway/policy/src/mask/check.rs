//! What is wrong with a MaskingRule: every fault, each at its field, with what to write instead.
//!
//! Paths are spelled as in the MaskingRule's `spec`, so that the operator, `lychgate validate` and the
//! gateway show one and the same text. Nothing is compiled for later here.

mod actions;
mod custom;

use self::actions::{check_action, check_action_of_detector, check_action_of_field};
use self::custom::check_customs;
pub use self::custom::{MAXIMUM_TERM, MAXIMUM_TERMS};
use super::rule::whole_value;
use crate::compile::{MESSAGE_BYTES, Problem};
use crate::config::{Action, Detector, Direction, Exclude, Field, MaskingRule};
use crate::path::Path;
use crate::when;

/// How many texts inside each other may be opened as JSON.
const MAXIMUM_NESTING: u32 = 3;

/// Everything that is wrong with `rule`, at paths relative to it such as
/// `detectors[0].action.partial.keepLast`. None if it can be compiled.
#[must_use]
pub fn check_rule(rule: &MaskingRule) -> Vec<Problem> {
    let mut problems = Vec::new();
    if rule.name.is_empty() {
        problems.push(Problem::new("name", "is empty; write the name by which records call the rule"));
    }
    if rule.directions.is_empty() {
        problems.push(Problem::new(
            "directions",
            "is empty, so nothing is masked; write Response, Request or both",
        ));
    }
    if rule.message_bytes.is_some_and(|bytes| !MESSAGE_BYTES.contains(&bytes)) {
        problems.push(Problem::new("limits.messageBytes", "write a size between 1Ki and 64Mi"));
    }
    check_names(&rule.matching.tools, "match.tools", "tool", &mut problems);
    check_names(&rule.matching.resources, "match.resources", "resource", &mut problems);
    when::check_without_arguments(rule.matching.when.as_deref(), "match.when", &mut problems);
    if rule.detectors.is_empty() && rule.custom.is_empty() && rule.fields.is_empty() {
        problems.push(Problem::new(
            "detectors",
            "nothing is looked for; add an entry here, under custom or under fields",
        ));
    }
    for (index, detector) in rule.detectors.iter().enumerate() {
        check_detector(detector, &format!("detectors[{index}]"), &mut problems);
    }
    check_customs(&rule.custom, &mut problems);
    for (index, field) in rule.fields.iter().enumerate() {
        check_field(field, &format!("fields[{index}]"), &mut problems);
    }
    check_tokens(rule, &mut problems);
    check_exclude(&rule.exclude, &mut problems);
    if rule.decode.nested_json > MAXIMUM_NESTING {
        let message = format!("is {}; write 0 to {MAXIMUM_NESTING}", rule.decode.nested_json);
        problems.push(Problem::new("decode.nestedJson", message));
    }
    problems
}

/// On its way to the server a token becomes the value again: nothing of a request could become one.
fn check_tokens(rule: &MaskingRule, problems: &mut Vec<Problem>) {
    if !rule.directions.contains(&Direction::Request) {
        return;
    }
    let of_detectors = rule.detectors.iter().map(|detector| &detector.action).enumerate();
    let of_customs = rule.custom.iter().map(|custom| &custom.action).enumerate();
    let of_fields = rule.fields.iter().map(|field| &field.action).enumerate();
    let lists = of_detectors.map(|it| ("detectors", it)).chain(of_customs.map(|it| ("custom", it)));
    for (list, (index, action)) in lists.chain(of_fields.map(|it| ("fields", it))) {
        if matches!(action, Action::Tokenize {}) {
            problems.push(Problem::new(
                format!("{list}[{index}].action.tokenize"),
                "is for answers alone, since a token becomes the value again on its way to the server; write directions: \
                 [Response], and another rule for requests",
            ));
        }
    }
}

/// Patterns over names of things of one kind.
fn check_names(patterns: &[String], list: &str, thing: &str, problems: &mut Vec<Problem>) {
    for (index, pattern) in patterns.iter().enumerate() {
        let path = format!("{list}[{index}]");
        match pattern.strip_prefix('!') {
            Some("") => {
                problems.push(Problem::new(path, "excludes nothing; write a name or pattern behind the `!`"))
            }
            Some(twice) if twice.starts_with('!') => {
                problems.push(Problem::new(
                    path,
                    "begins with more than one `!`; write one to exclude, none to include",
                ));
            }
            None if pattern.is_empty() => {
                let message =
                    format!("is empty, which matches no {thing}; write a name, or * for every {thing}");
                problems.push(Problem::new(path, message));
            }
            Some(_) | None => {}
        }
    }
    if !patterns.is_empty() && patterns.iter().all(|pattern| pattern.starts_with('!')) {
        let message = format!("only excludes, so no {thing} matches; put \"*\" before the exclusions");
        problems.push(Problem::new(list, message));
    }
}

fn check_detector(detector: &Detector, path: &str, problems: &mut Vec<Problem>) {
    match (detector.kind, detector.group) {
        (None, None) => problems.push(Problem::new(path, "says not what to look for; add type or group")),
        (Some(_), Some(_)) => {
            problems.push(Problem::new(
                path,
                "has both type and group; write two entries, or remove one of them",
            ));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    check_action(&detector.action, &format!("{path}.action"), problems);
    check_action_of_detector(detector, &format!("{path}.action"), problems);
}

fn check_field(field: &Field, path: &str, problems: &mut Vec<Problem>) {
    let ways = [field.json_path.is_some(), !field.keys.is_empty(), !field.columns.is_empty()];
    match ways.into_iter().filter(|is_written| *is_written).count() {
        0 => problems.push(Problem::new(path, "says not which values; add jsonPath, keys or columns")),
        1 => {}
        _ => problems.push(Problem::new(
            path,
            "has more than one of jsonPath, keys and columns; write an entry for each",
        )),
    }
    if let Some(text) = &field.json_path {
        check_path(text, format!("{path}.jsonPath"), problems);
    }
    for (list, patterns) in [("keys", &field.keys), ("columns", &field.columns)] {
        for (index, _) in patterns.iter().enumerate().filter(|(_, pattern)| pattern.is_empty()) {
            let path = format!("{path}.{list}[{index}]");
            problems.push(Problem::new(
                path,
                "is empty, which matches no name; write a name or a pattern such as *password*",
            ));
        }
    }
    check_action(&field.action, &format!("{path}.action"), problems);
    check_action_of_field(field, &format!("{path}.action"), problems);
}

fn check_exclude(exclude: &Exclude, problems: &mut Vec<Problem>) {
    for (index, text) in exclude.fields.iter().enumerate() {
        check_path(text, format!("exclude.fields[{index}]"), problems);
    }
    for (index, _) in exclude.values.exact.iter().enumerate().filter(|(_, value)| value.is_empty()) {
        let path = format!("exclude.values.exact[{index}]");
        problems.push(Problem::new(
            path,
            "is empty, and nothing empty is masked; write a value or remove the line",
        ));
    }
    for (index, pattern) in exclude.values.regex.iter().enumerate() {
        if let Err(error) = whole_value(pattern) {
            let path = format!("exclude.values.regex[{index}]");
            problems.push(Problem::new(path, format!("{}; write a pattern in RE2 syntax", reason(&error))));
        }
    }
    for (index, group) in exclude.callers.groups.iter().enumerate() {
        let path = format!("exclude.callers.groups[{index}]");
        match group.as_str() {
            "" => problems.push(Problem::new(
                path,
                "is empty, which is no group; write a group's name or remove the line",
            )),
            "*" => problems.push(Problem::new(path, "`*` is no pattern here; write the names of groups")),
            _ => {}
        }
    }
}

fn check_path(text: &str, path: String, problems: &mut Vec<Problem>) {
    if let Err(error) = Path::parse(text) {
        problems.push(Problem::new(path, error.to_string()));
    }
}

/// What is wrong with a pattern, in one line: the error's own text draws the pattern over several.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::Syntax(text) => {
            let last = text.lines().last().unwrap_or_default();
            format!("is no regular expression ({})", last.trim().trim_start_matches("error: "))
        }
        regex::Error::CompiledTooBig(bytes) => format!("takes more than {bytes} bytes when compiled"),
        _ => "cannot be compiled".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::check_rule;
    use crate::config::MaskingRule;
    use crate::mask::compile;

    /// The problems of a good rule with one member replaced.
    fn problems(member: &str, value: &str) -> Vec<(String, String)> {
        let mut rule: serde_json::Value = serde_json::from_str(
            r#"{"name":"r","directions":["Response"],"detectors":[{"type":"Email","action":{"redact":{}}}]}"#,
        )
        .unwrap();
        if !member.is_empty() {
            rule.as_object_mut().unwrap().insert(member.to_owned(), serde_json::from_str(value).unwrap());
        }
        let rule: MaskingRule = serde_json::from_value(rule).unwrap();
        let found = check_rule(&rule);
        let compiled = compile(&[MaskingRule::default(), rule]).unwrap_err();
        let of_second = compiled.iter().filter(|problem| problem.path.starts_with("masking[1]"));
        assert_eq!(of_second.count(), found.len(), "compile finds what check_rule finds");
        found.into_iter().map(|problem| (problem.path, problem.message)).collect()
    }

    #[test]
    fn a_good_rule_has_no_problems() {
        for (member, value) in [
            ("", ""),
            ("directions", r#"["Request","Response"]"#),
            ("match", r#"{"tools":["query*","!query_all"]}"#),
            ("match", r#"{"resources":["db://*"],"when":"!('dba' in caller.groups)"}"#),
            ("messageBytes", "1024"),
            ("custom", r#"[{"name":"a","regex":"b","action":{"tokenize":{}}}]"#),
            ("failOpen", "true"),
            ("detectors", r#"[{"group":"Secrets","action":{"replace":{"string":""}}}]"#),
            (
                "fields",
                r#"[{"jsonPath":"$.a[*]","action":{"replace":{"number":-1}}},{"keys":["*"],"action":{"partial":{"keepLast":8}}}]"#,
            ),
            (
                "exclude",
                r#"{"fields":["$"],"values":{"exact":["a"],"regex":["a|b"]},"callers":{"groups":["g"]}}"#,
            ),
        ] {
            assert_eq!(problems(member, value), [], "{member} {value}");
        }
    }

    #[test]
    fn each_wrong_pattern_and_condition_is_named_with_what_to_write() {
        for (member, value, path, message) in [
            (
                "match",
                r#"{"tools":[""]}"#,
                "match.tools[0]",
                "is empty, which matches no tool; write a name, or * for every tool",
            ),
            (
                "match",
                r#"{"tools":["*","!"]}"#,
                "match.tools[1]",
                "excludes nothing; write a name or pattern behind the `!`",
            ),
            (
                "match",
                r#"{"tools":["*","!!a"]}"#,
                "match.tools[1]",
                "begins with more than one `!`; write one to exclude, none to include",
            ),
            (
                "match",
                r#"{"tools":["!a","!b"]}"#,
                "match.tools",
                "only excludes, so no tool matches; put \"*\" before the exclusions",
            ),
            (
                "match",
                r#"{"resources":[""]}"#,
                "match.resources[0]",
                "is empty, which matches no resource; write a name, or * for every resource",
            ),
            (
                "match",
                r#"{"resources":["!db://*"]}"#,
                "match.resources",
                "only excludes, so no resource matches; put \"*\" before the exclusions",
            ),
            (
                "match",
                r#"{"when":"args.schema == 'payroll'"}"#,
                "match.when",
                "asks about args, which an answer does not have; ask about caller, tool, connection or now",
            ),
        ] {
            assert_eq!(problems(member, value), [(path.to_owned(), message.to_owned())], "{member} {value}");
        }
    }

    #[test]
    fn each_wrong_field_is_named_with_what_to_write() {
        for (member, value, path, message) in [
            ("name", r#""""#, "name", "is empty; write the name by which records call the rule"),
            (
                "directions",
                "[]",
                "directions",
                "is empty, so nothing is masked; write Response, Request or both",
            ),
            ("decode", r#"{"nestedJson":4}"#, "decode.nestedJson", "is 4; write 0 to 3"),
            ("messageBytes", "1023", "limits.messageBytes", "write a size between 1Ki and 64Mi"),
            (
                "detectors",
                "[]",
                "detectors",
                "nothing is looked for; add an entry here, under custom or under fields",
            ),
            (
                "detectors",
                r#"[{"action":{"redact":{}}}]"#,
                "detectors[0]",
                "says not what to look for; add type or group",
            ),
            (
                "detectors",
                r#"[{"type":"Email","group":"Secrets","action":{"redact":{}}}]"#,
                "detectors[0]",
                "has both type and group; write two entries, or remove one of them",
            ),
            (
                "detectors",
                r#"[{"type":"Email","action":{"replace":{}}}]"#,
                "detectors[0].action.replace",
                "gives nothing; add string or number",
            ),
            (
                "detectors",
                r#"[{"type":"Email","action":{"replace":{"string":"a","number":1}}}]"#,
                "detectors[0].action.replace",
                "has both string and number; remove one of them",
            ),
            (
                "detectors",
                r#"[{"type":"Email","action":{"partial":{"keepLast":0}}}]"#,
                "detectors[0].action.partial.keepLast",
                "is 0; write 1 to 8, or use redact to show nothing",
            ),
            (
                "fields",
                r#"[{"keys":["a"],"action":{"partial":{"keepLast":9}}}]"#,
                "fields[0].action.partial.keepLast",
                "is 9; write 1 to 8, or use redact to show nothing",
            ),
            (
                "fields",
                r#"[{"action":{"redact":{}}}]"#,
                "fields[0]",
                "says not which values; add jsonPath, keys or columns",
            ),
            (
                "fields",
                r#"[{"jsonPath":"$.a","keys":["a"],"action":{"redact":{}}}]"#,
                "fields[0]",
                "has more than one of jsonPath, keys and columns; write an entry for each",
            ),
            (
                "fields",
                r#"[{"jsonPath":"$.rows[?@.a == ]","action":{"redact":{}}}]"#,
                "fields[0].jsonPath",
                "at character 16: write a path that begins with `@`, a value, or a function",
            ),
            (
                "fields",
                r#"[{"keys":["a",""],"action":{"redact":{}}}]"#,
                "fields[0].keys[1]",
                "is empty, which matches no name; write a name or a pattern such as *password*",
            ),
            (
                "fields",
                r#"[{"columns":[""],"action":{"redact":{}}}]"#,
                "fields[0].columns[0]",
                "is empty, which matches no name; write a name or a pattern such as *password*",
            ),
            (
                "fields",
                r#"[{"columns":["a"],"keys":["a"],"action":{"redact":{}}}]"#,
                "fields[0]",
                "has more than one of jsonPath, keys and columns; write an entry for each",
            ),
            (
                "exclude",
                r#"{"fields":["$.a","a"]}"#,
                "exclude.fields[1]",
                "at character 1: a path begins with `$`, the root, as in $.rows[*].name",
            ),
            (
                "exclude",
                r#"{"values":{"exact":[""]}}"#,
                "exclude.values.exact[0]",
                "is empty, and nothing empty is masked; write a value or remove the line",
            ),
            (
                "exclude",
                r#"{"values":{"regex":["ok","a("]}}"#,
                "exclude.values.regex[1]",
                "is no regular expression (unclosed group); write a pattern in RE2 syntax",
            ),
            (
                "exclude",
                r#"{"values":{"regex":["a)|(b"]}}"#,
                "exclude.values.regex[0]",
                "is no regular expression (unopened group); write a pattern in RE2 syntax",
            ),
            (
                "exclude",
                r#"{"values":{"regex":["(\\w{1000}){1000}"]}}"#,
                "exclude.values.regex[0]",
                "takes more than 1048576 bytes when compiled; write a pattern in RE2 syntax",
            ),
            (
                "exclude",
                r#"{"callers":{"groups":[""]}}"#,
                "exclude.callers.groups[0]",
                "is empty, which is no group; write a group's name or remove the line",
            ),
            (
                "exclude",
                r#"{"callers":{"groups":["*"]}}"#,
                "exclude.callers.groups[0]",
                "`*` is no pattern here; write the names of groups",
            ),
        ] {
            assert_eq!(problems(member, value), [(path.to_owned(), message.to_owned())], "{member} {value}");
        }
        let long =
            format!(r#"[{{"type":"Email","action":{{"replace":{{"string":"{}"}}}}}}]"#, "x".repeat(257));
        assert_eq!(
            problems("detectors", &long),
            [(
                "detectors[0].action.replace.string".to_owned(),
                "is longer than 256 characters; write a shorter text".to_owned()
            )]
        );
    }

    #[test]
    fn a_rule_for_requests_has_no_tokens() {
        let rule = serde_json::json!({
            "name": "r",
            "directions": ["Request", "Response"],
            "detectors": [{"type": "Email", "action": {"tokenize": {}}}, {"type": "Iban", "action": {"redact": {}}}],
            "custom": [{"name": "a", "regex": "b", "action": {"tokenize": {}}}],
            "fields": [{"keys": ["a"], "action": {"redact": {}}}, {"columns": ["a"], "action": {"tokenize": {}}}],
        });
        let mut rule: MaskingRule = serde_json::from_value(rule).unwrap();
        let paths = |rule: &MaskingRule| -> Vec<String> {
            check_rule(rule).into_iter().map(|problem| problem.path).collect()
        };
        let expected =
            ["detectors[0].action.tokenize", "custom[0].action.tokenize", "fields[1].action.tokenize"];
        assert_eq!(paths(&rule), expected);
        rule.directions.remove(0);
        assert_eq!(paths(&rule), [""; 0]);
    }

    #[test]
    fn all_problems_are_found_and_compile_names_the_rule() {
        let rule = MaskingRule { name: "r".into(), ..MaskingRule::default() };
        assert_eq!(check_rule(&rule).len(), 2);
        let problems = compile(&[rule.clone(), rule]).unwrap_err();
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "masking[0].directions",
                "masking[0].detectors",
                "masking[1].directions",
                "masking[1].detectors"
            ]
        );
    }
}
