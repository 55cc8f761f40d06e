//! What a gateway reads: its configuration, its keys and its certificate.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::{RenderOptions, metadata, named};
use crate::valid::ValidConnection;

/// The annotation of Secrets that the operator creates and fills once with the keys that it lists. It never
/// reads, applies or renders their data.
const FILL_ANNOTATION: &str = "lychgate.dev/fill";
/// The longest key of a ConfigMap.
const MAXIMUM_KEY_LENGTH: usize = 253;

/// The Secret with the keys that all replicas share: for sessions, and to sign records.
pub(super) fn keys(connection: &ValidConnection) -> Secret {
    filled(connection, connection.child.keys(), "session,signing")
}

/// The Secret with the certificate. Its type is not kubernetes.io/tls, which the API server refuses without
/// data.
pub(super) fn certificate(connection: &ValidConnection) -> Secret {
    filled(connection, connection.child.tls(), "tls.crt,tls.key")
}

fn filled(connection: &ValidConnection, name: String, keys: &str) -> Secret {
    let mut metadata = named(connection, name);
    metadata.annotations.get_or_insert_default().insert(FILL_ANNOTATION.to_owned(), keys.to_owned());
    Secret { metadata, type_: Some("Opaque".to_owned()), ..Secret::default() }
}

/// The ConfigMap with the document for the gateway.
pub(super) fn config_map(connection: &ValidConnection, options: &RenderOptions) -> ConfigMap {
    let config = connection.config(options.sequence);
    // Names are texts and numbers are integers in there: nothing that JSON cannot say.
    let document = serde_json::to_string(&config).unwrap_or_default();
    ConfigMap {
        metadata: metadata(connection),
        data: Some(BTreeMap::from([(config_key(connection), document)])),
        ..ConfigMap::default()
    }
}

/// The key is the connection's name where that fits, and the name of its children where it does not.
fn config_key(connection: &ValidConnection) -> String {
    let key = format!("{}.json", connection.name.as_str());
    if key.len() <= MAXIMUM_KEY_LENGTH { key } else { format!("{}.json", connection.child) }
}
