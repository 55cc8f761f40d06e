//! How long something takes that is done in this very process.

use std::time::{Duration, Instant};

use crate::order::median;

/// How many samples are taken.
const SAMPLES: usize = 15;

/// The median of how long `work` takes, in seconds, of samples of about `time` each. The first is not counted.
pub(crate) fn seconds_each(time: Duration, mut work: impl FnMut()) -> f64 {
    let mut repeats = 1u32;
    let mut samples = Vec::new();
    while samples.len() < SAMPLES {
        let begun = Instant::now();
        for _ in 0..repeats {
            work();
        }
        let taken = begun.elapsed();
        if taken * 2 < time {
            repeats = repeats.saturating_mul(2);
            continue;
        }
        samples.push(taken.as_secs_f64() / f64::from(repeats));
    }
    median(samples.get(1..).unwrap_or_default()).unwrap_or(f64::NAN)
}
