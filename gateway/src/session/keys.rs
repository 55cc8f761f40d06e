//! The keys that ids are sealed with, and how one takes the place of another without a client noticing.
//!
//! One key seals, and others open: the one that sealed before, and the one that will. A key is listed at every replica
//! before any seals with it, and for as long as what it sealed may be worth something. Names in the record, versions of
//! credentials and digests of calls must not change with it, so they may have a key of their own.

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// The bytes of a key.
pub const KEY_BYTES: usize = 32;
/// The file in the folder of keys with the key that seals.
pub const SESSION_KEY_FILE: &str = "session";
/// The files with keys that only open; each may be absent.
pub const OTHER_KEY_FILES: [&str; 2] = ["session.previous", "session.next"];
/// The file with the key that names and digests go by; it may be absent.
pub const NAMES_KEY_FILE: &str = "names";

/// A key.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The keys of a gateway.
pub struct SessionKeys {
    /// What is sealed from now on is sealed with it.
    pub current: Key,
    /// What was sealed with one of them opens.
    pub others: Vec<Key>,
    /// Names and digests go by it, or by `current` where there is none.
    pub names: Option<Key>,
}

/// A key that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}; it must hold 32 random bytes")]
pub struct KeyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

impl SessionKeys {
    /// One key for everything.
    #[must_use]
    pub fn of(current: [u8; KEY_BYTES]) -> Self {
        Self { current: Zeroizing::new(current), others: Vec::new(), names: None }
    }

    /// Reads the keys in a folder.
    ///
    /// # Errors
    /// The key that seals is missing, or one of them has another length.
    pub fn read(folder: &Path) -> Result<Self, KeyError> {
        let others = OTHER_KEY_FILES.iter().filter_map(|file| read_optional(folder, file).transpose());
        Ok(Self {
            current: read(folder, SESSION_KEY_FILE)?,
            others: others.collect::<Result<_, _>>()?,
            names: read_optional(folder, NAMES_KEY_FILE)?,
        })
    }
}

/// Reads a key.
///
/// # Errors
/// It is missing, or has another length.
pub fn read(folder: &Path, file: &str) -> Result<Key, KeyError> {
    read_optional(folder, file)?
        .ok_or_else(|| KeyError { path: folder.join(file), reason: "there is none".to_owned() })
}

fn read_optional(folder: &Path, file: &str) -> Result<Option<Key>, KeyError> {
    let path = folder.join(file);
    let wrong = |reason: String| KeyError { path: path.clone(), reason };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let length = bytes.len();
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice());
    key.map(|key| Some(Zeroizing::new(key))).map_err(|_| wrong(format!("has {length} bytes")))
}

/// What is made of one key: one for each purpose.
pub(super) struct Ring {
    /// Seals sessions, legs and endpoints.
    pub(super) sealing: RandomizedNonceKey,
    /// Makes the keys of handles of tasks.
    pub(super) tasks: hmac::Key,
    /// Makes the keys of tokens.
    pub(super) tokens: hmac::Key,
    events: hmac::Key,
}

impl Ring {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Option<Self> {
        let sealing = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"lychgate session sealing");
        Some(Self {
            sealing: RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).ok()?,
            tasks: derived(key, b"lychgate task handles"),
            tokens: derived(key, b"lychgate masking tokens"),
            events: derived(key, b"lychgate event sealing"),
        })
    }

    /// Each session has a key of its own for its events: there are too many of them for one key with random nonces.
    pub(super) fn event_key(&self, session: &str) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, hmac::sign(&self.events, session.as_bytes()).as_ref()).ok()
    }
}

/// The key for one purpose.
pub(super) fn derived(key: &[u8; KEY_BYTES], purpose: &[u8]) -> hmac::Key {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}
