//! The connections that a gateway serves, each by a document: from the folder, and from the API server where the
//! gateway watches.
//!
//! The folder is read again a few times a second, and as soon as a name in it has come or gone: a kubelet swaps it as a
//! whole. What the API server says is taken
//! up at once. Of the two the newer counts. A document that cannot be enforced never replaces one that can: the
//! last good one stays, and the log says what is wrong. Without any good one the connection is refused with 503.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use lychgate_gateway_policy::config::{Credential, CredentialSource, GatewayConfig, MaskingRule};
use lychgate_gateway_policy::{DenialReason, closed};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::connection::{Connection, Shared};
use crate::document::{self, Document};
use crate::failure::Failure;
use crate::secret::FileStamp;
use crate::sightings::Sightings;
use crate::values::Values;

/// How often everything in the folder is read.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How often the folder is looked at, whether something in it has another name: a kubelet makes it so that way.
const GLANCE_INTERVAL: Duration = Duration::from_millis(40);

/// The connections at this moment.
pub struct Configurations {
    folder: PathBuf,
    values: Arc<Values>,
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
    pub fn new(folder: PathBuf, values: Arc<Values>, shared: Shared) -> Self {
        let (changes, _) = watch::channel(());
        let current = ArcSwap::default();
        let configurations = Self { folder, values, shared, current, changes };
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

    /// The connections that are served.
    #[must_use]
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        let current = self.current.load();
        current.counting().filter_map(|(_, slot)| slot.connection()).cloned().collect()
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
    pub fn report(&self, values: &Values, naming: &hmac::Key, sightings: &Sightings) -> Vec<Value> {
        let current = self.current.load();
        let connections = current.counting();
        connections.map(|(file, slot)| slot.report(file, values, naming, sightings)).collect()
    }

    /// The Secrets that the documents in use name.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<String> {
        let current = self.current.load();
        let credentials = current
            .counting()
            .filter_map(|(_, slot)| slot.connection())
            .flat_map(|connection| &connection.policy.config().credentials);
        let secret = |credential: &Credential| match &credential.from {
            CredentialSource::SecretKeyRef(key) => Some(key.secret.clone()),
            CredentialSource::ServiceAccountToken(_) => None,
        };
        let approvals = current.counting().filter_map(|(_, slot)| slot.connection());
        let approvals = approvals.filter_map(|connection| connection.policy.config().approval.as_ref());
        let of_notifications =
            approvals.flat_map(|approval| &approval.notifications).flat_map(|notification| {
                [Some(&notification.url), notification.signing_key.as_ref()].into_iter().flatten()
            });
        let of_notifications = of_notifications.map(|key| key.secret.clone());
        let connections = current.counting().filter_map(|(_, slot)| slot.connection());
        let of_masks = connections.flat_map(|connection| &connection.policy.config().masking);
        let of_masks = of_masks.flat_map(MaskingRule::keys).map(|key| key.secret.clone());
        credentials.filter_map(secret).chain(of_notifications).chain(of_masks).collect()
    }

    /// The user names by which the API server knows this gateway, where calls wait for approval.
    #[must_use]
    pub fn approval_gateways(&self) -> BTreeSet<String> {
        let current = self.current.load();
        let connections = current.counting().filter_map(|(_, slot)| slot.connection());
        let approvals = connections.filter_map(|connection| connection.policy.config().approval.as_ref());
        approvals.map(|approval| approval.gateway.clone()).collect()
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

    /// Reads the documents again, whenever that may be needed, until the task is dropped.
    pub async fn watch(&self) {
        let mut ticks = tokio::time::interval(GLANCE_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut last, mut looked_at) = (None, Instant::now());
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let stamp = FileStamp::of(&self.folder);
                    let is_same = stamp.is_some() && stamp == last;
                    if is_same && looked_at.elapsed() < POLL_INTERVAL {
                        continue;
                    }
                    last = stamp;
                }
                () = self.values.live().documents_changed() => {}
            }
            self.reload();
            looked_at = Instant::now();
        }
    }

    fn reload(&self) {
        let current = self.current.load();
        let mounted = document::read_folder(&self.folder).unwrap_or_else(|error| {
            tracing::debug!(folder = %self.folder.display(), %error, "the folder cannot be read");
            current.in_use()
        });
        let mut next = Current::default();
        for (file, documents) in document::gather(self.values.live().documents(), mounted) {
            let known = current.slots.get(&file);
            let mut slot = self.update(&file, known, documents);
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

    /// What is known of a document once it was read again, in one place or in two: the newest that can be enforced
    /// is served.
    fn update(&self, file: &str, known: Option<&Slot>, documents: Vec<Document>) -> Slot {
        let mut slot = Slot { served: known.and_then(|known| known.served.clone()), ..Slot::default() };
        for document in documents {
            // One that is not served is tried again each time: what it refers to may have come since.
            if let Some(served) = &slot.served
                && served.document == document
                && served.connection.is_current(&self.values)
            {
                break;
            }
            match self.make(slot.served.as_ref(), &document) {
                Ok(connection) => {
                    let sequence = connection.policy.config().sequence;
                    tracing::info!(connection = connection.label, sequence, "policy in use");
                    slot.served = Some(Served { connection: Arc::new(connection), document });
                    break;
                }
                // What is wrong with the newest is what has to be mended.
                Err(problem) => {
                    slot.refused.get_or_insert(Refused { document, problem });
                }
            }
        }
        if slot.refused.is_some() && known.is_none_or(|known| known.refused != slot.refused) {
            tracing::error!(file, error = slot.problem(), kept = slot.served.is_some(), "policy refused");
        }
        slot
    }

    fn make(&self, served: Option<&Served>, document: &Document) -> Result<Connection, String> {
        let config = newer(served, document.parse()?)?;
        Connection::new(config, &self.values, &self.shared)
    }
}

impl Current {
    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(self.files.get(name)?)
    }

    /// The documents in use, by their names.
    fn in_use(&self) -> BTreeMap<String, Document> {
        let in_use =
            |(file, slot): (&String, &Slot)| Some((file.clone(), slot.served.as_ref()?.document.clone()));
        self.slots.iter().filter_map(in_use).collect()
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
    fn report(&self, file: &str, values: &Values, naming: &hmac::Key, sightings: &Sightings) -> Value {
        let mut report = match &self.served {
            Some(Served { connection, document }) => json!({
                "connection": connection.label,
                "sequence": connection.policy.config().sequence,
                "hash": document.hash(),
                "credentials": connection.credentials(values).report(naming),
                "toolPinning": sightings.report(&connection.label, connection.policy.pinning()),
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
    use crate::document;
    use crate::live::Live;
    use crate::secret::Mounts;
    use crate::values::Values;

    fn document(connection: &str, sequence: u64) -> String {
        serde_json::json!({
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
        })
        .to_string()
    }

    fn configurations(folder: &Path, live: &Arc<Live>) -> Configurations {
        crate::outbound::install_crypto_provider();
        let mounts = Mounts { secrets: folder.into(), config_maps: folder.into(), tokens: None };
        Configurations::new(
            folder.into(),
            Arc::new(Values::new(mounts, Arc::clone(live))),
            crate::connection::Shared::default(),
        )
    }

    #[test]
    fn of_two_documents_of_one_connection_the_first_counts_and_nothing_changes_until_a_file_does() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), document("server", 1)).unwrap();
        std::fs::write(folder.path().join("b.json"), document("server", 2)).unwrap();
        let configurations = configurations(folder.path(), &Arc::default());
        assert_eq!(configurations.sequences(), [("test/server".to_owned(), 1)]);
        let before = configurations.current.load_full();
        configurations.reload();
        assert!(Arc::ptr_eq(&before, &configurations.current.load_full()), "nothing was made anew");

        std::fs::remove_file(folder.path().join("a.json")).unwrap();
        configurations.reload();
        assert_eq!(configurations.sequences(), [("test/server".to_owned(), 2)]);
    }

    /// A step: what the folder and the API server have, which sequence is served then, and whether a document is
    /// refused.
    type Step<'a> = (Option<&'a str>, Option<&'a str>, Option<u64>, bool);

    #[test]
    fn of_folder_and_api_server_the_newer_counts_and_never_a_step_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.json");
        let live = Arc::new(Live::default());
        let configurations = configurations(folder.path(), &live);
        let numbered = |sequence: u64| document("server", sequence);
        let (three, four, five, six) = (numbered(3), numbered(4), numbered(5), numbered(6));
        let steps: [Step<'_>; 10] = [
            (Some(&four), None, Some(4), false),
            (Some(&four), Some(&five), Some(5), false),
            (Some(&five), Some(&five), Some(5), false),
            (Some(&six), Some(&five), Some(6), false),
            (Some(&six), Some("{"), Some(6), true),
            (Some(&six), Some(r#"{"sequence":7}"#), Some(6), true),
            (Some(&six), None, Some(6), false),
            (Some(&three), Some(&four), Some(6), true),
            (None, Some(&six), Some(6), false),
            (None, None, None, false),
        ];
        for (number, (mounted, seen, served, refused)) in steps.into_iter().enumerate() {
            match mounted {
                Some(text) => std::fs::write(&file, text).unwrap(),
                // It may be gone already.
                None => drop(std::fs::remove_file(&file)),
            }
            let data = seen.map(|text| ("server.json".to_owned(), text.to_owned())).into_iter().collect();
            live.see_documents(document::of_data(data));
            configurations.reload();
            let sequences = configurations.sequences().into_iter().map(|(_, sequence)| sequence);
            assert_eq!(sequences.collect::<Vec<_>>(), Vec::from_iter(served), "step {number}");
            let current = configurations.current.load();
            let is_refused = current.slots.values().any(|slot| slot.refused.is_some());
            assert_eq!(is_refused, refused, "step {number}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_read_takes_nothing_away_and_what_the_api_server_says_still_counts() {
        let folder = tempfile::tempdir().unwrap();
        let documents = folder.path().join("documents");
        std::fs::create_dir(&documents).unwrap();
        std::fs::write(documents.join("a.json"), document("one", 1)).unwrap();
        std::fs::write(documents.join("b.json"), document("two", 1)).unwrap();
        let live = Arc::new(Live::default());
        let configurations = configurations(&documents, &live);
        std::fs::remove_dir_all(&documents).unwrap();
        live.see_documents(document::of_data([("b.json".to_owned(), document("two", 2))].into()));
        configurations.reload();
        let expected = [("test/one".to_owned(), 1), ("test/two".to_owned(), 2)];
        assert_eq!(configurations.sequences(), expected);
    }
}
