//! McpGateways: issuers, certificates and what else does not stand in their schema.

use std::collections::{BTreeMap, BTreeSet};

use lychgate_crds::gateway::{CaReference, ListenerTls, ListenerTlsMode, McpGatewaySpec, SecretAccess};
use lychgate_crds::{Reason, rule};
use lychgate_gateway_policy::compile;
use lychgate_gateway_policy::config::{
    API_VERSION, CallLimits, GatewayConfig, Identity, KubernetesIssuer, ObjectName, OidcIssuer,
    ServerRequests, Transport, Upstream,
};
use url::{Host, Url};

use super::notification;
use super::references::References;
use super::{Options, SecretWatch, check_audience};
use crate::inventory::{Entry, Inventory};
use crate::problem::{Finding, Problem};
use crate::scale::{Cpu, Scale};
use crate::valid::{CaBundle, Tls, ValidGateway};
use crate::values::{DataKey, Hostname, Name};

/// The issuer of service-account tokens where none is known. It is that of most clusters, and nothing is
/// accepted from it without a key.
const UNKNOWN_CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

/// The gateways by namespace and name; `None` is one that is invalid.
pub(super) type Gateways = BTreeMap<(String, String), Option<ValidGateway>>;

/// Validates every gateway.
pub(super) fn validate(inventory: &Inventory, options: &Options, problems: &mut Vec<Problem>) -> Gateways {
    let mut gateways = Gateways::new();
    for entry in &inventory.gateways {
        let findings = findings(entry, inventory, options);
        let refused = entry.broken || findings.iter().any(Finding::is_error);
        let valid = if refused { None } else { build(entry, options) };
        problems.extend(entry.problems(findings));
        gateways.insert((entry.key.namespace.clone(), entry.key.name.clone()), valid);
    }
    gateways
}

fn findings(entry: &Entry<McpGatewaySpec>, inventory: &Inventory, options: &Options) -> Vec<Finding> {
    let Some(spec) = &entry.spec else { return Vec::new() };
    let references = References { inventory, options, namespace: &entry.key.namespace };
    let mut findings = check_identity(spec, options);
    for (index, issuer) in spec.identity.oidc.iter().enumerate() {
        let path = format!("spec.identity.oidc[{index}].caRef");
        let authority = issuer.ca_ref.as_ref();
        findings.extend(authority.and_then(|ca| references.check_authorities(&path, &ca.name, &ca.key)));
    }
    if let Some(name) = &spec.listener.tls.secret_name {
        let path = "spec.listener.tls.secretName";
        findings.extend(references.check_certificate(path, name));
    }
    findings.extend(notification::check(spec, &references));
    let audiences = spec.identity.kubernetes.iter().flat_map(|kubernetes| &kubernetes.audiences);
    for (index, audience) in audiences.enumerate() {
        let path = format!("spec.identity.kubernetes.audiences[{index}]");
        findings.extend(check_audience(&path, audience, options));
    }
    findings.extend(check_secret_access(entry, spec, options));
    if spec.suspended {
        let message =
            "every call on every connection of this gateway is refused; write suspended: false to resume";
        findings.push(Finding::warning("spec.suspended", Reason::Suspended, message));
    }
    findings
}

/// The operator can grant no more than it has been granted itself.
fn check_secret_access(
    entry: &Entry<McpGatewaySpec>,
    spec: &McpGatewaySpec,
    options: &Options,
) -> Option<Finding> {
    let namespace = &entry.key.namespace;
    let is_granted = match (&spec.secret_access, &options.secret_watch) {
        (SecretAccess::Mount, _) | (SecretAccess::Watch, SecretWatch::Unknown | SecretWatch::All) => true,
        (SecretAccess::Watch, SecretWatch::Namespaces(namespaces)) => namespaces.contains(namespace),
    };
    let message = format!(
        "the operator may not grant this in the namespace {namespace}; add it to secretAccess.watchNamespaces of \
         the Helm chart, or write Mount"
    );
    (!is_granted).then(|| Finding::new("spec.secretAccess", Reason::SecretWatchNotGranted, message))
}

/// Asks the gateway's own code about the issuers, in a document in which nothing else can be wrong.
fn check_identity(spec: &McpGatewaySpec, options: &Options) -> Vec<Finding> {
    let problems = compile(probe(identity(spec, options))).err().unwrap_or_default();
    let own = spec.identity.oidc.len();
    let is_own = |path: &str| {
        let index = path.strip_prefix("identity.oidc[").and_then(|rest| rest.split(']').next());
        index.is_none_or(|index| index.parse().is_ok_and(|index: usize| index < own))
    };
    let mut seen = BTreeSet::new();
    problems
        .into_iter()
        .filter(|problem| problem.path.starts_with("identity") && is_own(&problem.path))
        // What stands twice has been found by the schema, at the same field.
        .filter(|problem| !problem.message.starts_with("stands twice") && seen.insert(problem.path.clone()))
        .map(|problem| {
            let (path, message) = match problem.path.as_str() {
                "identity" => ("identity", rule::SOMEBODY_CAN_CALL.message.to_owned()),
                // The issuer is the cluster's, and nothing that is written.
                "identity.kubernetes.issuer" => ("identity.kubernetes", problem.message),
                path => (path, problem.message),
            };
            Finding::new(format!("spec.{path}"), Reason::InvalidValue, message)
        })
        .collect()
}

fn probe(identity: Identity) -> GatewayConfig {
    let nobody = ObjectName { namespace: "default".to_owned(), name: "probe".to_owned() };
    GatewayConfig {
        api_version: API_VERSION.to_owned(),
        sequence: 0,
        connection: nobody.clone(),
        connection_labels: BTreeMap::new(),
        gateway: nobody,
        resources: vec!["https://gateway.invalid/probe/mcp".to_owned()],
        hostnames: Vec::new(),
        identity,
        upstream: Upstream {
            url: "https://upstream.invalid/mcp".to_owned(),
            transport: Transport::default(),
            ca: None,
            insecure_plaintext: false,
            connect_timeout_milliseconds: 1,
            call_timeout_milliseconds: 1,
        },
        credentials: Vec::new(),
        access: Vec::new(),
        masking: Vec::new(),
        commands: Vec::new(),
        approval: None,
        server_requests: ServerRequests::default(),
        tool_pinning: None,
        limits: CallLimits {
            message_bytes: 1024,
            requests_per_minute: None,
            concurrent_calls: None,
            replicas: 1,
        },
        closed: None,
    }
}

/// Who may call, as the gateway knows it: the gateway's issuers first, then those of the options.
fn identity(spec: &McpGatewaySpec, options: &Options) -> Identity {
    let own = spec.identity.oidc.iter().map(|issuer| OidcIssuer {
        issuer: issuer.issuer.clone(),
        ca: issuer.ca_ref.as_ref().and_then(bundle).map(|bundle| bundle.to_config()),
        audiences: issuer.audiences.clone(),
        username_claim: issuer.username_claim.clone(),
        groups_claim: issuer.groups_claim.clone(),
        kubernetes_usernames: issuer.kubernetes_usernames.clone(),
        insecure_loopback: options.allow_loopback_issuers && is_plain_loopback(&issuer.issuer),
    });
    let is_further = |extra: &&OidcIssuer| spec.identity.oidc.iter().all(|own| own.issuer != extra.issuer);
    let further = options.extra_issuers.iter().filter(is_further).cloned();
    Identity {
        oidc: own.chain(further).collect(),
        kubernetes: kubernetes(spec, options),
        anonymous: spec.identity.anonymous,
    }
}

fn kubernetes(spec: &McpGatewaySpec, options: &Options) -> Option<KubernetesIssuer> {
    let identity = spec.identity.kubernetes.as_ref().filter(|identity| identity.enabled)?;
    let cluster = options.cluster.as_ref();
    let mut keys = cluster.map(|cluster| cluster.keys.clone()).unwrap_or_default();
    // Each API server of a cluster may list them in another order, of which no document shall change.
    keys.sort_by_cached_key(ToString::to_string);
    Some(KubernetesIssuer {
        issuer: cluster.map_or_else(|| UNKNOWN_CLUSTER.to_owned(), |cluster| cluster.issuer.clone()),
        audiences: identity.audiences.clone(),
        keys,
    })
}

fn is_plain_loopback(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else { return false };
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && loopback
}

/// A reference to certificate authorities, if its names are legal.
pub(super) fn bundle(reference: &CaReference) -> Option<CaBundle> {
    let CaReference { kind: _, name, key } = reference;
    Some(CaBundle { config_map: Name::parse(name)?, key: DataKey::parse(key)? })
}

fn build(entry: &Entry<McpGatewaySpec>, options: &Options) -> Option<ValidGateway> {
    let spec = entry.spec.as_ref()?;
    let ListenerTls { mode, secret_name } = &spec.listener.tls;
    Some(ValidGateway {
        name: Name::parse(&entry.key.name)?,
        identity: identity(spec, options),
        hostnames: spec.listener.hostnames.iter().map(|host| Hostname::parse(host)).collect::<Option<_>>()?,
        tls: match mode {
            ListenerTlsMode::Operator => Tls::Operator,
            ListenerTlsMode::Secret => Tls::Secret(Name::parse(secret_name.as_ref()?)?),
            ListenerTlsMode::Disabled => Tls::Disabled,
        },
        scale: Scale::parse(&spec.deployment)?,
        cpu: Cpu::parse(spec.deployment.requested_cpu())?,
        watches: spec.secret_access == SecretAccess::Watch,
        suspended: spec.suspended,
        notifications: notification::build(spec)?,
        requires: spec.requires.clone(),
    })
}
