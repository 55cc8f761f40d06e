//! What a status says, from what is wrong and what gateways answered.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use lychgate_crds::Reason;
use lychgate_operator_plan::status::{
    self, Answer, ConnectionFacts, CredentialAnswer, DefinitionsAnswer, GatewayFacts, Observed, PolicyFacts,
    Published, Refusal, Replica, State, ToolAnswer, ValidFacts,
};
use lychgate_operator_plan::{Closed, PinningMode, Problem, Severity};
use serde_json::{Value, json};

fn problem(reason: Reason, severity: Severity) -> Problem {
    let message = "mend it".to_owned();
    Problem { source: None, object: None, path: "spec.x".to_owned(), reason, message, severity }
}

fn published(sequence: u64) -> Published {
    Published { sequence, hash: format!("hash-{sequence}") }
}

fn using(sequence: u64) -> Answer {
    Answer { in_use: Some(published(sequence)), ..Answer::default() }
}

fn replica(name: &str, answer: Option<Result<Answer, String>>) -> Replica {
    Replica { name: name.to_owned(), answer }
}

fn valid() -> ValidFacts {
    ValidFacts {
        url: Some("https://a".into()),
        policies: vec![],
        closed: None,
        has_credentials: true,
        pinning: None,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn facts<'a>(previous: &'a [Condition], replicas: &'a [Replica]) -> ConnectionFacts<'a> {
    ConnectionFacts {
        observed: Observed { generation: 3, previous, now: at(100) },
        problems: vec![],
        valid: Some(valid()),
        failure: None,
        published: Some(published(7)),
        replicas,
    }
}

/// Each condition as `status/reason`.
fn said(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(|condition| format!("{}/{}", condition.status, condition.reason)).collect()
}

#[test]
fn a_connection_is_programmed_when_every_replica_uses_what_was_published() {
    let missing = CredentialAnswer { name: "default".into(), problem: Some("there is none".into()) };
    let without_credential = Answer { credentials: vec![missing], ..using(7) };
    let refusing = Answer {
        refused: Some(Refusal { hash: "hash-7".into(), problem: "no such authority".into() }),
        ..using(6)
    };
    let refusing_older = Answer {
        refused: Some(Refusal { hash: "hash-5".into(), problem: "no such authority".into() }),
        ..using(7)
    };
    let (programmed, resolved) = ("True/Programmed", "True/ResolvedRefs");
    let behind = "False/NotAcknowledged";
    for (replicas, expected) in [
        (vec![], ["True/Accepted", "Unknown/Pending", "Unknown/NoReplica", "Unknown/NoReplica"]),
        (
            vec![replica("a", None)],
            ["True/Accepted", "Unknown/Pending", "Unknown/Pending", "Unknown/Pending"],
        ),
        (vec![replica("a", Some(Ok(using(7))))], ["True/Accepted", resolved, programmed, "True/Ready"]),
        (
            vec![replica("a", Some(Ok(using(7)))), replica("b", Some(Ok(using(6))))],
            ["True/Accepted", resolved, behind, behind],
        ),
        (
            vec![replica("a", Some(Ok(using(7)))), replica("b", Some(Err("no answer in time".into())))],
            ["True/Accepted", resolved, behind, behind],
        ),
        (
            vec![replica("a", Some(Ok(refusing)))],
            [
                "True/Accepted",
                "Unknown/ConfigurationRefused",
                "False/ConfigurationRefused",
                "False/ConfigurationRefused",
            ],
        ),
        (vec![replica("a", Some(Ok(refusing_older)))], ["True/Accepted", resolved, programmed, "True/Ready"]),
        (
            vec![replica("a", Some(Ok(without_credential)))],
            ["True/Accepted", "False/CredentialUnusable", programmed, "False/CredentialUnusable"],
        ),
    ] {
        let status = status::connection(&facts(&[], &replicas));
        assert_eq!(said(&status.conditions), expected, "{replicas:?}");
    }
    let answer = |name: &str| CredentialAnswer { name: name.into(), problem: Some("there is none".into()) };
    let fine = CredentialAnswer { name: "reader".into(), problem: None };
    let answer = Answer { credentials: vec![answer("default"), fine, answer("owner")], ..using(7) };
    let status = status::connection(&facts(&[], &[replica("a", Some(Ok(answer)))]));
    let expected = "credential default: there is none; credential owner: there is none (pod a)";
    assert_eq!(status.conditions[1].message, expected);
}

#[test]
fn a_connection_that_is_wrong_closed_or_refused_by_the_api_server_is_not_ready() {
    let replicas = [replica("a", Some(Ok(using(7))))];
    let good = facts(&[], &replicas);
    let refusal = problem(Reason::InvalidValue, Severity::Error);
    let invalid = ConnectionFacts { problems: vec![&refusal], valid: None, ..good.clone() };
    let conditions = status::connection(&invalid).conditions;
    assert_eq!(
        said(&conditions),
        ["False/InvalidValue", "Unknown/NotAccepted", "False/NotAccepted", "False/NotAccepted"]
    );
    assert_eq!(conditions.first().unwrap().message, "spec.x: mend it");

    let missing = problem(Reason::RefNotFound, Severity::Error);
    let unresolved = ConnectionFacts { problems: vec![&missing], valid: None, ..good.clone() };
    assert_eq!(
        said(&status::connection(&unresolved).conditions)[..2],
        ["False/RefNotFound", "False/RefNotFound"]
    );

    let failed = ConnectionFacts { failure: Some("Service a: invalid".into()), ..good.clone() };
    assert_eq!(
        said(&status::connection(&failed).conditions)[2..],
        ["False/ApplyFailed", "False/ApplyFailed"]
    );

    for (closed, expected) in [
        (Closed::Suspended, "False/Suspended"),
        (Closed::RequiredPolicyMissing, "False/RequiredPolicyMissing"),
    ] {
        let valid = Some(ValidFacts { closed: Some(closed), ..valid() });
        let conditions = status::connection(&ConnectionFacts { valid, ..good.clone() }).conditions;
        assert_eq!(said(&conditions)[2..], ["True/Programmed", expected]);
    }

    let odd = problem(Reason::NoEffect, Severity::Warning);
    let warned = ConnectionFacts { problems: vec![&odd], ..good };
    let conditions = status::connection(&warned).conditions;
    assert_eq!(said(&conditions).first().unwrap(), "True/Accepted");
    assert_eq!(conditions.first().unwrap().message, "valid; spec.x: mend it");
}

#[test]
fn a_condition_keeps_the_time_of_its_last_transition() {
    let replicas = [replica("a", Some(Ok(using(7))))];
    let first = status::connection(&facts(&[], &replicas));
    let mut later = facts(&first.conditions, &replicas);
    later.observed.now = at(200);
    assert_eq!(status::connection(&later), first);

    let behind = [replica("a", Some(Ok(using(6))))];
    let mut changed = facts(&first.conditions, &behind);
    changed.observed.now = at(300);
    let times: Vec<i64> = status::connection(&changed)
        .conditions
        .iter()
        .map(|condition| condition.last_transition_time.0.as_second())
        .collect();
    assert_eq!(times, [100, 100, 300, 300]);
}

#[test]
fn gateways_and_rules_are_programmed_when_all_their_connections_are() {
    let observed = Observed { generation: 1, previous: &[], now: at(1) };
    let gateway = |connections: &[State], suspended| {
        let connections = connections.iter().map(|state| ("c".to_owned(), *state)).collect();
        said(
            &status::gateway(&GatewayFacts { observed, problems: vec![], suspended, connections }).conditions,
        )
    };
    assert_eq!(gateway(&[], false)[2..], ["True/Programmed", "True/Ready"]);
    assert_eq!(gateway(&[State::True, State::Unknown], false)[2], "Unknown/ConnectionsPending");
    assert_eq!(gateway(&[State::False, State::Unknown], false)[2], "False/ConnectionsPending");
    assert_eq!(gateway(&[State::True], true)[2..], ["True/Programmed", "False/Suspended"]);

    let nothing = problem(Reason::NoTarget, Severity::Warning);
    let rule = |connections: Vec<(String, State)>| {
        status::masking_rule(
            &PolicyFacts { observed, problems: vec![&nothing], connections },
            &json!({}),
            &BTreeMap::new(),
        )
    };
    assert_eq!(said(&rule(vec![]).conditions), ["False/NoTarget", "False/NotAccepted"]);
    let holds = rule(vec![("agents/a".into(), State::True)]);
    assert_eq!(said(&holds.conditions), ["True/Accepted", "True/Programmed"]);
    let contradicted = problem(Reason::CredentialConflict, Severity::Warning);
    for (problems, expected) in
        [(vec![], "False/NoConflict"), (vec![&contradicted], "True/CredentialConflict")]
    {
        let connections = vec![("agents/a".to_owned(), State::True)];
        let commands = status::command_rule(&PolicyFacts { observed, problems, connections });
        assert_eq!(said(&commands.conditions), ["True/Accepted", "True/Programmed", expected]);
        assert_eq!(commands.connections, ["agents/a"]);
    }
    assert_eq!((holds.connection_count, holds.connections), (Some(1), vec!["agents/a".to_owned()]));
}

/// What a gateway has heard: each tool with its hash and its pin.
fn heard(tools: &[(&str, &str, Option<&str>)], others: &[&str]) -> Replica {
    let tool = |(name, definition, pinned): &(&str, &str, Option<&str>)| ToolAnswer {
        name: (*name).into(),
        definition: (*definition).into(),
        pinned: pinned.map(str::to_owned),
        hidden: vec![],
    };
    let others = others.iter().map(|other| (*other).to_owned()).collect();
    let definitions = Some(DefinitionsAnswer { tools: tools.iter().map(tool).collect(), others });
    replica("a", Some(Ok(Answer { definitions, ..using(7) })))
}

#[test]
fn tools_are_pinned_as_gateways_saw_them_last_and_the_first_that_are_not_are_named() {
    let told = |pinning, replicas: &[Replica]| {
        let valid = Some(ValidFacts { pinning, ..valid() });
        let status = status::connection(&ConnectionFacts { valid, ..facts(&[], replicas) });
        let found = status.conditions.iter().find(|condition| condition.type_ == "ToolsPinned");
        found.map(|it| format!("{}/{}: {}", it.status, it.reason, it.message))
    };
    let (enforced, audited) = (Some(PinningMode::Enforce), Some(PinningMode::Audit));
    let own = heard(&[("query", "1f", Some("1f"))], &[]);
    let changed = heard(&[("query", "2e", Some("1f")), ("new", "3d", None)], &[]);
    assert_eq!(told(None, std::slice::from_ref(&changed)), None);
    assert!(told(enforced, &[replica("a", Some(Ok(using(7))))]).unwrap().starts_with("Unknown/Pending: "));
    let pinned = "True/ToolsPinned: every tool is as it was pinned";
    assert_eq!(told(enforced, std::slice::from_ref(&own)).unwrap(), pinned);
    assert_eq!(
        told(enforced, &[own.clone(), changed.clone()]).unwrap(),
        "False/ToolsChanged: changed since they were pinned, and neither shown nor called: query (2e, pinned 1f); look at \
         what the server says, and write what lychgate pin prints"
    );
    assert!(told(audited, &[changed]).unwrap().contains(", and used all the same (mode Audit): query"));
    let unpinned = heard(&[("a\u{200b}", "3d", None)], &["instructions (U+200B at character 1)"]);
    assert_eq!(
        told(enforced, &[own, unpinned]).unwrap(),
        "False/ToolsNotPinned: not pinned, and neither shown nor called: a\\u{200b} (3d); look at what the server says, \
         and write what lychgate pin prints; hidden characters in instructions (U+200B at character 1)"
    );
    let odd = heard(&[], &["prompt greet (name: U+200B at character 2)"]);
    let valid_and_odd = "True/ToolsPinned: valid; every tool is as it was pinned; ";
    assert!(told(enforced, &[odd]).unwrap().starts_with(valid_and_odd));
    let names: Vec<String> = (0..20).map(|index| format!("t{index:02}")).collect();
    let many: Vec<(&str, &str, Option<&str>)> =
        names.iter().map(|name| (name.as_str(), "0a", None)).collect();
    assert!(told(enforced, &[heard(&many, &[])]).unwrap().contains("t07 (0a), and 12 more; "));
}

#[test]
fn the_status_of_a_masking_rule_tells_what_it_is_compiled_to_and_of_a_wrong_one_nothing() {
    let observed = Observed { generation: 1, previous: &[], now: at(1) };
    let program = |target: &str, fields: Value| {
        let object = json!({"spec": {
            "targetRefs": [{"kind": "McpConnection", "name": target}],
            "detectors": [{"type": "Email", "action": {"redact": {}}}],
            "fields": fields,
        }});
        let facts = PolicyFacts { observed, problems: vec![], connections: vec![] };
        status::masking_rule(&facts, &object, &BTreeMap::new()).program
    };
    let field = |key: &str| json!([{"keys": [key], "action": {"drop": {}}}]);
    let one = program("a", field("pin")).unwrap();
    assert_eq!((one.detectors, one.fields, one.streaming, one.hash.len()), (1, 1, false, 64));
    assert!(program("a", json!([{"keys": ["pin"], "action": {"redact": {}}}])).unwrap().streaming);
    assert_eq!(program("b", field("pin")).unwrap(), one);
    assert_ne!(program("a", field("pan")).unwrap().hash, one.hash);
    assert_eq!(program("a", json!([{"jsonPath": "a", "action": {"drop": {}}}])), None);
    assert_eq!(program("a", json!(7)), None);
}

#[test]
fn words_in_a_config_map_are_part_of_what_a_rule_is_compiled_to() {
    let observed = Observed { generation: 1, previous: &[], now: at(1) };
    let object = json!({"spec": {
        "targetRefs": [{"kind": "McpConnection", "name": "a"}],
        "custom": [{
            "name": "unit", "action": {"redact": {}},
            "termsFrom": {"configMapKeyRef": {"name": "words", "key": "units"}},
        }],
    }});
    let program = |words: Value| {
        let facts = PolicyFacts { observed, problems: vec![], connections: vec![] };
        let config_maps = BTreeMap::from([("words".to_owned(), std::sync::Arc::new(json!({"data": words})))]);
        status::masking_rule(&facts, &object, &config_maps).program
    };
    let one = program(json!({"units": "Northern Relay\n"})).unwrap();
    assert_eq!(program(json!({"units": "# again\nNorthern Relay"})), Some(one.clone()));
    assert_ne!(program(json!({"units": "Southern Relay"})).unwrap().hash, one.hash);
    assert_eq!(program(json!({"others": "Northern Relay"})), None);
}
