//! What the caller is told of a call that command rules deny, so that a model can act on it.

use super::verdict::{Finding, Verdict};
use crate::config::CommandAction;
use crate::denial::DenialReason;

/// What the caller is told, if command rules deny the call.
pub(crate) fn sentence(verdict: &Verdict) -> Option<String> {
    let finding = verdict.findings.first().filter(|_| verdict.action == CommandAction::Deny)?;
    Some(told(finding, finding.reason?))
}

/// What the caller is told where a command needs approval, and nobody could give it.
pub(crate) fn nobody(verdict: &Verdict) -> String {
    let found = verdict.findings.first().map(found).unwrap_or_default();
    format!(
        "Not sent: {found} needs approval, and no ApprovalPolicy of this connection says whose. Do without it, or ask \
         the operators of this gateway"
    )
}

fn told(finding: &Finding, reason: DenialReason) -> String {
    let found = found(finding);
    match reason {
        DenialReason::CommandDenied => {
            let (rule, message) = (name(finding), finding.message.as_deref().unwrap_or("Do without it."));
            format!("Not sent: {found} is denied by the rule {rule}. {message}")
        }
        DenialReason::CommandNotAllowed => format!(
            "Not sent: {found} is allowed by no rule. Do without it; what only reads is allowed unless a rule says \
             otherwise"
        ),
        DenialReason::CommandUnreadable => format!(
            "Not sent: {found}, so that nobody can say what it does. Send plain statements of the server's own dialect"
        ),
        DenialReason::UnknownTool => {
            format!("Not sent: {}, and only such tools may be called here. Call another tool", finding.why)
        }
        DenialReason::MaskedValueInRequest => format!(
            "Not sent: {found}, and would be written as if it were the value. Leave the value out, or do without it"
        ),
        DenialReason::ConditionError => format!("Not sent: {}", finding.why),
        DenialReason::CredentialConflict => format!("Not sent: {}", finding.why),
        // None of these is a finding's.
        DenialReason::NoApprovers
        | DenialReason::ConditionUnmet
        | DenialReason::NoAccess
        | DenialReason::NoGrant
        | DenialReason::UnknownMethod
        | DenialReason::UnknownTask
        | DenialReason::TasksUndeclared
        | DenialReason::Unmaskable
        | DenialReason::ValueBlocked
        | DenialReason::Suspended
        | DenialReason::RequiredPolicyMissing
        | DenialReason::NoCommonApprover
        | DenialReason::RequesterUnmapped
        | DenialReason::Unanswerable
        | DenialReason::ToolNotPinned
        | DenialReason::ToolChanged
        | DenialReason::UnknownToken
        | DenialReason::ToolNotListed => format!("Not sent: {found}"),
    }
}

/// What was found, and where: `what $.sql does at line 1, column 1 (Schema: drops objects)`.
fn found(finding: &Finding) -> String {
    let why = finding.detail.as_ref().unwrap_or(&finding.why);
    let at = finding.at.map(|at| format!(" at {at}")).unwrap_or_default();
    match finding.effect {
        Some(effect) => format!("what {}{at} does ({effect:?}: {why})", finding.place),
        None => match &finding.detail {
            Some(detail) => format!("{}{at} cannot be read: {detail}", finding.place),
            None => format!("{}{at} {why}", finding.place),
        },
    }
}

/// The rule's own name.
fn name(finding: &Finding) -> &str {
    let label = finding.rule.as_deref().unwrap_or_default();
    label.split_once("] ").and_then(|(_, rest)| rest.split_once(' ')).map_or(label, |(_, name)| name)
}
