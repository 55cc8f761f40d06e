//! The order in which arms are measured, and what is made of several samples. Everything here computes and does
//! nothing else.

/// The order of `rounds` rounds over `arms` arms, as indices: there and back again (ABBA), so that what changes
/// slowly on the machine, its temperature or its other work, changes every arm's sum alike.
pub(crate) fn there_and_back(arms: usize, rounds: usize) -> Vec<usize> {
    let round = |number: usize| -> Vec<usize> {
        if number.is_multiple_of(2) { (0..arms).collect() } else { (0..arms).rev().collect() }
    };
    (0..rounds).flat_map(round).collect()
}

/// The middle one of some samples, or the mean of the middle two; nothing of none.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied()?;
    let lower =
        if sorted.len().is_multiple_of(2) { sorted.get(middle.checked_sub(1)?).copied()? } else { upper };
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::{median, there_and_back};

    #[test]
    fn arms_are_measured_there_and_back_again() {
        assert_eq!(there_and_back(3, 3), [0, 1, 2, 2, 1, 0, 0, 1, 2]);
        assert!(there_and_back(0, 4).is_empty());
    }

    #[test]
    fn what_changes_slowly_changes_each_arm_alike() {
        let order = there_and_back(4, 6);
        let moments = |arm: usize| -> usize {
            let of_arm = order.iter().enumerate().filter(|(_, measured)| **measured == arm);
            of_arm.map(|(moment, _)| moment).sum()
        };
        assert!((1..4).all(|arm| moments(arm) == moments(0)));
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }
}
