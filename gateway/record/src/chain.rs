//! The writer's state: which number comes next, what the next line names as its predecessor, and
//! how much is not signed yet. There is one chain for each journal and one writer for each chain.

use crate::entry::Encoded;
use crate::hash::Hash;
use crate::key::SigningKey;
use crate::line::{write_head, write_line};
use crate::timestamp::Timestamp;

/// The state of a journal's writer.
///
/// The first entry of every segment and of every process must be an
/// [`Entry::Opened`](crate::Entry::Opened); the last of every segment that is closed in order a
/// [`head`](Self::head).
///
/// A line counts as written when `append` gives it. A writer that fails to write a batch cuts the
/// file back to where the batch began and puts back the copy of the chain that it took there;
/// otherwise the journal has a gap that never closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    sequence: u64,
    previous: Hash,
    unsigned: u64,
}

/// What a writer must know of a journal's last whole line to go on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastLine {
    /// The line's number.
    pub sequence: u64,
    /// The hash of the line without its newline.
    pub hash: Hash,
    /// Entries since the last head, this line counted; 0 if the line is a head.
    pub unsigned: u64,
}

/// A line of the journal with its newline, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    sequence: u64,
    hash: Hash,
    bytes: Vec<u8>,
}

impl Chain {
    /// The state of a journal that has no line yet.
    #[must_use]
    pub fn new() -> Self {
        Self { sequence: 0, previous: Hash::ZERO, unsigned: 0 }
    }

    /// The state after a line that is already there; [`Recovery`](crate::Recovery) finds it.
    #[must_use]
    pub fn resume(last: &LastLine) -> Self {
        Self { sequence: last.sequence.saturating_add(1), previous: last.hash, unsigned: last.unsigned }
    }

    /// Entries since the last head; writers sign when there are too many or too long ago.
    #[must_use]
    pub fn unsigned(&self) -> u64 {
        self.unsigned
    }

    /// Gives an entry its place and its time.
    #[must_use = "the line exists only if it is written"]
    pub fn append(&mut self, time: Timestamp, entry: &Encoded) -> Line {
        let mut bytes = Vec::new();
        let sequence = self.sequence;
        self.append_to(&mut bytes, time, entry);
        Line { sequence, hash: self.previous, bytes }
    }

    /// The same, with the line behind what `lines` has already.
    pub fn append_to(&mut self, lines: &mut Vec<u8>, time: Timestamp, entry: &Encoded) {
        let start = lines.len();
        write_line(lines, self.sequence, time, self.previous, entry.kind, &entry.body);
        self.unsigned = self.unsigned.saturating_add(1);
        self.advance(lines, start);
    }

    /// Signs everything so far.
    #[must_use = "the head exists only if it is written"]
    pub fn head(&mut self, time: Timestamp, key: &SigningKey) -> Line {
        let sequence = self.sequence;
        let mut bytes = write_head(sequence, time, self.previous, self.unsigned, key);
        self.unsigned = 0;
        self.advance(&mut bytes, 0);
        Line { sequence, hash: self.previous, bytes }
    }

    /// Goes on after the line that begins at `start`, and ends it.
    fn advance(&mut self, lines: &mut Vec<u8>, start: usize) {
        self.previous = Hash::of(lines.get(start..).unwrap_or_default());
        self.sequence = self.sequence.saturating_add(1);
        lines.push(b'\n');
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// The line's number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The hash of the line without its newline; of a head's line, what may be anchored outside.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The bytes, newline included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;
    use crate::entry::{End, Ended, Entry};
    use crate::line::{Content, Recorded};

    fn ended() -> Encoded {
        let ended = Ended { call: None, session: None, reason: End::Completed };
        Entry::Ended(ended).encode().unwrap()
    }

    fn read(line: &Line) -> Recorded {
        Recorded::parse(line.as_bytes().strip_suffix(b"\n").unwrap()).unwrap()
    }

    #[test]
    fn each_line_names_the_hash_of_the_one_before() {
        let (mut chain, time) = (Chain::new(), Timestamp::from_unix_microseconds(0));
        let (first, second) = (chain.append(time, &ended()), chain.append(time, &ended()));
        assert_eq!((read(&first).sequence, read(&first).previous), (0, Hash::ZERO));
        assert_eq!((read(&second).sequence, read(&second).previous), (1, first.hash()));
        assert_eq!(first.hash(), Hash::of(first.as_bytes().strip_suffix(b"\n").unwrap()));
    }

    #[test]
    fn a_head_counts_the_entries_since_the_head_before() {
        let (mut chain, time) = (Chain::new(), Timestamp::from_unix_microseconds(0));
        let key = SigningKey::from_seed(&[1; 32]).ok().unwrap();
        for _ in 0..3 {
            let _ = chain.append(time, &ended());
        }
        assert_eq!(chain.unsigned(), 3);
        let entries = [chain.head(time, &key), chain.head(time, &key)].map(|line| {
            let Content::Head(head) = read(&line).content else {
                return None;
            };
            Some(head.entries)
        });
        assert_eq!(entries, [Some(3), Some(0)]);
        assert_eq!(chain.unsigned(), 0);
    }

    #[test]
    fn a_chain_taken_up_after_its_last_line_goes_on_as_if_never_left() {
        let (mut chain, time) = (Chain::new(), Timestamp::from_unix_microseconds(0));
        let line = chain.append(time, &ended());
        let last = LastLine { sequence: line.sequence(), hash: line.hash(), unsigned: 1 };
        assert_eq!(Chain::resume(&last), chain);
    }
}
