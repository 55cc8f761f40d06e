//! Masking one JSON number: what the rules find in it as a whole, which rule wins, and what it becomes.

use std::cmp::Reverse;

use super::action::{apply_to_number, strength};
use super::detect::Sample;
use super::integer::integer_digits;
use super::known::Known;
use super::marks::FIELD;
use super::program::{Wish, strongest};
use super::text::{Kind, MAXIMUM_ROUNDS, Masker, Place, REDACT, count_name};
use crate::config::Action;

/// A shorter JSON number is no value that is looked for, as it is spelled, unless it has an exponent.
const MINIMUM_NUMBER: usize = 8;

/// What a number has become.
struct Settled {
    spelled: String,
    /// Whether it stands for a value, and may look like one.
    is_enciphered: bool,
}

impl<'a> Masker<'a> {
    /// What a JSON number becomes, if it changes; both as they are spelled.
    pub(super) fn number(
        &mut self,
        spelled: &str,
        place: Place<'_>,
        field: Option<&'a Action>,
    ) -> Option<String> {
        let mut masked = self.number_round(spelled, place, field)?;
        for _ in 1..MAXIMUM_ROUNDS {
            // What is enciphered may look like a value, and is none.
            if masked.is_enciphered {
                return Some(masked.spelled);
            }
            match self.number_round(&masked.spelled, place, field) {
                Some(next) => masked = next,
                None => return Some(masked.spelled),
            }
        }
        Some("0".to_owned())
    }

    /// One round of masking a number.
    ///
    /// What hides the whole number at a field settles it. A field's partial mask, and one that generalizes or enciphers,
    /// yield to any stronger action, by 0: no mark could tell the next reader what has been done.
    fn number_round(
        &mut self,
        spelled: &str,
        place: Place<'_>,
        field: Option<&'a Action>,
    ) -> Option<Settled> {
        let detected = self.detect_number(spelled, place);
        let (settling, settled) = match (field, detected) {
            (None, None) => return None,
            (None, Some((kind, action))) => {
                (action, apply_to_number(action, kind.name(), spelled, self.known))
            }
            (
                Some(
                    action @ (Action::Block {}
                    | Action::Drop {}
                    | Action::Redact {}
                    | Action::Replace(_)
                    | Action::Hash(_)
                    | Action::Tokenize {}),
                ),
                _,
            ) => (action, apply_to_number(action, FIELD, spelled, self.known)),
            (
                Some(weak @ (Action::Fpe(_) | Action::Generalize(_) | Action::Partial(_))),
                Some((_, action)),
            ) if strength(action) > strength(weak) => (&REDACT, "0".to_owned()),
            (Some(weak @ (Action::Fpe(_) | Action::Generalize(_) | Action::Partial(_))), _) => {
                (weak, apply_to_number(weak, FIELD, spelled, self.known))
            }
        };
        let blocking = [field.map(|action| (Kind::Field, action)), detected].into_iter().flatten();
        for (kind, _) in blocking.filter(|(_, action)| matches!(action, Action::Block {})) {
            self.blocked.insert(count_name(kind).into_owned());
        }
        if settled == spelled {
            return None;
        }
        let kind = detected.filter(|_| field.is_none()).map_or(Kind::Field, |(kind, _)| kind);
        self.count(kind, &REDACT, Some(0..spelled.len()));
        let is_enciphered = matches!(settling, Action::Fpe(_)) && settled != "0";
        Some(Settled { spelled: settled, is_enciphered })
    }

    /// The strongest action for a number that as a whole is a sensitive value.
    fn detect_number(&mut self, spelled: &str, place: Place<'_>) -> Option<(Kind<'a>, &'a Action)> {
        let is_it = |known: &&Known| {
            if known.is_restored() {
                known.is_number(spelled) && !self.is_word
            } else {
                !known.is_short() && known.is_in(spelled)
            }
        };
        if let Some(known) = self.known.iter().find(is_it) {
            return Some((Kind::of_known(known), &REDACT));
        }
        let described = self.customs_of_number(spelled, place).into_iter();
        let described = described.map(|(name, wish)| (Kind::Custom(name), wish));
        let wishes = self.detect_digits(spelled, place).into_iter().chain(described);
        let weight = |(_, wish): &(Kind<'a>, Wish<'a>)| (strength(wish.action), Reverse(wish.rank));
        wishes.max_by_key(weight).map(|(kind, wish)| (kind, wish.action))
    }

    /// Which detectors find a number, and what is wanted of it.
    fn detect_digits(&mut self, spelled: &str, place: Place<'_>) -> Vec<(Kind<'a>, Wish<'a>)> {
        let wanted = self.active.wanted_in_numbers();
        if wanted.is_empty() || !is_number_to_look_at(spelled.as_bytes()) {
            return Vec::new();
        }
        let Some(digits) = integer_digits(spelled) else { return Vec::new() };
        let Self { active, finder, .. } = self;
        finder.find(Sample::new(&digits, place.label), wanted);
        let mut found = Vec::new();
        for hit in finder.hits().iter().filter(|hit| hit.range == (0..digits.len())) {
            let is_granted = |wish: &Wish<'a>| {
                let keeps = |value| active.keeps_value(wish.rule, value);
                !place.kept_by.contains(&wish.rule) && !keeps(spelled) && !keeps(&digits)
            };
            let wish = strongest(active.wishes_for_kind(hit.kind).filter(is_granted));
            found.extend(wish.map(|wish| (Kind::Detected(hit.kind), wish)));
        }
        found
    }
}

/// Whether a JSON number may be a value that is looked for, by its length. No credential that is looked for in numbers is
/// shorter.
pub(super) fn is_number_to_look_at(spelled: &[u8]) -> bool {
    spelled.len() >= MINIMUM_NUMBER || spelled.iter().any(|byte| matches!(byte, b'e' | b'E'))
}
