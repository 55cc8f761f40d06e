//! The policies of `examples/policies`, from their manifests to the decision on a call: every rule with statements that
//! it is for, and with statements that only look like it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the test, not the crate, reads the example")]

mod statements;
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::{Id, Message, request};
use lychgate_gateway_policy::command::{Commands, Verdict};
use lychgate_gateway_policy::{Call, Caller, Decision, DenialReason, Policy, compile, decide};
use lychgate_operator_plan::{Options, SourceFile, Validated, load, validate};
use serde_json::{Value, json};

use statements::{Cases, PACKS, Pack};
use support::documents;

/// The fewest statements that a rule is shown to be for.
const FEWEST_HITS: usize = 5;
/// The fewest statements that look like those and are none.
const FEWEST_LOOKALIKES: usize = 3;

/// The manifests of the example.
fn files() -> Vec<SourceFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let manifests = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let read = |path: std::path::PathBuf| SourceFile {
        name: path.display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    manifests.map(read).collect()
}

/// The manifests, of which nobody says anything, not even a warning.
fn validated() -> Validated {
    let loaded = load(&files());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let validated = validate(&loaded.inventory, &Options::default());
    assert!(validated.problems.is_empty(), "{:?}", validated.problems);
    validated
}

/// What the gateway of a connection goes by.
fn policy(validated: &Validated, connection: &str) -> Policy {
    let found = validated.connections.iter().find(|found| found.name().name == connection).unwrap();
    compile(found.config(1)).unwrap()
}

/// The CommandRules as they are written.
fn written() -> Vec<Value> {
    let objects = files().into_iter().flat_map(|file| documents(&file.text));
    objects.filter(|object| object["kind"] == "CommandRule").collect()
}

/// What becomes of a call, by the grants and all policies, and what command rules say of it.
struct Answer {
    outcome: &'static str,
    verdict: Verdict,
    /// What a caller who is denied is told.
    sentence: Option<String>,
}

impl Answer {
    fn names(&self, label: &str) -> bool {
        self.verdict.findings.iter().any(|finding| finding.rule.as_deref() == Some(label))
    }
}

fn call(policy: &Policy, tool: &str, arguments: &Value) -> Answer {
    let params = json!({"name": tool, "arguments": arguments}).to_string();
    let message =
        Message::parse(request(&Id::Number(1), "tools/call", Some(&params)), Limits::with_bytes(1 << 20))
            .unwrap();
    let alice = Caller {
        issuer: "https://idp.example.com".to_owned(),
        subject: "alice".to_owned(),
        username: "alice@example.com".to_owned(),
        groups: vec!["analysts".to_owned()],
        kubernetes_usernames: vec!["oidc:alice@example.com".to_owned()],
        anonymous: false,
    };
    let answer = |outcome, commands: &Commands, sentence: Option<&str>| Answer {
        outcome,
        verdict: commands.enforced.clone().unwrap(),
        sentence: sentence.map(str::to_owned),
    };
    match decide(policy, &alice, Call::new(message).unwrap(), &[], 0) {
        Decision::Allow(permit) => answer("Allow", permit.commands(), None),
        Decision::Ask(ask) => answer("RequireApproval", ask.commands(), None),
        Decision::Deny(denial) => answer("Deny", denial.commands(), denial.sentence()),
    }
}

#[test]
fn every_rule_of_every_pack_has_statements_of_its_own() {
    let rules: BTreeSet<(String, String)> = written()
        .iter()
        .flat_map(|object| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let pack = text(&object["metadata"]["name"]);
            let rules = object["spec"]["rules"].as_array().unwrap().clone();
            rules.into_iter().map(move |rule| (pack.clone(), text(&rule["name"])))
        })
        .collect();
    let shown = |pack: &Pack| {
        let name = pack.name;
        pack.cases.iter().map(move |cases| (name.to_owned(), cases.rule.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(rules, PACKS.iter().flat_map(shown).collect(), "rules, and cases in tests/statements");
    for pack in PACKS {
        for Cases { rule, hits, lookalikes } in pack.cases {
            let distinct: BTreeSet<&&str> =
                hits.iter().chain(lookalikes.iter().map(|(_, text)| text)).collect();
            assert_eq!(distinct.len(), hits.len() + lookalikes.len(), "{} {rule}: each once", pack.name);
            let enough = hits.len() >= FEWEST_HITS && lookalikes.len() >= FEWEST_LOOKALIKES;
            assert!(enough, "{} {rule}: {} and {}", pack.name, hits.len(), lookalikes.len());
        }
    }
}

#[test]
fn every_rule_decides_what_it_is_for_and_nothing_that_only_looks_like_it() {
    let validated = validated();
    let mut wrong = Vec::new();
    for object in written() {
        let pack = PACKS.iter().find(|pack| object["metadata"]["name"] == pack.name).unwrap();
        let policy = policy(&validated, pack.connection);
        for (index, rule) in object["spec"]["rules"].as_array().unwrap().iter().enumerate() {
            let cases = pack.cases.iter().find(|cases| rule["name"] == cases.rule).unwrap();
            let label = format!("commandrule[agents/{}] rules[{index}] {}", pack.name, cases.rule);
            let message = rule["message"].as_str();
            assert_eq!(
                message.is_some(),
                rule["action"] != "Allow",
                "{label}: who is stopped is told what to do"
            );
            for sql in cases.hits {
                let answer = call(&policy, "execute_sql", &json!({"sql": sql}));
                let is_told =
                    answer.sentence.as_ref().is_none_or(|told| told.ends_with(message.unwrap_or_default()));
                if rule["action"] != answer.outcome || !answer.verdict.deciding().contains(&label) || !is_told
                {
                    wrong.push(format!("{label}: {sql}: {} {:?}", answer.outcome, answer.verdict.findings));
                }
            }
            for (outcome, sql) in cases.lookalikes {
                let answer = call(&policy, "execute_sql", &json!({"sql": sql}));
                if answer.outcome != *outcome || answer.names(&label) {
                    wrong.push(format!(
                        "not {label}: {sql}: {} {:?}",
                        answer.outcome, answer.verdict.findings
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_tool_that_a_pack_names_is_called_as_its_servers_take_it() {
    let validated = validated();
    for pack in PACKS {
        let policy = policy(&validated, pack.connection);
        let with = |arguments: &str, sql: &str| -> Value {
            serde_json::from_str(&arguments.replace("\"SQL\"", &json!(sql).to_string())).unwrap()
        };
        for (tool, arguments) in pack.calls {
            let read = call(&policy, tool, &with(arguments, "SELECT 'DROP TABLE orders'"));
            assert_eq!(read.outcome, "Allow", "{} {tool}: {:?}", pack.name, read.verdict.findings);
            let dropped = call(&policy, tool, &with(arguments, "DROP TABLE orders"));
            let label = format!("commandrule[agents/{}] rules[0] no-ddl", pack.name);
            assert_eq!(dropped.verdict.deciding(), [label], "{} {tool}", pack.name);
            // A server that takes its statements elsewhere is refused, not let through.
            let elsewhere = call(&policy, tool, &json!({"text": "SELECT 1"}));
            let reason = elsewhere.verdict.denial();
            assert_eq!(reason, Some(DenialReason::CommandUnreadable), "{} {tool}", pack.name);
        }
        let called: BTreeSet<&str> = pack.calls.iter().map(|(tool, _)| *tool).collect();
        let object = written().into_iter().find(|object| object["metadata"]["name"] == pack.name).unwrap();
        for extraction in object["spec"]["extract"].as_array().unwrap() {
            for glob in extraction["tools"].as_array().unwrap() {
                let tool = glob.as_str().unwrap().replace('*', "orders");
                assert!(called.contains(tool.as_str()), "{} {glob}: no call of it", pack.name);
            }
        }
    }
}
