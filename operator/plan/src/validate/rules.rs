//! MaskingRules: what they hold for, and whether they can be enforced.

use std::collections::BTreeSet;

use lychgate_crds::Reason;
use lychgate_crds::masking::MaskingRuleSpec;
use lychgate_crds::target::{TargetKind, TargetReference};
use lychgate_gateway_policy::config::{MaskingRule, ObjectName};

use super::references::not_found;
use super::{Options, PolicyReach, names_in};
use crate::inventory::{Entry, Inventory};
use crate::masking::to_config;
use crate::problem::{Finding, ObjectKey, Problem};
use crate::targets::{Candidate, Ground, Obstacle, Part, Targets, Verdict, candidates};

/// The MaskingRules, in the order of their names, so that the same rules always make the same document.
pub(crate) struct Rules<'a>(Vec<Rule<'a>>);

/// A MaskingRule and what it holds for.
struct Rule<'a> {
    key: &'a ObjectKey,
    /// The rule as the gateway knows it, under its own name; nothing if it is broken.
    config: Option<MaskingRule>,
    /// The places, in the inventory, of the connections that it holds for.
    connections: BTreeSet<usize>,
}

/// The rules that hold for one connection.
pub(crate) struct Effective<'a> {
    pub(crate) keys: Vec<&'a ObjectKey>,
    /// Those that are broken.
    pub(crate) broken: Vec<&'a ObjectKey>,
    pub(crate) configs: Vec<MaskingRule>,
}

/// Whether the namespaces that a policy selects count.
pub(crate) fn reaches_out(policy: &ObjectKey, options: &Options) -> bool {
    options.operator_namespace.as_ref().is_none_or(|operator| *operator == policy.namespace)
}

impl<'a> Rules<'a> {
    /// Validates every rule.
    pub(crate) fn validate(inventory: &'a Inventory, options: &Options, problems: &mut Vec<Problem>) -> Self {
        let candidates = candidates(inventory);
        let mut rules: Vec<Rule<'a>> = Vec::new();
        for entry in &inventory.masking_rules {
            let (rule, findings) = validate_one(entry, &candidates, inventory, options);
            problems.extend(entry.problems(findings));
            rules.push(rule);
        }
        rules.sort_by(|left, right| left.key.cmp(right.key));
        Self(rules)
    }

    /// The rules that hold for the connection at a place of the inventory.
    pub(crate) fn effective(&self, place: usize, connection: &ObjectKey) -> Effective<'a> {
        let mut effective = Effective { keys: Vec::new(), broken: Vec::new(), configs: Vec::new() };
        for rule in self.0.iter().filter(|rule| rule.connections.contains(&place)) {
            effective.keys.push(rule.key);
            match &rule.config {
                None => effective.broken.push(rule.key),
                Some(config) => {
                    let name = name_for(rule.key, connection);
                    effective.configs.push(MaskingRule { name, ..config.clone() });
                }
            }
        }
        effective
    }

    /// Whether a rule can be enforced.
    pub(crate) fn is_valid(&self, rule: &ObjectKey) -> bool {
        self.0.iter().any(|known| known.key == rule && known.config.is_some())
    }

    /// What each rule holds for.
    pub(super) fn reach(&self, inventory: &Inventory) -> Vec<PolicyReach> {
        let name = |place: &usize| inventory.connections.get(*place).map(|entry| object_name(&entry.key));
        let reach = |rule: &Rule<'_>| {
            let names: BTreeSet<ObjectName> = rule.connections.iter().filter_map(name).collect();
            PolicyReach { policy: rule.key.clone(), connections: names.into_iter().collect() }
        };
        self.0.iter().map(reach).collect()
    }
}

fn object_name(key: &ObjectKey) -> ObjectName {
    ObjectName { namespace: key.namespace.clone(), name: key.name.clone() }
}

/// The name by which a connection's records call a rule.
fn name_for(rule: &ObjectKey, connection: &ObjectKey) -> String {
    if rule.namespace == connection.namespace {
        rule.name.clone()
    } else {
        format!("{}/{}", rule.namespace, rule.name)
    }
}

fn validate_one<'a>(
    entry: &'a Entry<MaskingRuleSpec>,
    candidates: &[Candidate<'_>],
    inventory: &Inventory,
    options: &Options,
) -> (Rule<'a>, Vec<Finding>) {
    let Entry { key, targets, .. } = entry;
    let reaches_out = reaches_out(key, options);
    let verdicts: Vec<Verdict<'_>> =
        candidates.iter().map(|candidate| targets.judge(&key.namespace, reaches_out, candidate)).collect();
    let holds = |verdict: &Verdict<'_>| matches!(verdict, Verdict::Holds(_));
    let connections =
        verdicts.iter().enumerate().filter(|(_, verdict)| holds(verdict)).map(|(place, _)| place);
    let mut findings = missing_targets(key, targets, inventory);
    let is_ignored = !reaches_out && matches!(targets.namespaces, Part::Written(_));
    if is_ignored {
        findings.push(ignored_selector(options));
    } else {
        let by_labels = Targets { refs: Part::Absent, ..targets.clone() };
        let selected = candidates.iter().map(|next| by_labels.judge(&key.namespace, reaches_out, next));
        findings.extend(selects_nothing(targets, &selected.collect::<Vec<_>>()));
    }
    let spec = entry.spec.as_ref().filter(|_| !entry.broken && !is_ignored);
    let config = spec.map(|spec| to_config(&key.name, spec));
    (Rule { key, config, connections: connections.collect() }, findings)
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
