//! What becomes of Approvals: votes, deadlines, and a guard that fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use lychgate_crds::Approval;
use lychgate_crds::approval::Phase;
use lychgate_operator_plan::approvals::guard::{self, Kind};
use lychgate_operator_plan::approvals::{Notice, Outlook, Sight, Trust, Waiting};
use serde_json::{Value, json};

/// Seconds after the moment at which every Approval here was made.
fn at(seconds: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// An Approval with two approvals needed within 100 s, good for 60 s.
fn approval(votes: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "lychgate.dev/v1alpha1", "kind": "Approval",
        "metadata": {
            "name": "appr-a-1", "namespace": "agents", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": at(0).to_string(),
        },
        "spec": {
            "request": {
                "digest": format!("hmac-sha256:{}", "0".repeat(64)),
                "connectionRef": {"name": "billing-db", "uid": "c", "generation": 1},
                "policyRefs": [{"namespace": "agents", "name": "writes", "uid": "p", "generation": 1}],
                "commandRefs": [{"namespace": "agents", "name": "sql", "uid": "p", "generation": 1}],
                "operation": "CallTool", "tool": "execute_sql",
                "caller": {"issuer": "i", "subject": "s", "username": "erin", "kubernetesUsernames": ["oidc:erin"]},
                "gateway": "system:serviceaccount:agents:lychgate-billing-db",
            },
            "required": {
                "approvals": 2, "groups": ["dba"], "breakGlassGroups": ["oncall"], "requireReason": false,
                "requireDigest": false, "denyIsVeto": true, "deadline": at(100).to_string(),
                "grant": {"uses": 1, "validFor": "60s"},
            },
            "votes": votes,
        },
        "status": status,
    })
}

fn read(approval: &Value) -> Waiting {
    Waiting::read(&serde_json::from_value::<Approval>(approval.clone()).unwrap()).unwrap()
}

fn votes(names: &[(&str, &str)]) -> Value {
    names
        .iter()
        .map(|(name, decision)| ((*name).to_owned(), json!({"decision": decision})))
        .collect::<Value>()
}

fn seen(names: &[(&str, &str, i64)]) -> Value {
    let seen = |(name, decision, seconds): &(&str, &str, i64)| {
        let observed = at(*seconds).to_string();
        json!({"approver": name, "decision": decision, "observedAt": observed})
    };
    names.iter().map(seen).collect()
}

const GUARDED: Trust = Trust::Guarded { since: Timestamp::UNIX_EPOCH, proved: Timestamp::UNIX_EPOCH };

fn look(approval: &Value, trust: &Trust, now: i64) -> Outlook {
    read(approval).look(trust, None, at(now), at(now))
}

/// The phase that follows, and the members of the status that are written.
fn moves(outlook: Outlook) -> (Phase, Value, Vec<Notice>) {
    match outlook {
        Outlook::Write { status, phase: Some(phase), told } => (phase, status, told),
        other @ (Outlook::Write { .. } | Outlook::Wait(_) | Outlook::Delete) => panic!("{other:?}"),
    }
}

fn pending() -> Value {
    json!({"phase": "Pending"})
}

#[test]
fn votes_become_phases_with_when_each_was_seen() {
    let first = approval(&votes(&[("alice", "Approve")]), &pending());
    let Outlook::Write { status, phase: None, told } = look(&first, &GUARDED, 10) else { panic!() };
    let alice = seen(&[("alice", "Approve", 10)]);
    assert_eq!(status, json!({"phase": "Pending", "tally": "1/2", "votes": alice}));
    assert!(told.is_empty());

    let written = json!({"phase": "Pending", "tally": "1/2", "votes": alice});
    let counted = approval(&votes(&[("alice", "Approve")]), &written);
    assert_eq!(look(&counted, &GUARDED, 11), Outlook::Wait(at(100)));

    let both = approval(&votes(&[("alice", "Approve"), ("ben", "Approve")]), &written);
    let (phase, status, told) = moves(look(&both, &GUARDED, 20));
    assert_eq!(phase, Phase::Approved);
    let expected = seen(&[("alice", "Approve", 10), ("ben", "Approve", 20)]);
    assert_eq!(
        status,
        json!({"phase": "Approved", "tally": "2/2", "votes": expected, "decidedAt": at(20).to_string()})
    );
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].reason, told[0].note.as_str()),
        (
            "Approved",
            "execute_sql on billing-db: approved (2/2); the call may be made until 2026-01-01T00:01:20Z"
        )
    );
}

#[test]
fn what_takes_a_decision_away_comes_first() {
    let approved = json!({
        "phase": "Approved", "tally": "2/2", "decidedAt": at(20).to_string(),
        "votes": seen(&[("alice", "Approve", 10), ("ben", "Approve", 20)]),
    });
    let good = votes(&[("alice", "Approve"), ("ben", "Approve")]);
    let turned = votes(&[("alice", "Approve"), ("ben", "Deny")]);
    let denied = votes(&[("alice", "Deny")]);
    let nobody = votes(&[]);
    for (votes, status, now, expected) in [
        (&denied, pending(), 10, Phase::Denied),
        (&denied, pending(), 100, Phase::Denied),
        (&nobody, pending(), 100, Phase::Expired),
        // Both came, and nobody has counted them in time.
        (&good, pending(), 100, Phase::Expired),
        (&turned, approved.clone(), 30, Phase::Revoked),
        (&turned, approved.clone(), 90, Phase::Revoked),
        (&good, approved.clone(), 80, Phase::Expired),
    ] {
        let (phase, status, told) = moves(look(&approval(votes, &status), &GUARDED, now));
        assert_eq!(phase, expected, "{votes} {now}");
        assert_eq!(status["decidedAt"], at(now).to_string());
        assert_eq!((told.len(), told[0].reason), (1, expected.as_str()));
    }
    assert_eq!(look(&approval(&good, &approved), &GUARDED, 79), Outlook::Wait(at(80)));
}

#[test]
fn one_approver_in_an_emergency_is_enough_and_never_silent() {
    let alone = json!({"omar": {"decision": "Approve", "breakGlass": true, "reason": "INC-1"}});
    let status = json!({"phase": "Pending", "conditions": [{
        "type": "Recorded", "status": "False", "reason": "Pending", "message": "",
        "lastTransitionTime": at(1).to_string(),
    }]});
    let (phase, status, told) = moves(look(&approval(&alone, &status), &GUARDED, 10));
    assert_eq!((phase, &status["tally"]), (Phase::Approved, &json!("1/2")));
    let conditions: Vec<&Value> =
        status["conditions"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(conditions, ["Recorded", "BrokenGlass"]);
    let told: Vec<_> = told.iter().map(|told| (told.reason, told.is_warning)).collect();
    assert_eq!(told, [("Approved", false), ("BrokenGlass", true)]);
}

#[test]
fn an_emergency_is_told_wherever_the_others_alone_would_not_have_sufficed() {
    let glass = json!({"decision": "Approve", "breakGlass": true, "reason": "INC-1"});
    let plain = json!({"decision": "Approve", "reason": "INC-1"});
    for (needed, votes, is_told) in [
        (1, json!({"omar": glass}), true),
        (2, json!({"alice": plain, "omar": glass}), true),
        (1, json!({"alice": plain, "omar": glass}), false),
        (1, json!({"alice": plain}), false),
    ] {
        let mut approval = approval(&votes, &pending());
        approval["spec"]["required"]["approvals"] = json!(needed);
        let (phase, status, told) = moves(look(&approval, &GUARDED, 10));
        assert_eq!(phase, Phase::Approved, "{votes}");
        assert_eq!(told.iter().any(|told| told.reason == "BrokenGlass"), is_told, "{needed} {votes}");
        assert_eq!(status.get("conditions").is_some(), is_told, "{needed} {votes}");
    }
}

#[test]
fn while_nobody_knows_whether_votes_are_guarded_none_counts_and_time_goes_on() {
    let both = votes(&[("alice", "Approve"), ("ben", "Approve")]);
    assert_eq!(look(&approval(&both, &pending()), &Trust::Unknown, 10), Outlook::Wait(at(100)));
    let (phase, status, _) = moves(look(&approval(&both, &pending()), &Trust::Unknown, 100));
    assert_eq!(
        (phase, status),
        (Phase::Expired, json!({"phase": "Expired", "decidedAt": at(100).to_string()}))
    );
    let denied = approval(&votes(&[("alice", "Deny")]), &pending());
    assert_eq!(look(&denied, &Trust::Unknown, 10), Outlook::Wait(at(100)));
    // What was approved before stays so.
    let approved = json!({"phase": "Approved", "decidedAt": at(20).to_string()});
    assert_eq!(look(&approval(&both, &approved), &Trust::Unknown, 30), Outlook::Wait(at(80)));
}

#[test]
fn what_was_voted_on_since_the_last_good_proof_is_withdrawn() {
    let one = votes(&[("alice", "Approve")]);
    let both = votes(&[("alice", "Approve"), ("ben", "Approve")]);
    let counted = |phase: &str, last: i64| {
        json!({"phase": phase, "tally": "2/2", "decidedAt": at(last).to_string(),
            "votes": seen(&[("alice", "Approve", 10), ("ben", "Approve", last)])})
    };
    let lapsed = |last_good: Option<i64>| Trust::Lapsed { last_good: last_good.map(at) };
    for (votes, status, trust, expected) in [
        (&one, pending(), lapsed(Some(50)), Phase::Cancelled),
        (&both, counted("Approved", 40), lapsed(Some(30)), Phase::Revoked),
        (&both, counted("Approved", 40), lapsed(Some(40)), Phase::Revoked),
        (&both, counted("Approved", 40), lapsed(None), Phase::Revoked),
    ] {
        let (phase, _, told) = moves(look(&approval(votes, &status), &trust, 60));
        assert_eq!((phase, told[0].is_warning), (expected, true), "{votes} {trust:?}");
    }
    // What nobody voted on, or was decided before, stays.
    let decided = approval(&both, &counted("Approved", 40));
    assert_eq!(look(&decided, &lapsed(Some(41)), 60), Outlook::Wait(at(100)));
    let untouched = approval(&votes(&[]), &pending());
    assert_eq!(look(&untouched, &lapsed(Some(50)), 60), Outlook::Wait(at(100)));
}

#[test]
fn what_is_asked_for_another_connection_or_policy_than_there_is_now_is_withdrawn() {
    let is = |uid: &str, generation: i64| Sight::Is { uid: uid.to_owned(), generation };
    let both = votes(&[("alice", "Approve"), ("ben", "Approve")]);
    let nobody = votes(&[]);
    let denied = votes(&[("alice", "Deny")]);
    let approved = || {
        json!({"phase": "Approved", "tally": "2/2", "decidedAt": at(20).to_string(),
            "votes": seen(&[("alice", "Approve", 10), ("ben", "Approve", 20)])})
    };
    let counted = || json!({"phase": "Pending", "tally": "0/2"});
    let same = || (is("c", 1), is("p", 1));
    let cases = [
        (&nobody, counted(), same(), None),
        (&both, approved(), same(), None),
        // An object that is older than what the Approval speaks of, or one where nobody looks, says nothing.
        (&nobody, counted(), (is("c", 0), is("p", 0)), None),
        (&nobody, counted(), (Sight::Unknown, Sight::Unknown), None),
        (&nobody, counted(), (is("c", 2), is("p", 1)), Some((Phase::Cancelled, "ConnectionChanged"))),
        (&nobody, counted(), (is("other", 1), is("p", 1)), Some((Phase::Cancelled, "ConnectionChanged"))),
        (&nobody, counted(), (Sight::Gone, is("p", 1)), Some((Phase::Cancelled, "ConnectionGone"))),
        (&nobody, counted(), (is("c", 1), is("p", 2)), Some((Phase::Cancelled, "PolicyChanged"))),
        (&nobody, counted(), (is("c", 1), is("other", 1)), Some((Phase::Cancelled, "PolicyChanged"))),
        (&nobody, counted(), (is("c", 1), Sight::Gone), Some((Phase::Cancelled, "PolicyGone"))),
        // Whatever is voted meanwhile, but for a Deny.
        (&both, pending(), (is("c", 2), is("p", 1)), Some((Phase::Cancelled, "ConnectionChanged"))),
        (&both, approved(), (is("c", 1), is("p", 2)), Some((Phase::Revoked, "PolicyChanged"))),
        (&denied, pending(), (is("c", 2), is("p", 2)), Some((Phase::Denied, ""))),
    ];
    for (votes, status, (connection, policy), expected) in cases {
        let kinds = ["ApprovalPolicy", "CommandRule"];
        for (kind, trust) in kinds.into_iter().flat_map(|kind| [(kind, GUARDED), (kind, Trust::Unknown)]) {
            let what = format!("{votes} {status} {connection:?} {kind} {policy:?} {trust:?}");
            let waiting = read(&approval(votes, &status));
            let withdrawal = waiting.withdrawal(|basis| match basis.kind {
                "McpConnection" => connection.clone(),
                of_policy if of_policy == kind => policy.clone(),
                _ => is("p", 1),
            });
            let outlook = waiting.look(&trust, withdrawal, at(30), at(30));
            let Some((phase, reason)) = expected else {
                assert!(matches!(outlook, Outlook::Wait(_)), "{what}: {outlook:?}");
                continue;
            };
            if reason.is_empty() && trust == Trust::Unknown {
                // A Deny counts as little as an Approve while nobody knows who has cast it.
                assert_eq!(moves(outlook).0, Phase::Cancelled, "{what}");
                continue;
            }
            let (found, status, told) = moves(outlook);
            assert_eq!(found, phase, "{what}");
            let condition = &status["conditions"][0];
            assert_eq!(condition["reason"].as_str().unwrap_or_default(), reason, "{what}");
            assert_eq!(told[0].is_warning, phase == Phase::Revoked, "{what}");
        }
    }
}

#[test]
fn after_a_lapse_votes_count_that_were_cast_since() {
    let one = approval(&votes(&[("alice", "Approve")]), &pending());
    let trust = Trust::Guarded { since: at(50), proved: at(55) };
    let arrived = |seconds: i64| read(&one).look(&trust, None, at(seconds), at(60));
    assert_eq!(moves(arrived(54)).0, Phase::Cancelled, "it may have been cast in between");
    assert!(matches!(arrived(56), Outlook::Write { phase: None, .. }));
    // It is younger than the guard, so that all of its votes are.
    let trust = Trust::Guarded { since: at(0), proved: at(55) };
    assert!(matches!(read(&one).look(&trust, None, at(54), at(60)), Outlook::Write { phase: None, .. }));
}

#[test]
fn what_has_ended_goes_soon_after_it_is_recorded_and_a_day_after_otherwise() {
    let ended = |recorded: &str| {
        let status = json!({"phase": "Denied", "decidedAt": at(10).to_string(), "conditions": [{
            "type": "Recorded", "status": recorded, "reason": "Recorded", "message": "",
            "lastTransitionTime": at(11).to_string(),
        }]});
        approval(&votes(&[]), &status)
    };
    let day = 24 * 60 * 60;
    for trust in [Trust::Unknown, GUARDED, Trust::Lapsed { last_good: None }] {
        assert_eq!(look(&ended("True"), &trust, 11), Outlook::Wait(at(610)));
        assert_eq!(look(&ended("True"), &trust, 610), Outlook::Delete);
        assert_eq!(look(&ended("False"), &trust, 610), Outlook::Wait(at(10 + day)));
        assert_eq!(look(&ended("False"), &trust, 10 + day), Outlook::Delete);
    }
}

#[test]
fn an_object_guards_since_it_was_changed_last_unless_it_exempts_somebody() {
    let policy = |spec: Value| {
        json!({
            "metadata": {
                "name": "approval-votes.lychgate.dev", "creationTimestamp": at(0).to_string(),
                "managedFields": [
                    {"manager": "helm", "time": at(5).to_string()},
                    {"manager": "apiserver", "time": at(9).to_string(), "subresource": "status"},
                ],
            },
            "spec": spec,
            "status": {"typeChecking": {}},
        })
    };
    let plain = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {"namespaceSelector": {}, "objectSelector": {}, "resourceRules": []},
    });
    assert_eq!(guard::judge(Kind::Policy, &policy(plain), &[]), Ok(at(5)));
    for (spec, expected) in [
        (json!({"failurePolicy": "Ignore"}), "failurePolicy"),
        (json!({"matchConditions": [{"name": "x", "expression": "false"}]}), "(spec.matchConditions)"),
        (
            json!({"matchConstraints": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}),
            "namespaceSelector",
        ),
        (json!({"matchConstraints": {"excludeResourceRules": [{}]}}), "excludeResourceRules"),
        (json!({"paramKind": {"kind": "ConfigMap"}}), "paramKind"),
    ] {
        let refused = guard::judge(Kind::Policy, &policy(spec), &[]).unwrap_err();
        assert!(refused.contains(expected) && refused.contains("install the chart again"), "{refused}");
    }
    let binding = |spec: Value| guard::judge(Kind::Binding, &policy(spec), &[]);
    let name = "approval-votes.lychgate.dev";
    let empty = json!({"namespaceSelector": {}, "objectSelector": {}, "matchPolicy": "Equivalent"});
    let good = json!({"policyName": name, "validationActions": ["Deny", "Audit"], "matchResources": empty});
    assert_eq!(binding(good), Ok(at(5)));
    for (spec, expected) in [
        (json!({"policyName": "other", "validationActions": ["Deny"]}), "binds another policy"),
        (json!({"policyName": name, "validationActions": ["Warn"]}), "does not deny"),
        (
            json!({"policyName": name, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}),
            "leaves out namespaces",
        ),
        (
            json!({"policyName": name, "validationActions": ["Deny"],
                "matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}}),
            "exempts something",
        ),
        (
            json!({"policyName": name, "validationActions": ["Deny"], "paramRef": {"name": "x"}}),
            "depends on something else",
        ),
    ] {
        let refused = binding(spec).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    let named = json!({"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["agents", "home"]}],
    }}});
    for (namespaces, expected) in
        [(&[][..], false), (&["agents", "home"], true), (&["agents", "more"], false)]
    {
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let judged = guard::judge(Kind::Binding, &policy(named.clone()), &namespaces);
        assert_eq!(judged.is_ok(), expected, "{namespaces:?} {judged:?}");
    }
}
