//! The policies of every kind, and those that hold for one connection.

use lychgate_crds::gateway::RequiredPolicy;
use lychgate_gateway_policy::config::{ApprovalPolicy, CommandRule, MaskingRule};

use super::policies::Policies;
use super::{Options, PolicyReach};
use crate::inventory::Inventory;
use crate::problem::{ObjectKey, Problem};
use crate::targets::candidates;
use crate::{approval, command, masking};

/// The policies of every kind.
pub(crate) struct Attached<'a> {
    pub(super) approvals: Policies<'a, ApprovalPolicy>,
    pub(super) commands: Policies<'a, CommandRule>,
    masking: Policies<'a, MaskingRule>,
}

/// The policies that hold for one connection.
pub(crate) struct Effective<'a> {
    /// All of them, in the order of kind, namespace and name.
    pub(crate) keys: Vec<&'a ObjectKey>,
    /// Those that are broken.
    pub(crate) broken: Vec<&'a ObjectKey>,
    pub(crate) approvals: Vec<ApprovalPolicy>,
    pub(crate) commands: Vec<CommandRule>,
    pub(crate) masking: Vec<MaskingRule>,
}

impl<'a> Attached<'a> {
    /// Validates every policy.
    pub(crate) fn validate(inventory: &'a Inventory, options: &Options, problems: &mut Vec<Problem>) -> Self {
        let candidates = candidates(inventory);
        Self {
            masking: Policies::validate(
                &inventory.masking_rules,
                |entry, spec| masking::to_config(&entry.key.name, spec),
                &candidates,
                inventory,
                options,
                problems,
            ),
            commands: Policies::validate(
                &inventory.command_rules,
                command::to_config,
                &candidates,
                inventory,
                options,
                problems,
            ),
            approvals: Policies::validate(
                &inventory.approval_policies,
                approval::to_config,
                &candidates,
                inventory,
                options,
                problems,
            ),
        }
    }

    /// The policies that hold for the connection at a place of the inventory.
    pub(crate) fn effective(&self, place: usize, connection: &ObjectKey) -> Effective<'a> {
        let mut effective = Effective {
            keys: Vec::new(),
            broken: Vec::new(),
            approvals: Vec::new(),
            commands: Vec::new(),
            masking: Vec::new(),
        };
        for policy in self.approvals.holding(place) {
            effective.add(policy.key, policy.config.is_some());
            effective.approvals.extend(policy.config.clone());
        }
        for policy in self.commands.holding(place) {
            effective.add(policy.key, policy.config.is_some());
            effective.commands.extend(policy.config.clone());
        }
        for policy in self.masking.holding(place) {
            effective.add(policy.key, policy.config.is_some());
            let name = name_for(policy.key, connection);
            effective.masking.extend(policy.config.clone().map(|config| MaskingRule { name, ..config }));
        }
        effective
    }

    /// Whether a policy can be enforced.
    pub(crate) fn is_valid(&self, policy: &ObjectKey) -> bool {
        self.approvals.is_valid(policy) || self.commands.is_valid(policy) || self.masking.is_valid(policy)
    }

    /// What each policy holds for.
    pub(super) fn reach(&self, inventory: &Inventory) -> Vec<PolicyReach> {
        let approvals = self.approvals.reach(inventory);
        approvals.chain(self.commands.reach(inventory)).chain(self.masking.reach(inventory)).collect()
    }
}

impl<'a> Effective<'a> {
    fn add(&mut self, key: &'a ObjectKey, valid: bool) {
        self.keys.push(key);
        if !valid {
            self.broken.push(key);
        }
    }

    /// Whether a policy of a kind that a gateway requires holds. One that is broken, or only reports, does not
    /// count.
    pub(crate) fn fulfils(&self, required: RequiredPolicy) -> bool {
        match required {
            RequiredPolicy::MaskingRule => self.masking.iter().any(|rule| !rule.audit),
            RequiredPolicy::CommandRule => self.enforced_commands().next().is_some(),
            RequiredPolicy::ApprovalPolicy => self.enforced_approvals().next().is_some(),
        }
    }

    /// The ApprovalPolicies that are enforced.
    pub(crate) fn enforced_approvals(&self) -> impl Iterator<Item = &ApprovalPolicy> {
        self.approvals.iter().filter(|policy| !policy.audit)
    }

    /// The CommandRules that are enforced.
    pub(crate) fn enforced_commands(&self) -> impl Iterator<Item = &CommandRule> {
        self.commands.iter().filter(|rule| !rule.audit)
    }
}

/// The name by which a connection's records call a rule.
fn name_for(rule: &ObjectKey, connection: &ObjectKey) -> String {
    if rule.namespace == connection.namespace {
        rule.name.clone()
    } else {
        format!("{}/{}", rule.namespace, rule.name)
    }
}
