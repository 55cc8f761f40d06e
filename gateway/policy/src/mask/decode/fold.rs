//! Characters that only stand for others: full-width and other digits and letters, blanks and dashes of every width, and
//! what no reader sees. One function, one character; where a text needs it is `view`'s to know.
//!
//! Letters of other scripts that look like Latin ones stay: they are words of their languages far more often.

/// What a character is folded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// It is what it is.
    Same,
    /// It is not seen.
    Gone,
    /// It stands for this one of ASCII.
    For(char),
}

/// The zeros of the decimal digits (general category Nd of Unicode 16), each followed by its nine others.
const ZEROS: [u32; 20] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x19D0, 0xFF10,
];

/// Folds a character.
pub(super) fn fold(character: char) -> Folded {
    let code = u32::from(character);
    if code < 0xA0 {
        return Folded::Same;
    }
    if is_unseen(code) {
        return Folded::Gone;
    }
    if let Some(plain) = letter_or_digit(code).or_else(|| mark(code)) {
        return Folded::For(plain);
    }
    Folded::Same
}

/// Zero-width characters and joiners, marks of direction, soft hyphens, selectors of variants, tags, marks over letters.
fn is_unseen(code: u32) -> bool {
    matches!(
        code,
        0x00AD
            | 0x0300..=0x036F
            | 0x061C
            | 0x115F..=0x1160
            | 0x17B4..=0x17B5
            | 0x180B..=0x180F
            | 0x200B..=0x200F
            | 0x202A..=0x202E
            | 0x2060..=0x206F
            | 0x20D0..=0x20FF
            | 0x3164
            | 0xFE00..=0xFE0F
            | 0xFEFF
            | 0xFFA0
            | 0xE0000..=0xE0FFF
    )
}

fn letter_or_digit(code: u32) -> Option<char> {
    let from = |first: char, offset: u32| char::from_u32(u32::from(first) + offset);
    match code {
        // Half of the full-width forms are ASCII at a distance.
        0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0),
        // Mathematical letters: bold, italic and so on, each alphabet with its capitals first.
        0x1D400..=0x1D6A3 => match (code - 0x1D400) % 52 {
            capital @ 0..26 => from('A', capital),
            small => from('a', small - 26),
        },
        0x1D7CE..=0x1D7FF => from('0', (code - 0x1D7CE) % 10),
        0x1FBF0..=0x1FBF9 => from('0', code - 0x1FBF0),
        // Letters and digits in circles.
        0x24B6..=0x24CF => from('A', code - 0x24B6),
        0x24D0..=0x24E9 => from('a', code - 0x24D0),
        0x2460..=0x2468 => from('1', code - 0x2460),
        0x24EA => Some('0'),
        // Digits above and below the line.
        0x00B9 => Some('1'),
        0x00B2 => Some('2'),
        0x00B3 => Some('3'),
        0x2070 | 0x2074..=0x2079 => from('0', code - 0x2070),
        0x2080..=0x2089 => from('0', code - 0x2080),
        _ => {
            let zero = ZEROS.iter().find(|&&zero| (zero..zero + 10).contains(&code))?;
            from('0', code - zero)
        }
    }
}

/// Blanks, dashes and other marks.
fn mark(code: u32) -> Option<char> {
    match code {
        0x00A0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => Some(' '),
        0x2010..=0x2015 | 0x2212 | 0xFE58 | 0xFE63 => Some('-'),
        0x2024 | 0x3002 | 0xFE52 | 0xFF61 => Some('.'),
        0xFE55 | 0xA789 => Some(':'),
        0xFE6B => Some('@'),
        0x2044 | 0x2215 => Some('/'),
        0xFE62 => Some('+'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Folded, fold};

    #[test]
    fn a_character_becomes_what_it_stands_for() {
        for (character, expected) in [
            ('4', Folded::Same),
            ('é', Folded::Same),
            ('а', Folded::Same),
            ('密', Folded::Same),
            ('４', Folded::For('4')),
            ('٤', Folded::For('4')),
            ('४', Folded::For('4')),
            ('𝟒', Folded::For('4')),
            ('𝟜', Folded::For('4')),
            ('④', Folded::For('4')),
            ('⁴', Folded::For('4')),
            ('₄', Folded::For('4')),
            ('＠', Folded::For('@')),
            ('Ａ', Folded::For('A')),
            ('𝐀', Folded::For('A')),
            ('𝚣', Folded::For('z')),
            ('\u{a0}', Folded::For(' ')),
            ('\u{3000}', Folded::For(' ')),
            ('–', Folded::For('-')),
            ('。', Folded::For('.')),
            ('\u{200b}', Folded::Gone),
            ('\u{202e}', Folded::Gone),
            ('\u{2066}', Folded::Gone),
            ('\u{feff}', Folded::Gone),
            ('\u{ad}', Folded::Gone),
            ('\u{e0031}', Folded::Gone),
        ] {
            assert_eq!(fold(character), expected, "{character:?}");
        }
    }

    #[test]
    fn what_is_folded_is_ascii_and_stays_then() {
        for character in (0..=0x10_FFFF).filter_map(char::from_u32) {
            if let Folded::For(plain) = fold(character) {
                assert!(plain.is_ascii_graphic() || plain == ' ', "{character:?}");
                assert_eq!(fold(plain), Folded::Same);
            }
        }
    }
}
