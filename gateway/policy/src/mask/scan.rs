//! The first look at a text: which of its bytes are of a class that some detector waits for, one bit for each byte.
//!
//! The classes of sixteen bytes are found by comparisons alone, in a loop without branches that compilers turn into
//! vector instructions; their bits are then gathered from eight bytes at a time. What follows from the bits is not
//! known here.

/// How many bytes a [`Block`] speaks of.
pub(super) const BLOCK: usize = 64;

/// How many bytes are compared at a time.
const LANE: usize = 16;

/// A class of bytes: the bit that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `0` to `9`
    Digit = 0,
    /// What tokens consist of: letters and digits of ASCII, `_`, `-`, `.`, `/`, `+`, `~`.
    Token = 1,
    /// `@`
    At = 2,
    /// `-`
    Dash = 3,
    /// `\`
    Backslash = 4,
    /// `=` and `:`
    Sign = 5,
}

/// What up to 64 bytes are.
pub(super) struct Block {
    /// The classes of each byte, eight bytes in a word.
    words: [u64; BLOCK / 8],
    /// The classes of any byte, spread in the same way.
    any: u64,
}

impl Block {
    /// Looks at up to [`BLOCK`] bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut block = Self { words: [0; BLOCK / 8], any: 0 };
        let (lanes, rest) = bytes.as_chunks::<LANE>();
        let mut words = block.words.as_chunks_mut::<2>().0.iter_mut();
        // In this order: the other one takes a place and finds no lane for it.
        for (lane, place) in lanes.iter().zip(words.by_ref()) {
            *place = classes(lane);
            block.any |= place[0] | place[1];
        }
        if let (Some(place), false) = (words.next(), rest.is_empty()) {
            let mut lane = [0; LANE];
            lane.iter_mut().zip(rest).for_each(|(place, &byte)| *place = byte);
            *place = classes(&lane);
            block.any |= place[0] | place[1];
        }
        block
    }

    /// Which bytes are of a class: the lowest bit is the first byte's.
    pub(super) fn bits(&self, class: Class) -> u64 {
        /// The lowest bit of each byte.
        const LOW: u64 = 0x0101_0101_0101_0101;
        /// Brings the lowest bits of eight bytes together in the highest byte, the first of them lowest.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let shift = class as u32;
        if self.any >> shift & LOW == 0 {
            return 0;
        }
        let bits = self.words.iter().rev().map(|word| (word >> shift & LOW).wrapping_mul(GATHER) >> 56);
        bits.fold(0, |gathered, bits| gathered << 8 | bits)
    }
}

/// The classes of sixteen bytes, one byte for each.
#[inline]
fn classes(lane: &[u8; LANE]) -> [u64; 2] {
    let mut found = [0; LANE];
    for (place, &byte) in found.iter_mut().zip(lane) {
        *place = classes_of(byte);
    }
    let (words, _) = found.as_chunks::<8>();
    let mut output = [0; 2];
    output.iter_mut().zip(words).for_each(|(place, word)| *place = u64::from_le_bytes(*word));
    output
}

/// The classes of a byte, without a branch.
#[inline]
fn classes_of(byte: u8) -> u8 {
    let is_between = |first: u8, last: u8| u8::from(byte.wrapping_sub(first) <= last - first);
    let is_letter = u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
    // From the hyphen to the nine: `-`, `.`, `/` and the digits.
    let is_token = is_letter
        | is_between(b'-', b'9')
        | u8::from(byte == b'_')
        | u8::from(byte == b'+')
        | u8::from(byte == b'~');
    is_between(b'0', b'9') << Class::Digit as u8
        | is_token << Class::Token as u8
        | u8::from(byte == b'@') << Class::At as u8
        | u8::from(byte == b'-') << Class::Dash as u8
        | u8::from(byte == b'\\') << Class::Backslash as u8
        | (u8::from(byte == b'=') | u8::from(byte == b':')) << Class::Sign as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Block, Class};

    fn is_of(class: Class, byte: u8) -> bool {
        match class {
            Class::Digit => byte.is_ascii_digit(),
            Class::Token => byte.is_ascii_alphanumeric() || b"_-./+~".contains(&byte),
            Class::At => byte == b'@',
            Class::Dash => byte == b'-',
            Class::Backslash => byte == b'\\',
            Class::Sign => byte == b'=' || byte == b':',
        }
    }

    fn assert_bits(bytes: &[u8]) {
        let block = Block::of(bytes);
        for class in [Class::Digit, Class::Token, Class::At, Class::Dash, Class::Backslash, Class::Sign] {
            let bit = |(index, &byte): (usize, &u8)| u64::from(is_of(class, byte)) << index;
            let expected = bytes.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit);
            assert_eq!(block.bits(class), expected, "{class:?} in {bytes:?}");
        }
    }

    #[test]
    fn every_byte_is_of_its_classes_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                assert_bits(&[&vec![b' '; place][..], &[byte]].concat());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn all_bytes_of_a_block_are_of_their_classes(bytes in prop::collection::vec(any::<u8>(), 0..=BLOCK)) {
            assert_bits(&bytes);
        }
    }
}
