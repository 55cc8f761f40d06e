//! What detectors of tokens share: a prefix, and a run of characters behind it.

use super::bytes::run_end;
use super::trigger::Look;

/// Letters, digits, `_` and `-`.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The token at `start` that begins with one of `prefixes` and goes on with at least `minimum` bytes that belong, a digit
/// among them: a run without one is a placeholder, and so is every later part of it.
pub(super) fn prefixed(
    text: &str,
    start: usize,
    prefixes: &[&str],
    minimum: usize,
    belongs: impl Fn(u8) -> bool,
) -> Look {
    let Some(rest) = text.get(start..) else { return Look::Nothing };
    let Some(prefix) = prefixes.iter().find(|prefix| rest.starts_with(**prefix)) else {
        return Look::Nothing;
    };
    let secret_start = start + prefix.len();
    let end = run_end(text.as_bytes(), secret_start, belongs);
    let secret = text.as_bytes().get(secret_start..end).unwrap_or_default();
    if !secret.iter().any(u8::is_ascii_digit) {
        return Look::NothingBefore(end);
    }
    if secret.len() >= minimum { Look::Value(start..end) } else { Look::Nothing }
}
