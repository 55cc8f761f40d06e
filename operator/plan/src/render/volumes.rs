//! What is mounted into a gateway, and where.
//!
//! Of a Secret only the keys that are needed are mounted. Secrets and certificate authorities that are named
//! by people are optional: a pod starts without them, and its gateway refuses calls and says why.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, ConfigMapVolumeSource, DownwardAPIProjection, DownwardAPIVolumeFile,
    EmptyDirVolumeSource, KeyToPath, ObjectFieldSelector, ProjectedVolumeSource, SecretProjection,
    SecretVolumeSource, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{RenderOptions, certificate, keys};
use crate::valid::{Tls, ValidConnection, ValidCredential, ValidSource};

pub(super) const CONFIG_DIRECTORY: &str = "/etc/lychgate/config";
pub(super) const SECRETS_DIRECTORY: &str = "/etc/lychgate/secrets";
pub(super) const CONFIG_MAPS_DIRECTORY: &str = "/etc/lychgate/config-maps";
pub(super) const KEYS_DIRECTORY: &str = "/etc/lychgate/keys";
pub(super) const TLS_DIRECTORY: &str = "/etc/lychgate/tls";
pub(super) const TOKENS_DIRECTORY: &str = "/etc/lychgate/tokens";
pub(super) const KUBERNETES_DIRECTORY: &str = "/etc/lychgate/kubernetes";
pub(super) const JOURNAL_DIRECTORY: &str = "/var/lib/lychgate/journal";
const TEMPORARY_DIRECTORY: &str = "/tmp";

/// The mode of files with secrets: for the gateway's user and group alone (octal 0440).
const SECRET_FILE_MODE: i32 = 0o440;

/// How long the token for the API server is valid, in seconds; the kubelet replaces it in time.
const API_TOKEN_SECONDS: i64 = 3600;
/// The ConfigMap in every namespace with the API server's authorities (Kubernetes, root CA publisher).
const ROOT_AUTHORITIES: &str = "kube-root-ca.crt";

/// How much the journal's volume holds; a pod that exceeds it is evicted, and its journal with it.
const JOURNAL_SIZE: &str = "1Gi";
/// How much a replica may record before it refuses calls, below the volume's size.
pub(super) const JOURNAL_LIMIT_MEBIBYTES: u32 = 960;
/// How much a replica may put aside.
const TEMPORARY_SIZE: &str = "64Mi";

/// The volumes of a pod, each with its mount.
pub(super) fn volumes(
    connection: &ValidConnection,
    options: &RenderOptions,
) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut pairs = vec![
        read_only(CONFIG_DIRECTORY, config(connection)),
        read_only(SECRETS_DIRECTORY, projected("secrets", secrets(connection), Some(SECRET_FILE_MODE))),
        read_only(CONFIG_MAPS_DIRECTORY, projected("config-maps", authorities(connection), None)),
        read_only(
            KEYS_DIRECTORY,
            projected("keys", keys::projections(connection, options), Some(SECRET_FILE_MODE)),
        ),
    ];
    let certificate = match &connection.gateway.tls {
        Tls::Operator => Some(certificate::name(connection, options)),
        Tls::Secret(name) => Some(name.as_str().to_owned()),
        Tls::Disabled => None,
    };
    if let Some(name) = certificate {
        pairs.push(read_only(TLS_DIRECTORY, secret("tls", name, &["tls.crt", "tls.key"])));
    }
    let tokens = tokens(connection);
    if !tokens.is_empty() {
        pairs.push(read_only(TOKENS_DIRECTORY, projected("tokens", tokens, Some(SECRET_FILE_MODE))));
    }
    if connection.needs_api_server() {
        let account = projected("kubernetes", account(), Some(SECRET_FILE_MODE));
        pairs.push(read_only(KUBERNETES_DIRECTORY, account));
    }
    pairs.push(writable(JOURNAL_DIRECTORY, "journal", JOURNAL_SIZE));
    pairs.push(writable(TEMPORARY_DIRECTORY, "tmp", TEMPORARY_SIZE));
    pairs.into_iter().unzip()
}

fn config(connection: &ValidConnection) -> Volume {
    Volume {
        name: "config".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: connection.child.as_str().to_owned(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// The credentials, each with the list of hosts that it may go to, and where people are told of calls that wait.
fn secrets(connection: &ValidConnection) -> Vec<VolumeProjection> {
    let projection = |(name, keys): (String, Vec<String>)| {
        let items = keys.iter().map(|key| item(key, format!("{name}/{key}"))).collect();
        VolumeProjection {
            secret: Some(SecretProjection { name, items: Some(items), optional: Some(true) }),
            ..VolumeProjection::default()
        }
    };
    connection.secrets().into_iter().map(projection).collect()
}

/// A token for each credential that is one, as `<credential>/token`.
fn tokens(connection: &ValidConnection) -> Vec<VolumeProjection> {
    let projection = |credential: &ValidCredential| match &credential.source {
        ValidSource::Token(audience, seconds) => {
            let path = format!("{}/token", credential.name.as_str());
            Some(token(Some(audience.as_str()), seconds.get(), path))
        }
        ValidSource::Secret(..) => None,
    };
    connection.credentials.iter().filter_map(projection).collect()
}

/// Whether a pod has a volume with tokens for servers.
pub(super) fn has_tokens(connection: &ValidConnection) -> bool {
    !tokens(connection).is_empty()
}

/// What a client of the API server needs, as it is mounted for accounts that are mounted by themselves.
fn account() -> Vec<VolumeProjection> {
    let authorities = ConfigMapProjection {
        name: ROOT_AUTHORITIES.to_owned(),
        items: Some(vec![item("ca.crt", "ca.crt".to_owned())]),
        ..ConfigMapProjection::default()
    };
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".to_owned(),
        field_ref: Some(ObjectFieldSelector {
            api_version: Some("v1".to_owned()),
            field_path: "metadata.namespace".to_owned(),
        }),
        ..DownwardAPIVolumeFile::default()
    };
    vec![
        token(None, API_TOKEN_SECONDS, "token".to_owned()),
        VolumeProjection { config_map: Some(authorities), ..VolumeProjection::default() },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection { items: Some(vec![namespace]) }),
            ..VolumeProjection::default()
        },
    ]
}

/// A token of the pod's account; without an audience, it is for the API server.
fn token(audience: Option<&str>, seconds: i64, path: String) -> VolumeProjection {
    VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: audience.map(str::to_owned),
            expiration_seconds: Some(seconds),
            path,
        }),
        ..VolumeProjection::default()
    }
}

fn authorities(connection: &ValidConnection) -> Vec<VolumeProjection> {
    let projection = |name: &str, key: &str| VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: name.to_owned(),
            items: Some(vec![item(key, format!("{name}/{key}"))]),
            optional: Some(true),
        }),
        ..VolumeProjection::default()
    };
    let bundles = connection.ca_bundles();
    bundles.iter().map(|bundle| projection(bundle.config_map.as_str(), bundle.key.as_str())).collect()
}

fn item(key: &str, path: String) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path, mode: None }
}

/// Where there is nothing to project there is still a folder, so that the gateway's flags are always true.
fn projected(name: &str, sources: Vec<VolumeProjection>, default_mode: Option<i32>) -> Volume {
    Volume {
        name: name.to_owned(),
        projected: Some(ProjectedVolumeSource { sources: Some(sources), default_mode }),
        ..Volume::default()
    }
}

fn secret(volume: &str, name: String, keys: &[&str]) -> Volume {
    Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name),
            items: Some(keys.iter().map(|key| item(key, (*key).to_owned())).collect()),
            default_mode: Some(SECRET_FILE_MODE),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn read_only(path: &str, volume: Volume) -> (Volume, VolumeMount) {
    let mount = VolumeMount {
        name: volume.name.clone(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    (volume, mount)
}

fn writable(path: &str, name: &str, size: &str) -> (Volume, VolumeMount) {
    let volume = Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource { size_limit: Some(Quantity(size.to_owned())), medium: None }),
        ..Volume::default()
    };
    let mount = VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() };
    (volume, mount)
}
