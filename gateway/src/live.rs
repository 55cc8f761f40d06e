//! What the API server has said, where a gateway watches: its documents and Secrets as they were last seen.
//!
//! What is in here counts above the mounted files, and stays when a watch is lost. Only [`crate::watch`] writes
//! into it; without a watch it stays empty.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::document::Document;

/// An object as it was last seen.
pub enum Seen<T> {
    /// It was there.
    Present(T),
    /// There was none.
    Absent,
}

/// The data of a Secret, wiped when it is replaced or forgotten.
pub type SecretData = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// A Secret as it was last seen, and which sight of all Secrets that was.
struct Sight {
    number: u64,
    seen: Seen<SecretData>,
}

/// All that was seen.
#[derive(Default)]
pub struct Live {
    /// The Secrets that are watched; those of which nothing was seen yet have no value.
    secrets: RwLock<HashMap<String, Option<Sight>>>,
    /// How often a Secret was seen.
    sights: AtomicU64,
    documents: RwLock<BTreeMap<String, Document>>,
    documents_changed: Notify,
}

impl Live {
    /// From now on what is seen of this Secret counts. Of one that is watched already nothing is forgotten.
    pub fn admit_secret(&self, name: &str) {
        write(&self.secrets).entry(name.to_owned()).or_default();
    }

    /// Takes what was seen of a Secret, unless it is not watched any more.
    pub fn see_secret(&self, name: &str, seen: Seen<SecretData>) {
        if let Some(known) = write(&self.secrets).get_mut(name) {
            let number = self.sights.fetch_add(1, Ordering::Relaxed);
            *known = Some(Sight { number, seen });
        }
    }

    /// Forgets a Secret that is not watched any more.
    pub fn forget_secret(&self, name: &str) {
        write(&self.secrets).remove(name);
    }

    /// The value under `key` of the Secret `name`, if the Secret was seen and has it; `None` while nothing of the
    /// Secret was seen.
    #[must_use]
    pub fn secret(&self, name: &str, key: &str) -> Option<Seen<Zeroizing<Vec<u8>>>> {
        match &read(&self.secrets).get(name)?.as_ref()?.seen {
            Seen::Absent => Some(Seen::Absent),
            Seen::Present(data) => Some(data.get(key).cloned().map_or(Seen::Absent, Seen::Present)),
        }
    }

    /// Which sight of a Secret was the last one: as long as that is the same, so is the Secret. `None` while nothing of
    /// it was seen.
    #[must_use]
    pub fn sight(&self, name: &str) -> Option<u64> {
        read(&self.secrets).get(name)?.as_ref().map(|sight| sight.number)
    }

    /// Takes the documents as they were seen, by their names.
    pub fn see_documents(&self, seen: BTreeMap<String, Document>) {
        let mut documents = write(&self.documents);
        if *documents != seen {
            *documents = seen;
            self.documents_changed.notify_one();
        }
    }

    /// The documents that were last seen; none while nothing was seen.
    #[must_use]
    pub fn documents(&self) -> BTreeMap<String, Document> {
        read(&self.documents).clone()
    }

    /// Waits until the documents are others than at the last call.
    pub async fn documents_changed(&self) {
        self.documents_changed.notified().await;
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
