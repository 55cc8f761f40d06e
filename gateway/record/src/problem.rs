//! What can be wrong with a journal, each with its place and a sentence that says what it means.
//! Finding problems is the verifier's work.

use std::fmt;

use crate::hash::Hash;
use crate::render::escape;

/// Where in a journal something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment's name, as the caller gave it.
    pub segment: String,
    /// The line in the segment, from 1; 0 before its first line.
    pub line: u64,
}

/// How much a problem says about the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A reader should know it, but an honest journal may show it.
    Notice,
    /// An honest journal on an honest disk never shows it.
    Damage,
}

/// Something that a verifier found.
///
/// Its text is one line, safe for a terminal. One change to a journal may show as several problems: a
/// dropped line breaks both the numbers and the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A line does not name the hash of the line before it.
    #[error(
        "{place}: this line does not name the hash of the line before it; one of the two was \
         changed, or lines between them were removed or moved."
    )]
    BrokenChain {
        /// The line that names another hash.
        place: Place,
    },
    /// A line does not have the number after the line before it.
    #[error(
        "{place}: this line has number {found} where {expected} comes next; lines were \
         removed, repeated or moved."
    )]
    WrongSequence {
        /// The line with the wrong number.
        place: Place,
        /// The number that comes next.
        expected: u64,
        /// The number in the line.
        found: u64,
    },
    /// A line is not JSON.
    #[error("{place}: this line is not JSON; it was changed or overwritten.")]
    NotJson {
        /// The line.
        place: Place,
    },
    /// A line is JSON but no entry.
    #[error("{place}: this line is JSON but no entry of a record; it was changed or put in.")]
    NotAnEntry {
        /// The line.
        place: Place,
    },
    /// A line has another version of the format.
    #[error(
        "{place}: this line has version {version} of the format; verify it with a newer \
         release."
    )]
    UnknownVersion {
        /// The line.
        place: Place,
        /// The version.
        version: u64,
    },
    /// A line is longer than [`LINE_BYTES_MAXIMUM`](crate::LINE_BYTES_MAXIMUM).
    #[error("{place}: this line has {bytes} bytes, more than any writer makes; it was put in.")]
    Oversized {
        /// The line.
        place: Place,
        /// Its length in bytes.
        bytes: u64,
    },
    /// A kind that this version does not know.
    #[error(
        "{place}: this release does not know the kind {kind}; the chain runs through it, but \
         what it says is not shown.",
        kind = escape(kind)
    )]
    UnknownKind {
        /// The line.
        place: Place,
        /// The name of the kind.
        kind: String,
    },
    /// A known kind with members that this version cannot read.
    #[error(
        "{place}: this release cannot read this {kind} entry, which a newer one may have \
         written; the chain runs through it, but what it says is not shown.",
        kind = escape(kind)
    )]
    UnreadableBody {
        /// The line.
        place: Place,
        /// The name of the kind.
        kind: String,
    },
    /// A segment does not begin with an `Opened` entry.
    #[error(
        "{place}: this segment does not begin with an Opened entry; its first lines were \
         removed, or it is no segment."
    )]
    MissingOpened {
        /// The segment's first line.
        place: Place,
    },
    /// A journal holds entries of a second replica.
    #[error(
        "{place}: replica {found} took up the journal of replica {expected}; a journal has \
         one owner, so segments of two were mixed.",
        found = escape(found), expected = escape(expected)
    )]
    OtherReplica {
        /// The `Opened` entry of the second replica.
        place: Place,
        /// The replica of the journal's first `Opened` entry.
        expected: String,
        /// The replica of this one.
        found: String,
    },
    /// A head was signed with a key that the verifier was not given.
    #[error(
        "{place}: this head names the key {key_id}, which is not among the keys to verify \
         with; a key is missing there, or somebody else signed.",
        key_id = escape(key_id)
    )]
    UnknownKey {
        /// The head.
        place: Place,
        /// Which key the head names.
        key_id: String,
    },
    /// A head's signature does not fit its line.
    #[error(
        "{place}: the signature of this head is not its key's; this line or one before it was \
         rewritten by somebody without the key."
    )]
    BadSignature {
        /// The head.
        place: Place,
    },
    /// A head counts other entries than there are.
    #[error(
        "{place}: this head counts {found} entries since the head before it, but there are \
         {expected}."
    )]
    WrongCount {
        /// The head.
        place: Place,
        /// Entries since the head before.
        expected: u64,
        /// Entries that the head counts.
        found: u64,
    },
    /// The journal ends in the middle of a line.
    #[error(
        "{place}: the journal ends with {bytes} bytes of a line without a newline; its writer \
         was stopped in the middle, or still writes, or the end was cut off."
    )]
    TornTail {
        /// The torn line.
        place: Place,
        /// Bytes after the last newline.
        bytes: u64,
    },
    /// The bytes of torn lines are not those that the process after them found.
    #[error(
        "{place}: before this line stand {bytes} bytes of torn lines, and it accounts for \
         {recovered}; the end of a segment was cut, or bytes were put in."
    )]
    UnaccountedTornTail {
        /// The first whole line after the torn bytes.
        place: Place,
        /// Torn bytes in the journal.
        bytes: u64,
        /// Torn bytes that the line accounts for.
        recovered: u64,
    },
    /// The first line is not number 0.
    #[error(
        "{place}: the journal begins with number {sequence}; what was before has been \
         removed, by retention or by somebody."
    )]
    StartsLate {
        /// The first line.
        place: Place,
        /// Its number.
        sequence: u64,
    },
    /// The journal does not hold a line that was anchored outside.
    #[error(
        "line number {sequence} is anchored outside, but the journal does not have it; lines \
         or segments were removed."
    )]
    AnchorMissing {
        /// The anchored line's number.
        sequence: u64,
    },
    /// The journal holds another line in place of one that was anchored outside.
    #[error(
        "{place}: this line has the hash {found} where {expected} is anchored outside; the \
         journal was rewritten, even if all its signatures fit."
    )]
    AnchorMismatch {
        /// The line.
        place: Place,
        /// The anchored line's hash.
        expected: Hash,
        /// This line's hash.
        found: Hash,
    },
}

impl Problem {
    /// The stable name, as the documentation lists it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::BrokenChain { .. } => "BrokenChain",
            Self::WrongSequence { .. } => "WrongSequence",
            Self::NotJson { .. } => "NotJson",
            Self::NotAnEntry { .. } => "NotAnEntry",
            Self::UnknownVersion { .. } => "UnknownVersion",
            Self::Oversized { .. } => "Oversized",
            Self::UnknownKind { .. } => "UnknownKind",
            Self::UnreadableBody { .. } => "UnreadableBody",
            Self::MissingOpened { .. } => "MissingOpened",
            Self::OtherReplica { .. } => "OtherReplica",
            Self::UnknownKey { .. } => "UnknownKey",
            Self::BadSignature { .. } => "BadSignature",
            Self::WrongCount { .. } => "WrongCount",
            Self::TornTail { .. } => "TornTail",
            Self::UnaccountedTornTail { .. } => "UnaccountedTornTail",
            Self::StartsLate { .. } => "StartsLate",
            Self::AnchorMissing { .. } => "AnchorMissing",
            Self::AnchorMismatch { .. } => "AnchorMismatch",
        }
    }

    /// Whether an honest journal may show this.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::UnknownKind { .. }
            | Self::UnreadableBody { .. }
            | Self::TornTail { .. }
            | Self::StartsLate { .. } => Severity::Notice,
            Self::BrokenChain { .. }
            | Self::WrongSequence { .. }
            | Self::NotJson { .. }
            | Self::NotAnEntry { .. }
            | Self::UnknownVersion { .. }
            | Self::Oversized { .. }
            | Self::MissingOpened { .. }
            | Self::OtherReplica { .. }
            | Self::UnknownKey { .. }
            | Self::BadSignature { .. }
            | Self::WrongCount { .. }
            | Self::UnaccountedTornTail { .. }
            | Self::AnchorMissing { .. }
            | Self::AnchorMismatch { .. } => Severity::Damage,
        }
    }

    /// Where it was found; a line that is missing has no place.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::BrokenChain { place }
            | Self::WrongSequence { place, .. }
            | Self::NotJson { place }
            | Self::NotAnEntry { place }
            | Self::UnknownVersion { place, .. }
            | Self::Oversized { place, .. }
            | Self::UnknownKind { place, .. }
            | Self::UnreadableBody { place, .. }
            | Self::MissingOpened { place }
            | Self::OtherReplica { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::BadSignature { place }
            | Self::WrongCount { place, .. }
            | Self::TornTail { place, .. }
            | Self::UnaccountedTornTail { place, .. }
            | Self::StartsLate { place, .. }
            | Self::AnchorMismatch { place, .. } => Some(place),
            Self::AnchorMissing { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", escape(&self.segment), self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_place_and_lets_nothing_raw_through() {
        let place = Place { segment: "0000000000.jsonl".into(), line: 7 };
        let problem = Problem::UnknownKind { place, kind: "\u{1b}[2J\u{202e}".into() };
        let text = problem.to_string();
        assert!(text.starts_with("0000000000.jsonl:7: this release does not know the kind"));
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
    }
}
