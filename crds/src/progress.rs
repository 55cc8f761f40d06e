//! Reasons of conditions about a running gateway: what no manifest can be blamed for.
//!
//! [`crate::Reason`] says what is wrong with what somebody wrote; a [`Progress`] says how far what is right has
//! come. A condition that is True has its own type as its reason. `docs/reference.md` lists them all, and a
//! test holds that list.

use std::fmt;

/// Why a condition about a running gateway is not True.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// The object is not accepted, so that nothing new is made from it.
    NotAccepted,
    /// Nobody has been asked yet.
    Pending,
    /// The API server refused an object that should be made.
    ApplyFailed,
    /// No replica of the gateway is ready.
    NoReplica,
    /// Some replica does not answer, or still uses an older configuration.
    NotAcknowledged,
    /// A replica has the configuration and refuses to use it.
    ConfigurationRefused,
    /// A replica cannot use a credential, or a key of a masking rule.
    CredentialUnusable,
    /// A connection of the gateway, or one that the policy holds for, is not there yet.
    ConnectionsPending,
    /// Nothing contradicts.
    NoConflict,
    /// The API server would take a forged vote, or nobody can prove that it would not.
    NotGuarded,
    /// The server says something else of a tool than what was pinned.
    ToolsChanged,
    /// The server has a tool without a pin.
    ToolsNotPinned,
}

impl Progress {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::NotAccepted,
        Self::Pending,
        Self::ApplyFailed,
        Self::NoReplica,
        Self::NotAcknowledged,
        Self::ConfigurationRefused,
        Self::CredentialUnusable,
        Self::ConnectionsPending,
        Self::NoConflict,
        Self::NotGuarded,
        Self::ToolsChanged,
        Self::ToolsNotPinned,
    ];

    /// The reason as a condition has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAccepted => "NotAccepted",
            Self::Pending => "Pending",
            Self::ApplyFailed => "ApplyFailed",
            Self::NoReplica => "NoReplica",
            Self::NotAcknowledged => "NotAcknowledged",
            Self::ConfigurationRefused => "ConfigurationRefused",
            Self::CredentialUnusable => "CredentialUnusable",
            Self::ConnectionsPending => "ConnectionsPending",
            Self::NoConflict => "NoConflict",
            Self::NotGuarded => "NotGuarded",
            Self::ToolsChanged => "ToolsChanged",
            Self::ToolsNotPinned => "ToolsNotPinned",
        }
    }

    /// What the reason means and what to do, as the docs have it.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::NotAccepted => {
                "The object is not accepted. Gateways that run keep their last good configuration. Look at the \
                 condition Accepted."
            }
            Self::Pending => "Nobody has been asked yet. Wait a moment.",
            Self::ApplyFailed => {
                "The API server refused an object that should be made. The message has its words; the operator \
                 tries again."
            }
            Self::NoReplica => {
                "No pod of the gateway is ready. Look at the pods: an image that cannot be pulled, a quota, a node \
                 that is missing."
            }
            Self::NotAcknowledged => {
                "Some replica does not answer the operator, or still uses an older configuration. With \
                 secretAccess: Mount a change takes up to a minute or two to arrive. If it stays, look at the \
                 pod that the message names, and at network policies between the operator and port 9090."
            }
            Self::ConfigurationRefused => {
                "A replica has the configuration and refuses to use it; the message has its words. Most often a \
                 bundle of certificate authorities is missing, or the gateway is older than the operator."
            }
            Self::CredentialUnusable => {
                "A replica cannot use a credential, or a key of a masking rule: the Secret or its key is missing, or it does not \
                 admit the server's host, or is no masking key. The message names it. Until it is there, calls are refused; \
                 without a masking key, values are redacted."
            }
            Self::ConnectionsPending => {
                "A connection of the gateway, or one that the policy holds for, does not use the newest \
                 configuration yet. The message names the first."
            }
            Self::NoConflict => "Nothing contradicts. This is as it should be.",
            Self::NotGuarded => {
                "The API server would take a forged vote, or nobody could prove that it would not. Calls that need an \
                 approval are denied, and what was voted on since the last good proof is withdrawn. The message names \
                 the admission policy: install the chart again, with admissionPolicies.enabled."
            }
            Self::ToolsChanged => {
                "The server says something else of a tool than what was pinned. With mode Enforce the tool is neither shown \
                 nor called. Look at what it says now; if that is right, write what lychgate pin prints into \
                 spec.toolPinning."
            }
            Self::ToolsNotPinned => {
                "The server has a tool without a pin. With mode Enforce it is neither shown nor called. Look at what the \
                 server says of it; if it may be used, write what lychgate pin prints into spec.toolPinning."
            }
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use crate::Reason;

    #[test]
    fn names_are_those_of_the_variants_and_none_is_a_reason_about_manifests() {
        for progress in Progress::ALL {
            assert_eq!(progress.as_str(), format!("{progress:?}"));
            assert!(Reason::ALL.iter().all(|reason| reason.as_str() != progress.as_str()), "{progress}");
        }
    }
}
