//! A connection that has passed every check, with all that its gateway needs to know.
//!
//! Only [`crate::validate()`] makes one, and its fields fit legal values alone, so that rendering cannot
//! fail.

use lychgate_gateway_policy::config::{
    API_VERSION, ConfigMapKey, Credential, GatewayConfig, Grant, Identity, Inject, MaskingRule,
    MessageLimits, ObjectName, OidcIssuer, SecretKey, ServerRequests, Upstream,
};

use crate::names::ChildName;
use crate::values::{
    CredentialName, DataKey, HeaderFormat, HeaderName, Hostname, MessageBytes, Name, Namespace, Replicas,
    Timeout, UpstreamUrl,
};

/// A connection that has passed every check.
#[derive(Clone, Debug)]
pub struct ValidConnection {
    pub(crate) key: ObjectName,
    pub(crate) namespace: Namespace,
    pub(crate) name: Name,
    pub(crate) uid: Option<String>,
    pub(crate) child: ChildName,
    pub(crate) gateway: ValidGateway,
    pub(crate) upstream: ValidUpstream,
    pub(crate) credential: Option<ValidCredential>,
    pub(crate) access: Vec<Grant>,
    pub(crate) masking: Vec<MaskingRule>,
    pub(crate) server_requests: ServerRequests,
    pub(crate) message_bytes: MessageBytes,
    /// Stands for every URL of the connection, where it is set (see [`crate::Options::base_url`]).
    pub(crate) base_url: Option<String>,
}

/// A gateway that has passed every check.
#[derive(Clone, Debug)]
pub(crate) struct ValidGateway {
    pub(crate) name: Name,
    pub(crate) issuers: Vec<OidcIssuer>,
    pub(crate) anonymous: bool,
    pub(crate) hostnames: Vec<Hostname>,
    pub(crate) tls: Tls,
    pub(crate) replicas: Replicas,
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
    pub(crate) secret: Name,
    pub(crate) key: DataKey,
}

/// The port on which a gateway serves.
pub(crate) const GATEWAY_PORT: u16 = 8443;

impl ValidConnection {
    /// The connection's namespace and name.
    #[must_use]
    pub fn name(&self) -> &ObjectName {
        &self.key
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
        let ValidUpstream { url, ca, insecure_plaintext, connect_timeout, call_timeout } = &self.upstream;
        GatewayConfig {
            api_version: API_VERSION.to_owned(),
            sequence,
            connection: self.key.clone(),
            gateway: ObjectName {
                namespace: self.namespace.as_str().to_owned(),
                name: self.gateway.name.as_str().to_owned(),
            },
            resources: self.resources(),
            hostnames: self.further_hostnames(),
            identity: Identity { oidc: self.gateway.issuers.clone(), anonymous: self.gateway.anonymous },
            upstream: Upstream {
                url: url.as_str().to_owned(),
                ca: ca.as_ref().map(CaBundle::to_config),
                insecure_plaintext: *insecure_plaintext,
                connect_timeout_milliseconds: connect_timeout.milliseconds(),
                call_timeout_milliseconds: call_timeout.milliseconds(),
            },
            credentials: self.credential.iter().map(ValidCredential::to_config).collect(),
            access: self.access.clone(),
            masking: self.masking.clone(),
            server_requests: self.server_requests.clone(),
            limits: MessageLimits { message_bytes: self.message_bytes.get() },
        }
    }

    /// The ConfigMaps with certificate authorities that the gateway reads.
    pub(crate) fn ca_bundles(&self) -> Vec<CaBundle> {
        let of_issuers = self.gateway.issuers.iter().filter_map(|issuer| {
            let ConfigMapKey { config_map, key } = issuer.ca.as_ref()?;
            Some(CaBundle { config_map: Name::parse(config_map)?, key: DataKey::parse(key)? })
        });
        let mut bundles: Vec<CaBundle> = of_issuers.chain(self.upstream.ca.clone()).collect();
        bundles.sort();
        bundles.dedup();
        bundles
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
            from: SecretKey { secret: self.secret.as_str().to_owned(), key: self.key.as_str().to_owned() },
        }
    }
}
