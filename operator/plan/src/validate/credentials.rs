//! The credentials of a connection: which are chosen by whom, and whether two would go into one header.
//!
//! One that a grant or an enforced CommandRule names is an alternative: it is injected only where it is chosen, in place
//! of others in the same header. The others are always injected.

use lychgate_crds::connection::McpConnectionSpec;
use lychgate_crds::{Reason, rule};

use super::attached::Effective;
use crate::problem::Finding;
use crate::suggest::nearest;

/// What is wrong with the credentials that a connection has and chooses.
pub(super) fn check(spec: &McpConnectionSpec, policies: &Effective<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names = || spec.credentials.iter().map(|credential| credential.name.as_str());
    for (index, grant) in spec.access.iter().enumerate() {
        let Some(name) = grant.credential.as_deref() else { continue };
        if names().any(|known| known == name) {
            continue;
        }
        let message = match nearest(name, names()) {
            Some(near) => format!("{}; did you mean {near}?", rule::CREDENTIAL_OF_GRANT_EXISTS.message),
            None => rule::CREDENTIAL_OF_GRANT_EXISTS.message.to_owned(),
        };
        findings.push(Finding::new(
            format!("spec.access[{index}].credential"),
            Reason::InvalidValue,
            message,
        ));
    }
    // What a broken CommandRule names cannot be told.
    if policies.broken.is_empty() {
        findings.extend(shared_headers(spec, policies));
    }
    findings
}

/// Credentials that are always injected into a header that another one has.
fn shared_headers(spec: &McpConnectionSpec, policies: &Effective<'_>) -> Vec<Finding> {
    let always: Vec<_> = spec
        .credentials
        .iter()
        .enumerate()
        .filter(|(_, one)| !is_chosen(&one.name, spec, policies))
        .collect();
    let mut findings = Vec::new();
    for (position, (index, credential)) in always.iter().enumerate() {
        let header = &credential.inject.header;
        let mut earlier = always.iter().take(position);
        let first = earlier.find(|(_, other)| other.inject.header.eq_ignore_ascii_case(header));
        if let Some((_, first)) = first {
            let message = format!(
                "is the header of the credential {}, too, and both would always be injected; write another header, or \
                 choose one of the two by access[].credential or in a CommandRule",
                first.name
            );
            let path = format!("spec.credentials[{index}].inject.header");
            findings.push(Finding::new(path, Reason::InvalidValue, message));
        }
    }
    findings
}

fn is_chosen(name: &str, spec: &McpConnectionSpec, policies: &Effective<'_>) -> bool {
    let by_grant = spec.access.iter().any(|grant| grant.credential.as_deref() == Some(name));
    let clauses = || policies.enforced_commands().flat_map(|rule| &rule.rules);
    by_grant || clauses().any(|clause| clause.credential.as_deref() == Some(name))
}
