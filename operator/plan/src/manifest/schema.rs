//! Checks a value by the schema of its kind, as the API server would, with the defaults written in.
//!
//! The command line has no API server, so that what the schema says must be said here: unknown and missing
//! fields, types, forms and sizes, and the constraints of [`super::checks`]. Everything that is wrong is
//! found, not only the first thing.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use lychgate_crds::{Reason, text};
use regex::Regex;
use serde_json::{Map, Value};

use super::checks;
use super::node::{Content, Node, child};
use crate::problem::Finding;
use crate::suggest::nearest;

/// What a check by schema yields.
pub(crate) struct Checked {
    /// The value with defaults and without unknown fields; `None` if its shape is wrong.
    pub(crate) value: Option<Value>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
}

/// Checks values by schema.
pub(crate) struct Checker {
    patterns: BTreeMap<&'static str, Regex>,
}

impl Checker {
    /// A checker that knows the patterns of every text format.
    pub(crate) fn new() -> Self {
        let patterns = text::FORMATS.iter().filter_map(|format| format.pattern);
        let compiled = patterns.filter_map(|pattern| Regex::new(pattern).ok().map(|regex| (pattern, regex)));
        Self { patterns: compiled.collect() }
    }

    /// Checks the value of a field. `kind` and `path` say where the field is.
    pub(crate) fn check(&self, kind: &str, path: &str, node: &Node, schema: &JSONSchemaProps) -> Checked {
        let mut walk = Walk { checker: self, kind, findings: Vec::new() };
        let value = walk.value(path, path, node, schema);
        Checked { value, findings: walk.findings }
    }

    /// Whether a text is of a format.
    pub(crate) fn fits(&self, format: &text::Format, content: &str) -> bool {
        let length = u32::try_from(content.chars().count()).unwrap_or(u32::MAX);
        (format.minimum_length..=format.maximum_length).contains(&length)
            && format.pattern.is_none_or(|pattern| self.matches(pattern, content))
    }

    /// Whether a text matches a pattern. A pattern that is not known matches nothing.
    fn matches(&self, pattern: &str, content: &str) -> bool {
        self.patterns.get(pattern).is_some_and(|regex| regex.is_match(content))
    }
}

struct Walk<'a> {
    checker: &'a Checker,
    kind: &'a str,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn report(&mut self, path: &str, reason: Reason, message: impl Into<String>) {
        self.findings.push(Finding::new(path, reason, message));
    }

    /// Checks one value. `place` is `path` with empty brackets, under which [`checks`] are known.
    fn value(&mut self, path: &str, place: &str, node: &Node, schema: &JSONSchemaProps) -> Option<Value> {
        let found_before = self.findings.len();
        let value = match (schema.type_.as_deref(), &schema.additional_properties) {
            (Some("object"), Some(JSONSchemaPropsOrBool::Schema(item))) => {
                self.mapping(path, place, node, schema, item)
            }
            (Some("object"), _) => self.object(path, place, node, schema),
            (Some("array"), _) => self.list(path, place, node, schema),
            (Some("string"), _) => return self.text(path, place, node, schema),
            (Some("integer"), _) => self.integer(path, node, schema),
            (Some("boolean"), _) => self.boolean(path, node),
            _ => return self.integer_or_text(path, place, node, schema),
        }?;
        if self.findings.len() == found_before {
            self.run_checks(path, place, &value);
        }
        Some(value)
    }

    /// Runs the checks beyond the schema. True if there was nothing to report.
    fn run_checks(&mut self, path: &str, place: &str, value: &Value) -> bool {
        let found = checks::run(self.kind, place, value);
        let clean = found.is_empty();
        for (member, message) in found {
            self.report(&format!("{path}{member}"), Reason::InvalidValue, message);
        }
        clean
    }

    fn object(&mut self, path: &str, place: &str, node: &Node, schema: &JSONSchemaProps) -> Option<Value> {
        let Some(members) = node.members() else {
            self.wrong_type(path, node, "a mapping");
            return None;
        };
        let none = BTreeMap::new();
        let properties = schema.properties.as_ref().unwrap_or(&none);
        let mut object = Map::new();
        let mut whole = true;
        for member in members {
            let path = child(path, &member.key);
            let Some(property) = properties.get(&member.key) else {
                self.report(
                    &path,
                    Reason::UnknownField,
                    unknown_field(&member.key, properties.keys().map(String::as_str)),
                );
                continue;
            };
            match self.value(&path, &child(place, &member.key), &member.value, property) {
                Some(value) => {
                    object.insert(member.key.clone(), value);
                }
                None => whole = false,
            }
        }
        for (name, property) in properties.iter().filter(|(name, _)| node.get(name).is_none()) {
            if let Some(default) = &property.default {
                object.insert(name.clone(), default.0.clone());
            } else if schema.required.iter().flatten().any(|required| required == name) {
                let description = property.description.as_deref().unwrap_or_default();
                self.report(
                    &child(path, name),
                    Reason::MissingField,
                    format!("missing; write it: {description}"),
                );
                whole = false;
            }
        }
        whole.then_some(Value::Object(object))
    }

    /// A mapping of which people choose the keys. A member's path is as for a field, its place has empty
    /// brackets.
    fn mapping(
        &mut self,
        path: &str,
        place: &str,
        node: &Node,
        schema: &JSONSchemaProps,
        item: &JSONSchemaProps,
    ) -> Option<Value> {
        let Some(members) = node.members() else {
            self.wrong_type(path, node, "a mapping");
            return None;
        };
        let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
        if let Some(maximum) = schema.max_properties.filter(|maximum| count > *maximum) {
            let message = format!("{count} entries; write at most {maximum}");
            self.report(path, Reason::InvalidValue, message);
        }
        let item_place = format!("{place}[]");
        let mut object = Some(Map::new());
        for member in members {
            let value = self.value(&child(path, &member.key), &item_place, &member.value, item);
            match value.zip(object.as_mut()) {
                Some((value, object)) => drop(object.insert(member.key.clone(), value)),
                None => object = None,
            }
        }
        object.map(Value::Object)
    }

    fn list(&mut self, path: &str, place: &str, node: &Node, schema: &JSONSchemaProps) -> Option<Value> {
        let Some(nodes) = node.items() else {
            self.wrong_type(path, node, "a list");
            return None;
        };
        let count = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
        if let Some(maximum) = schema.max_items.filter(|maximum| count > *maximum) {
            let message = format!("{count} items; write at most {maximum}");
            self.report(path, Reason::InvalidValue, message);
        }
        if let Some(minimum) = schema.min_items.filter(|minimum| count < *minimum) {
            let message = format!("{count} items; write at least {minimum}");
            self.report(path, Reason::InvalidValue, message);
        }
        let Some(JSONSchemaPropsOrArray::Schema(item_schema)) = &schema.items else { return None };
        let item_place = format!("{place}[]");
        let mut items = Vec::new();
        for (index, item) in nodes.iter().enumerate() {
            items.push(self.value(&format!("{path}[{index}]"), &item_place, item, item_schema));
        }
        self.check_uniqueness(path, &items, schema);
        items.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
    }

    /// No item of a set, and no keys of the items of a map, stand twice.
    fn check_uniqueness(&mut self, path: &str, items: &[Option<Value>], schema: &JSONSchemaProps) {
        let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
        let identity = |item: &Value| match schema.x_kubernetes_list_type.as_deref() {
            Some("set") => Some(vec![item.clone()]),
            Some("map") => keys.iter().map(|key| item.get(key).cloned()).collect(),
            _ => None,
        };
        let identities: Vec<_> = items.iter().map(|item| item.as_ref().and_then(identity)).collect();
        for (index, item) in identities.iter().enumerate().filter(|(_, item)| item.is_some()) {
            if identities.iter().take(index).any(|earlier| earlier == item) {
                let member = if keys.len() == 1 { keys.concat() } else { String::new() };
                let path = if member.is_empty() {
                    format!("{path}[{index}]")
                } else {
                    format!("{path}[{index}].{member}")
                };
                self.report(&path, Reason::InvalidValue, "stands twice; remove one of the two");
            }
        }
    }

    fn text(&mut self, path: &str, place: &str, node: &Node, schema: &JSONSchemaProps) -> Option<Value> {
        let Some(content) = node.text() else {
            self.wrong_type(path, node, "a text");
            return None;
        };
        let value = Value::String(content.to_owned());
        if let Some(choices) = &schema.enum_ {
            let choices: Vec<&str> = choices.iter().filter_map(|choice| choice.0.as_str()).collect();
            if !choices.contains(&content) {
                self.report(path, Reason::InvalidValue, not_a_choice(content, &choices));
                return None;
            }
            return Some(value);
        }
        self.check_text(path, place, &value, content, schema);
        Some(value)
    }

    /// Length, then what is special to the field, then the pattern: the most telling message comes first.
    fn check_text(
        &mut self,
        path: &str,
        place: &str,
        value: &Value,
        content: &str,
        schema: &JSONSchemaProps,
    ) {
        let length = i64::try_from(content.chars().count()).unwrap_or(i64::MAX);
        let advice = schema.pattern.as_deref().and_then(text::advice_for);
        if schema.min_length.is_some_and(|minimum| length < minimum) {
            let advice = advice.unwrap_or("a value, or remove the line");
            self.report(path, Reason::InvalidValue, format!("is empty; write {advice}"));
        } else if let Some(maximum) = schema.max_length.filter(|maximum| length > *maximum) {
            let message = format!("{length} characters long; write at most {maximum}");
            self.report(path, Reason::InvalidValue, message);
        } else if self.run_checks(path, place, value)
            && schema.pattern.as_deref().is_some_and(|pattern| !self.checker.matches(pattern, content))
        {
            let advice = advice.unwrap_or("a value of the form that the reference names");
            self.report(path, Reason::InvalidValue, format!("not of the right form; write {advice}"));
        }
    }

    fn integer(&mut self, path: &str, node: &Node, schema: &JSONSchemaProps) -> Option<Value> {
        let Content::Number(number, _) = &node.content else {
            self.wrong_type(path, node, "a whole number");
            return None;
        };
        let Some(integer) = number.as_i64() else {
            self.report(path, Reason::InvalidValue, "write a whole number");
            return None;
        };
        let (minimum, maximum) = (schema.minimum.unwrap_or(f64::MIN), schema.maximum.unwrap_or(f64::MAX));
        // Bounds in schemas are small, so that nothing is lost on the way to a float.
        #[allow(clippy::cast_precision_loss, reason = "a number beyond 2^53 is out of bounds either way")]
        if !(minimum..=maximum).contains(&(integer as f64)) {
            self.report(
                path,
                Reason::InvalidValue,
                format!("write a whole number between {minimum} and {maximum}"),
            );
            return None;
        }
        Some(Value::Number(number.clone()))
    }

    fn boolean(&mut self, path: &str, node: &Node) -> Option<Value> {
        match &node.content {
            Content::Boolean(boolean, _) => Some(Value::Bool(*boolean)),
            Content::Null
            | Content::Number(..)
            | Content::Text(_)
            | Content::List(_)
            | Content::Mapping(_) => {
                self.wrong_type(path, node, "true or false");
                None
            }
        }
    }

    fn integer_or_text(
        &mut self,
        path: &str,
        place: &str,
        node: &Node,
        schema: &JSONSchemaProps,
    ) -> Option<Value> {
        match &node.content {
            Content::Number(number, _) if number.is_i64() || number.is_u64() => {
                let value = Value::Number(number.clone());
                self.run_checks(path, place, &value);
                Some(value)
            }
            Content::Text(_) => self.text(path, place, node, schema),
            Content::Null
            | Content::Boolean(..)
            | Content::Number(..)
            | Content::List(_)
            | Content::Mapping(_) => {
                self.wrong_type(path, node, "a whole number or a text");
                None
            }
        }
    }

    fn wrong_type(&mut self, path: &str, node: &Node, expected: &str) {
        self.report(path, Reason::InvalidValue, wrong_type(node, expected));
    }
}

/// What to say of a value that is not what was expected. Only bare words and numbers are shown.
pub(crate) fn wrong_type(node: &Node, expected: &str) -> String {
    match &node.content {
        Content::Null => format!("nothing is written; write {expected}, or remove the line"),
        Content::Boolean(boolean, spelling)
            if expected.ends_with("a text") && *spelling != boolean.to_string() =>
        {
            format!(
                "YAML 1.1, as kubectl reads it, takes a bare {spelling} for {boolean}; write it in quotes: \"{spelling}\""
            )
        }
        Content::Boolean(_, spelling) | Content::Number(_, spelling) if expected.ends_with("a text") => {
            format!("is {}; write it in quotes: \"{spelling}\"", node.kind())
        }
        Content::Text(content)
            if expected == "true or false" && matches!(content.as_str(), "true" | "false") =>
        {
            "is a text; write it without quotes".to_owned()
        }
        Content::Boolean(..)
        | Content::Number(..)
        | Content::Text(_)
        | Content::List(_)
        | Content::Mapping(_) => format!("is {}; write {expected}", node.kind()),
    }
}

pub(crate) fn unknown_field<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(written, known.iter().copied()) {
        Some(near) => format!("there is no such field; did you mean {near}?"),
        None if known.is_empty() => "there is no such field; write {}".to_owned(),
        None => format!("there is no such field; write one of {}", known.join(", ")),
    }
}

fn not_a_choice(written: &str, choices: &[&str]) -> String {
    let choices_listed = choices.join(", ");
    match nearest(written, choices.iter().copied()) {
        Some(near) => format!("write one of {choices_listed}; did you mean {near}?"),
        None => format!("write one of {choices_listed}"),
    }
}
