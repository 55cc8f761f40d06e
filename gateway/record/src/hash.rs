//! The SHA-256 that links a line to the one before it. Only the value and its text form live here;
//! what is hashed is said where lines are made.

use std::fmt;

use aws_lc_rs::digest;

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first line of a journal names as its predecessor: 64 zeros.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of a line's bytes, without its newline.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest::digest(&digest::SHA256, line).as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The text form.
    pub(crate) fn digits(self) -> [u8; 64] {
        let mut digits = [b'0'; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 0xF].map(|digit| digit + if digit < 10 { b'0' } else { b'a' - 10 });
        }
        digits
    }

    /// Reads the text form. Upper case is refused, because a writer never makes it and one value
    /// must have one form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_that_sha256sum_prints() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Hash::of(b"abc").to_string(), hash);
        assert_eq!(Hash::parse(hash), Some(Hash::of(b"abc")));
        assert_eq!(Hash::ZERO.to_string(), "0".repeat(64));
    }

    #[test]
    fn a_hash_in_upper_case_or_of_another_length_is_refused() {
        for text in ["", "00", &"A".repeat(64), &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert_eq!(Hash::parse(text), None, "{text}");
        }
    }
}
