//! Times, counted in buckets: each as wide as one part in 128 of what it holds, so that a percentile is exact to
//! less than a hundredth, whatever its size. Everything here computes and does nothing else.

/// How many buckets each doubling has.
const PARTS: u64 = 128;

/// How often which times were seen, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Counts one time.
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        let bucket = bucket(nanoseconds);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket.saturating_add(1), 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total = self.total.saturating_add(other.total);
    }

    /// The time that `percent` of all do not exceed, in nanoseconds; 0 where nothing was counted.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let wanted = (self.total as f64 * percent / 100.0).ceil().max(1.0);
        let mut seen = 0.0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += *count as f64;
            if seen >= wanted {
                return middle(bucket);
            }
        }
        0.0
    }
}

/// Below [`PARTS`], a bucket for each number; above, [`PARTS`] for each doubling.
fn bucket(value: u64) -> usize {
    let shift = u64::from(value.checked_ilog2().unwrap_or(0)).saturating_sub(u64::from(PARTS.ilog2()));
    usize::try_from(shift * PARTS + (value >> shift)).unwrap_or(usize::MAX)
}

/// The middle of what a bucket holds.
fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket as f64;
    }
    let shift = bucket / PARTS - 1;
    let lowest = (bucket - shift * PARTS) << shift;
    lowest as f64 + ((1u64 << shift) as f64) / 2.0
}

#[cfg(test)]
mod tests {
    use super::{Histogram, bucket, middle};

    #[test]
    fn every_time_is_found_again_within_one_part_in_a_hundred() {
        let mut value = 1u64;
        while value < 1 << 40 {
            let found = middle(bucket(value));
            assert!((found - value as f64).abs() <= value as f64 / 100.0, "{value}: {found}");
            value += value / 7 + 1;
        }
    }

    #[test]
    fn buckets_grow_with_what_they_hold_and_none_is_left_out() {
        let buckets: Vec<usize> = (0..5000).map(bucket).collect();
        assert!(buckets.is_sorted());
        assert!(buckets.iter().zip(buckets.iter().skip(1)).all(|(one, next)| next - one <= 1));
    }

    #[test]
    fn percentiles_are_those_of_all_that_was_counted() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        assert_eq!(one.percentile(50.0), 0.0);
        for value in 1..=50u64 {
            one.record(value);
            other.record(value + 50);
        }
        one.add(&other);
        for percent in [1.0, 50.0, 99.0, 100.0] {
            assert_eq!(one.percentile(percent), percent);
        }
    }
}
