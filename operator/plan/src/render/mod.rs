//! The objects that should exist for a connection, in the order in which they are applied.
//!
//! What a pod needs comes before the pod: its account, keys, certificate, configuration, rights and network
//! policy first, the Deployment after all of them, and last what scales it. Objects carry what server-side apply
//! needs and no more: no status, no defaults of the API server, every list item with its keys. Nothing in here can
//! fail, since a [`ValidConnection`] holds legal values only.

mod account;
mod autoscaler;
mod certificate;
mod configuration;
mod keys;
mod network;
mod server;
mod volumes;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use lychgate_crds::API_VERSION;
use serde::Serialize;
use serde_json::Value;

use crate::names::ChildName;
use crate::valid::{ValidConnection, selected_labels};

pub use certificate::certificate_epoch;

/// The annotation with the name of the connection that an object was made for. Names may be too long for a
/// label.
pub const CONNECTION_ANNOTATION: &str = "lychgate.dev/connection";
/// The annotation of Secrets that the operator creates and fills once with the keys that it lists. It never
/// reads, applies or renders their data.
pub const FILL_ANNOTATION: &str = "lychgate.dev/fill";
/// The annotation of a Secret that is collected together with the ConfigMap that it names. The operator may
/// create Secrets and not delete them, so what shall go before the connection goes is owned by something
/// that it may delete.
pub const OWNED_BY_ANNOTATION: &str = "lychgate.dev/owned-by-config-map";
/// The annotation with [`ValidConnection::content_hash`], of the ConfigMap with the document.
pub const CONFIG_HASH_ANNOTATION: &str = "lychgate.dev/config-hash";
/// The annotation with the sequence of the document, of the ConfigMap that holds it.
pub const SEQUENCE_ANNOTATION: &str = "lychgate.dev/sequence";
/// The annotation with the number of replicas that divide the limits of callers among themselves, of the ConfigMap with
/// the document, where an autoscaler chooses how many there are.
pub const SHARERS_ANNOTATION: &str = "lychgate.dev/sharers";
/// The label of everything that the operator makes.
pub const MANAGER_LABEL: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGER_LABEL`].
pub const MANAGER: &str = "lychgate-operator";

/// A kind of which an object may be made for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildKind {
    /// The group and version, such as `apps/v1`.
    pub api_version: &'static str,
    /// The kind, such as `Deployment`.
    pub kind: &'static str,
    /// The kind as it stands in URLs, such as `deployments`.
    pub plural: &'static str,
}

/// Every kind of which [`render`] may make an object.
pub const CHILD_KINDS: &[ChildKind] = &[
    ChildKind { api_version: "v1", kind: "ServiceAccount", plural: "serviceaccounts" },
    ChildKind { api_version: "v1", kind: "Secret", plural: "secrets" },
    ChildKind { api_version: "v1", kind: "ConfigMap", plural: "configmaps" },
    ChildKind { api_version: "rbac.authorization.k8s.io/v1", kind: "Role", plural: "roles" },
    ChildKind { api_version: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", plural: "rolebindings" },
    ChildKind { api_version: "networking.k8s.io/v1", kind: "NetworkPolicy", plural: "networkpolicies" },
    ChildKind { api_version: "v1", kind: "Service", plural: "services" },
    ChildKind { api_version: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" },
    ChildKind { api_version: "apps/v1", kind: "Deployment", plural: "deployments" },
    ChildKind {
        api_version: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        plural: "horizontalpodautoscalers",
    },
];

/// The ports that API servers are usually reached at: that of their Service, and their own behind it.
const API_SERVER_PORTS: [u16; 2] = [443, 6443];

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
    /// The authority that signs the operator's certificates, which clients need to know. Without it, nothing
    /// is published.
    pub certificate_authority: Option<CertificateAuthority>,
    /// Raised when certificates, and the keys of sessions, are to be made anew; see [`certificate_epoch`].
    pub certificate_epoch: u64,
    /// Secrets, in each connection's namespace, with which the image is pulled.
    pub image_pull_secrets: Vec<String>,
    /// When the image is pulled, such as `IfNotPresent`; the API server decides where this is not set.
    pub image_pull_policy: Option<String>,
    /// The ports at which pods reach the API server.
    pub api_server_ports: Vec<u16>,
}

/// A certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// Its certificate in PEM.
    pub pem: String,
    /// Tells it from others: when it changes, certificates are made anew.
    pub fingerprint: String,
}

impl RenderOptions {
    /// Options with nothing but what is needed.
    #[must_use]
    pub fn new(gateway_image: impl Into<String>, sequence: u64) -> Self {
        Self {
            gateway_image: gateway_image.into(),
            sequence,
            operator_namespace: None,
            certificate_authority: None,
            certificate_epoch: 0,
            image_pull_secrets: Vec::new(),
            image_pull_policy: None,
            api_server_ports: API_SERVER_PORTS.to_vec(),
        }
    }
}

/// The objects that should exist for a connection, in the order in which they are applied.
#[must_use]
pub fn render(connection: &ValidConnection, options: &RenderOptions) -> Vec<Value> {
    let mut objects = vec![value(&account::service_account(connection)), value(&keys::lasting(connection))];
    objects.extend(keys::owners(connection, options).iter().map(value));
    objects.extend(keys::of_sessions(connection, options).iter().map(value));
    if connection.wants_certificate() {
        let name = certificate::name(connection, options);
        objects.push(value(&certificate::owner(connection, &name)));
        objects.push(value(&certificate::certificate(connection, &name)));
        let authority = options.certificate_authority.as_ref();
        objects.extend(authority.map(|authority| value(&certificate::authority(connection, authority))));
    }
    objects.extend([
        value(&configuration::config_map(connection, options)),
        value(&account::role(connection)),
        value(&account::role_binding(connection)),
        value(&network::network_policy(connection, options)),
    ]);
    objects.extend(server::network_policy(connection).map(|policy| value(&policy)));
    objects.extend([
        value(&network::service(connection)),
        value(&workload::pod_disruption_budget(connection)),
        value(&workload::deployment(connection, options)),
    ]);
    // It comes after what it scales, whose number of pods is its own from then on.
    objects.extend(autoscaler::horizontal_pod_autoscaler(connection).map(|autoscaler| value(&autoscaler)));
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
    labels_of(&connection.child)
}

/// The labels of everything that is made under a name, the gateway's pods among it.
pub(crate) fn labels_of(child: &ChildName) -> BTreeMap<String, String> {
    let mut labels = selected_labels(child);
    labels.extend(texts([
        ("app.kubernetes.io/component", "gateway"),
        ("app.kubernetes.io/part-of", "lychgate"),
        (MANAGER_LABEL, MANAGER),
    ]));
    labels
}

fn selector(connection: &ValidConnection) -> LabelSelector {
    LabelSelector { match_labels: Some(connection.selected_labels()), ..LabelSelector::default() }
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

/// Adds an annotation.
fn annotate(metadata: &mut ObjectMeta, name: &str, text: impl Into<String>) {
    metadata.annotations.get_or_insert_default().insert(name.to_owned(), text.into());
}

fn texts<const COUNT: usize>(pairs: [(&str, &str); COUNT]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
