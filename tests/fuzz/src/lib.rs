//! Fuzz targets: each reads any bytes with one part of the pure crates, and fails where the part breaks a promise.
//!
//! A target is a plain function. `soak` runs it under libFuzzer, which looks for bytes that reach new code;
//! `tests/corpus.rs` runs it over what is saved in `corpus`, and over mutations of that, in every build. What a target
//! compares with is a reader of somebody else's wherever there is one: serde_json, and the types of rmcp.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target fails by panicking"
)]

mod caller;
pub mod mutate;
mod readers;
mod targets;
mod tree;

pub use targets::message::{Asked, authorised, read_by_rmcp};

/// One part, and how it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its folder in `corpus`.
    pub name: &'static str,
    /// Reads bytes with the part; panics if a promise is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 12] = [
    Target { name: "json", run: targets::json::run },
    Target { name: "lanes", run: targets::lanes::run },
    Target { name: "edits", run: targets::edits::run },
    Target { name: "sse", run: targets::sse::run },
    Target { name: "headers", run: targets::headers::run },
    Target { name: "message", run: targets::message::run },
    Target { name: "decide", run: targets::decide::run },
    Target { name: "mask", run: targets::mask::run },
    Target { name: "schema", run: targets::schema::run },
    Target { name: "sql", run: targets::sql::run },
    Target { name: "condition", run: targets::condition::run },
    Target { name: "record", run: targets::record::run },
];

/// The target with this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
