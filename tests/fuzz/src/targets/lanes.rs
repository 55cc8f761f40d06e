//! Bytes told into classes, and left out of blocks: every way that this processor has says and does the same as the plain one,
//! and a window says of a block what it is alone.

use lychgate_gateway_lanes::{BLOCK, Classes, Marks, Signs, Window, compact, ways, ways_to_compact};

/// The first eight bytes say which bytes of each block are kept; what follows is a text.
pub(crate) fn run(data: &[u8]) {
    let Some((kept, text)) = data.split_first_chunk() else { return };
    let kept = u64::from_le_bytes(*kept);
    let blocks = text.as_chunks::<BLOCK>().0;
    let mut plain = None;
    for (name, marks, signs) in ways() {
        let mut found = (vec![Marks::default(); blocks.len()], vec![Signs::default(); blocks.len()]);
        marks(blocks, &mut found.0);
        signs(blocks, &mut found.1);
        assert_eq!(&found, plain.get_or_insert_with(|| found.clone()), "{name}");
    }
    let (of_marks, of_signs) = plain.unwrap();
    let (mut marks, mut signs) = (Window::<Marks>::default(), Window::<Signs>::default());
    for (index, block) in blocks.iter().enumerate() {
        assert_eq!((marks.block(text, index), signs.block(text, index)), (of_marks[index], of_signs[index]));
        assert_eq!((Marks::of(block), Signs::of(block)), (of_marks[index], of_signs[index]));
        let expected: Vec<u8> = (0..BLOCK).filter(|bit| kept >> bit & 1 == 1).map(|bit| block[bit]).collect();
        let mut room = [0; BLOCK];
        assert_eq!(compact(block, kept, &mut room), expected.len());
        for (name, way) in ways_to_compact() {
            way(block, kept, &mut room);
            assert_eq!(&room[..expected.len()], &expected[..], "{name}");
        }
    }
    let last = text.len() / BLOCK;
    let rest = &text[last * BLOCK..];
    assert_eq!((marks.block(text, last), signs.block(text, last)), (Marks::of(rest), Signs::of(rest)));
}
