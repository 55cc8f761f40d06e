//! The session record: what a gateway replica writes down about every call, as a chain of JSON
//! lines that shows when it was cut or rewritten.
//!
//! Here live the entries ([`Entry`]), the writer's state ([`Chain`], [`Recovery`]), the check
//! ([`Verifier`]) and the reader's views ([`Summaries`], [`Replay`], [`render_step`]). Here do not
//! live files, clocks, threads or masking: the caller brings bytes, times and messages that are
//! already masked, and gets bytes back. `docs/record-format.md` describes the same format for a
//! second implementation; a test holds the two together.

mod answer;
mod chain;
mod command;
mod entry;
mod flagged;
mod hash;
mod key;
mod line;
mod message;
mod problem;
mod recover;
mod render;
mod replay;
mod report;
mod segment;
mod sessions;
mod split;
mod timestamp;
mod verify;

pub use answer::{Failed, Piece, Response};
pub use chain::{Chain, LastLine, Line};
pub use command::{Commands, Finding};
pub use entry::{
    AUDITED, Asked, Caller, Decided, Decision, Direction, EncodeError, Encoded, End, Ended, Entry, Event,
    Injected, Masks, Opened, Outcome, Recovered, Rejected, Request, Vote,
};
pub use flagged::{Flag, Flagged};
pub use hash::Hash;
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use line::{Content, Head, LineError, Recorded};
pub use message::{Message, MessageError};
pub use problem::{Place, Problem, Severity};
pub use recover::{Recovery, RecoveryError, Resumed, Search};
pub use render::{escape, render_session, render_step};
pub use replay::{Replay, Step, replay};
pub use report::{Anchor, Report};
pub use segment::{parse_segment_file_name, segment_file_name};
pub use sessions::{SessionSummary, Summaries, summarize};
pub use timestamp::Timestamp;
pub use verify::{Trust, Verifier};

/// The version of the format that this crate writes, the member `v` of every line.
pub const FORMAT_VERSION: u64 = 1;

/// The greatest length of one line in bytes, without its newline. Writers refuse a longer one
/// ([`EncodeError::TooLong`]), readers report it ([`Problem::Oversized`]) without holding it.
pub const LINE_BYTES_MAXIMUM: usize = 80 * 1024 * 1024;

/// How many problems of each severity a [`Report`] lists; the rest are counted. A file of junk
/// must not fill the auditor's memory.
pub const PROBLEMS_LISTED_MAXIMUM: usize = 1000;
