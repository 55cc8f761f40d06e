//! Why a connection stands as it does: what holds for it and on what ground, what does not and why, what
//! closes it, and what is wrong with it or with anything that it depends on.
//!
//! Nothing is decided in here. The verdicts are those of [`crate::targets`], by which the plan itself is
//! made; here they are gathered for one connection and put into words.

mod commands;
mod text;
mod words;

use lychgate_crds::Reason;
use lychgate_crds::connection::{CredentialSource, McpConnectionSpec};
use lychgate_crds::gateway::McpGatewaySpec;
use lychgate_gateway_policy::config::{Closed, ObjectName};

use crate::inventory::{Entry, Inventory};
use crate::problem::{ObjectKey, Problem, Severity};
use crate::targets::{Candidate, Verdict, candidates};
use crate::valid::ValidConnection;
use crate::validate::{Attached, Effective, Options, reaches_out, validate};

/// Why a connection stands as it does. As text ([`std::fmt::Display`]) it is laid out for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The connection.
    pub connection: ObjectName,
    /// Whether it is served.
    pub standing: Standing,
    /// What stands in its status, in words. Objects alone do not tell it: whoever has a cluster puts it in.
    pub status: Vec<String>,
    /// The name of its McpGateway, if that can be told, and whether that is valid.
    pub gateway: Option<GatewayStanding>,
    /// Who may present themselves, in words.
    pub callers: Vec<String>,
    /// The URLs of the connection; none if it is not accepted.
    pub urls: Vec<String>,
    /// The URL of the MCP server.
    pub upstream: Option<String>,
    /// What is injected and where it comes from, in words; never a value.
    pub credentials: Vec<String>,
    /// The policies that hold for it.
    pub policies: Vec<Attachment>,
    /// The policies that could hold for it, by where they lie, and do not.
    pub others: Vec<Attachment>,
    /// How its tools are held to pins, in words; nothing where they are not.
    pub pinning: Vec<String>,
    /// What the CommandRules that hold for it say of commands, in words.
    pub commands: Vec<String>,
    /// The kinds of policies that its gateway requires.
    pub required: Vec<Required>,
    /// What each entry of `spec.access` grants, in words.
    pub grants: Vec<String>,
    /// What is wrong or odd with the connection, its gateway, its policies and what it names.
    pub problems: Vec<Problem>,
}

/// Whether a connection is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Served,
    /// Its gateway is told to refuse every call.
    Closed(Closed),
    /// Something is wrong. A gateway that runs goes on with what it has.
    NotAccepted,
}

/// A connection's gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayStanding {
    /// Its name.
    pub name: String,
    /// Whether it exists and is valid.
    pub valid: bool,
}

/// A policy, and why it holds for a connection or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The policy.
    pub policy: ObjectKey,
    /// Whether it can be enforced. One that cannot keeps the connection from being accepted if it holds.
    pub valid: bool,
    /// Why, in words, such as `targetRefs[0] McpConnection billing-db`.
    pub ground: String,
}

/// A kind of policy that a gateway requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// The kind, such as `MaskingRule`.
    pub kind: &'static str,
    /// Whether a valid one holds for the connection.
    pub fulfilled: bool,
}

/// Explains a connection; nothing if there is none of that name.
#[must_use]
pub fn explain(
    inventory: &Inventory,
    options: &Options,
    namespace: &str,
    connection: &str,
) -> Option<Explanation> {
    let key = ObjectKey::new("McpConnection", namespace, connection);
    let place = inventory.connections.iter().position(|entry| entry.key == key)?;
    let entry = inventory.connections.get(place)?;
    let validated = validate(inventory, options);
    let valid = validated.connections.iter().find(|valid| is_named(valid, &key));
    // What is wrong with the policies is among the problems already.
    let attached = Attached::validate(inventory, options, &mut Vec::new());
    let effective = attached.effective(place, &key);
    let candidate = *candidates(inventory).get(place)?;
    let (policies, others) = attachments(inventory, options, &candidate, |policy| {
        attached.is_valid(policy) && !validated.problems.iter().any(|problem| keeps_out(problem, policy))
    });
    let gateway = gateway_of(inventory, entry);
    let spec = entry.spec.as_ref();
    let of_gateway = gateway.and_then(|gateway| gateway.spec.as_ref());
    let problems = inventory.problems.iter().chain(&validated.problems);
    let concerned = concerned(entry, &policies);
    Some(Explanation {
        connection: ObjectName { namespace: key.namespace, name: key.name },
        standing: standing(valid),
        status: Vec::new(),
        gateway: spec.map(|spec| GatewayStanding {
            name: spec.gateway_ref.name.clone(),
            valid: gateway.is_some_and(|gateway| validated.gateways.contains(&gateway.key)),
        }),
        callers: of_gateway.map(|gateway| words::callers(&gateway.identity)).unwrap_or_default(),
        urls: valid.map(ValidConnection::resources).unwrap_or_default(),
        upstream: spec.and_then(|spec| words::upstream(&spec.upstream, &entry.key.namespace)),
        credentials: spec.iter().flat_map(|spec| &spec.credentials).map(words::credential).collect(),
        pinning: spec.iter().filter_map(|spec| words::pinning(&spec.tool_pinning)).collect(),
        commands: effective.commands.iter().flat_map(commands::in_words).collect(),
        policies,
        others,
        required: of_gateway.map(|gateway| required(gateway, &effective)).unwrap_or_default(),
        grants: spec.iter().flat_map(|spec| &spec.access).map(words::grant).collect(),
        // What belongs to no object may be anything, and so may concern this one.
        problems: problems
            .filter(|problem| problem.object.as_ref().is_none_or(|object| concerned.contains(object)))
            .cloned()
            .collect(),
    })
}

fn is_named(connection: &ValidConnection, key: &ObjectKey) -> bool {
    let ObjectName { namespace, name } = connection.name();
    *namespace == key.namespace && *name == key.name
}

fn standing(valid: Option<&ValidConnection>) -> Standing {
    match valid.map(ValidConnection::closed) {
        Some(None) => Standing::Served,
        Some(Some(closed)) => Standing::Closed(closed),
        None => Standing::NotAccepted,
    }
}

fn gateway_of<'a>(
    inventory: &'a Inventory,
    connection: &Entry<McpConnectionSpec>,
) -> Option<&'a Entry<McpGatewaySpec>> {
    let name = &connection.spec.as_ref()?.gateway_ref.name;
    let key = ObjectKey::new("McpGateway", &connection.key.namespace, name);
    inventory.gateways.iter().find(|entry| entry.key == key)
}

/// The policies that hold, and those that could, each in the order of their names.
fn attachments(
    inventory: &Inventory,
    options: &Options,
    connection: &Candidate<'_>,
    is_valid: impl Fn(&ObjectKey) -> bool,
) -> (Vec<Attachment>, Vec<Attachment>) {
    let (mut holding, mut others) = (Vec::new(), Vec::new());
    for (key, targets) in inventory.policies() {
        let home = words::Home { policy: key, options };
        let verdict = targets.judge(&key.namespace, reaches_out(key, options), connection);
        let attachment = |ground| Attachment { policy: key.clone(), valid: is_valid(key), ground };
        match verdict {
            Verdict::Holds(ground) => {
                holding.push(attachment(words::ground(&ground, &home, connection)));
            }
            Verdict::Fails(obstacle) => {
                others.push(attachment(words::obstacle(&obstacle, targets, connection)));
            }
            Verdict::OutOfReach => {}
        }
    }
    (holding, others)
}

fn required(gateway: &McpGatewaySpec, effective: &Effective<'_>) -> Vec<Required> {
    let required = gateway.requires.iter();
    required.map(|kind| Required { kind: kind.as_str(), fulfilled: effective.fulfils(*kind) }).collect()
}

/// Whether a policy that is right by itself cannot be enforced for what it holds for.
fn keeps_out(problem: &Problem, policy: &ObjectKey) -> bool {
    let is_refused = problem.severity == Severity::Error && problem.reason == Reason::RequesterUnmapped;
    is_refused && problem.object.as_ref() == Some(policy)
}

/// The objects whose problems are the connection's, too.
fn concerned(entry: &Entry<McpConnectionSpec>, policies: &[Attachment]) -> Vec<ObjectKey> {
    let namespace = &entry.key.namespace;
    let mut keys = vec![entry.key.clone(), ObjectKey::new("Namespace", "", namespace)];
    keys.extend(policies.iter().map(|attachment| attachment.policy.clone()));
    let Some(spec) = &entry.spec else { return keys };
    keys.push(ObjectKey::new("McpGateway", namespace, &spec.gateway_ref.name));
    if let Some(tls) = &spec.upstream.tls {
        keys.push(ObjectKey::new("ConfigMap", namespace, &tls.ca_ref.name));
    }
    let service = spec.upstream.service_ref.iter();
    keys.extend(service.map(|service| ObjectKey::new("Service", namespace, &service.name)));
    for credential in &spec.credentials {
        let CredentialSource { secret_key_ref, service_account_token: _ } = &credential.from;
        keys.extend(secret_key_ref.iter().map(|secret| ObjectKey::new("Secret", namespace, &secret.name)));
    }
    keys
}
