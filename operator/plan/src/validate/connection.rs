//! McpConnections: their gateway, their credential, the policies that hold for them, and their size.

use lychgate_crds::approval::MAXIMUM_POLICIES;
use lychgate_crds::connection::{
    Credential, CredentialSource, Grant, McpConnectionSpec, SecretKeyReference, ServerRequests,
    ServiceAccountToken, Transport, Upstream,
};
use lychgate_crds::{Reason, rule};
use lychgate_gateway_policy::compile;
use lychgate_gateway_policy::config::{self, Closed, ObjectName};

use super::approvers::unmapped;
use super::attached::{Attached, Effective};
use super::commands;
use super::credentials;
use super::gateway::{Gateways, bundle};
use super::keys;
use super::pinning;
use super::references::{References, not_found};
use super::{Options, check_audience, names_in, upstream_url};
use crate::inventory::{Entry, Inventory};
use crate::names::ChildName;
use crate::problem::{Finding, ObjectKey, Problem};
use crate::shown::article;
use crate::valid::{ValidConnection, ValidCredential, ValidGateway, ValidSource, ValidUpstream};
use crate::values::{
    Audience, ConcurrentCalls, CredentialName, DataKey, HeaderFormat, HeaderName, MessageBytes, Name,
    Namespace, RequestsPerMinute, Timeout, TokenSeconds, UpstreamUrl,
};

/// The most that a configuration may take of a ConfigMap, which the API server limits to 1 MiB in all.
const MAXIMUM_CONFIG_BYTES: usize = 1_000_000;
/// The user name of callers without a token.
const ANONYMOUS: &str = "anonymous";

/// All that a connection is judged by.
pub(super) struct Context<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) options: &'a Options,
    pub(super) gateways: &'a Gateways,
    pub(super) attached: &'a Attached<'a>,
}

/// Validates the connection at a place of the inventory. It is answered if nothing is wrong with it.
pub(super) fn validate(
    entry: &Entry<McpConnectionSpec>,
    place: usize,
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<ValidConnection> {
    let spec = entry.spec.as_ref()?;
    let mut judgement = Judgement { entry, findings: Vec::new() };
    let gateway = judgement.gateway(spec, context);
    judgement.references(spec, context);
    let policies = context.attached.effective(place, &entry.key);
    judgement.policies(&policies, context);
    judgement.approvals(&policies, gateway);
    judgement.findings.extend(commands::demands(&policies, &spec.credentials));
    judgement.findings.extend(credentials::check(spec, &policies));
    judgement.findings.extend(keys::check(&entry.key.namespace, &policies, context));
    judgement.plaintext(spec);
    let warnings = warnings(spec, gateway, &policies);
    let valid = match gateway {
        Some(gateway) if !entry.broken && !judgement.is_refused() => {
            judgement.finish(spec, gateway.clone(), policies, context)
        }
        Some(_) | None => None,
    };
    problems.extend(entry.problems(judgement.findings));
    problems.extend(entry.problems(warnings));
    valid
}

/// What is wrong with a connection so far.
struct Judgement<'a> {
    entry: &'a Entry<McpConnectionSpec>,
    findings: Vec<Finding>,
}

impl Judgement<'_> {
    fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    fn report(&mut self, path: &str, reason: Reason, message: impl Into<String>) {
        self.findings.push(Finding::new(path, reason, message));
    }

    fn gateway<'a>(&mut self, spec: &McpConnectionSpec, context: &Context<'a>) -> Option<&'a ValidGateway> {
        let namespace = &self.entry.key.namespace;
        let path = "spec.gatewayRef.name";
        let key = ObjectKey::new("McpGateway", namespace, &spec.gateway_ref.name);
        match context.gateways.get(&(key.namespace.clone(), key.name.clone())) {
            Some(Some(gateway)) => return Some(gateway),
            Some(None) => self.report(path, Reason::RefInvalid, format!("{key} is invalid; mend that first")),
            None => {
                let known = names_in(namespace, context.inventory.gateways.iter().map(|entry| &entry.key));
                let message = not_found(&key, known);
                self.report(path, Reason::RefNotFound, message);
            }
        }
        None
    }

    fn references(&mut self, spec: &McpConnectionSpec, context: &Context<'_>) {
        let Context { inventory, options, .. } = *context;
        let references = References { inventory, options, namespace: &self.entry.key.namespace };
        if let Some(tls) = &spec.upstream.tls {
            let path = "spec.upstream.tls.caRef";
            self.findings.extend(references.check_authorities(path, &tls.ca_ref.name, &tls.ca_ref.key));
        }
        if let Some(service) = &spec.upstream.service_ref {
            self.findings.extend(references.check_service(service));
        }
        let upstream = upstream_url(&spec.upstream, references.namespace);
        let upstream = upstream.as_ref().map(UpstreamUrl::url);
        for (index, credential) in spec.credentials.iter().enumerate() {
            let path = format!("spec.credentials[{index}].from");
            let CredentialSource { secret_key_ref, service_account_token } = &credential.from;
            if let Some(SecretKeyReference { name, key }) = secret_key_ref {
                let path = format!("{path}.secretKeyRef");
                self.findings.extend(references.check_credential(&path, name, key, upstream));
            }
            if let Some(ServiceAccountToken { audience, .. }) = service_account_token {
                let path = format!("{path}.serviceAccountToken.audience");
                self.findings.extend(check_audience(&path, audience, options));
            }
        }
    }

    /// Where a policy that holds is broken, or may be among what could not be read, there is no telling what
    /// must be masked.
    fn policies(&mut self, policies: &Effective<'_>, context: &Context<'_>) {
        for unread in &context.inventory.unread {
            let message = format!("not accepted: {unread} could not be read, and may be a policy for it");
            self.report("", Reason::PolicyInvalid, message);
        }
        for key in &policies.broken {
            let message = format!("not accepted: {key}, which holds for it, is invalid; mend that first");
            self.report("", Reason::PolicyInvalid, message);
        }
    }

    /// Nobody may approve his own call, and one Approval stands for a limited number of policies.
    fn approvals(&mut self, policies: &Effective<'_>, gateway: Option<&ValidGateway>) {
        let enforced: Vec<String> = policies
            .enforced_approvals()
            .map(|policy| format!("{}/{}", policy.namespace, policy.name))
            .collect();
        if enforced.len() > MAXIMUM_POLICIES {
            let message = format!(
                "{} ApprovalPolicies are enforced for it, and an Approval stands for {MAXIMUM_POLICIES}; merge some of {}",
                enforced.len(),
                enforced.join(", ")
            );
            self.report("", Reason::TooManyPolicies, message);
        }
        let unmapped = gateway.and_then(|gateway| unmapped(&gateway.identity).map(|what| (gateway, what)));
        if let (Some(policy), Some((gateway, what))) = (enforced.first(), unmapped) {
            let message = format!(
                "not accepted: ApprovalPolicy {policy} holds for it, and McpGateway {} {what}, so that a caller could \
                 approve his own call; mend that first",
                gateway.name.as_str()
            );
            self.report("spec.gatewayRef", Reason::PolicyInvalid, message);
        }
    }

    fn plaintext(&mut self, spec: &McpConnectionSpec) {
        let is_plain = upstream_url(&spec.upstream, &self.entry.key.namespace)
            .is_some_and(|url| url.url().scheme() == "http");
        if is_plain && !spec.upstream.insecure_plaintext && !spec.credentials.is_empty() {
            let rule = match &spec.upstream.service_ref {
                None => rule::PLAINTEXT_IS_WRITTEN,
                Some(_) => rule::SERVICE_PLAINTEXT_IS_WRITTEN,
            };
            let path = format!("spec{}", rule.member.unwrap_or_default());
            self.report(&path, Reason::InvalidValue, rule.message);
        }
    }

    /// Builds the connection, and asks the gateway's own code and the ConfigMap's limit about the outcome.
    fn finish(
        &mut self,
        spec: &McpConnectionSpec,
        gateway: ValidGateway,
        policies: Effective<'_>,
        context: &Context<'_>,
    ) -> Option<ValidConnection> {
        let Some(connection) = build(self.entry, spec, gateway, policies, context) else {
            self.report(
                "spec",
                Reason::InvalidValue,
                "holds a value that no gateway takes; compare with the reference",
            );
            return None;
        };
        let config = connection.config(u64::MAX);
        let bytes = serde_json::to_vec(&config).map(|text| text.len()).unwrap_or(usize::MAX);
        if bytes > MAXIMUM_CONFIG_BYTES {
            let message = format!(
                "takes {bytes} bytes with its policies, and a ConfigMap holds {MAXIMUM_CONFIG_BYTES}; use patterns \
                 in place of long lists, or split the connection"
            );
            self.report("spec", Reason::ConfigTooLarge, message);
        }
        for problem in compile(config).err().unwrap_or_default() {
            let message = format!("the gateway would refuse {}: {}", problem.path, problem.message);
            self.report("spec", Reason::InvalidValue, message);
        }
        (!self.is_refused()).then_some(connection)
    }
}

/// What is legal and hardly meant, and why nothing may pass although nothing is wrong.
fn warnings(
    spec: &McpConnectionSpec,
    gateway: Option<&ValidGateway>,
    policies: &Effective<'_>,
) -> Vec<Finding> {
    let mut warnings = Vec::new();
    if spec.access.is_empty() {
        let message =
            "denies everyone: there is no grant; add one, such as {groups: [staff], tools: [\"*\"]}";
        warnings.push(Finding::warning("spec.access", Reason::DeniesEveryone, message));
    }
    if spec.suspended {
        let message = "every call is refused; write suspended: false to resume";
        warnings.push(Finding::warning("spec.suspended", Reason::Suspended, message));
    }
    warnings.extend(pinning::warning(&spec.tool_pinning));
    let Some(gateway) = gateway else { return warnings };
    if gateway.suspended {
        let name = gateway.name.as_str();
        let message = format!("every call is refused: McpGateway {name} is suspended; resume it there");
        warnings.push(Finding::warning("spec.gatewayRef", Reason::Suspended, message));
    }
    for kind in missing_policies(gateway, policies) {
        let name = gateway.name.as_str();
        let article = article(kind);
        let message = format!(
            "every call is refused: McpGateway {name} requires {article} {kind}, and none holds for this connection; attach \
             one by targetRefs or by a selector that matches its labels"
        );
        warnings.push(Finding::warning("spec.gatewayRef", Reason::RequiredPolicyMissing, message));
    }
    let grants = spec.access.iter().enumerate();
    for (index, grant) in grants.filter(|_| !gateway.identity.anonymous) {
        if let Some(position) = grant.users.iter().position(|user| user == ANONYMOUS) {
            let path = format!("spec.access[{index}].users[{position}]");
            let message =
                "the gateway serves no callers without a token; write anonymous: true there, or remove this";
            warnings.push(Finding::warning(path, Reason::NoEffect, message));
        }
    }
    warnings
}

/// The kinds of policies that a gateway requires and that a connection has none of. One that is broken does
/// not count.
fn missing_policies(gateway: &ValidGateway, policies: &Effective<'_>) -> Vec<&'static str> {
    let missing = gateway.requires.iter().filter(|required| !policies.fulfils(**required));
    missing.map(|required| required.as_str()).collect()
}

/// Why nothing may pass. What somebody did on purpose is told before what is missing.
fn closed(spec: &McpConnectionSpec, gateway: &ValidGateway, policies: &Effective<'_>) -> Option<Closed> {
    if spec.suspended || gateway.suspended {
        return Some(Closed::Suspended);
    }
    let is_missing = !missing_policies(gateway, policies).is_empty();
    is_missing.then_some(Closed::RequiredPolicyMissing)
}

fn build(
    entry: &Entry<McpConnectionSpec>,
    spec: &McpConnectionSpec,
    gateway: ValidGateway,
    policies: Effective<'_>,
    context: &Context<'_>,
) -> Option<ValidConnection> {
    let ObjectKey { kind: _, namespace, name } = &entry.key;
    let Context { inventory, options, .. } = *context;
    let references = References { inventory, options, namespace };
    let Upstream { url: _, service_ref, transport, tls, insecure_plaintext, timeouts } = &spec.upstream;
    let service = match service_ref {
        Some(reference) => Some(references.valid_service(reference)?),
        None => None,
    };
    let ServerRequests { sampling, elicitation, roots } = spec.server_requests.clone();
    let ca = match tls {
        Some(tls) => Some(bundle(&tls.ca_ref)?),
        None => None,
    };
    let credentials = spec.credentials.iter().map(build_credential).collect::<Option<Vec<_>>>()?;
    Some(ValidConnection {
        key: ObjectName { namespace: namespace.clone(), name: name.clone() },
        namespace: Namespace::parse(namespace)?,
        name: Name::parse(name)?,
        uid: entry.uid.clone(),
        labels: entry.labels.clone(),
        generation: entry.generation,
        child: ChildName::of(name),
        closed: closed(spec, &gateway, &policies),
        gateway,
        upstream: ValidUpstream {
            url: upstream_url(&spec.upstream, namespace)?,
            service,
            transport: match transport {
                Transport::StreamableHttp => config::Transport::StreamableHttp,
                Transport::Sse => config::Transport::Sse,
            },
            ca,
            insecure_plaintext: *insecure_plaintext,
            connect_timeout: Timeout::parse(&timeouts.connect)?,
            call_timeout: Timeout::parse(&timeouts.call)?,
        },
        credentials,
        access: spec.access.iter().map(build_grant).collect(),
        policies: policies.keys.into_iter().cloned().collect(),
        masking: policies.masking,
        commands: policies.commands,
        approvals: policies.approvals,
        server_requests: config::ServerRequests { sampling, elicitation, roots },
        tool_pinning: pinning::build(&spec.tool_pinning),
        message_bytes: MessageBytes::parse(spec.limits.message_bytes.bytes()?)?,
        requests_per_minute: RequestsPerMinute::parse(spec.limits.requests_per_minute)?,
        concurrent_calls: ConcurrentCalls::parse(spec.limits.concurrent_calls)?,
        sharers: None,
        base_url: options.base_url.clone(),
    })
}

fn build_credential(credential: &Credential) -> Option<ValidCredential> {
    let Credential { name, inject, from } = credential;
    Some(ValidCredential {
        name: CredentialName::parse(name)?,
        header: HeaderName::parse(&inject.header)?,
        format: HeaderFormat::parse(&inject.format)?,
        source: match (&from.secret_key_ref, &from.service_account_token) {
            (Some(SecretKeyReference { name, key }), None) => {
                ValidSource::Secret(Name::parse(name)?, DataKey::parse(key)?)
            }
            (None, Some(ServiceAccountToken { audience, expiration_seconds })) => {
                ValidSource::Token(Audience::parse(audience)?, TokenSeconds::parse(*expiration_seconds)?)
            }
            (Some(_), Some(_)) | (None, None) => return None,
        },
    })
}

fn build_grant(grant: &Grant) -> config::Grant {
    let Grant { groups, users, tools, resources, prompts, when, credential } = grant.clone();
    config::Grant { groups, users, tools, resources, prompts, when, credential }
}
