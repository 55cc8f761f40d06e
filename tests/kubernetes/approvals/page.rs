//! What `docs/approvals.md` quotes of refusals, held against the texts that refuse: those of the definition and of the
//! chart's policies.

use serde_json::Value;

use crate::chart::{name, objects, of_kind, render};
use crate::support::workspace;

/// The one that comes from the API server itself; `deciders` meets it there.
const OF_THE_API_SERVER: &str = r#"cannot patch resource "approvals""#;
/// What no approver meets: it is about who makes an Approval, or the definition has refused it before.
const OF_OTHERS: [&str; 3] = [
    "an Approval begins without votes",
    "spec.request.policyRefs: at most",
    "spec.request and spec.required never change",
];
/// What stands for whatever an expression puts there.
const HOLE: char = '…';

#[test]
fn every_refusal_that_the_page_quotes_is_one() {
    let texts = all_texts();
    let quoted = quoted();
    assert!(quoted.len() > 20, "{quoted:?}");
    for quote in quoted.iter().filter(|quote| *quote != OF_THE_API_SERVER) {
        assert!(texts.iter().any(|text| text.contains(quote)), "nothing refuses with `{quote}`");
    }
}

#[test]
fn the_page_has_every_refusal_of_a_vote() {
    let quoted = quoted();
    let votes = policies().into_iter().find(|policy| name(policy).starts_with("approval-votes."));
    let mut count = 0;
    for validation in votes.unwrap()["spec"]["validations"].as_array().unwrap() {
        let text = text_of(validation);
        let is_quoted = quoted.iter().any(|quote| text.contains(quote));
        let is_of_others = OF_OTHERS.iter().any(|other| text.starts_with(other));
        assert!(is_quoted != is_of_others, "quoted: {is_quoted}, `{text}`");
        count += 1;
    }
    assert!(count > 20, "{count} validations");
}

/// The quotes of the page's table of refusals, without holes at their ends.
fn quoted() -> Vec<String> {
    let page = std::fs::read_to_string(workspace().join("docs/approvals.md")).unwrap();
    let section = page.split_once("## When you are refused").unwrap().1.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(2);
    let first_cells = rows.map(|row| row.split(" | ").next().unwrap());
    let quotes = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quotes.map(|quote| quote.trim_matches([HOLE, ' ']).to_owned()).collect()
}

fn policies() -> Vec<Value> {
    let rendered = render("admissionPolicies: {mailbox: Always}");
    let policies = of_kind(&rendered, "ValidatingAdmissionPolicy");
    policies.filter(|policy| name(policy).starts_with("approval-")).cloned().collect()
}

/// Everything that an Approval can be refused with.
fn all_texts() -> Vec<String> {
    let definition = std::fs::read_to_string(workspace().join("crds/yaml/approvals.yaml")).unwrap();
    let mut texts = Vec::new();
    for object in objects(&definition).iter().chain(&policies()) {
        collect(object, &mut texts);
    }
    texts
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    if value["messageExpression"].is_string() || value["message"].is_string() {
        texts.push(text_of(value));
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a rule refuses with, with a hole for everything that is filled in.
fn text_of(rule: &Value) -> String {
    let Some(expression) = rule["messageExpression"].as_str() else {
        return rule["message"].as_str().unwrap().to_owned();
    };
    let mut text = String::new();
    let mut is_literal = false;
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if is_literal => text.extend(characters.next()),
            '\'' => is_literal = !is_literal,
            _ if is_literal => text.push(character),
            ' ' | '+' | '\n' => {}
            _ if text.ends_with(HOLE) => {}
            _ => text.push(HOLE),
        }
    }
    text
}
