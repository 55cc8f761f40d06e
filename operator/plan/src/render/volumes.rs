//! What is mounted into a gateway, and where.
//!
//! Of a Secret only the keys that are needed are mounted. Secrets and certificate authorities that are named
//! by people are optional: a pod starts without them, and its gateway refuses calls and says why.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, ProjectedVolumeSource,
    SecretProjection, SecretVolumeSource, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use lychgate_gateway_policy::destination::ALLOWED_HOSTS_KEY;

use crate::valid::{Tls, ValidConnection};

pub(super) const CONFIG_DIRECTORY: &str = "/etc/lychgate/config";
pub(super) const SECRETS_DIRECTORY: &str = "/etc/lychgate/secrets";
pub(super) const CONFIG_MAPS_DIRECTORY: &str = "/etc/lychgate/config-maps";
pub(super) const KEYS_DIRECTORY: &str = "/etc/lychgate/keys";
pub(super) const TLS_DIRECTORY: &str = "/etc/lychgate/tls";
pub(super) const JOURNAL_DIRECTORY: &str = "/var/lib/lychgate/journal";
const TEMPORARY_DIRECTORY: &str = "/tmp";

/// The mode of files with secrets: for the gateway's user and group alone (octal 0440).
const SECRET_FILE_MODE: i32 = 0o440;

/// How much the journal's volume holds; a pod that exceeds it is evicted, and its journal with it.
const JOURNAL_SIZE: &str = "1Gi";
/// How much a replica may record before it refuses calls, below the volume's size.
pub(super) const JOURNAL_LIMIT_MEBIBYTES: u32 = 960;
/// How much a replica may put aside.
const TEMPORARY_SIZE: &str = "64Mi";

/// The volumes of a pod, each with its mount.
pub(super) fn volumes(connection: &ValidConnection) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut pairs = vec![
        read_only(CONFIG_DIRECTORY, config(connection)),
        read_only(SECRETS_DIRECTORY, projected("secrets", secrets(connection), Some(SECRET_FILE_MODE))),
        read_only(CONFIG_MAPS_DIRECTORY, projected("config-maps", authorities(connection), None)),
        read_only(KEYS_DIRECTORY, secret("keys", connection.child.keys(), &["session", "signing"])),
    ];
    let certificate = match &connection.gateway.tls {
        Tls::Operator => Some(connection.child.tls()),
        Tls::Secret(name) => Some(name.as_str().to_owned()),
        Tls::Disabled => None,
    };
    if let Some(name) = certificate {
        pairs.push(read_only(TLS_DIRECTORY, secret("tls", name, &["tls.crt", "tls.key"])));
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

/// The credential, and the list of hosts that it may go to.
fn secrets(connection: &ValidConnection) -> Vec<VolumeProjection> {
    let projection = |name: &str, key: &str| VolumeProjection {
        secret: Some(SecretProjection {
            name: name.to_owned(),
            items: Some(
                [key, ALLOWED_HOSTS_KEY].into_iter().map(|key| item(key, format!("{name}/{key}"))).collect(),
            ),
            optional: Some(true),
        }),
        ..VolumeProjection::default()
    };
    let credential = connection.credential.iter();
    credential.map(|credential| projection(credential.secret.as_str(), credential.key.as_str())).collect()
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
