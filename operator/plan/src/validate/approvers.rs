//! What ApprovalPolicies say of each other, and of the callers whom they are to hold back: whether somebody could
//! approve at all, and nobody his own call.

use lychgate_crds::Reason;
use lychgate_gateway_policy::config::{ApprovalMatch, ApprovalPolicy, Identity};
use lychgate_gateway_policy::glob::Glob;

use super::attached::Attached;
use super::gateway::Gateways;
use crate::inventory::Inventory;
use crate::problem::{Finding, ObjectKey, Problem};
use crate::valid::ValidGateway;

/// What is wrong with ApprovalPolicies that are right by themselves.
pub(super) fn check(
    inventory: &Inventory,
    attached: &Attached<'_>,
    gateways: &Gateways,
    problems: &mut Vec<Problem>,
) {
    // Each with the policy that it is about; many connections may give the same one.
    let mut found: Vec<(&ObjectKey, Finding)> = Vec::new();
    for (place, connection) in inventory.connections.iter().enumerate() {
        let valid = |policy: &ObjectKey| attached.approvals.is_valid(policy);
        let holding: Vec<(&ObjectKey, &ApprovalPolicy)> = attached
            .approvals
            .holding(place)
            .filter(|policy| valid(policy.key))
            .filter_map(|policy| policy.config.as_ref().map(|config| (policy.key, config)))
            .collect();
        let gateway = connection.spec.as_ref().map(|spec| spec.gateway_ref.name.clone());
        let gateway = gateway.and_then(|name| gateways.get(&(connection.key.namespace.clone(), name)));
        if let Some(gateway) = gateway.and_then(Option::as_ref) {
            let unmapped = unmapped_in_words(&connection.key.namespace, gateway);
            found.extend(unmapped.iter().flat_map(|words| {
                holding.iter().map(|(key, policy)| (*key, requester_unmapped(words, policy.audit)))
            }));
        }
        for (index, (key, policy)) in holding.iter().enumerate() {
            for (other_key, other) in holding.iter().skip(index + 1) {
                if conflict(policy, other) {
                    found.push((key, no_common_approver(other_key, key)));
                    found.push((other_key, no_common_approver(key, other_key)));
                }
            }
        }
    }
    for entry in &inventory.approval_policies {
        let mut said: Vec<Finding> = Vec::new();
        for (key, finding) in &found {
            if **key == entry.key && !said.contains(finding) {
                said.push(finding.clone());
            }
        }
        problems.extend(entry.problems(said));
    }
}

fn requester_unmapped(words: &str, audit: bool) -> Finding {
    let message = format!(
        "holds for callers of whom nobody can tell under which user names they could vote: {words}; write \
         kubernetesUsernames there, such as \"oidc:{{email}}\", or serve no callers without a token"
    );
    // What is only reported lets nobody approve.
    if audit {
        Finding::warning("", Reason::RequesterUnmapped, message)
    } else {
        Finding::new("", Reason::RequesterUnmapped, message)
    }
}

fn no_common_approver(other: &ObjectKey, own: &ObjectKey) -> Finding {
    let message = format!(
        "{} can hold for the same calls and names none of these approvers, so that nobody can approve those; name a \
         group in both",
        other.seen_from(&own.namespace)
    );
    Finding::warning("spec.approvers", Reason::NoCommonApprover, message)
}

fn unmapped_in_words(namespace: &str, gateway: &ValidGateway) -> Option<String> {
    let what = unmapped(&gateway.identity)?;
    Some(format!("McpGateway {namespace}/{} {what}", gateway.name.as_str()))
}

/// Which callers of a gateway could vote under a name that is not known, if there are any. A service account's
/// user name is known by itself.
pub(super) fn unmapped(identity: &Identity) -> Option<String> {
    let issuer = identity.oidc.iter().find(|issuer| issuer.kubernetes_usernames.is_empty());
    match issuer {
        Some(issuer) => Some(format!("has no kubernetesUsernames for the issuer {}", issuer.issuer)),
        None if identity.anonymous => Some("serves callers without a token (anonymous: true)".to_owned()),
        None => None,
    }
}

/// Whether two policies can hold for one call, which nobody could approve.
fn conflict(left: &ApprovalPolicy, right: &ApprovalPolicy) -> bool {
    let share = |left: &[String], right: &[String]| left.iter().any(|name| right.contains(name));
    !left.audit
        && !right.audit
        && !share(&left.groups, &right.groups)
        && !share(&left.service_accounts, &right.service_accounts)
        && can_meet(&left.matching, &right.matching)
}

fn can_meet(left: &ApprovalMatch, right: &ApprovalMatch) -> bool {
    let meet = |left: &[String], right: &[String]| {
        left.iter().any(|left| right.iter().any(|right| globs_meet(left, right)))
    };
    matches_all(left)
        || matches_all(right)
        || meet(&left.tools, &right.tools)
        || meet(&left.resources, &right.resources)
        || meet(&left.prompts, &right.prompts)
}

fn matches_all(matching: &ApprovalMatch) -> bool {
    let ApprovalMatch { tools, resources, prompts } = matching;
    [tools, resources, prompts].into_iter().all(Vec::is_empty)
}

/// Whether some text matches both patterns. Two that both have an asterisk do if their beginnings and their ends
/// agree: whatever stands between fits between the asterisks of the other.
fn globs_meet(left: &str, right: &str) -> bool {
    match (left.split_once('*'), right.split_once('*')) {
        (None, _) => Glob::new(right).matches(left),
        (_, None) => Glob::new(left).matches(right),
        (Some((left_start, left_rest)), Some((right_start, right_rest))) => {
            let end = |rest: &str| rest.rsplit('*').next().unwrap_or_default().to_owned();
            let (left_end, right_end) = (end(left_rest), end(right_rest));
            let starts_agree = left_start.starts_with(right_start) || right_start.starts_with(left_start);
            starts_agree && (left_end.ends_with(&right_end) || right_end.ends_with(&left_end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::globs_meet;

    #[test]
    fn two_patterns_meet_if_some_text_matches_both() {
        for (left, right, expected) in [
            ("execute_sql", "execute_sql", true),
            ("execute_sql", "execute_*", true),
            ("execute_sql", "query", false),
            ("execute_sql", "*_query", false),
            ("execute_*", "*_sql", true),
            ("execute_*", "query_*", false),
            ("*_sql", "*_file", false),
            ("a*b*c", "a*d*c", true),
            ("ab*", "abc*", true),
            ("*", "x", true),
            ("*bc", "*abc", true),
        ] {
            assert_eq!(globs_meet(left, right), expected, "{left} {right}");
            assert_eq!(globs_meet(right, left), expected, "{right} {left}");
        }
    }
}
