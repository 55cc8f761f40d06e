//! A Kubernetes control plane for tests: a real etcd, kube-apiserver and kube-controller-manager on loopback, the
//! binaries being those of `tests/cluster/install`. There are no nodes: pods stay pending.
//!
//! [`Cluster::shared`] is the one control plane of a test binary; [`Cluster::start`] gives a test one of its own.
//! What the tests say to it lives in the tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "it is for tests, which fail by panicking and whose futures may be large"
)]

mod apply;
mod audit;
mod binaries;
mod caller;
mod certificates;
mod clients;
mod cluster;
mod commands;
mod components;
mod namespace;
mod ports;
mod process;
mod readiness;
mod wait;

pub use apply::apply;
pub use audit::{AuditLevel, Event};
pub use binaries::binary;
pub use caller::Caller;
pub use cluster::{Cluster, Options, StartError};
pub use commands::{Finished, Run};
pub use namespace::Namespace;
pub use wait::eventually;
