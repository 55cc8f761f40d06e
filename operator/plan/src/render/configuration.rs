//! What a gateway reads: its configuration, and Secrets as they are before they are filled.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::{
    CONFIG_HASH_ANNOTATION, FILL_ANNOTATION, RenderOptions, SEQUENCE_ANNOTATION, SHARERS_ANNOTATION,
    annotate, metadata, named,
};
use crate::valid::ValidConnection;

/// The longest key of a ConfigMap.
const MAXIMUM_KEY_LENGTH: usize = 253;

/// A Secret that the operator fills with some keys.
pub(super) fn filled(connection: &ValidConnection, name: String, keys: &str) -> Secret {
    let mut metadata = named(connection, name);
    annotate(&mut metadata, FILL_ANNOTATION, keys);
    Secret { metadata, type_: Some("Opaque".to_owned()), ..Secret::default() }
}

/// The ConfigMap with the document for the gateway.
pub(super) fn config_map(connection: &ValidConnection, options: &RenderOptions) -> ConfigMap {
    let config = connection.config(options.sequence);
    let mut metadata = metadata(connection);
    annotate(&mut metadata, CONFIG_HASH_ANNOTATION, connection.content_hash());
    annotate(&mut metadata, SEQUENCE_ANNOTATION, options.sequence.to_string());
    if connection.autoscaled().is_some() {
        annotate(&mut metadata, SHARERS_ANNOTATION, connection.sharers().to_string());
    }
    // Names are texts and numbers are integers in there: nothing that JSON cannot say.
    let document = serde_json::to_string(&config).unwrap_or_default();
    ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(config_key(connection), document)])),
        ..ConfigMap::default()
    }
}

/// The key is the connection's name where that fits, and the name of its children where it does not.
fn config_key(connection: &ValidConnection) -> String {
    let key = format!("{}.json", connection.name.as_str());
    if key.len() <= MAXIMUM_KEY_LENGTH { key } else { format!("{}.json", connection.child) }
}
