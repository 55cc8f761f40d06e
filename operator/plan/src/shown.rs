//! Texts of other people on a terminal.

/// The article of a kind's name.
pub(crate) fn article(kind: &str) -> &'static str {
    if kind.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}

/// A text for a terminal. Characters that it would obey, or that would reorder or hide others, are shown by their
/// number.
#[must_use]
pub fn shown(text: &str) -> String {
    let is_plain = |character: char| {
        !character.is_control()
            && !matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
            && !matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            plain.push(character);
        } else {
            plain.extend(character.escape_unicode());
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_a_terminal_would_obey_is_shown_by_its_number() {
        for (text, expected) in [
            ("groups ärzte, 医師", "groups ärzte, 医師"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("two\nlines\r", "two\\u{a}lines\\u{d}"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("ad\u{200b}min\u{feff}", "ad\\u{200b}min\\u{feff}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
