//! What the callers of a connection have asked for, counted while the gateway runs. What is admitted is decided by
//! [`lychgate_gateway_policy::limit`]; here are the clock, the lock, and places that are given back when they are dropped.
//!
//! It outlives a change of configuration, so that nobody begins anew with each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use lychgate_gateway_policy::limit::{self, Over, Share};
use lychgate_gateway_policy::{Caller, Policy};
use prometheus_client::metrics::gauge::Gauge;

/// What stands for a caller: a digest, so that a long name takes no more room than a short one.
type CallerKey = [u8; SHA256_OUTPUT_LEN];

/// The usage of one connection.
pub struct Usage {
    since: Instant,
    counts: Mutex<limit::Usage<CallerKey>>,
}

/// A place among the calls that a caller has under way.
pub struct Turn {
    usage: Arc<Usage>,
    caller: CallerKey,
    /// All that there are.
    under_way: Gauge,
}

impl Default for Usage {
    fn default() -> Self {
        Self { since: Instant::now(), counts: Mutex::default() }
    }
}

impl Usage {
    /// Counts a message of a caller.
    ///
    /// # Errors
    /// [`Over::PerMinute`].
    pub fn count(&self, policy: &Policy, caller: &Caller) -> Result<(), Over> {
        let now = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.lock().count(share(policy), &key(caller), now)
    }

    /// Takes a place for a call of a caller, until the place is dropped. Places of all callers are counted by `under_way`.
    ///
    /// # Errors
    /// [`Over::AtOnce`].
    pub fn begin(
        self: &Arc<Self>,
        policy: &Policy,
        caller: &Caller,
        under_way: &Gauge,
    ) -> Result<Turn, Over> {
        let caller = key(caller);
        self.lock().begin(share(policy), &caller)?;
        under_way.inc();
        Ok(Turn { usage: Arc::clone(self), caller, under_way: under_way.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, limit::Usage<CallerKey>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.usage.lock().end(&self.caller);
        self.under_way.dec();
    }
}

fn share(policy: &Policy) -> Share {
    Share::of(&policy.config().limits)
}

/// A caller is who his issuer says he is, by the subject: many issuers let people change their names.
fn key(caller: &Caller) -> CallerKey {
    let mut context = Context::new(&SHA256);
    for part in [&caller.issuer, &caller.subject] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut key = CallerKey::default();
    for (to, from) in key.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    key
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::key;
    use lychgate_gateway_policy::Caller;

    fn caller(issuer: &str, subject: &str, username: &str) -> Caller {
        Caller {
            issuer: issuer.into(),
            subject: subject.into(),
            username: username.into(),
            groups: vec![],
            kubernetes_usernames: vec![],
            anonymous: false,
        }
    }

    #[test]
    fn another_name_or_group_makes_no_other_caller_and_another_subject_or_issuer_does() {
        let alice = caller("https://a", "1", "alice");
        assert_eq!(key(&alice), key(&caller("https://a", "1", "alicia")));
        assert_eq!(key(&alice), key(&Caller { groups: vec!["dba".into()], ..alice.clone() }));
        for other in [("https://a", "2"), ("https://b", "1"), ("https://a1", ""), ("", "https://a1")] {
            assert_ne!(key(&alice), key(&caller(other.0, other.1, "alice")), "{other:?}");
        }
    }
}
