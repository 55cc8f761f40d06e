//! The first look at a text: which of its bytes are of a class that some detector waits for, one bit for each byte. How they
//! are told is the business of `lychgate-gateway-lanes`; what follows from the bits is not known here.

use std::ops::Range;

use lychgate_gateway_lanes::Signs;
pub(super) use lychgate_gateway_lanes::{BLOCK, Window};

/// What up to 64 bytes are: the lowest bit is the first byte's.
pub(super) type Block = Signs;

/// Looks at a long text block by block, wherever what is asked for begins. Whoever asks in order has each byte looked at
/// once.
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    window: Window<Block>,
    /// Which bytes strike of the block that was asked for last.
    striking: u64,
    /// Whether those are left out that only seemed to.
    is_settled: bool,
    /// That block.
    asked: usize,
}

impl<'b> Cursor<'b> {
    /// At the beginning of `bytes`.
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, window: Window::default(), striking: 0, is_settled: false, asked: usize::MAX }
    }

    /// The [`BLOCK`] bytes from `start` on.
    #[inline]
    pub(super) fn from(&mut self, start: usize) -> Block {
        let (index, offset) = (start / BLOCK, start % BLOCK);
        let block = self.window.block(self.bytes, index);
        if offset == 0 { block } else { block.joined(self.window.block(self.bytes, index + 1), offset) }
    }

    /// Whether any byte of a range strikes. `strikes` says of a block, with the one before it, which bytes seem to; `settles`
    /// says, with the one behind it as well, which of these do not, and takes longer.
    #[inline]
    pub(super) fn has_striking(
        &mut self,
        range: Range<usize>,
        strikes: impl Fn(Block, Block) -> u64,
        settles: impl Fn(Block, Block, Block) -> u64,
    ) -> bool {
        let mut start = range.start;
        while start < range.end {
            let index = start / BLOCK;
            if self.asked != index {
                let (last, here) = (self.before(index), self.window.block(self.bytes, index));
                self.striking = strikes(last, here);
                (self.asked, self.is_settled) = (index, false);
            }
            let is_struck = |striking: u64| {
                let rest = striking >> (start % BLOCK);
                rest != 0 && (rest.trailing_zeros() as usize) < range.end - start
            };
            if is_struck(self.striking) {
                if self.is_settled {
                    return true;
                }
                let (last, here) = (self.before(index), self.window.block(self.bytes, index));
                self.striking &= !settles(last, here, self.window.block(self.bytes, index + 1));
                self.is_settled = true;
                if is_struck(self.striking) {
                    return true;
                }
            }
            start = (index + 1) * BLOCK;
        }
        false
    }

    fn before(&mut self, index: usize) -> Block {
        index.checked_sub(1).map_or_else(Block::default, |before| self.window.block(self.bytes, before))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Block, Cursor};
    use lychgate_gateway_lanes::Classes;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_cursor_sees_what_is_there_wherever_it_looks(
            bytes in prop::collection::vec(any::<u8>(), 0..4000),
            starts in prop::collection::vec(0..4000_usize, 0..16),
        ) {
            let mut cursor = Cursor::new(&bytes);
            for start in starts {
                let rest = bytes.get(start..).unwrap_or_default();
                prop_assert_eq!(cursor.from(start), Block::of(rest.get(..BLOCK).unwrap_or(rest)));
            }
        }
    }
}
