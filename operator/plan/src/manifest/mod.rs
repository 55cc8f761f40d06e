//! From manifests to an [`Inventory`]: everything that can be said of each object by itself.
//!
//! Objects of our kinds are checked by their schemas ([`schema`]) and by the rules for single fields
//! ([`checks`]); Secrets and ConfigMaps are taken for what they hold ([`data`]), Services for where they lead,
//! Namespaces for their labels; all other kinds are none of our business and are noted. What objects say of each
//! other is checked in [`crate::validate`].

mod checks;
mod data;
pub(crate) mod node;
mod object;
mod schema;
mod targets;
mod yaml;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lychgate_crds::masking::MaskingRuleSpec;
use lychgate_crds::text::Format;
use lychgate_crds::{API_VERSION, Definition, GROUP, Reason};
use serde_json::Value;

use self::node::Node;
use self::object::{Object, check_fields};
use self::schema::Checker;
use self::yaml::ReadError;
use crate::inventory::{Entry, Inventory};
use crate::problem::{Finding, ObjectKey, Problem, Severity, Source};
use crate::service::Service;
use crate::suggest::nearest;
use crate::targets::Targets;
use crate::terms;
use crate::{command, masking};

/// A file of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The file's name, as problems show it.
    pub name: String,
    /// What it holds: YAML, of any number of documents, or JSON.
    pub text: String,
}

/// What was read.
pub struct Loaded {
    /// The objects.
    pub inventory: Inventory,
    /// What is wrong with them, each taken by itself.
    pub problems: Vec<Problem>,
    /// Objects of other kinds, such as `Deployment default/web`, and where they stand. They are not checked.
    pub ignored: Vec<(Option<Source>, ObjectKey)>,
}

/// Reads files of manifests.
#[must_use]
pub fn load(files: &[SourceFile]) -> Loaded {
    let mut loader = Loader::new();
    for file in files {
        let (documents, failures) = yaml::read(&file.text);
        for document in documents {
            loader.add_document(&document.node, &file.name, document.errors);
        }
        for failure in failures {
            loader.add_failure(Some(&file.name), failure);
        }
    }
    loader.finish()
}

/// Reads objects as the API server gives them.
#[must_use]
pub fn load_objects<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Loaded {
    let mut loader = Loader::new();
    for object in objects {
        loader.add_object(&Node::from_json(object), None, Vec::new());
    }
    loader.finish()
}

/// Whether a text is of a format.
pub(crate) fn fits(format: &Format, text: &str) -> bool {
    CHECKER.fits(format, text)
}

/// Compiled patterns, which are the same for every check.
static CHECKER: LazyLock<Checker> = LazyLock::new(Checker::new);

/// The kind that nobody writes.
const MADE_BY_GATEWAYS: &str = "Approval";

/// The schemas of our kinds. Without them every object counts as one of an unknown kind, and nothing is
/// accepted.
static DEFINITIONS: LazyLock<BTreeMap<&'static str, Definition>> = LazyLock::new(|| {
    let definitions = lychgate_crds::definitions().unwrap_or_default();
    let written = definitions.into_iter().filter(|definition| definition.kind != MADE_BY_GATEWAYS);
    written.map(|definition| (definition.kind, definition)).collect()
});

struct Loader {
    loaded: Loaded,
}

impl Loader {
    fn new() -> Self {
        let loaded = Loaded { inventory: Inventory::default(), problems: Vec::new(), ignored: Vec::new() };
        Self { loaded }
    }

    fn finish(self) -> Loaded {
        let Loaded { mut inventory, mut problems, ignored } = self.loaded;
        problems.extend(mark_duplicates(&mut inventory.gateways));
        problems.extend(mark_duplicates(&mut inventory.connections));
        problems.extend(mark_duplicates(&mut inventory.masking_rules));
        problems.extend(mark_duplicates(&mut inventory.command_rules));
        problems.extend(mark_duplicates(&mut inventory.approval_policies));
        problems.extend(mark_duplicates(&mut inventory.secrets));
        problems.extend(mark_duplicates(&mut inventory.config_maps));
        problems.extend(mark_duplicates(&mut inventory.services));
        problems.extend(mark_duplicates(&mut inventory.namespaces));
        problems.extend(terms::resolve(&mut inventory));
        inventory.problems.clone_from(&problems);
        Loaded { inventory, problems, ignored }
    }

    /// A document is an object, a list of objects, or empty.
    fn add_document(&mut self, node: &Node, file: &str, errors: Vec<ReadError>) {
        let is_list = node.get_text("kind").is_some_and(|kind| kind.ends_with("List"));
        match node.get("items").and_then(Node::items).filter(|_| is_list) {
            Some(items) => {
                for error in errors {
                    self.add_failure(Some(file), error);
                }
                for item in items {
                    self.add_object(item, Some(file), Vec::new());
                }
            }
            None if matches!(node.content, node::Content::Null) => {}
            None => self.add_object(node, Some(file), errors),
        }
    }

    fn add_object(&mut self, node: &Node, file: Option<&str>, errors: Vec<ReadError>) {
        let (Some(api_version), Some(kind)) = (node.get_text("apiVersion"), node.get_text("kind")) else {
            let message = "not a Kubernetes object; write apiVersion and kind".to_owned();
            self.add_failure(file, ReadError { line: node.line, reason: Reason::InvalidSyntax, message });
            return;
        };
        let object = Object::new(kind, node, file, errors, &CHECKER);
        match (api_version, kind) {
            ("v1", "Secret") => self.add_secret(object),
            ("v1", "ConfigMap") => self.add_config_map(object),
            ("v1", "Service") => self.add_service(object),
            ("v1", "Namespace") => self.add_namespace(object),
            _ if api_version.split('/').next() == Some(GROUP) => self.add_ours(api_version, kind, object),
            _ => self.loaded.ignored.push((object.source(), object.key)),
        }
    }

    /// What could not be read may have been a policy.
    fn add_failure(&mut self, file: Option<&str>, failure: ReadError) {
        let source = file.map(|file| Source { file: file.to_owned(), line: failure.line });
        self.loaded.inventory.unread.push(match &source {
            Some(source) => source.to_string(),
            None => "an object".to_owned(),
        });
        self.loaded.problems.push(Problem {
            source,
            object: None,
            path: String::new(),
            reason: failure.reason,
            message: failure.message,
            severity: Severity::Error,
        });
    }

    fn add_ours(&mut self, api_version: &str, kind: &str, mut object: Object<'_>) {
        if kind == MADE_BY_GATEWAYS {
            object.find(
                "kind",
                Reason::MadeByGateways,
                "gateways make Approvals, one for each call that waits; take it out",
            );
            self.loaded.problems.extend(object.problems());
            return;
        }
        let inventory = &mut self.loaded.inventory;
        let known = DEFINITIONS.get(kind).filter(|_| api_version == API_VERSION);
        let spec = known.and_then(|definition| read_spec(&CHECKER, definition, &mut object));
        if known.is_none() || !object.is_certain {
            inventory.unread.push(object.key.to_string());
        }
        match (known.map(|definition| definition.kind), kind) {
            (Some(_), "McpGateway") => {
                let spec = object.typed(spec);
                self.loaded.problems.extend(object.problems());
                inventory.gateways.push(object.into_entry(spec, Targets::default()));
            }
            (Some(_), "McpConnection") => {
                let spec = object.typed(spec);
                self.loaded.problems.extend(object.problems());
                inventory.connections.push(object.into_entry(spec, Targets::default()));
            }
            (Some(_), "CommandRule") => {
                let spec = object.typed(spec);
                let found = spec.as_ref().map(command::check);
                object.find_further(found.unwrap_or_default());
                self.loaded.problems.extend(object.problems());
                let targets = targets::read(&object, &fields_of_spec(kind));
                inventory.command_rules.push(object.into_entry(spec, targets));
            }
            (Some(_), "ApprovalPolicy") => {
                let spec = object.typed(spec);
                self.loaded.problems.extend(object.problems());
                let targets = targets::read(&object, &fields_of_spec(kind));
                inventory.approval_policies.push(object.into_entry(spec, targets));
            }
            (Some(_), _) => {
                let spec = object.typed(spec);
                let check = |spec: &MaskingRuleSpec| masking::check(&object.key.name, spec);
                let found = spec.as_ref().map(check);
                object.find_further(found.unwrap_or_default());
                self.loaded.problems.extend(object.problems());
                let targets = targets::read(&object, &fields_of_spec(kind));
                inventory.masking_rules.push(object.into_entry(spec, targets));
            }
            (None, _) => {
                object.find("kind", Reason::UnknownKind, unknown_kind(api_version, kind));
                self.loaded.problems.extend(object.problems());
            }
        }
    }

    fn add_secret(&mut self, mut object: Object<'_>) {
        let data = data::read_secret(object.node, &mut object.findings);
        self.loaded.problems.extend(object.problems());
        self.loaded.inventory.secrets.push(object.into_entry(Some(data), Targets::default()));
    }

    fn add_config_map(&mut self, mut object: Object<'_>) {
        let data = data::read_config_map(object.node, &mut object.findings);
        self.loaded.problems.extend(object.problems());
        self.loaded.inventory.config_maps.push(object.into_entry(Some(data), Targets::default()));
    }

    fn add_service(&mut self, mut object: Object<'_>) {
        let spec = object.node.get("spec").map(Node::to_json).unwrap_or_default();
        let service = match Service::read(spec) {
            Ok(service) => Some(service),
            Err(error) => {
                let message = format!("none that an API server takes: {error}; mend it");
                object.find("spec", Reason::InvalidValue, message);
                None
            }
        };
        self.loaded.problems.extend(object.problems());
        self.loaded.inventory.services.push(object.into_entry(service, Targets::default()));
    }

    /// A namespace lies in none, and nothing of it matters but its labels.
    fn add_namespace(&mut self, mut object: Object<'_>) {
        object.key.namespace.clear();
        self.loaded.problems.extend(object.problems());
        self.loaded.inventory.namespaces.push(object.into_entry(Some(()), Targets::default()));
    }
}

/// The names of the fields of a kind's `spec`.
fn fields_of_spec(kind: &str) -> Vec<&'static str> {
    let schema =
        DEFINITIONS.get(kind).and_then(|definition| definition.schema.properties.as_ref()?.get("spec"));
    let fields = schema.and_then(|schema| schema.properties.as_ref()).into_iter().flatten();
    fields.map(|(name, _)| name.as_str()).collect()
}

/// The value of `spec` with its defaults, if its shape is right.
fn read_spec(checker: &Checker, definition: &Definition, object: &mut Object<'_>) -> Option<Value> {
    check_fields(
        "",
        object.node,
        &["apiVersion", "kind", "metadata", "spec", "status"],
        &mut object.findings,
    );
    let schema = definition.schema.properties.as_ref()?.get("spec")?;
    let Some(node) = object.node.get("spec") else {
        object.find("spec", Reason::MissingField, "missing; write it");
        return None;
    };
    let checked = checker.check(definition.kind, "spec", node, schema);
    object.findings.extend(checked.findings);
    checked.value
}

fn unknown_kind(api_version: &str, kind: &str) -> String {
    let kinds: Vec<&str> = DEFINITIONS.keys().copied().collect();
    let listed = kinds.join(", ");
    if DEFINITIONS.contains_key(kind) {
        return format!("there is no {kind} in {api_version}; write apiVersion: {API_VERSION}");
    }
    match nearest(kind, kinds) {
        Some(near) => format!("there is no kind {kind} in {GROUP}; did you mean {near}?"),
        None => format!("there is no kind {kind} in {GROUP}; write one of {listed}"),
    }
}

/// Which of two objects of the same name counts, nobody can tell: neither is valid.
fn mark_duplicates<Spec>(entries: &mut [Entry<Spec>]) -> Vec<Problem> {
    let mut places: BTreeMap<ObjectKey, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        places.entry(entry.key.clone()).or_default().push(index);
    }
    let mut problems = Vec::new();
    for indices in places.values().filter(|indices| indices.len() > 1) {
        let first = indices.first().and_then(|first| entries.get(*first));
        let first = first.and_then(|entry| entry.origin.as_ref()).and_then(|origin| origin.source("kind"));
        let place = first.map(|source| format!(" (first in {source})")).unwrap_or_default();
        for index in indices {
            let Some(entry) = entries.get_mut(*index) else { continue };
            if Some(index) != indices.first() {
                let message = format!("stands twice{place}; remove or rename one of the two");
                let finding = Finding::new("metadata.name", Reason::DuplicateObject, message);
                problems.push(entry.problem(finding));
            }
            entry.broken = true;
        }
    }
    problems
}
