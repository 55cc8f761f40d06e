//! Just-in-time injection: a credential is read for the one request that is about to leave, put into its
//! header, and forgotten. It goes only to hosts that its Secret names.

use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate_gateway_policy::Policy;
use lychgate_gateway_policy::config::{Credential, SecretKey};
use lychgate_gateway_policy::destination::{self, ALLOWED_HOSTS_KEY};
use lychgate_gateway_policy::mask::Known;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::secret::{Mounts, ReadError, Secret};

/// A connection's credentials as they are at this moment, for one request.
pub struct Credentials(Vec<Held>);

struct Held {
    settings: Credential,
    value: Result<Secret, ReadError>,
    /// Whether the Secret names the upstream's host.
    admitted: bool,
}

/// What was injected, for the record: names and versions.
pub struct Injected {
    /// The credential's name.
    pub name: String,
    /// The version of its value, an HMAC.
    pub version: String,
}

impl Credentials {
    /// Reads what the connection's credentials are now. What cannot be read is told when it is needed.
    #[must_use]
    pub fn read(policy: &Policy, mounts: &Mounts) -> Self {
        let held = policy.config().credentials.iter().map(|settings| {
            let allowed_hosts =
                SecretKey { secret: settings.from.secret.clone(), key: ALLOWED_HOSTS_KEY.to_owned() };
            let admitted = mounts
                .secret(&allowed_hosts)
                .is_ok_and(|allowed| destination::admits(allowed.expose(), policy.upstream()));
            Held { settings: settings.clone(), value: mounts.secret(&settings.from), admitted }
        });
        Self(held.collect())
    }

    /// The values that no answer and no record may show.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        self.0.iter().filter_map(|held| {
            let value = held.value.as_ref().ok()?;
            Some(Known::new(&held.settings.name, value.expose()))
        })
    }

    /// Puts the credentials into `headers`.
    ///
    /// # Errors
    /// A value is missing or unusable ([`Failure::Credential`]), or may not go to the upstream's host
    /// ([`Failure::HostNotAllowed`]). Nothing is sent then.
    pub fn inject(
        &self,
        naming: &aws_lc_rs::hmac::Key,
        headers: &mut HeaderMap,
    ) -> Result<Vec<Injected>, Failure> {
        self.0.iter().map(|held| held.inject(naming, headers)).collect()
    }
}

impl Held {
    fn inject(&self, naming: &aws_lc_rs::hmac::Key, headers: &mut HeaderMap) -> Result<Injected, Failure> {
        let Credential { name, inject, from } = &self.settings;
        if !self.admitted {
            return Err(Failure::HostNotAllowed { secret: from.secret.clone() });
        }
        let secret = self.value.as_ref().map_err(|error| Failure::Credential(error.to_string()))?;
        let unusable = || {
            Failure::Credential(format!(
                "key {} of Secret {} cannot stand in a header",
                from.key, from.secret
            ))
        };
        let header = HeaderName::from_bytes(inject.header.as_bytes()).map_err(|_| unusable())?;
        let text = Zeroizing::new(inject.format.replace("{value}", secret.expose()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| unusable())?;
        // Sensitive values are neither printed by Debug nor indexed by HTTP/2's header compression.
        value.set_sensitive(true);
        headers.insert(header, value);
        Ok(Injected { name: name.clone(), version: secret.version(naming) })
    }
}
