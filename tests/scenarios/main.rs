//! Scenarios: `lychgate dev` and `lychgate-gateway` as people run them, between real clients and real servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::large_futures,
    unreachable_pub,
    reason = "a test fails by panicking, and its futures may be large"
)]

mod approval_clients;
mod approval_faults;
mod approvals;
mod batches;
mod canary;
mod clients;
mod command_rules;
mod commands;
mod credentials;
mod eras;
mod event_streams;
mod faults;
mod forms;
mod identity;
mod inspector;
mod lifecycle;
mod limits;
mod listening;
mod long_answers;
mod memory;
mod notifications;
mod odd;
mod pinning;
mod pressure;
mod refusals;
mod replicas;
mod replicas_keys;
mod replicas_lost;
mod stdio_servers;
mod streams;
mod structured;
mod support;
mod tasks;
mod tokens;
mod watch;
mod wire;
mod wire_upstream;
