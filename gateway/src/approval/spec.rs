//! The Approval that a call needs: what is asked, and what it takes. The same call always makes the same, but for the
//! deadline, so that one that is found can be compared with it.

use lychgate_crds::approval::{
    Approval, ApprovalRequest, ApprovalSpec, Decision, Granted, Operation, PolicyReference, Reference,
    Requester, Requirements, Vote,
};
use lychgate_gateway_policy::approval::Terms;
use lychgate_gateway_policy::config::ApprovalConfig;
use lychgate_gateway_policy::{self as policy, Ballot, Caller, Evidence};
use lychgate_gateway_record as record;

use super::command::ShownCommands;
use super::digest::Digest;
use super::refusal::Refusal;
use super::shown::{Shown, plain};
use super::time::{parse_milliseconds, text_of};

/// The most groups of a caller that an Approval names, and their longest, in characters.
const MAXIMUM_GROUPS: usize = 64;
const MAXIMUM_GROUP: usize = 256;
/// The condition by which the operator says why it was withdrawn.
const WITHDRAWN: &str = "Withdrawn";
/// The longest name of a tool, in characters.
const MAXIMUM_TARGET: usize = 2048;

/// A call that waits, as its Approval will say it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is asked.
    pub request: ApprovalRequest,
    /// What it takes.
    pub required: Requirements,
    /// How the names of all Approvals for it begin.
    pub name_prefix: String,
    /// The caller's cap.
    pub max_pending: u32,
}

/// What a wanted Approval is made of.
pub struct Parts<'a> {
    /// What the operator says of the connection.
    pub config: &'a ApprovalConfig,
    /// The connection's name.
    pub connection: &'a str,
    /// What is called.
    pub operation: &'a policy::Operation,
    /// Who calls.
    pub caller: &'a Caller,
    /// What it takes.
    pub terms: &'a Terms,
    /// What approvers see.
    pub shown: Shown,
    /// What approvers see of its commands.
    pub commands: ShownCommands,
    /// The digest.
    pub digest: &'a Digest,
    /// The time, in milliseconds since the Unix epoch.
    pub now: u64,
}

impl Wanted {
    /// Puts the parts together.
    ///
    /// # Errors
    /// The name of what is called is longer than approvers can be shown.
    pub fn new(parts: Parts<'_>) -> Result<Self, Refusal> {
        let tool = plain(parts.operation.target().unwrap_or_default());
        let characters = tool.chars().count();
        if characters > MAXIMUM_TARGET {
            return Err(Refusal::TooLong { characters });
        }
        let terms = parts.terms;
        let policy = |it: &policy::approval::PolicyReference| PolicyReference {
            namespace: it.namespace.clone(),
            name: it.name.clone(),
            uid: it.uid.clone(),
            generation: it.generation,
        };
        let request = ApprovalRequest {
            digest: parts.digest.text(),
            connection_ref: Reference {
                name: parts.connection.to_owned(),
                uid: parts.config.connection_uid.clone(),
                generation: parts.config.connection_generation,
            },
            policy_refs: terms.policies.iter().map(policy).collect(),
            operation: operation(parts.operation),
            tool,
            statement: parts.commands.statement,
            effects: parts.commands.effects,
            risk: parts.commands.risk,
            command_refs: terms.commands.iter().map(policy).collect(),
            arguments: parts.shown.arguments,
            hidden: parts.shown.hidden,
            caller: requester(parts.caller),
            gateway: parts.config.gateway.clone(),
        };
        let required = Requirements {
            approvals: count(terms.approvals),
            groups: terms.groups.clone(),
            service_accounts: terms.service_accounts.clone(),
            break_glass_groups: terms.break_glass_groups.clone(),
            require_reason: terms.require_reason,
            require_digest: terms.require_digest,
            deny_is_veto: terms.deny_is_veto,
            deadline: text_of(parts.now.saturating_add(terms.expires_after_milliseconds)),
            grant: Granted { uses: count(terms.uses), valid_for: duration(terms.valid_for_milliseconds) },
        };
        let max_pending = terms.max_pending_per_caller;
        Ok(Self { request, required, name_prefix: parts.digest.name_prefix(), max_pending })
    }

    /// The object to make.
    #[must_use]
    pub fn approval(&self, name: &str) -> Approval {
        Approval::new(
            name,
            ApprovalSpec {
                request: self.request.clone(),
                required: self.required.clone(),
                decision: None,
                reason: None,
                votes: std::collections::BTreeMap::new(),
            },
        )
    }

    /// Whether a found Approval is for this call, and for no less than it takes. Whoever may make Approvals could
    /// have made one of the same digest that takes less.
    #[must_use]
    pub fn is_for(&self, found: &Approval) -> bool {
        let required =
            Requirements { deadline: found.spec.required.deadline.clone(), ..self.required.clone() };
        // Whoever made it cannot have given it more time than this call would have now.
        let deadlines =
            (parse_milliseconds(&found.spec.required.deadline), parse_milliseconds(&self.required.deadline));
        let in_time = matches!(deadlines, (Some(found), Some(own)) if found <= own.saturating_add(60_000));
        found.spec.request == self.request && found.spec.required == required && in_time
    }

    /// What has changed since something of another digest was asked, with its verb, for the caller.
    #[must_use]
    pub fn changed_since(&self, asked: &ApprovalRequest) -> &'static str {
        let now = &self.request;
        if now.connection_ref != asked.connection_ref {
            "its connection has"
        } else if now.policy_refs != asked.policy_refs {
            "the policies that ask for approval have"
        } else if now.command_refs != asked.command_refs {
            "the rules for its commands have"
        } else if now.caller != asked.caller {
            "what your token says of you has"
        } else if (&now.arguments, &now.hidden) != (&asked.arguments, &asked.hidden) {
            "what would be sent of its arguments has"
        } else {
            // Nothing else is in a digest.
            "the definition of its tool has"
        }
    }
}

/// What an Approval says for itself, for [`policy::Ask::approved`].
#[must_use]
pub fn evidence(approval: &Approval, digest: &str) -> Evidence {
    let status = approval.status.clone().unwrap_or_default();
    let votes = approval.spec.votes.iter().map(|(voter, vote)| ballot(voter, vote)).collect();
    let uses = status.consumed.as_ref().map_or(0, |consumed| consumed.count);
    Evidence {
        digest: digest.to_owned(),
        approved_digest: approval.spec.request.digest.clone(),
        is_approved: status.phase == lychgate_crds::approval::Phase::Approved,
        decided_at: status.decided_at.as_deref().and_then(parse_milliseconds),
        deadline: parse_milliseconds(&approval.spec.required.deadline).unwrap_or_default(),
        uses: u32::try_from(uses).unwrap_or(u32::MAX),
        votes,
    }
}

fn ballot(voter: &str, vote: &Vote) -> Ballot {
    Ballot {
        voter: voter.to_owned(),
        approves: vote.decision == Decision::Approve,
        is_emergency: vote.break_glass == Some(true),
        has_reason: vote.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty()),
        digest: vote.digest.clone(),
    }
}

/// The votes for the record.
#[must_use]
pub fn recorded_votes(approval: &Approval) -> Vec<record::Vote> {
    let vote = |(approver, vote): (&String, &Vote)| record::Vote {
        approver: approver.clone(),
        approves: vote.decision == Decision::Approve,
        reason: vote.reason.clone(),
        emergency: vote.break_glass == Some(true),
    };
    approval.spec.votes.iter().map(vote).collect()
}

/// What those wrote who deny.
#[must_use]
pub fn denials(approval: &Approval) -> Vec<String> {
    let denying = approval.spec.votes.values().filter(|vote| vote.decision == Decision::Deny);
    denying.filter_map(|vote| vote.reason.clone()).collect()
}

/// Why an Approval was withdrawn, for its caller: the operator's reason, in words that go on after "since".
#[must_use]
pub fn withdrawn_since(approval: &Approval) -> Option<&'static str> {
    let mut conditions = approval.status.iter().flat_map(|status| &status.conditions);
    let withdrawn =
        conditions.find(|condition| condition.type_ == WITHDRAWN && condition.status == "True")?;
    match withdrawn.reason.as_str() {
        "ConnectionGone" | "ConnectionChanged" => Some("its connection has changed"),
        "PolicyGone" | "PolicyChanged" => Some("the policies that ask for approval have changed"),
        "NotGuarded" => Some("votes may have been forged"),
        _ => None,
    }
}

fn operation(operation: &policy::Operation) -> Operation {
    match operation {
        policy::Operation::Resource { .. } => Operation::ReadResource,
        policy::Operation::Prompt { .. } => Operation::GetPrompt,
        policy::Operation::Tool { .. }
        | policy::Operation::Task { .. }
        | policy::Operation::UnknownTask { .. }
        | policy::Operation::Listen { .. }
        | policy::Operation::List(_)
        | policy::Operation::Protocol { .. }
        | policy::Operation::Answer
        | policy::Operation::Unknown { .. } => Operation::CallTool,
    }
}

fn requester(caller: &Caller) -> Requester {
    let shown = caller.groups.iter().map(|group| plain(group));
    let mut groups: Vec<String> = shown.filter(|group| group.chars().count() <= MAXIMUM_GROUP).collect();
    groups.sort_unstable();
    groups.truncate(MAXIMUM_GROUPS);
    Requester {
        issuer: caller.issuer.clone(),
        subject: caller.subject.clone(),
        username: caller.username.clone(),
        groups,
        kubernetes_usernames: caller.kubernetes_usernames.clone(),
    }
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A duration as fields have it: at most six digits and a unit. What does not fit is rounded down.
fn duration(milliseconds: u64) -> String {
    match milliseconds {
        whole if whole % 1000 == 0 => format!("{}s", whole / 1000),
        short if short < 1_000_000 => format!("{short}ms"),
        long => format!("{}s", long / 1000),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::duration;
    use crate::approval::testing::{approval, wanted};

    #[test]
    fn a_duration_has_at_most_six_digits() {
        for (milliseconds, expected) in
            [(1, "1ms"), (1500, "1500ms"), (300_000, "300s"), (999_999, "999999ms"), (1_000_001, "1000s")]
        {
            assert_eq!(duration(milliseconds), expected);
        }
    }

    #[test]
    fn a_caller_is_told_what_has_changed() {
        let now = wanted(1_000_000);
        type Change = fn(&mut super::ApprovalRequest);
        let changes: [(Change, &str); 6] = [
            (|it| it.connection_ref.generation += 1, "connection"),
            (|it| it.policy_refs[0].generation += 1, "policies"),
            (|it| it.policy_refs.clear(), "policies"),
            (|it| it.caller.groups.push("admins".into()), "token"),
            (|it| it.arguments = Some("{}".into()), "arguments"),
            (|it| it.digest.push('0'), "definition"),
        ];
        for (change, expected) in changes {
            let mut asked = now.request.clone();
            change(&mut asked);
            let told = now.changed_since(&asked);
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }

    #[test]
    fn an_approval_is_only_for_the_very_same_request_at_no_lower_price() {
        let wanted = wanted(1_000_000);
        assert!(wanted.is_for(&approval(&wanted)));
        let earlier = super::Wanted {
            required: super::Requirements {
                deadline: "1970-01-01T00:10:00Z".into(),
                ..wanted.required.clone()
            },
            ..wanted.clone()
        };
        assert!(wanted.is_for(&approval(&earlier)), "one that was asked for earlier");
        type Change = fn(&mut super::Approval);
        let changes: [Change; 9] = [
            |it| it.spec.request.tool = "other".into(),
            |it| it.spec.request.arguments = Some("{}".into()),
            |it| it.spec.request.gateway = "other".into(),
            |it| it.spec.request.caller.kubernetes_usernames.clear(),
            |it| it.spec.required.approvals = 0,
            |it| it.spec.required.groups = vec!["friends".into()],
            |it| it.spec.required.grant.uses = 100,
            |it| it.spec.required.require_reason = false,
            |it| it.spec.required.deadline = "2999-01-01T00:00:00Z".into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut found = approval(&wanted);
            change(&mut found);
            assert!(!wanted.is_for(&found), "change {number}");
        }
    }
}
