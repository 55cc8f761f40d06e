//! The health checks for Argo CD, in the Lua that it runs, on statuses that the operator writes.
//!
//! What they say is held to what `lychgate status` says, and the files that Argo CD's own tests read are made here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the test, not the crate, reads and writes golden files")]

use std::collections::BTreeMap;

use std::path::{Path, PathBuf};

use k8s_openapi::jiff::Timestamp;
use lychgate_crds::Reason;
use lychgate_crds::approval::{ApprovalStatus, Phase};
use lychgate_operator_plan::status::{
    self, Answer, ConnectionFacts, DefinitionsAnswer, GatewayFacts, Guard, Observed, PolicyFacts, Published,
    Replica, State, ToolAnswer, ValidFacts, Workload, diagnose,
};
use lychgate_operator_plan::{PinningMode, Problem, Severity};
use mlua::serde::ser::Options as SerializeOptions;
use mlua::{Lua, LuaOptions, LuaSerdeExt as _, StdLib};
use serde_json::{Value, json};

const KINDS: [&str; 6] =
    ["McpGateway", "McpConnection", "MaskingRule", "CommandRule", "ApprovalPolicy", "Approval"];
const UPDATE: &str =
    "Run `UPDATE_GOLDEN=1 cargo test -p lychgate-operator-plan --test argocd` and look at the difference.";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/lychgate/argocd")
}

fn script(kind: &str) -> String {
    let path = folder().join(format!("resource_customizations/lychgate.dev/{kind}/health.lua"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Status and message, with no libraries but those that Argo CD gives: neither strings nor files.
fn health(object: &Value) -> (String, String) {
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default()).unwrap();
    let options = SerializeOptions::new().serialize_none_to_null(false).serialize_unit_to_null(false);
    lua.globals().set("obj", lua.to_value_with(object, options).unwrap()).unwrap();
    let kind = object["kind"].as_str().unwrap();
    let told: mlua::Table = lua.load(script(kind)).set_name(kind).eval().unwrap();
    (told.get("status").unwrap(), told.get("message").unwrap())
}

fn object(kind: &str, status: impl serde::Serialize) -> Value {
    json!({
        "apiVersion": "lychgate.dev/v1alpha1", "kind": kind,
        "metadata": {"name": "example", "namespace": "agents", "generation": 3},
        "status": serde_json::to_value(status).unwrap(),
    })
}

fn observed() -> Observed<'static> {
    Observed { generation: 3, previous: &[], now: Timestamp::from_second(1_795_000_000).unwrap() }
}

fn problem() -> Problem {
    let (path, message) = ("spec.x".to_owned(), "mend it".to_owned());
    Problem {
        source: None,
        object: None,
        path,
        reason: Reason::InvalidValue,
        message,
        severity: Severity::Error,
    }
}

fn connection(problems: Vec<&Problem>, published: bool) -> Value {
    pinned_connection(problems, published, None)
}

/// A connection whose server says of a tool what was pinned, or something else; nothing is pinned without.
fn pinned_connection(problems: Vec<&Problem>, published: bool, pinned: Option<Option<&str>>) -> Value {
    let tool = pinned.map(|pin| ToolAnswer {
        name: "query".into(),
        definition: "1f".into(),
        pinned: pin.map(str::to_owned),
        hidden: vec![],
    });
    let pinning = tool.is_some().then_some(PinningMode::Enforce);
    let definitions = tool.map(|tool| DefinitionsAnswer { tools: vec![tool], others: vec![] });
    let published = published.then(|| Published { sequence: 7, hash: "h".into() });
    let answer = Answer { in_use: published.clone(), definitions, ..Answer::default() };
    let replicas = [Replica { name: "a".into(), answer: Some(Ok(answer)) }];
    let valid = ValidFacts {
        url: Some("https://a".into()),
        policies: vec![],
        closed: None,
        has_credentials: false,
        pinning,
    };
    let valid = problems.is_empty().then_some(valid);
    let facts = ConnectionFacts {
        observed: observed(),
        problems,
        valid,
        failure: None,
        published,
        replicas: &replicas,
    };
    object("McpConnection", status::connection(&facts))
}

fn gateway(problems: Vec<&Problem>, suspended: bool, state: State) -> Value {
    let connections = vec![("agents/db".to_owned(), state)];
    let facts = GatewayFacts { observed: observed(), problems, suspended, connections };
    object("McpGateway", status::gateway(&facts))
}

fn policy<'a>(problems: Vec<&'a Problem>, state: State) -> PolicyFacts<'a> {
    PolicyFacts { observed: observed(), problems, connections: vec![("agents/db".to_owned(), state)] }
}

fn approval(phase: Option<Phase>) -> Value {
    let status = phase.map(|phase| ApprovalStatus { phase, ..ApprovalStatus::default() });
    let mut approval = object("Approval", status);
    approval["spec"] = json!({"required": {"deadline": "2026-12-01T10:00:00Z"}});
    approval
}

/// The fixtures of all kinds: the name of each file, the object, and its health.
fn fixtures() -> Vec<(&'static str, Value, &'static str)> {
    let broken = problem();
    let rule = |problems, state| {
        object("MaskingRule", status::masking_rule(&policy(problems, state), &json!({}), &BTreeMap::new()))
    };
    let commands = |problems, state| object("CommandRule", status::command_rule(&policy(problems, state)));
    let guarded = |problems, state, guard: &Guard| {
        object("ApprovalPolicy", status::approval_policy(&policy(problems, state), guard))
    };
    let lapsed = Guard::Lapsed("a vote in a foreign name was not refused".into());
    let mut behind = connection(vec![], true);
    behind["metadata"]["generation"] = json!(4);
    let mut unseen = connection(vec![], true);
    unseen.as_object_mut().unwrap().remove("status");
    vec![
        ("healthy", gateway(vec![], false, State::True), "Healthy"),
        ("progressing", gateway(vec![], false, State::Unknown), "Progressing"),
        ("degraded", gateway(vec![&broken], false, State::True), "Degraded"),
        ("suspended", gateway(vec![], true, State::True), "Degraded"),
        ("healthy", connection(vec![], true), "Healthy"),
        ("degraded", connection(vec![&broken], true), "Degraded"),
        ("progressing", connection(vec![], false), "Progressing"),
        ("pinned", pinned_connection(vec![], true, Some(Some("1f"))), "Healthy"),
        ("unpinned", pinned_connection(vec![], true, Some(None)), "Healthy"),
        ("changed", pinned_connection(vec![], true, Some(Some("2e"))), "Degraded"),
        ("behind", behind, "Progressing"),
        ("unseen", unseen, "Progressing"),
        ("healthy", rule(vec![], State::True), "Healthy"),
        ("progressing", rule(vec![], State::Unknown), "Progressing"),
        ("degraded", rule(vec![&broken], State::True), "Degraded"),
        ("healthy", commands(vec![], State::True), "Healthy"),
        ("progressing", commands(vec![], State::Unknown), "Progressing"),
        ("degraded", commands(vec![&broken], State::True), "Degraded"),
        ("healthy", guarded(vec![], State::True, &Guard::Guarded), "Healthy"),
        ("progressing", guarded(vec![], State::True, &Guard::Unknown(None)), "Progressing"),
        ("degraded", guarded(vec![&broken], State::True, &Guard::Guarded), "Degraded"),
        ("unguarded", guarded(vec![], State::True, &lapsed), "Degraded"),
        ("new", approval(None), "Suspended"),
        ("pending", approval(Some(Phase::Pending)), "Suspended"),
        ("approved", approval(Some(Phase::Approved)), "Healthy"),
        ("denied", approval(Some(Phase::Denied)), "Healthy"),
        ("expired", approval(Some(Phase::Expired)), "Healthy"),
        ("cancelled", approval(Some(Phase::Cancelled)), "Healthy"),
        ("consumed", approval(Some(Phase::Consumed)), "Healthy"),
        ("revoked", approval(Some(Phase::Revoked)), "Healthy"),
    ]
}

/// Holds a file to what it should be.
fn hold(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, expected).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == expected, "{} is not as it should be. {UPDATE}", path.display());
}

fn in_words(object: &Value) -> String {
    diagnose(object, &Workload::default()).health.to_string()
}

#[test]
fn each_status_has_the_health_that_it_should_and_is_in_the_files_of_argo_cds_tests() {
    for kind in KINDS {
        let mut tests = Vec::new();
        let here = folder().join("resource_customizations/lychgate.dev").join(kind);
        for (name, object, expected) in fixtures().into_iter().filter(|(_, object, _)| object["kind"] == kind)
        {
            let (status, message) = health(&object);
            assert_eq!(status, expected, "{kind} {name}: {message}");
            if kind != "Approval" {
                assert_eq!(status, in_words(&object), "{kind} {name}: lychgate status says otherwise");
            }
            let file = format!("testdata/{name}.yaml");
            hold(&here.join(&file), &lychgate_crds::yaml::write_all(&[object]));
            tests.push(json!({"healthStatus": {"status": status, "message": message}, "inputPath": file}));
        }
        hold(&here.join("health_test.yaml"), &lychgate_crds::yaml::write_all(&[json!({"tests": tests})]));
    }
}

#[test]
fn what_is_missing_or_unknown_in_a_status_is_waited_for_as_lychgate_status_does() {
    for (name, healthy, _) in fixtures().into_iter().filter(|(name, ..)| *name == "healthy") {
        let kind = healthy["kind"].as_str().unwrap();
        let count = healthy["status"]["conditions"].as_array().unwrap().len();
        let mut changed = Vec::new();
        for status in [json!(null), json!({}), json!({"observedGeneration": 3})] {
            let mut object = healthy.clone();
            object["status"] = status;
            changed.push(object);
        }
        for index in 0..count {
            for state in ["True", "False", "Unknown"] {
                let mut object = healthy.clone();
                object["status"]["conditions"][index]["status"] = json!(state);
                changed.push(object);
            }
            let mut object = healthy.clone();
            object["status"]["conditions"].as_array_mut().unwrap().remove(index);
            changed.push(object);
        }
        for object in changed {
            let (status, message) = health(&object);
            assert_eq!(status, in_words(&object), "{kind} {name}: {}: {message}", object["status"]);
        }
        // What a condition says of an older generation counts for nothing.
        let mut object = healthy.clone();
        object["status"]["conditions"][0]["observedGeneration"] = json!(2);
        assert_eq!(health(&object).0, "Progressing", "{kind}");
    }
}

#[test]
fn the_snippet_for_argo_cds_configuration_has_every_check() {
    let mut text = String::from(
        "# Merge this into the ConfigMap argocd-cm, which Argo CD reads. It is made from the files beside it.\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  labels:\n    \
         app.kubernetes.io/name: argocd-cm\n    app.kubernetes.io/part-of: argocd\ndata:\n",
    );
    for kind in KINDS {
        text.push_str(&format!("  resource.customizations.health.lychgate.dev_{kind}: |\n"));
        for line in script(kind).lines() {
            text.push_str(&if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
        }
    }
    hold(&folder().join("argocd-cm.yaml"), &text);
    let read: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(read["data"]["resource.customizations.health.lychgate.dev_Approval"], script("Approval"));
}
