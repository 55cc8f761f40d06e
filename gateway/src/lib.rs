//! The gateway between agents and MCP servers.
//!
//! This crate does input and output: it accepts requests, verifies tokens, reads credentials, talks to
//! servers and writes the journal. It holds no rules: what may be called and what must be masked is decided
//! in `lychgate-gateway-policy`. [`call`] is the whole path of a request; [`start()`] brings a gateway up.

pub mod accept;
pub mod admin;
pub mod api_server;
pub mod approval;
pub mod call;
pub mod caller;
mod clock;
mod cluster_name;
pub mod configuration;
pub mod connection;
pub mod credential;
pub mod document;
pub mod failure;
pub mod fault;
pub mod issuer;
pub mod key_set;
pub mod listener;
pub mod live;
pub mod metadata;
pub mod metrics;
pub mod notify;
pub mod open;
pub mod outbound;
pub mod projected;
pub mod recorder;
pub mod rejection;
pub mod relay;
pub mod reply;
pub mod schemas;
pub mod secret;
pub mod service_account;
pub mod session;
pub mod sightings;
pub mod stalled;
pub mod start;
pub mod state;
pub mod streams;
pub mod task;
pub mod ticket;
pub mod tls;
pub mod tools;
pub mod upstream;
pub mod usage;
pub mod values;
pub mod watch;

pub use start::{Running, Settings, StartError, start};
