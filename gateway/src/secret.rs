//! Secret values, and the folders that they are mounted in.
//!
//! A [`Secret`] has neither `Debug` nor `Serialize` nor `Clone`; it is read when it is used, and wiped when it
//! is dropped. A rotation reaches the next call because each call looks whether what it has is still what is there:
//! see [`FileStamp`].

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use lychgate_gateway_policy::config::{ConfigMapKey, SecretKey};
use zeroize::Zeroizing;

/// The largest Secret or ConfigMap value that is read, in bytes (the limit of an object in etcd).
pub const MAXIMUM_VALUE_BYTES: u64 = 1024 * 1024;
/// The name of a projected token's file.
const TOKEN_FILE: &str = "token";

/// A secret value, wiped on drop.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Takes the value under `key` of the Secret `name` as it was seen. One line end at its end is not part of it.
    ///
    /// # Errors
    /// The value is empty, larger than [`MAXIMUM_VALUE_BYTES`], or not UTF-8.
    pub fn of_object(name: &str, key: &str, bytes: &[u8]) -> Result<Self, ReadError> {
        check(bytes).map(without_line_end).map_err(|fault| of_object("Secret", name, key, fault))
    }

    /// The value, for the one place that injects it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A name for this very value that says nothing about it: the first 16 hexadecimal digits of an HMAC under
    /// the gateway's own key.
    #[must_use]
    pub fn version(&self, key: &hmac::Key) -> String {
        let mut context = hmac::Context::with_key(key);
        context.update(b"lychgate credential version\0");
        context.update(self.0.as_bytes());
        hex::encode(context.sign().as_ref().get(..8).unwrap_or_default())
    }
}

/// Why a mounted value could not be read. Says where, never what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The object or the key is not there.
    #[error("{object} has no key {key}, or is not mounted")]
    Missing {
        /// Such as `Secret billing-db`.
        object: String,
        /// The key.
        key: String,
    },
    /// There is a value, but it is empty, too large, or not text.
    #[error("key {key} of {object} {problem}")]
    Unusable {
        /// Such as `Secret billing-db`.
        object: String,
        /// The key.
        key: String,
        /// Such as `is empty`.
        problem: &'static str,
    },
    /// No token is mounted for a credential.
    #[error("the token of credential {credential} is not mounted")]
    NoToken {
        /// The credential's name.
        credential: String,
    },
    /// There is a token, but it is none that could be sent.
    #[error("the token of credential {credential} {problem}")]
    UnusableToken {
        /// The credential's name.
        credential: String,
        /// Such as `has expired`.
        problem: &'static str,
    },
}

/// What tells a file from every other that may stand in its place later. Times are in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    changed: i128,
}

impl FileStamp {
    /// The stamp of the file or folder at `path`, unless there is none or it was changed so lately that it could be
    /// changed once more without a trace: times of files are as coarse as the kernel's clock tick.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos();
        let is_settled = i128::try_from(now).is_ok_and(|now| now - changed > SETTLED_NANOSECONDS);
        let stamp = Self { device: metadata.dev(), inode: metadata.ino(), length: metadata.len(), changed };
        is_settled.then_some(stamp)
    }
}

/// How long a file must have been as it is until its time of change tells it from what comes.
const SETTLED_NANOSECONDS: i128 = 1_000_000_000;

/// What is wrong with a file, before it is known what the file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Unusable(&'static str),
}

/// The folders under which values are mounted.
#[derive(Clone, Debug)]
pub struct Mounts {
    /// The folder of the Secrets, as `<secret>/<key>`.
    pub secrets: PathBuf,
    /// The folder of the ConfigMaps, as `<config map>/<key>`.
    pub config_maps: PathBuf,
    /// The folder of the projected tokens, as `<credential>/token`, where there are any.
    pub tokens: Option<PathBuf>,
}

impl Mounts {
    /// Reads a Secret's value as it is at this moment. One line end at its end is not part of it.
    ///
    /// # Errors
    /// The value is missing, empty, larger than [`MAXIMUM_VALUE_BYTES`], or not UTF-8.
    pub fn secret(&self, key: &SecretKey) -> Result<Secret, ReadError> {
        self.secret_data(&key.secret, &key.key)
    }

    /// Reads the value under `key` of the Secret `name`.
    ///
    /// # Errors
    /// As [`Mounts::secret`].
    pub fn secret_data(&self, name: &str, key: &str) -> Result<Secret, ReadError> {
        let text = read(&self.secrets.join(name).join(key))
            .map_err(|fault| of_object("Secret", name, key, fault))?;
        Ok(without_line_end(&text))
    }

    /// The stamp of the file that [`Mounts::secret_data`] reads.
    #[must_use]
    pub fn secret_stamp(&self, name: &str, key: &str) -> Option<FileStamp> {
        FileStamp::of(&self.secrets.join(name).join(key))
    }

    /// The stamp of the file that [`Mounts::token`] reads.
    #[must_use]
    pub fn token_stamp(&self, credential: &str) -> Option<FileStamp> {
        FileStamp::of(&self.tokens.as_ref()?.join(credential).join(TOKEN_FILE))
    }

    /// Reads a ConfigMap's value as it is at this moment.
    ///
    /// # Errors
    /// As [`Mounts::secret`].
    pub fn config_map(&self, key: &ConfigMapKey) -> Result<String, ReadError> {
        let ConfigMapKey { config_map, key } = key;
        let read = read(&self.config_maps.join(config_map).join(key));
        read.map(|text| text.to_string()).map_err(|fault| of_object("ConfigMap", config_map, key, fault))
    }

    /// Reads the projected token of a credential as it is at this moment, whatever it is.
    ///
    /// # Errors
    /// As [`Mounts::secret`].
    pub fn token(&self, credential: &str) -> Result<Secret, ReadError> {
        let told = |fault| match fault {
            Fault::Missing => ReadError::NoToken { credential: credential.to_owned() },
            Fault::Unusable(problem) => {
                ReadError::UnusableToken { credential: credential.to_owned(), problem }
            }
        };
        let folder = self.tokens.as_ref().ok_or_else(|| told(Fault::Missing))?;
        let text = read(&folder.join(credential).join(TOKEN_FILE)).map_err(told)?;
        Ok(without_line_end(&text))
    }
}

fn of_object(kind: &str, name: &str, key: &str, fault: Fault) -> ReadError {
    let (object, key) = (format!("{kind} {name}"), key.to_owned());
    match fault {
        Fault::Missing => ReadError::Missing { object, key },
        Fault::Unusable(problem) => ReadError::Unusable { object, key, problem },
    }
}

fn without_line_end(text: &str) -> Secret {
    let trimmed = text.strip_suffix('\n').map_or(text, |line| line.trim_end_matches('\r'));
    Secret::new(trimmed.to_owned())
}

fn read(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let length = std::fs::metadata(path).map_err(|_| Fault::Missing)?.len();
    if length > MAXIMUM_VALUE_BYTES {
        return Err(TOO_LARGE);
    }
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|_| Fault::Missing)?);
    check(&bytes).map(|text| Zeroizing::new(text.to_owned()))
}

const TOO_LARGE: Fault = Fault::Unusable("is larger than 1 MiB");

/// The text of a value, if it is one.
fn check(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() as u64 > MAXIMUM_VALUE_BYTES {
        return Err(TOO_LARGE);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Unusable("is not UTF-8 text"))?;
    if text.trim().is_empty() { Err(Fault::Unusable("is empty")) } else { Ok(text) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::{FileStamp, Mounts, ReadError, Secret};
    use aws_lc_rs::hmac;

    #[test]
    fn a_value_is_read_anew_each_time_and_problems_name_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let mounts =
            Mounts { secrets: folder.path().into(), config_maps: folder.path().into(), tokens: None };
        std::fs::create_dir(folder.path().join("db")).unwrap();
        let write = |bytes: &[u8]| std::fs::write(folder.path().join("db/token"), bytes).unwrap();

        let read = || mounts.secret_data("db", "token").map(|secret| secret.expose().to_owned());
        assert_eq!(read(), Err(ReadError::Missing { object: "Secret db".into(), key: "token".into() }),);
        write(b"first\n");
        assert_eq!(read().as_deref(), Ok("first"));
        write(b"second");
        assert_eq!(read().as_deref(), Ok("second"));
        for (bytes, problem) in [
            (b" \n".as_slice(), "is empty"),
            (b"\xff\xfe", "is not UTF-8 text"),
            (&vec![b'a'; 1024 * 1024 + 1], "is larger than 1 MiB"),
        ] {
            write(bytes);
            let expected = ReadError::Unusable { object: "Secret db".into(), key: "token".into(), problem };
            assert_eq!(read(), Err(expected));
        }
    }

    #[test]
    fn a_file_has_a_stamp_once_it_has_settled_and_what_replaces_it_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first").unwrap();
        assert_eq!(FileStamp::of(&path), None, "it may change once more within a tick");
        let deadline = Instant::now() + Duration::from_secs(60);
        let settled = |path: &Path| loop {
            match FileStamp::of(path) {
                Some(stamp) => break stamp,
                None => assert!(Instant::now() < deadline, "it never settles"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let first = settled(&path);
        assert_eq!(FileStamp::of(&path), Some(first));
        // As a kubelet does: another file under the same name.
        let next = folder.path().join("next");
        std::fs::write(&next, "other").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_ne!(settled(&path), first);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(FileStamp::of(&path), None);
    }

    #[test]
    fn a_version_names_the_value_and_not_its_content() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let version = |value: &str| Secret::new(value.into()).version(&key);
        assert_eq!(version("a"), version("a"));
        assert_ne!(version("a"), version("b"));
        assert_eq!(version("a").len(), 16);
    }
}
