//! Some blocks of a text, looked at together, for who asks for one after the other.

use crate::{BLOCK, Classes};

/// How many blocks are looked at together at most.
const BLOCKS: usize = 16;

/// What some blocks are of a text that is given with each question: whoever turns to another text says so.
#[derive(Clone, Debug)]
pub struct Window<C> {
    blocks: [C; BLOCKS],
    /// The first of them.
    from: usize,
    count: usize,
}

impl<C: Classes> Default for Window<C> {
    fn default() -> Self {
        Self { blocks: [C::default(); BLOCKS], from: 0, count: 0 }
    }
}

impl<C: Classes> Window<C> {
    /// Turns to another text.
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// What the block with this index is; behind the end of the text, what it would be without bytes.
    #[inline]
    pub fn block(&mut self, text: &[u8], index: usize) -> C {
        let place = index.wrapping_sub(self.from);
        match self.blocks.get(place) {
            Some(block) if place < self.count => *block,
            Some(_) | None => self.look(text, index),
        }
    }

    #[inline(never)]
    fn look(&mut self, text: &[u8], index: usize) -> C {
        let rest = text.get(index.saturating_mul(BLOCK)..).unwrap_or_default();
        self.from = index;
        self.count = C::of_blocks(rest, &mut self.blocks);
        match self.blocks.first() {
            Some(block) if self.count > 0 => *block,
            Some(_) | None => C::of(&[]),
        }
    }
}
