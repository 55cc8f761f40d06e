//! The keys that MaskingRules hash and encipher with. They are looked for in the connection's own namespace, wherever a rule stands,
//! because its gateway reads no other Secrets.

use lychgate_gateway_policy::config::SecretKey;
use lychgate_gateway_policy::mask::masking_key;

use super::attached::Effective;
use super::connection::Context;
use super::references::References;
use crate::problem::Finding;

/// Finds the keys that are missing, or are none, of the rules that hold for a connection of a namespace.
pub(super) fn check(namespace: &str, policies: &Effective<'_>, context: &Context<'_>) -> Vec<Finding> {
    let Context { inventory, options, .. } = *context;
    let references = References { inventory, options, namespace };
    let of_rule = |rule: &lychgate_gateway_policy::config::MaskingRule| {
        let found = rule.keys().filter_map(|SecretKey { secret, key }| {
            references.check_value("spec", secret, key, |value| masking_key(value).map(|_| ()))
        });
        let named = |finding: Finding| {
            let message = format!("{} (MaskingRule {} has it)", finding.message, rule.name);
            Finding { path: "spec".to_owned(), message, ..finding }
        };
        found.map(named).collect::<Vec<_>>()
    };
    policies.masking.iter().flat_map(of_rule).collect()
}
