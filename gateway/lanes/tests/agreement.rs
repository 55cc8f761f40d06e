//! Every way to look at blocks says the same of every byte at every place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use lychgate_gateway_lanes::{BLOCK, Classes, Marks, Signs, Window, compact, ways, ways_to_compact};
use proptest::prelude::*;

/// What all ways say of some blocks, once they are seen to agree.
fn agreed(blocks: &[[u8; BLOCK]]) -> (Vec<Marks>, Vec<Signs>) {
    let mut agreed = None;
    for (name, marks, signs) in ways() {
        let mut found = (vec![Marks::default(); blocks.len()], vec![Signs::default(); blocks.len()]);
        marks(blocks, &mut found.0);
        signs(blocks, &mut found.1);
        assert_eq!(
            &found,
            agreed.get_or_insert_with(|| found.clone()),
            "{name} says otherwise of {blocks:?}"
        );
    }
    agreed.unwrap()
}

#[test]
fn every_byte_is_of_its_classes_at_every_place() {
    for filler in [b'a', b' ', b'0', b'"', b'\\', 0, 0x7F, 0x80, 0xFF] {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [filler; BLOCK];
                *block.get_mut(place).unwrap() = byte;
                agreed(&[block]);
            }
        }
    }
}

#[test]
fn a_processor_of_this_architecture_has_more_than_one_way() {
    assert!(ways().len() > usize::from(cfg!(target_arch = "x86_64")));
    assert_eq!(ways().first().map(|(name, _, _)| *name), Some("plain"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_bytes_of_blocks_are_of_their_classes(bytes in prop::collection::vec(any::<u8>(), 4 * BLOCK)) {
        agreed(bytes.as_chunks().0);
    }

    #[test]
    fn a_window_says_of_each_block_what_it_is_alone(
        text in prop::collection::vec(any::<u8>(), 0..40 * BLOCK),
        indexes in prop::collection::vec(0..42_usize, 0..60),
    ) {
        let (mut marks, mut signs) = (Window::<Marks>::default(), Window::<Signs>::default());
        for index in indexes {
            let rest = text.get(index * BLOCK..).unwrap_or_default();
            let mut padded = [0; BLOCK];
            padded.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
            let expected = agreed(&[padded]);
            prop_assert_eq!(marks.block(&text, index), expected.0[0]);
            prop_assert_eq!(signs.block(&text, index), expected.1[0]);
            prop_assert_eq!((Marks::of(rest), Signs::of(rest)), (expected.0[0], expected.1[0]));
        }
    }

    #[test]
    fn what_is_kept_of_a_block_stands_together(bytes in any::<[u8; 32]>(), other in any::<[u8; 32]>(), kept in any::<u64>()) {
        let block: [u8; BLOCK] = [bytes, other].concat().try_into().unwrap();
        let mut ways = ways_to_compact();
        ways.push(("the widest", |block, kept, room| {
            compact(block, kept, room);
        }));
        for kept in [kept, 0, u64::MAX, kept | 0xFFFF, kept & kept.rotate_left(7)] {
            let expected: Vec<u8> =
                (0..BLOCK).filter(|bit| kept >> bit & 1 == 1).map(|bit| *block.get(bit).unwrap()).collect();
            for (name, way) in &ways {
                let mut room = [0xA5; BLOCK];
                way(&block, kept, &mut room);
                prop_assert_eq!(room.get(..expected.len()).unwrap(), &expected[..], "{}", name);
            }
        }
    }

    #[test]
    fn of_a_block_in_the_middle_of_two_each_byte_is_what_it_was(
        text in prop::collection::vec(any::<u8>(), 2 * BLOCK), offset in 0..BLOCK, length in 0..BLOCK + 5,
    ) {
        let joined = Signs::of(&text).joined(Signs::of(&text[BLOCK..]), offset);
        let end = offset + length.min(BLOCK);
        prop_assert_eq!(joined.first(length), Signs::of(&text[offset..end]));
    }
}
