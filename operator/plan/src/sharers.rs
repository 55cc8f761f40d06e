//! How many replicas divide the limits of a caller among themselves, where an autoscaler changes their number.
//!
//! Those that are ready count. Pods come and go for other reasons, too: while they roll over there is one more for a
//! moment, and one that is lost comes back. Each change is a new document for every gateway, so a number counts once it
//! has been held: soon where it is greater, because until then callers are admitted more than the limit; late where it is
//! smaller, because those that are left admit less, which is never too much.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How long there must be more of them.
const MORE: Duration = Duration::from_secs(10);
/// How long there must be fewer of them.
const FEWER: Duration = Duration::from_secs(300);

/// How many count, and since when there are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharers {
    count: u32,
    /// None while as many are ready as count.
    other: Option<Other>,
}

/// There are more, or fewer, than count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Other {
    since: Duration,
    /// The number nearest to what counts that there has been since then.
    nearest: u32,
}

impl Sharers {
    /// As many count.
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self { count, other: None }
    }

    /// How many count.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// What counts now that `ready` are ready, of which no more and no fewer than `numbers` are heard of. `now` is the
    /// time since any moment.
    #[must_use]
    pub fn with(self, ready: u32, numbers: &RangeInclusive<u32>, now: Duration) -> Self {
        let within = |number: u32| number.clamp(*numbers.start(), *numbers.end().max(numbers.start()));
        // Other bounds hold at once.
        let (count, ready) = (within(self.count), within(ready));
        if ready == count {
            return Self::new(count);
        }
        let is_more = ready > count;
        let before = self.other.filter(|other| other.nearest != count && (other.nearest > count) == is_more);
        let nearer = |other: Other| if is_more { other.nearest.min(ready) } else { other.nearest.max(ready) };
        let other = match before {
            Some(other) => Other { since: other.since, nearest: nearer(other) },
            None => Other { since: now, nearest: ready },
        };
        if now.saturating_sub(other.since) < held(is_more) {
            return Self { count, other: Some(other) };
        }
        // What is further away has not been held for as long.
        let further = (other.nearest != ready).then_some(Other { since: now, nearest: ready });
        Self { count: other.nearest, other: further }
    }

    /// When it should be looked at again although nothing changes, if it should.
    #[must_use]
    pub fn due(self, now: Duration) -> Option<Duration> {
        let other = self.other?;
        let end = other.since.saturating_add(held(other.nearest > self.count));
        Some(end.saturating_sub(now))
    }
}

fn held(is_more: bool) -> Duration {
    if is_more { MORE } else { FEWER }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Sharers;

    const NUMBERS: RangeInclusive<u32> = 2..=9;

    /// What counts after each of some moments, in seconds, at which so many are ready.
    fn counts(from: u32, moments: &[(u64, u32)]) -> Vec<u32> {
        let mut sharers = Sharers::new(from);
        let next = |&(second, ready): &(u64, u32)| {
            sharers = sharers.with(ready, &NUMBERS, Duration::from_secs(second));
            sharers.count()
        };
        moments.iter().map(next).collect()
    }

    #[test]
    fn more_count_after_ten_seconds_and_fewer_after_five_minutes() {
        assert_eq!(counts(2, &[(0, 4), (9, 4), (10, 4)]), [2, 2, 4]);
        assert_eq!(counts(4, &[(0, 3), (299, 3), (300, 3)]), [4, 4, 3]);
    }

    #[test]
    fn one_more_while_pods_roll_over_and_one_that_is_lost_for_a_while_change_nothing() {
        assert_eq!(counts(2, &[(0, 3), (4, 2), (8, 3), (13, 2), (60, 2)]), [2; 5]);
        assert_eq!(counts(3, &[(0, 2), (200, 3), (250, 2), (549, 2), (549, 3)]), [3; 5]);
    }

    #[test]
    fn what_was_held_counts_first_and_what_is_further_away_later() {
        assert_eq!(counts(2, &[(0, 3), (5, 6), (10, 6), (19, 6), (20, 6)]), [2, 2, 3, 3, 6]);
        assert_eq!(counts(8, &[(0, 6), (200, 3), (300, 3), (599, 3), (600, 3)]), [8, 8, 6, 6, 3]);
    }

    #[test]
    fn from_more_to_fewer_the_time_begins_anew() {
        assert_eq!(counts(4, &[(0, 6), (9, 3), (10, 3), (308, 3), (309, 3)]), [4, 4, 4, 4, 3]);
    }

    #[test]
    fn other_bounds_hold_at_once_and_none_is_left() {
        assert_eq!(counts(1, &[(0, 0)]), [2]);
        assert_eq!(counts(20, &[(0, 20)]), [9]);
        let crossed = Sharers::new(5).with(5, &RangeInclusive::new(7, 3), Duration::ZERO);
        assert_eq!(crossed.count(), 7);
    }

    #[test]
    fn it_says_when_it_is_to_be_looked_at_again() {
        let at = Duration::from_secs;
        let steady = Sharers::new(3).with(3, &NUMBERS, at(7));
        assert_eq!(steady.due(at(8)), None);
        let more = steady.with(5, &NUMBERS, at(100));
        assert_eq!(more.due(at(104)), Some(at(6)));
        assert_eq!(more.due(at(200)), Some(Duration::ZERO));
        assert_eq!(steady.with(2, &NUMBERS, at(100)).due(at(100)), Some(at(300)));
    }

    proptest! {
        /// Whatever happens, what counts was ready within bounds at some moment, and no change comes before its time.
        #[test]
        fn what_counts_was_held(from in 2_u32..10, steps in proptest::collection::vec((1_u64..200, 0_u32..12), 1..60)) {
            let (mut now, mut sharers) = (0, Sharers::new(from));
            let mut seen: Vec<(u64, u32)> = vec![];
            for (pause, ready) in steps {
                now += pause;
                let before = sharers.count();
                sharers = sharers.with(ready, &NUMBERS, Duration::from_secs(now));
                seen.push((now, ready.clamp(2, 9)));
                let after = sharers.count();
                if after == before {
                    continue;
                }
                let held = if after > before { 10 } else { 300 };
                let begin = now.saturating_sub(held);
                let since: Vec<u32> = seen.iter().filter(|(at, _)| *at >= begin).map(|(_, ready)| *ready).collect();
                // The number of before that time lasted into it.
                let first = seen.iter().rev().find(|(at, _)| *at <= begin).map(|(_, ready)| *ready);
                for ready in since.into_iter().chain(first) {
                    if after > before {
                        prop_assert!(ready >= after);
                    } else {
                        prop_assert!(ready <= after);
                    }
                }
            }
        }
    }
}
