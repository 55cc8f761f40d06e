//! What becomes of a value: each action on text and on JSON numbers, and which of two is stronger.
//!
//! Every action but `fpe` leaves what it has made as it is, so that masking twice is masking once. For a partly shown
//! text that holds because a `*` counts as a character that was there; for a number, because it keeps its
//! length; for a coarser value, because it stands for itself too.

use std::cmp::Reverse;

use super::known::Known;
use super::marks::MARK;
use super::token::Tokens;
use super::{fpe, generalize, keyed};
use crate::config::{Action, DatePart, Generalize, Hash, Partial};

/// How much an action hides: the greater, the more. Of two partial or generalizing ones, that which shows less.
pub(super) fn strength(action: &Action) -> (u8, Reverse<u32>) {
    match action {
        Action::Block {} => (9, Reverse(0)),
        Action::Drop {} => (8, Reverse(0)),
        Action::Redact {} => (7, Reverse(0)),
        Action::Replace(_) => (6, Reverse(0)),
        // The shorter, the more values share it.
        Action::Hash(Hash { length, .. }) => (5, Reverse(*length)),
        // It tells that two values of a session are equal, and nothing of one alone.
        Action::Tokenize {} => (4, Reverse(0)),
        Action::Fpe(_) => (3, Reverse(0)),
        Action::Generalize(generalize) => (2, Reverse(detail(generalize))),
        Action::Partial(Partial { keep_last }) => (1, Reverse(*keep_last)),
    }
}

/// How much of a value is left, to be compared with what another leaves of a value of the same form.
fn detail(generalize: &Generalize) -> u32 {
    match *generalize {
        Generalize { bucket: Some(bucket), .. } => bucket.leading_zeros(),
        Generalize { date: Some(DatePart::Month), .. } => 1,
        Generalize { keep_first: Some(keep_first), .. } => keep_first,
        Generalize { date: Some(DatePart::Year) | None, .. } => 0,
    }
}

/// The text that stands where a value of this kind was.
pub(super) fn mark(kind: &str) -> String {
    let mut mark = String::new();
    push_mark(kind, &mut mark);
    mark
}

/// Writes the same to the end of a text.
pub(super) fn push_mark(kind: &str, text: &mut String) {
    text.reserve(MARK.len() + kind.len() + 1);
    text.push_str(MARK);
    text.push_str(kind);
    text.push(']');
}

/// What actions need beside the value.
#[derive(Clone, Copy, Default)]
pub(super) struct Keys<'k> {
    /// The keys that rules name, among other known values.
    pub(super) known: &'k [Known],
    /// The tokens of the session; none where there is no session to turn them back in.
    pub(super) tokens: Option<&'k Tokens>,
}

/// What becomes of `value`, a text of this kind. A number that is given as the replacement stands in digits. Of a
/// message that is blocked nothing is shown, whatever stands here. Where a key is not there, the value is redacted.
pub(super) fn apply_to_text(action: &Action, kind: &str, value: &str, keys: Keys<'_>) -> String {
    let Keys { known, tokens } = keys;
    match action {
        Action::Block {} | Action::Redact {} => mark(kind),
        Action::Drop {} => String::new(),
        Action::Replace(replacement) => match (&replacement.string, replacement.number) {
            (Some(string), _) => string.clone(),
            (None, Some(number)) => number.to_string(),
            (None, None) => mark(kind),
        },
        Action::Hash(hash) => keyed::hash(hash, kind, value, known).unwrap_or_else(|| mark(kind)),
        Action::Tokenize {} => tokens.and_then(|tokens| tokens.seal(value)).unwrap_or_else(|| mark(kind)),
        Action::Fpe(fpe) => fpe::of_text(fpe, kind, value, known).unwrap_or_else(|| mark(kind)),
        Action::Generalize(generalize) => {
            generalize::of_text(generalize, value).unwrap_or_else(|| mark(kind))
        }
        Action::Partial(Partial { keep_last }) => partial_text(value, *keep_last),
    }
}

/// What becomes of a JSON number of this kind, given and returned as it is spelled. A number has no place for text: where
/// a string is given as the replacement, or for a hash or a token, it becomes 0.
pub(super) fn apply_to_number(action: &Action, kind: &str, value: &str, known: &[Known]) -> String {
    match action {
        Action::Block {} | Action::Drop {} | Action::Redact {} | Action::Hash(_) | Action::Tokenize {} => {
            "0".to_owned()
        }
        Action::Replace(replacement) => replacement.number.unwrap_or(0).to_string(),
        Action::Fpe(fpe) => fpe::of_number(fpe, kind, value, known).unwrap_or_else(|| "0".to_owned()),
        Action::Generalize(generalize) => {
            generalize::of_number(generalize, value).unwrap_or_else(|| "0".to_owned())
        }
        Action::Partial(Partial { keep_last }) => partial_number(value, *keep_last),
    }
}

/// What becomes of a value in the name of a member: a member whose name goes away would be another member, and no token in
/// a name is turned back.
pub(super) fn of_name(action: &Action) -> &Action {
    match action {
        Action::Drop {} | Action::Tokenize {} => &Action::Redact {},
        Action::Block {}
        | Action::Redact {}
        | Action::Replace(_)
        | Action::Hash(_)
        | Action::Fpe(_)
        | Action::Generalize(_)
        | Action::Partial(_) => action,
    }
}

/// What an action may show of a value of so many characters: at most `keep_last`, and never more than half.
fn shown(keep_last: u32, characters: usize) -> usize {
    usize::try_from(keep_last).unwrap_or(usize::MAX).min(characters / 2)
}

/// Punctuation that gives a value its form and says nothing.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '.' | ',' | ':' | ';' | '/' | '@' | '(' | ')' | '_' | '+')
}

/// The last letters and digits of a text, all others as `*`; separators stay.
fn partial_text(value: &str, keep_last: u32) -> String {
    let counts = |character: &char| character.is_alphanumeric() || *character == '*';
    let show = shown(keep_last, value.chars().filter(counts).count());
    let mut left_to_show = show;
    let reversed: Vec<char> = value
        .chars()
        .rev()
        .map(|character| match character {
            shown if shown.is_alphanumeric() && left_to_show > 0 => {
                left_to_show -= 1;
                shown
            }
            separator if is_separator(separator) => separator,
            _ => '*',
        })
        .collect();
    reversed.into_iter().rev().collect()
}

/// The last digits of a number, all before them 0, but the first 1 unless the number begins with 0: a number
/// as long as before and as short as it can be taken for. One with an exponent becomes 0.
fn partial_number(value: &str, keep_last: u32) -> String {
    if value.contains(['e', 'E']) {
        return "0".to_owned();
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let show = shown(keep_last, digits);
    if show == 0 {
        return "0".to_owned();
    }
    let mut place = 0;
    value
        .chars()
        .map(|character| {
            if !character.is_ascii_digit() {
                return character;
            }
            place += 1;
            match (place, character) {
                (place, shown) if place > digits - show => shown,
                (1, '1'..='9') => '1',
                _ => '0',
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Keys, apply_to_number, apply_to_text, strength};
    use crate::config::{Action, DatePart, Fpe, Generalize, Hash, Partial, Replacement, SecretKey};
    use crate::mask::token::tests::session;

    fn partial(keep_last: u32) -> Action {
        Action::Partial(Partial { keep_last })
    }

    fn rounded(bucket: u64) -> Action {
        Action::Generalize(Generalize { bucket: Some(bucket), ..Generalize::default() })
    }

    fn date(part: DatePart) -> Action {
        Action::Generalize(Generalize { date: Some(part), ..Generalize::default() })
    }

    fn replace(string: Option<&str>, number: Option<i64>) -> Action {
        Action::Replace(Replacement { string: string.map(str::to_owned), number })
    }

    #[test]
    fn each_action_changes_text_once() {
        for (action, value, expected) in [
            (Action::Redact {}, "4111", "[REDACTED:CreditCard]"),
            (replace(Some("gone"), None), "4111", "gone"),
            (replace(Some(""), None), "4111", ""),
            (replace(None, Some(-7)), "4111", "-7"),
            (Action::Drop {}, "4111", ""),
            (rounded(1000), "4111", "4000"),
            (rounded(1000), "about 4111", "[REDACTED:CreditCard]"),
            (date(DatePart::Year), "1980-02-29", "1980"),
            (partial(4), "4111 1111 1111 1111", "**** **** **** 1111"),
            (partial(4), "4111111111111111", "************1111"),
            (partial(8), "ab-cdef", "**-*def"),
            (partial(4), "abc", "**c"),
            (partial(4), "a", "*"),
            (partial(4), "", ""),
            (partial(2), "p@ss w!rd", "*@** **rd"),
            (partial(4), "!!!!!!!!", "********"),
            (partial(8), "!!ab!!", "***b**"),
            (partial(4), "größe-ñandú", "*****-*andú"),
            (partial(3), "密码一二三四", "***二三四"),
        ] {
            let masked = apply_to_text(&action, "CreditCard", value, Keys::default());
            assert_eq!(masked, expected, "{value}");
            assert_eq!(
                apply_to_text(&action, "CreditCard", &masked, Keys::default()),
                masked,
                "{value} twice"
            );
        }
    }

    #[test]
    fn each_action_changes_numbers_once_and_leaves_numbers() {
        for (action, value, expected) in [
            (Action::Redact {}, "4111111111111111", "0"),
            (replace(None, Some(-7)), "12", "-7"),
            (replace(Some("gone"), None), "12", "0"),
            (Action::Drop {}, "4111111111111111", "0"),
            (rounded(1000), "75123", "75000"),
            (rounded(1000), "7.5e4", "0"),
            (date(DatePart::Year), "1980", "0"),
            (partial(4), "4111111111111111", "1000000000001111"),
            (partial(4), "75000", "10000"),
            (partial(4), "1234567", "1000567"),
            (partial(4), "-1234.56", "-1004.56"),
            (partial(1), "42", "12"),
            (partial(4), "7", "0"),
            (partial(4), "0", "0"),
            (partial(4), "0.57", "0.07"),
            (partial(4), "1.5e10", "0"),
        ] {
            let masked = apply_to_number(&action, "CreditCard", value, &[]);
            assert_eq!(masked, expected, "{value}");
            assert_eq!(apply_to_number(&action, "CreditCard", &masked, &[]), masked, "{value} twice");
        }
    }

    #[test]
    fn a_value_has_a_token_where_there_is_a_session_and_is_redacted_where_there_is_none_or_it_is_too_long() {
        let tokens = session(&[1]);
        let keys = Keys { tokens: Some(&tokens), ..Keys::default() };
        let masked = |value: &str, keys| apply_to_text(&Action::Tokenize {}, "Email", value, keys);
        assert_eq!(Some(masked("ada@example.com", keys)), tokens.seal("ada@example.com"));
        assert_eq!(masked("ada@example.com", keys), masked("ada@example.com", keys));
        for (value, keys) in [("ada@example.com", Keys::default()), ("ab", keys), (&"x".repeat(1025), keys)] {
            assert_eq!(masked(value, keys), "[REDACTED:Email]");
        }
        assert_eq!(apply_to_number(&Action::Tokenize {}, "Field", "75000", &[]), "0");
    }

    #[test]
    fn actions_in_order_of_strength_are_partial_generalize_fpe_tokenize_hash_replace_redact_drop_block() {
        let key = || SecretKey { secret: "s".into(), key: "k".into() };
        let hash = |length| Action::Hash(Hash { key: key(), length });
        let in_order = [
            partial(8),
            partial(1),
            date(DatePart::Month),
            date(DatePart::Year),
            Action::Fpe(Fpe { key: key() }),
            Action::Tokenize {},
            hash(64),
            hash(8),
            replace(Some("x"), None),
            Action::Redact {},
            Action::Drop {},
            Action::Block {},
        ];
        assert!(in_order.is_sorted_by(|weaker, stronger| strength(weaker) < strength(stronger)));
        assert!(strength(&rounded(100)) < strength(&rounded(10_000)));
    }
}
