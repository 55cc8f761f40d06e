//! The bytes at which a string ends or needs a look, 64 bytes at a time: quotes that no backslash precedes, control
//! characters, and escapes that are more than one letter. All other escapes are checked here, and passed over.
//!
//! What such a byte means is for the scanner to say.

use lychgate_gateway_lanes::{BLOCK, Marks, Window};

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
    window: Window<Marks>,
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
                self.look(text, index);
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

    /// Looks at the block with this index. Behind the end of the text are control characters.
    #[inline]
    fn look(&mut self, text: &[u8], index: usize) {
        // What lies between is outside of strings.
        let carry = if self.block == index { self.carry } else { 0 };
        let Marks { quotes, backslashes, controls } = self.window.block(text, index);
        self.block = index + 1;
        self.backslashes = backslashes;
        if backslashes | carry == 0 {
            (self.stops, self.escapes, self.carry) = (quotes | controls, 0, 0);
            return;
        }
        let (escaped, carry) = escaped(backslashes, carry);
        let others = ones(escaped & !quotes & !backslashes);
        let is_letter =
            |bit: &u32| text.get(index * BLOCK + *bit as usize).is_some_and(|byte| is_single(*byte));
        self.escapes = others.filter(|bit| !is_letter(bit)).fold(0, |bits, bit| bits | 1 << bit);
        self.stops = (quotes & !escaped) | controls | self.escapes;
        self.carry = carry;
    }
}

/// Which bytes stand behind a backslash that no other backslash precedes in the same way; and whether the next block begins so.
pub(super) fn escaped(backslashes: u64, carry: u64) -> (u64, u64) {
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
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest)
    })
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
