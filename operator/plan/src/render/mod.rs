//! The objects that should exist for a connection, in the order in which they are applied.
//!
//! What a pod needs comes before the pod: its account, keys, configuration, rights and network policy first,
//! the Deployment last. Objects carry what server-side apply needs and no more: no status, no defaults of
//! the API server, every list item with its keys. Nothing in here can fail, since a [`ValidConnection`]
//! holds legal values only.

mod account;
mod configuration;
mod network;
mod volumes;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use lychgate_crds::API_VERSION;
use serde::Serialize;
use serde_json::Value;

use crate::valid::{Tls, ValidConnection};

/// The annotation with the name of the connection that an object was made for. Names may be too long for a
/// label.
const CONNECTION_ANNOTATION: &str = "lychgate.dev/connection";

/// What the objects depend on beside the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderOptions {
    /// The gateway's image, best with its digest.
    pub gateway_image: String,
    /// The sequence of the configuration; see [`ValidConnection::config`].
    pub sequence: u64,
    /// The namespace from which the gateways' admin port is reached: the operator's. Any of the cluster's
    /// pods may reach it where this is not known.
    pub operator_namespace: Option<String>,
}

impl RenderOptions {
    /// Options with nothing but what is needed.
    #[must_use]
    pub fn new(gateway_image: impl Into<String>, sequence: u64) -> Self {
        Self { gateway_image: gateway_image.into(), sequence, operator_namespace: None }
    }
}

/// The objects that should exist for a connection, in the order in which they are applied.
#[must_use]
pub fn render(connection: &ValidConnection, options: &RenderOptions) -> Vec<Value> {
    let mut objects =
        vec![value(&account::service_account(connection)), value(&configuration::keys(connection))];
    if connection.gateway.tls == Tls::Operator {
        objects.push(value(&configuration::certificate(connection)));
    }
    objects.extend([
        value(&configuration::config_map(connection, options)),
        value(&account::role(connection)),
        value(&account::role_binding(connection)),
        value(&network::network_policy(connection, options)),
        value(&network::service(connection)),
        value(&workload::pod_disruption_budget(connection)),
        value(&workload::deployment(connection, options)),
    ]);
    objects
}

/// An object as JSON. Kubernetes types have text keys only, so that there is nothing to fail.
fn value<Object: Serialize>(object: &Object) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// The metadata of an object with the connection's own child name.
fn metadata(connection: &ValidConnection) -> ObjectMeta {
    named(connection, connection.child.as_str().to_owned())
}

fn named(connection: &ValidConnection, name: String) -> ObjectMeta {
    let annotations = [(CONNECTION_ANNOTATION, connection.name.as_str())];
    ObjectMeta {
        name: Some(name),
        namespace: Some(connection.namespace.as_str().to_owned()),
        labels: Some(labels(connection)),
        annotations: Some(texts(annotations)),
        owner_references: owner(connection),
        ..ObjectMeta::default()
    }
}

/// The labels that Kubernetes recommends, never those of the connection itself.
fn labels(connection: &ValidConnection) -> BTreeMap<String, String> {
    let mut labels = selected(connection);
    labels.extend(texts([
        ("app.kubernetes.io/component", "gateway"),
        ("app.kubernetes.io/part-of", "lychgate"),
        ("app.kubernetes.io/managed-by", "lychgate-operator"),
    ]));
    labels
}

/// The labels by which the pods are selected. A Deployment's selector can never be changed.
fn selected(connection: &ValidConnection) -> BTreeMap<String, String> {
    texts([
        ("app.kubernetes.io/name", "lychgate-gateway"),
        ("app.kubernetes.io/instance", connection.child.as_str()),
    ])
}

fn selector(connection: &ValidConnection) -> LabelSelector {
    LabelSelector { match_labels: Some(selected(connection)), ..LabelSelector::default() }
}

/// The connection owns all that is made for it. Rendered from files it has no uid yet, and owns nothing.
fn owner(connection: &ValidConnection) -> Option<Vec<OwnerReference>> {
    let uid = connection.uid.clone()?;
    Some(vec![OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: "McpConnection".to_owned(),
        name: connection.name.as_str().to_owned(),
        uid,
        controller: Some(true),
        // Deleting a connection, or its namespace, waits for nothing.
        block_owner_deletion: Some(false),
    }])
}

fn texts<const COUNT: usize>(pairs: [(&str, &str); COUNT]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
