//! Policies of any kind: what they hold for, and whether they can be enforced.

use std::collections::BTreeSet;

use lychgate_crds::Reason;
use lychgate_crds::target::{TargetKind, TargetReference};
use lychgate_gateway_policy::config::ObjectName;

use super::references::not_found;
use super::{Options, PolicyReach, names_in};
use crate::inventory::{Entry, Inventory};
use crate::problem::{Finding, ObjectKey, Problem};
use crate::targets::{Candidate, Ground, Obstacle, Part, Targets, Verdict};

/// The policies of one kind, in the order of their names, so that the same policies always make the same document.
pub(crate) struct Policies<'a, Config>(Vec<Policy<'a, Config>>);

/// A policy and what it holds for.
pub(crate) struct Policy<'a, Config> {
    pub(crate) key: &'a ObjectKey,
    /// The policy as the gateway knows it; nothing if it is broken.
    pub(crate) config: Option<Config>,
    /// The places, in the inventory, of the connections that it holds for.
    connections: BTreeSet<usize>,
}

/// Whether the namespaces that a policy selects count.
pub(crate) fn reaches_out(policy: &ObjectKey, options: &Options) -> bool {
    options.operator_namespace.as_ref().is_none_or(|operator| *operator == policy.namespace)
}

impl<'a, Config> Policies<'a, Config> {
    /// Validates every policy of a kind. `to_config` makes of one what the gateway knows.
    pub(super) fn validate<Spec>(
        entries: &'a [Entry<Spec>],
        to_config: impl Fn(&Entry<Spec>, &Spec) -> Config,
        candidates: &[Candidate<'_>],
        inventory: &Inventory,
        options: &Options,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut policies: Vec<Policy<'a, Config>> = Vec::new();
        for entry in entries {
            let Judged { connections, is_ignored, findings } =
                judge(&entry.key, &entry.targets, candidates, inventory, options);
            problems.extend(entry.problems(findings));
            let spec = entry.spec.as_ref().filter(|_| !entry.broken && !is_ignored);
            let config = spec.map(|spec| to_config(entry, spec));
            policies.push(Policy { key: &entry.key, config, connections });
        }
        policies.sort_by(|left, right| left.key.cmp(right.key));
        Self(policies)
    }

    /// The policies that hold for the connection at a place of the inventory.
    pub(crate) fn holding(&self, place: usize) -> impl Iterator<Item = &Policy<'a, Config>> {
        self.0.iter().filter(move |policy| policy.connections.contains(&place))
    }

    /// Whether a policy can be enforced.
    pub(crate) fn is_valid(&self, key: &ObjectKey) -> bool {
        self.0.iter().any(|known| known.key == key && known.config.is_some())
    }

    /// A policy as the gateway knows it; nothing if it is broken.
    pub(super) fn config(&self, key: &ObjectKey) -> Option<&Config> {
        self.0.iter().find(|known| known.key == key)?.config.as_ref()
    }

    /// What each policy holds for.
    pub(super) fn reach(&self, inventory: &Inventory) -> impl Iterator<Item = PolicyReach> {
        let name = |place: &usize| inventory.connections.get(*place).map(|entry| object_name(&entry.key));
        self.0.iter().map(move |policy| {
            let names: BTreeSet<ObjectName> = policy.connections.iter().filter_map(name).collect();
            PolicyReach { policy: policy.key.clone(), connections: names.into_iter().collect() }
        })
    }
}

fn object_name(key: &ObjectKey) -> ObjectName {
    ObjectName { namespace: key.namespace.clone(), name: key.name.clone() }
}

/// What was found of one policy.
struct Judged {
    connections: BTreeSet<usize>,
    /// Whether it selects namespaces from where that counts for nothing.
    is_ignored: bool,
    findings: Vec<Finding>,
}

fn judge(
    key: &ObjectKey,
    targets: &Targets,
    candidates: &[Candidate<'_>],
    inventory: &Inventory,
    options: &Options,
) -> Judged {
    let reaches_out = reaches_out(key, options);
    let holds = |candidate: &Candidate<'_>| {
        matches!(targets.judge(&key.namespace, reaches_out, candidate), Verdict::Holds(_))
    };
    let places = candidates.iter().enumerate().filter(|(_, candidate)| holds(candidate));
    let connections = places.map(|(place, _)| place).collect();
    let mut findings = missing_targets(key, targets, inventory);
    let is_ignored = !reaches_out && matches!(targets.namespaces, Part::Written(_));
    if is_ignored {
        findings.push(ignored_selector(options));
    } else {
        let by_labels = Targets { refs: Part::Absent, ..targets.clone() };
        let selected = candidates.iter().map(|next| by_labels.judge(&key.namespace, reaches_out, next));
        findings.extend(selects_nothing(targets, &selected.collect::<Vec<_>>()));
    }
    Judged { connections, is_ignored, findings }
}

fn ignored_selector(options: &Options) -> Finding {
    let operator = options.operator_namespace.as_deref().unwrap_or_default();
    let message = format!(
        "counts in the operator's namespace alone; move the policy to {operator}, or use targetRefs or \
         connectionSelector"
    );
    Finding::new("spec.namespaceSelector", Reason::NamespaceSelectorIgnored, message)
}

fn missing_targets(rule: &ObjectKey, targets: &Targets, inventory: &Inventory) -> Vec<Finding> {
    let Part::Written(refs) = &targets.refs else { return Vec::new() };
    let mut findings = Vec::new();
    for (index, TargetReference { kind, name }) in refs.iter().enumerate() {
        let (kind, known) = match kind {
            TargetKind::McpConnection => (
                "McpConnection",
                names_in(&rule.namespace, inventory.connections.iter().map(|entry| &entry.key)),
            ),
            TargetKind::McpGateway => {
                ("McpGateway", names_in(&rule.namespace, inventory.gateways.iter().map(|entry| &entry.key)))
            }
        };
        if !known.contains(name.as_str()) {
            let key = ObjectKey::new(kind, &rule.namespace, name);
            let path = format!("spec.targetRefs[{index}].name");
            findings.push(Finding::new(path, Reason::NoTarget, not_found(&key, known)));
        }
    }
    findings
}

/// Selectors that select no connection are legal, since one may come, and hardly meant. `verdicts` are those
/// of the selectors alone.
fn selects_nothing(targets: &Targets, verdicts: &[Verdict<'_>]) -> Option<Finding> {
    let path = match (&targets.connections, &targets.namespaces) {
        (Part::Written(_), Part::Absent) => "spec.connectionSelector",
        (Part::Absent, Part::Written(_)) => "spec.namespaceSelector",
        (Part::Written(_), Part::Written(_)) => {
            // Where some namespace matches, it is the labels of its connections that do not.
            let reached = |verdict: &Verdict<'_>| matches!(verdict, Verdict::Fails(Obstacle::Connection(_)));
            if verdicts.iter().any(reached) { "spec.connectionSelector" } else { "spec.namespaceSelector" }
        }
        (Part::Absent, Part::Absent) | (Part::Unreadable, _) | (_, Part::Unreadable) => return None,
    };
    let is_selected = |verdict: &Verdict<'_>| matches!(verdict, Verdict::Holds(Ground::Selected { .. }));
    let message = if path == "spec.connectionSelector" {
        "selects no McpConnection; compare with the labels of the connections that are meant"
    } else {
        "selects no namespace with a McpConnection; compare with the labels of the namespaces that are meant"
    };
    let nothing = !verdicts.iter().any(is_selected);
    nothing.then(|| Finding::warning(path, Reason::NoTarget, message))
}
