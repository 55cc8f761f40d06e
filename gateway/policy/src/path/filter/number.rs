//! Numbers in filters: whole ones are compared exactly, all others as the nearest binary number of 64 bits.

use std::cmp::Ordering;

/// A number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    whole: Option<i128>,
    nearest: f64,
}

impl Number {
    /// A number as JSON spells it.
    pub(super) fn of(spelled: &str) -> Self {
        Self { whole: spelled.parse().ok(), nearest: spelled.parse().unwrap_or(f64::NAN) }
    }

    pub(super) fn whole(number: i64) -> Self {
        Self::of(&number.to_string())
    }

    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self.whole, other.whole) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => self.nearest.partial_cmp(&other.nearest),
        }
    }
}
