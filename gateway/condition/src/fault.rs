//! What is wrong with a condition, before it is used or when it is asked. No message repeats a value of a call, so that
//! each may be shown to the caller, logged and recorded.

/// One thing that is wrong with the text of a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Fault {
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(text: &str, at: usize, message: String) -> Self {
        let (line, column) = place(text, at);
        Self { at, line, column, message }
    }
}

/// Why a condition has no answer for a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct EvaluationError {
    /// The line of the condition, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is absent, wrong or too much, and what to do.
    pub message: String,
}

impl EvaluationError {
    pub(crate) fn new(text: &str, at: usize, message: String) -> Self {
        let (line, column) = place(text, at);
        Self { line, column, message }
    }
}

/// Line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

/// A part of a condition as errors quote it: on one line, and not too long.
pub(crate) fn short(own: &str) -> String {
    const MOST: usize = 100;
    let mut line: String =
        own.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "\u{fffd}");
    if let Some((at, _)) = line.char_indices().nth(MOST) {
        line.truncate(at);
        line.push('…');
    }
    line
}
