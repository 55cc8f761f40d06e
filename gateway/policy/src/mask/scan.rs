//! The first look at a text: which of its bytes are of a class that some detector waits for, one bit for each byte.
//!
//! Sixteen bytes are compared at a time, with instructions that every processor of the architecture has; where that is
//! not x86-64, byte by byte. Classes that are read seldom are looked at together and sorted out by who asks. What follows
//! from the bits is not known here.

use std::ops::Range;

/// How many bytes a [`Block`] speaks of.
pub(super) const BLOCK: usize = 64;

/// What up to 64 bytes are: the lowest bit is the first byte's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// `0` to `9`.
    pub(super) digits: u64,
    /// Letters and digits of ASCII.
    pub(super) words: u64,
    /// All of ASCII behind the asterisk but for [`Self::specials`]: what tokens consist of, and a few signs more.
    pub(super) tokens: u64,
    /// `%`, `&`, `\`, all from the colon to `@`, and every byte that is not ASCII.
    pub(super) specials: u64,
}

impl Block {
    /// Looks at up to [`BLOCK`] bytes.
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Self {
        if let Some(whole) = bytes.first_chunk::<BLOCK>() {
            return look(whole);
        }
        let mut padded = [0; BLOCK];
        padded.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
        look(&padded)
    }

    /// The first `length` bytes of `self`, and no others.
    #[inline]
    pub(super) fn first(self, length: usize) -> Self {
        if length >= BLOCK {
            return self;
        }
        let kept = (1 << length) - 1;
        Self {
            digits: self.digits & kept,
            words: self.words & kept,
            tokens: self.tokens & kept,
            specials: self.specials & kept,
        }
    }

    /// `self` from the bit `offset` on, followed by `next`.
    #[inline]
    fn joined(self, next: Self, offset: usize) -> Self {
        if offset == 0 {
            return self;
        }
        let join = |one: u64, other: u64| one >> offset | other << (BLOCK - offset);
        Self {
            digits: join(self.digits, next.digits),
            words: join(self.words, next.words),
            tokens: join(self.tokens, next.tokens),
            specials: join(self.specials, next.specials),
        }
    }
}

/// Looks at a long text block by block, wherever what is asked for begins. Whoever asks in order has each byte looked at
/// once.
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    /// The block that `here` speaks of; the one behind it is `next`.
    index: usize,
    here: Block,
    next: Block,
    /// Which bytes strike of the block that was asked for last.
    striking: u64,
    /// That block.
    asked: usize,
}

impl<'b> Cursor<'b> {
    /// At the beginning of `bytes`.
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            index: 0,
            here: block_at(bytes, 0),
            next: block_at(bytes, 1),
            striking: 0,
            asked: usize::MAX,
        }
    }

    /// The [`BLOCK`] bytes from `start` on.
    #[inline]
    pub(super) fn from(&mut self, start: usize) -> Block {
        self.go_to(start / BLOCK);
        self.here.joined(self.next, start % BLOCK)
    }

    #[inline]
    fn go_to(&mut self, index: usize) {
        if index != self.index {
            self.here = if index == self.index + 1 { self.next } else { block_at(self.bytes, index) };
            self.next = block_at(self.bytes, index + 1);
            self.index = index;
        }
    }

    /// Whether any byte of a range strikes: `strikes` says of a block and the one before it which bytes do.
    #[inline]
    pub(super) fn has_striking(
        &mut self,
        range: Range<usize>,
        strikes: impl Fn(Block, Block) -> u64,
    ) -> bool {
        let mut start = range.start;
        while start < range.end {
            let index = start / BLOCK;
            if self.asked != index {
                self.striking = self.look(index, &strikes);
                self.asked = index;
            }
            let rest = self.striking >> (start % BLOCK);
            let length = range.end - start;
            if rest != 0 && (rest.trailing_zeros() as usize) < length {
                return true;
            }
            start = (index + 1) * BLOCK;
        }
        false
    }

    #[inline(never)]
    fn look(&mut self, index: usize, strikes: &impl Fn(Block, Block) -> u64) -> u64 {
        let last = match index.checked_sub(1) {
            Some(before) if before == self.index => self.here,
            Some(before) => block_at(self.bytes, before),
            None => Block::default(),
        };
        self.go_to(index);
        strikes(last, self.here)
    }
}

fn block_at(bytes: &[u8], index: usize) -> Block {
    let rest = bytes.get(index * BLOCK..).unwrap_or_default();
    if rest.is_empty() { Block::default() } else { Block::of(rest.get(..BLOCK).unwrap_or(rest)) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn look(bytes: &[u8; BLOCK]) -> Block {
    let mut block = Block::default();
    for (index, lane) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let [digits, words, visible, specials] = vector::look(lane);
        let place = 16 * index;
        block.digits |= u64::from(digits) << place;
        block.words |= u64::from(words) << place;
        block.tokens |= u64::from(visible & !specials) << place;
        block.specials |= u64::from(specials) << place;
    }
    block
}

#[cfg(not(target_arch = "x86_64"))]
use plain::look;

/// Sixteen bytes at a time.
#[cfg(target_arch = "x86_64")]
mod vector {
    use safe_arch::{
        cmp_eq_mask_i8_m128i, cmp_gt_mask_i8_m128i, m128i, min_u8_m128i, move_mask_i8_m128i,
        set_splat_i8_m128i, sub_i8_m128i,
    };

    /// Digits, letters and digits, what is behind the asterisk, and specials: one bit for each byte.
    #[inline]
    pub(super) fn look(lane: &[u8; 16]) -> [u16; 4] {
        let lane = m128i::from(*lane);
        let digits = is_between(lane, b'0', 9);
        // The letters of both cases differ in one bit.
        let words = digits | is_between(lane | all(0x20), b'a', 25);
        let visible = cmp_gt_mask_i8_m128i(lane, all(b'*'));
        let marks = is_between(lane, b'%', 1) | is(lane, b'\\');
        // A byte that is not ASCII has its highest bit set, as what is compared and found has.
        let specials = lane | marks | is_between(lane, b':', b'@' - b':');
        [bits(digits), bits(words), bits(visible), bits(specials)]
    }

    #[inline]
    fn all(byte: u8) -> m128i {
        set_splat_i8_m128i(byte.cast_signed())
    }

    #[inline]
    fn is(lane: m128i, byte: u8) -> m128i {
        cmp_eq_mask_i8_m128i(lane, all(byte))
    }

    /// Which bytes are `first` or one of the `more` bytes behind it.
    #[inline]
    fn is_between(lane: m128i, first: u8, more: u8) -> m128i {
        let from_first = sub_i8_m128i(lane, all(first));
        cmp_eq_mask_i8_m128i(min_u8_m128i(from_first, all(more)), from_first)
    }

    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sixteen bits are set at most"
    )]
    fn bits(lane: m128i) -> u16 {
        move_mask_i8_m128i(lane) as u16
    }
}

/// The same byte by byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use super::{BLOCK, Block};

    pub(super) fn look(bytes: &[u8; BLOCK]) -> Block {
        let mut block = Block::default();
        for (index, &byte) in bytes.iter().enumerate() {
            let is_special = matches!(byte, b'%' | b'&' | b'\\' | b':'..=b'@') || !byte.is_ascii();
            block.digits |= u64::from(byte.is_ascii_digit()) << index;
            block.words |= u64::from(byte.is_ascii_alphanumeric()) << index;
            block.tokens |= u64::from(byte > b'*' && !is_special) << index;
            block.specials |= u64::from(is_special) << index;
        }
        block
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Block, Cursor, plain};

    fn plainly(bytes: &[u8]) -> Block {
        let mut padded = [0; BLOCK];
        padded.get_mut(..bytes.len()).unwrap().copy_from_slice(bytes);
        plain::look(&padded)
    }

    #[test]
    fn every_byte_is_of_its_classes_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let bytes = [&vec![b' '; place][..], &[byte]].concat();
                assert_eq!(Block::of(&bytes), plainly(&bytes), "{byte} at {place}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn all_bytes_of_a_block_are_of_their_classes(bytes in prop::collection::vec(any::<u8>(), 0..=BLOCK)) {
            prop_assert_eq!(Block::of(&bytes), plainly(&bytes));
        }

        #[test]
        fn a_cursor_sees_what_is_there_wherever_it_looks(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            starts in prop::collection::vec(0..400_usize, 0..8),
        ) {
            let mut cursor = Cursor::new(&bytes);
            for start in starts {
                let rest = bytes.get(start..).unwrap_or_default();
                prop_assert_eq!(cursor.from(start), plainly(rest.get(..BLOCK).unwrap_or(rest)));
            }
        }
    }
}
