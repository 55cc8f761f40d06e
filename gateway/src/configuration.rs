//! The connections that a gateway serves, read from the folder that holds a document for each.
//!
//! The folder is read again a few times a second; a kubelet swaps it as a whole. A document that cannot be
//! enforced never replaces one that can: the last good one stays, and the log says what is wrong. Without
//! any good one the connection is refused with 503.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use lychgate_gateway_policy::config::GatewayConfig;

use crate::connection::{Connection, Shared};
use crate::failure::Failure;
use crate::secret::Mounts;

/// How often the folder is looked at.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The largest document, in bytes (the limit of a ConfigMap).
const MAXIMUM_DOCUMENT_BYTES: u64 = 1024 * 1024;

/// The connections at this moment, by name; one whose document was never good, by its file's name.
pub struct Configurations {
    folder: PathBuf,
    mounts: Mounts,
    shared: Shared,
    current: ArcSwap<HashMap<String, Slot>>,
}

/// What is known of one connection.
#[derive(Clone)]
struct Slot {
    /// The file's name without `.json`. It need not be the connection's, which may be longer than a key of a
    /// ConfigMap.
    file: String,
    /// The document that was last read, good or not, so that the same one is not tried again.
    text: Option<String>,
    /// Why what was last read is not served, if it is not; told in the log once.
    refused: Option<String>,
    /// What is served: the last good one.
    connection: Result<Arc<Connection>, String>,
}

impl Configurations {
    /// Reads the folder for the first time.
    #[must_use]
    pub fn new(folder: PathBuf, mounts: Mounts) -> Self {
        let configurations = Self { folder, mounts, shared: Shared::default(), current: ArcSwap::default() };
        configurations.reload();
        configurations
    }

    /// The connection of that name, as its policy is now.
    ///
    /// # Errors
    /// There is none ([`Failure::NoConnection`]), or none that could be enforced ([`Failure::NoPolicy`]).
    pub fn connection(&self, name: &str) -> Result<Arc<Connection>, Failure> {
        let current = self.current.load();
        match current.get(name) {
            Some(slot) => slot.connection.clone().map_err(Failure::NoPolicy),
            None if current.is_empty() => Err(Failure::NoPolicy("there is no document at all".to_owned())),
            None => Err(Failure::NoConnection),
        }
    }

    /// The only connection, where there is just one.
    #[must_use]
    pub fn only(&self) -> Option<Arc<Connection>> {
        let current = self.current.load();
        let mut slots = current.values();
        match (slots.next(), slots.next()) {
            (Some(slot), None) => slot.connection.clone().ok(),
            _ => None,
        }
    }

    /// Why this gateway cannot serve: nothing if it serves at least one connection and none is without policy.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let current = self.current.load();
        if current.is_empty() {
            return vec![format!("{}: no document with a policy", self.folder.display())];
        }
        current
            .iter()
            .filter_map(|(name, slot)| slot.connection.as_ref().err().map(|error| format!("{name}: {error}")))
            .collect()
    }

    /// The sequence of each connection's policy in use.
    #[must_use]
    pub fn sequences(&self) -> Vec<(String, u64)> {
        let serving = |slot: &Slot| slot.connection.as_ref().ok().map(Arc::clone);
        let current = self.current.load();
        current
            .values()
            .filter_map(serving)
            .map(|connection| (connection.label.clone(), connection.policy.config().sequence))
            .collect()
    }

    /// Reads the folder again, until the task is dropped.
    pub async fn watch(&self) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.reload();
        }
    }

    fn reload(&self) {
        let documents = match read_folder(&self.folder) {
            Ok(documents) => documents,
            Err(error) => {
                tracing::debug!(folder = %self.folder.display(), %error, "the folder cannot be read");
                return;
            }
        };
        let current = self.current.load();
        let known_by_file: HashMap<&str, &Slot> =
            current.values().map(|slot| (slot.file.as_str(), slot)).collect();
        let mut next: HashMap<String, Slot> = HashMap::with_capacity(documents.len());
        let mut changed = documents.len() != current.len();
        for (file, read) in documents {
            let known = known_by_file.get(file.as_str()).copied();
            let slot = match known.filter(|known| self.is_up_to_date(known, &read)) {
                Some(known) => Slot { refused: None, ..known.clone() },
                None => self.make(&file, known, read),
            };
            changed |= known.is_none_or(|known| !known.same_as(&slot));
            let name = slot.name();
            if let Some(other) = next.get(&name) {
                tracing::error!(
                    name,
                    file,
                    other = other.file,
                    "two documents of one connection; the first counts"
                );
                continue;
            }
            next.insert(name, slot);
        }
        if changed {
            self.current.store(Arc::new(next));
        }
    }

    /// Whether a slot serves what was read. One that does not serve is tried again each time: what it refers to
    /// may have come since.
    fn is_up_to_date(&self, slot: &Slot, read: &Result<String, String>) -> bool {
        let same_text = read.as_ref().is_ok_and(|text| slot.text.as_ref() == Some(text));
        let current = slot.connection.as_ref().is_ok_and(|connection| connection.is_current(&self.mounts));
        same_text && current
    }

    fn make(&self, file: &str, known: Option<&Slot>, read: Result<String, String>) -> Slot {
        let text = read.as_ref().ok().cloned();
        let made = read
            .and_then(|text| parse(&text))
            .and_then(|config| newer(known, config))
            .and_then(|config| Connection::new(config, &self.mounts, &self.shared));
        let file = file.to_owned();
        match made {
            Ok(connection) => {
                let sequence = connection.policy.config().sequence;
                tracing::info!(connection = connection.label, sequence, "policy in use");
                Slot { file, text, refused: None, connection: Ok(Arc::new(connection)) }
            }
            Err(error) => {
                let last_good = known.and_then(|known| known.connection.clone().ok());
                let told =
                    known.is_some_and(|known| known.text == text && known.refused.as_ref() == Some(&error));
                if !told {
                    let kept = last_good.is_some();
                    tracing::error!(file, error, kept, "policy refused");
                }
                Slot { file, text, refused: Some(error.clone()), connection: last_good.ok_or(error) }
            }
        }
    }
}

impl Slot {
    fn name(&self) -> String {
        match &self.connection {
            Ok(connection) => connection.policy.config().connection.name.clone(),
            Err(_) => self.file.clone(),
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        let same_connection = match (&self.connection, &other.connection) {
            (Ok(one), Ok(two)) => Arc::ptr_eq(one, two),
            (Err(one), Err(two)) => one == two,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        same_connection && self.text == other.text && self.refused == other.refused
    }
}

/// A gateway never steps back to an older document.
fn newer(known: Option<&Slot>, config: GatewayConfig) -> Result<GatewayConfig, String> {
    let in_use = known
        .and_then(|slot| slot.connection.as_ref().ok())
        .map(|connection| connection.policy.config().sequence);
    match in_use {
        Some(in_use) if config.sequence < in_use => {
            Err(format!("sequence {} is older than {in_use}, which is in use", config.sequence))
        }
        Some(_) | None => Ok(config),
    }
}

fn parse(text: &str) -> Result<GatewayConfig, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The documents of a folder, by the name of their file without `.json`.
fn read_folder(folder: &Path) -> std::io::Result<Vec<(String, Result<String, String>)>> {
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        // Whatever begins with a dot is of the kubelet's own making.
        if !name.starts_with('.') {
            documents.push((name.to_owned(), read_document(&path)));
        }
    }
    // Where two documents are of one connection, it is always the same that counts.
    documents.sort();
    Ok(documents)
}

fn read_document(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAXIMUM_DOCUMENT_BYTES {
        return Err(format!("larger than {MAXIMUM_DOCUMENT_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
