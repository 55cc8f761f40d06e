//! ApprovalPolicies: what a gateway is told of them, when nobody could hold them, and what their status says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use k8s_openapi::jiff::Timestamp;
use lychgate_crds::Reason;
use lychgate_gateway_policy::config::{ApprovalConfig, Closed};
use lychgate_operator_plan::status::{self, Guard, Observed, PolicyFacts, State};
use lychgate_operator_plan::{Options, RenderOptions, Severity, ValidConnection, Validated, explain, render};
use serde_json::{Value, json};

use support::{FULL, MINIMAL, approval_policy, check, complete, documents, load_text, of_kind, set, write};

const DBA: &str = "approvers: {groups: [dba]}";

/// The minimal objects after some changes, with callers who can be told from approvers.
fn mapped(changes: &[(&str, &str, Value)]) -> String {
    let mut objects = documents(MINIMAL);
    let names = ("McpGateway", "spec.identity.oidc[0].kubernetesUsernames", json!(["oidc:{email}"]));
    for (kind, path, value) in changes.iter().chain([&names]) {
        set(of_kind(&mut objects, kind), path, Some(value.clone()));
    }
    write(&objects)
}

fn with_policies(text: &str, policies: &[(&str, &str)]) -> String {
    let policies = policies.iter().map(|(name, spec)| approval_policy(name, spec));
    format!("{text}{}", policies.collect::<String>())
}

fn approval(validated: &Validated) -> Option<ApprovalConfig> {
    validated.connections[0].config(1).approval
}

fn connection(text: &str) -> ValidConnection {
    let (problems, mut validated) = check(text, &complete());
    assert!(validated.connections.len() == 1, "{problems:#?}");
    validated.connections.remove(0)
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap()
}

#[test]
fn a_gateway_is_told_every_policy_that_holds_by_name_also_those_that_only_report() {
    let text = with_policies(&mapped(&[]), &[("b", DBA), ("a", "mode: Audit, approvers: {groups: [x]}")]);
    let (problems, validated) = check(&text, &complete());
    assert_eq!(problems, []);
    let approval = approval(&validated).unwrap();
    let told: Vec<_> = approval.policies.iter().map(|policy| (policy.name.as_str(), policy.audit)).collect();
    assert_eq!(told, [("a", true), ("b", false)]);
    assert_eq!(approval.gateway, "system:serviceaccount:default:lychgate-docs");
    let policy = serde_json::to_value(&approval.policies[1]).unwrap();
    assert_eq!(
        policy,
        json!({
            "namespace": "default", "name": "b", "uid": "u-b", "generation": 4,
            "match": {"tools": [], "resources": [], "prompts": []},
            "groups": ["dba"], "serviceAccounts": [], "breakGlassGroups": [],
            "approvals": 1, "requireReason": true, "requireDigest": false, "denyIsVeto": true,
            "expiresAfterMilliseconds": 1_800_000, "uses": 1, "validForMilliseconds": 300_000,
            "waitMilliseconds": 50_000, "maxPendingPerCaller": 5,
        })
    );
    let keys: Vec<_> = validated.connections[0].policies().iter().map(ToString::to_string).collect();
    assert_eq!(keys, ["ApprovalPolicy default/a", "ApprovalPolicy default/b"]);
}

#[test]
fn without_a_policy_the_document_does_not_change_with_the_generation() {
    let hash = |text: &str, generation: i64| {
        let mut objects = documents(text);
        set(of_kind(&mut objects, "McpConnection"), "metadata.generation", Some(json!(generation)));
        connection(&write(&objects)).content_hash()
    };
    let bare = mapped(&[]);
    assert_eq!(hash(&bare, 1), hash(&bare, 2));
    assert_eq!(connection(&bare).config(1).approval, None);
    let held = with_policies(&bare, &[("a", DBA)]);
    assert_ne!(hash(&held, 1), hash(&held, 2));
}

#[test]
fn callers_who_could_vote_under_unknown_names_keep_a_connection_out() {
    let anonymous = ("McpGateway", "spec.identity.anonymous", json!(true));
    let kubernetes = ("McpGateway", "spec.identity.kubernetes", json!({"enabled": true}));
    for (text, expected) in [
        (MINIMAL.to_owned(), Some("has no kubernetesUsernames for the issuer https://idp.example.com")),
        (mapped(&[anonymous]), Some("serves callers without a token (anonymous: true)")),
        (mapped(&[]), None),
        (mapped(&[kubernetes]), None),
    ] {
        let (problems, validated) = check(&with_policies(&text, &[("a", DBA)]), &complete());
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(validated.connections.is_empty(), expected.is_some(), "{lines:#?}");
        let Some(expected) = expected else { continue };
        for (start, reason) in
            [("ApprovalPolicy default/a", "RequesterUnmapped"), ("McpConnection", "PolicyInvalid")]
        {
            let said =
                |line: &&String| line.contains(start) && line.contains(expected) && line.contains(reason);
            assert!(lines.iter().any(|line| said(&line)), "{start} {reason} {lines:#?}");
        }
        // What is only reported lets nobody approve.
        let audit = format!("mode: Audit, {DBA}");
        let (problems, validated) = check(&with_policies(&text, &[("a", &audit)]), &complete());
        assert_eq!(validated.connections.len(), 1);
        let told: Vec<_> = problems.iter().map(|problem| (problem.reason, problem.severity)).collect();
        assert_eq!(told, [(Reason::RequesterUnmapped, Severity::Warning)]);
    }
}

#[test]
fn policies_that_can_meet_and_share_no_approver_are_told_and_others_are_not() {
    let conflicts = |left: &str, right: &str| {
        let (problems, validated) =
            check(&with_policies(&mapped(&[]), &[("a", left), ("b", right)]), &complete());
        assert_eq!(validated.connections.len(), 1, "{problems:#?}");
        let of = |problem: &&lychgate_operator_plan::Problem| problem.reason == Reason::NoCommonApprover;
        problems.iter().filter(of).count()
    };
    let robots = "approvers: {serviceAccounts: [\"system:serviceaccount:ci:release\"]";
    for (left, right, expected) in [
        (DBA, "approvers: {groups: [security]}", 2),
        (DBA, "approvers: {groups: [security, dba]}", 0),
        (DBA, "approvers: {groups: [security]}, mode: Audit", 0),
        (DBA, &format!("{robots}}}"), 2),
        (&format!("{robots}, groups: [dba]}}"), &format!("{robots}, groups: [security]}}"), 0),
        (
            "approvers: {groups: [dba]}, match: {tools: [\"execute_*\"]}",
            "approvers: {groups: [security]}, match: {tools: [\"*_sql\"]}",
            2,
        ),
        (
            "approvers: {groups: [dba]}, match: {tools: [\"execute_*\"]}",
            "approvers: {groups: [security]}, match: {tools: [query], prompts: [\"*\"]}",
            0,
        ),
    ] {
        assert_eq!(conflicts(left, right), expected, "{left} and {right}");
    }
}

#[test]
fn policies_of_which_each_two_share_an_approver_and_all_together_none_are_told() {
    let of = |groups: &str| format!("approvers: {{groups: [{groups}]}}");
    let conflicts = |policies: &[(&str, &str)]| {
        let (problems, _) = check(&with_policies(&mapped(&[]), policies), &complete());
        let mut told: Vec<String> = problems
            .iter()
            .filter(|problem| problem.reason == Reason::NoCommonApprover)
            .map(ToString::to_string)
            .collect();
        told.sort();
        told
    };
    let (ab, bc, ac, abc) = (of("a, b"), of("b, c"), of("a, c"), of("a, b, c"));
    let told = conflicts(&[("p", &ab), ("q", &bc), ("r", &ac), ("s", &abc)]);
    assert_eq!(told.len(), 3, "{told:#?}");
    for (line, (own, first, second)) in told.iter().zip([("p", "q", "r"), ("q", "p", "r"), ("r", "p", "q")]) {
        let named = |name: &str| line.contains(&format!("ApprovalPolicy {name}"));
        assert!(line.contains(&format!("default/{own}")) && named(first) && named(second), "{line}");
    }
    let elsewhere = format!("{ac}, match: {{prompts: [greet]}}");
    let here = |spec: &str| format!("{spec}, match: {{tools: [query]}}");
    assert_eq!(conflicts(&[("p", &here(&ab)), ("q", &here(&bc)), ("r", &elsewhere)]), Vec::<String>::new());
    assert_eq!(conflicts(&[("p", &ab), ("q", &bc), ("r", &abc)]), Vec::<String>::new());
}

#[test]
fn eight_enforced_policies_hold_and_any_number_that_only_reports() {
    let base = mapped(&[]);
    let names: Vec<String> = (0..12).map(|index| format!("p{index}")).collect();
    let audit = format!("mode: Audit, {DBA}");
    let count = |enforced: usize| {
        let spec = |index: usize| if index < enforced { DBA } else { &audit };
        let policies: Vec<_> =
            names.iter().enumerate().map(|(index, name)| (name.as_str(), spec(index))).collect();
        check(&with_policies(&base, &policies), &complete()).1.connections.len()
    };
    assert_eq!((count(8), count(9)), (1, 0));
}

#[test]
fn a_broken_policy_keeps_out_what_it_holds_for_and_one_that_only_reports_fulfils_nothing() {
    let text = with_policies(&mapped(&[]), &[("a", "approvers: {groups: [\"system:masters\"]}")]);
    let (problems, validated) = check(&text, &complete());
    assert!(validated.connections.is_empty());
    assert!(problems.iter().any(|problem| problem.reason == Reason::PolicyInvalid), "{problems:#?}");

    let requires = || ("McpGateway", "spec.requires", json!(["ApprovalPolicy"]));
    let audit = format!("mode: Audit, {DBA}");
    for (spec, expected) in [(DBA, None), (audit.as_str(), Some(Closed::RequiredPolicyMissing))] {
        let text = with_policies(&mapped(&[requires()]), &[("a", spec)]);
        assert_eq!(connection(&text).closed(), expected);
        let inventory = load_text(&text).inventory;
        let explanation = explain(&inventory, &complete(), "default", "docs").unwrap();
        assert_eq!(explanation.required[0].fulfilled, expected.is_none());
        assert_eq!(explanation.policies[0].ground, "targetRefs[0] McpConnection docs");
    }
}

#[test]
fn an_explanation_shows_the_policy_by_which_callers_cannot_be_told_as_invalid() {
    let inventory = load_text(&with_policies(MINIMAL, &[("a", DBA)])).inventory;
    let explanation = explain(&inventory, &complete(), "default", "docs").unwrap();
    assert!(!explanation.policies[0].valid);
    assert!(explanation.to_string().contains("ApprovalPolicy a (invalid): targetRefs[0]"), "{explanation}");
}

#[test]
fn a_gateway_that_holds_calls_asks_the_api_server_and_watches_no_secret_for_it() {
    let options = RenderOptions::new("gateway:1", 7);
    let rendered = |watches: &str, policies: &[(&str, &str)]| {
        let text = with_policies(&mapped(&[("McpGateway", "spec.secretAccess", json!(watches))]), policies);
        render(&connection(&text), &options)
    };
    let flags = |objects: &[Value]| {
        let pod = &objects.last().unwrap()["spec"]["template"]["spec"];
        let arguments = pod["containers"][0]["args"].as_array().unwrap().clone();
        let is_one =
            |value: &&Value| ["--kubernetes-dir", "--watch-config-map"].contains(&value.as_str().unwrap());
        arguments.iter().filter(is_one).map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let has_volume =
        |objects: &[Value]| objects.last().unwrap().to_string().contains("/etc/lychgate/kubernetes");
    let rules = |objects: &[Value]| {
        let rules = find(objects, "Role", "lychgate-docs")["rules"].as_array().unwrap().clone();
        rules.iter().map(|rule| format!("{} {}", rule["resources"], rule["verbs"])).collect::<Vec<_>>()
    };

    let bare = rendered("Mount", &[]);
    assert!(flags(&bare).is_empty() && !has_volume(&bare));
    let held = rendered("Mount", &[("a", DBA)]);
    assert_eq!(flags(&held), ["--kubernetes-dir"]);
    assert!(has_volume(&held));
    assert_eq!(
        rules(&held),
        [
            "[\"mcpconnections\"] [\"serve\"]",
            "[\"approvals\"] [\"create\",\"get\",\"list\",\"watch\",\"patch\"]",
            "[\"approvals/status\"] [\"get\",\"patch\"]",
        ]
    );
    let egress = find(&held, "NetworkPolicy", "lychgate-docs")["spec"]["egress"].to_string();
    assert!(
        egress.contains("6443")
            && !find(&bare, "NetworkPolicy", "lychgate-docs").to_string().contains("6443")
    );
    let both = rendered("Watch", &[("a", DBA)]);
    assert_eq!(flags(&both), ["--watch-config-map", "--kubernetes-dir"]);
    assert_eq!(rules(&both)[3], "[\"configmaps\"] [\"get\",\"list\",\"watch\"]");
}

#[test]
fn the_status_of_a_policy_tells_conflicts_and_whether_votes_are_guarded() {
    let text = with_policies(&mapped(&[]), &[("a", DBA), ("b", "approvers: {groups: [security]}")]);
    let (problems, _) = check(&text, &Options::default());
    let of_policy = |name: &str| {
        let is_its = |problem: &&lychgate_operator_plan::Problem| {
            problem.object.as_ref().is_some_and(|object| object.name == name)
        };
        problems.iter().filter(is_its).collect::<Vec<_>>()
    };
    let said = |problems, guard: &Guard| {
        let observed = Observed { generation: 1, previous: &[], now: Timestamp::from_second(1).unwrap() };
        let connections = vec![("default/docs".to_owned(), State::True)];
        let status = status::approval_policy(&PolicyFacts { observed, problems, connections }, guard);
        assert_eq!((status.connection_count, status.connections.len()), (Some(1), 1));
        let conditions = status.conditions.into_iter();
        conditions.map(|next| format!("{}={}/{}", next.type_, next.status, next.reason)).collect::<Vec<_>>()
    };
    assert_eq!(
        said(of_policy("a"), &Guard::Unknown(None)),
        [
            "Accepted=True/Accepted",
            "Programmed=True/Programmed",
            "Conflicted=True/NoCommonApprover",
            "AdmissionGuarded=Unknown/Pending"
        ]
    );
    let guarded = said(vec![], &Guard::Guarded);
    assert_eq!(guarded[2..], ["Conflicted=False/NoConflict", "AdmissionGuarded=True/AdmissionGuarded"]);
    let lapsed = said(vec![], &Guard::Lapsed("no policy".to_owned()));
    assert_eq!(lapsed[3], "AdmissionGuarded=False/NotGuarded");
}

#[test]
fn the_full_policy_reaches_the_gateway_with_every_field() {
    let (_, validated) = check(FULL, &complete());
    let policy = serde_json::to_value(&approval(&validated).unwrap().policies[0]).unwrap();
    let defaults = check(&with_policies(&mapped(&[]), &[("a", DBA)]), &complete()).1;
    let defaults = serde_json::to_value(&approval(&defaults).unwrap().policies[0]).unwrap();
    for (field, value) in policy.as_object().unwrap() {
        assert_ne!(defaults.get(field), Some(value), "{field}");
    }
}
