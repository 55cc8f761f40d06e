//! The names of the reasons for which a call is denied by policy alone.

/// Why a call is denied. Each is one line in `docs/errors.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DenialReason {
    /// No grant names this caller: nothing on this connection is for him.
    NoAccess,
    /// Grants name this caller, but none of them this tool, resource or prompt.
    NoGrant,
    /// The method is not one that Lychgate knows, so that no grant can speak of it.
    UnknownMethod,
    /// The task is none of this caller's on this connection, or there is no such task.
    UnknownTask,
    /// The same, and the client does not declare the extension that has tasks (MCP 2026-07-28).
    TasksUndeclared,
    /// A MaskingRule with direction Request applies, and the message cannot be masked.
    Unmaskable,
    /// A MaskingRule with direction Request blocks messages that hold what this one holds.
    ValueBlocked,
    /// The connection or its gateway is suspended: nothing passes.
    Suspended,
    /// The gateway requires a kind of policy of which none holds for this connection: nothing passes.
    RequiredPolicyMissing,
    /// Several ApprovalPolicies hold for the call, and nobody may approve by each of them.
    NoCommonApprover,
    /// The call waits for approval, and nobody knows the caller's user name at the API server, so that nothing
    /// would keep him from approving it himself.
    RequesterUnmapped,
    /// The call waits for approval, and has no id by which it could be answered.
    Unanswerable,
    /// A CommandRule denies what a command would do.
    CommandDenied,
    /// A command would do more than read, and no CommandRule allows it.
    CommandNotAllowed,
    /// Nobody can say what a command would do.
    CommandUnreadable,
    /// No CommandRule reads the commands of this tool, and one denies such tools.
    UnknownTool,
    /// A CommandRule demands approval, and no ApprovalPolicy holds for the connection.
    NoApprovers,
    /// An argument holds what the gateway has written in place of a value.
    MaskedValueInRequest,
    /// The call holds a token that does not open in this session.
    UnknownToken,
    /// A condition has no answer for the call.
    ConditionError,
    /// Grants name this caller and this tool, under conditions that the arguments do not meet.
    ConditionUnmet,
    /// The commands of one call are to be made with different credentials.
    CredentialConflict,
    /// The tool has no pin, and tools without one are not used.
    ToolNotPinned,
    /// The server says something else of the tool than what was pinned.
    ToolChanged,
    /// The tool has a pin, and the server does not list it.
    ToolNotListed,
}

impl DenialReason {
    /// Every reason, for the docs and their test.
    pub const ALL: [Self; 25] = [
        Self::NoAccess,
        Self::NoGrant,
        Self::UnknownMethod,
        Self::UnknownTask,
        Self::TasksUndeclared,
        Self::Unmaskable,
        Self::ValueBlocked,
        Self::Suspended,
        Self::RequiredPolicyMissing,
        Self::NoCommonApprover,
        Self::RequesterUnmapped,
        Self::Unanswerable,
        Self::CommandDenied,
        Self::CommandNotAllowed,
        Self::CommandUnreadable,
        Self::UnknownTool,
        Self::NoApprovers,
        Self::MaskedValueInRequest,
        Self::UnknownToken,
        Self::ConditionError,
        Self::ConditionUnmet,
        Self::CredentialConflict,
        Self::ToolNotPinned,
        Self::ToolChanged,
        Self::ToolNotListed,
    ];

    /// The stable name, as records, metrics and `lychgate decide` show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAccess => "NoAccess",
            Self::NoGrant => "NoGrant",
            Self::UnknownMethod => "UnknownMethod",
            Self::UnknownTask => "UnknownTask",
            Self::TasksUndeclared => "TasksUndeclared",
            Self::Unmaskable => "Unmaskable",
            Self::ValueBlocked => "ValueBlocked",
            Self::Suspended => "Suspended",
            Self::RequiredPolicyMissing => "RequiredPolicyMissing",
            Self::NoCommonApprover => "NoCommonApprover",
            Self::RequesterUnmapped => "RequesterUnmapped",
            Self::Unanswerable => "Unanswerable",
            Self::CommandDenied => "CommandDenied",
            Self::CommandNotAllowed => "CommandNotAllowed",
            Self::CommandUnreadable => "CommandUnreadable",
            Self::UnknownTool => "UnknownTool",
            Self::NoApprovers => "NoApprovers",
            Self::MaskedValueInRequest => "MaskedValueInRequest",
            Self::UnknownToken => "UnknownToken",
            Self::ConditionError => "ConditionError",
            Self::ConditionUnmet => "ConditionUnmet",
            Self::CredentialConflict => "CredentialConflict",
            Self::ToolNotPinned => "ToolNotPinned",
            Self::ToolChanged => "ToolChanged",
            Self::ToolNotListed => "ToolNotListed",
        }
    }
}
