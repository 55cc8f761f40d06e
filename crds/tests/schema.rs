//! Holds the generated definitions to what an API server demands of them, and to our own rules for growth.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use lychgate_crds::{ConditionType, definitions, rule, text};
use serde_json::Value;

/// Calls `visit` with each schema in `schema` and its path.
fn walk(path: &str, schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(nested) = schema.get(nested) {
            walk(&format!("{path}[]"), nested, visit);
        }
    }
}

fn each_schema(mut visit: impl FnMut(&str, &Value)) {
    for definition in definitions().unwrap() {
        let schema = &definition.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        walk(definition.kind, schema, &mut visit);
    }
}

fn is_ours(path: &str) -> bool {
    !path.contains(".conditions[]") && !path.contains(".metadata")
}

/// Whether it is of an Approval, which nobody writes as a manifest: its rules say what may change.
fn is_of_approval(path: &str) -> bool {
    path == "Approval" || path.starts_with("Approval.")
}

#[test]
fn schemas_are_structural() {
    each_schema(|path, schema| {
        let int_or_string = schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
        assert!(int_or_string || schema["type"].is_string(), "{path} has no type: {schema}");
        for forbidden in ["$ref", "oneOf", "allOf", "not", "nullable", "uniqueItems", "definitions", "title"]
        {
            assert!(schema.get(forbidden).is_none(), "{path} has {forbidden}: {schema}");
        }
        assert!(int_or_string || schema.get("anyOf").is_none(), "{path} has anyOf: {schema}");
        assert_ne!(schema.get("additionalProperties"), Some(&Value::Bool(false)), "{path}");
        if let Some(format) = schema["format"].as_str() {
            assert!(["int32", "int64", "date-time"].contains(&format), "{path} has the format {format}");
        }
    });
}

#[test]
fn every_field_is_described_and_bounded() {
    each_schema(|path, schema| {
        if !is_ours(path) {
            return;
        }
        let free = schema["type"] == "string" && schema.get("enum").is_none() && path.contains(".spec");
        assert!(!free || schema["maxLength"].is_u64(), "{path} has no bound");
        if path.ends_with("[]") {
            return;
        }
        assert!(schema["description"].is_string(), "{path} has no description");
        if schema["type"] == "array" {
            assert!(schema["maxItems"].is_u64(), "{path} has no bound");
            assert!(schema["x-kubernetes-list-type"].is_string(), "{path} has no list type");
        }
        if schema.get("additionalProperties").is_some() {
            assert!(schema["maxProperties"].is_u64(), "{path} has no bound");
        }
    });
}

#[test]
fn keys_of_lists_are_required_or_have_a_default() {
    each_schema(|path, schema| {
        for key in schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten() {
            let items = &schema["items"];
            let required = items["required"].as_array().is_some_and(|required| required.contains(key));
            assert!(
                required || items["properties"][key.as_str().unwrap()].get("default").is_some(),
                "{path}: {key}"
            );
        }
    });
}

#[test]
fn choices_are_camel_case() {
    each_schema(|path, schema| {
        // Servers of databases go by names of their own, in lower case.
        if path.ends_with(".dialect") {
            return;
        }
        for choice in schema["enum"].as_array().into_iter().flatten() {
            let choice = choice.as_str().unwrap();
            assert!(choice.starts_with(|first: char| first.is_ascii_uppercase()), "{path}: {choice}");
            assert!(choice.chars().all(|character| character.is_ascii_alphanumeric()), "{path}: {choice}");
        }
    });
}

#[test]
fn every_rule_and_every_pattern_is_known() {
    let mut found = Vec::new();
    each_schema(|path, schema| {
        for validation in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            if !is_of_approval(path) {
                found.push(validation["rule"].as_str().unwrap().to_owned());
            }
        }
        if let Some(pattern) = schema["pattern"].as_str() {
            assert!(text::advice_for(pattern).is_some(), "{path}: nothing is said about {pattern}");
        }
    });
    for rule in rule::RULES {
        assert!(found.iter().any(|found| found == rule.expression), "no schema has {}", rule.expression);
    }
    for expression in found {
        assert!(rule::RULES.iter().any(|rule| rule.expression == expression), "{expression} is not listed");
    }
}

#[test]
fn columns_show_conditions_that_exist_and_the_age() {
    for definition in definitions().unwrap() {
        let version = &definition.manifest["spec"]["versions"][0];
        let columns = version["additionalPrinterColumns"].as_array().unwrap();
        assert_eq!(columns.last().unwrap()["name"], "Age", "{}", definition.kind);
        for path in columns.iter().filter_map(|column| column["jsonPath"].as_str()) {
            if let Some((_, rest)) = path.split_once("@.type=='") {
                let name = rest.split('\'').next().unwrap();
                assert!(ConditionType::ALL.iter().any(|known| known.as_str() == name), "{path}");
            }
        }
    }
}

#[test]
fn names_are_those_that_people_type() {
    let found: Vec<(String, String)> = definitions()
        .unwrap()
        .iter()
        .map(|definition| {
            let names = &definition.manifest["spec"]["names"];
            assert_eq!(names["categories"][0], "lychgate");
            assert_eq!(definition.manifest["spec"]["scope"], "Namespaced");
            (
                names["plural"].as_str().unwrap().to_owned(),
                names["shortNames"][0].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("mcpgateways", "mcpgw"),
        ("mcpconnections", "mcpc"),
        ("maskingrules", "mask"),
        ("commandrules", "cmdr"),
        ("approvalpolicies", "appp"),
        ("approvals", "appr"),
    ];
    assert_eq!(found, expected.map(|(plural, short)| (plural.to_owned(), short.to_owned())));
}
