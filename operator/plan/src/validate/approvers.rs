//! What ApprovalPolicies say of each other, and of the callers whom they are to hold back: whether somebody could
//! approve at all, and nobody his own call.

use lychgate_crds::Reason;
use lychgate_crds::approval::MAXIMUM_POLICIES;
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
        let enforced: Vec<(&ObjectKey, &ApprovalPolicy)> =
            holding.into_iter().filter(|(_, policy)| !policy.audit).collect();
        for apart in without_common_approver(&enforced) {
            found.extend(apart.iter().map(|key| (*key, no_common_approver(&apart, key))));
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

fn no_common_approver(apart: &[&ObjectKey], own: &ObjectKey) -> Finding {
    let others = apart.iter().filter(|key| **key != own);
    let others: Vec<String> = others.map(|key| key.seen_from(&own.namespace)).collect();
    let message = match others.as_slice() {
        [other] => format!(
            "{other} can hold for the same calls and names none of these approvers, so that nobody can approve \
             those; name a group in both"
        ),
        several => format!(
            "{} can hold for the same calls, and no group or service account is named in all of them and here, so \
             that nobody can approve those; name a group in each",
            several.join(" and ")
        ),
    };
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

/// The smallest sets of policies that can hold for one call, which nobody could approve. More policies than an
/// Approval can stand for keep the connection out anyway.
fn without_common_approver<'a>(enforced: &[(&'a ObjectKey, &ApprovalPolicy)]) -> Vec<Vec<&'a ObjectKey>> {
    let enforced = enforced.get(..MAXIMUM_POLICIES).unwrap_or(enforced);
    let mut sets: Vec<u32> = (0..1 << enforced.len()).filter(|set: &u32| set.count_ones() > 1).collect();
    sets.sort_by_key(|set| set.count_ones());
    let mut found: Vec<u32> = Vec::new();
    for set in sets {
        let policies: Vec<&ApprovalPolicy> = members(set, enforced).map(|(_, policy)| *policy).collect();
        if !found.iter().any(|smaller| set & smaller == *smaller)
            && all_meet(&policies)
            && share_none(&policies)
        {
            found.push(set);
        }
    }
    found.into_iter().map(|set| members(set, enforced).map(|(key, _)| *key).collect()).collect()
}

/// The elements at the places of the bits that are set.
fn members<T>(set: u32, of: &[T]) -> impl Iterator<Item = &T> {
    of.iter().enumerate().filter(move |(place, _)| set & (1 << place) != 0).map(|(_, element)| element)
}

fn all_meet(policies: &[&ApprovalPolicy]) -> bool {
    policies.iter().enumerate().all(|(place, left)| {
        policies.iter().skip(place + 1).all(|right| can_meet(&left.matching, &right.matching))
    })
}

fn share_none(policies: &[&ApprovalPolicy]) -> bool {
    let Some((first, others)) = policies.split_first() else { return false };
    let group = |name| others.iter().all(|other| other.groups.contains(name));
    let account = |name| others.iter().all(|other| other.service_accounts.contains(name));
    !first.groups.iter().any(group) && !first.service_accounts.iter().any(account)
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
    let ApprovalMatch { tools, resources, prompts, when: _ } = matching;
    [tools, resources, prompts].into_iter().all(Vec::is_empty)
}

/// Whether some text matches both patterns. Two that both have an asterisk do if their beginnings and their ends
/// agree: whatever stands between fits between the asterisks of the other.
pub(super) fn globs_meet(left: &str, right: &str) -> bool {
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
