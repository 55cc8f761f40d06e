//! Where values come from at this moment: from what the API server has said last, where a gateway watches, and
//! else from the mounted files.
//!
//! A Secret that was seen counts as it was seen, also as absent: a value that was removed is not used because a
//! file still holds it. Of a Secret that was never seen the file counts, so that a gateway starts and works
//! without the API server.

use std::sync::Arc;

use lychgate_gateway_policy::config::{ConfigMapKey, SecretKey};

use crate::live::{Live, Seen};
use crate::secret::{FileStamp, Mounts, ReadError, Secret};

/// What tells whether a value is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// The number of the sight that it was in.
    Seen(u64),
    /// The file that it was in.
    File(FileStamp),
}

/// The values of one gateway.
pub struct Values {
    mounts: Mounts,
    live: Arc<Live>,
}

impl Values {
    /// Values from `mounts`, and above them from `live`.
    #[must_use]
    pub fn new(mounts: Mounts, live: Arc<Live>) -> Self {
        Self { mounts, live }
    }

    /// What the API server has said.
    #[must_use]
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Reads a Secret's value as it is at this moment. One line end at its end is not part of it.
    ///
    /// # Errors
    /// The value is missing, empty, larger than [`crate::secret::MAXIMUM_VALUE_BYTES`], or not UTF-8.
    pub fn secret(&self, key: &SecretKey) -> Result<Secret, ReadError> {
        self.secret_data(&key.secret, &key.key)
    }

    /// Reads the value under `key` of the Secret `name`.
    ///
    /// # Errors
    /// As [`Values::secret`].
    pub fn secret_data(&self, name: &str, key: &str) -> Result<Secret, ReadError> {
        match self.live.secret(name, key) {
            None => self.mounts.secret_data(name, key),
            Some(Seen::Present(value)) => Secret::of_object(name, key, &value),
            Some(Seen::Absent) => {
                Err(ReadError::Missing { object: format!("Secret {name}"), key: key.to_owned() })
            }
        }
    }

    /// What [`Values::secret_data`] reads is the same for as long as this is. `None` where nothing tells.
    #[must_use]
    pub fn secret_stamp(&self, name: &str, key: &str) -> Option<Stamp> {
        match self.live.sight(name) {
            Some(number) => Some(Stamp::Seen(number)),
            None => self.mounts.secret_stamp(name, key).map(Stamp::File),
        }
    }

    /// What [`Values::token`] reads is the same for as long as this is. `None` where nothing tells.
    #[must_use]
    pub fn token_stamp(&self, credential: &str) -> Option<Stamp> {
        self.mounts.token_stamp(credential).map(Stamp::File)
    }

    /// Reads a ConfigMap's value as it is at this moment.
    ///
    /// # Errors
    /// As [`Values::secret`].
    pub fn config_map(&self, key: &ConfigMapKey) -> Result<String, ReadError> {
        self.mounts.config_map(key)
    }

    /// Reads the projected token of a credential as it is at this moment, whatever it is.
    ///
    /// # Errors
    /// As [`Values::secret`].
    pub fn token(&self, credential: &str) -> Result<Secret, ReadError> {
        self.mounts.token(credential)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use zeroize::Zeroizing;

    use super::Values;
    use crate::live::{Live, SecretData, Seen};
    use crate::secret::{Mounts, ReadError};

    fn data(value: &[u8]) -> Seen<SecretData> {
        Seen::Present([("token".to_owned(), Zeroizing::new(value.to_vec()))].into())
    }

    #[test]
    fn what_was_seen_counts_above_the_file_and_what_was_never_seen_comes_from_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("db/token"), "of the file").unwrap();
        std::fs::write(folder.path().join("db/other"), "of the file").unwrap();
        let live = Arc::new(Live::default());
        let mounts =
            Mounts { secrets: folder.path().into(), config_maps: folder.path().into(), tokens: None };
        let values = Values::new(mounts, Arc::clone(&live));
        let read = |key: &str| values.secret_data("db", key).map(|secret| secret.expose().to_owned());
        let missing = |key: &str| Err(ReadError::Missing { object: "Secret db".into(), key: key.into() });

        live.see_secret("db", data(b"not watched"));
        assert_eq!(read("token").as_deref(), Ok("of the file"));
        live.admit_secret("db");
        assert_eq!(read("token").as_deref(), Ok("of the file"), "nothing was seen yet");
        live.see_secret("db", data(b"seen\n"));
        assert_eq!(read("token").as_deref(), Ok("seen"));
        assert_eq!(read("other"), missing("other"), "the Secret was seen without it");
        live.admit_secret("db");
        assert_eq!(read("token").as_deref(), Ok("seen"), "a second document that names it forgets nothing");
        live.see_secret("db", data(b"\xff"));
        let unusable = ReadError::Unusable {
            object: "Secret db".into(),
            key: "token".into(),
            problem: "is not UTF-8 text",
        };
        assert_eq!(read("token"), Err(unusable));
        live.see_secret("db", Seen::Absent);
        assert_eq!(read("token"), missing("token"), "a file does not bring back what was removed");
        live.forget_secret("db");
        live.see_secret("db", data(b"too late"));
        assert_eq!(read("token").as_deref(), Ok("of the file"), "it is not watched any more");
    }
}
