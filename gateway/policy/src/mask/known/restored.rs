//! Values that the caller has sent as tokens: they are looked for as credentials are, and short ones as words.

use std::ops::Range;

use super::Known;
use crate::mask::integer::integer_digits;
use crate::mask::marks::RESTORED;

impl Known {
    /// A value that the caller has sent as a token. Of one shorter than 8 bytes every whole word is masked, and a number that
    /// is spelled so.
    #[must_use]
    pub fn restored(value: &str) -> Self {
        Self::of(RESTORED, value, true)
    }

    /// Whether the caller has sent it as a token.
    pub(in crate::mask) fn is_restored(&self) -> bool {
        self.0.is_restored
    }

    /// The value, if the caller has sent it as a token: for whoever must know it in another request about the same call.
    #[must_use]
    pub fn restored_value(&self) -> Option<&str> {
        self.is_restored().then(|| self.value())
    }

    /// Whether it is looked for as a word.
    pub(in crate::mask) fn may_be_a_word(&self) -> bool {
        self.is_restored() && self.is_short()
    }

    /// Whether a JSON number, as it is spelled, is the value.
    pub(in crate::mask) fn is_number(&self, spelled: &str) -> bool {
        let value = self.value();
        // Most values are no numbers.
        let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
        let is_it = || value == spelled || integer_digits(spelled).is_some_and(|digits| digits == value);
        (has_digit && is_it()) || (!self.is_short() && self.is_in(spelled))
    }

    /// Adds to `found` where the value is a word of `text`, or several.
    pub(super) fn find_words(&self, text: &str, found: &mut Vec<Range<usize>>) {
        let value = self.value();
        let is_letter = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        let (begins, ends) = (is_letter(value.chars().next()), is_letter(value.chars().next_back()));
        for (start, hit) in text.match_indices(value) {
            let end = start + hit.len();
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let behind = text.get(end..).and_then(|behind| behind.chars().next());
            let goes_on = (begins && is_letter(before)) || (ends && is_letter(behind));
            if !goes_on {
                found.push(start..end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mask::Known;

    #[test]
    fn a_short_value_that_was_sent_as_a_token_is_found_as_a_word_and_as_a_number() {
        for (value, text, expected) in [
            ("Ada", "Hello, Ada! Adam and ada", 1),
            ("Ada", "Ada Ada\"Ada\"_Ada", 4),
            ("75000", "75000 EUR, 175000, 75000.5", 2),
            ("-1.5", "x-1.5", 1),
            ("né", "né née", 1),
        ] {
            let mut ranges = Vec::new();
            Known::restored(value).find(text, &mut ranges);
            assert_eq!(ranges.len(), expected, "{value} in {text}");
        }
        for (value, spelled, expected) in [
            ("75000", "75000", true),
            ("75000", "7.5e4", true),
            ("75000", "75000.0", true),
            ("75000", "175000", false),
            ("Ada", "0", false),
            ("123456789", "123456789", true),
        ] {
            assert_eq!(Known::restored(value).is_number(spelled), expected, "{value} is {spelled}");
        }
    }
}
