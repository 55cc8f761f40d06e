//! MaskingRules: what they hold for, and whether they can be enforced.

use lychgate_crds::Reason;
use lychgate_crds::masking::TargetKind;
use lychgate_gateway_policy::config::MaskingRule;

use super::names_in;
use super::references::not_found;
use crate::inventory::{Inventory, Targets};
use crate::masking::to_config;
use crate::problem::{Finding, ObjectKey, Problem};

/// A MaskingRule and what it holds for.
pub(super) struct Rule<'a> {
    key: &'a ObjectKey,
    targets: &'a Targets,
    /// The rule as the gateway knows it; nothing if it is broken.
    config: Option<MaskingRule>,
}

/// Validates every rule.
pub(super) fn validate<'a>(inventory: &'a Inventory, problems: &mut Vec<Problem>) -> Vec<Rule<'a>> {
    let mut rules = Vec::new();
    for entry in &inventory.masking_rules {
        let findings = missing_targets(&entry.key, &entry.targets, inventory);
        problems.extend(entry.problems(findings));
        let spec = entry.spec.as_ref().filter(|_| !entry.broken);
        let config = spec.map(|spec| to_config(&entry.key.name, spec));
        rules.push(Rule { key: &entry.key, targets: &entry.targets, config });
    }
    // In the order of their names, so that the same rules always make the same document.
    rules.sort_by(|left, right| left.key.cmp(right.key));
    rules
}

/// The rules that hold for a connection, or the keys of those that are broken.
pub(super) fn effective<'a>(
    rules: &'a [Rule<'a>],
    connection: &ObjectKey,
    gateway: &str,
) -> Result<Vec<MaskingRule>, Vec<&'a ObjectKey>> {
    let effective: Vec<&Rule<'a>> = rules.iter().filter(|rule| rule.holds_for(connection, gateway)).collect();
    let broken: Vec<&ObjectKey> =
        effective.iter().filter(|rule| rule.config.is_none()).map(|rule| rule.key).collect();
    if broken.is_empty() {
        Ok(effective.into_iter().filter_map(|rule| rule.config.clone()).collect())
    } else {
        Err(broken)
    }
}

impl Rule<'_> {
    fn holds_for(&self, connection: &ObjectKey, gateway: &str) -> bool {
        self.key.namespace == connection.namespace
            && match self.targets {
                Targets::Unknown => true,
                Targets::Known(targets) => targets.iter().any(|(kind, name)| match kind {
                    TargetKind::McpConnection => *name == connection.name,
                    TargetKind::McpGateway => name == gateway,
                }),
            }
    }
}

fn missing_targets(rule: &ObjectKey, targets: &Targets, inventory: &Inventory) -> Vec<Finding> {
    let Targets::Known(targets) = targets else { return Vec::new() };
    let mut findings = Vec::new();
    for (index, (kind, name)) in targets.iter().enumerate() {
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
