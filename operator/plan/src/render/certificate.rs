//! The certificate that the operator makes for a connection: when it is made anew, and under which name.
//!
//! The operator can neither read nor change a Secret that it has filled. So each certificate has a name of
//! its own, made of all that it depends on, and pods roll over to the new name. The old Secret goes with the
//! ConfigMap that owns it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::configuration::filled;
use super::{CertificateAuthority, OWNED_BY_ANNOTATION, RenderOptions, annotate, named};
use crate::names::sha256;
use crate::valid::ValidConnection;

/// How long a certificate is used, in seconds: 30 days.
const PERIOD_SECONDS: u64 = 30 * 24 * 60 * 60;
/// The key of the ConfigMap with the authority.
const AUTHORITY_KEY: &str = "ca.crt";

/// The number of the period of 30 days in which a moment lies, in seconds since the epoch. Periods of
/// connections begin at different moments, so that their pods do not all roll over in the same hour.
#[must_use]
pub fn certificate_epoch(uid: &str, now_seconds: u64) -> u64 {
    let digits: String = sha256(uid.as_bytes()).chars().take(12).collect();
    let shift = u64::from_str_radix(&digits, 16).unwrap_or_default() % PERIOD_SECONDS;
    now_seconds.saturating_add(shift) / PERIOD_SECONDS
}

/// The name of the certificate's Secret and its owner: another one for each connection that ever was, epoch,
/// set of names and authority.
pub(super) fn name(connection: &ValidConnection, options: &RenderOptions) -> String {
    let authority = options.certificate_authority.as_ref();
    let mut version = vec![
        connection.uid().unwrap_or_default().to_owned(),
        options.certificate_epoch.to_string(),
        authority.map(|authority| authority.fingerprint.clone()).unwrap_or_default(),
    ];
    version.extend(connection.certificate_names());
    // None of them has a line end.
    connection.child.tls(&version.join("\n"))
}

/// The ConfigMap that owns the Secret; it holds nothing.
pub(super) fn owner(connection: &ValidConnection, name: &str) -> ConfigMap {
    ConfigMap { metadata: named(connection, name.to_owned()), ..ConfigMap::default() }
}

/// The Secret with the certificate. Its type is not kubernetes.io/tls, which the API server refuses without
/// data.
pub(super) fn certificate(connection: &ValidConnection, name: &str) -> Secret {
    let mut secret = filled(connection, name.to_owned(), "tls.crt,tls.key");
    annotate(&mut secret.metadata, OWNED_BY_ANNOTATION, name);
    secret
}

/// The ConfigMap from which clients learn whom to trust.
pub(super) fn authority(connection: &ValidConnection, authority: &CertificateAuthority) -> ConfigMap {
    ConfigMap {
        metadata: named(connection, connection.child.authority()),
        data: Some(BTreeMap::from([(AUTHORITY_KEY.to_owned(), authority.pem.clone())])),
        ..ConfigMap::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{PERIOD_SECONDS, certificate_epoch};

    const NOW: u64 = 1_795_000_000;

    #[test]
    fn an_epoch_lasts_thirty_days() {
        for uid in ["", "5a1c0f6e-2f2b-4a70-9a4c-2f7a0f3b9d10"] {
            let epoch = certificate_epoch(uid, NOW);
            assert_eq!(certificate_epoch(uid, NOW + PERIOD_SECONDS), epoch + 1, "{uid}");
            let changes = (0..PERIOD_SECONDS).step_by(3600).map(|later| certificate_epoch(uid, NOW + later));
            let distinct: std::collections::BTreeSet<u64> = changes.collect();
            assert!(distinct.len() <= 2, "{uid}: {distinct:?}");
        }
    }

    #[test]
    fn connections_do_not_all_roll_at_the_same_hour() {
        let rolls_within_the_hour =
            |uid: &String| certificate_epoch(uid, NOW) != certificate_epoch(uid, NOW + 3600);
        let uids: Vec<String> = (0..5000).map(|number| format!("connection-{number}")).collect();
        let rolling = uids.iter().filter(|uid| rolls_within_the_hour(uid)).count();
        assert!(rolling < 25, "{rolling} of 5000; a fair share is 7");
    }
}
