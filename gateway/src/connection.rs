//! One connection as the gateway serves it: the compiled policy, with what is needed to authenticate callers
//! and to reach the server. Immutable; a change of configuration makes a new one.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use lychgate_gateway_policy::config::{ConfigMapKey, GatewayConfig, Notification, OidcIssuer};
use lychgate_gateway_policy::destination::literal_address;
use lychgate_gateway_policy::mask::{Compiled, Content, Program};
use lychgate_gateway_policy::{Policy, compile_sharing};
use url::Url;

use crate::caller::{Authenticator, Trusted};
use crate::credential::{Credentials, Recent};
use crate::issuer::Issuer;
use crate::notify::receiver::Receiver;
use crate::outbound::{self, HttpClient, SharedClient};
use crate::service_account::Cluster;
use crate::upstream::Upstream;
use crate::usage::Usage;
use crate::values::Values;

/// How long a connection to an issuer may take to open.
const ISSUER_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection to a receiver of messages may take to open.
const RECEIVER_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that can be served.
pub struct Connection {
    /// What decides and masks.
    pub policy: Arc<Policy>,
    /// Who may present himself.
    pub authenticator: Authenticator,
    /// The MCP server.
    pub upstream: Upstream,
    /// Who is told of calls that wait.
    pub receivers: Vec<Arc<Receiver>>,
    /// What its callers have asked for.
    pub usage: Arc<Usage>,
    /// As records show it: `namespace/name`.
    pub label: String,
    hosts: Vec<String>,
    credentials: Recent,
    /// The bundles of authorities that it was made with.
    bundles: Vec<(ConfigMapKey, Option<String>)>,
}

/// HTTP clients, issuers and counts that outlive a change of configuration, so that it closes no connection, and
/// forgets no key and no usage that it is not about. What no connection uses any more goes with the last that did.
#[derive(Default)]
pub struct Shared {
    /// Where the cluster's API server is, which no upstream may be.
    api_server: Option<SocketAddr>,
    clients: Mutex<HashMap<ClientKey, Weak<HttpClient>>>,
    issuers: Mutex<HashMap<IssuerKey, Weak<Issuer>>>,
    usages: Mutex<HashMap<String, Weak<Usage>>>,
    /// What masks: connections that are masked alike have one program between them.
    programs: Mutex<HashMap<Content, Weak<Program>>>,
}

/// The bundle of authorities that a client trusts, how long it waits for a connection, and the address of the API
/// server where it must not lead there.
type ClientKey = (Option<String>, Duration, Option<IpAddr>);

/// An issuer's URL, and the bundle of authorities that it is reached with.
type IssuerKey = (String, Option<String>);

impl Connection {
    /// Makes what `config` says.
    ///
    /// # Errors
    /// All that is wrong, in one text for the log.
    pub fn new(config: GatewayConfig, values: &Values, shared: &Shared) -> Result<Self, String> {
        let masking = shared.masking(&config);
        let policy = compile_sharing(config, masking)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let config = policy.config();
        let refused =
            shared.api_server.filter(|it| Some(it.port()) == policy.upstream().port_or_known_default());
        let refused = refused.map(|api_server| api_server.ip());
        if literal_address(policy.upstream()).is_some_and(|address| outbound::is_same(address, refused)) {
            return Err("upstream.url: is the cluster's own API server, which no upstream may be".to_owned());
        }
        let upstream_bundle = bundle(values, config.upstream.ca.as_ref(), "upstream.ca")?;
        let connect_timeout = Duration::from_millis(config.upstream.connect_timeout_milliseconds);
        let client = shared.client(upstream_bundle, connect_timeout, refused)?;
        let mut issuers = Vec::new();
        for settings in &config.identity.oidc {
            let issuer_bundle = bundle(values, settings.ca.as_ref(), "identity.oidc[].ca")?;
            issuers.push(Trusted::Oidc(settings.clone(), shared.issuer(settings, issuer_bundle)?));
        }
        issuers.extend(config.identity.kubernetes.as_ref().map(Cluster::new).map(Trusted::Cluster));
        let authenticator = Authenticator::new(config, issuers);
        let receivers = receivers(config, values, shared);
        shared.keep(policy.compiled_masking());
        let label = config.connection.to_string();
        let usage = find_or_make(&shared.usages, label.clone(), |_| Ok(Usage::default()))?;
        let hosts = hosts(config);
        let bundles = bundle_keys(config).map(|key| (key.clone(), values.config_map(key).ok())).collect();
        let policy = Arc::new(policy);
        let upstream = Upstream::new(Arc::clone(&policy), client);
        Ok(Self {
            policy,
            authenticator,
            upstream,
            receivers,
            usage,
            label,
            hosts,
            credentials: Recent::default(),
            bundles,
        })
    }

    /// Whether the bundles of authorities are still those that it was made with.
    #[must_use]
    pub fn is_current(&self, values: &Values) -> bool {
        self.bundles.iter().all(|(key, bundle)| values.config_map(key).ok() == *bundle)
    }

    /// What its credentials are now.
    #[must_use]
    pub fn credentials(&self, values: &Values) -> Arc<Credentials> {
        self.credentials.read(&self.policy, values)
    }

    /// Whether `authority`, from a `Host` or an `Origin` header, is one of this connection's.
    #[must_use]
    pub fn has_host(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let without_port = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) | None => &authority,
        };
        self.hosts.iter().any(|host| *host == authority || host == without_port)
    }

    /// The resource identifier of the connection as it was called: the one with the called host, or the first.
    #[must_use]
    pub fn resource(&self, authority: Option<&str>) -> &str {
        let resources = &self.policy.config().resources;
        let called = authority.and_then(|authority| {
            resources.iter().find(|resource| {
                Url::parse(resource).is_ok_and(|url| url.authority().eq_ignore_ascii_case(authority))
            })
        });
        called.or(resources.first()).map_or("", String::as_str)
    }
}

/// The values of a `Host` header that are answered. A hostname without a port goes with any.
fn hosts(config: &GatewayConfig) -> Vec<String> {
    let of_resources = config
        .resources
        .iter()
        .filter_map(|resource| Url::parse(resource).ok())
        .map(|url| url.authority().to_ascii_lowercase());
    let named = config.hostnames.iter().map(|host| host.to_ascii_lowercase());
    of_resources.chain(named).collect()
}

fn bundle_keys(config: &GatewayConfig) -> impl Iterator<Item = &ConfigMapKey> {
    let of_issuers = config.identity.oidc.iter().filter_map(|issuer| issuer.ca.as_ref());
    let of_receivers = notifications(config).filter_map(|notification| notification.ca.as_ref());
    config.upstream.ca.iter().chain(of_issuers).chain(of_receivers)
}

fn notifications(config: &GatewayConfig) -> impl Iterator<Item = &Notification> {
    config.approval.iter().flat_map(|approval| &approval.notifications)
}

/// Those that cannot be reached are kept all the same: no call waits for a message.
fn receivers(config: &GatewayConfig, values: &Values, shared: &Shared) -> Vec<Arc<Receiver>> {
    let receiver = |notification: &Notification| {
        let client = |refused: Option<SocketAddr>| {
            let bundle = bundle(values, notification.ca.as_ref(), "ca")?;
            shared.client(bundle, RECEIVER_CONNECT_TIMEOUT, refused.map(|refused| refused.ip()))
        };
        Arc::new(Receiver::new(notification.clone(), shared.api_server, client))
    };
    notifications(config).map(receiver).collect()
}

fn bundle(values: &Values, key: Option<&ConfigMapKey>, path: &str) -> Result<Option<String>, String> {
    key.map(|key| values.config_map(key).map_err(|error| format!("{path}: {error}"))).transpose()
}

impl Shared {
    /// Nothing is shared yet. No upstream will lead to the API server at this address.
    #[must_use]
    pub fn new(api_server: Option<SocketAddr>) -> Self {
        Self { api_server, ..Self::default() }
    }

    fn client(
        &self,
        bundle: Option<String>,
        timeout: Duration,
        refused: Option<IpAddr>,
    ) -> Result<SharedClient, String> {
        let make = |(bundle, timeout, refused): &ClientKey| {
            outbound::client(bundle.as_deref(), *timeout, *refused)
                .map_err(|error| format!("the bundle of certificate authorities {error}"))
        };
        find_or_make(&self.clients, (bundle, timeout, refused), make)
    }

    /// What masks another connection as it should mask this one, if one is in use.
    fn masking(&self, config: &GatewayConfig) -> Option<Compiled> {
        let content = Content::of(config);
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.get(&content)?.upgrade().map(|program| Compiled::new(content, program))
    }

    fn keep(&self, compiled: &Compiled) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.retain(|_, other| other.strong_count() > 0);
        programs.insert(compiled.content(), Arc::downgrade(compiled.program()));
    }

    fn issuer(&self, settings: &OidcIssuer, bundle: Option<String>) -> Result<Arc<Issuer>, String> {
        let client = self.client(bundle.clone(), ISSUER_CONNECT_TIMEOUT, None)?;
        let make = |(url, _): &IssuerKey| Ok(Issuer::new(url.clone(), client));
        find_or_make(&self.issuers, (settings.issuer.clone(), bundle), make)
    }
}

/// What is shared under `key`. A new one takes the place of those that nobody holds any more.
fn find_or_make<K: Eq + Hash, V>(
    shared: &Mutex<HashMap<K, Weak<V>>>,
    key: K,
    make: impl FnOnce(&K) -> Result<V, String>,
) -> Result<Arc<V>, String> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = shared.get(&key).and_then(Weak::upgrade) {
        return Ok(found);
    }
    let made = Arc::new(make(&key)?);
    shared.retain(|_, other| other.strong_count() > 0);
    shared.insert(key, Arc::downgrade(&made));
    Ok(made)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{Connection, Shared, find_or_make};
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use crate::live::Live;
    use crate::secret::Mounts;
    use crate::values::Values;

    #[test]
    fn the_api_server_is_no_upstream() {
        crate::outbound::install_crypto_provider();
        let mounts = Mounts { secrets: "/nowhere".into(), config_maps: "/nowhere".into(), tokens: None };
        let values = Values::new(mounts, Arc::new(Live::default()));
        for (url, expected) in [
            ("https://10.96.0.1/mcp", false),
            ("https://[::ffff:10.96.0.1]/mcp", false),
            ("https://10.96.0.1:8443/mcp", true),
            ("https://10.96.0.2/mcp", true),
        ] {
            let config = json!({
                "apiVersion": "gateway.lychgate.dev/v1alpha1",
                "sequence": 1,
                "connection": {"namespace": "test", "name": "server"},
                "gateway": {"namespace": "test", "name": "gateway"},
                "resources": ["https://gateway.test/server/mcp"],
                "identity": {"anonymous": true},
                "upstream": {"url": url, "connectTimeoutMilliseconds": 1, "callTimeoutMilliseconds": 1},
                "limits": {"messageBytes": 65536},
            });
            let config = serde_json::from_value(config).unwrap();
            let shared = Shared::new(Some("10.96.0.1:443".parse().unwrap()));
            let made = Connection::new(config, &values, &shared);
            assert_eq!(made.is_ok(), expected, "{url}");
            assert!(made.err().is_none_or(|error| error.contains("API server")), "{url}");
        }
    }

    fn masked(shared: &Shared, name: &str, rule: &serde_json::Value) -> Connection {
        crate::outbound::install_crypto_provider();
        let mounts = Mounts { secrets: "/nowhere".into(), config_maps: "/nowhere".into(), tokens: None };
        let values = Values::new(mounts, Arc::new(Live::default()));
        let config = json!({
            "apiVersion": "gateway.lychgate.dev/v1alpha1",
            "sequence": 1,
            "connection": {"namespace": "test", "name": name},
            "gateway": {"namespace": "test", "name": "gateway"},
            "resources": [format!("https://gateway.test/{name}/mcp")],
            "identity": {"anonymous": true},
            "upstream": {"url": "https://server.test/mcp", "connectTimeoutMilliseconds": 1, "callTimeoutMilliseconds": 1},
            "limits": {"messageBytes": 65536},
            "masking": [rule],
        });
        Connection::new(serde_json::from_value(config).unwrap(), &values, shared).unwrap()
    }

    #[test]
    fn connections_that_are_masked_alike_have_one_program_between_them() {
        let rule = |action: &str| json!({"name": "r", "directions": ["Response"], "detectors": [{"group": "All", "action": {action: {}}}]});
        let shared = Shared::new(None);
        let program = |connection: &Connection| Arc::clone(connection.policy.compiled_masking().program());
        let connections: Vec<Connection> =
            (0..8).map(|number| masked(&shared, &format!("c{number}"), &rule("redact"))).collect();
        let first = program(&connections[0]);
        assert!(connections.iter().all(|connection| Arc::ptr_eq(&program(connection), &first)));
        let other = masked(&shared, "other", &rule("drop"));
        assert!(!Arc::ptr_eq(&program(&other), &first));
        assert_eq!(shared.programs.lock().unwrap().len(), 2);
        // What a condition asks of its connection is answered in the program.
        let mut asking = rule("redact");
        asking["match"] = json!({"when": "connection.name == 'a'"});
        let (a, b) = (masked(&shared, "a", &asking), masked(&shared, "b", &asking));
        assert!(!Arc::ptr_eq(&program(&a), &program(&b)));
        assert!(Arc::ptr_eq(&program(&a), &program(&masked(&shared, "a", &asking))));
        drop((connections, first, other, a));
        drop(masked(&shared, "b", &rule("drop")));
        let held =
            shared.programs.lock().unwrap().values().filter(|program| program.strong_count() > 0).count();
        assert_eq!(held, 1, "what nobody uses any more is dropped: b is left");
    }

    #[test]
    fn what_is_in_use_is_shared_and_what_nobody_uses_any_more_is_dropped() {
        let shared = Mutex::new(HashMap::new());
        let get = |key: u8| find_or_make(&shared, key, |key| Ok(key.to_string())).unwrap();
        let one = get(1);
        assert!(Arc::ptr_eq(&one, &get(1)));
        drop(get(2));
        let _three = get(3);
        let held = || shared.lock().unwrap().len();
        assert_eq!(held(), 2, "2 has gone, 1 and 3 are in use");
        drop(one);
        let _four = get(4);
        assert_eq!(held(), 2);
        assert!(find_or_make(&shared, 5, |_| Err("broken".to_owned())).is_err());
        assert_eq!(held(), 2, "what cannot be made takes no place");
    }
}
