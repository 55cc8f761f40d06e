//! What objects say of each other: whether what they name exists, may be used, and is valid itself.
//!
//! Everything that is wrong is found. A connection is valid only if its gateway, every policy that holds for
//! it and everything that it names are valid: what is broken never makes a gateway laxer.

mod approvers;
mod attached;
mod commands;
mod connection;
mod credentials;
mod gateway;
mod keys;
mod notification;
mod pinning;
mod policies;
mod references;
mod service;

use std::collections::{BTreeMap, BTreeSet};

use lychgate_crds::{Reason, rule};
use lychgate_gateway_policy::config::{ObjectName, OidcIssuer};

pub(crate) use self::attached::{Attached, Effective};
pub(crate) use self::policies::reaches_out;
pub(crate) use self::service::{service_url, upstream_url};
use crate::inventory::Inventory;
use crate::problem::{Finding, ObjectKey, Problem};
use crate::valid::ValidConnection;

/// How a set of objects is looked at. The default is how the operator looks at them in a cluster.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether an issuer on a loopback address may be plain http, as for `lychgate dev`.
    pub allow_loopback_issuers: bool,
    /// Issuers that are accepted beside each gateway's own, as the one of `lychgate dev`.
    pub extra_issuers: Vec<OidcIssuer>,
    /// Where all connections are served, such as `http://127.0.0.1:8080`, in place of their gateway's host
    /// names and their Services.
    pub base_url: Option<String>,
    /// Whether the inventory holds every Secret and ConfigMap that there is, so that one that is not in it
    /// does not exist. Otherwise those that are in it are looked into, and a Secret that is missing beside
    /// others of its namespace is a warning.
    pub complete: bool,
    /// Whether the inventory holds every Service that there is, so that one that is not in it does not exist.
    /// Otherwise those that are in it are looked into, and one that is missing beside others of its namespace
    /// is a warning.
    pub knows_services: bool,
    /// The namespace of the operator, in which policies may select namespaces. Without it, as from files,
    /// they may anywhere.
    pub operator_namespace: Option<String>,
    /// Where the operator may grant its gateways to read Secrets from the API server.
    pub secret_watch: SecretWatch,
    /// The cluster whose service accounts may call. Without it, as from files, a gateway that accepts them is
    /// given no key, and so accepts no token of theirs.
    pub cluster: Option<ClusterIssuer>,
}

/// Where the operator may grant its gateways to read Secrets from the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecretWatch {
    /// That is not known, and nothing is said of it.
    #[default]
    Unknown,
    /// In these namespaces.
    Namespaces(BTreeSet<String>),
    /// In every namespace.
    All,
}

/// The issuer of a cluster's service-account tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterIssuer {
    /// The value of `iss` in the tokens.
    pub issuer: String,
    /// The public keys that they are signed with, each a JSON Web Key (RFC 7517).
    pub keys: Vec<serde_json::Value>,
    /// The values of `aud` that the API server takes, so that no gateway may ask for a token with one.
    pub api_audiences: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Validated {
    /// The connections that may be served.
    pub connections: Vec<ValidConnection>,
    /// What is wrong, beside what was found when the objects were read.
    pub problems: Vec<Problem>,
    /// The gateways that are valid.
    pub gateways: Vec<ObjectKey>,
    /// For every policy, valid or not, what it holds for.
    pub reach: Vec<PolicyReach>,
}

/// What a policy holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReach {
    /// The policy.
    pub policy: ObjectKey,
    /// The connections, valid or not, in the order of their names. An invalid policy keeps them from being
    /// accepted.
    pub connections: Vec<ObjectName>,
}

/// Validates a set of objects.
#[must_use]
pub fn validate(inventory: &Inventory, options: &Options) -> Validated {
    let mut problems = Vec::new();
    let gateways = gateway::validate(inventory, options, &mut problems);
    let attached = Attached::validate(inventory, options, &mut problems);
    approvers::check(inventory, &attached, &gateways, &mut problems);
    commands::check(inventory, &attached, &mut problems);
    let context = connection::Context { inventory, options, gateways: &gateways, attached: &attached };
    let mut connections = Vec::new();
    for (index, entry) in inventory.connections.iter().enumerate() {
        connections.extend(connection::validate(entry, index, &context, &mut problems));
    }
    if options.base_url.is_some() {
        connections = without_shared_urls(connections, inventory, &mut problems);
    }
    let valid = gateways.iter().filter(|(_, gateway)| gateway.is_some());
    let valid = valid.map(|((namespace, name), _)| ObjectKey::new("McpGateway", namespace, name));
    Validated { connections, problems, gateways: valid.collect(), reach: attached.reach(inventory) }
}

/// Under one base URL, connections of different namespaces can have the same URL. The first one has it.
fn without_shared_urls(
    connections: Vec<ValidConnection>,
    inventory: &Inventory,
    problems: &mut Vec<Problem>,
) -> Vec<ValidConnection> {
    let mut urls: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut kept = Vec::new();
    for connection in connections {
        let name = connection.name().clone();
        match urls.get(&connection.resources()) {
            None => {
                urls.insert(connection.resources(), name.to_string());
                kept.push(connection);
            }
            Some(first) => {
                let message =
                    format!("has the same URL here as McpConnection {first}; rename one of the two");
                let finding = Finding::new("metadata.name", Reason::DuplicateObject, message);
                let key = ObjectKey::new("McpConnection", name.namespace, name.name);
                let entry = inventory.connections.iter().find(|entry| entry.key == key);
                problems.extend(entry.map(|entry| entry.problem(finding)));
            }
        }
    }
    kept
}

/// What is wrong with an audience that this cluster's API server takes itself. What every API server takes is
/// found when objects are read.
fn check_audience(path: &str, audience: &str, options: &Options) -> Option<Finding> {
    let cluster = options.cluster.as_ref()?;
    let message = rule::AUDIENCE_IS_NOT_THE_API_SERVER.message;
    let is_its_own = cluster.api_audiences.iter().any(|own| own == audience);
    is_its_own.then(|| Finding::new(path, Reason::InvalidValue, message))
}

/// The names of objects of one kind in one namespace.
fn names_in<'a>(namespace: &'a str, keys: impl Iterator<Item = &'a ObjectKey>) -> BTreeSet<&'a str> {
    keys.filter(|key| key.namespace == namespace).map(|key| key.name.as_str()).collect()
}
