//! Which characters others may stand beside: ranges of the Unicode Character Database (Unicode 17), by block where a
//! block is of one script.

/// Letters and marks of scripts that are written from right to left: Hebrew, Arabic, Syriac, Thaana, N'Ko and their
/// kin.
pub(super) fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1eeff}'
    ) && character != '\u{61c}'
}

/// Letters and marks of scripts whose letters join: Arabic, Syriac, N'Ko, Mandaic, Mongolian.
pub(super) fn is_joining(character: char) -> bool {
    matches!(
        character,
        '\u{620}'..='\u{6ff}' | '\u{700}'..='\u{74f}' | '\u{750}'..='\u{77f}' | '\u{7c0}'..='\u{7ff}'
            | '\u{840}'..='\u{85f}' | '\u{860}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
    ) || is_mongolian(character)
}

/// Mongolian letters.
pub(super) fn is_mongolian(character: char) -> bool {
    matches!(character, '\u{1807}' | '\u{1820}'..='\u{18aa}')
}

/// Letters and marks of the scripts of India and around: Devanagari to Malayalam, Sinhala, and Khmer, Myanmar, Balinese
/// and Javanese, which stack letters like them.
pub(super) fn is_indic(character: char) -> bool {
    matches!(
        character,
        '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17b3}' | '\u{17b6}'..='\u{17d3}'
            | '\u{1b00}'..='\u{1b4c}' | '\u{a8e0}'..='\u{a8ff}' | '\u{a980}'..='\u{a9c0}'
    )
}

/// The signs that take the vowel from a letter, behind which joiners choose between forms.
pub(super) fn is_virama(character: char) -> bool {
    matches!(
        character,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1039}'
            | '\u{103a}'
            | '\u{17d2}'
            | '\u{1b44}'
            | '\u{a9c0}'
    )
}

/// Letters and marks of scripts that put no space between words: Thai, Lao, Tibetan, Myanmar, Khmer.
pub(super) fn is_spaceless(character: char) -> bool {
    matches!(
        character,
        '\u{e01}'..='\u{e5b}' | '\u{e81}'..='\u{edf}' | '\u{f00}'..='\u{fff}' | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17b3}' | '\u{17b6}'..='\u{17e9}'
    )
}

/// Chinese characters, which have variants of their own (UTS #37).
pub(super) fn is_ideograph(character: char) -> bool {
    matches!(
        character,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3347f}'
    )
}

/// What has standardised variants other than those of emoji: mathematical signs, Myanmar letters, punctuation of full
/// width, Phags-pa, Manichaean, and Chinese characters.
pub(super) fn has_variants(character: char) -> bool {
    matches!(
        character,
        '\u{2205}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}' | '\u{1000}'..='\u{107f}' | '\u{aa60}'..='\u{aa7f}'
            | '\u{3001}' | '\u{3002}' | '\u{ff01}'..='\u{ff1f}' | '\u{a840}'..='\u{a87f}' | '\u{10ac0}'..='\u{10aff}'
    ) || is_ideograph(character)
}

/// Emoji and pictographs, with the tones of skin and the letters of flags.
pub(super) fn is_emoji(character: char) -> bool {
    matches!(
        character,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}'
            | '\u{2300}'..='\u{23ff}' | '\u{24c2}' | '\u{25a0}'..='\u{27bf}' | '\u{2934}' | '\u{2935}'
            | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}'
    )
}

/// What keycaps are made of (UTS #51, ED-20).
pub(super) fn is_of_keycap(character: char) -> bool {
    matches!(character, '#' | '*' | '0'..='9')
}
