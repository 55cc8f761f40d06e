//! The recorder: every entry is in the journal before what it tells of goes on.
//!
//! Entries wait in a queue, and whoever finds the journal free writes all that wait, together: as a rule the task that
//! has just handed over its own, without another thread having to wake up for it. Who finds the journal in use leaves
//! his entries to whoever uses it. A thread writes what is long or has become much, so that a task is never held up for
//! more than a batch, and signs heads. Handing over still costs more than writing, so what a call has to say at one
//! moment is handed over at once. Who cannot wait, because its client is gone, leaves the entries with
//! [`Recorder::leave`].

mod journal;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use lychgate_gateway_record::{EncodeError, Encoded, Entry, SigningKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use journal::Journal;
pub use journal::JournalError;

/// How many KiB of entries may wait to be written; senders wait beyond.
const QUEUE_KIBIBYTES: u32 = 128 * 1024;
/// How many hand-overs are written at once at the most.
const BATCH_LENGTH: usize = 256;
/// Longer entries, in bytes, are written by the thread: hashing and writing them takes a while.
const LONGEST_AT_ONCE: usize = 64 * 1024;
/// How long entries may stand without a signed head behind them.
const HEAD_AFTER: Duration = Duration::from_secs(5);

/// An entry could not be written; what it tells of must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be written")]
pub struct Unwritten;

/// A handle to the journal.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    /// Wakes the thread, which ends when there is no handle any more.
    wake: mpsc::Sender<()>,
}

struct Shared {
    journal: Mutex<Journal>,
    waiting: Mutex<VecDeque<Pending>>,
    healthy: AtomicBool,
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
    /// Takes up, or begins, the journal of `replica` under `folder`, which may hold `limit_bytes` in all.
    ///
    /// # Errors
    /// The folder cannot be used, or another process uses it.
    pub fn start(
        folder: &Path,
        replica: &str,
        key: SigningKey,
        limit_bytes: u64,
    ) -> Result<(Self, RecorderThread), JournalError> {
        let journal = Mutex::new(Journal::open(folder, replica, key, limit_bytes)?);
        let (waiting, healthy) = (Mutex::default(), AtomicBool::new(true));
        let shared = Arc::new(Shared { journal, waiting, healthy });
        let (wake, woken) = mpsc::channel();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || of_thread.run(&woken))
            .map_err(JournalError::Thread)?;
        let room = Arc::new(Semaphore::new(QUEUE_KIBIBYTES as usize));
        Ok((Self { shared, room, wake }, RecorderThread(thread)))
    }

    /// Whether the last attempt to write succeeded.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Relaxed)
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
        lock(&self.shared.waiting).push_back(pending);
        if bytes > LONGEST_AT_ONCE || !self.shared.write_at_once() {
            // Who has no thread to wake is at the end of the process, where the last to wait for it writes.
            let _thread_has_ended = self.wake.send(());
        }
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

impl Shared {
    /// Writes what waits, if nobody else does. Gives false if something is left to do for the thread.
    fn write_at_once(&self) -> bool {
        // Twice: who finds the journal in use hands over to its user, who must look once more after having given it back.
        for _ in 0..2 {
            let mut journal = match self.journal.try_lock() {
                Ok(journal) => journal,
                Err(TryLockError::WouldBlock) => return true,
                Err(TryLockError::Poisoned(_)) => {
                    self.give_up();
                    return true;
                }
            };
            self.write_batch(&mut journal);
            if journal.head_is_due(HEAD_AFTER) {
                return false;
            }
            drop(journal);
            if lock(&self.waiting).is_empty() {
                return true;
            }
        }
        false
    }

    /// The thread: writes what is left to it, and signs.
    fn run(&self, woken: &mpsc::Receiver<()>) {
        loop {
            let woken = woken.recv_timeout(HEAD_AFTER);
            let has_ended = woken == Err(RecvTimeoutError::Disconnected);
            let is_idle = woken == Err(RecvTimeoutError::Timeout);
            loop {
                let Ok(mut journal) = self.journal.lock() else { break self.give_up() };
                while self.write_batch(&mut journal) {}
                if has_ended || is_idle || journal.head_is_due(HEAD_AFTER) {
                    self.sign(&mut journal);
                }
                drop(journal);
                // As in [`Shared::write_at_once`].
                if lock(&self.waiting).is_empty() {
                    break;
                }
            }
            if has_ended {
                break;
            }
        }
    }

    /// Whoever wrote has panicked, and nobody knows what is in the file: nothing may happen any more.
    fn give_up(&self) {
        self.healthy.store(false, Ordering::Relaxed);
        lock(&self.waiting).clear();
    }

    /// Writes a batch of what waits. Gives false if nothing waits.
    fn write_batch(&self, journal: &mut Journal) -> bool {
        let batch: Vec<Pending> = {
            let mut waiting = lock(&self.waiting);
            let length = waiting.len().min(BATCH_LENGTH);
            waiting.drain(..length).collect()
        };
        if batch.is_empty() {
            return false;
        }
        let result = journal.append(batch.iter().flat_map(|pending| &pending.entries));
        self.note(&result);
        let answer = result.map_err(|_| Unwritten);
        for pending in batch {
            // Who no longer waits has nobody to tell.
            let _nobody_waits = pending.written.send(answer);
        }
        true
    }

    /// Signs what is not signed. After a failure a head is written although there is nothing to sign: it is how
    /// the gateway learns, while nobody calls it any more, that it can write again.
    fn sign(&self, journal: &mut Journal) {
        let failed_before = !self.healthy.load(Ordering::Relaxed);
        let result = journal.sign(failed_before);
        self.note(&result);
    }

    fn note(&self, result: &Result<(), std::io::Error>) {
        if let Err(error) = result {
            tracing::error!(%error, "the journal cannot be written");
        }
        self.healthy.store(result.is_ok(), Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use lychgate_gateway_record::{Content, End, Ended, Entry, Failed, SigningKey, Trust, Verifier};

    use super::{LONGEST_AT_ONCE, Recorder};

    const TASKS: usize = 16;
    const EACH: usize = 100;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_many_hand_over_at_once_is_in_the_journal_when_they_are_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed(&[1; 32]).ok().unwrap();
        let trust = Trust::In(vec![key.verifying_key().clone()]);
        let (recorder, thread) = Recorder::start(folder.path(), "replica", key, 1 << 30).unwrap();
        let recorder = Arc::new(recorder);
        let path = folder.path().join("replica/0000000000.jsonl");
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (recorder, path) = (Arc::clone(&recorder), path.clone());
                tokio::spawn(async move {
                    for number in 0..EACH {
                        let call = format!("call-{task}-{number}.");
                        // Some are for the thread.
                        let length = if number % 10 == 0 { LONGEST_AT_ONCE } else { 10 };
                        let failed = Failed { call: call.clone(), reason: "x".repeat(length), status: 504 };
                        let ended = Ended { call: Some(call.clone()), session: None, reason: End::Completed };
                        recorder.append(&[&Entry::Failed(failed), &Entry::Ended(ended)]).await.unwrap();
                        if number % 50 == 0 {
                            assert!(std::fs::read_to_string(&path).unwrap().contains(&call));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(recorder.is_healthy());
        drop(recorder);
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap();
        let mut verifier = Verifier::new(trust);
        verifier.segment("0000000000.jsonl");
        let lines = verifier.feed(&std::fs::read(&path).unwrap());
        let ends = lines.iter().filter(|line| matches!(line.content, Content::Entry(Entry::Ended(_))));
        assert_eq!(ends.count(), TASKS * EACH);
        let report = verifier.finish();
        assert!(report.is_intact(), "{report:?}");
    }
}
