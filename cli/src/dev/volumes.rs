//! What the kubelet does in a cluster: Secrets, ConfigMaps and policy documents as files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lychgate_operator_plan::{Inventory, ValidConnection};

use super::state::{State, make_folder, write_private};
use crate::output::CommandError;

/// Writes the files of `namespace`. Policy documents come last, so that what they refer to is there; what is
/// no longer in the manifests goes.
pub(super) fn write(
    state: &State,
    namespace: &str,
    inventory: &Inventory,
    connections: &[&ValidConnection],
    sequence: u64,
) -> Result<(), CommandError> {
    let mut kept = BTreeSet::new();
    for file in inventory.secret_files().filter(|file| file.namespace == namespace) {
        kept.insert(put(&state.secrets(), file.name, file.key, file.value.expose())?);
    }
    for file in inventory.config_map_files().filter(|file| file.namespace == namespace) {
        kept.insert(put(&state.config_maps(), file.name, file.key, file.value.as_bytes())?);
    }
    for connection in connections {
        let mut config = connection.config(sequence);
        config.hostnames.push("localhost".to_owned());
        let document = serde_json::to_vec_pretty(&config)
            .map_err(|error| CommandError::new(format!("{}: {error}", connection.name())))?;
        let path = state.config().join(format!("{}.json", connection.name().name));
        write_private(&path, &document)?;
        kept.insert(path);
    }
    for folder in [state.secrets(), state.config_maps(), state.config()] {
        prune(&folder, &kept)?;
    }
    Ok(())
}

fn put(folder: &Path, object: &str, key: &str, value: &[u8]) -> Result<PathBuf, CommandError> {
    let folder = folder.join(object);
    make_folder(&folder)?;
    let path = folder.join(key);
    write_private(&path, value)?;
    Ok(path)
}

fn prune(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<(), CommandError> {
    let wrong = |error: std::io::Error| CommandError::new(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() {
            prune(&path, kept)?;
        } else if !kept.contains(&path) {
            std::fs::remove_file(&path).map_err(wrong)?;
        }
    }
    Ok(())
}
