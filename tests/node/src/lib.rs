//! A node of Kubernetes for tests: containerd, kubelet, kube-proxy, kube-scheduler and CoreDNS beside a control plane of
//! `lychgate-tests-cluster`, all of it in namespaces of their own. What is installed by `tests/node/install` is run;
//! nothing is installed on the machine, and nothing of it is changed.
//!
//! [`inside`] takes a whole process into the namespaces, and [`Node::start`] makes the node there. What the tests ask
//! of it lives in the tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "it is for tests, which fail by panicking and whose futures may be large"
)]

mod components;
mod images;
mod lychgate;
mod node;
mod reach;
mod sandbox;

pub use lychgate::HOME;
pub use node::{Node, StartError, built};
pub use sandbox::{inside, inside_and_reached};

/// The address of the node in its network.
pub const ADDRESS: &str = "10.180.0.1";
