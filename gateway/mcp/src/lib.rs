//! Bytes to MCP messages and back, for a gateway that relays what it did not change.
//!
//! This crate takes bytes and gives values: a strict JSON scanner that keeps the original bytes
//! and finds spans in them ([`json`]), JSON-RPC messages on top of it ([`message`]), server-sent
//! events ([`sse`]), the request headers that mirror a message ([`headers`]), the names of the protocol
//! revisions ([`revision`]), who is told of changes of lists ([`lists`]), and where messages name
//! tasks ([`task`]). It does no input or
//! output, reads no clock, and decides nothing about who may do what.

pub mod headers;
pub mod json;
pub mod lists;
pub mod message;
pub mod revision;
pub mod sse;
pub mod task;
