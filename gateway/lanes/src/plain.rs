//! Byte by byte: what the classes are.

use crate::{BLOCK, Marks, Signs};

pub(crate) fn marks(blocks: &[[u8; BLOCK]], classes: &mut [Marks]) {
    for (block, place) in blocks.iter().zip(classes) {
        *place = Marks {
            quotes: bits(block, |byte| byte == b'"'),
            backslashes: bits(block, |byte| byte == b'\\'),
            controls: bits(block, |byte| byte < b' '),
        };
    }
}

pub(crate) fn signs(blocks: &[[u8; BLOCK]], classes: &mut [Signs]) {
    let is_special = |byte: u8| matches!(byte, b'%' | b'&' | b'\\' | b':'..=b'@') || !byte.is_ascii();
    for (block, place) in blocks.iter().zip(classes) {
        *place = Signs {
            digits: bits(block, |byte| byte.is_ascii_digit()),
            words: bits(block, |byte| byte.is_ascii_alphanumeric()),
            tokens: bits(block, |byte| byte > b'*' && !is_special(byte)),
            specials: bits(block, is_special),
        };
    }
}

fn bits(block: &[u8; BLOCK], is_so: impl Fn(u8) -> bool) -> u64 {
    block.iter().enumerate().fold(0, |bits, (index, &byte)| bits | u64::from(is_so(byte)) << index)
}

pub(crate) fn compact(block: &[u8; BLOCK], kept: u64, room: &mut [u8; BLOCK]) {
    let is_kept = |(index, _): &(usize, &u8)| kept >> index & 1 == 1;
    let bytes = block.iter().enumerate().filter(is_kept).map(|(_, byte)| *byte);
    room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
}
