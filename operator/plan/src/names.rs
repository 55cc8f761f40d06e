//! Names of the objects that are made for a connection, within every limit whatever the connection's name.
//!
//! A connection's name has up to 253 characters and may have dots; the name of a Service has at most 63,
//! begins with a letter and has no dots. What does not fit is shortened, and a hash of the whole name keeps
//! two connections apart.

use aws_lc_rs::digest;

/// Begins every name that is made, with a letter, as a Service needs.
const PREFIX: &str = "lychgate-";
/// The longest name: with the suffix of a ReplicaSet and of a pod (17 characters) it still fits into a host
/// name of 63, so that no pod's name is ever cut.
const MAXIMUM_LENGTH: usize = 46;
/// The number of hexadecimal digits in a name.
const HASH_LENGTH: usize = 12;

/// The name of a connection's children: its Deployment, Service, ConfigMap and the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChildName(String);

impl ChildName {
    /// The name for a connection.
    pub(crate) fn of(connection: &str) -> Self {
        let fits = PREFIX.len() + connection.len() <= MAXIMUM_LENGTH && is_label(connection);
        if fits && !looks_hashed(connection) {
            return Self(format!("{PREFIX}{connection}"));
        }
        let hash = hash(connection);
        let room = MAXIMUM_LENGTH - PREFIX.len() - 1 - HASH_LENGTH;
        let readable: String = connection.chars().map(to_label).take(room).collect();
        Self(format!("{PREFIX}{}-{hash}", readable.trim_matches('-')))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the Secret with the keys that the operator makes.
    pub(crate) fn keys(&self) -> String {
        format!("{}-keys", self.0)
    }

    /// The name of the Secret with the certificate that the operator makes.
    pub(crate) fn tls(&self) -> String {
        format!("{}-tls", self.0)
    }
}

impl std::fmt::Display for ChildName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn to_label(character: char) -> char {
    if character.is_ascii_lowercase() || character.is_ascii_digit() { character } else { '-' }
}

fn is_label(name: &str) -> bool {
    name.chars().all(|character| to_label(character) == character) && !name.ends_with('-')
}

/// Whether a name ends as hashed names do. Such a name is hashed itself, or its author could choose the
/// children of another connection.
fn looks_hashed(name: &str) -> bool {
    name.rsplit('-').next().is_some_and(|end| {
        end.len() == HASH_LENGTH && end.chars().all(|character| character.is_ascii_hexdigit())
    })
}

fn hash(name: &str) -> String {
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    digest.as_ref().iter().take(HASH_LENGTH / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ChildName, MAXIMUM_LENGTH};

    /// A name within the limits of a Service (RFC 1035 label) with room for a pod's suffix.
    fn is_within_limits(name: &str) -> bool {
        name.len() <= MAXIMUM_LENGTH
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
            && name.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '-')
    }

    #[test]
    fn a_short_name_stays_readable_and_a_long_one_is_hashed() {
        assert_eq!(ChildName::of("billing-db").as_str(), "lychgate-billing-db");
        assert_eq!(ChildName::of("billing-db").keys(), "lychgate-billing-db-keys");
        for name in ["a".repeat(253), "billing.db".to_owned(), format!("a{}.b", "-".repeat(249))] {
            let child = ChildName::of(&name);
            assert!(is_within_limits(child.as_str()), "{child}");
        }
    }

    #[test]
    fn nobody_can_choose_the_name_of_another() {
        let victim = ChildName::of("billing.db");
        let imitation = victim.as_str().trim_start_matches("lychgate-").to_owned();
        assert_ne!(ChildName::of(&imitation), victim);
        assert_ne!(ChildName::of("billing-db"), victim);
    }

    proptest! {
        #[test]
        fn every_name_is_within_limits_and_its_own(
            left in "[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?){0,3}",
            right in "[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?){0,3}",
        ) {
            prop_assert!(is_within_limits(ChildName::of(&left).as_str()));
            prop_assert_eq!(left == right, ChildName::of(&left) == ChildName::of(&right));
        }
    }
}
