//! Base64 (RFC 4648), as much of it as finding values in text needs.
//!
//! Encoding tells what a known value looks like inside encoded text, decoding reads the header of a token.
//! Neither is meant for content: binary content passes through masking as it is.

/// The alphabet of RFC 4648, section 4.
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `bytes` in the standard alphabet, without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut output = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..=chunk.len() {
            let sextet = (bits >> (18 - 6 * place)) & 0x3F;
            output.extend(STANDARD.get(sextet as usize).copied().map(char::from));
        }
    }
    output
}

/// `standard`, a text in the standard alphabet, in the alphabet for URLs (RFC 4648, section 5).
pub(super) fn for_urls(standard: &str) -> String {
    standard.replace('+', "-").replace('/', "_")
}

/// The bytes of a text without padding in the alphabet for URLs.
pub(super) fn decode_for_urls(text: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut bits = 0_u32;
        for &byte in chunk {
            bits = (bits << 6) | sextet_for_urls(byte)?;
        }
        let [_, first, second, third] = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        match chunk.len() {
            4 => output.extend([first, second, third]),
            3 => output.extend([first, second]),
            2 => output.push(first),
            _ => return None,
        }
    }
    Some(output)
}

/// What each character of either alphabet stands for; 64 is for those that are of neither.
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the compiler has looked at it")]
const SEXTETS: [u8; 256] = {
    let mut sextets = [64; 256];
    let mut index = 0;
    while index < STANDARD.len() {
        sextets[STANDARD[index] as usize] = index as u8;
        index += 1;
    }
    sextets[b'-' as usize] = 62;
    sextets[b'_' as usize] = 63;
    sextets
};

fn sextet(letter: u8) -> u8 {
    SEXTETS.get(usize::from(letter)).copied().unwrap_or(64)
}

/// The three bytes of four characters of either alphabet.
pub(super) fn decode_four(letters: [u8; 4]) -> Option<[u8; 3]> {
    let [one, two, three, four] = letters.map(sextet);
    if (one | two | three | four) >= 64 {
        return None;
    }
    let bits = u32::from(one) << 18 | u32::from(two) << 12 | u32::from(three) << 6 | u32::from(four);
    let [_, first, second, third] = bits.to_be_bytes();
    Some([first, second, third])
}

/// Whether `byte` is of one of the two alphabets.
pub(super) fn is_base64(byte: u8) -> bool {
    sextet(byte) < 64
}

fn sextet_for_urls(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::{decode_for_urls, encode, for_urls};

    #[test]
    fn the_test_vectors_of_rfc_4648_hold() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), encoded);
            assert_eq!(decode_for_urls(encoded.as_bytes()), Some(plain.into()));
        }
        assert_eq!(for_urls(&encode(&[0xFB, 0xFF])), "-_8");
        assert_eq!(decode_for_urls(b"-_8"), Some(vec![0xFB, 0xFF]));
        assert_eq!(decode_for_urls(b"A"), None);
        assert_eq!(decode_for_urls(b"+_8="), None);
    }
}
