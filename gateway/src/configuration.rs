//! The connections that a gateway serves, read from the folder that holds a document for each.
//!
//! The folder is read again a few times a second; a kubelet swaps it as a whole. A document that cannot be
//! enforced never replaces one that can: the last good one stays, and the log says what is wrong. Without
//! any good one the connection is refused with 503.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use lychgate_gateway_policy::config::GatewayConfig;
use lychgate_gateway_policy::{DenialReason, closed};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::connection::{Connection, Shared};
use crate::credential::Credentials;
use crate::document::{self, Document};
use crate::failure::Failure;
use crate::secret::Mounts;

/// How often the folder is looked at.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The connections at this moment.
pub struct Configurations {
    folder: PathBuf,
    mounts: Mounts,
    shared: Shared,
    current: ArcSwap<Current>,
    changes: watch::Sender<()>,
}

/// What is known of all documents, by the name of their file without its ending. It need not be the
/// connection's, which may be longer than a key of a ConfigMap.
#[derive(Default)]
struct Current {
    slots: BTreeMap<String, Slot>,
    /// The file that counts for each connection, by the connection's name; for one whose document was never
    /// good, by its file's.
    files: HashMap<String, String>,
}

/// What is known of one document.
#[derive(Clone, Default)]
struct Slot {
    /// What is served: the last good one.
    served: Option<Served>,
    /// What was read last, if it is not served, and why.
    refused: Option<Refused>,
    /// Another file with a document of the same connection, which counts in the place of this one.
    shadowed_by: Option<String>,
}

#[derive(Clone)]
struct Served {
    connection: Arc<Connection>,
    document: Document,
}

#[derive(Clone, PartialEq, Eq)]
struct Refused {
    document: Document,
    problem: String,
}

impl Configurations {
    /// Reads the folder for the first time.
    #[must_use]
    pub fn new(folder: PathBuf, mounts: Mounts) -> Self {
        let (changes, _) = watch::channel(());
        let (shared, current) = (Shared::default(), ArcSwap::default());
        let configurations = Self { folder, mounts, shared, current, changes };
        configurations.reload();
        configurations
    }

    /// The connection of that name, as its policy is now.
    ///
    /// # Errors
    /// There is none ([`Failure::NoConnection`]), or none that could be enforced ([`Failure::NoPolicy`]).
    pub fn connection(&self, name: &str) -> Result<Arc<Connection>, Failure> {
        let current = self.current.load();
        match current.slot(name) {
            Some(slot) => slot.connection().cloned().ok_or_else(|| Failure::NoPolicy(slot.problem())),
            None if current.slots.is_empty() => {
                Err(Failure::NoPolicy("there is no document at all".to_owned()))
            }
            None => Err(Failure::NoConnection),
        }
    }

    /// The only connection, where there is just one.
    #[must_use]
    pub fn only(&self) -> Option<Arc<Connection>> {
        let current = self.current.load();
        let mut slots = current.counting();
        match (slots.next(), slots.next()) {
            (Some((_, slot)), None) => slot.connection().cloned(),
            _ => None,
        }
    }

    /// Why this gateway cannot serve: nothing if it serves at least one connection and none is without policy.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let current = self.current.load();
        if current.slots.is_empty() {
            return vec![format!("{}: no document with a policy", self.folder.display())];
        }
        let without_policy = current.counting().filter(|(_, slot)| slot.served.is_none());
        without_policy.map(|(file, slot)| format!("{file}: {}", slot.problem())).collect()
    }

    /// The sequence of each connection's policy in use.
    #[must_use]
    pub fn sequences(&self) -> Vec<(String, u64)> {
        let current = self.current.load();
        current
            .counting()
            .filter_map(|(_, slot)| slot.connection())
            .map(|connection| (connection.label.clone(), connection.policy.config().sequence))
            .collect()
    }

    /// What is in use, what is refused, and whether each credential can be used at this moment, for the
    /// operator. Versions of credentials are named by `naming`; no value is in it.
    #[must_use]
    pub fn report(&self, mounts: &Mounts, naming: &hmac::Key) -> Vec<Value> {
        let current = self.current.load();
        let connections = current.counting();
        connections.map(|(file, slot)| slot.report(file, mounts, naming)).collect()
    }

    /// Tells of each change of what is served, from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Why nothing passes on the connection of that name as of now, if nothing does.
    #[must_use]
    pub fn closed(&self, name: &str) -> Option<DenialReason> {
        let connection = self.current.load().slot(name)?.connection().cloned()?;
        closed(&connection.policy)
    }

    /// Waits until nothing passes any more on the connection of that name.
    pub async fn until_closed(&self, name: &str) -> DenialReason {
        let mut changes = self.changes();
        loop {
            if let Some(reason) = self.closed(name) {
                return reason;
            }
            if changes.changed().await.is_err() {
                // There will be no change any more.
                std::future::pending::<()>().await;
            }
        }
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
        let documents = match document::read_folder(&self.folder) {
            Ok(documents) => documents,
            Err(error) => {
                tracing::debug!(folder = %self.folder.display(), %error, "the folder cannot be read");
                return;
            }
        };
        let current = self.current.load();
        let mut next = Current::default();
        for (file, document) in documents {
            let known = current.slots.get(&file);
            let mut slot = self.update(&file, known, document);
            let name = slot.name(&file).to_owned();
            slot.shadowed_by = next.files.get(&name).cloned();
            match &slot.shadowed_by {
                None => {
                    next.files.insert(name, file.clone());
                }
                Some(other) if known.is_none_or(|known| known.shadowed_by != slot.shadowed_by) => {
                    tracing::error!(name, file, other, "two documents of one connection; the first counts");
                }
                Some(_) => {}
            }
            next.slots.insert(file, slot);
        }
        if !next.same_as(&current) {
            self.current.store(Arc::new(next));
            self.changes.send_replace(());
        }
    }

    /// What is known of a document once it was read again.
    fn update(&self, file: &str, known: Option<&Slot>, document: Document) -> Slot {
        let served = known.and_then(|known| known.served.clone());
        // One that is not served is tried again each time: what it refers to may have come since.
        if let Some(served) = &served
            && served.document == document
            && served.connection.is_current(&self.mounts)
        {
            return Slot { served: Some(served.clone()), ..Slot::default() };
        }
        let made = document
            .parse()
            .and_then(|config| newer(served.as_ref(), config))
            .and_then(|config| Connection::new(config, &self.mounts, &self.shared));
        match made {
            Ok(connection) => {
                let sequence = connection.policy.config().sequence;
                tracing::info!(connection = connection.label, sequence, "policy in use");
                let served = Served { connection: Arc::new(connection), document };
                Slot { served: Some(served), ..Slot::default() }
            }
            Err(problem) => {
                let refused = Some(Refused { document, problem });
                if known.is_none_or(|known| known.refused != refused) {
                    let error = refused.as_ref().map(|refused| &refused.problem);
                    tracing::error!(file, error, kept = served.is_some(), "policy refused");
                }
                Slot { served, refused, ..Slot::default() }
            }
        }
    }
}

impl Current {
    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(self.files.get(name)?)
    }

    /// The documents that count, with their files.
    fn counting(&self) -> impl Iterator<Item = (&String, &Slot)> {
        self.slots.iter().filter(|(_, slot)| slot.shadowed_by.is_none())
    }

    fn same_as(&self, other: &Self) -> bool {
        self.slots.len() == other.slots.len()
            && self
                .slots
                .iter()
                .zip(&other.slots)
                .all(|((one_file, one), (two_file, two))| one_file == two_file && one.same_as(two))
    }
}

impl Slot {
    fn report(&self, file: &str, mounts: &Mounts, naming: &hmac::Key) -> Value {
        let mut report = match &self.served {
            Some(Served { connection, document }) => json!({
                "connection": connection.label,
                "sequence": connection.policy.config().sequence,
                "hash": document.hash(),
                "credentials": Credentials::read(&connection.policy, mounts).report(naming),
            }),
            None => json!({ "connection": file }),
        };
        if let (Some(Refused { document, problem }), Some(members)) = (&self.refused, report.as_object_mut())
        {
            let refused =
                json!({ "sequence": document.sequence(), "hash": document.hash(), "problem": problem });
            members.insert("refused".to_owned(), refused);
        }
        report
    }

    fn connection(&self) -> Option<&Arc<Connection>> {
        self.served.as_ref().map(|served| &served.connection)
    }

    fn name<'a>(&'a self, file: &'a str) -> &'a str {
        self.connection().map_or(file, |connection| &connection.policy.config().connection.name)
    }

    fn problem(&self) -> String {
        self.refused.as_ref().map(|refused| refused.problem.clone()).unwrap_or_default()
    }

    fn same_as(&self, other: &Self) -> bool {
        let same_connection = match (self.connection(), other.connection()) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_connection && self.refused == other.refused && self.shadowed_by == other.shadowed_by
    }
}

/// A gateway never steps back to an older document.
fn newer(served: Option<&Served>, config: GatewayConfig) -> Result<GatewayConfig, String> {
    let in_use = served.map(|served| served.connection.policy.config().sequence);
    match in_use {
        Some(in_use) if config.sequence < in_use => {
            Err(format!("sequence {} is older than {in_use}, which is in use", config.sequence))
        }
        Some(_) | None => Ok(config),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::Configurations;
    use crate::secret::Mounts;

    fn write(folder: &Path, file: &str, connection: &str, sequence: u64) {
        let document = serde_json::json!({
            "apiVersion": "gateway.lychgate.dev/v1alpha1",
            "sequence": sequence,
            "connection": {"namespace": "test", "name": connection},
            "gateway": {"namespace": "test", "name": "gateway"},
            "resources": ["https://gateway.test/server/mcp"],
            "identity": {"anonymous": true},
            "upstream": {
                "url": "https://server.test/mcp",
                "connectTimeoutMilliseconds": 1, "callTimeoutMilliseconds": 1,
            },
            "limits": {"messageBytes": 65536},
        });
        std::fs::write(folder.join(file), document.to_string()).unwrap();
    }

    fn configurations(folder: &Path) -> Configurations {
        crate::outbound::install_crypto_provider();
        let mounts = Mounts { secrets: folder.into(), config_maps: folder.into(), tokens: None };
        Configurations::new(folder.into(), mounts)
    }

    #[test]
    fn of_two_documents_of_one_connection_the_first_counts_and_nothing_changes_until_a_file_does() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.json", "server", 1);
        write(folder.path(), "b.json", "server", 2);
        let configurations = configurations(folder.path());
        assert_eq!(configurations.sequences(), [("test/server".to_owned(), 1)]);
        let before = configurations.current.load_full();
        configurations.reload();
        assert!(Arc::ptr_eq(&before, &configurations.current.load_full()), "nothing was made anew");

        std::fs::remove_file(folder.path().join("a.json")).unwrap();
        configurations.reload();
        assert_eq!(configurations.sequences(), [("test/server".to_owned(), 2)]);
    }
}
