//! What the engine makes of the bits of a block: places, ranges, and runs that go over its end.

use std::ops::Range;

use super::super::trigger::MINIMUM_RUN;
use crate::mask::scan::BLOCK;

/// The numbers of the bits that are set, lowest first.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest as usize)
    })
}

/// Those of the bits of a block before which none is set, of the block before it neither.
#[inline]
pub(super) fn starts_of(block: u64, last: u64) -> u64 {
    block & !(block << 1 | last >> (BLOCK - 1))
}

/// The bits of a range.
pub(super) fn bits(range: Range<usize>) -> u64 {
    let below = |end: usize| if end < BLOCK { (1_u64 << end) - 1 } else { u64::MAX };
    below(range.end) & !below(range.start)
}

/// Where the first [`MINIMUM_RUN`] bytes of a run end in a block: at each place counts what is before it.
pub(super) fn ends_of_runs(last: u64, block: u64) -> u64 {
    /// So many in a row, of both blocks, where half of them are known.
    #[inline]
    fn doubled((last, block): (u64, u64), more: usize) -> (u64, u64) {
        (last & last << more, block & (block << more | last >> (BLOCK - more)))
    }
    let eight = doubled(doubled(doubled((last, block), 1), 2), 4);
    let (last, all) = doubled(eight, MINIMUM_RUN - 8);
    all & !(all << 1 | last >> (BLOCK - 1))
}

/// Whether so many in a row are set.
pub(super) fn has_run_of(bits: u64, length: usize) -> bool {
    let (mut ends, mut found) = (bits, 1);
    while found < length {
        let more = found.min(length - found);
        ends &= ends << more;
        found += more;
    }
    ends != 0
}

/// Where four in a row end in a block, or go on.
pub(super) fn ends_of_four(last: u64, block: u64) -> u64 {
    let shifted = |places: u32| block << places | last >> (u64::BITS - places);
    block & shifted(1) & shifted(2) & shifted(3)
}

#[cfg(test)]
mod tests {
    use super::{MINIMUM_RUN, ends_of_runs, has_run_of, ones};

    #[test]
    fn a_run_is_as_long_as_its_bits() {
        for length in 1..=36 {
            for start in [0, 5, 24] {
                let bits = ((1_u64 << length) - 1) << start | 1 << 63;
                assert!(has_run_of(bits, length), "{length} from {start}");
                assert!(!has_run_of(bits, length + 1), "{length} from {start}");
            }
        }
    }

    #[test]
    fn runs_are_long_enough_wherever_they_begin() {
        for start in 0..=64 {
            for length in [MINIMUM_RUN - 1, MINIMUM_RUN, 40] {
                let run = ((1_u128 << length) - 1) << start;
                #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
                let (first, second) = (run as u64, (run >> 64) as u64);
                let ends = (ends_of_runs(0, first), ends_of_runs(first, second));
                let place = start + MINIMUM_RUN - 1;
                let found: Vec<_> = ones(ends.0).chain(ones(ends.1).map(|bit| bit + 64)).collect();
                let expected = if length >= MINIMUM_RUN && place < 128 { vec![place] } else { Vec::new() };
                assert_eq!(found, expected, "{length} from {start}");
            }
        }
    }
}
