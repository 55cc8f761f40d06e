//! The bytes at which a string ends or needs a look: quotes, backslashes and control characters, 64 bytes at a time.
//!
//! Sixteen bytes are compared at a time, with instructions that every processor of the architecture has; where that is not
//! x86-64, byte by byte. What such a byte means is for the scanner to say.

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// Where strings end, and what in them needs a look, a block at a time.
#[derive(Default)]
pub(super) struct Specials {
    /// The block that was looked at, counted from 1.
    block: usize,
    /// Which of its bytes are a quote, a backslash or a control character: the lowest bit is the first byte's.
    bits: u64,
}

impl Specials {
    /// The first quote, backslash or control character from `position` on, or the end of the text.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], position: usize) -> usize {
        let rest = self.bits >> (position % BLOCK);
        if self.block == position / BLOCK + 1 && rest != 0 {
            return position + rest.trailing_zeros() as usize;
        }
        self.next_block(text, position)
    }

    /// The same, in the blocks behind.
    #[inline(never)]
    fn next_block(&mut self, text: &[u8], position: usize) -> usize {
        let mut position = position;
        while position < text.len() {
            let index = position / BLOCK;
            self.bits = special_bits(text.get(index * BLOCK..).unwrap_or_default());
            self.block = index + 1;
            let rest = self.bits >> (position % BLOCK);
            if rest != 0 {
                return position + rest.trailing_zeros() as usize;
            }
            position = (index + 1) * BLOCK;
        }
        text.len()
    }
}

/// Which of the first [`BLOCK`] bytes are special. Behind the end of the text all are.
#[inline]
fn special_bits(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(block) => special_bits_of(block),
        None => {
            let mut padded = [0; BLOCK];
            padded.iter_mut().zip(text).for_each(|(place, &byte)| *place = byte);
            special_bits_of(&padded)
        }
    }
}

#[inline]
fn special_bits_of(block: &[u8; BLOCK]) -> u64 {
    let [one, two, three, four] = block.as_chunks().0 else { return u64::MAX };
    let [one, two, three, four] = [one, two, three, four].map(|lane| u64::from(special_bytes(lane)));
    one | two << LANE | three << (2 * LANE) | four << (3 * LANE)
}

/// How many bytes are compared at a time.
const LANE: usize = 16;

/// Which bytes are a quote, a backslash or a control character: the lowest bit is the first byte's.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special_bytes(lane: &[u8; LANE]) -> u32 {
    use safe_arch::{cmp_eq_mask_i8_m128i, m128i, min_u8_m128i, move_mask_i8_m128i, set_splat_i8_m128i};
    let lane = m128i::from(*lane);
    let all = |byte: u8| set_splat_i8_m128i(byte.cast_signed());
    let is = |byte: u8| cmp_eq_mask_i8_m128i(lane, all(byte));
    let is_control = cmp_eq_mask_i8_m128i(min_u8_m128i(lane, all(0x1F)), lane);
    move_mask_i8_m128i(is_control | is(b'"') | is(b'\\')).cast_unsigned()
}

/// The same byte by byte.
#[cfg(not(target_arch = "x86_64"))]
fn special_bytes(lane: &[u8; LANE]) -> u32 {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    lane.iter().enumerate().fold(0, |bits, (index, &byte)| bits | u32::from(is_special(byte)) << index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_any_byte_at_any_place_when_the_next_special_is_asked_for_then_lanes_agree_with_bytes() {
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7F, 0x80, 0xA2, 0xFF] {
            for byte in 0..=u8::MAX {
                for place in [0, 1, 14, 15, 16, 17, 31, 62, 63, 64, 65, 127, 128] {
                    let before = vec![filler; place];
                    let text = [&before[..], &[byte, 0x00, b'"', filler][..]].concat();
                    let expected = text.iter().take_while(|byte| is_plain(byte)).count();
                    let mut specials = Specials::default();
                    assert_eq!(specials.next(&text, 0), expected, "{byte} at {place}");
                    assert_eq!(specials.next(&text, place + 1), place + 1);
                    assert_eq!(specials.next(&text, place + 3), place + 4);
                }
            }
        }
    }
}
