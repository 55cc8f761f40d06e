//! What a policy holds for: connections by name, by their gateway, by their labels, or by those of their
//! namespace; and whether it holds for one, with the ground.
//!
//! What cannot be read counts as widely as it may have been meant, and a label that is not known as if it
//! had the value that is asked for: a slip must never take a policy away.

use std::collections::BTreeMap;

use lychgate_crds::connection::McpConnectionSpec;
use lychgate_crds::target::{Operator, Requirement, Selector, TargetKind, TargetReference};

use crate::inventory::{Entry, Inventory};
use crate::problem::ObjectKey;

/// The label that every namespace has, with its own name (Kubernetes API, well-known labels).
pub(crate) const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// What a policy holds for, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    pub(crate) refs: Part<Vec<TargetReference>>,
    pub(crate) connections: Part<Selector>,
    pub(crate) namespaces: Part<Selector>,
}

/// One way to say what a policy holds for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part<Content> {
    /// It is not written.
    #[default]
    Absent,
    /// It is written.
    Written(Content),
    /// It is, or may be, written, and cannot be told.
    Unreadable,
}

/// The labels of an object, as far as they are known.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// Those that are written, if that is known.
    written: Option<&'a BTreeMap<String, String>>,
    /// The name, if the object is a namespace.
    namespace: Option<&'a str>,
}

/// One label of an object.
pub(crate) enum Label<'a> {
    There(&'a str),
    Missing,
    Unknown,
}

/// A connection for which a policy may hold.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// The name of its gateway; empty where that cannot be told.
    pub(crate) gateway: &'a str,
    pub(crate) labels: Labels<'a>,
    pub(crate) namespace_labels: Labels<'a>,
}

/// The connections of an inventory as policies see them.
pub(crate) fn candidates(inventory: &Inventory) -> Vec<Candidate<'_>> {
    let mut namespaces: BTreeMap<&str, Option<&BTreeMap<String, String>>> = BTreeMap::new();
    for entry in &inventory.namespaces {
        // Of one that stands twice, or has a mistake, the labels are not certain.
        namespaces.insert(&entry.key.name, Some(&entry.labels).filter(|_| !entry.broken));
    }
    let connections = inventory.connections.iter();
    connections.map(|entry| candidate(entry, &namespaces)).collect()
}

fn candidate<'a>(
    entry: &'a Entry<McpConnectionSpec>,
    namespaces: &BTreeMap<&str, Option<&'a BTreeMap<String, String>>>,
) -> Candidate<'a> {
    let ObjectKey { kind: _, namespace, name } = &entry.key;
    let of_namespace = namespaces.get(namespace.as_str()).copied().flatten();
    Candidate {
        namespace,
        name,
        gateway: entry.spec.as_ref().map_or("", |spec| spec.gateway_ref.name.as_str()),
        labels: Labels { written: Some(&entry.labels), namespace: None },
        namespace_labels: Labels { written: of_namespace, namespace: Some(namespace) },
    }
}

/// Whether a policy holds for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Holds(Ground<'a>),
    Fails(Obstacle<'a>),
    /// It lies in another namespace, and does not look beyond it.
    OutOfReach,
}

/// Why a policy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground<'a> {
    /// An entry of `targetRefs`.
    Named(usize, &'a TargetReference),
    /// The selectors that are written; at least one is.
    Selected {
        connections: Option<&'a Selector>,
        namespaces: Option<&'a Selector>,
        /// Whether labels that are not known were taken to match.
        assumed: bool,
    },
    /// This field cannot be read.
    Unreadable(&'static str),
}

/// Why a policy does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle<'a> {
    /// It names other objects.
    NotNamed,
    /// Labels of the connection do not match.
    Connection(Unmet<'a>),
    /// Labels of its namespace do not match.
    Namespace(Unmet<'a>),
}

/// What of a selector labels do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmet<'a> {
    /// An entry of `matchLabels`.
    Label(&'a str, &'a str),
    /// An entry of `matchExpressions`.
    Requirement(&'a Requirement),
}

impl Targets {
    /// Nothing that could be told.
    pub(crate) fn unreadable() -> Self {
        Self { refs: Part::Unreadable, connections: Part::Unreadable, namespaces: Part::Unreadable }
    }

    /// Whether nothing is written.
    pub(crate) fn says_nothing(&self) -> bool {
        let is_nothing = match &self.refs {
            Part::Absent => true,
            Part::Written(refs) => refs.is_empty(),
            Part::Unreadable => false,
        };
        is_nothing && self.connections == Part::Absent && self.namespaces == Part::Absent
    }

    /// Whether a policy that lies in the namespace `home` holds for a connection. `reaches_out` says whether
    /// selectors of namespaces count there.
    pub(crate) fn judge(&self, home: &str, reaches_out: bool, connection: &Candidate<'_>) -> Verdict<'_> {
        let is_home = home == connection.namespace;
        if !is_home && (!reaches_out || self.namespaces == Part::Absent) {
            return Verdict::OutOfReach;
        }
        match &self.refs {
            Part::Unreadable if is_home => return Verdict::Holds(Ground::Unreadable("spec.targetRefs")),
            Part::Written(refs) if is_home => {
                let mut named = refs.iter().enumerate().filter(|(_, target)| names(target, connection));
                if let Some((index, target)) = named.next() {
                    return Verdict::Holds(Ground::Named(index, target));
                }
            }
            Part::Absent | Part::Unreadable | Part::Written(_) => {}
        }
        self.judge_by_labels(connection)
    }

    fn judge_by_labels(&self, connection: &Candidate<'_>) -> Verdict<'_> {
        let namespaces = match &self.namespaces {
            Part::Absent => None,
            Part::Unreadable => return self.judge_all_namespaces(connection),
            Part::Written(selector) => Some(selector),
        };
        let connections = match &self.connections {
            Part::Absent => None,
            Part::Unreadable => {
                let unmet = namespaces.and_then(|selector| unmet(selector, connection.namespace_labels));
                return match unmet {
                    Some(unmet) => Verdict::Fails(Obstacle::Namespace(unmet)),
                    None => Verdict::Holds(Ground::Unreadable("spec.connectionSelector")),
                };
            }
            Part::Written(selector) => Some(selector),
        };
        if namespaces.is_none() && connections.is_none() {
            return Verdict::Fails(Obstacle::NotNamed);
        }
        if let Some(unmet) = namespaces.and_then(|selector| unmet(selector, connection.namespace_labels)) {
            return Verdict::Fails(Obstacle::Namespace(unmet));
        }
        if let Some(unmet) = connections.and_then(|selector| unmet(selector, connection.labels)) {
            return Verdict::Fails(Obstacle::Connection(unmet));
        }
        let assumed = namespaces.is_some_and(|selector| assumes(selector, connection.namespace_labels));
        Verdict::Holds(Ground::Selected { connections, namespaces, assumed })
    }

    /// The selector of namespaces cannot be read: every namespace counts.
    fn judge_all_namespaces(&self, connection: &Candidate<'_>) -> Verdict<'_> {
        let unmet = match &self.connections {
            Part::Written(selector) => unmet(selector, connection.labels),
            Part::Absent | Part::Unreadable => None,
        };
        match unmet {
            Some(unmet) => Verdict::Fails(Obstacle::Connection(unmet)),
            None => Verdict::Holds(Ground::Unreadable("spec.namespaceSelector")),
        }
    }
}

fn names(target: &TargetReference, connection: &Candidate<'_>) -> bool {
    match target.kind {
        TargetKind::McpConnection => target.name == connection.name,
        TargetKind::McpGateway => target.name == connection.gateway,
    }
}

/// The first part of a selector that labels do not meet, as far as they are known.
fn unmet<'a>(selector: &'a Selector, labels: Labels<'_>) -> Option<Unmet<'a>> {
    let Selector { match_labels, match_expressions } = selector;
    let mut written = match_labels.iter();
    let label = written.find(|(key, value)| match labels.get(key) {
        Label::There(label) => label != value.as_str(),
        Label::Missing => true,
        Label::Unknown => false,
    });
    let label = label.map(|(key, value)| Unmet::Label(key, value));
    label.or_else(|| {
        let mut requirements = match_expressions.iter();
        let fails = |requirement: &&Requirement| !may_be_met(requirement, labels.get(&requirement.key));
        requirements.find(fails).map(Unmet::Requirement)
    })
}

/// Whether a selector asks for a label of which it is not known whether it is there.
fn assumes(selector: &Selector, labels: Labels<'_>) -> bool {
    let Selector { match_labels, match_expressions } = selector;
    let mut keys = match_labels.keys().chain(match_expressions.iter().map(|requirement| &requirement.key));
    keys.any(|key| matches!(labels.get(key), Label::Unknown))
}

/// What Kubernetes says of the operators: a label that is missing has none of the values.
fn may_be_met(requirement: &Requirement, label: Label<'_>) -> bool {
    let Requirement { key: _, operator, values } = requirement;
    let is_listed = |label: &str| values.iter().any(|value| value == label);
    match (operator, label) {
        (Operator::In, Label::There(label)) => is_listed(label),
        (Operator::NotIn, Label::There(label)) => !is_listed(label),
        (Operator::Exists, Label::There(_)) | (Operator::NotIn | Operator::DoesNotExist, Label::Missing) => {
            true
        }
        (Operator::DoesNotExist, Label::There(_)) | (Operator::In | Operator::Exists, Label::Missing) => {
            false
        }
        (Operator::In | Operator::NotIn | Operator::Exists | Operator::DoesNotExist, Label::Unknown) => true,
    }
}

impl<'a> Labels<'a> {
    /// The label of a key.
    pub(crate) fn get(&self, key: &str) -> Label<'a> {
        if let Some(name) = self.namespace.filter(|_| key == NAMESPACE_NAME_LABEL) {
            return Label::There(name);
        }
        match self.written.map(|labels| labels.get(key)) {
            Some(Some(value)) => Label::There(value),
            Some(None) => Label::Missing,
            None => Label::Unknown,
        }
    }
}
