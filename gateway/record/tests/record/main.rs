//! The record as its writer, its auditor and its forger see it, through the public interface alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

mod documentation;
mod journal;
mod reading;
mod surviving;
mod tampering;
