//! Just-in-time injection: a credential is read for the one request that is about to leave, put into its
//! header, and forgotten. One from a Secret goes only to hosts that its Secret names; a projected token opens
//! only the server that it was made for.

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate_gateway_policy::Policy;
use lychgate_gateway_policy::config::{Credential, CredentialSource, SecretKey};
use lychgate_gateway_policy::destination::{self, ALLOWED_HOSTS_KEY};
use lychgate_gateway_policy::mask::Known;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::projected;
use crate::secret::{ReadError, Secret};
use crate::state::now_seconds;
use crate::values::Values;

/// A connection's credentials as they are at this moment, for one request.
pub struct Credentials(Vec<Held>);

struct Held {
    settings: Credential,
    value: Result<Secret, ReadError>,
    /// Whether the value may go to the upstream's host.
    admission: Result<(), NotAdmitted>,
}

/// The Secret does not name the upstream's host.
#[derive(Clone)]
struct NotAdmitted {
    secret: String,
    host: String,
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
        Self(
            policy.config().credentials.iter().map(|settings| Held::read(settings, policy, values)).collect(),
        )
    }

    /// The values that no answer and no record may show.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        self.0.iter().filter_map(|held| {
            let value = held.value.as_ref().ok()?;
            Some(Known::new(&held.settings.name, value.expose()))
        })
    }

    /// Whether each could be sent at this moment, for the operator: its name and version, or what is wrong.
    #[must_use]
    pub fn report(&self, naming: &hmac::Key) -> Vec<Value> {
        let report = |held: &Held| {
            let name = &held.settings.name;
            match held.header() {
                Ok((_, _, secret)) => json!({ "name": name, "version": secret.version(naming) }),
                Err(error) => json!({
                    "name": name, "problem": error.to_string(), "reason": error.reason(),
                }),
            }
        };
        self.0.iter().map(report).collect()
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
            let (name, value, secret) = held.header()?;
            headers.insert(name, value);
            Ok(Injected { name: held.settings.name.clone(), version: secret.version(naming) })
        };
        self.0.iter().filter(|held| chosen.contains(&held.settings.name)).map(inject).collect()
    }
}

impl Held {
    fn read(settings: &Credential, policy: &Policy, values: &Values) -> Self {
        let (value, admission) = match &settings.from {
            CredentialSource::SecretKeyRef(key) => (values.secret(key), admission(key, policy, values)),
            CredentialSource::ServiceAccountToken(token) => {
                (projected::read(values, &settings.name, &token.audience, now_seconds()), Ok(()))
            }
        };
        Self { settings: settings.clone(), value, admission }
    }

    /// The header as it would be sent, and the value that is in it.
    fn header(&self) -> Result<(HeaderName, HeaderValue, &Secret), CredentialError> {
        let inject = &self.settings.inject;
        let secret = self.value.as_ref().map_err(Clone::clone)?;
        if let Err(NotAdmitted { secret, host }) = self.admission.clone() {
            return Err(CredentialError::HostNotAllowed { secret, host });
        }
        let unusable = || CredentialError::from(self.unusable("cannot stand in a header"));
        let name = HeaderName::from_bytes(inject.header.as_bytes()).map_err(|_| unusable())?;
        let text = Zeroizing::new(inject.format.replace("{value}", secret.expose()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| unusable())?;
        // Sensitive values are neither printed by Debug nor indexed by HTTP/2's header compression.
        value.set_sensitive(true);
        Ok((name, value, secret))
    }

    fn unusable(&self, problem: &'static str) -> ReadError {
        match &self.settings.from {
            CredentialSource::SecretKeyRef(SecretKey { secret, key }) => {
                ReadError::Unusable { object: format!("Secret {secret}"), key: key.clone(), problem }
            }
            CredentialSource::ServiceAccountToken(_) => {
                ReadError::UnusableToken { credential: self.settings.name.clone(), problem }
            }
        }
    }
}

fn admission(key: &SecretKey, policy: &Policy, values: &Values) -> Result<(), NotAdmitted> {
    let upstream = policy.upstream();
    let allowed = values.secret_data(&key.secret, ALLOWED_HOSTS_KEY);
    if allowed.is_ok_and(|allowed| destination::admits(allowed.expose(), upstream)) {
        return Ok(());
    }
    Err(NotAdmitted { secret: key.secret.clone(), host: upstream.authority().to_owned() })
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::HostNotAllowed { secret, .. } => Self::HostNotAllowed { secret },
            CredentialError::Unread(error) => Self::Credential(error.to_string()),
        }
    }
}
