//! Sixty-four bytes at a time (AVX-512), or thirty-two (AVX2), where a processor has the instructions for it.
//!
//! This is the only `unsafe` in the project. There are two sorts of it, each with why it is sound beside it: a function that
//! needs instructions is called behind the check that the processor has them, and a whole block is read or written through a
//! pointer to it.

#![allow(unsafe_code, reason = "instructions that not every processor has, and reading blocks for them")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256,
    _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm512_add_epi8,
    _mm512_cmpeq_epi8_mask, _mm512_cmpgt_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512,
    _mm512_maskz_compress_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8, _mm512_storeu_si512,
    _pdep_u64, _pext_u64,
};

use crate::{BLOCK, Compacting, Looking, Marks, Signs};

/// Half a block.
const HALF: usize = BLOCK / 2;

/// What each block is, if the processor can tell it here.
#[inline]
pub(crate) fn marks(blocks: &[[u8; BLOCK]], classes: &mut [Marks]) -> bool {
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has these instructions.
        unsafe { marks_of_512(blocks, classes) };
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has these instructions.
        unsafe { marks_of_256(blocks, classes) };
    } else {
        return false;
    }
    true
}

/// What each block is, if the processor can tell it here.
#[inline]
pub(crate) fn signs(blocks: &[[u8; BLOCK]], classes: &mut [Signs]) -> bool {
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has these instructions.
        unsafe { signs_of_512(blocks, classes) };
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has these instructions.
        unsafe { signs_of_256(blocks, classes) };
    } else {
        return false;
    }
    true
}

/// Writes the bytes of a block whose bits are set to the beginning of `room`, if the processor can do it here.
#[inline]
pub(crate) fn compact(block: &[u8; BLOCK], kept: u64, room: &mut [u8; BLOCK]) -> bool {
    if is_x86_feature_detected!("avx512vbmi2") {
        // SAFETY: the processor has these instructions.
        unsafe { compact_by_512(block, kept, room) };
    } else if is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has these instructions.
        unsafe { compact_by_8(block, kept, room) };
    } else {
        return false;
    }
    true
}

/// What of this the processor has.
pub(crate) fn ways() -> Vec<(&'static str, Looking<Marks>, Looking<Signs>)> {
    let mut ways: Vec<(&'static str, Looking<Marks>, Looking<Signs>)> = Vec::new();
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has these instructions.
        ways.push((
            "avx2",
            |blocks, classes| unsafe { marks_of_256(blocks, classes) },
            |blocks, classes| unsafe { signs_of_256(blocks, classes) },
        ));
    }
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has these instructions.
        ways.push((
            "avx512bw",
            |blocks, classes| unsafe { marks_of_512(blocks, classes) },
            |blocks, classes| unsafe { signs_of_512(blocks, classes) },
        ));
    }
    ways
}

/// The same of [`compact`].
pub(crate) fn ways_to_compact() -> Vec<(&'static str, Compacting)> {
    let mut ways: Vec<(&'static str, Compacting)> = Vec::new();
    if is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has these instructions.
        ways.push(("bmi2", |block, kept, room| unsafe { compact_by_8(block, kept, room) }));
    }
    if is_x86_feature_detected!("avx512vbmi2") {
        // SAFETY: the processor has these instructions.
        ways.push(("avx512vbmi2", |block, kept, room| unsafe { compact_by_512(block, kept, room) }));
    }
    ways
}

#[target_feature(enable = "avx512vbmi2")]
fn compact_by_512(block: &[u8; BLOCK], kept: u64, room: &mut [u8; BLOCK]) {
    // SAFETY: the pointer is to as many bytes as are read, of any alignment.
    let lane = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let packed = _mm512_maskz_compress_epi8(kept, lane);
    // SAFETY: the pointer is to as many bytes as are written, of any alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), packed) };
}

#[target_feature(enable = "bmi2")]
fn compact_by_8(block: &[u8; BLOCK], kept: u64, room: &mut [u8; BLOCK]) {
    const LOWEST_OF_EACH: u64 = 0x0101_0101_0101_0101;
    let mut length = 0;
    for (index, eight) in block.as_chunks::<8>().0.iter().enumerate() {
        let kept = kept >> (8 * index) & 0xFF;
        let bytes = _pdep_u64(kept, LOWEST_OF_EACH) * 0xFF;
        let packed = _pext_u64(u64::from_le_bytes(*eight), bytes);
        // No more was written than was read, so there is room for eight.
        if let Some(place) = room.get_mut(length..).and_then(<[u8]>::first_chunk_mut) {
            *place = packed.to_le_bytes();
        }
        length += kept.count_ones() as usize;
    }
}

#[target_feature(enable = "avx512bw")]
fn marks_of_512(blocks: &[[u8; BLOCK]], classes: &mut [Marks]) {
    for (block, place) in blocks.iter().zip(classes) {
        let lane = load_512(block);
        *place = Marks {
            quotes: is_512(lane, b'"'),
            backslashes: is_512(lane, b'\\'),
            controls: _mm512_cmplt_epu8_mask(lane, all_512(b' ')),
        };
    }
}

#[target_feature(enable = "avx512bw")]
fn signs_of_512(blocks: &[[u8; BLOCK]], classes: &mut [Signs]) {
    for (block, place) in blocks.iter().zip(classes) {
        let lane = load_512(block);
        let digits = is_between_512(lane, b'0', 9);
        // The letters of both cases differ in one bit.
        let words = digits | is_between_512(_mm512_or_si512(lane, all_512(0x20)), b'a', 25);
        let visible = _mm512_cmpgt_epi8_mask(lane, all_512(b'*'));
        let marks = is_between_512(lane, b'%', 1) | is_512(lane, b'\\');
        let specials = _mm512_movepi8_mask(lane) | marks | is_between_512(lane, b':', b'@' - b':');
        *place = Signs { digits, words, tokens: visible & !specials, specials };
    }
}

#[target_feature(enable = "avx512bw")]
#[inline]
fn load_512(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the pointer is to as many bytes as are read, of any alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx512bw")]
#[inline]
fn all_512(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

#[target_feature(enable = "avx512bw")]
#[inline]
fn is_512(lane: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(lane, all_512(byte))
}

/// Which bytes are `first` or one of the `more` bytes behind it.
#[target_feature(enable = "avx512bw")]
#[inline]
fn is_between_512(lane: __m512i, first: u8, more: u8) -> u64 {
    let from_first = _mm512_add_epi8(lane, all_512(0_u8.wrapping_sub(first)));
    _mm512_cmplt_epu8_mask(from_first, all_512(more + 1))
}

#[target_feature(enable = "avx2")]
fn marks_of_256(blocks: &[[u8; BLOCK]], classes: &mut [Marks]) {
    for (block, place) in blocks.iter().zip(classes) {
        let halves = load_256(block);
        let controls = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, all_256(0x1F)), lane);
        *place = Marks {
            quotes: bits_256(halves.map(|lane| is_256(lane, b'"'))),
            backslashes: bits_256(halves.map(|lane| is_256(lane, b'\\'))),
            controls: bits_256(halves.map(controls)),
        };
    }
}

#[target_feature(enable = "avx2")]
fn signs_of_256(blocks: &[[u8; BLOCK]], classes: &mut [Signs]) {
    for (block, place) in blocks.iter().zip(classes) {
        let halves = load_256(block);
        let digits = bits_256(halves.map(|lane| is_between_256(lane, b'0', 9)));
        let letters = halves.map(|lane| is_between_256(_mm256_or_si256(lane, all_256(0x20)), b'a', 25));
        let visible = bits_256(halves.map(|lane| _mm256_cmpgt_epi8(lane, all_256(b'*'))));
        let specials = bits_256(halves.map(|lane| {
            let marks = _mm256_or_si256(is_between_256(lane, b'%', 1), is_256(lane, b'\\'));
            // A byte that is not ASCII has its highest bit set, as what is compared and found has.
            _mm256_or_si256(_mm256_or_si256(lane, marks), is_between_256(lane, b':', b'@' - b':'))
        }));
        *place = Signs { digits, words: digits | bits_256(letters), tokens: visible & !specials, specials };
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_256(block: &[u8; BLOCK]) -> [__m256i; 2] {
    let [first, second] = [block.as_ptr(), block.as_ptr().wrapping_add(HALF)];
    // SAFETY: each pointer is to as many bytes of the block as are read, of any alignment.
    unsafe { [_mm256_loadu_si256(first.cast()), _mm256_loadu_si256(second.cast())] }
}

#[target_feature(enable = "avx2")]
#[inline]
fn all_256(byte: u8) -> __m256i {
    _mm256_set1_epi8(byte.cast_signed())
}

#[target_feature(enable = "avx2")]
#[inline]
fn is_256(lane: __m256i, byte: u8) -> __m256i {
    _mm256_cmpeq_epi8(lane, all_256(byte))
}

/// Which bytes are `first` or one of the `more` bytes behind it.
#[target_feature(enable = "avx2")]
#[inline]
fn is_between_256(lane: __m256i, first: u8, more: u8) -> __m256i {
    let from_first = _mm256_add_epi8(lane, all_256(0_u8.wrapping_sub(first)));
    _mm256_cmpeq_epi8(_mm256_min_epu8(from_first, all_256(more)), from_first)
}

/// The highest bit of each byte.
#[target_feature(enable = "avx2")]
#[inline]
fn bits_256([first, second]: [__m256i; 2]) -> u64 {
    let bits = |lane| u64::from(_mm256_movemask_epi8(lane).cast_unsigned());
    bits(first) | bits(second) << HALF
}
