//! The objects that a plan is made from: what was read, whether it is valid or not.
//!
//! An invalid object stays in the inventory, since it counts: a connection must not lose a masking rule
//! because somebody misspelt a field of it. There is no Debug: values of Secrets are in here.

use std::collections::{BTreeMap, BTreeSet};

use lychgate_crds::approval::ApprovalPolicySpec;
use lychgate_crds::command::CommandRuleSpec;
use lychgate_crds::connection::McpConnectionSpec;
use lychgate_crds::gateway::McpGatewaySpec;
use lychgate_crds::masking::MaskingRuleSpec;

use crate::manifest::node::Lines;
use crate::problem::{Finding, ObjectKey, Problem, Source};
use crate::secret::SecretValue;
use crate::service::Service;
use crate::targets::Targets;

/// The label of ConfigMaps that name the personas of `lychgate dev`.
pub const PERSONAS_LABEL: &str = "lychgate.dev/personas";

/// The objects that a plan is made from.
#[derive(Default)]
pub struct Inventory {
    pub(crate) gateways: Vec<Entry<McpGatewaySpec>>,
    pub(crate) connections: Vec<Entry<McpConnectionSpec>>,
    pub(crate) masking_rules: Vec<Entry<MaskingRuleSpec>>,
    pub(crate) command_rules: Vec<Entry<CommandRuleSpec>>,
    pub(crate) approval_policies: Vec<Entry<ApprovalPolicySpec>>,
    pub(crate) secrets: Vec<Entry<BTreeMap<String, SecretValue>>>,
    pub(crate) config_maps: Vec<Entry<BTreeMap<String, String>>>,
    pub(crate) services: Vec<Entry<Service>>,
    /// Namespaces, of which the labels alone matter.
    pub(crate) namespaces: Vec<Entry<()>>,
    /// What was found wrong when they were read.
    pub(crate) problems: Vec<Problem>,
    /// What could not be read, and may have been anything.
    pub(crate) unread: Vec<String>,
}

/// A file that a Secret is to a gateway that mounts it.
pub struct SecretFile<'a> {
    /// The Secret's namespace.
    pub namespace: &'a str,
    /// The Secret's name.
    pub name: &'a str,
    /// The key in its data.
    pub key: &'a str,
    /// The value.
    pub value: &'a SecretValue,
}

/// A file that a ConfigMap is to a gateway that mounts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapFile<'a> {
    /// The ConfigMap's namespace.
    pub namespace: &'a str,
    /// The ConfigMap's name.
    pub name: &'a str,
    /// The key in its data.
    pub key: &'a str,
    /// The value.
    pub value: &'a str,
}

/// Somebody whom `lychgate dev` issues a token to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Persona {
    /// The user name.
    pub user: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl Inventory {
    /// The Secrets as files, for `lychgate dev`, which plays the kubelet.
    pub fn secret_files(&self) -> impl Iterator<Item = SecretFile<'_>> {
        self.secrets.iter().flat_map(|secret| {
            let ObjectKey { kind: _, namespace, name } = &secret.key;
            secret.spec.iter().flatten().map(move |(key, value)| SecretFile { namespace, name, key, value })
        })
    }

    /// The ConfigMaps as files, for `lychgate dev`, which plays the kubelet.
    pub fn config_map_files(&self) -> impl Iterator<Item = ConfigMapFile<'_>> {
        self.config_maps.iter().flat_map(|config_map| {
            let ObjectKey { kind: _, namespace, name } = &config_map.key;
            let files = config_map.spec.iter().flatten();
            files.map(move |(key, value)| ConfigMapFile { namespace, name, key, value })
        })
    }

    /// The personas of `lychgate dev`: every key of a ConfigMap labelled [`PERSONAS_LABEL`] is a user, and
    /// its value lists groups, separated by commas. A user of several ConfigMaps has the groups of all.
    #[must_use]
    pub fn personas(&self) -> Vec<Persona> {
        let mut groups_by_user: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for config_map in &self.config_maps {
            if config_map.labels.get(PERSONAS_LABEL).map(String::as_str) != Some("true") {
                continue;
            }
            for (user, groups) in config_map.spec.iter().flatten() {
                let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
                groups_by_user.entry(user).or_default().extend(groups.map(str::to_owned));
            }
        }
        let persona = |(user, groups): (&str, Vec<String>)| Persona { user: user.to_owned(), groups };
        groups_by_user.into_iter().map(persona).collect()
    }

    /// The policies of every kind and what each is for, in the order of kind, namespace and name.
    pub(crate) fn policies(&self) -> Vec<(&ObjectKey, &Targets)> {
        let approvals = self.approval_policies.iter().map(|entry| (&entry.key, &entry.targets));
        let masking = self.masking_rules.iter().map(|entry| (&entry.key, &entry.targets));
        let commands = self.command_rules.iter().map(|entry| (&entry.key, &entry.targets));
        let mut policies: Vec<_> = approvals.chain(commands).chain(masking).collect();
        policies.sort_by_key(|(key, _)| *key);
        policies
    }

    /// The names of all connections, valid or not, as `(namespace, name)`.
    pub fn connection_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.connections.iter().map(|entry| (entry.key.namespace.as_str(), entry.key.name.as_str()))
    }
}

/// One object. `Spec` is what it says: the `spec` of our kinds, the data of a Secret or ConfigMap.
pub(crate) struct Entry<Spec> {
    pub(crate) key: ObjectKey,
    pub(crate) origin: Option<Origin>,
    pub(crate) uid: Option<String>,
    /// The generation that the API server gave it.
    pub(crate) generation: Option<i64>,
    /// The labels, as far as they are right.
    pub(crate) labels: BTreeMap<String, String>,
    /// What is written, if its shape is right.
    pub(crate) spec: Option<Spec>,
    /// Whether something was found wrong when it was read.
    pub(crate) broken: bool,
    /// The fields at which something was found wrong, of which no more needs to be said.
    pub(crate) found: BTreeSet<String>,
    /// What a policy holds for; see [`Targets`].
    pub(crate) targets: Targets,
}

/// Where an object came from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) file: String,
    pub(crate) lines: Lines,
}

impl Origin {
    /// The place of a field.
    pub(crate) fn source(&self, path: &str) -> Option<Source> {
        self.lines.get(path).map(|line| Source { file: self.file.clone(), line })
    }
}

impl<Spec> Entry<Spec> {
    /// What was found at this object, as a problem.
    pub(crate) fn problem(&self, finding: Finding) -> Problem {
        problem(&self.key, self.origin.as_ref(), finding)
    }

    /// What was found, as problems, except at fields of which something was said when they were read.
    pub(crate) fn problems(&self, findings: Vec<Finding>) -> Vec<Problem> {
        let further = findings.into_iter().filter(|finding| !self.found.contains(&finding.path));
        further.map(|finding| self.problem(finding)).collect()
    }
}

/// What was found at an object, as a problem.
pub(crate) fn problem(key: &ObjectKey, origin: Option<&Origin>, finding: Finding) -> Problem {
    let Finding { path, reason, message, severity } = finding;
    let source = origin.and_then(|origin| origin.source(&path));
    Problem { source, object: Some(key.clone()), path, reason, message, severity }
}
