//! What was decided of a request, as the record and the metrics have it.

use lychgate_gateway_policy::command::{self, Commands};
use lychgate_gateway_policy::config::CommandAction;
use lychgate_gateway_policy::mask::Masked;
use lychgate_gateway_policy::{Ask, Denial, DenialReason, Permit, StreamPermit};
use lychgate_gateway_record::{self as record, Outcome};

use super::Visit;
use crate::metrics::CallLabels;

/// What was decided of a call, or of a request without a message.
#[derive(Clone, Copy)]
pub(super) enum Verdict<'a> {
    Allow(&'a Permit),
    Ask(&'a Ask),
    Deny(&'a Denial),
    Stream(&'a StreamPermit),
    NoStream(DenialReason),
}

impl Verdict<'_> {
    /// The decision, with everything that led to it but the texts themselves, which stand in the recorded message.
    pub(super) fn recorded(self) -> record::Decision {
        let rules = match self {
            Self::Allow(permit) => permit.rules(),
            Self::Ask(ask) => ask.rules(),
            Self::Deny(denial) => denial.rules(),
            Self::Stream(permit) => permit.rules(),
            Self::NoStream(_) => &[],
        };
        let commands = self.commands();
        record::Decision {
            outcome: self.outcome(),
            rules: rules.to_vec(),
            reason: self.reason().map(|reason| reason.as_str().to_owned()),
            commands: commands.and_then(|commands| commands.enforced.as_ref()).map(recorded),
            audited: commands.and_then(|commands| commands.audited.as_ref()).map(recorded),
        }
    }

    /// The call as the record has it, if it was masked for it already.
    pub(super) fn masked(self) -> Option<Masked> {
        let masked = match self {
            Self::Allow(permit) => permit.recorded(),
            Self::Ask(ask) => ask.recorded(),
            Self::Deny(denial) => denial.recorded(),
            Self::Stream(_) | Self::NoStream(_) => None,
        };
        masked.cloned()
    }

    /// Counts the decision, and what audited command rules would have made of it.
    pub(super) fn count(self, visit: &Visit) {
        let connection = &visit.connection.label;
        let reason = self.reason().map_or("", DenialReason::as_str);
        let labels = CallLabels { connection: connection.clone(), decision: name(self.outcome()), reason };
        visit.gateway.metrics.calls.get_or_create(&labels).inc();
        if let Some(watched) = self.commands().and_then(|commands| commands.audited.as_ref()) {
            let reason = watched.denial().map_or("", DenialReason::as_str);
            let decision = name(outcome(watched.action));
            let labels = CallLabels { connection: connection.clone(), decision, reason };
            visit.gateway.metrics.audited_commands.get_or_create(&labels).inc();
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Allow(_) | Self::Stream(_) => Outcome::Allow,
            Self::Ask(_) => Outcome::Ask,
            Self::Deny(_) | Self::NoStream(_) => Outcome::Deny,
        }
    }

    fn reason(self) -> Option<DenialReason> {
        match self {
            Self::Allow(_) | Self::Ask(_) | Self::Stream(_) => None,
            Self::Deny(denial) => Some(denial.reason()),
            Self::NoStream(reason) => Some(reason),
        }
    }

    fn commands(&self) -> Option<&Commands> {
        match self {
            Self::Allow(permit) => Some(permit.commands()),
            Self::Ask(ask) => Some(ask.commands()),
            Self::Deny(denial) => Some(denial.commands()),
            Self::Stream(_) | Self::NoStream(_) => None,
        }
    }
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "Allow",
        Outcome::Ask => "Ask",
        Outcome::Deny => "Deny",
    }
}

fn outcome(action: CommandAction) -> Outcome {
    match action {
        CommandAction::Allow => Outcome::Allow,
        CommandAction::RequireApproval => Outcome::Ask,
        CommandAction::Deny => Outcome::Deny,
    }
}

fn recorded(verdict: &command::Verdict) -> record::Commands {
    let effects = verdict.effects().into_iter().map(|effect| format!("{effect:?}")).collect();
    let finding = |finding: &command::Finding| record::Finding {
        place: finding.place.clone(),
        line: finding.at.map(|at| at.line),
        column: finding.at.map(|at| at.column),
        effect: finding.effect.map(|effect| format!("{effect:?}")),
        why: finding.why.clone(),
        outcome: outcome(finding.action),
        reason: finding.reason.map(|reason| reason.as_str().to_owned()),
        rule: finding.rule.clone(),
    };
    record::Commands {
        outcome: outcome(verdict.action),
        statements: verdict.statements.len() as u64,
        effects,
        findings: verdict.findings.iter().map(finding).collect(),
        omitted: verdict.omitted as u64,
    }
}
