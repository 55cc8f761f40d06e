//! How much each caller may ask for: so many messages in a minute, and so many calls at once.
//!
//! The rate is a token bucket in its exact form, the generic cell rate algorithm (ITU-T I.371): of each caller one
//! moment is kept, the one at which all that he has sent would be paid for. Who was silent for a minute may send a
//! minute's worth at once; after that, one comes free after the other.
//!
//! Who is at the limit is told when to come again, and what he sends meanwhile costs him nothing. Time comes in as
//! microseconds of a clock that never goes back.

use std::collections::BTreeMap;

use crate::call::{Call, Operation};
use crate::config::CallLimits;

/// Microseconds in the minute that a rate is about.
const MINUTE_MICROSECONDS: u64 = 60_000_000;
/// Callers whose messages are counted one by one, on one connection. Those beyond share one count.
pub const MAXIMUM_CALLERS: usize = 10_000;
/// How often those who owe nothing any more are looked for where there is no room, in microseconds.
const SWEEP_MICROSECONDS: u64 = 1_000_000;
/// When a caller who has too many calls under way shall come again, in seconds.
const AT_ONCE_SECONDS: u64 = 1;

/// What one replica admits of each caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Messages in a minute.
    pub per_minute: Option<u32>,
    /// Calls at once.
    pub at_once: Option<u32>,
}

/// A caller is over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// Too many messages in a minute.
    #[error("too many messages in a minute; {seconds} seconds to wait")]
    PerMinute {
        /// When the next one is admitted, in seconds from now, rounded up.
        seconds: u64,
    },
    /// Too many calls at once.
    #[error("too many calls at once")]
    AtOnce,
}

/// What every caller of one connection has asked for, as far as it still counts.
#[derive(Clone, Debug)]
pub struct Usage<K> {
    /// Of each caller, the moment at which all is paid for.
    paid: BTreeMap<K, u64>,
    /// That of all for whom there was no room.
    others: u64,
    /// When it was last looked for room.
    swept: u64,
    /// Calls under way; nobody stands here with none.
    under_way: BTreeMap<K, u32>,
}

impl Share {
    /// The share of one replica. What does not divide is left over, but each admits one.
    #[must_use]
    pub fn of(limits: &CallLimits) -> Self {
        let share = |limit: u32| limit.checked_div(limits.replicas).unwrap_or(limit).max(1);
        Self {
            per_minute: limits.requests_per_minute.map(share),
            at_once: limits.concurrent_calls.map(share),
        }
    }
}

impl Over {
    /// When to come again, in seconds.
    #[must_use]
    pub fn retry_after_seconds(self) -> u64 {
        match self {
            Self::PerMinute { seconds } => seconds,
            Self::AtOnce => AT_ONCE_SECONDS,
        }
    }
}

/// Whether a call takes a place among those that a caller may have under way. Every request does, and what would be
/// one if it had an id. Notifications and answers do not: a caller who has taken all places must be able to cancel a
/// call, and to answer what a server asks in the middle of one. Nor does a stream that has no end, nor what is asked of
/// a task, save `tasks/result` (MCP 2025-11-25), which waits for its end.
#[must_use]
pub fn takes_place(call: &Call) -> bool {
    let is_notice = call.message().method().is_some_and(|method| method.starts_with("notifications/"));
    match call.operation() {
        Operation::Answer | Operation::Listen { .. } | Operation::UnknownTask { .. } => false,
        Operation::Task { .. } => call.message().method() == Some("tasks/result"),
        Operation::Tool { .. }
        | Operation::Prompt { .. }
        | Operation::Resource { .. }
        | Operation::List(_)
        | Operation::Protocol { .. }
        | Operation::Unknown { .. } => !is_notice,
    }
}

impl<K> Default for Usage<K> {
    fn default() -> Self {
        Self { paid: BTreeMap::new(), others: 0, swept: 0, under_way: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Usage<K> {
    /// Counts a message of a caller.
    ///
    /// # Errors
    /// [`Over::PerMinute`]; nothing was counted.
    pub fn count(&mut self, share: Share, caller: &K, now: u64) -> Result<(), Over> {
        let Some(limit) = share.per_minute else { return Ok(()) };
        // Rounded up, so that no more pass than the limit says.
        let cost = MINUTE_MICROSECONDS.div_ceil(u64::from(limit));
        let whole = cost.saturating_mul(u64::from(limit));
        let known = self.paid.get(caller).copied();
        // Who is new here may be one of those who were counted together.
        let owes_until = known.unwrap_or(self.others).max(now);
        let after = owes_until.saturating_add(cost);
        let wait = after.saturating_sub(now).saturating_sub(whole);
        if wait > 0 {
            return Err(Over::PerMinute { seconds: wait.div_ceil(1_000_000) });
        }
        if known.is_some() || self.has_room(now) {
            self.paid.insert(caller.clone(), after);
        } else {
            self.others = after;
        }
        Ok(())
    }

    /// Whether one more caller can be kept. Only who owes nothing makes room, because he stands as if he had never
    /// been there.
    fn has_room(&mut self, now: u64) -> bool {
        if self.paid.len() < MAXIMUM_CALLERS {
            return true;
        }
        if now.saturating_sub(self.swept) >= SWEEP_MICROSECONDS {
            self.swept = now;
            self.paid.retain(|_, paid| *paid > now);
        }
        self.paid.len() < MAXIMUM_CALLERS
    }

    /// Takes a place for a call of a caller.
    ///
    /// # Errors
    /// [`Over::AtOnce`].
    pub fn begin(&mut self, share: Share, caller: &K) -> Result<(), Over> {
        let running = self.under_way.get(caller).copied().unwrap_or_default();
        if share.at_once.is_some_and(|limit| running >= limit) {
            return Err(Over::AtOnce);
        }
        self.under_way.insert(caller.clone(), running.saturating_add(1));
        Ok(())
    }

    /// Gives a place back.
    pub fn end(&mut self, caller: &K) {
        let left = self.under_way.get(caller).map_or(0, |running| running.saturating_sub(1));
        if left == 0 {
            self.under_way.remove(caller);
        } else {
            self.under_way.insert(caller.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests;
