//! What is told of a call that waits, for programs; and the commands by which people decide.
//!
//! It is what approvers can read in the Approval, and less: arguments only where the McpGateway says so. Characters
//! that a terminal would obey or hide are escaped there already, and are once more here where somebody else wrote.

use lychgate_crds::approval::{Approval, Decision, Operation, Phase};
use lychgate_gateway_policy::config::NotificationEvent;
use serde_json::{Value, json};

use crate::approval::full_name;
use crate::approval::seen::{name, phase};
use crate::approval::shown::plain;
use crate::approval::time::text_of;

/// Something that is told.
pub struct Story<'a> {
    /// What it is about.
    pub approval: &'a Approval,
    /// What has happened.
    pub event: NotificationEvent,
    /// Namespace and name of the connection.
    pub connection: &'a str,
}

/// What to paste into a shell.
pub struct Commands {
    /// Shows the Approval.
    pub show: String,
    /// Approves.
    pub approve: String,
    /// Denies.
    pub deny: String,
}

impl Story<'_> {
    /// The same for every attempt, and for every replica that tells the same.
    #[must_use]
    pub fn id(&self) -> String {
        let uid = self.approval.metadata.uid.as_deref().unwrap_or_default();
        let what = match self.event {
            NotificationEvent::Asked => "asked".to_owned(),
            NotificationEvent::Decided => self.outcome().as_str().to_ascii_lowercase(),
        };
        format!("approval_{uid}_{what}")
    }

    /// Where the Approval stands. One that was used was approved.
    #[must_use]
    pub fn outcome(&self) -> Phase {
        outcome(phase(self.approval))
    }

    /// The commands. In `lychgate dev`, where Approvals lie in a folder, they are its own.
    #[must_use]
    pub fn commands(&self) -> Commands {
        let (name, spec) = (name(self.approval), &self.approval.spec);
        let Some(namespace) = &self.approval.metadata.namespace else {
            let command = |verb: &str, more: &str| format!("lychgate approvals {verb} {name} --dev{more}");
            let voting = " --as YOU --reason why";
            return Commands {
                show: command("show", ""),
                approve: command("approve", voting),
                deny: command("deny", voting),
            };
        };
        let vote = |decision: &str| {
            let patch = if spec.required.require_digest {
                let vote = json!({"decision": decision, "reason": "why", "digest": spec.request.digest});
                json!({"spec": {"votes": {"YOUR-USER-NAME": vote}}})
            } else {
                json!({"spec": {"decision": decision, "reason": "why"}})
            };
            format!("kubectl patch approval {name} -n {namespace} --type=merge -p '{patch}'")
        };
        Commands {
            show: format!("kubectl get approval {name} -n {namespace} -o yaml"),
            approve: vote("Approve"),
            deny: vote("Deny"),
        }
    }
}

/// What `phase` says of the decision.
pub(crate) fn outcome(phase: Phase) -> Phase {
    match phase {
        Phase::Approved | Phase::Consumed => Phase::Approved,
        Phase::Pending | Phase::Denied | Phase::Expired | Phase::Cancelled | Phase::Revoked => phase,
    }
}

/// Tells `story` to a program. `now` is in milliseconds since the Unix epoch.
#[must_use]
pub fn json(story: &Story<'_>, shows_arguments: bool, now: u64) -> Value {
    let approval = story.approval;
    let (request, required) = (&approval.spec.request, &approval.spec.required);
    let status = approval.status.clone().unwrap_or_default();
    let commands = story.commands();
    let policies: Vec<String> =
        request.policy_refs.iter().map(|policy| format!("{}/{}", policy.namespace, policy.name)).collect();
    let mut data = json!({
        "namespace": approval.metadata.namespace,
        "name": name(approval),
        "uid": approval.metadata.uid,
        "digest": request.digest,
        "connection": story.connection,
        "operation": request.operation,
        "tool": plain(&request.tool),
        "caller": {
            "issuer": plain(&request.caller.issuer),
            "subject": plain(&request.caller.subject),
            "username": plain(&request.caller.username),
        },
        "policies": policies,
        "required": {
            "approvals": required.approvals,
            "groups": required.groups,
            "serviceAccounts": required.service_accounts,
            "breakGlassGroups": required.break_glass_groups,
            "requireReason": required.require_reason,
            "requireDigest": required.require_digest,
            "denyIsVeto": required.deny_is_veto,
        },
        "deadline": required.deadline,
        "phase": story.outcome(),
        "decidedAt": status.decided_at,
        "votes": votes(approval),
        "commands": {"show": commands.show, "approve": commands.approve, "deny": commands.deny},
    });
    if let Some(members) = data.as_object_mut().filter(|_| shows_arguments) {
        members.insert("arguments".to_owned(), json!(request.arguments));
        members.insert("hidden".to_owned(), json!(request.hidden));
    }
    let kind = match story.event {
        NotificationEvent::Asked => "lychgate.approval.asked",
        NotificationEvent::Decided => "lychgate.approval.decided",
    };
    json!({"type": kind, "timestamp": text_of(now), "data": data})
}

fn votes(approval: &Approval) -> Vec<Value> {
    let vote = |(approver, vote): (&String, &lychgate_crds::approval::Vote)| {
        json!({
            "approver": plain(approver),
            "decision": vote.decision,
            "reason": vote.reason.as_deref().map(plain),
            "breakGlass": vote.break_glass == Some(true),
        })
    };
    approval.spec.votes.iter().map(vote).collect()
}

/// What is asked, in words for people.
pub(crate) fn called(operation: Operation) -> &'static str {
    match operation {
        Operation::CallTool => "Tool",
        Operation::ReadResource => "Resource",
        Operation::GetPrompt => "Prompt",
    }
}

/// A decision, in words for people.
pub(crate) fn decides(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "approves",
        Decision::Deny => "denies",
    }
}

/// What has happened, in words for people.
pub(crate) fn headline(story: &Story<'_>) -> String {
    let name = full_name(story.approval);
    match (story.event, story.outcome()) {
        (NotificationEvent::Asked, _) | (NotificationEvent::Decided, Phase::Pending) => {
            format!("A call waits for approval: {name}")
        }
        (NotificationEvent::Decided, outcome) => {
            format!("A call was {}: {name}", past(outcome))
        }
    }
}

fn past(outcome: Phase) -> &'static str {
    match outcome {
        Phase::Approved | Phase::Consumed => "approved",
        Phase::Denied => "denied",
        Phase::Expired => "not decided, or not made, in time",
        Phase::Cancelled => "withdrawn",
        Phase::Revoked => "withdrawn after it was approved",
        Phase::Pending => "not decided",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{Story, json};
    use crate::approval::testing::{approval, wanted};
    use lychgate_crds::approval::{Approval, ApprovalStatus, Decision, Hidden, Phase, Vote};
    use lychgate_gateway_policy::config::NotificationEvent::{self, Asked, Decided};

    fn waiting() -> Approval {
        let mut approval = approval(&wanted(1_000_000));
        approval.metadata.namespace = Some("agents".into());
        approval
    }

    fn story(approval: &Approval, event: NotificationEvent) -> Story<'_> {
        Story { approval, event, connection: "agents/db" }
    }

    #[test]
    fn who_is_asked_is_told_all_but_the_arguments_unless_they_may_leave_the_cluster() {
        let mut approval = waiting();
        approval.spec.request.hidden = vec![Hidden { path: "$.a".into(), count: 2 }];
        let name = approval.metadata.name.clone().unwrap();
        let told = json(&story(&approval, Asked), false, 1_000_000);
        let mut expected = json!({
            "type": "lychgate.approval.asked",
            "timestamp": "1970-01-01T00:16:40Z",
            "data": {
                "namespace": "agents", "name": name, "uid": "uid-1", "digest": approval.spec.request.digest,
                "connection": "agents/db", "operation": "CallTool", "tool": "drop",
                "caller": {"issuer": "https://idp", "subject": "a1", "username": "alice"},
                "policies": ["agents/p"],
                "required": {
                    "approvals": 1, "groups": ["dba"], "serviceAccounts": [], "breakGlassGroups": [],
                    "requireReason": true, "requireDigest": false, "denyIsVeto": true,
                },
                "deadline": "1970-01-01T00:46:40Z", "phase": "Pending", "decidedAt": null, "votes": [],
                "commands": {
                    "show": format!("kubectl get approval {name} -n agents -o yaml"),
                    "approve": format!(
                        r#"kubectl patch approval {name} -n agents --type=merge -p '{{"spec":{{"decision":"Approve","reason":"why"}}}}'"#
                    ),
                    "deny": format!(
                        r#"kubectl patch approval {name} -n agents --type=merge -p '{{"spec":{{"decision":"Deny","reason":"why"}}}}'"#
                    ),
                },
            },
        });
        assert_eq!(told, expected);
        let members = expected["data"].as_object_mut().unwrap();
        members.insert("arguments".into(), json!(r#"{"table":"t"}"#));
        members.insert("hidden".into(), json!([{"path": "$.a", "count": 2}]));
        assert_eq!(json(&story(&approval, Asked), true, 1_000_000), expected);
    }

    #[test]
    fn a_decision_is_told_with_who_voted_and_once_under_one_id() {
        let mut approval = waiting();
        let vote = Vote {
            decision: Decision::Approve,
            reason: Some("INC-42\u{202e}".into()),
            digest: None,
            break_glass: Some(true),
        };
        approval.spec.votes = [("oidc:erin".to_owned(), vote)].into();
        assert_eq!(story(&approval, Asked).id(), "approval_uid-1_asked");
        for (phase, id, told) in [
            (Phase::Approved, "approval_uid-1_approved", "Approved"),
            (Phase::Consumed, "approval_uid-1_approved", "Approved"),
            (Phase::Denied, "approval_uid-1_denied", "Denied"),
            (Phase::Expired, "approval_uid-1_expired", "Expired"),
            (Phase::Cancelled, "approval_uid-1_cancelled", "Cancelled"),
            (Phase::Revoked, "approval_uid-1_revoked", "Revoked"),
        ] {
            let decided_at = Some("1970-01-01T00:20:00Z".to_owned());
            approval.status = Some(ApprovalStatus { phase, decided_at, ..ApprovalStatus::default() });
            let story = story(&approval, Decided);
            assert_eq!(story.id(), id);
            let message = json(&story, false, 1_000_000);
            assert_eq!(
                (&message["type"], &message["data"]["phase"]),
                (&json!("lychgate.approval.decided"), &json!(told))
            );
            let votes = json!([
                {"approver": "oidc:erin", "decision": "Approve", "reason": r"INC-42\u202e", "breakGlass": true}
            ]);
            assert_eq!(
                (&message["data"]["votes"], &message["data"]["decidedAt"]),
                (&votes, &json!("1970-01-01T00:20:00Z"))
            );
        }
    }

    #[test]
    fn commands_are_those_that_are_taken_where_the_call_waits() {
        let mut approval = waiting();
        approval.spec.required.require_digest = true;
        let digest = approval.spec.request.digest.clone();
        let vote = format!(
            r#"{{"spec":{{"votes":{{"YOUR-USER-NAME":{{"decision":"Approve","digest":"{digest}","reason":"why"}}}}}}}}"#
        );
        let approve = story(&approval, Asked).commands().approve;
        assert!(approve.ends_with(&format!("-p '{vote}'")), "{approve}");
        approval.metadata.namespace = None;
        let name = approval.metadata.name.clone().unwrap();
        let approve = story(&approval, Asked).commands().approve;
        assert_eq!(approve, format!("lychgate approvals approve {name} --dev --as YOU --reason why"));
    }
}
