//! Just-in-time injection: a credential is read when a request is about to leave, put into its header, and
//! forgotten. It goes only to hosts that its Secret names.

use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate_gateway_policy::Policy;
use lychgate_gateway_policy::config::SecretKey;
use lychgate_gateway_policy::destination::{self, ALLOWED_HOSTS_KEY};
use lychgate_gateway_policy::mask::Known;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::secret::Mounts;

/// What was injected, for the record and for masking: names and versions, no values that could be printed.
pub struct Injected {
    /// The credential's name.
    pub name: String,
    /// The version of its value, an HMAC.
    pub version: String,
    /// What must not come back in an answer.
    pub known: Known,
}

/// The connection's credentials as they are now, for masking. One that cannot be read cannot be shown either.
#[must_use]
pub fn known(policy: &Policy, mounts: &Mounts) -> Vec<Known> {
    let credentials = policy.config().credentials.iter();
    credentials
        .filter_map(|credential| {
            let secret = mounts.secret(&credential.from).ok()?;
            Some(Known::new(&credential.name, secret.expose()))
        })
        .collect()
}

/// Puts the connection's credentials into `headers`.
///
/// # Errors
/// A value is missing or unusable ([`Failure::Credential`]), or may not go to the upstream's host
/// ([`Failure::HostNotAllowed`]). Nothing is sent then.
pub fn inject(
    policy: &Policy,
    mounts: &Mounts,
    naming: &aws_lc_rs::hmac::Key,
    headers: &mut HeaderMap,
) -> Result<Vec<Injected>, Failure> {
    let mut injected = Vec::new();
    for credential in &policy.config().credentials {
        let allowed_hosts =
            SecretKey { secret: credential.from.secret.clone(), key: ALLOWED_HOSTS_KEY.to_owned() };
        let admitted = mounts
            .secret(&allowed_hosts)
            .is_ok_and(|allowed| destination::admits(allowed.expose(), policy.upstream()));
        if !admitted {
            return Err(Failure::HostNotAllowed { secret: credential.from.secret.clone() });
        }
        let secret =
            mounts.secret(&credential.from).map_err(|error| Failure::Credential(error.to_string()))?;
        let unusable = || {
            let SecretKey { secret, key } = &credential.from;
            Failure::Credential(format!("key {key} of Secret {secret} cannot stand in a header"))
        };
        let name = HeaderName::from_bytes(credential.inject.header.as_bytes()).map_err(|_| unusable())?;
        let text = Zeroizing::new(credential.inject.format.replace("{value}", secret.expose()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| unusable())?;
        // Sensitive values are neither printed by Debug nor indexed by HTTP/2's header compression.
        value.set_sensitive(true);
        headers.insert(name, value);
        injected.push(Injected {
            name: credential.name.clone(),
            version: secret.version(naming),
            known: Known::new(&credential.name, secret.expose()),
        });
    }
    Ok(injected)
}
