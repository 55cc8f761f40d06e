//! The keys of a gateway, and how those of sessions are replaced.
//!
//! One Secret stays as long as the connection: it has the key that signs the record, and the one that names and digests
//! go by. The keys that sessions are sealed with have a Secret for each period, of which three are mounted: that of the
//! period before and that of the next one open, and that of the present seals. So when pods roll over to the next
//! period, those that are there already know the new key, and those that come still know the old one.
//!
//! The operator can neither read nor change a Secret that it has filled. Each has a name of its own, and goes with the
//! ConfigMap that owns it.

use k8s_openapi::api::core::v1::{ConfigMap, KeyToPath, Secret, SecretProjection, VolumeProjection};

use super::configuration::filled;
use super::{OWNED_BY_ANNOTATION, RenderOptions, annotate, named};
use crate::valid::ValidConnection;

/// The key of such a Secret.
const SESSION: &str = "session";
const SIGNING: &str = "signing";
/// The file that names and digests go by. It is the first key that the connection had for sessions.
const NAMES_FILE: &str = "names";

/// The Secret that stays: what names and digests go by, and what signs records.
pub(super) fn lasting(connection: &ValidConnection) -> Secret {
    filled(connection, connection.child.keys(connection.uid()), "session,signing")
}

/// The name of the Secret with the key of a period, and of its owner.
fn name(connection: &ValidConnection, period: u64) -> String {
    connection.child.session(connection.uid(), period)
}

/// The keys of three periods that follow one another.
struct Periods {
    previous: u64,
    present: u64,
    next: u64,
}

fn periods(options: &RenderOptions) -> Periods {
    // Counted from the one before the first, so that each has one before it.
    let previous = options.certificate_epoch;
    Periods { previous, present: previous.saturating_add(1), next: previous.saturating_add(2) }
}

/// The ConfigMaps that own the keys of periods; they hold nothing.
pub(super) fn owners(connection: &ValidConnection, options: &RenderOptions) -> Vec<ConfigMap> {
    let Periods { previous, present, next } = periods(options);
    let owner =
        |period| ConfigMap { metadata: named(connection, name(connection, period)), ..ConfigMap::default() };
    [previous, present, next].map(owner).into()
}

/// The Secrets with the keys of periods. That of the period before is there or it is not: a new one would open nothing.
pub(super) fn of_sessions(connection: &ValidConnection, options: &RenderOptions) -> Vec<Secret> {
    let Periods { previous: _, present, next } = periods(options);
    let secret = |period| {
        let name = name(connection, period);
        let mut secret = filled(connection, name.clone(), SESSION);
        annotate(&mut secret.metadata, OWNED_BY_ANNOTATION, name);
        secret
    };
    [present, next].map(secret).into()
}

/// What is mounted of all of them, by the names of files that a gateway reads.
pub(super) fn projections(connection: &ValidConnection, options: &RenderOptions) -> Vec<VolumeProjection> {
    let Periods { previous, present, next } = periods(options);
    let of =
        |period, file: &str, optional| projection(name(connection, period), &[(SESSION, file)], optional);
    let lasting = connection.child.keys(connection.uid());
    vec![
        projection(lasting, &[(SESSION, NAMES_FILE), (SIGNING, SIGNING)], false),
        of(present, SESSION, false),
        of(next, "session.next", false),
        of(previous, "session.previous", true),
    ]
}

fn projection(name: String, files: &[(&str, &str)], optional: bool) -> VolumeProjection {
    let item = |(key, path): &(&str, &str)| KeyToPath {
        key: (*key).to_owned(),
        path: (*path).to_owned(),
        mode: None,
    };
    let items = Some(files.iter().map(item).collect());
    VolumeProjection {
        secret: Some(SecretProjection { name, items, optional: optional.then_some(true) }),
        ..VolumeProjection::default()
    }
}
