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
/// The number of hexadecimal digits in the name of a connection's children.
const HASH_LENGTH: usize = 12;
/// The number of hexadecimal digits that tell one version of an object from the next.
const VERSION_LENGTH: usize = 8;
/// Ends the name of the ConfigMap with the certificate authority.
const AUTHORITY_SUFFIX: &str = "-ca";
/// Ends the name of the NetworkPolicy around a server.
const SERVER_SUFFIX: &str = "-server";

/// The name of a connection's children: its Deployment, Service, ConfigMap and the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChildName(String);

impl ChildName {
    /// The name for a connection.
    pub(crate) fn of(connection: &str) -> Self {
        let fits = PREFIX.len() + connection.len() <= MAXIMUM_LENGTH && is_label(connection);
        if fits && !looks_made(connection) {
            return Self(format!("{PREFIX}{connection}"));
        }
        let hash = hash(connection, HASH_LENGTH);
        let room = MAXIMUM_LENGTH - PREFIX.len() - 1 - HASH_LENGTH;
        let readable: String = connection.chars().map(to_label).take(room).collect();
        Self(format!("{PREFIX}{}-{hash}", readable.trim_matches('-')))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the Secret with the keys that the operator makes. A connection that is deleted and made
    /// anew has another uid, and so never shares a Secret that is about to be collected with its predecessor.
    pub(crate) fn keys(&self, uid: Option<&str>) -> String {
        format!("{}-keys-{}", self.0, hash(uid.unwrap_or_default(), VERSION_LENGTH))
    }

    /// The name of the Secret with the key that sessions are sealed with in a period, and of the ConfigMap that owns it.
    pub(crate) fn session(&self, uid: Option<&str>, period: u64) -> String {
        // No uid has a line end.
        let version = format!("{}\n{period}", uid.unwrap_or_default());
        format!("{}-session-{}", self.0, hash(&version, VERSION_LENGTH))
    }

    /// The name of the Secret with the certificate that the operator makes, and of the ConfigMap that owns
    /// it. It changes with everything in `version`.
    pub(crate) fn tls(&self, version: &str) -> String {
        format!("{}-tls-{}", self.0, hash(version, VERSION_LENGTH))
    }

    /// The name of the ConfigMap with the authority that signs the operator's certificates.
    pub(crate) fn authority(&self) -> String {
        format!("{}{AUTHORITY_SUFFIX}", self.0)
    }

    /// The name of the NetworkPolicy around the connection's server.
    pub(crate) fn server(&self) -> String {
        format!("{}{SERVER_SUFFIX}", self.0)
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

/// Whether a name ends as a name that is made here. Such a name is hashed itself, or its author could choose
/// the children of another connection.
fn looks_made(name: &str) -> bool {
    let is_hash = |end: &str, length: usize| {
        end.len() == length && end.chars().all(|character| character.is_ascii_hexdigit())
    };
    let (rest, end) = name.rsplit_once('-').unwrap_or(("", name));
    let is_versioned = ["-keys", "-session", "-tls"].into_iter().any(|suffix| rest.ends_with(suffix));
    let is_version = is_versioned && is_hash(end, VERSION_LENGTH);
    is_hash(end, HASH_LENGTH)
        || is_version
        || [AUTHORITY_SUFFIX, SERVER_SUFFIX].into_iter().any(|suffix| name.ends_with(suffix))
}

/// The first digits of a text's hash.
fn hash(text: &str, length: usize) -> String {
    let mut digits = sha256(text.as_bytes());
    digits.truncate(length);
    digits
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
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
        let child = ChildName::of("billing-db");
        assert_eq!(child.keys(None), "lychgate-billing-db-keys-e3b0c442");
        assert_eq!(child.keys(Some("")), child.keys(None));
        assert_ne!(child.keys(Some("5a1c")), child.keys(None));
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

    #[test]
    fn nobody_can_choose_the_name_of_an_object_of_another() {
        let victim = ChildName::of("docs");
        let of_sessions = victim.session(Some("5a1c"), 680);
        assert_ne!(of_sessions, victim.session(Some("5a1c"), 681));
        let names =
            [victim.authority(), victim.tls("1"), victim.keys(None), victim.keys(Some("5a1c")), of_sessions];
        for taken in names {
            let imitation = ChildName::of(taken.trim_start_matches("lychgate-"));
            assert_ne!(imitation.as_str(), taken);
        }
        assert_eq!(ChildName::of("docs-20261125").as_str(), "lychgate-docs-20261125", "no hash of ours");
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
