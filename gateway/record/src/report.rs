//! What a verifier says about a whole journal. Finding it is the verifier's work, printing it the
//! command line's.

use std::collections::BTreeSet;

use crate::PROBLEMS_LISTED_MAXIMUM;
use crate::hash::Hash;
use crate::problem::{Problem, Severity};

/// A line whose hash is known from elsewhere, such as an object store that kept a head's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The line's number.
    pub sequence: u64,
    /// The hash of the line without its newline.
    pub hash: Hash,
}

/// What a verifier found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The replica that owns the journal, as its first `Opened` entry says.
    pub replica: Option<String>,
    /// Lines that are entries, heads included.
    pub entries: u64,
    /// Sessions that the entries name.
    pub sessions: u64,
    /// Heads with a good signature.
    pub heads: u64,
    /// Entries after the last head with a good signature: whoever can write to the journal's files
    /// may have changed them, or removed others there.
    pub unsigned_tail: u64,
    /// The last head with a good signature, to be compared with an anchor outside.
    pub last_head: Option<Anchor>,
    /// The keys whose signatures were good.
    pub key_ids: BTreeSet<String>,
    /// How many problems are damage.
    pub damages: u64,
    /// How many problems are notices.
    pub notices: u64,
    /// The problems in the order in which they were found, of each severity the first
    /// [`PROBLEMS_LISTED_MAXIMUM`](crate::PROBLEMS_LISTED_MAXIMUM).
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether nothing but notices was found. It says nothing about the entries of
    /// [`unsigned_tail`](Self::unsigned_tail), and nothing about what was cut off behind them.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.damages == 0
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        let count = match problem.severity() {
            Severity::Notice => &mut self.notices,
            Severity::Damage => &mut self.damages,
        };
        *count += 1;
        if *count <= PROBLEMS_LISTED_MAXIMUM as u64 {
            self.problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Place;

    #[test]
    fn a_flood_of_notices_is_counted_and_does_not_hide_the_damage_after_it() {
        let place = Place { segment: "0000000000.jsonl".into(), line: 1 };
        let mut report = Report::default();
        for _ in 0..PROBLEMS_LISTED_MAXIMUM + 5 {
            report.add(Problem::UnknownKind { place: place.clone(), kind: "Later".into() });
        }
        assert!(report.is_intact());
        report.add(Problem::NotJson { place: place.clone() });
        assert!(!report.is_intact());
        assert_eq!(report.notices, PROBLEMS_LISTED_MAXIMUM as u64 + 5);
        assert_eq!(report.problems.len(), PROBLEMS_LISTED_MAXIMUM + 1);
        assert_eq!(report.problems.last(), Some(&Problem::NotJson { place }));
    }
}
