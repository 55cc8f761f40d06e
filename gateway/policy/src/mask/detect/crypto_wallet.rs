//! Addresses of wallets: Bitcoin's in Bech32 and Bech32m with their checksum (BIP 173, BIP 350) and in base 58 with theirs, and
//! those of Ethereum (`0x` and forty hexadecimal digits; ERC-55).

use std::ops::Range;

use aws_lc_rs::digest;

use super::Sample;
use super::bytes::{is_joined_after, run_end};
use super::trigger::{ANYTHING, Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[
    Trigger::Token(b"bB", b"cC", bitcoin),
    Trigger::Token(b"0", b"x", ethereum),
    Trigger::Token(b"13", ANYTHING, base_58),
];

/// The characters of Bech32, each at the place that it stands for.
const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn bitcoin(sample: Sample<'_>, start: usize) -> Look {
    bitcoin_at(sample.text.as_bytes(), start).into()
}

fn bitcoin_at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let end = run_end(text, start, |byte| byte.is_ascii_alphanumeric());
    let address = text.get(start..end)?;
    let is_one_case =
        !address.iter().any(u8::is_ascii_lowercase) || !address.iter().any(u8::is_ascii_uppercase);
    let (head, data) = address.split_at_checked(3)?;
    let is_long_enough = (14..=90).contains(&address.len());
    (head.eq_ignore_ascii_case(b"bc1") && is_long_enough && is_one_case && passes_check(data))
        .then_some(start..end)
}

/// Whether the last six characters are right. The address begins with `bc1`.
fn passes_check(data: &[u8]) -> bool {
    /// What is left of an address of version 0, and of later ones.
    const REMAINDERS: [u32; 2] = [1, 0x2BC8_30A3];
    // The human-readable part, expanded: the upper bits of its letters, 0, and their lower bits.
    let prefix = [3, 3, 0, 2, 3].into_iter();
    let value = |byte: &u8| CHARACTERS.iter().position(|own| *own == byte.to_ascii_lowercase());
    let Some(values) = data.iter().map(value).collect::<Option<Vec<_>>>() else { return false };
    let values = values.into_iter().filter_map(|value| u32::try_from(value).ok());
    let remainder =
        prefix.chain(values).fold(1_u32, |sum, value| {
            let top = sum >> 25;
            let next = (sum & 0x01FF_FFFF) << 5 ^ value;
            GENERATORS.iter().enumerate().fold(next, |next, (bit, generator)| {
                if top >> bit & 1 == 1 { next ^ generator } else { next }
            })
        });
    REMAINDERS.contains(&remainder)
}

/// The generator of the code, multiplied by each power of the field's element.
const GENERATORS: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];

/// The digits of base 58, as Bitcoin has them.
const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// An older address: a version (0 or 5), the hash of a key or script, and the first four bytes of a hash of both.
fn base_58(sample: Sample<'_>, start: usize) -> Look {
    let text = sample.text.as_bytes();
    let end = run_end(text, start, |byte| byte.is_ascii_alphanumeric());
    let address = text.get(start..end).filter(|address| (26..=35).contains(&address.len()));
    address.and_then(decoded).is_some_and(|bytes| passes_hash(&bytes)).then_some(start..end).into()
}

/// What each letter counts; 58 is for what is none.
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the compiler has looked at it")]
const VALUES: [u8; 256] = {
    let mut values = [58; 256];
    let mut index = 0;
    while index < DIGITS.len() {
        values[DIGITS[index] as usize] = index as u8;
        index += 1;
    }
    values
};

/// The 25 bytes that an address is written for.
fn decoded(address: &[u8]) -> Option<[u8; 25]> {
    /// How many letters make a number that 32 bits hold.
    const LETTERS: usize = 5;
    // What is no digit is found before anything is calculated.
    let value = |letter: &u8| VALUES.get(usize::from(*letter)).copied().filter(|value| *value < 58);
    if !address.iter().all(|letter| value(letter).is_some()) {
        return None;
    }
    // The lowest part is the last.
    let mut parts = [0_u32; 7];
    for letters in address.chunks(LETTERS) {
        let mut factor = 1;
        let mut carry = 0;
        for letter in letters {
            factor *= 58;
            carry = carry * 58 + u64::from(value(letter)?);
        }
        for part in parts.iter_mut().rev() {
            carry += u64::from(*part) * factor;
            *part = u32::try_from(carry & u64::from(u32::MAX)).ok()?;
            carry >>= 32;
        }
        if carry > 0 {
            return None;
        }
    }
    let mut bytes = [0; 28];
    for (place, part) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(parts) {
        *place = part.to_be_bytes();
    }
    // An address is no longer than its bytes.
    match bytes {
        [0, 0, 0, address @ ..] => Some(address),
        _ => None,
    }
}

fn passes_hash(bytes: &[u8; 25]) -> bool {
    let Some((content, check)) = bytes.split_at_checked(21) else { return false };
    let once = digest::digest(&digest::SHA256, content);
    let twice = digest::digest(&digest::SHA256, once.as_ref());
    matches!(content.first(), Some(0 | 5)) && twice.as_ref().starts_with(check)
}

fn ethereum(sample: Sample<'_>, start: usize) -> Look {
    const LENGTH: usize = 42;
    let text = sample.text.as_bytes();
    let range = start..start + LENGTH;
    let is_address =
        text.get(range.clone()).and_then(|address| address.strip_prefix(b"0x")).is_some_and(|digits| {
            digits.iter().all(u8::is_ascii_hexdigit) && digits.iter().any(|digit| *digit != b'0')
        });
    (is_address && !is_joined_after(text, range.end)).then_some(range).into()
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::CryptoWallet;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn values_are_found() {
        assert_marked(
            CryptoWallet,
            &[
                "«bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4»",
                "BTC: «BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4».",
                "«1BoatSLRHtKNngkdXEeobR76b53LETtpyT», «3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy»",
                "«bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0»",
                "to «0x52908400098527886E0F7030069857D2E4169EE7», from «0xde709f2102306220921060314715629080e2fb77»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            CryptoWallet,
            &[
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
                "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                "bc1",
                "1BoatSLRHtKNngkdXEeobR76b53LETtpyU",
                "1BoatSLRHtKNngkdXEeobR76b53LETtpy0",
                "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNL",
                "0x0000000000000000000000000000000000000000",
                "0x52908400098527886E0F7030069857D2E4169EE",
                "0x52908400098527886E0F7030069857D2E4169EE71",
                "52908400098527886E0F7030069857D2E4169EE7",
                "xbc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(CryptoWallet, "", &"bc1-0x-1Boat".repeat(50_000)).is_empty());
    }
}
