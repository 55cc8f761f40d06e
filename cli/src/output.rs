//! Standard output and standard error. A reader that closed the pipe has seen enough: that is no error.

use std::io::Write as _;

/// Why a command could not be carried out: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CommandError(String);

impl CommandError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The error of another crate, whose text already says what to do.
    #[allow(clippy::needless_pass_by_value, reason = "made for map_err, which gives the value")]
    pub(crate) fn from_display(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Writes a result.
pub(crate) fn print(text: &str) {
    // There is nobody left to tell of a closed pipe.
    let _reader_left = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Writes a result and ends the line.
pub(crate) fn print_line(text: &str) {
    print(&format!("{text}\n"));
}

/// Says something beside the result.
pub(crate) fn note(text: &str) {
    let _reader_left = std::io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}
