//! One object as it was read: its metadata, and what was found wrong with it so far.

use std::collections::BTreeMap;

use lychgate_crds::{Reason, text};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::node::{Lines, Node, child};
use super::schema::{Checker, unknown_field, wrong_type};
use super::yaml::ReadError;
use crate::inventory::{Entry, Origin};
use crate::problem::{Finding, ObjectKey, Problem, Severity, Source};
use crate::targets::Targets;

/// The namespace of an object that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// The fields of `metadata` (Kubernetes API, ObjectMeta).
const METADATA_FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// One object as it was read.
pub(super) struct Object<'a> {
    pub(super) key: ObjectKey,
    pub(super) node: &'a Node,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) findings: Vec<Finding>,
    /// Whether name and namespace are certain.
    pub(super) is_certain: bool,
    origin: Option<Origin>,
    uid: Option<String>,
    generation: Option<i64>,
    errors: Vec<ReadError>,
}

impl<'a> Object<'a> {
    /// Reads the metadata of an object.
    pub(super) fn new(
        kind: &str,
        node: &'a Node,
        file: Option<&str>,
        errors: Vec<ReadError>,
        checker: &Checker,
    ) -> Self {
        let mut findings = Vec::new();
        let nothing = Node { line: node.line, content: super::node::Content::Mapping(Vec::new()) };
        let metadata = node.get("metadata").unwrap_or(&nothing);
        check_fields("metadata", metadata, &METADATA_FIELDS, &mut findings);
        let name = read_name(metadata, checker, &mut findings);
        let namespace = read_namespace(metadata, checker, &mut findings);
        let is_certain = findings.is_empty();
        let labels = read_texts(metadata, "labels", &mut findings);
        Self {
            key: ObjectKey::new(kind, namespace, name),
            node,
            labels,
            findings,
            is_certain,
            origin: file.map(|file| Origin { file: file.to_owned(), lines: Lines::of(node) }),
            uid: metadata.get_text("uid").map(str::to_owned),
            generation: metadata.get("generation").and_then(|node| node.to_json().as_i64()),
            errors,
        }
    }

    /// Notes what is wrong at fields of which nothing has been said yet.
    pub(super) fn find_further(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if self.findings.iter().all(|known| known.path != finding.path) {
                self.findings.push(finding);
            }
        }
    }

    /// Notes something wrong.
    pub(super) fn find(&mut self, path: &str, reason: Reason, message: impl Into<String>) {
        self.findings.push(Finding::new(path, reason, message));
    }

    /// Where the object begins.
    pub(super) fn source(&self) -> Option<Source> {
        self.origin.as_ref().and_then(|origin| origin.source("kind"))
    }

    /// Gives the value of `spec` its type. After the check by schema it has it, unless something was found.
    pub(super) fn typed<Spec: DeserializeOwned>(&mut self, value: Option<Value>) -> Option<Spec> {
        match serde_path_to_error::deserialize(value?) {
            Ok(spec) => Some(spec),
            Err(_) if !self.findings.is_empty() => None,
            Err(error) => {
                let path = format!("spec.{}", error.path());
                self.find(&path, Reason::InvalidValue, error.inner().to_string());
                None
            }
        }
    }

    /// What is wrong with the object so far.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let errors = self.errors.iter().map(|error| Problem {
            source: self.origin.as_ref().map(|origin| Source { file: origin.file.clone(), line: error.line }),
            object: Some(self.key.clone()),
            path: String::new(),
            reason: error.reason,
            message: error.message.clone(),
            severity: Severity::Error,
        });
        let problem =
            |finding: &Finding| crate::inventory::problem(&self.key, self.origin.as_ref(), finding.clone());
        self.findings.iter().map(problem).chain(errors).collect()
    }

    /// Whether the text itself was ambiguous, as by a key that stands twice.
    pub(super) fn is_ambiguous(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The object for the inventory.
    pub(super) fn into_entry<Spec>(self, spec: Option<Spec>, targets: Targets) -> Entry<Spec> {
        let broken = !self.findings.is_empty() || !self.errors.is_empty();
        let found = self.findings.into_iter().map(|finding| finding.path).collect();
        let Self { key, origin, uid, generation, labels, .. } = self;
        Entry { key, origin, uid, generation, labels, spec, broken, found, targets }
    }
}

/// Notes the members of a mapping that are not among `known`, or that it is no mapping.
pub(super) fn check_fields(path: &str, node: &Node, known: &[&str], findings: &mut Vec<Finding>) {
    let Some(members) = node.members() else {
        findings.push(Finding::new(path, Reason::InvalidValue, wrong_type(node, "a mapping")));
        return;
    };
    for member in members.iter().filter(|member| !known.contains(&member.key.as_str())) {
        let message = unknown_field(&member.key, known.iter().copied());
        findings.push(Finding::new(child(path, &member.key), Reason::UnknownField, message));
    }
}

/// The texts of a mapping of texts, such as `metadata.labels`.
fn read_texts(node: &Node, name: &str, findings: &mut Vec<Finding>) -> BTreeMap<String, String> {
    let path = format!("metadata.{name}");
    let mut texts = BTreeMap::new();
    let Some(mapping) = node.get(name) else { return texts };
    let Some(members) = mapping.members() else {
        findings.push(Finding::new(path, Reason::InvalidValue, wrong_type(mapping, "a mapping")));
        return texts;
    };
    for member in members {
        match member.value.text() {
            Some(text) => {
                texts.insert(member.key.clone(), text.to_owned());
            }
            None => {
                let message = wrong_type(&member.value, "a text");
                findings.push(Finding::new(child(&path, &member.key), Reason::InvalidValue, message));
            }
        }
    }
    texts
}

fn read_name(metadata: &Node, checker: &Checker, findings: &mut Vec<Finding>) -> String {
    let path = "metadata.name";
    let Some(node) = metadata.get("name") else {
        let message = format!("missing; write {}", text::OBJECT_NAME.advice);
        findings.push(Finding::new(path, Reason::MissingField, message));
        return String::new();
    };
    check_name(path, node, &text::OBJECT_NAME, checker, findings)
}

fn read_namespace(metadata: &Node, checker: &Checker, findings: &mut Vec<Finding>) -> String {
    match metadata.get("namespace") {
        Some(node) => check_name("metadata.namespace", node, &text::LABEL, checker, findings),
        None => DEFAULT_NAMESPACE.to_owned(),
    }
}

fn check_name(
    path: &str,
    node: &Node,
    format: &text::Format,
    checker: &Checker,
    findings: &mut Vec<Finding>,
) -> String {
    let Some(name) = node.text() else {
        findings.push(Finding::new(path, Reason::InvalidValue, wrong_type(node, "a text")));
        return String::new();
    };
    if !checker.fits(format, name) {
        let message = format!("not of the right form; write {}", format.advice);
        findings.push(Finding::new(path, Reason::InvalidValue, message));
    }
    name.to_owned()
}
