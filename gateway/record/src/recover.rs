//! How a process takes up a journal that another left, perhaps in the middle of a line. Here the
//! place to go on is found; the whole journal is not checked, that is the verifier's work.

use crate::chain::{Chain, LastLine};
use crate::entry::Recovered;
use crate::hash::Hash;
use crate::line::{Content, LineError, Recorded};

/// Finds the last whole line of a journal from its segments, newest first.
///
/// The torn bytes behind it stay in their file, the new process begins a new segment, and its
/// `Opened` entry says how many they are; the verifier holds the two against each other.
#[derive(Debug, Default)]
pub struct Recovery {
    torn_bytes: u64,
    last: Option<LastLine>,
}

/// Whether older segments are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The place to go on is known.
    Complete,
    /// The segment before is needed, if there is one.
    NeedsOlder,
}

/// Why a journal cannot be taken up. The writer leaves it as it is for the auditor and begins a
/// new journal in a new folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a whole line near the end of the journal cannot be read: {0}")]
pub struct RecoveryError(#[from] LineError);

/// What a writer goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The state after the last whole line.
    pub chain: Chain,
    /// For the `Opened` entry: present if a torn line was found.
    pub recovered: Option<Recovered>,
}

impl Recovery {
    /// Begins the search.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes of the next older segment, the newest first.
    ///
    /// # Errors
    /// [`RecoveryError`] when a whole line after the last head is not an entry.
    pub fn segment(&mut self, bytes: &[u8]) -> Result<Search, RecoveryError> {
        let mut lines = bytes.rsplit(|byte| *byte == b'\n');
        let torn = lines.next().unwrap_or_default();
        if self.last.is_none() {
            // Torn bytes before an older whole line were accounted for by the process after them.
            self.torn_bytes = self.torn_bytes.saturating_add(torn.len() as u64);
        }
        for line in lines {
            let recorded = Recorded::parse(line)?;
            let is_head = matches!(recorded.content, Content::Head(_));
            let last = self.last.get_or_insert_with(|| LastLine {
                sequence: recorded.sequence,
                hash: Hash::of(line),
                unsigned: 0,
            });
            if is_head {
                return Ok(Search::Complete);
            }
            last.unsigned = last.unsigned.saturating_add(1);
        }
        Ok(Search::NeedsOlder)
    }

    /// Ends the search, complete or out of segments.
    #[must_use]
    pub fn finish(self) -> Resumed {
        let chain = self.last.as_ref().map_or_else(Chain::new, Chain::resume);
        let torn = Recovered { torn_bytes: self.torn_bytes };
        Resumed { chain, recovered: (self.torn_bytes > 0).then_some(torn) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;
    use crate::entry::{End, Ended, Entry};
    use crate::key::SigningKey;
    use crate::timestamp::Timestamp;

    /// Lines with the chain after them: an entry for each `e`, a head for each `h`.
    fn journal(chain: &mut Chain, pattern: &str) -> Vec<u8> {
        let time = Timestamp::from_unix_microseconds(0);
        let key = SigningKey::from_seed(&[1; 32]).ok().unwrap();
        let ended = Entry::Ended(Ended { call: None, session: None, reason: End::Drained });
        let lines = pattern.chars().map(|letter| match letter {
            'h' => chain.head(time, &key),
            _ => chain.append(time, &ended.encode().unwrap()),
        });
        lines.flat_map(|line| line.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_journal_closed_in_order_is_taken_up_where_it_ended() {
        let mut chain = Chain::new();
        let segment = journal(&mut chain, "eeh");
        let mut recovery = Recovery::new();
        assert_eq!(recovery.segment(&segment), Ok(Search::Complete));
        assert_eq!(recovery.finish(), Resumed { chain, recovered: None });
    }

    #[test]
    fn torn_bytes_and_unsigned_entries_are_counted_over_several_segments() {
        let mut chain = Chain::new();
        let first = journal(&mut chain, "eheee");
        let second = journal(&mut chain, "ee");
        let mut recovery = Recovery::new();
        assert_eq!(recovery.segment(b""), Ok(Search::NeedsOlder));
        assert_eq!(recovery.segment(b"{\"v\""), Ok(Search::NeedsOlder));
        assert_eq!(recovery.segment(&[&second[..], b"{"].concat()), Ok(Search::NeedsOlder));
        assert_eq!(recovery.segment(&[&first[..], b"{{"].concat()), Ok(Search::Complete));
        assert_eq!(chain.unsigned(), 5);
        let recovered = Some(Recovered { torn_bytes: 5 });
        assert_eq!(recovery.finish(), Resumed { chain, recovered });
    }

    #[test]
    fn an_empty_folder_begins_a_journal() {
        let resumed = Recovery::new().finish();
        assert_eq!(resumed, Resumed { chain: Chain::new(), recovered: None });
    }

    #[test]
    fn a_journal_whose_last_whole_line_is_junk_is_not_taken_up() {
        let segment = [journal(&mut Chain::new(), "e"), vec![0; 9], b"\n".to_vec()].concat();
        let refused = Recovery::new().segment(&segment);
        assert_eq!(refused, Err(RecoveryError(LineError::NotJson)));
    }
}
