//! A connection that has passed every check, with all that its gateway needs to know.
//!
//! Only [`crate::validate()`] makes one, and its fields fit legal values alone, so that rendering cannot
//! fail.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use lychgate_crds::gateway::RequiredPolicy;
use lychgate_gateway_policy::config::{
    API_VERSION, ApprovalConfig, ApprovalPolicy, CallLimits, Closed, CommandRule, ConfigMapKey, Credential,
    CredentialSource, GatewayConfig, Grant, Identity, Inject, MaskingRule, Notification, ObjectName,
    PinningMode, SecretKey, ServerRequests, ServiceAccountToken, ToolPinning, Transport, Upstream,
};

use lychgate_gateway_policy::destination::ALLOWED_HOSTS_KEY;

use crate::approval::NO_UID;
use crate::names::{ChildName, sha256};
use crate::problem::ObjectKey;
use crate::scale::{Cpu, Scale};
use crate::service::ValidService;
use crate::values::{
    Audience, ConcurrentCalls, CredentialName, DataKey, HeaderFormat, HeaderName, Hostname, MessageBytes,
    Name, Namespace, RequestsPerMinute, Timeout, TokenSeconds, UpstreamUrl,
};

/// A connection that has passed every check.
#[derive(Clone, Debug)]
pub struct ValidConnection {
    pub(crate) key: ObjectName,
    pub(crate) namespace: Namespace,
    pub(crate) name: Name,
    pub(crate) uid: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) generation: Option<i64>,
    pub(crate) child: ChildName,
    pub(crate) gateway: ValidGateway,
    pub(crate) upstream: ValidUpstream,
    pub(crate) credentials: Vec<ValidCredential>,
    pub(crate) access: Vec<Grant>,
    pub(crate) masking: Vec<MaskingRule>,
    /// The CommandRules, in the order of their names.
    pub(crate) commands: Vec<CommandRule>,
    /// The ApprovalPolicies, in the order of their names.
    pub(crate) approvals: Vec<ApprovalPolicy>,
    /// The policies that hold, in the order of their names.
    pub(crate) policies: Vec<ObjectKey>,
    pub(crate) closed: Option<Closed>,
    pub(crate) server_requests: ServerRequests,
    /// The pins of its tools; none where nobody asks for them.
    pub(crate) tool_pinning: Option<ToolPinning>,
    pub(crate) message_bytes: MessageBytes,
    pub(crate) requests_per_minute: RequestsPerMinute,
    pub(crate) concurrent_calls: ConcurrentCalls,
    /// How many replicas are known to share limits, where an autoscaler chooses their number.
    pub(crate) sharers: Option<u32>,
    /// Stands for every URL of the connection, where it is set (see [`crate::Options::base_url`]).
    pub(crate) base_url: Option<String>,
}

/// A gateway that has passed every check.
#[derive(Clone, Debug)]
pub(crate) struct ValidGateway {
    pub(crate) name: Name,
    pub(crate) identity: Identity,
    pub(crate) hostnames: Vec<Hostname>,
    pub(crate) tls: Tls,
    pub(crate) scale: Scale,
    /// What each pod asks for.
    pub(crate) cpu: Cpu,
    /// Whether its gateways read Secrets from the API server, too.
    pub(crate) watches: bool,
    pub(crate) suspended: bool,
    pub(crate) requires: Vec<RequiredPolicy>,
    /// Who is told of calls that wait.
    pub(crate) notifications: Vec<ValidNotification>,
}

/// A receiver of messages about calls that wait.
#[derive(Clone, Debug)]
pub(crate) struct ValidNotification {
    pub(crate) host: Hostname,
    pub(crate) ca: Option<CaBundle>,
    /// As the gateway is told of it.
    pub(crate) config: Notification,
}

/// Where a gateway's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// The operator makes it.
    Operator,
    /// It is in this Secret.
    Secret(Name),
    /// There is none.
    Disabled,
}

/// Where an MCP server is.
#[derive(Clone, Debug)]
pub(crate) struct ValidUpstream {
    pub(crate) url: UpstreamUrl,
    /// The Service that the URL is of, if a connection names one.
    pub(crate) service: Option<ValidService>,
    pub(crate) transport: Transport,
    pub(crate) ca: Option<CaBundle>,
    pub(crate) insecure_plaintext: bool,
    pub(crate) connect_timeout: Timeout,
    pub(crate) call_timeout: Timeout,
}

/// A key of a ConfigMap with certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CaBundle {
    pub(crate) config_map: Name,
    pub(crate) key: DataKey,
}

/// A credential.
#[derive(Clone, Debug)]
pub(crate) struct ValidCredential {
    pub(crate) name: CredentialName,
    pub(crate) header: HeaderName,
    pub(crate) format: HeaderFormat,
    pub(crate) source: ValidSource,
}

/// Where a credential's value comes from.
#[derive(Clone, Debug)]
pub(crate) enum ValidSource {
    /// A key of a Secret.
    Secret(Name, DataKey),
    /// A token of the gateway's own account.
    Token(Audience, TokenSeconds),
}

/// The port on which a gateway serves.
pub(crate) const GATEWAY_PORT: u16 = 8443;
/// The port of a gateway for probes, metrics and the operator.
pub(crate) const ADMIN_PORT: u16 = 9090;

impl ValidConnection {
    /// The connection's namespace and name.
    #[must_use]
    pub fn name(&self) -> &ObjectName {
        &self.key
    }

    /// The uid that the API server gave the connection; none if it came from a file.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }

    /// The name of the connection's McpGateway, which lies in the same namespace.
    #[must_use]
    pub fn gateway_name(&self) -> &str {
        self.gateway.name.as_str()
    }

    /// The policies that hold for the connection, in the order of kind, namespace and name.
    #[must_use]
    pub fn policies(&self) -> &[ObjectKey] {
        &self.policies
    }

    /// Whether anything is injected into requests.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        !self.credentials.is_empty() || self.masking.iter().any(|rule| rule.keys().next().is_some())
    }

    /// The name of the Service that is its server, in its own namespace, if it names one.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.upstream.service.as_ref().map(|service| service.name.as_str())
    }

    /// How its tools are held to their pins, if they are.
    #[must_use]
    pub fn pinning(&self) -> Option<PinningMode> {
        self.tool_pinning.as_ref().map(|pinning| pinning.mode)
    }

    /// Why nothing may pass, if that is so.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// The name of the connection's Deployment, Service, ConfigMap and most other children.
    #[must_use]
    pub fn child_name(&self) -> &str {
        self.child.as_str()
    }

    /// How many pods serve the connection, at least.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        self.gateway.scale.least().get()
    }

    /// The numbers of pods between which an autoscaler chooses, if one does.
    #[must_use]
    pub fn autoscaled(&self) -> Option<RangeInclusive<u32>> {
        let numbers = self.gateway.scale.bounds()?.numbers();
        Some(u32::try_from(*numbers.start()).ok()?..=u32::try_from(*numbers.end()).ok()?)
    }

    /// The same connection, of which so many replicas divide the limits of a caller among themselves, if an autoscaler
    /// chooses their number (see [`crate::Sharers`]).
    #[must_use]
    pub fn shared_by(self, sharers: u32) -> Self {
        Self { sharers: Some(sharers), ..self }
    }

    /// How many replicas divide the limits of a caller among themselves: those that are configured, so that those which
    /// are left have no more to give while one is lost. Without a cluster, there is one.
    pub(crate) fn sharers(&self) -> u32 {
        let least = u32::try_from(self.replicas()).unwrap_or(1);
        match (&self.base_url, self.autoscaled()) {
            (Some(_), _) => 1,
            (None, Some(numbers)) => self.sharers.unwrap_or(least).clamp(*numbers.start(), *numbers.end()),
            (None, None) => least,
        }
    }

    /// The port of each pod for probes, metrics and the operator.
    #[must_use]
    pub fn admin_port(&self) -> u16 {
        ADMIN_PORT
    }

    /// The labels by which the connection's pods are selected. A Deployment's selector can never be changed,
    /// so these cannot, either.
    #[must_use]
    pub fn selected_labels(&self) -> BTreeMap<String, String> {
        selected_labels(&self.child)
    }

    /// Whether the operator makes the connection's certificate.
    #[must_use]
    pub fn wants_certificate(&self) -> bool {
        self.gateway.tls == Tls::Operator
    }

    /// The names that the connection's certificate is for: those of its Service with a namespace, since one
    /// without could be another's elsewhere, and the gateway's host names without their ports.
    #[must_use]
    pub fn certificate_names(&self) -> Vec<String> {
        let host = self.service_host();
        let short = format!("{}.{}", self.child, self.namespace.as_str());
        let mut names = vec![format!("{host}.cluster.local"), host, short];
        for hostname in &self.gateway.hostnames {
            let name = hostname.without_port().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The URLs of the connection, which are its OAuth resource identifiers too (RFC 8707). The first is
    /// the one to show to people.
    #[must_use]
    pub fn resources(&self) -> Vec<String> {
        let connection = self.name.as_str();
        if let Some(base) = &self.base_url {
            return vec![format!("{}/{connection}/mcp", base.trim_end_matches('/'))];
        }
        // Where the gateway has no certificate, TLS ends before it for callers from outside, and is the
        // mesh's business for those within.
        let scheme = if self.gateway.tls == Tls::Disabled { "http" } else { "https" };
        let hosts =
            self.gateway.hostnames.iter().map(|host| format!("https://{}/{connection}/mcp", host.as_str()));
        let within = format!("{scheme}://{}:{GATEWAY_PORT}/{connection}/mcp", self.service_host());
        hosts.chain([within]).collect()
    }

    /// The document for the gateway. `sequence` is raised when anything else in it changes.
    #[must_use]
    pub fn config(&self, sequence: u64) -> GatewayConfig {
        let ValidUpstream {
            url,
            service: _,
            transport,
            ca,
            insecure_plaintext,
            connect_timeout,
            call_timeout,
        } = &self.upstream;
        GatewayConfig {
            api_version: API_VERSION.to_owned(),
            sequence,
            connection: self.key.clone(),
            connection_labels: self.labels_for_conditions(),
            gateway: ObjectName {
                namespace: self.namespace.as_str().to_owned(),
                name: self.gateway.name.as_str().to_owned(),
            },
            resources: self.resources(),
            hostnames: self.further_hostnames(),
            identity: self.gateway.identity.clone(),
            upstream: Upstream {
                url: url.as_str().to_owned(),
                transport: *transport,
                ca: ca.as_ref().map(CaBundle::to_config),
                insecure_plaintext: *insecure_plaintext,
                connect_timeout_milliseconds: connect_timeout.milliseconds(),
                call_timeout_milliseconds: call_timeout.milliseconds(),
            },
            credentials: self.credentials.iter().map(ValidCredential::to_config).collect(),
            access: self.access.clone(),
            masking: self.masking.clone(),
            commands: self.commands.clone(),
            approval: self.approval(),
            server_requests: self.server_requests.clone(),
            tool_pinning: self.tool_pinning.clone(),
            limits: CallLimits {
                message_bytes: self.message_bytes.get(),
                requests_per_minute: Some(self.requests_per_minute.get()),
                concurrent_calls: Some(self.concurrent_calls.get()),
                replicas: self.sharers(),
            },
            closed: self.closed,
        }
    }

    /// A hash over everything in the document but its sequence: SHA-256 in hexadecimal digits of the document
    /// with sequence 0, as JSON. While it stays, the sequence stays.
    #[must_use]
    pub fn content_hash(&self) -> String {
        // Names are texts and numbers are integers in there: nothing that JSON cannot say.
        sha256(&serde_json::to_vec(&self.config(0)).unwrap_or_default())
    }

    /// Whether calls may have to wait for a person, for which the gateway needs the API server.
    #[must_use]
    pub fn has_approvals(&self) -> bool {
        !self.approvals.is_empty()
    }

    /// Whether the gateway asks the API server for anything.
    pub(crate) fn needs_api_server(&self) -> bool {
        self.gateway.watches || self.has_approvals()
    }

    /// The labels, where a condition may ask for them; nothing where there is none, so that the document does not change
    /// with them.
    fn labels_for_conditions(&self) -> BTreeMap<String, String> {
        let of_commands = self.commands.iter().flat_map(|rule| &rule.rules).map(|clause| &clause.when);
        let of_grants = self.access.iter().map(|grant| &grant.when);
        let of_approvals = self.approvals.iter().map(|policy| &policy.matching.when);
        let of_masks = self.masking.iter().map(|rule| &rule.matching.when);
        let mut conditions = of_commands.chain(of_grants).chain(of_approvals).chain(of_masks);
        if conditions.any(Option::is_some) { self.labels.clone() } else { BTreeMap::new() }
    }

    /// Nothing where no policy holds, so that the documents of other connections do not change with their
    /// generation.
    fn approval(&self) -> Option<ApprovalConfig> {
        self.has_approvals().then(|| ApprovalConfig {
            connection_uid: self.uid.clone().unwrap_or_else(|| NO_UID.to_owned()),
            connection_generation: self.generation.unwrap_or_default(),
            gateway: format!("system:serviceaccount:{}:{}", self.namespace.as_str(), self.child),
            policies: self.approvals.clone(),
            notifications: self.notifications().map(|notification| notification.config.clone()).collect(),
        })
    }

    /// Who is told of calls that wait; nobody where none does.
    pub(crate) fn notifications(&self) -> impl Iterator<Item = &ValidNotification> {
        self.gateway.notifications.iter().filter(|_| self.has_approvals())
    }

    /// The ConfigMaps with certificate authorities that the gateway reads.
    pub(crate) fn ca_bundles(&self) -> Vec<CaBundle> {
        let of_issuers = self.gateway.identity.oidc.iter().filter_map(|issuer| {
            let ConfigMapKey { config_map, key } = issuer.ca.as_ref()?;
            Some(CaBundle { config_map: Name::parse(config_map)?, key: DataKey::parse(key)? })
        });
        let mut bundles: Vec<CaBundle> = of_issuers
            .chain(self.upstream.ca.clone())
            .chain(self.notifications().filter_map(|notification| notification.ca.clone()))
            .collect();
        bundles.sort();
        bundles.dedup();
        bundles
    }

    /// The Secrets that the gateway reads, each with the keys that it needs, in the order in which they are named.
    pub(crate) fn secrets(&self) -> Vec<(String, Vec<String>)> {
        let of_credential = self.credentials.iter().flat_map(|credential| match &credential.source {
            ValidSource::Secret(name, key) => {
                let name = name.as_str().to_owned();
                vec![(name.clone(), key.as_str().to_owned()), (name, ALLOWED_HOSTS_KEY.to_owned())]
            }
            ValidSource::Token(..) => Vec::new(),
        });
        let of_notifications = self.notifications().flat_map(|notification| {
            let named = [Some(&notification.config.url), notification.config.signing_key.as_ref()];
            named.into_iter().flatten().map(|named| (named.secret.clone(), named.key.clone()))
        });
        let mut secrets: Vec<(String, Vec<String>)> = Vec::new();
        let of_masks = self.masking.iter().flat_map(MaskingRule::keys);
        let of_masks = of_masks.map(|named| (named.secret.clone(), named.key.clone()));
        for (name, key) in of_credential.chain(of_notifications).chain(of_masks) {
            match secrets.iter_mut().find(|(known, _)| *known == name) {
                Some((_, keys)) if keys.contains(&key) => {}
                Some((_, keys)) => keys.push(key),
                None => secrets.push((name, vec![key])),
            }
        }
        secrets
    }

    /// The host under which the connection's Service is known in the cluster.
    fn service_host(&self) -> String {
        format!("{}.{}.svc", self.child, self.namespace.as_str())
    }

    /// Names of the Service that are answered although no URL of the connection has them: many clients
    /// write the cluster's domain out.
    fn further_hostnames(&self) -> Vec<String> {
        match &self.base_url {
            Some(_) => Vec::new(),
            None => vec![format!("{}.cluster.local:{GATEWAY_PORT}", self.service_host())],
        }
    }
}

/// The labels by which the pods of a gateway are selected.
pub(crate) fn selected_labels(child: &ChildName) -> BTreeMap<String, String> {
    let pairs =
        [("app.kubernetes.io/name", "lychgate-gateway"), ("app.kubernetes.io/instance", child.as_str())];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

impl CaBundle {
    pub(crate) fn to_config(&self) -> ConfigMapKey {
        ConfigMapKey { config_map: self.config_map.as_str().to_owned(), key: self.key.as_str().to_owned() }
    }
}

impl ValidCredential {
    fn to_config(&self) -> Credential {
        Credential {
            name: self.name.as_str().to_owned(),
            inject: Inject {
                header: self.header.as_str().to_owned(),
                format: self.format.as_str().to_owned(),
            },
            from: match &self.source {
                ValidSource::Secret(name, key) => CredentialSource::SecretKeyRef(SecretKey {
                    secret: name.as_str().to_owned(),
                    key: key.as_str().to_owned(),
                }),
                ValidSource::Token(audience, _) => {
                    CredentialSource::ServiceAccountToken(ServiceAccountToken {
                        audience: audience.as_str().to_owned(),
                    })
                }
            },
        }
    }
}
