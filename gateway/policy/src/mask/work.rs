//! How much is read while a message is masked, in bytes, so that a test can hold that it grows with the message and no faster.
//! Whoever reads a stretch of a text that is not of a fixed length says so here. Outside of tests nothing is counted.

#[cfg(test)]
thread_local! {
    static DONE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// So many bytes are read.
#[inline]
pub(super) fn count(bytes: usize) {
    #[cfg(test)]
    DONE.with(|done| done.set(done.get() + u64::try_from(bytes).unwrap_or(u64::MAX)));
    #[cfg(not(test))]
    let _ = bytes;
}

/// How many bytes of texts this thread has read by now.
#[cfg(test)]
pub(super) fn done() -> u64 {
    DONE.with(std::cell::Cell::get)
}
