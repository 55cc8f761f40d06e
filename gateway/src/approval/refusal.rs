//! Why a call that waits for approval is not made, in words that a model can act on.

/// What has changed where nobody can say more.
pub const SOMETHING: &str = "something about it has";

/// Why a call is not made. Each is one line in `docs/errors.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has decided yet.
    #[error("{approval} is pending")]
    Pending {
        /// The Approval, `namespace/name`.
        approval: String,
        /// When a decision comes too late (RFC 3339).
        deadline: String,
    },
    /// Somebody has refused.
    #[error("{approval} was denied")]
    Denied {
        /// The Approval.
        approval: String,
        /// What the approvers wrote.
        reasons: Vec<String>,
    },
    /// Nobody has decided, or the call was not made, in time.
    #[error("{approval} has expired")]
    Expired {
        /// The Approval.
        approval: String,
    },
    /// It was withdrawn, before or after it was approved.
    #[error("{approval} was withdrawn")]
    Withdrawn {
        /// The Approval.
        approval: String,
        /// Why, if nobody denied it.
        why: Option<&'static str>,
        /// What the approvers wrote.
        reasons: Vec<String>,
    },
    /// Another call has used it.
    #[error("{approval} was used")]
    Used {
        /// The Approval.
        approval: String,
    },
    /// What was approved is not what would be done now.
    #[error("{approval} does not open the call: {cause}")]
    Unfit {
        /// The Approval.
        approval: String,
        /// What has changed, with its verb, for the caller.
        changed: &'static str,
        /// What does not fit, for the log.
        cause: String,
    },
    /// The arguments are longer than approvers can be shown.
    #[error("the arguments have {characters} characters")]
    TooLong {
        /// How long they are.
        characters: usize,
    },
    /// As many calls of the caller wait as may.
    #[error("{limit} calls of the caller wait already")]
    TooMany {
        /// How many may.
        limit: u32,
    },
    /// The server does not list the tool, so that nobody could say what is approved.
    #[error("the server does not list the tool {tool:?}")]
    UnknownTool {
        /// The tool.
        tool: String,
    },
    /// The admission policy that keeps votes honest is not in force.
    #[error("votes are not guarded: {0}")]
    Unguarded(String),
    /// The gateway's clock and the API server's cannot both be right, so that no time limit is worth anything.
    #[error(
        "this gateway's clock is {ahead_seconds} seconds ahead of the API server's (behind, if negative)"
    )]
    Clocks {
        /// How far the gateway is ahead.
        ahead_seconds: i64,
    },
    /// Nobody can be asked at this moment.
    #[error("no approval can be asked for: {0}")]
    Unavailable(String),
}

impl Refusal {
    /// The stable name, as records and metrics show it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "ApprovalPending",
            Self::Denied { .. } => "ApprovalDenied",
            Self::Expired { .. } => "ApprovalExpired",
            Self::Withdrawn { .. } => "ApprovalWithdrawn",
            Self::Used { .. } => "ApprovalUsed",
            Self::Unfit { .. } => "ApprovalUnfit",
            Self::TooLong { .. } => "ArgumentsTooLong",
            Self::TooMany { .. } => "TooManyPending",
            Self::UnknownTool { .. } => "ToolNotListed",
            Self::Unguarded(_) => "ApprovalUnguarded",
            Self::Clocks { .. } => "ClocksDiffer",
            Self::Unavailable(_) => "ApprovalUnavailable",
        }
    }

    /// The HTTP status of an answer that is an error. A tool call gets a result that says the same in its place.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Denied { .. } | Self::Expired { .. } | Self::Withdrawn { .. } => 403,
            Self::Used { .. } | Self::Unfit { .. } => 409,
            Self::TooLong { .. } => 413,
            Self::TooMany { .. } => 429,
            Self::UnknownTool { .. } => 404,
            Self::Pending { .. } | Self::Unguarded(_) | Self::Clocks { .. } | Self::Unavailable(_) => 503,
        }
    }

    /// What the client is told. Reasons are the approvers' own words.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Pending { approval, deadline } => format!(
                "This call waits for approval and was not made. A person must approve {approval} until {deadline}. \
                 To find out, repeat the very same call with the same arguments: it joins the one that waits, and runs \
                 at once when it is approved. Do not change the arguments; that would ask anew"
            ),
            Self::Denied { approval, reasons } => format!(
                "This call was denied and not made ({approval}){}. Do not repeat it unchanged; do something else, or \
                 ask the person you work for",
                words(reasons)
            ),
            Self::Expired { approval } => format!(
                "This call was not made: its approval has expired ({approval}). Repeat the call to ask anew"
            ),
            Self::Withdrawn { approval, why: Some(why), reasons } => format!(
                "This call was not made: its approval was withdrawn, since {why} ({approval}){}. Repeat the call to \
                 ask anew",
                words(reasons)
            ),
            Self::Withdrawn { approval, why: None, reasons } => format!(
                "This call was not made: its approval was withdrawn ({approval}){}. Repeat the call to ask anew",
                words(reasons)
            ),
            Self::Used { approval } => format!(
                "This call was not made: its approval was used by the same call before ({approval}). Repeat the call \
                 to ask anew"
            ),
            Self::Unfit { approval, changed, .. } => format!(
                "This call was not made: {changed} changed since its approval was asked for ({approval}). Repeat the \
                 call to ask anew"
            ),
            Self::TooLong { characters } => format!(
                "This call needs approval, and its arguments have {characters} characters where approvers can be \
                 shown 8192. Split it into smaller calls"
            ),
            Self::TooMany { limit } => format!(
                "This call needs approval, and {limit} calls of yours wait for one already. Wait until some are \
                 decided, then repeat the call"
            ),
            Self::UnknownTool { .. } => {
                "This call needs approval, and the MCP server does not list its tool. Call a tool that it lists"
                    .to_owned()
            }
            Self::Unguarded(_) => "This call needs approval, and approvals cannot be trusted at this moment; it was \
                                   not made. The operators of this gateway can see why; try again later"
                .to_owned(),
            Self::Clocks { ahead_seconds } => format!(
                "This call needs approval and was not made: the clocks of this gateway and of its cluster differ by \
                 {} seconds, so that no approval can be timed. Whoever operates the gateway must set its clock; \
                 repeat the call afterwards",
                ahead_seconds.unsigned_abs()
            ),
            Self::Unavailable(_) => "This call needs approval, and nobody can be asked at this moment; it was not \
                                     made. Repeat the very same call later"
                .to_owned(),
        }
    }
}

fn words(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(". The approvers' words: {}", reasons.join("; ")) }
}
