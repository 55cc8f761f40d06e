//! The sequences of published configurations.
//!
//! A gateway never steps back to a smaller one. A sequence is raised only when the rest of a configuration
//! changes, and it is never smaller than the time in milliseconds, so that an operator that has lost all
//! memory still goes forward.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use lychgate_operator_plan::{CONFIG_HASH_ANNOTATION, SEQUENCE_ANNOTATION};

/// The sequence of each connection's configuration, by the connection's uid.
#[derive(Default)]
pub struct Sequences(Mutex<HashMap<String, Known>>);

#[derive(Clone)]
struct Known {
    content: String,
    sequence: u64,
}

impl Sequences {
    /// The sequence for a configuration whose content has this hash. `annotations` are those of the ConfigMap
    /// that is published now, `in_use` is the highest sequence that a gateway uses.
    pub fn next(
        &self,
        uid: &str,
        content: &str,
        annotations: Option<&BTreeMap<String, String>>,
        in_use: Option<u64>,
        now_milliseconds: u64,
    ) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let published = annotations.and_then(|annotations| {
            Some(Known {
                content: annotations.get(CONFIG_HASH_ANNOTATION)?.clone(),
                sequence: annotations.get(SEQUENCE_ANNOTATION)?.parse().ok()?,
            })
        });
        let last = match (known.get(uid).cloned(), published) {
            // Whoever writes a smaller number there does not turn the gateway back.
            (Some(known), Some(published)) if published.sequence > known.sequence => Some(published),
            (Some(known), _) => Some(known),
            (None, published) => published,
        };
        let sequence = match last {
            Some(last) if last.content == content => last.sequence,
            Some(last) => now_milliseconds.max(last.sequence.saturating_add(1)),
            None => now_milliseconds,
        };
        // Whoever has given a gateway a greater one, or set back the clock, does not keep it from what is right.
        let sequence = match in_use {
            Some(in_use) if in_use > sequence => in_use.saturating_add(1),
            Some(_) | None => sequence,
        };
        known.insert(uid.to_owned(), Known { content: content.to_owned(), sequence });
        sequence
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lychgate_operator_plan::{CONFIG_HASH_ANNOTATION, SEQUENCE_ANNOTATION};

    use super::Sequences;

    fn published(content: &str, sequence: u64) -> BTreeMap<String, String> {
        [(CONFIG_HASH_ANNOTATION, content.to_owned()), (SEQUENCE_ANNOTATION, sequence.to_string())]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    #[test]
    fn a_sequence_rises_with_a_change_and_only_then_and_never_falls() {
        let sequences = Sequences::default();
        assert_eq!(sequences.next("u", "a", None, None, 1000), 1000);
        assert_eq!(sequences.next("u", "a", None, None, 2000), 1000);
        assert_eq!(sequences.next("u", "b", Some(&published("a", 1000)), None, 2000), 2000);
        assert_eq!(sequences.next("u", "c", Some(&published("b", 2000)), None, 1500), 2001);
        assert_eq!(sequences.next("u", "c", Some(&published("forged", 1)), None, 3000), 2001);
        assert_eq!(sequences.next("v", "c", None, None, 3000), 3000);
    }

    #[test]
    fn a_gateway_with_a_greater_sequence_gets_one_that_it_does_not_refuse() {
        let sequences = Sequences::default();
        assert_eq!(sequences.next("u", "a", None, None, 1000), 1000);
        assert_eq!(sequences.next("u", "a", None, Some(1000), 2000), 1000);
        assert_eq!(sequences.next("u", "a", None, Some(5000), 2000), 5001);
        assert_eq!(sequences.next("u", "a", None, Some(5001), 2000), 5001);
        assert_eq!(
            sequences.next("u", "a", None, Some(u64::MAX), 2000),
            u64::MAX,
            "gateways take an equal one"
        );
    }

    #[test]
    fn an_operator_without_memory_goes_on_where_the_last_one_was() {
        assert_eq!(Sequences::default().next("u", "a", Some(&published("a", 70)), None, 1000), 70);
        assert_eq!(Sequences::default().next("u", "b", Some(&published("a", 7000)), None, 1000), 7001);
    }
}
