//! Sixteen bytes at a time, with instructions that every x86-64 processor has (SSE2).

use safe_arch::{
    cmp_eq_mask_i8_m128i, cmp_gt_mask_i8_m128i, m128i, min_u8_m128i, move_mask_i8_m128i, set_splat_i8_m128i,
    sub_i8_m128i,
};

use crate::{BLOCK, Marks, Signs};

/// How many bytes are compared at a time.
const LANE: usize = 16;

pub(crate) fn marks(blocks: &[[u8; BLOCK]], classes: &mut [Marks]) {
    for (block, place) in blocks.iter().zip(classes) {
        let mut marks = Marks::default();
        for (lane, shift) in lanes(block) {
            marks.quotes |= bits(is(lane, b'"')) << shift;
            marks.backslashes |= bits(is(lane, b'\\')) << shift;
            marks.controls |= bits(cmp_eq_mask_i8_m128i(min_u8_m128i(lane, all(0x1F)), lane)) << shift;
        }
        *place = marks;
    }
}

pub(crate) fn signs(blocks: &[[u8; BLOCK]], classes: &mut [Signs]) {
    for (block, place) in blocks.iter().zip(classes) {
        let mut signs = Signs::default();
        for (lane, shift) in lanes(block) {
            let digits = is_between(lane, b'0', 9);
            // The letters of both cases differ in one bit.
            let words = digits | is_between(lane | all(0x20), b'a', 25);
            let visible = bits(cmp_gt_mask_i8_m128i(lane, all(b'*')));
            let marks = is_between(lane, b'%', 1) | is(lane, b'\\');
            // A byte that is not ASCII has its highest bit set, as what is compared and found has.
            let specials = bits(lane | marks | is_between(lane, b':', b'@' - b':'));
            signs.digits |= bits(digits) << shift;
            signs.words |= bits(words) << shift;
            signs.tokens |= (visible & !specials) << shift;
            signs.specials |= specials << shift;
        }
        *place = signs;
    }
}

/// The lanes of a block, and where the bits of each begin.
#[inline]
fn lanes(block: &[u8; BLOCK]) -> impl Iterator<Item = (m128i, usize)> {
    let lanes = block.as_chunks::<LANE>().0;
    lanes.iter().enumerate().map(|(index, lane)| (m128i::from(*lane), index * LANE))
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
fn bits(lane: m128i) -> u64 {
    u64::from(move_mask_i8_m128i(lane).cast_unsigned())
}
