//! The bytes at which a string ends or needs a look, 64 bytes at a time: quotes that no backslash precedes, control
//! characters, and escapes that are more than one letter. All other escapes are checked here, and passed over.
//!
//! Sixteen bytes are compared at a time, with instructions that every processor of the architecture has; where that is not
//! x86-64, byte by byte. What such a byte means is for the scanner to say.

/// How many bytes are looked at together.
const BLOCK: usize = 64;
/// How many bytes are compared at a time.
pub(super) const LANE: usize = 16;

/// Where strings end, and what in them needs a look, a block at a time. Backslashes outside of strings are not told from those
/// inside: whoever reads a text from its beginning meets them as a fault before anything behind them.
#[derive(Default)]
pub(super) struct Specials {
    /// The block that was looked at, counted from 1.
    block: usize,
    /// At which of its bytes to stop: the lowest bit is the first byte's.
    stops: u64,
    /// Which of these stand behind a backslash.
    escapes: u64,
    backslashes: u64,
    /// The lowest bit says whether the next block begins behind a backslash.
    carry: u64,
}

impl Specials {
    /// The first byte from `position` on to stop at, or the end of the text. Notes whether it has passed a backslash.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], position: usize, has_escape: &mut bool) -> usize {
        let place = position % BLOCK;
        let rest = self.stops >> place;
        if self.block == position / BLOCK + 1 && rest != 0 {
            let length = rest.trailing_zeros();
            *has_escape |= self.backslashes >> place & !(u64::MAX << length) != 0;
            return position + length as usize;
        }
        self.next_block(text, position, has_escape)
    }

    /// The same, in the blocks behind.
    #[inline(never)]
    fn next_block(&mut self, text: &[u8], position: usize, has_escape: &mut bool) -> usize {
        let mut position = position;
        while position < text.len() {
            let index = position / BLOCK;
            if self.block != index + 1 {
                self.look(text.get(index * BLOCK..).unwrap_or_default(), index);
            }
            let place = position % BLOCK;
            let rest = self.stops >> place;
            if rest != 0 {
                let length = rest.trailing_zeros();
                *has_escape |= self.backslashes >> place & !(u64::MAX << length) != 0;
                return position + length as usize;
            }
            *has_escape |= self.backslashes >> place != 0;
            position = (index + 1) * BLOCK;
        }
        text.len()
    }

    /// Whether the byte at `position`, at which it was stopped, stands behind a backslash.
    pub(super) fn is_escape(&self, position: usize) -> bool {
        self.block == position / BLOCK + 1 && self.escapes >> (position % BLOCK) & 1 == 1
    }

    /// Looks at the block with this index, which `text` begins with. Behind the end of the text are control characters.
    #[inline]
    fn look(&mut self, text: &[u8], index: usize) {
        // What lies between is outside of strings.
        let carry = if self.block == index { self.carry } else { 0 };
        let Classes { quotes, backslashes, controls } = match text.first_chunk() {
            Some(block) => Classes::of(block),
            None => {
                let mut padded = [0; BLOCK];
                padded.iter_mut().zip(text).for_each(|(place, &byte)| *place = byte);
                Classes::of(&padded)
            }
        };
        self.block = index + 1;
        self.backslashes = backslashes;
        if backslashes | carry == 0 {
            (self.stops, self.escapes, self.carry) = (quotes | controls, 0, 0);
            return;
        }
        let (escaped, carry) = escaped(backslashes, carry);
        let others = ones(escaped & !quotes & !backslashes);
        let is_letter = |bit: &u32| text.get(*bit as usize).is_some_and(|byte| is_single(*byte));
        self.escapes = others.filter(|bit| !is_letter(bit)).fold(0, |bits, bit| bits | 1 << bit);
        self.stops = (quotes & !escaped) | controls | self.escapes;
        self.carry = carry;
    }
}

/// Which bytes stand behind a backslash that no other backslash precedes in the same way; and whether the next block begins so.
fn escaped(backslashes: u64, carry: u64) -> (u64, u64) {
    let mut escaping = backslashes & !carry;
    if escaping & escaping << 1 != 0 {
        // Of those in a row every other one.
        let mut left = escaping;
        while left != 0 {
            let first = left & left.wrapping_neg();
            left &= !(first | first << 1);
            escaping &= !(first << 1);
        }
    }
    (escaping << 1 | carry, escaping >> (BLOCK - 1))
}

/// Whether a backslash and this byte are an escape.
fn is_single(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
}

/// The numbers of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest)
    })
}

/// What 64 bytes are: the lowest bit is the first byte's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Classes {
    quotes: u64,
    backslashes: u64,
    controls: u64,
}

impl Classes {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut classes = Self::default();
        for (index, lane) in block.as_chunks::<LANE>().0.iter().enumerate() {
            let [quotes, backslashes, controls] = lanes::classes(lane);
            classes.quotes |= u64::from(quotes) << (LANE * index);
            classes.backslashes |= u64::from(backslashes) << (LANE * index);
            classes.controls |= u64::from(controls) << (LANE * index);
        }
        classes
    }
}

/// Which of some bytes is the first backslash; [`LANE`] if none is.
#[inline]
pub(super) fn first_backslash(lane: &[u8; LANE]) -> usize {
    (lanes::backslashes(lane) | 1 << LANE).trailing_zeros() as usize
}

/// Which of some bytes is the first quote, backslash or control character; [`LANE`] if none is.
#[inline]
pub(super) fn first_special(lane: &[u8; LANE]) -> usize {
    let [quotes, backslashes, controls] = lanes::classes(lane);
    (quotes | backslashes | controls | 1 << LANE).trailing_zeros() as usize
}

/// Sixteen bytes at a time.
#[cfg(target_arch = "x86_64")]
mod lanes {
    use safe_arch::{cmp_eq_mask_i8_m128i, m128i, min_u8_m128i, move_mask_i8_m128i, set_splat_i8_m128i};

    use super::LANE;

    /// Quotes, backslashes, control characters.
    #[inline]
    pub(super) fn classes(lane: &[u8; LANE]) -> [u32; 3] {
        let lane = m128i::from(*lane);
        let controls = cmp_eq_mask_i8_m128i(min_u8_m128i(lane, all(0x1F)), lane);
        [bits(is(lane, b'"')), bits(is(lane, b'\\')), bits(controls)]
    }

    #[inline]
    pub(super) fn backslashes(lane: &[u8; LANE]) -> u32 {
        bits(is(m128i::from(*lane), b'\\'))
    }

    #[inline]
    fn bits(lane: m128i) -> u32 {
        move_mask_i8_m128i(lane).cast_unsigned()
    }

    #[inline]
    fn all(byte: u8) -> m128i {
        set_splat_i8_m128i(byte.cast_signed())
    }

    #[inline]
    fn is(lane: m128i, byte: u8) -> m128i {
        cmp_eq_mask_i8_m128i(lane, all(byte))
    }
}

#[cfg(not(target_arch = "x86_64"))]
use plain as lanes;

/// The same byte by byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use super::LANE;

    pub(super) fn classes(lane: &[u8; LANE]) -> [u32; 3] {
        [bits(lane, |byte| byte == b'"'), backslashes(lane), bits(lane, |byte| byte < b' ')]
    }

    pub(super) fn backslashes(lane: &[u8; LANE]) -> u32 {
        bits(lane, |byte| byte == b'\\')
    }

    fn bits(lane: &[u8; LANE], is_so: impl Fn(u8) -> bool) -> u32 {
        lane.iter().enumerate().fold(0, |bits, (index, &byte)| bits | u32::from(is_so(byte)) << index)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where the first string of a text is stopped at, whether it has an escape, and whether it is stopped at one, byte by byte.
    fn stop(text: &[u8], position: usize) -> (usize, bool, bool) {
        let (mut position, mut has_escape) = (position, false);
        while let Some(&byte) = text.get(position) {
            if byte == b'\\' {
                has_escape = true;
                position += 1;
                if !text.get(position).is_some_and(|byte| is_single(*byte)) {
                    return (position, true, position < text.len());
                }
            } else if byte < b' ' || byte == b'"' {
                break;
            }
            position += 1;
        }
        (position, has_escape, false)
    }

    /// The same as it is found.
    fn found(specials: &mut Specials, text: &[u8], position: usize) -> (usize, bool, bool) {
        let mut has_escape = false;
        let found = specials.next(text, position, &mut has_escape);
        (found, has_escape, found < text.len() && specials.is_escape(found))
    }

    #[test]
    fn given_any_byte_at_any_place_when_it_is_looked_at_then_lanes_agree_with_bytes() {
        for filler in [b'a', b' ', b'!', b'#', b'[', b']', 0x7F, 0x80, 0xA2, 0xFF] {
            for byte in 0..=u8::MAX {
                for place in 0..LANE {
                    let mut lane = [filler; LANE];
                    *lane.get_mut(place).unwrap() = byte;
                    assert_eq!(lanes::classes(&lane), plain::classes(&lane), "{byte} at {place}");
                    assert_eq!(lanes::backslashes(&lane), plain::backslashes(&lane), "{byte} at {place}");
                }
            }
        }
    }

    #[test]
    fn given_any_byte_at_any_place_when_the_next_special_is_asked_for_then_lanes_agree_with_bytes() {
        for byte in 0..=u8::MAX {
            for place in [0, 1, 14, 15, 16, 17, 31, 62, 63, 64, 65, 127, 128] {
                for behind in [&[b'"', b'a'][..], b"\\\"\"", b"u0041\"", b""] {
                    let text = [&vec![b'a'; place][..], &[byte], behind].concat();
                    assert_eq!(
                        found(&mut Specials::default(), &text, 0),
                        stop(&text, 0),
                        "{byte} at {place}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn given_strings_with_escapes_when_each_is_passed_then_it_ends_where_it_does_byte_by_byte(
            pieces in prop::collection::vec(
                prop::sample::select(
                    &["a", "\\\\", "\\\"", "\\n", "\"", "\\", "\\u0041", "\\x", "\n", "0123456789012345678901234567890"][..]
                ),
                0..60,
            )
        ) {
            let text = pieces.concat().into_bytes();
            let mut specials = Specials::default();
            let mut position = 0;
            while position < text.len() {
                let (found, has_escape, is_escape) = found(&mut specials, &text, position);
                prop_assert_eq!((found, has_escape, is_escape), stop(&text, position));
                // Only what is read from its beginning is read aright.
                if is_escape && text.get(found) != Some(&b'u') {
                    break;
                }
                position = found + 1;
            }
        }
    }
}
