//! Just-in-time injection: a credential is put into the header of the one request that is about to leave. One from a
//! Secret goes only to hosts that its Secret names; a projected token opens only the server that it was made for.
//!
//! Each request takes what the credentials are at that moment. They are read anew whenever something may have changed:
//! see [`Recent`].

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate_gateway_policy::Policy;
use lychgate_gateway_policy::config::{Credential, CredentialSource, MaskingRule, SecretKey};
use lychgate_gateway_policy::destination::{self, ALLOWED_HOSTS_KEY};
use lychgate_gateway_policy::mask::{Known, masking_key};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::projected;
use crate::secret::{ReadError, Secret};
use crate::state::now_seconds;
use crate::values::{Stamp, Values};

/// A connection's credentials as they are at one moment, and the keys of its masking rules.
pub struct Credentials {
    held: Vec<Held>,
    keys: Vec<HeldKey>,
}

/// A key that a masking rule hashes with.
struct HeldKey {
    reference: SecretKey,
    value: Result<Secret, ReadError>,
    /// What no answer and no record may show, and what hashes are made with.
    known: Option<Known>,
}

struct Held {
    name: String,
    value: Result<Secret, ReadError>,
    /// The header as it is sent, if it may be.
    header: Result<(HeaderName, HeaderValue), CredentialError>,
    /// What no answer and no record may show.
    known: Option<Known>,
    /// When the value is none any more by what it says itself, in seconds since 1970.
    expires: Option<u64>,
}

/// The credentials of a connection as they were last read, until something says that they may be others: a file with
/// another [`Stamp`], another sight of a Secret, the end of a token.
#[derive(Default)]
pub struct Recent(ArcSwapOption<Reading>);

struct Reading {
    stamps: Vec<Stamp>,
    credentials: Arc<Credentials>,
}

impl Recent {
    /// What the credentials are now. The policy is always the same one.
    #[must_use]
    pub fn read(&self, policy: &Policy, values: &Values) -> Arc<Credentials> {
        // Before the values: what changes in between is then seen by the next call.
        let Some(stamps) = stamps(policy, values) else {
            return Arc::new(Credentials::read(policy, values));
        };
        let last = self.0.load();
        if let Some(last) = last.as_ref().filter(|last| last.stamps == stamps && last.credentials.is_valid())
        {
            return Arc::clone(&last.credentials);
        }
        let credentials = Arc::new(Credentials::read(policy, values));
        self.0.store(Some(Arc::new(Reading { stamps, credentials: Arc::clone(&credentials) })));
        credentials
    }
}

/// The stamps of all that [`Credentials::read`] reads, if each has one.
fn stamps(policy: &Policy, values: &Values) -> Option<Vec<Stamp>> {
    let mut stamps = Vec::new();
    for Credential { name, from, .. } in &policy.config().credentials {
        match from {
            CredentialSource::SecretKeyRef(SecretKey { secret, key }) => {
                stamps.push(values.secret_stamp(secret, key)?);
                stamps.push(values.secret_stamp(secret, ALLOWED_HOSTS_KEY)?);
            }
            CredentialSource::ServiceAccountToken(_) => stamps.push(values.token_stamp(name)?),
        }
    }
    for SecretKey { secret, key } in keys(policy) {
        stamps.push(values.secret_stamp(secret, key)?);
    }
    Some(stamps)
}

/// The keys that the masking rules hash with, each once.
fn keys(policy: &Policy) -> BTreeSet<&SecretKey> {
    policy.config().masking.iter().flat_map(MaskingRule::keys).collect()
}

/// What was injected, for the record: names and versions.
pub struct Injected {
    /// The credential's name.
    pub name: String,
    /// The version of its value, an HMAC.
    pub version: String,
}

/// Why a credential cannot be used at this moment. Says where, never what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Its value cannot be read, or not be sent.
    #[error(transparent)]
    Unread(#[from] ReadError),
    /// Its Secret does not name the upstream's host.
    #[error("Secret {secret} does not list {host} under {ALLOWED_HOSTS_KEY}")]
    HostNotAllowed {
        /// The Secret.
        secret: String,
        /// The upstream's host, with a port that is not the scheme's own.
        host: String,
    },
}

impl CredentialError {
    /// The stable name, as the operator is told.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unread(ReadError::Missing { .. } | ReadError::NoToken { .. }) => "Missing",
            Self::Unread(ReadError::Unusable { .. } | ReadError::UnusableToken { .. }) => "Unusable",
            Self::HostNotAllowed { .. } => "HostNotAllowed",
        }
    }
}

impl Credentials {
    /// Reads what the connection's credentials are now. What cannot be read is told when it is needed.
    #[must_use]
    pub fn read(policy: &Policy, values: &Values) -> Self {
        Self {
            held: policy
                .config()
                .credentials
                .iter()
                .map(|settings| Held::read(settings, policy, values))
                .collect(),
            keys: keys(policy).into_iter().map(|reference| HeldKey::read(reference, values)).collect(),
        }
    }

    /// Whether none of them has come to its end.
    fn is_valid(&self) -> bool {
        let now = now_seconds();
        self.held.iter().all(|held| held.expires.is_none_or(|expires| now < expires))
    }

    /// The values that no answer and no record may show.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        let credentials = self.held.iter().filter_map(|held| held.known.clone());
        credentials.chain(self.keys.iter().filter_map(|key| key.known.clone()))
    }

    /// Whether each could be sent at this moment, for the operator: its name and version, or what is wrong.
    #[must_use]
    pub fn report(&self, naming: &hmac::Key) -> Vec<Value> {
        let report = |held: &Held| match held.sendable() {
            Ok((_, _, secret)) => json!({ "name": held.name, "version": secret.version(naming) }),
            Err(error) => json!({
                "name": held.name, "problem": error.to_string(), "reason": error.reason(),
            }),
        };
        let of_key = |key: &HeldKey| {
            let SecretKey { secret, key: data_key } = &key.reference;
            let name = format!("maskingKey:{secret}/{data_key}");
            match &key.value {
                Ok(value) => json!({ "name": name, "version": value.version(naming) }),
                Err(error) => {
                    let reason = CredentialError::from(error.clone()).reason();
                    json!({ "name": name, "problem": error.to_string(), "reason": reason })
                }
            }
        };
        self.held.iter().map(report).chain(self.keys.iter().map(of_key)).collect()
    }

    /// Puts the credentials that policy has chosen, by their names, into `headers`.
    ///
    /// # Errors
    /// A value is missing or unusable ([`Failure::Credential`]), or may not go to the upstream's host
    /// ([`Failure::HostNotAllowed`]). Nothing is sent then.
    pub fn inject(
        &self,
        chosen: &[String],
        naming: &hmac::Key,
        headers: &mut HeaderMap,
    ) -> Result<Vec<Injected>, Failure> {
        let inject = |held: &Held| {
            let (name, value, secret) = held.sendable()?;
            headers.insert(name.clone(), value.clone());
            Ok(Injected { name: held.name.clone(), version: secret.version(naming) })
        };
        self.held.iter().filter(|held| chosen.contains(&held.name)).map(inject).collect()
    }
}

impl HeldKey {
    /// What is no masking key is as good as none: what it would hash is redacted.
    fn read(reference: &SecretKey, values: &Values) -> Self {
        let value = values.secret(reference).and_then(|value| match masking_key(value.expose()) {
            Ok(_) => Ok(value),
            Err(_) => Err(ReadError::Unusable {
                object: format!("Secret {}", reference.secret),
                key: reference.key.clone(),
                problem: "is no masking key",
            }),
        });
        let known = value.as_ref().ok().map(|value| Known::masking_key(reference, value.expose()));
        Self { reference: reference.clone(), value, known }
    }
}

impl Held {
    fn read(settings: &Credential, policy: &Policy, values: &Values) -> Self {
        let (value, admission, expires) = match &settings.from {
            CredentialSource::SecretKeyRef(key) => (values.secret(key), admission(key, policy, values), None),
            CredentialSource::ServiceAccountToken(token) => {
                let read = projected::read(values, &settings.name, &token.audience, now_seconds());
                let expires = read.as_ref().ok().map(|(_, expires)| *expires);
                (read.map(|(token, _)| token), Ok(()), expires)
            }
        };
        let known = value.as_ref().ok().map(|value| Known::new(&settings.name, value.expose()));
        let header = match (&value, admission) {
            (Err(error), _) => Err(error.clone().into()),
            (Ok(_), Err(error)) => Err(error),
            (Ok(value), Ok(())) => header(settings, value),
        };
        Self { name: settings.name.clone(), value, header, known, expires }
    }

    /// The header as it is sent, and the value that is in it.
    fn sendable(&self) -> Result<(&HeaderName, &HeaderValue, &Secret), CredentialError> {
        let (name, value) = self.header.as_ref().map_err(Clone::clone)?;
        Ok((name, value, self.value.as_ref().map_err(Clone::clone)?))
    }
}

/// The header that a credential's value is sent in.
fn header(settings: &Credential, secret: &Secret) -> Result<(HeaderName, HeaderValue), CredentialError> {
    let unusable = || CredentialError::from(unusable(settings, "cannot stand in a header"));
    let name = HeaderName::from_bytes(settings.inject.header.as_bytes()).map_err(|_| unusable())?;
    let text = Zeroizing::new(settings.inject.format.replace("{value}", secret.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| unusable())?;
    // Sensitive values are neither printed by Debug nor indexed by HTTP/2's header compression.
    value.set_sensitive(true);
    Ok((name, value))
}

fn unusable(settings: &Credential, problem: &'static str) -> ReadError {
    match &settings.from {
        CredentialSource::SecretKeyRef(SecretKey { secret, key }) => {
            ReadError::Unusable { object: format!("Secret {secret}"), key: key.clone(), problem }
        }
        CredentialSource::ServiceAccountToken(_) => {
            ReadError::UnusableToken { credential: settings.name.clone(), problem }
        }
    }
}

/// Whether a value may go to the upstream's host.
fn admission(key: &SecretKey, policy: &Policy, values: &Values) -> Result<(), CredentialError> {
    let upstream = policy.upstream();
    let allowed = values.secret_data(&key.secret, ALLOWED_HOSTS_KEY);
    if allowed.is_ok_and(|allowed| destination::admits(allowed.expose(), upstream)) {
        return Ok(());
    }
    let (secret, host) = (key.secret.clone(), upstream.authority().to_owned());
    Err(CredentialError::HostNotAllowed { secret, host })
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::HostNotAllowed { secret, .. } => Self::HostNotAllowed { secret },
            CredentialError::Unread(error) => Self::Credential(error.to_string()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use aws_lc_rs::hmac;
    use lychgate_gateway_policy::mask::Known;
    use serde_json::json;

    use super::Credentials;
    use crate::approval::testing::policy;
    use crate::live::Live;
    use crate::secret::Mounts;
    use crate::values::Values;

    const KEY: &str = "lmk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_key_of_a_masking_rule_is_known_while_it_is_there_and_what_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mounts =
            Mounts { secrets: folder.path().into(), config_maps: folder.path().into(), tokens: None };
        let values = Values::new(mounts, Arc::new(Live::default()));
        let rule = json!({
            "name": "pii",
            "directions": ["Response"],
            "fields": [{
                "keys": ["id"],
                "action": {"hash": {"key": {"secret": "mask-key", "key": "k1"}, "length": 12}},
            }],
        });
        let policy = policy(|config| {
            config.credentials = Vec::new();
            config.masking = vec![serde_json::from_value(rule).unwrap()];
        });
        let naming = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let told = || {
            let credentials = Credentials::read(&policy, &values);
            let known: Vec<Known> = credentials.known().collect();
            let report = credentials.report(&naming).remove(0);
            assert_eq!(report["name"], "maskingKey:mask-key/k1");
            let shows = known.iter().any(|known| known.is_in(KEY));
            (shows, report["reason"].as_str().unwrap_or_default().to_owned(), report["version"].is_string())
        };
        assert_eq!(told(), (false, "Missing".to_owned(), false));
        std::fs::create_dir(folder.path().join("mask-key")).unwrap();
        let file = folder.path().join("mask-key").join("k1");
        std::fs::write(&file, "a password of somebody's").unwrap();
        assert_eq!(told(), (false, "Unusable".to_owned(), false));
        std::fs::write(&file, format!("{KEY}\n")).unwrap();
        assert_eq!(told(), (true, String::new(), true));
    }
}
