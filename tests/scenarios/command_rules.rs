//! Commands in the arguments of calls: what a real gateway blocks, what it lets through and with which credential.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{fixture, logged};
use crate::support::dev::{entries, journal};
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};

/// A rule that reads the message of the tool `echo` as SQL.
fn rule(name: &str, audit: bool) -> Value {
    json!({
        "namespace": "test", "name": name, "uid": format!("uid-{name}"), "generation": 1, "audit": audit,
        "extract": [{"tools": ["echo"], "argument": "$.message", "language": "SQL", "dialect": "sqlite"}],
        "rules": [
            {"name": "no-ddl", "effects": ["Schema"], "action": "Deny",
             "message": "Schema changes go through migrations."},
            {"name": "bulk", "effects": ["WriteAll"], "action": "RequireApproval"},
            {"name": "reads", "effects": ["Read"], "action": "Allow", "credential": "reader"},
            {"name": "writes", "effects": ["Write"], "action": "Allow"},
        ],
    })
}

/// The document of a connection with these rules, and two accounts that go by one header.
fn ruled(upstream: &str, rules: &Value) -> Value {
    let mut document = document(upstream, 1);
    document["commands"] = rules.clone();
    for account in ["owner", "reader"] {
        let credential = json!({
            "name": account,
            "inject": {"header": "X-Account", "format": format!("{account} {{value}}")},
            "from": {"secretKeyRef": {"secret": "upstream", "key": "token"}},
        });
        document["credentials"].as_array_mut().unwrap().push(credential);
    }
    document
}

/// What the client reads: the text of the tool's result, and whether it is an error.
async fn call(gateway: &Gateway, statement: &str) -> (bool, String) {
    let answer = Ask::post(&gateway.url(), tool_call("echo", &json!({"message": statement}))).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let result = answer.message()["result"].take();
    (result["isError"] == true, result["content"][0]["text"].as_str().unwrap_or_default().to_owned())
}

/// The decisions about calls of tools, in the record.
fn decisions(gateway: &Gateway) -> Vec<Value> {
    let requests = entries(&journal(&gateway.journal_folder())).into_iter();
    requests
        .filter(|entry| entry["kind"] == "Request" && entry["method"] == "tools/call")
        .map(|mut entry| entry["decision"].take())
        .collect()
}

#[tokio::test]
async fn what_is_denied_reaches_no_server_and_what_is_allowed_goes_with_the_credential_of_its_rule() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    write_document(&folder, &ruled(&server.url, &json!([rule("sql", false)])).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    for (statement, expected) in [
        ("DROP TABLE customers", "is denied by the rule no-ddl. Schema changes go through migrations."),
        ("DELETE FROM customers", "needs approval, and no ApprovalPolicy of this connection says whose."),
        ("SELECT 1; DROP TABLE customers", "(Schema: creates, changes or drops objects)"),
        ("VACUUM", "is allowed by no rule."),
        ("SELECT 'open", "cannot be read: a quote that is not closed"),
    ] {
        let (is_error, text) = call(&gateway, statement).await;
        assert!(is_error && text.starts_with("Not sent: ") && text.contains(expected), "{statement}: {text}");
    }
    assert_eq!(logged(&log).len(), 0, "nothing reached the server");
    let reasons: Vec<Value> = decisions(&gateway).iter().map(|decision| decision["reason"].clone()).collect();
    let expected =
        ["CommandDenied", "NoApprovers", "CommandDenied", "CommandNotAllowed", "CommandUnreadable"];
    assert_eq!(reasons, expected);

    for (statement, account) in [
        ("SELECT 'DROP TABLE customers; DELETE FROM customers'", "reader upstream-token-one"),
        ("UPDATE customers SET name = 'x' WHERE id = 1", "owner upstream-token-one"),
    ] {
        let (is_error, text) = call(&gateway, statement).await;
        assert!(!is_error && text.contains(statement), "{statement}: {text}");
        assert_eq!(logged(&log).last().unwrap()["headers"]["x-account"], account, "{statement}");
    }
    let decided = decisions(&gateway);
    let found = &decided[0]["commands"]["findings"][0];
    let expected = json!({
        "place": "$.message", "line": 1, "column": 1, "effect": "Schema", "outcome": "Deny",
        "why": "creates, changes or drops objects", "reason": "CommandDenied",
        "rule": "commandrule[test/sql] rules[0] no-ddl",
    });
    assert_eq!(found, &expected);
    assert_eq!(decided[5]["rules"], json!(["access[0]", "commandrule[test/sql] rules[2] reads"]));
}

#[tokio::test]
async fn a_rule_that_only_watches_changes_nothing_but_the_record() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let mut document = ruled(&server.url, &json!([rule("sql", true)]));
    document["credentials"].as_array_mut().unwrap().pop();
    write_document(&folder, &document.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let (is_error, text) = call(&gateway, "DROP TABLE customers").await;
    assert!(!is_error && text.contains("DROP TABLE customers"), "{text}");
    assert_eq!(logged(&log).last().unwrap()["headers"]["x-account"], "owner upstream-token-one");
    let decision = decisions(&gateway).pop().unwrap();
    assert_eq!((&decision["outcome"], &decision["commands"]), (&json!("Allow"), &Value::Null));
    assert_eq!(decision["audited"]["outcome"], "Deny");
    assert_eq!(decision["audited"]["effects"], json!(["Schema"]));
}

#[tokio::test]
async fn a_condition_about_arguments_is_asked_of_each_call() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let mut document = document(&server.url, 1);
    document["access"][0]["when"] = "args.message != 'secret'".into();
    write_document(&folder, &document.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let (is_error, text) = call(&gateway, "hello").await;
    assert!(!is_error && text.contains("hello"), "{text}");
    let before = logged(&log).len();
    let (is_error, text) = call(&gateway, "secret").await;
    assert!(is_error && text.contains("conditions that these arguments do not meet"), "{text}");
    let absent = Ask::post(&gateway.url(), tool_call("echo", &json!({}))).send().await.message();
    let text = absent["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Not sent: the condition of access[0] has no answer"), "{text}");
    assert_eq!(logged(&log).len(), before, "neither reached the server");
    let listed = Ask::post(&gateway.url(), r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).send().await;
    assert!(listed.text.contains(r#""name":"echo""#), "some arguments may be used: {}", listed.text);
}
