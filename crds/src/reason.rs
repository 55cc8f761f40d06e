//! Conditions and reasons: the words in which Lychgate says where an object stands and what is wrong with it.
//!
//! Every reason that a person can meet in a condition, or from the command line about manifests, is one
//! variant of [`Reason`]. `docs/reference.md` lists them all, and a test holds that list.

use std::fmt;

/// A type of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The object and everything that it names is valid.
    Accepted,
    /// The Secrets, ConfigMaps and gateways that the object names exist.
    ResolvedRefs,
    /// Every replica of the gateway has acknowledged this configuration.
    Programmed,
    /// Calls can be made.
    Ready,
    /// Policies that hold for the same calls contradict each other. The one condition that is better False.
    Conflicted,
    /// The API server refuses every vote, and every Approval, that nobody may write.
    AdmissionGuarded,
    /// What the server says of its tools is what somebody has looked at.
    ToolsPinned,
}

impl ConditionType {
    /// Every type of condition.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::ResolvedRefs,
        Self::Programmed,
        Self::Ready,
        Self::Conflicted,
        Self::AdmissionGuarded,
        Self::ToolsPinned,
    ];

    /// The type as a condition has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Programmed => "Programmed",
            Self::Ready => "Ready",
            Self::Conflicted => "Conflicted",
            Self::AdmissionGuarded => "AdmissionGuarded",
            Self::ToolsPinned => "ToolsPinned",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What [`Reason::ServiceNotAllowed`] means.
const SERVICE_NOT_ALLOWED: &str = "The Service that is named as the server leads outside of the cluster (ExternalName), \
                                   to a gateway, or to the API server. Name the Service of the MCP server, or write its \
                                   url.";

/// What [`Reason::ServiceWithoutSelector`] means.
const SERVICE_WITHOUT_SELECTOR: &str = "The Service has no selector, so that nobody can tell which pods a NetworkPolicy \
                                        should be for. Give it one, or write networkPolicy: Unmanaged.";

/// What [`Reason::FailsOpen`] means.
const FAILS_OPEN: &str = "A MaskingRule lets pass what it cannot mask. Write failurePolicy: Closed where nothing may get \
                          through.";

/// Why an object, or a manifest, is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A file is not YAML, or a document in it is not a Kubernetes object.
    InvalidSyntax,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// An object of the same kind, namespace and name stands twice.
    DuplicateObject,
    /// The group lychgate.dev has no such kind, or not in this version.
    UnknownKind,
    /// The kind has no such field.
    UnknownField,
    /// A field that must be written is not.
    MissingField,
    /// A field's value is of the wrong type, form or size, or does not fit to another field.
    InvalidValue,
    /// An object that is named does not exist, or has not the key or port that is named.
    RefNotFound,
    /// An object that is named is itself invalid.
    RefInvalid,
    /// A policy that holds for the connection is invalid, or may be among what could not be read.
    PolicyInvalid,
    /// The Secret's lychgate-allowed-hosts does not admit the host of the upstream.
    HostNotAllowed,
    /// The Service that is named as the server leads outside, to a gateway, or to the API server.
    ServiceNotAllowed,
    /// The Service selects no pods, so that no NetworkPolicy can be made for them.
    ServiceWithoutSelector,
    /// A policy holds for nothing that exists.
    NoTarget,
    /// The configuration does not fit into a ConfigMap.
    ConfigTooLarge,
    /// The connection has no grant, so that every call is denied.
    DeniesEveryone,
    /// The gateway asks for secretAccess: Watch in a namespace for which the operator may not grant it.
    SecretWatchNotGranted,
    /// A kind of policy that the gateway requires does not hold for the connection, so that every call is denied.
    RequiredPolicyMissing,
    /// The connection or its gateway is suspended, so that every call is denied.
    Suspended,
    /// A namespaceSelector stands in a namespace that is not the operator's.
    NamespaceSelectorIgnored,
    /// What is written is legal and has no effect.
    NoEffect,
    /// The object is of a kind that gateways make.
    MadeByGateways,
    /// An ApprovalPolicy holds for callers of whom nobody can tell under which names they could vote.
    RequesterUnmapped,
    /// Two ApprovalPolicies can hold for one call and name no approver in common.
    NoCommonApprover,
    /// More ApprovalPolicies hold for a connection than one Approval can stand for.
    TooManyPolicies,
    /// A CommandRule asks for approval where no ApprovalPolicy is enforced.
    NoApprovers,
    /// Rules of CommandRules can hold for one call and choose different credentials.
    CredentialConflict,
    /// Pins are enforced and there is none, so that no tool can be called.
    NothingPinned,
    /// A MaskingRule lets pass what it cannot mask.
    FailsOpen,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 29] = [
        Self::InvalidSyntax,
        Self::DuplicateKey,
        Self::DuplicateObject,
        Self::UnknownKind,
        Self::UnknownField,
        Self::MissingField,
        Self::InvalidValue,
        Self::RefNotFound,
        Self::RefInvalid,
        Self::PolicyInvalid,
        Self::HostNotAllowed,
        Self::ServiceNotAllowed,
        Self::ServiceWithoutSelector,
        Self::NoTarget,
        Self::ConfigTooLarge,
        Self::DeniesEveryone,
        Self::SecretWatchNotGranted,
        Self::RequiredPolicyMissing,
        Self::Suspended,
        Self::NamespaceSelectorIgnored,
        Self::NoEffect,
        Self::MadeByGateways,
        Self::RequesterUnmapped,
        Self::NoCommonApprover,
        Self::TooManyPolicies,
        Self::NoApprovers,
        Self::CredentialConflict,
        Self::NothingPinned,
        Self::FailsOpen,
    ];

    /// The reason as a condition and a message have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSyntax => "InvalidSyntax",
            Self::DuplicateKey => "DuplicateKey",
            Self::DuplicateObject => "DuplicateObject",
            Self::UnknownKind => "UnknownKind",
            Self::UnknownField => "UnknownField",
            Self::MissingField => "MissingField",
            Self::InvalidValue => "InvalidValue",
            Self::RefNotFound => "RefNotFound",
            Self::RefInvalid => "RefInvalid",
            Self::PolicyInvalid => "PolicyInvalid",
            Self::HostNotAllowed => "HostNotAllowed",
            Self::ServiceNotAllowed => "ServiceNotAllowed",
            Self::ServiceWithoutSelector => "ServiceWithoutSelector",
            Self::NoTarget => "NoTarget",
            Self::ConfigTooLarge => "ConfigTooLarge",
            Self::DeniesEveryone => "DeniesEveryone",
            Self::SecretWatchNotGranted => "SecretWatchNotGranted",
            Self::RequiredPolicyMissing => "RequiredPolicyMissing",
            Self::Suspended => "Suspended",
            Self::NamespaceSelectorIgnored => "NamespaceSelectorIgnored",
            Self::NoEffect => "NoEffect",
            Self::MadeByGateways => "MadeByGateways",
            Self::RequesterUnmapped => "RequesterUnmapped",
            Self::NoCommonApprover => "NoCommonApprover",
            Self::TooManyPolicies => "TooManyPolicies",
            Self::NoApprovers => "NoApprovers",
            Self::CredentialConflict => "CredentialConflict",
            Self::NothingPinned => "NothingPinned",
            Self::FailsOpen => "FailsOpen",
        }
    }

    /// What the reason means and what to do, as the docs have it.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::InvalidSyntax => {
                "A file is not YAML, or a document in it is not a Kubernetes object. Mend the line."
            }
            Self::DuplicateKey => "A key stands twice in one mapping. Remove one of the two.",
            Self::DuplicateObject => {
                "An object of the same kind, namespace and name stands twice. Remove or rename one of the two."
            }
            Self::UnknownKind => {
                "The group lychgate.dev has no such kind, or not in this version. Write one of those on this page."
            }
            Self::UnknownField => "The kind has no such field. The message names the nearest one.",
            Self::MissingField => "A field that must be written is not. Write it.",
            Self::InvalidValue => {
                "A field's value is of the wrong type, form or size, or does not fit to another field. The message \
                 says what to write."
            }
            Self::RefNotFound => {
                "An object that is named does not exist, or has not the key or port that is named. Make it, or name another."
            }
            Self::RefInvalid => "An object that is named is itself invalid. Mend that one first.",
            Self::PolicyInvalid => {
                "A policy that holds for the connection is invalid, or may be among what could not be read, and \
                 without it calls would be less restricted than somebody meant. Mend the policy."
            }
            Self::HostNotAllowed => {
                "The Secret's lychgate-allowed-hosts does not admit the host of the upstream. Whoever owns the \
                 Secret adds the line that the message names, if the server may have it."
            }
            Self::ServiceNotAllowed => SERVICE_NOT_ALLOWED,
            Self::ServiceWithoutSelector => SERVICE_WITHOUT_SELECTOR,
            Self::NoTarget => "A policy holds for nothing that exists. Correct its targetRefs.",
            Self::ConfigTooLarge => {
                "The configuration does not fit into a ConfigMap. Use patterns in place of long lists, or split \
                 the connection."
            }
            Self::DeniesEveryone => {
                "The connection has no grant, so that every call is denied. Add one under access."
            }
            Self::SecretWatchNotGranted => {
                "The gateway asks for secretAccess: Watch, and the operator may not grant it in this namespace. Add the \
                 namespace to secretAccess.watchNamespaces of the Helm chart, or write Mount."
            }
            Self::RequiredPolicyMissing => {
                "The gateway requires a kind of policy of which none holds for the connection, so that every call is \
                 denied. Attach one."
            }
            Self::Suspended => {
                "The connection or its gateway is suspended, so that every call is denied. Write suspended: false when the \
                 emergency is over."
            }
            Self::NamespaceSelectorIgnored => {
                "A namespaceSelector counts in the operator's namespace alone. Move the policy there, or use targetRefs or \
                 connectionSelector."
            }
            Self::NoEffect => "What is written is legal and has no effect. Remove it, or complete it.",
            Self::MadeByGateways => "Gateways make objects of this kind, and nobody else may. Take it out.",
            Self::RequesterUnmapped => REQUESTER_UNMAPPED,
            Self::NoCommonApprover => NO_COMMON_APPROVER,
            Self::TooManyPolicies => {
                "More ApprovalPolicies hold than one Approval can stand for. Merge some."
            }
            Self::NoApprovers => NO_APPROVERS,
            Self::CredentialConflict => CREDENTIAL_CONFLICT,
            Self::NothingPinned => NOTHING_PINNED,
            Self::FailsOpen => FAILS_OPEN,
        }
    }

    /// The condition that has this reason, where the object has conditions. It is False, or Conflicted.
    #[must_use]
    pub fn condition(self) -> ConditionType {
        match self {
            Self::RefNotFound => ConditionType::ResolvedRefs,
            Self::InvalidSyntax
            | Self::DuplicateKey
            | Self::DuplicateObject
            | Self::UnknownKind
            | Self::UnknownField
            | Self::MissingField
            | Self::InvalidValue
            | Self::RefInvalid
            | Self::PolicyInvalid
            | Self::HostNotAllowed
            | Self::ServiceNotAllowed
            | Self::ServiceWithoutSelector
            | Self::NoTarget
            | Self::ConfigTooLarge
            | Self::DeniesEveryone
            | Self::SecretWatchNotGranted
            | Self::NamespaceSelectorIgnored
            | Self::NoEffect
            | Self::MadeByGateways
            | Self::RequesterUnmapped
            | Self::TooManyPolicies
            | Self::NoApprovers
            | Self::NothingPinned
            | Self::FailsOpen => ConditionType::Accepted,
            Self::NoCommonApprover | Self::CredentialConflict => ConditionType::Conflicted,
            Self::RequiredPolicyMissing | Self::Suspended => ConditionType::Ready,
        }
    }
}

// What some reasons mean, at length.
const REQUESTER_UNMAPPED: &str = "An ApprovalPolicy holds for callers of whom nobody can tell under which user names they could vote, on \
     calls of their own. Write kubernetesUsernames for the issuer, or serve no callers without a token.";
const NO_COMMON_APPROVER: &str = "Two ApprovalPolicies can hold for one call and name no approver in common, so that it is denied. Name a \
     group in both, or let them match different calls.";
const NO_APPROVERS: &str = "A CommandRule lets calls wait for approval, and no ApprovalPolicy is enforced for the connection, so that \
     they are denied. Attach one.";
const NOTHING_PINNED: &str = "Pins are enforced and there is none, so that no tool can be called. Write what lychgate pin prints into \
     spec.toolPinning, or mode: Audit until then.";
const CREDENTIAL_CONFLICT: &str = "Two rules of CommandRules can allow one call and choose different credentials for it, so that it is \
     denied. Choose the same in both, or let them be about different effects or tools.";

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{ConditionType, Reason};

    #[test]
    fn names_are_those_of_the_variants_and_none_stands_twice() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str(), format!("{reason:?}"));
            assert_eq!(Reason::ALL.iter().filter(|other| **other == reason).count(), 1, "{reason}");
        }
        for condition in ConditionType::ALL {
            assert_eq!(condition.as_str(), format!("{condition:?}"));
        }
    }
}
