//! Groups of digits that stand close to each other. The groups behind one are those behind the next too, so that each is read
//! once and not again for each group before it.

use std::ops::Range;

use super::super::bytes::at;
use super::super::trigger::LONGEST_GROUP;

/// Telephone numbers may have a group for each digit.
pub(super) const MAXIMUM_GROUPS_BEHIND_PLUS: usize = 16;
/// How far apart groups of one value stand at most, in bytes.
const MAXIMUM_GAP: usize = 3;

/// The groups that were read last, of one text.
#[derive(Debug)]
pub(super) struct Chain {
    groups: [Range<usize>; MAXIMUM_GROUPS_BEHIND_PLUS],
    /// Those from here on follow each other.
    from: usize,
    count: usize,
    /// Whether no group follows the last one.
    has_ended: bool,
}

impl Default for Chain {
    fn default() -> Self {
        Self { groups: [const { 0..0 }; MAXIMUM_GROUPS_BEHIND_PLUS], from: 0, count: 0, has_ended: false }
    }
}

impl Chain {
    /// Forgets all groups, before another text.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// `first`, and the groups of digits that follow it closely: so many of both at most.
    pub(super) fn of(&mut self, bytes: &[u8], first: Range<usize>, maximum: usize) -> &[Range<usize>] {
        let known = self.groups.get(self.from..self.from + self.count).unwrap_or_default();
        match known.iter().position(|group| group.start == first.start) {
            Some(place) => {
                self.from += place;
                self.count -= place;
            }
            None => {
                self.from = 0;
                self.count = 0;
                self.has_ended = false;
                self.push(first);
            }
        }
        if self.from + maximum > self.groups.len() {
            self.groups.rotate_left(self.from);
            self.from = 0;
        }
        while self.count < maximum && !self.has_ended {
            let last = self.groups.get((self.from + self.count).saturating_sub(1));
            match last.and_then(|last| group_after(bytes, last.end)) {
                Some(group) => self.push(group),
                None => self.has_ended = true,
            }
        }
        self.groups.get(self.from..self.from + self.count.min(maximum)).unwrap_or_default()
    }

    fn push(&mut self, group: Range<usize>) {
        if let Some(place) = self.groups.get_mut(self.from + self.count) {
            *place = group;
            self.count += 1;
        } else {
            self.has_ended = true;
        }
    }
}

/// The group of digits that begins shortly behind `end`, if it is no longer than any value's.
fn group_after(bytes: &[u8], end: usize) -> Option<Range<usize>> {
    let is_digit = |position: &usize| at(bytes, *position).is_some_and(|byte| byte.is_ascii_digit());
    let start = (end..=end + MAXIMUM_GAP).find(is_digit)?;
    let behind = (start..=start + LONGEST_GROUP).find(|position| !is_digit(position))?;
    Some(start..behind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Chain, LONGEST_GROUP, MAXIMUM_GROUPS_BEHIND_PLUS};
    use crate::mask::detect::trigger::MAXIMUM_GROUPS;

    #[test]
    fn longer_groups_than_any_value_has_end_a_chain() {
        for (digits, expected) in [(LONGEST_GROUP, 2), (LONGEST_GROUP + 1, 1)] {
            let text = format!("1 {}", "2".repeat(digits));
            assert_eq!(Chain::default().of(text.as_bytes(), 0..1, MAXIMUM_GROUPS).len(), expected);
        }
        assert_eq!(Chain::default().of(b"1   2", 0..1, MAXIMUM_GROUPS), [0..1, 4..5]);
        assert_eq!(Chain::default().of(b"1    2", 0..1, MAXIMUM_GROUPS).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_kept_of_a_chain_is_what_is_read_again(
            text in "([0-9]{1,3}[ .a-]{1,4}){0,24}",
            asked in prop::collection::vec(any::<(bool, bool)>(), 24),
        ) {
            let bytes = text.as_bytes();
            let mut chain = Chain::default();
            let mut end = 0;
            for (is_asked, is_long) in asked {
                let Some(start) = (end..bytes.len()).find(|place| bytes.get(*place).is_some_and(u8::is_ascii_digit)) else {
                    break;
                };
                end = (start..bytes.len()).find(|place| !bytes.get(*place).is_some_and(u8::is_ascii_digit)).unwrap_or(bytes.len());
                let maximum = if is_long { MAXIMUM_GROUPS_BEHIND_PLUS } else { MAXIMUM_GROUPS };
                if is_asked {
                    let expected = Chain::default().of(bytes, start..end, maximum).to_vec();
                    prop_assert_eq!(chain.of(bytes, start..end, maximum), expected);
                }
            }
        }
    }
}
