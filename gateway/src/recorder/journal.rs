//! The files of one replica's journal: found, taken up, appended to, and closed with a signed head.
//!
//! A batch is in the file whole or not at all: after a failed write the file is cut back to where the batch
//! began. `durability: Process`: written to the file, not forced to the disk.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lychgate_gateway_record::{
    Chain, Encoded, Entry, Opened, Recovered, Recovery, RecoveryError, Search, SigningKey, Timestamp,
    parse_segment_file_name, segment_file_name,
};

/// A segment is closed when it is longer than this, in bytes.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// How many entries may stand without a signed head behind them.
const HEAD_ENTRIES: u64 = 1000;
/// How many damaged journals may lie beside the one that is written.
const DAMAGED_JOURNALS: u32 = 100;

/// Why no journal can be kept in a folder.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file in it cannot be used.
    #[error("{path}: {error}; the journal's folder must be writable for the gateway")]
    Folder {
        /// The path.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another process writes to the same journal.
    #[error("{0} is in use by another gateway; give each its own --replica or --journal-dir")]
    InUse(PathBuf),
    /// All of the folders that this replica may use hold journals that cannot be taken up.
    #[error("{0}: too many damaged journals; verify them and move them away")]
    Damaged(PathBuf),
    /// The system gives no thread.
    #[error("no thread for the journal: {0}")]
    Thread(std::io::Error),
    /// An entry of the journal's own cannot be written.
    #[error("the journal cannot be begun: {0}")]
    Begin(std::io::Error),
}

/// A journal that is open for writing.
pub(super) struct Journal {
    folder: PathBuf,
    replica: String,
    key: SigningKey,
    chain: Chain,
    segment: u32,
    file: File,
    length: u64,
    /// What all segments of the folder hold, and may hold, in bytes.
    total: u64,
    limit: u64,
    /// Whether an entry did not fit any more. No later one is taken then, though it be smaller: a record with
    /// holes is worth less than one that ends.
    full: bool,
    last_head: Instant,
    // Held as long as the journal is: the lock is what keeps a second process away.
    _lock: File,
}

impl Journal {
    /// Opens the journal of `replica`. One that was damaged is left as it is for the auditor, and a new one is
    /// begun beside it.
    pub(super) fn open(
        parent: &Path,
        replica: &str,
        key: SigningKey,
        limit: u64,
    ) -> Result<Self, JournalError> {
        for attempt in 0..DAMAGED_JOURNALS {
            let name = if attempt == 0 { replica.to_owned() } else { format!("{replica}.{attempt}") };
            let folder = parent.join(name);
            let lock = lock(&folder)?;
            match take_up(&folder)? {
                Ok(found) => return Self::begin(folder, replica, key, limit, lock, found),
                Err(error) => {
                    tracing::error!(folder = %folder.display(), %error, "a damaged journal is left as it is");
                }
            }
        }
        Err(JournalError::Damaged(parent.to_owned()))
    }

    fn begin(
        folder: PathBuf,
        replica: &str,
        key: SigningKey,
        limit: u64,
        lock: File,
        found: Found,
    ) -> Result<Self, JournalError> {
        let segment = found.next_segment;
        let file = new_segment(&folder, segment).map_err(JournalError::Begin)?;
        let mut journal = Self {
            folder,
            replica: replica.to_owned(),
            key,
            chain: found.chain,
            segment,
            file,
            length: 0,
            total: found.bytes,
            limit,
            full: false,
            last_head: Instant::now(),
            _lock: lock,
        };
        journal.opened(found.recovered).map_err(JournalError::Begin)?;
        Ok(journal)
    }

    /// Writes entries, all or none.
    pub(super) fn append<'a>(&mut self, entries: impl Iterator<Item = &'a Encoded>) -> std::io::Result<()> {
        if self.length > SEGMENT_BYTES {
            self.next_segment()?;
        }
        let before = self.chain.clone();
        let time = now();
        let mut bytes = Vec::new();
        for entry in entries {
            self.chain.append_to(&mut bytes, time, entry);
        }
        self.full |= self.total.saturating_add(bytes.len() as u64) > self.limit;
        if self.full {
            self.chain = before;
            return Err(self.full_error());
        }
        self.write(&bytes, before)
    }

    /// Signs what is not signed yet; if that is nothing, writes a head only when it is `forced`. The limit does not
    /// hold for heads, but a full journal stays a failure.
    pub(super) fn sign(&mut self, forced: bool) -> std::io::Result<()> {
        self.last_head = Instant::now();
        if self.chain.unsigned() > 0 || (forced && !self.full) {
            let before = self.chain.clone();
            let head = self.chain.head(now(), &self.key);
            self.write(head.as_bytes(), before)?;
        }
        if self.full { Err(self.full_error()) } else { Ok(()) }
    }

    fn full_error(&self) -> std::io::Error {
        let text = format!("the journal has reached its limit of {} bytes", self.limit);
        std::io::Error::new(std::io::ErrorKind::StorageFull, text)
    }

    /// Whether too many entries have stood unsigned for too long.
    pub(super) fn head_is_due(&self, after: Duration) -> bool {
        self.chain.unsigned() >= HEAD_ENTRIES
            || (self.chain.unsigned() > 0 && self.last_head.elapsed() >= after)
    }

    fn next_segment(&mut self) -> std::io::Result<()> {
        self.sign(false)?;
        let segment = self.segment.saturating_add(1);
        self.file = new_segment(&self.folder, segment)?;
        (self.segment, self.length) = (segment, 0);
        self.opened(None)
    }

    fn opened(&mut self, recovered: Option<Recovered>) -> std::io::Result<()> {
        let opened = Entry::Opened(Opened {
            replica: self.replica.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            public_key: self.key.verifying_key().clone(),
            recovered,
        });
        let before = self.chain.clone();
        let line = self.chain.append(now(), &opened.encode().map_err(std::io::Error::other)?);
        self.write(line.as_bytes(), before)
    }

    /// Writes bytes, or puts file and chain back to what they were.
    fn write(&mut self, bytes: &[u8], before: Chain) -> std::io::Result<()> {
        let length = bytes.len() as u64;
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.length = self.length.saturating_add(length);
                self.total = self.total.saturating_add(length);
                Ok(())
            }
            Err(error) => {
                self.chain = before;
                self.file.set_len(self.length)?;
                self.file.seek(SeekFrom::Start(self.length))?;
                Err(error)
            }
        }
    }
}

/// What a folder holds.
struct Found {
    chain: Chain,
    recovered: Option<Recovered>,
    next_segment: u32,
    /// What the segments hold, in bytes.
    bytes: u64,
}

/// Finds the end of the journal in `folder`, reading segments from the newest.
fn take_up(folder: &Path) -> Result<Result<Found, RecoveryError>, JournalError> {
    let folder_error = |error| JournalError::Folder { path: folder.to_owned(), error };
    let (mut segments, mut bytes) = (Vec::new(), 0u64);
    for entry in std::fs::read_dir(folder).map_err(folder_error)? {
        let entry = entry.map_err(folder_error)?;
        if let Some(number) = entry.file_name().to_str().and_then(parse_segment_file_name) {
            segments.push(number);
            bytes = bytes.saturating_add(entry.metadata().map_err(folder_error)?.len());
        }
    }
    segments.sort_unstable();
    let mut recovery = Recovery::new();
    for segment in segments.iter().rev() {
        let segment = std::fs::read(folder.join(segment_file_name(*segment))).map_err(folder_error)?;
        match recovery.segment(&segment) {
            Ok(Search::Complete) => break,
            Ok(Search::NeedsOlder) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    let resumed = recovery.finish();
    let next_segment = segments.last().map_or(0, |last| last.saturating_add(1));
    Ok(Ok(Found { chain: resumed.chain, recovered: resumed.recovered, next_segment, bytes }))
}

fn lock(folder: &Path) -> Result<File, JournalError> {
    let folder_error = |error| JournalError::Folder { path: folder.to_owned(), error };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(folder_error)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join("lock"))
        .map_err(folder_error)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(folder_error(error)),
    }
}

fn new_segment(folder: &Path, number: u32) -> std::io::Result<File> {
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(folder.join(segment_file_name(number)))
}

fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_microseconds(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}
