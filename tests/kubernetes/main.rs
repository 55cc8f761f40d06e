//! The operator on a real Kubernetes API server, and gateways as it makes them; the Helm chart, and the admission
//! policies that guard gateways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::large_futures,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test fails by panicking, and its futures may be large"
)]

mod admin;
mod admission;
mod adoption;
mod approvals;
mod approvals_operator;
mod autoscaling;
mod chaos;
mod chart;
mod commands;
mod doctor;
mod edits;
mod examples;
mod governed;
mod idle;
mod invalid;
mod leaders;
mod lifecycle;
mod names;
mod namespaces;
mod outage;
mod pinned;
mod questions;
mod references;
mod repair;
mod services;
mod support;
mod told;
mod watch;
