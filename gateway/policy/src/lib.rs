//! What may be called, and what must be masked.
//!
//! This crate is pure: a [`config::GatewayConfig`] is compiled into a [`Policy`] once, and every call is
//! then decided ([`decide()`]) and every message masked ([`mask`]) from values alone. There is no clock, no
//! environment, no file, no socket and no log in here, so that the operator (which validates) and the
//! gateway (which enforces) run the very same code.
//!
//! Types carry the promises of this crate in their privacy: only [`decide()`] makes a [`Permit`], or an [`Ask`] that
//! [`Ask::approved`] turns into one, and only [`mask`] makes a [`mask::Masked`].

mod access;
pub mod approval;
pub mod ask;
pub mod call;
pub mod change;
pub mod command;
pub mod compile;
pub mod config;
pub mod decide;
pub mod denial;
pub mod destination;
pub mod glob;
pub mod limit;
pub mod list;
pub mod listen;
pub mod mask;
pub mod notification;
mod path;
pub mod pinning;
mod restore;
pub mod server;
pub mod shown;
pub mod stream;
pub mod task;
#[cfg(test)]
mod testing;
mod when;

pub use approval::Terms;
pub use ask::{Ask, Ballot, Evidence, SKEW_MILLISECONDS, Unapproved};
pub use call::{Call, Operation};
pub use compile::{Policy, Problem, compile, compile_sharing};
pub use decide::{Caller, Decision, Denial, Permit, StreamPermit, closed, decide, decide_stream};
pub use denial::DenialReason;
pub use task::{Maker, Restored, Task};
