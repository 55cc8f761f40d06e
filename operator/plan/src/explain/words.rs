//! Grounds, obstacles, callers, credentials and grants in words.

use lychgate_crds::connection::{
    Credential, CredentialSource, Grant, SecretKeyReference, ServiceAccountToken, Transport, Upstream,
};
use lychgate_crds::gateway::{Identity, OidcIssuer};
use lychgate_crds::pinning::{PinningMode, ToolPinning};
use lychgate_crds::target::{Operator, Requirement, Selector, TargetKind, TargetReference};

use crate::problem::ObjectKey;
use crate::targets::{Candidate, Ground, Label, Labels, Obstacle, Part, Targets, Unmet};
use crate::validate::{Options, service_url};

/// How many names of a list are told, before the rest is counted.
const NAMES_TOLD: usize = 4;

/// Where a policy lies.
pub(super) struct Home<'a> {
    pub(super) policy: &'a ObjectKey,
    pub(super) options: &'a Options,
}

/// Why a policy holds.
pub(super) fn ground(ground: &Ground<'_>, home: &Home<'_>, connection: &Candidate<'_>) -> String {
    match ground {
        Ground::Named(index, TargetReference { kind, name }) => {
            format!("targetRefs[{index}] {} {name}", kind_name(*kind))
        }
        Ground::Selected { connections, namespaces, assumed } => {
            let connections = connections.map(|found| format!("connectionSelector {}", selector(found)));
            let namespaces = namespaces.map(|found| format!("namespaceSelector {}", selector(found)));
            let is_operators = home.options.operator_namespace.as_ref() == Some(&home.policy.namespace);
            let place = namespaces.as_ref().filter(|_| is_operators).map(|_| " (operator's namespace)");
            let selectors: Vec<String> = namespaces.into_iter().chain(connections).collect();
            let assumption = if *assumed {
                format!("; not all labels of the namespace {} are known here", connection.namespace)
            } else {
                String::new()
            };
            format!("{}{}{assumption}", selectors.join(" and "), place.unwrap_or_default())
        }
        Ground::Unreadable(field) => {
            format!("{field} cannot be read, and may have been meant for it")
        }
    }
}

/// Why a policy does not hold.
pub(super) fn obstacle(obstacle: &Obstacle<'_>, targets: &Targets, connection: &Candidate<'_>) -> String {
    let refs = match &targets.refs {
        Part::Written(refs) if !refs.is_empty() => Some(named(refs)),
        Part::Written(_) | Part::Absent | Part::Unreadable => None,
    };
    let labels = match obstacle {
        Obstacle::NotNamed => None,
        Obstacle::Connection(missed) => Some(format!(
            "connectionSelector asks for {}, and the connection has {}",
            unmet(missed),
            found(missed, connection.labels)
        )),
        Obstacle::Namespace(missed) => Some(format!(
            "namespaceSelector asks for {}, and the namespace {} has {}",
            unmet(missed),
            connection.namespace,
            found(missed, connection.namespace_labels)
        )),
    };
    let parts: Vec<String> = refs.into_iter().chain(labels).collect();
    parts.join("; ")
}

fn named(refs: &[TargetReference]) -> String {
    let names: Vec<String> =
        refs.iter().map(|target| format!("{} {}", kind_name(target.kind), target.name)).collect();
    format!("targetRefs names {}", listed(&names))
}

fn kind_name(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::McpConnection => "McpConnection",
        TargetKind::McpGateway => "McpGateway",
    }
}

fn unmet(missed: &Unmet<'_>) -> String {
    match missed {
        Unmet::Label(key, value) => format!("{key}={value}"),
        Unmet::Requirement(missed) => requirement(missed),
    }
}

/// What stands in the place of what was asked for.
fn found(missed: &Unmet<'_>, labels: Labels<'_>) -> String {
    let key = match missed {
        Unmet::Label(key, _) => *key,
        Unmet::Requirement(requirement) => &requirement.key,
    };
    match labels.get(key) {
        Label::There(value) => format!("{key}={value}"),
        Label::Missing | Label::Unknown => format!("no label {key}"),
    }
}

/// A selector as `kubectl --selector` takes it; `{}` for one that asks for nothing.
fn selector(selector: &Selector) -> String {
    let Selector { match_labels, match_expressions } = selector;
    let labels = match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let parts: Vec<String> = labels.chain(match_expressions.iter().map(requirement)).collect();
    if parts.is_empty() { "{}".to_owned() } else { parts.join(",") }
}

fn requirement(requirement: &Requirement) -> String {
    let Requirement { key, operator, values } = requirement;
    match operator {
        Operator::In => format!("{key} in ({})", values.join(",")),
        Operator::NotIn => format!("{key} notin ({})", values.join(",")),
        Operator::Exists => key.clone(),
        Operator::DoesNotExist => format!("!{key}"),
    }
}

/// Who may present themselves.
pub(super) fn callers(identity: &Identity) -> Vec<String> {
    let issuer = |issuer: &OidcIssuer| format!("tokens of {}{}", issuer.issuer, audiences(&issuer.audiences));
    let mut callers: Vec<String> = identity.oidc.iter().map(issuer).collect();
    if let Some(kubernetes) = identity.kubernetes.as_ref().filter(|kubernetes| kubernetes.enabled) {
        callers.push(format!("service accounts of the cluster{}", audiences(&kubernetes.audiences)));
    }
    if identity.anonymous {
        callers.push("anybody without a token, as anonymous".to_owned());
    }
    callers
}

fn audiences(audiences: &[String]) -> String {
    if audiences.is_empty() {
        return " for the URL that is called".to_owned();
    }
    format!(" for {}", listed(audiences))
}

/// Where the server is.
pub(super) fn upstream(upstream: &Upstream, namespace: &str) -> Option<String> {
    let of_service = |service| format!("{} of Service {}", service_url(service, namespace), service.name);
    let place = upstream.url.clone().or_else(|| upstream.service_ref.as_ref().map(of_service))?;
    Some(match upstream.transport {
        Transport::StreamableHttp => place,
        Transport::Sse => format!("{place}, by HTTP+SSE (MCP 2024-11-05)"),
    })
}

/// What is injected, and where it comes from.
pub(super) fn credential(credential: &Credential) -> String {
    let Credential { name, inject, from } = credential;
    let CredentialSource { secret_key_ref, service_account_token } = from;
    let mut sources = Vec::new();
    if let Some(SecretKeyReference { name, key }) = secret_key_ref {
        sources.push(format!("key {key} of Secret {name}"));
    }
    if let Some(ServiceAccountToken { audience, expiration_seconds }) = service_account_token {
        sources.push(format!(
            "a token of the gateway's service account for {audience}, made anew within {expiration_seconds} s"
        ));
    }
    let source = if sources.is_empty() { "nowhere".to_owned() } else { sources.join(" and ") };
    format!("{name}: {}: {} from {source}", inject.header, inject.format)
}

/// What a grant gives to whom.
pub(super) fn grant(grant: &Grant) -> String {
    let Grant { groups, users, tools, resources, prompts, when, credential } = grant;
    let mut who = Vec::new();
    if groups.iter().any(|group| group == "*") {
        who.push("everybody with a token".to_owned());
    }
    let named: Vec<String> = groups.iter().filter(|group| *group != "*").cloned().collect();
    if !named.is_empty() {
        who.push(format!("groups {}", named.join(", ")));
    }
    if !users.is_empty() {
        who.push(format!("users {}", users.join(", ")));
    }
    let what: Vec<String> = [("tool", tools), ("resource", resources), ("prompt", prompts)]
        .into_iter()
        .filter(|(_, patterns)| !patterns.is_empty())
        .map(|(thing, patterns)| match patterns.iter().any(|pattern| pattern == "*") {
            true => format!("every {thing}"),
            false => format!("{thing}s {}", patterns.join(", ")),
        })
        .collect();
    let or = |parts: &[String], nothing: &str, between: &str| match parts {
        [] => nothing.to_owned(),
        parts => parts.join(between),
    };
    let condition = when.as_ref().map(|when| format!(" when {when}")).unwrap_or_default();
    let credential =
        credential.as_ref().map(|name| format!(", with the credential {name}")).unwrap_or_default();
    format!("{}: {}{credential}{condition}", or(&who, "nobody", " and "), or(&what, "nothing", "; "))
}

/// The first names of a list, and how many there are beside.
fn listed(names: &[String]) -> String {
    let told: Vec<&str> = names.iter().take(NAMES_TOLD).map(String::as_str).collect();
    match names.len().saturating_sub(NAMES_TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

/// How tools are held to pins; nothing where they are not.
pub(super) fn pinning(pinning: &ToolPinning) -> Option<String> {
    let count = match pinning.pins.len() {
        1 => "1 is pinned".to_owned(),
        count => format!("{count} are pinned"),
    };
    match pinning.mode {
        PinningMode::Off => None,
        PinningMode::Audit => Some(format!("{count}; what differs is told and used all the same (Audit)")),
        PinningMode::Enforce => {
            Some(format!("{count}; what differs, and any other, is neither shown nor called"))
        }
    }
}
