//! Structured content that is masked and still fits what its tool declares: clients hold it to that themselves.

use serde_json::{Value, json};

use crate::support::counterparts::{Client, fixture, logged};
use crate::support::dev::{Dev, entries, journal};
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Answer, Ask, tool_call};
use crate::support::manifests::Manifests;

const TOKEN: &str = "upstream-token-one";
/// The values of the tool `strict`, none of which may be seen.
const HIDDEN: [&str; 8] =
    ["erin@example.com", "+12025550105", "1980-02-29", "75000", "vip", "alice@example.com", "94107", "Way 1"];

/// Every member but the tier is masked.
const RULE: &str = r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: strict, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  directions: [Response]
  detectors:
  - {type: Email, action: {redact: {}}}
  fields:
  - {keys: [id, phone, born, salary, note, street, zip], action: {redact: {}}}
  - {keys: [secret], action: {drop: {}}}
"#;

/// What stands there in the end: it fits, and says nothing.
fn fitted() -> Value {
    json!({
        "id": 1,
        "email": "redacted@example.invalid",
        "contact": null,
        "phone": "+1000000000",
        "born": "0001-01-01",
        "salary": 1000,
        "tier": "gold",
        "tags": ["redacted@example.invalid", "redacted@example.invalid"],
        "address": {"street": "[REDACTED:Fi", "zip": "[REDA"},
        "secret": "[REDACTED:Field]",
    })
}

#[tokio::test]
async fn unmodified_clients_take_a_masked_answer_whose_schema_asks_much() {
    let folder = tempfile::tempdir().unwrap();
    let server = fixture("both", TOKEN, &folder.path().join("requests.jsonl")).await;
    let manifests = Manifests { upstream: &server.url, token: TOKEN, more: RULE, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let strict = json!({"op": "callTool", "name": "strict", "arguments": {}});
    for client in [Client::TypeScript, Client::TypeScriptModern, Client::Python, Client::PythonModern] {
        let script = json!([{"op": "listTools"}, strict]);
        let lines = client.run(&dev.url, &dev.token("alice"), script).await;
        assert!(lines[2]["error"].is_null(), "{client:?}: {}", lines[2]);
        let result = &lines[2]["ok"];
        assert_eq!(result["structuredContent"], fitted(), "{client:?}");
        for hidden in HIDDEN {
            assert!(!result.to_string().contains(hidden), "{client:?} {hidden}: {result}");
        }
    }
}

/// A gateway that was never asked for a list, before the same server.
async fn fresh(masking: Value) -> (Gateway, crate::support::counterparts::Server, std::path::PathBuf) {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", TOKEN, &log).await;
    let mut written = document(&server.url, 1);
    written["masking"] = masking;
    write_document(&folder, &written.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    gateway.ready().await;
    (gateway, server, log)
}

async fn call(gateway: &Gateway, modern: bool, tool: &str) -> Answer {
    let mut body: Value = serde_json::from_str(&tool_call(tool, &json!({}))).unwrap();
    if !modern {
        return Ask::post(&gateway.url(), body.to_string()).send().await;
    }
    body["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let ask = Ask::post(&gateway.url(), body.to_string()).header("mcp-protocol-version", "2026-07-28");
    ask.header("mcp-method", "tools/call").header("mcp-name", tool).send().await
}

/// How often the gateway itself asked the server for its tools.
fn own_lists(log: &std::path::Path) -> usize {
    logged(log).iter().filter(|request| request["body"].to_string().contains("lychgate-tools-")).count()
}

#[tokio::test]
async fn a_gateway_that_has_seen_no_list_asks_the_server_once_and_only_where_something_was_masked() {
    let rule = json!([{
        "name": "strict", "directions": ["Response"],
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
        "fields": [
            {"keys": ["id", "phone", "born", "salary", "note", "street", "zip"], "action": {"redact": {}}},
            {"keys": ["secret"], "action": {"drop": {}}},
        ],
    }]);
    for modern in [false, true] {
        let (gateway, _server, log) = fresh(rule.clone()).await;
        let echoed = call(&gateway, modern, "echo").await;
        assert_eq!(
            echoed.message()["result"]["structuredContent"],
            json!({"arguments": {}}),
            "{}",
            echoed.text
        );
        assert_eq!(own_lists(&log), 0, "nothing was masked");
        for _ in 0..2 {
            let answer = call(&gateway, modern, "strict").await;
            assert_eq!(answer.message()["result"]["structuredContent"], fitted(), "{}", answer.text);
        }
        assert_eq!(own_lists(&log), 1, "modern: {modern}");
        let counts = entries(&journal(&gateway.journal_folder()));
        let answered = counts.iter().rfind(|entry| entry["kind"] == "Response").unwrap();
        assert_eq!(
            answered["message"]["result"]["structuredContent"],
            fitted(),
            "the record has what was shown"
        );
        assert!(answered["masks"]["fitted"].as_u64().unwrap() >= 9, "{answered}");
    }
}

#[tokio::test]
async fn where_nothing_fits_a_client_is_told_which_place_and_what_to_change_and_so_is_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", TOKEN, &log).await;
    let rule = RULE.replace("keys: [id,", "keys: [tier, id,");
    let manifests = Manifests { upstream: &server.url, token: TOKEN, more: &rule, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let script = json!([{"op": "listTools"}, {"op": "callTool", "name": "strict", "arguments": {}}]);
    for client in [Client::TypeScript, Client::TypeScriptModern, Client::Python, Client::PythonModern] {
        let lines = client.run(&dev.url, &dev.token("alice"), script.clone()).await;
        assert!(lines[2]["error"].is_null(), "{client:?}: {}", lines[2]);
        let result = &lines[2]["ok"];
        assert_eq!(result["isError"], true, "{client:?}: {result}");
        for told in ["outputSchema", "/tier", "Field", "MaskingRules"] {
            assert!(result.to_string().contains(told), "{client:?} {told}: {result}");
        }
        for hidden in HIDDEN.iter().chain(&["gold"]) {
            assert!(!result.to_string().contains(hidden), "{client:?} {hidden}: {result}");
        }
    }
    let recorded = dev.entries();
    let unfit = recorded.iter().filter(|entry| entry["masks"]["unfit"] == 1).count();
    assert_eq!(unfit, 4, "{recorded:?}");
    assert!(!dev.journal().contains("erin@example.com"));
}
