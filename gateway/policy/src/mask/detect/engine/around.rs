//! Digits that no detector waits for, and those that may begin a time of a day: what stands around them tells it, and the bits
//! of a block tell it of all together.

use crate::mask::scan::{BLOCK, Block};

/// Longer numbers are looked at one by one, in digits.
#[cfg(test)]
const LONGEST: usize = 3;

/// What stands before each byte of a block, and so many places behind it; in the blocks before and behind it, too.
#[derive(Clone, Copy)]
pub(super) struct Around {
    block: Block,
    next: Block,
    /// The bytes that no character of tokens precedes.
    is_first: u64,
    /// Those that no byte of another class precedes either.
    is_plain: u64,
    /// The digits one place behind, two, and so on.
    digits: [u64; 6],
}

impl Around {
    #[inline]
    pub(super) fn of(last: Block, block: Block, next: Block) -> Self {
        let before = |block: u64, last: u64| block << 1 | last >> (BLOCK - 1);
        let is_first = !before(block.tokens, last.tokens);
        Self {
            block,
            next,
            is_first,
            is_plain: is_first & !before(block.specials, last.specials),
            digits: [1, 2, 3, 4, 5, 6].map(|places| behind(block.digits, next.digits, places)),
        }
    }

    /// Which of the groups of digits that begin at `starts` lead to nothing: they have no more than three digits, or are a part
    /// of a word of no more than three letters and digits; nothing that tokens consist of stands beside them; and behind a
    /// number follows none that could belong to it.
    #[inline]
    pub(super) fn quiet(&self, starts: u64) -> u64 {
        let Self { block, next, is_first, is_plain, digits: [d1, d2, d3, d4, d5, d6] } = *self;
        let [t1, t2, t3] = [1, 2, 3].map(|places| behind(block.tokens, next.tokens, places));
        let one = !t1 & !(d2 | d3 | d4);
        let two = d1 & !t2 & !(d3 | d4 | d5);
        let three = d1 & d2 & !t3 & !(d4 | d5 | d6);
        let alone = starts & is_first & (one | two | three);
        // A word that begins here, all of letters and digits, and not all of digits. The letter of an escape is none.
        let begins = is_plain & block.words;
        let [w1, w2] = [1, 2].map(|places| behind(block.words, next.words, places));
        let of_two = begins & w1 & !t2 & !(block.digits & d1);
        let of_three = begins & w1 & w2 & !t3 & !(block.digits & d1 & d2);
        let inside = of_two | of_two << 1 | of_three | of_three << 1 | of_three << 2;
        alone | starts & inside
    }

    /// Which of the groups of digits that begin at `starts` have four digits and a sign behind them, as a day has that is
    /// written with its year, and stand behind nothing that belongs to them.
    #[inline]
    pub(super) fn times(&self, starts: u64) -> u64 {
        let Self { block, next, is_plain, digits: [d1, d2, d3, d4, d5, d6], .. } = *self;
        let sign = behind(block.tokens, next.tokens, 4) & !d4;
        starts & is_plain & d1 & d2 & d3 & sign & d5 & d6
    }
}

/// The bits that stand so many places behind each.
#[inline]
fn behind(block: u64, next: u64, places: u32) -> u64 {
    block >> places | next << (u64::BITS - places)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Around, LONGEST};
    use crate::config::DetectorType;
    use crate::mask::detect::engine::bits::ones;
    use crate::mask::detect::trigger::TABLES;
    use crate::mask::scan::{BLOCK, Block};
    use lychgate_gateway_lanes::Classes;

    /// Where the digits begin that lead to nothing, of a text of up to three blocks.
    fn found(text: &str) -> Vec<usize> {
        let block = |index: usize| Block::of(text.as_bytes().get(index * BLOCK..).unwrap_or_default());
        let mut last = Block::default();
        let mut found = Vec::new();
        for index in 0..3 {
            let block_here = block(index);
            let starts = block_here.digits & !(block_here.digits << 1 | last.digits >> (BLOCK - 1));
            let bits = Around::of(last, block_here, block(index + 1)).quiet(starts);
            found.extend(ones(bits).map(|bit| index * BLOCK + bit));
            last = block_here;
        }
        found
    }

    #[test]
    fn no_detector_waits_for_what_is_quiet() {
        let is_token = |byte: &usize| u8::try_from(*byte).is_ok_and(|byte| Block::of(&[byte]).tokens != 0);
        for digits in 1..=LONGEST {
            for next in (0..=256).filter(|next| !is_token(next)) {
                let of = |table: &[u64], index: usize| *table.get(index).unwrap();
                let numbers = of(&TABLES.by_digits, digits)
                    & of(&TABLES.by_next, next)
                    & of(&TABLES.by_groups, 1)
                    & of(&TABLES.by_second_group, 0);
                let kinds: Vec<_> = ones(numbers)
                    .filter_map(|index| TABLES.numbers.get(index))
                    .map(|(kind, _)| kind)
                    .collect();
                assert!(kinds.is_empty(), "{kinds:?} wait for {digits} digits before {next}");
            }
        }
        for length in 1..=LONGEST {
            let words = ones(*TABLES.by_length.get(length).unwrap());
            let kinds: Vec<_> =
                words.filter_map(|index| TABLES.words.get(index)).map(|(kind, _)| kind).collect();
            // A part of a MAC address has a hyphen beside it.
            let is_spared = kinds.iter().all(|kind| *kind == DetectorType::MacAddress);
            assert!(is_spared, "{kinds:?} wait for words of {length}");
        }
    }

    #[test]
    fn short_numbers_and_words_are_quiet_where_nothing_is_near() {
        for shift in [0, 1, 30, 58, 59, 60, 61, 62, 63, 64, 100] {
            let before = " ".repeat(shift);
            let at = |text: &str| found(&format!("{before}{text}"));
            for text in ["1", "12 ms", "123 items", "7    12345"] {
                assert_eq!(at(text).first(), Some(&shift), "{text} at {shift}");
            }
            // Digits that the end of a block parts from their letter are looked at.
            let is_whole = shift % BLOCK < BLOCK - 1;
            for text in ["v2 of it", "x86 or"] {
                assert_eq!(at(text).contains(&(shift + 1)), is_whole, "{text} at {shift}");
            }
            assert_eq!(at("1st of"), [shift]);
            assert_eq!(at(r"\n1 of"), Vec::<usize>::new());
            for text in
                ["1234", "1-", "12 34", "7, 12345", "123   4", "v2.0", "ab-1", "+1", "x123", "-1", "1.5 "]
            {
                assert!(!at(text).contains(&shift), "{text} at {shift}");
            }
        }
    }
}
