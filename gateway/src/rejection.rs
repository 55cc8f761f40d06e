//! Requests that never were calls, in the record: each, as long as they do not come in floods.
//!
//! Anybody who reaches the gateway can send rubbish without a token, and a record that took all of it could be
//! filled by it. What is over the bound is in the metrics and the log only.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lychgate_gateway_record::{Entry, Rejected};

use crate::recorder::Recorder;

/// How many rejections are recorded at once before the rate counts.
const BURST: u32 = 500;
/// How many are recorded in the long run: one for each of these.
const INTERVAL: Duration = Duration::from_secs(1);

/// The bound on recorded rejections.
pub struct Rejections(Mutex<Allowance>);

struct Allowance {
    left: u32,
    since: Instant,
}

impl Default for Rejections {
    fn default() -> Self {
        Self(Mutex::new(Allowance { left: BURST, since: Instant::now() }))
    }
}

impl Rejections {
    /// Records a rejection, if the bound admits it.
    pub async fn record(&self, recorder: &Recorder, rejected: Rejected) {
        if !self.admits(Instant::now()) {
            return;
        }
        let reason = rejected.reason.clone();
        if recorder.append(&[&Entry::Rejected(rejected)]).await.is_err() {
            tracing::error!(reason, "a refused request could not be recorded");
        }
    }

    fn admits(&self, now: Instant) -> bool {
        let mut allowance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let earned = now.saturating_duration_since(allowance.since).as_secs() / INTERVAL.as_secs();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            allowance.left = allowance.left.saturating_add(earned).min(BURST);
            allowance.since = now;
        }
        let admitted = allowance.left > 0;
        allowance.left = allowance.left.saturating_sub(1);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Rejections};
    use std::time::{Duration, Instant};

    #[test]
    fn a_flood_is_cut_off_and_the_allowance_comes_back_with_time() {
        let (rejections, start) = (Rejections::default(), Instant::now());
        let admitted = |now: Instant| (0..BURST * 2).filter(|_| rejections.admits(now)).count();
        assert_eq!(admitted(start), BURST as usize);
        assert_eq!(admitted(start + Duration::from_secs(2)), 2);
        assert_eq!(admitted(start + Duration::from_secs(100_000)), BURST as usize);
    }
}
