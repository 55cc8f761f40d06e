//! The operator: makes gateways of Lychgate's objects, and keeps them true.
//!
//! Start with [`reconcile`]: it reads as the list of steps. All rules are in the plan crate; here is what it
//! takes to see the cluster ([`watch`], [`world`]), to change it ([`apply`], [`report`]), and to know that
//! gateways have followed ([`acknowledge`]).

pub mod acknowledge;
pub mod admin;
pub mod admission;
pub mod apply;
pub mod approvals;
pub mod certificate;
pub mod events;
pub mod fill;
pub mod fingerprint;
pub mod guard;
pub mod issuer;
pub mod leader;
pub mod metrics;
pub mod ownership;
pub mod queue;
pub mod reconcile;
pub mod report;
mod scale;
pub mod sequence;
pub mod settings;
pub mod sharing;
pub mod start;
pub mod watch;
pub mod world;

/// An error with all of its causes, in one line for the log.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
