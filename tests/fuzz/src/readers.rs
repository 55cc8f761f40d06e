//! Bytes taken apart into what a target needs: choices first, and what is read behind them.

use bytes::Bytes;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;

/// More than any input has.
pub(crate) const LIMITS: Limits = Limits::with_bytes(1 << 24);

/// Small choices, one after another; zero once there are no more.
pub(crate) struct Choices<'a> {
    left: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// The next choice.
    pub(crate) fn next(&mut self) -> u8 {
        let (first, rest) = self.left.split_first().unwrap_or((&0, &[]));
        self.left = rest;
        *first
    }
}

/// What stands before the first line feed, and what behind it.
pub(crate) fn two_parts(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (first, rest) = data.split_at(end.unwrap_or(data.len()));
    (first, rest.get(1..).unwrap_or_default())
}

/// The message that `bytes` are, if they are one.
pub(crate) fn message(bytes: &[u8]) -> Option<Message> {
    Message::parse(Bytes::copy_from_slice(bytes), LIMITS).ok()
}
