//! The recorder: every entry is in the journal before what it tells of goes on.
//!
//! One thread owns the journal of this replica. Tasks hand it encoded entries over a bounded queue and wait
//! until they are in the file; entries that wait together are written together. Handing over costs more than
//! writing, so what a call has to say at one moment is handed over at once. Who cannot wait, because
//! its client is gone, leaves the entries with [`Recorder::leave`].

mod journal;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lychgate_gateway_record::{EncodeError, Encoded, Entry, SigningKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use journal::Journal;
pub use journal::JournalError;

/// How many hand-overs may wait to be written, each with a few entries of one call; senders wait beyond.
const QUEUE_LENGTH: usize = 1024;
/// How many KiB of entries may wait to be written; senders wait beyond.
const QUEUE_KIBIBYTES: u32 = 128 * 1024;
/// How many hand-overs are written at once at the most.
const BATCH_LENGTH: usize = 256;
/// How long entries may stand without a signed head behind them.
const HEAD_AFTER: Duration = Duration::from_secs(5);

/// An entry could not be written; what it tells of must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be written")]
pub struct Unwritten;

/// A handle to the journal's thread.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Pending>,
    room: Arc<Semaphore>,
    healthy: Arc<AtomicBool>,
}

struct Pending {
    entries: Vec<Encoded>,
    // Given back when the entries are written.
    _room: OwnedSemaphorePermit,
    written: oneshot::Sender<Result<(), Unwritten>>,
}

/// Entries that are on their way into the journal.
pub struct HandedOver(oneshot::Receiver<Result<(), Unwritten>>);

impl HandedOver {
    /// Waits until they are in the journal.
    ///
    /// # Errors
    /// They are not, and will not be.
    pub async fn wait(self) -> Result<(), Unwritten> {
        self.0.await.map_err(|_| Unwritten)?
    }
}

/// The journal's thread, to be waited for at the end.
pub struct RecorderThread(std::thread::JoinHandle<()>);

impl Recorder {
    /// Takes up, or begins, the journal of `replica` under `folder`, which may hold `limit_bytes` in all. Call within
    /// a tokio runtime.
    ///
    /// # Errors
    /// The folder cannot be used, or another process uses it.
    pub fn start(
        folder: &Path,
        replica: &str,
        key: SigningKey,
        limit_bytes: u64,
    ) -> Result<(Self, RecorderThread), JournalError> {
        let journal = Journal::open(folder, replica, key, limit_bytes)?;
        let (queue, entries) = mpsc::channel(QUEUE_LENGTH);
        let healthy = Arc::new(AtomicBool::new(true));
        let writer = Writer { journal, entries, healthy: Arc::clone(&healthy) };
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&runtime))
            .map_err(JournalError::Thread)?;
        let room = Arc::new(Semaphore::new(QUEUE_KIBIBYTES as usize));
        Ok((Self { queue, room, healthy }, RecorderThread(thread)))
    }

    /// Whether the last attempt to write succeeded.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Writes entries, all or none, and returns when they are in the journal.
    ///
    /// # Errors
    /// They are not, and will not be.
    pub async fn append(&self, entries: &[&Entry]) -> Result<(), Unwritten> {
        self.hand_over(entries).await?.wait().await
    }

    /// Hands entries over to be written, all or none. From when this returns they are, whether or not somebody waits
    /// for it; who gives up before has handed over nothing.
    ///
    /// # Errors
    /// They cannot be written.
    pub async fn hand_over(&self, entries: &[&Entry]) -> Result<HandedOver, Unwritten> {
        let (written, answer) = oneshot::channel();
        let entries = entries.iter().map(|entry| encode(entry)).collect::<Result<Vec<_>, _>>()?;
        let bytes = entries.iter().map(Encoded::bytes).sum::<usize>();
        let kibibytes = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).saturating_add(1);
        let room = Arc::clone(&self.room).acquire_many_owned(kibibytes.min(QUEUE_KIBIBYTES));
        let pending = Pending { entries, _room: room.await.map_err(|_| Unwritten)?, written };
        self.queue.send(pending).await.map_err(|_| Unwritten)?;
        Ok(HandedOver(answer))
    }

    /// Leaves entries to be written, for who cannot wait. Nothing is lost while the queue has room; beyond, a
    /// task waits for it.
    pub fn leave(&self, entries: Vec<Entry>) {
        let recorder = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let entries: Vec<&Entry> = entries.iter().collect();
                if recorder.append(&entries).await.is_err() {
                    tracing::error!("an entry about a call that is over could not be recorded");
                }
            });
        }
    }
}

impl RecorderThread {
    /// Waits until everything is written and signed. Every [`Recorder`] must be dropped before.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the recorder's thread has panicked");
        }
    }
}

/// An entry that is too long for a line is written without its message rather than not at all.
fn encode(entry: &Entry) -> Result<Encoded, Unwritten> {
    match entry.encode() {
        Ok(encoded) => Ok(encoded),
        Err(EncodeError::TooLong { .. }) => without_message(entry.clone()).encode().map_err(|_| Unwritten),
        Err(EncodeError::Json(_)) => Err(Unwritten),
    }
}

fn without_message(mut entry: Entry) -> Entry {
    match &mut entry {
        Entry::Request(request) => request.message = None,
        Entry::Response(response) => response.message = None,
        Entry::Event(event) => event.message = None,
        Entry::Opened(_)
        | Entry::Asked(_)
        | Entry::Decided(_)
        | Entry::Flagged(_)
        | Entry::Injected(_)
        | Entry::Failed(_)
        | Entry::Rejected(_)
        | Entry::Ended(_) => {}
    }
    entry
}

struct Writer {
    journal: Journal,
    entries: mpsc::Receiver<Pending>,
    healthy: Arc<AtomicBool>,
}

impl Writer {
    fn run(mut self, runtime: &tokio::runtime::Handle) {
        let mut batch = Vec::with_capacity(BATCH_LENGTH);
        loop {
            let received = runtime.block_on(async {
                let receive = self.entries.recv_many(&mut batch, BATCH_LENGTH);
                tokio::time::timeout(HEAD_AFTER, receive).await
            });
            match received {
                Ok(0) => break,
                Ok(_) => self.write(&mut batch),
                Err(_) => self.sign(),
            }
            if self.journal.head_is_due(HEAD_AFTER) {
                self.sign();
            }
        }
        self.sign();
    }

    fn write(&mut self, batch: &mut Vec<Pending>) {
        let result = self.journal.append(batch.iter().flat_map(|pending| &pending.entries));
        self.note(&result);
        let answer = result.map_err(|_| Unwritten);
        for pending in batch.drain(..) {
            // Who no longer waits has nobody to tell.
            let _nobody_waits = pending.written.send(answer);
        }
    }

    /// Signs what is not signed. After a failure a head is written although there is nothing to sign: it is how
    /// the gateway learns, while nobody calls it any more, that it can write again.
    fn sign(&mut self) {
        let failed_before = !self.healthy.load(Ordering::Relaxed);
        let result = self.journal.sign(failed_before);
        self.note(&result);
    }

    fn note(&self, result: &Result<(), std::io::Error>) {
        if let Err(error) = result {
            tracing::error!(%error, "the journal cannot be written");
        }
        self.healthy.store(result.is_ok(), Ordering::Relaxed);
    }
}
