//! Strict JSON with byte spans.
//!
//! [`Document::parse`] accepts exactly one RFC 8259 value and refuses whatever two parsers could
//! read in two ways: duplicate members, lone surrogates, a byte order mark, trailing data. It keeps
//! the bytes as they came; [`Value`] finds spans in them, and [`Edits`] splices new bytes over such
//! spans. There is no tree of owned values here, and no message is ever re-serialised; [`canonical`] makes one text of
//! all spellings of a value, to be compared and shown.

pub mod canonical;
mod document;
mod edits;
mod escape;
mod scan;
mod special;
#[cfg(test)]
mod tests;

pub use document::{Document, Entry, Items, Kind, Member, Members, Span, Value, Walk};
pub use edits::{EditError, Edits};
pub use escape::quote;

/// How deep arrays and objects may nest, unless a caller says otherwise.
pub const DEFAULT_DEPTH: usize = 64;

/// What [`Document::parse`] accepts at most.
///
/// Scanning takes 16 bytes of memory for each value and member name, so an array of one-digit
/// numbers takes eight times its text, and twice that while the list grows: `bytes` is the bound on
/// memory too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes. A value over `u32::MAX` counts as `u32::MAX`.
    pub bytes: usize,
    /// How many arrays and objects may be open at once; a scalar alone has depth 0.
    pub depth: usize,
}

impl Limits {
    /// At most `bytes` bytes of text, nested at most [`DEFAULT_DEPTH`] deep.
    #[must_use]
    pub const fn with_bytes(bytes: usize) -> Self {
        Self { bytes, depth: DEFAULT_DEPTH }
    }
}

/// Why a text was refused. Offsets are bytes from the start of the text.
///
/// No message repeats any of the text, so that an error may be logged and sent to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is longer than [`Limits::bytes`].
    #[error("the text has {bytes} bytes, and at most {limit} are allowed")]
    TooLong {
        /// The length of the text in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More arrays and objects are open than [`Limits::depth`] allows.
    #[error("arrays and objects are nested deeper than {limit} at byte {offset}")]
    TooDeep {
        /// Where the one too many opens.
        offset: usize,
        /// The limit, in open arrays and objects.
        limit: usize,
    },
    /// The text starts with a byte order mark (RFC 8259 section 8.1).
    #[error("the text starts with a byte order mark")]
    ByteOrderMark,
    /// The text is not UTF-8 (RFC 8259 section 8.1).
    #[error("the text is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first byte that is not part of a character.
        offset: usize,
    },
    /// The text is empty or only whitespace.
    #[error("the text holds no value")]
    Empty,
    /// The text ends inside a value.
    #[error("the text ends inside a value at byte {offset}")]
    UnexpectedEnd {
        /// The length of the text in bytes.
        offset: usize,
    },
    /// Something follows the one top-level value.
    #[error("there is more than one value: data follows at byte {offset}")]
    TrailingData {
        /// The first byte after the value that is not whitespace.
        offset: usize,
    },
    /// A value should start here and none does; a trailing comma in an array is one cause.
    #[error("a value is missing at byte {offset}")]
    ExpectedValue {
        /// Where the value should start.
        offset: usize,
    },
    /// A member name should start here; a trailing comma in an object is one cause.
    #[error("a member name in double quotes is missing at byte {offset}")]
    ExpectedName {
        /// Where the name should start.
        offset: usize,
    },
    /// A member name is not followed by a colon.
    #[error("a colon is missing at byte {offset}")]
    ExpectedColon {
        /// Where the colon should be.
        offset: usize,
    },
    /// An item or member is followed by neither a comma nor the end of its array or object.
    #[error("a comma or a closing bracket is missing at byte {offset}")]
    ExpectedCommaOrEnd {
        /// Where the comma or the bracket should be.
        offset: usize,
    },
    /// A word other than `true`, `false` and `null`.
    #[error("a word other than true, false and null starts at byte {offset}")]
    BadLiteral {
        /// Where the word starts.
        offset: usize,
    },
    /// A number that RFC 8259 section 6 does not allow.
    #[error("a number is malformed at byte {offset}")]
    BadNumber {
        /// The first byte that the grammar does not allow.
        offset: usize,
    },
    /// An unescaped control character in a string (RFC 8259 section 7).
    #[error("a string holds an unescaped control character at byte {offset}")]
    ControlCharacter {
        /// Where the character is.
        offset: usize,
    },
    /// A backslash followed by something that is no escape (RFC 8259 section 7).
    #[error("a string holds a malformed escape at byte {offset}")]
    BadEscape {
        /// Where the backslash is.
        offset: usize,
    },
    /// An escaped surrogate without its other half, which no UTF-8 text can stand for.
    #[error("a string holds half a surrogate pair at byte {offset}")]
    LoneSurrogate {
        /// Where the backslash is.
        offset: usize,
    },
    /// Two members of one object have the same name once escapes are resolved. Parsers disagree on
    /// which of them counts (RFC 8259 section 4), so neither does here.
    #[error("an object has a second member of the same name at byte {offset}")]
    DuplicateMember {
        /// Where the name of the second one starts.
        offset: usize,
    },
}
