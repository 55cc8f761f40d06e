//! From a [`GatewayConfig`] to a [`Policy`]: all that can be wrong is found here, once, and what is found
//! right is held in a form that a call can be decided with quickly.
//!
//! The operator compiles before it publishes and the gateway compiles before it serves, so that the two
//! cannot differ about what is valid.

mod credential;
mod identity;

use lychgate_gateway_condition::Scope;
use url::Url;

pub use credential::{MAXIMUM_CREDENTIALS, check_format, check_header};

use crate::config::{self, API_VERSION, GatewayConfig};
use crate::glob::Glob;
use crate::pinning::{self, Pinning};
use crate::when::{self, When};
use crate::{approval, command, destination, mask};

/// The smallest and largest [`config::CallLimits::message_bytes`].
pub const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 1024..=64 * 1024 * 1024;
/// The smallest and largest [`config::CallLimits::requests_per_minute`].
pub const REQUESTS_PER_MINUTE: std::ops::RangeInclusive<u32> = 1..=1_000_000;
/// The smallest and largest [`config::CallLimits::concurrent_calls`].
pub const CONCURRENT_CALLS: std::ops::RangeInclusive<u32> = 1..=10_000;
/// The longest time-out, in milliseconds: one day.
pub const MAXIMUM_TIMEOUT_MILLISECONDS: u64 = 24 * 60 * 60 * 1000;

/// One thing that is wrong with a document: where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The field, such as `masking[0].fields[1].jsonPath`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

/// A compiled configuration of one connection.
#[derive(Debug)]
pub struct Policy {
    config: GatewayConfig,
    upstream: Url,
    access: Vec<Grant>,
    masking: mask::Compiled,
    commands: command::Program,
    approval: approval::Program,
    pinning: Pinning,
    /// For each credential, whether it goes only where it is chosen.
    alternatives: Vec<bool>,
}

/// A compiled grant.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) groups: Vec<String>,
    pub(crate) users: Vec<String>,
    pub(crate) tools: Vec<Glob>,
    pub(crate) resources: Vec<Glob>,
    pub(crate) prompts: Vec<Glob>,
    pub(crate) when: When,
    pub(crate) credential: Option<String>,
}

impl Policy {
    /// The document that this policy was compiled from.
    #[must_use]
    pub fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Where the server is.
    #[must_use]
    pub fn upstream(&self) -> &Url {
        &self.upstream
    }

    /// What is masked.
    #[must_use]
    pub fn masking(&self) -> &mask::Program {
        self.masking.program()
    }

    /// The same, to be shared with other connections that mask alike.
    #[must_use]
    pub fn compiled_masking(&self) -> &mask::Compiled {
        &self.masking
    }

    /// How its tools are held to their pins.
    #[must_use]
    pub fn pinning(&self) -> &Pinning {
        &self.pinning
    }

    pub(crate) fn commands(&self) -> &command::Program {
        &self.commands
    }

    pub(crate) fn alternatives(&self) -> &[bool] {
        &self.alternatives
    }

    pub(crate) fn approval(&self) -> &approval::Program {
        &self.approval
    }

    pub(crate) fn access(&self) -> &[Grant] {
        &self.access
    }
}

/// Compiles a document.
///
/// # Errors
/// Everything that is wrong with it, not only the first thing.
pub fn compile(config: GatewayConfig) -> Result<Policy, Vec<Problem>> {
    compile_sharing(config, None)
}

/// The same, with what masks another connection: it masks this one too if both are to be masked alike.
///
/// # Errors
/// As [`compile`].
pub fn compile_sharing(
    config: GatewayConfig,
    masking: Option<mask::Compiled>,
) -> Result<Policy, Vec<Problem>> {
    let mut problems = Vec::new();
    if config.api_version != API_VERSION {
        problems.push(Problem::new("apiVersion", format!("is not {API_VERSION}")));
    }
    check_resources(&config, &mut problems);
    identity::check(&config.identity, &mut problems);
    let upstream = check_upstream(&config, &mut problems);
    credential::check(&config, &mut problems);
    check_limits(&config.limits, &mut problems);
    let access = config
        .access
        .iter()
        .enumerate()
        .map(|(index, grant)| compile_grant(grant, &config, &format!("access[{index}]"), &mut problems))
        .collect();
    let approval = approval::compile(&config, &mut problems);
    let commands = command::compile(&config, &mut problems);
    let pinning = pinning::compile(&config, &mut problems);
    let alternatives = credential::alternatives(&config);
    let masking = mask::compile_or_take(&config, masking).map_err(|found| problems.extend(found)).ok();
    match (upstream, masking) {
        (Some(upstream), Some(masking)) if problems.is_empty() => {
            Ok(Policy { config, upstream, access, masking, commands, approval, pinning, alternatives })
        }
        _ => Err(problems),
    }
}

fn check_limits(limits: &config::CallLimits, problems: &mut Vec<Problem>) {
    let config::CallLimits { message_bytes, requests_per_minute, concurrent_calls, replicas } = limits;
    if !MESSAGE_BYTES.contains(message_bytes) {
        problems.push(Problem::new("limits.messageBytes", "write a size between 1Ki and 64Mi"));
    }
    if requests_per_minute.is_some_and(|requests| !REQUESTS_PER_MINUTE.contains(&requests)) {
        problems.push(Problem::new("limits.requestsPerMinute", "write a number between 1 and 1000000"));
    }
    if concurrent_calls.is_some_and(|calls| !CONCURRENT_CALLS.contains(&calls)) {
        problems.push(Problem::new("limits.concurrentCalls", "write a number between 1 and 10000"));
    }
    if *replicas == 0 {
        problems.push(Problem::new("limits.replicas", "write a number of at least 1"));
    }
}

fn check_resources(config: &GatewayConfig, problems: &mut Vec<Problem>) {
    if config.resources.is_empty() {
        problems.push(Problem::new("resources", "is empty; a connection has at least one URL"));
    }
    for (index, resource) in config.resources.iter().enumerate() {
        let absolute = Url::parse(resource)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none());
        if !absolute {
            problems.push(Problem::new(
                format!("resources[{index}]"),
                "write an absolute http or https URL without a fragment (RFC 8707)",
            ));
        }
    }
}

fn check_upstream(config: &GatewayConfig, problems: &mut Vec<Problem>) -> Option<Url> {
    let upstream = &config.upstream;
    for (member, milliseconds) in [
        ("connectTimeoutMilliseconds", upstream.connect_timeout_milliseconds),
        ("callTimeoutMilliseconds", upstream.call_timeout_milliseconds),
    ] {
        if milliseconds == 0 || milliseconds > MAXIMUM_TIMEOUT_MILLISECONDS {
            problems.push(Problem::new(format!("upstream.{member}"), "write a time between 1ms and 1d"));
        }
    }
    match destination::parse_upstream(&upstream.url) {
        Ok(url) => {
            let plaintext = url.scheme() == "http" && !upstream.insecure_plaintext;
            if plaintext && !config.credentials.is_empty() {
                problems.push(Problem::new(
                    "upstream.url",
                    "a credential would travel over plain http; write https, or insecurePlaintext: true",
                ));
            }
            Some(url)
        }
        Err(message) => {
            problems.push(Problem::new("upstream.url", message));
            None
        }
    }
}

/// Names of Secrets and keys become names of files: nothing in them may leave the folder.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(legal)
}

fn compile_grant(
    grant: &config::Grant,
    config: &GatewayConfig,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Grant {
    if grant.groups.is_empty() && grant.users.is_empty() {
        problems.push(Problem::new(path, "names nobody; add groups or users"));
    }
    if grant.tools.is_empty() && grant.resources.is_empty() && grant.prompts.is_empty() {
        problems.push(Problem::new(path, "allows nothing; add tools, resources or prompts"));
    }
    for (member, values) in [
        ("groups", &grant.groups),
        ("users", &grant.users),
        ("tools", &grant.tools),
        ("resources", &grant.resources),
        ("prompts", &grant.prompts),
    ] {
        for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_empty()) {
            problems.push(Problem::new(
                format!("{path}.{member}[{index}]"),
                "is empty, which matches nothing; write a name, or remove the line",
            ));
        }
    }
    when::check(grant.when.as_deref(), Scope::Access, &format!("{path}.when"), problems);
    let globs = |patterns: &[String]| patterns.iter().map(|pattern| Glob::new(pattern)).collect();
    Grant {
        groups: grant.groups.clone(),
        users: grant.users.clone(),
        tools: globs(&grant.tools),
        resources: globs(&grant.resources),
        prompts: globs(&grant.prompts),
        when: when::compile(grant.when.as_deref(), Scope::Access, config),
        credential: grant.credential.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::compile;
    use crate::config::{
        ConfigMapKey, CredentialSource, GatewayConfig, KubernetesIssuer, SecretKey, ServiceAccountToken,
    };
    use crate::testing::config;

    /// The paths of the problems of a document after a change.
    fn paths(change: impl FnOnce(&mut GatewayConfig)) -> Vec<String> {
        let mut config = config();
        change(&mut config);
        let problems = compile(config).err().unwrap_or_default();
        for problem in &problems {
            assert!(problem.message.len() > 10, "{problem} says what to do");
        }
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn a_valid_document_has_no_problem() {
        assert!(paths(|_| {}).is_empty());
        assert!(
            paths(
                |config| config.upstream.ca = Some(ConfigMapKey { config_map: "a".into(), key: "b".into() })
            )
            .is_empty()
        );
        assert!(paths(|config| config.credentials[0].from = token_for("db")).is_empty());
        assert!(
            paths(|config| {
                config.identity.oidc.clear();
                config.identity.kubernetes = Some(cluster("https://kubernetes.default.svc", &[]));
            })
            .is_empty()
        );
    }

    fn secret(secret: &str, key: &str) -> CredentialSource {
        CredentialSource::SecretKeyRef(SecretKey { secret: secret.into(), key: key.into() })
    }

    fn token_for(audience: &str) -> CredentialSource {
        CredentialSource::ServiceAccountToken(ServiceAccountToken { audience: audience.into() })
    }

    fn cluster(issuer: &str, audiences: &[&str]) -> KubernetesIssuer {
        let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
        KubernetesIssuer { issuer: issuer.into(), audiences, keys: vec![] }
    }

    type Change = fn(&mut GatewayConfig);

    #[test]
    fn every_wrong_value_is_found_at_its_place() {
        let cases: [(&str, Change); 44] = [
            ("apiVersion", |config| config.api_version = "v1".into()),
            ("resources", |config| config.resources.clear()),
            ("resources[0]", |config| config.resources = vec!["mcp.example.com".into()]),
            ("resources[0]", |config| config.resources = vec!["https://a/mcp#x".into()]),
            ("identity", |config| config.identity.oidc.clear()),
            ("identity.oidc[0].issuer", |config| config.identity.oidc[0].issuer = "idp".into()),
            ("identity.oidc[0].issuer", |config| config.identity.oidc[0].issuer = "http://idp".into()),
            ("identity.oidc[0].issuer", |config| config.identity.oidc[0].issuer = "https://idp?x".into()),
            ("identity.oidc[0].issuer", |config| {
                config.identity.oidc[0].issuer = "http://10.0.0.1".into();
                config.identity.oidc[0].insecure_loopback = true;
            }),
            ("identity.oidc[0].issuer", |config| {
                config.identity.oidc[0].issuer = "https://169.254.169.254".into();
            }),
            ("identity.oidc[1].issuer", |config| {
                let again = config.identity.oidc[0].clone();
                config.identity.oidc.push(again);
            }),
            ("identity.oidc[0].usernameClaim", |config| {
                config.identity.oidc[0].username_claim = "a..b".into()
            }),
            ("identity.oidc[0].groupsClaim", |config| config.identity.oidc[0].groups_claim.clear()),
            ("identity.oidc[0].audiences", |config| config.identity.oidc[0].audiences = vec![String::new()]),
            ("upstream.url", |config| config.upstream.url = "https://user@db/mcp".into()),
            ("upstream.url", |config| config.upstream.url = "http://db/mcp".into()),
            ("upstream.url", |config| config.upstream.url = "https://169.254.169.254/mcp".into()),
            ("upstream.connectTimeoutMilliseconds", |config| {
                config.upstream.connect_timeout_milliseconds = 0
            }),
            ("upstream.callTimeoutMilliseconds", |config| {
                config.upstream.call_timeout_milliseconds = u64::MAX
            }),
            ("credentials[0].inject.header", |config| config.credentials[0].inject.header = "Host".into()),
            ("credentials[0].inject.header", |config| {
                config.credentials[0].inject.header = "Mcp-Name".into()
            }),
            ("credentials[0].inject.header", |config| config.credentials[0].inject.header = "Cookie".into()),
            ("credentials[0].inject.header", |config| {
                config.credentials[0].inject.header = "Content-Type".into()
            }),
            ("credentials[0].inject.header", |config| config.credentials[0].inject.header = "a b".into()),
            ("credentials[0].inject.format", |config| config.credentials[0].inject.format = "Bearer".into()),
            ("credentials[0].inject.format", |config| {
                config.credentials[0].inject.format = "{value}\r\n".into()
            }),
            ("credentials[0].from.secretKeyRef.secret", |config| {
                config.credentials[0].from = secret("../db", "token");
            }),
            ("credentials[0].from.secretKeyRef.key", |config| {
                config.credentials[0].from = secret("db", &"k".repeat(254));
            }),
            ("credentials[0].from.serviceAccountToken.audience", |config| {
                config.credentials[0].from = token_for("");
            }),
            ("credentials[0].name", |config| {
                config.credentials[0].from = token_for("db");
                config.credentials[0].name = "../../keys".into();
            }),
            ("credentials[1].name", |config| {
                let again = config.credentials[0].clone();
                config.credentials.push(again);
            }),
            ("identity.kubernetes.issuer", |config| {
                config.identity.kubernetes = Some(cluster("https://idp.example.com", &[]));
            }),
            ("identity.kubernetes.issuer", |config| config.identity.kubernetes = Some(cluster("", &[]))),
            ("identity.kubernetes.issuer", |config| {
                config.identity.kubernetes = Some(cluster("kubernetes/serviceaccount", &[]));
            }),
            ("identity.kubernetes.audiences", |config| {
                config.identity.kubernetes = Some(cluster("https://kubernetes.default.svc", &["a", ""]));
            }),
            ("access[0]", |config| config.access[0].users.clear()),
            ("access[0].tools[1]", |config| config.access[0].tools.push(String::new())),
            ("limits.messageBytes", |config| config.limits.message_bytes = 0),
            ("limits.messageBytes", |config| config.limits.message_bytes = 1 << 40),
            ("limits.requestsPerMinute", |config| config.limits.requests_per_minute = Some(0)),
            ("limits.requestsPerMinute", |config| config.limits.requests_per_minute = Some(1_000_001)),
            ("limits.concurrentCalls", |config| config.limits.concurrent_calls = Some(0)),
            ("limits.concurrentCalls", |config| config.limits.concurrent_calls = Some(10_001)),
            ("limits.replicas", |config| config.limits.replicas = 0),
        ];
        for (path, change) in cases {
            assert_eq!(paths(change), [path]);
        }
    }

    #[test]
    fn all_problems_are_found_at_once() {
        let found = paths(|config| {
            config.resources.clear();
            config.upstream.url = "x".into();
            config.access[0].tools.clear();
        });
        assert_eq!(found, ["resources", "upstream.url", "access[0]"]);
    }

    #[test]
    fn a_member_that_is_not_known_is_refused() {
        let mut document = serde_json::to_value(config()).unwrap();
        document["later"] = true.into();
        assert!(serde_json::from_value::<GatewayConfig>(document).unwrap_err().to_string().contains("later"));
    }
}
