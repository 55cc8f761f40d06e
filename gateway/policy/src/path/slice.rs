//! Slices of arrays, and places counted from the end. How they are written is not known here.

/// A slice `[start:end:step]` of an array (RFC 9535, section 2.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) step: i64,
}

impl Slice {
    /// Whether it takes the item of this index, of so many.
    pub(super) fn takes(&self, index: i64, length: i64) -> bool {
        let bound =
            |place: Option<i64>, default: i64| place.map_or(default, |place| from_start(place, length));
        if self.step > 0 {
            let first = bound(self.start, 0).clamp(0, length);
            let end = bound(self.end, length).clamp(0, length);
            first <= index && index < end && (index - first) % self.step == 0
        } else {
            let first = bound(self.start, length - 1).clamp(-1, length - 1);
            let end = bound(self.end, -1).clamp(-1, length - 1);
            end < index && index <= first && self.step != 0 && (first - index) % self.step == 0
        }
    }

    /// Whether no array has an item that it takes, as far as its numbers alone tell.
    pub(super) fn is_empty(self) -> bool {
        let (Some(start), Some(end)) = (self.start, self.end) else { return self.step == 0 };
        let is_same_sign = (start < 0) == (end < 0);
        match self.step.signum() {
            1 => is_same_sign && start >= end,
            -1 => is_same_sign && start <= end,
            _ => true,
        }
    }
}

/// A place from the start of an array of so many items.
pub(super) fn from_start(place: i64, length: i64) -> i64 {
    if place < 0 { place + length } else { place }
}

/// No array has more items than fit.
pub(super) fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
