//! Text as a person can safely read it.

/// `text` on one line, with characters that are not seen, or that change how others are seen, as `\u{202e}`.
pub(super) fn visible(text: String) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            unseen if is_unseen(unseen) => escaped.extend(unseen.escape_unicode()),
            seen => escaped.push(seen),
        }
    }
    escaped
}

/// Control characters, spaces other than the space, and Unicode's format and default-ignorable characters: marks of
/// direction, joiners, tags, variation selectors, fillers.
pub(super) fn is_unseen(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_written_out() {
        let text = "a\u{202e}b\n\u{200b}\u{1b}\u{7f} é 漢".to_owned();
        assert_eq!(visible(text), "a\\u{202e}b\\n\\u{200b}\\u{1b}\\u{7f} é 漢");
    }
}
