//! For every field of every kind, values that are wrong: each is refused at that very field, with its line,
//! and with what to write instead.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod rows;
mod support;

use std::collections::BTreeSet;

use lychgate_crds::rule::RULES;
use lychgate_operator_plan::Severity;
use serde_json::Value;

use rows::{combined_rows, rows};
use support::{FULL, check, complete, documents, of_kind, place, set, write};

/// What is said of the full objects after some fields of the first object of a kind were changed: messages
/// at `path`, each with its line.
fn said(kind: &str, changes: &[(&str, Option<Value>)], path: &str) -> Vec<String> {
    let mut objects = documents(FULL);
    for (changed, value) in changes {
        set(of_kind(&mut objects, kind), changed, value.clone());
    }
    let (problems, _) = check(&write(&objects), &complete());
    let here = problems.iter().filter(|problem| problem.path == path && problem.severity == Severity::Error);
    here.filter(|problem| problem.object.as_ref().is_some_and(|object| object.kind == kind))
        .map(|problem| {
            assert!(problem.source.as_ref().is_some_and(|source| source.line > 1), "{problem} has no line");
            problem.message.clone()
        })
        .collect()
}

#[test]
fn the_full_objects_are_valid() {
    let (problems, validated) = check(FULL, &complete());
    assert_eq!(problems, []);
    assert_eq!(validated.connections.len(), 1);
}

#[test]
fn each_wrong_value_is_refused_at_its_field_with_what_to_write() {
    let mut failures = Vec::new();
    for (kind, (written, value, reported, part)) in rows() {
        let path = if reported.is_empty() { written } else { reported };
        let said = said(kind, &[(written, Some(value.clone()))], path);
        if said.len() != 1 || !said[0].contains(part) {
            failures.push(format!("{kind} {written}: {value}: at {path} is said {said:?}, not {part:?}"));
        }
    }
    for (kind, changes, path, part) in combined_rows() {
        let said = said(kind, &changes, path);
        if said.len() != 1 || !said[0].contains(part) {
            failures.push(format!("{kind} {changes:?}: at {path} is said {said:?}, not {part:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_wrong_value_is_known_for_every_field() {
    let mut covered = BTreeSet::new();
    for (kind, (written, _, reported, _)) in rows() {
        covered.insert(format!("{kind} {}", place(written)));
        covered.insert(format!("{kind} {}", place(reported)));
    }
    let mut missing = Vec::new();
    // Nobody writes an Approval.
    let definitions = lychgate_crds::definitions().unwrap();
    for definition in definitions.into_iter().filter(|definition| definition.kind != "Approval") {
        let schema =
            &definition.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        collect_fields(&format!("{} spec", definition.kind), schema, &mut missing);
    }
    missing.retain(|field| !covered.contains(field));
    assert_eq!(missing, Vec::<String>::new(), "no wrong value is known for these");
}

fn collect_fields(path: &str, schema: &Value, fields: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        collect_fields(&path, property, fields);
        collect_fields(&format!("{path}[]"), &property["items"], fields);
        fields.push(path);
    }
}

#[test]
fn a_wrong_value_is_known_for_every_rule() {
    let mut violated = BTreeSet::new();
    let single = rows().map(|(kind, (written, value, reported, _))| {
        let path = if reported.is_empty() { written } else { reported };
        said(kind, &[(written, Some(value))], path)
    });
    let combined = combined_rows().into_iter().map(|(kind, changes, path, _)| said(kind, &changes, path));
    for message in single.chain(combined).flatten() {
        violated.insert(message);
    }
    for rule in RULES {
        // What is wrong may be said more precisely than CEL can; what to write is the same.
        let advice = rule.message.rsplit("; ").next().unwrap();
        assert!(
            violated.iter().any(|message| message.contains(advice)),
            "no wrong value is known for: {advice}"
        );
    }
}
