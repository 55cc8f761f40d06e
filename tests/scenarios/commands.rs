//! The command line as people type it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::manifests::{MASKING, Manifests};
use crate::support::process::{Finished, lychgate};
use crate::support::workspace;

fn folder(yaml: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), yaml).unwrap();
    folder
}

async fn on(folder: &Path, verb: &str, more: &[&str], input: &str) -> Finished {
    let mut arguments = vec![verb, "-f", folder.to_str().unwrap()];
    arguments.extend(more);
    lychgate(&arguments, input).await
}

#[tokio::test]
async fn every_example_is_valid_and_rendered() {
    for example in std::fs::read_dir(workspace().join("examples")).unwrap() {
        let example = example.unwrap().path();
        let validated = on(&example, "validate", &[], "").await;
        assert_eq!(validated.code, 0, "{}", validated.output);
        let rendered = on(&example, "render", &[], "").await;
        assert_eq!(rendered.code, 0, "{}", rendered.errors);
        let kinds: Vec<&str> =
            rendered.output.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
        for kind in
            ["ServiceAccount", "ConfigMap", "Role", "RoleBinding", "Deployment", "Service", "NetworkPolicy"]
        {
            assert!(kinds.contains(&kind), "{kinds:?}");
        }
    }
}

#[tokio::test]
async fn the_example_of_masking_does_what_its_page_says() {
    let example = workspace().join("examples/masking");
    let page = std::fs::read_to_string(example.join("README.md")).unwrap();
    let (_, rest) = page.split_once("<<'END'\n").unwrap();
    let (answer, _) = rest.split_once("\nEND\n").unwrap();
    let seen = async |groups: &str| {
        let arguments = ["--connection", "tickets", "--tool", "query", "--user", "alice", "--groups", groups];
        let masked = on(&example, "mask", &arguments, answer).await;
        assert_eq!(masked.code, 0, "{}", masked.errors);
        masked.output.replace('\n', "")
    };
    let masked = seen("support").await;
    let told = page.lines().find(|line| line.starts_with("The text comes out as")).unwrap();
    for part in told.split('`').skip(1).step_by(2).take(2) {
        let part = if part.starts_with('{') { part.to_owned() } else { part.replace('"', "\\\"") };
        assert!(masked.contains(&part), "{part} in {masked}");
    }
    assert!(masked.contains(r#"{"name":"theme","value":"dark"}"#) && !masked.contains("k3"), "{masked}");
    assert_eq!(seen("privacy-team").await.trim(), answer.replace('\n', ""));
}

#[tokio::test]
async fn problems_are_told_with_file_line_and_field() {
    let broken = Manifests { token: "t", ..Manifests::default() }
        .to_yaml()
        .replace("insecurePlaintext: true", "insecurePlaintxt: true")
        .replace("groups: [limited]", "groups: []");
    let folder = folder(&broken);
    let validated = on(folder.path(), "validate", &[], "").await;
    assert_eq!(validated.code, 1, "{}", validated.output);
    for expected in ["spec.upstream.insecurePlaintxt", "insecurePlaintext", "spec.access[1]"] {
        assert!(validated.output.contains(expected), "{}", validated.output);
    }
    let places = validated.output.lines().filter(|line| line.contains("all.yaml:")).count();
    assert!(places >= 2, "each problem has its line: {}", validated.output);
    let rendered = on(folder.path(), "render", &[], "").await;
    assert_eq!(
        (rendered.code, rendered.output.as_str()),
        (1, ""),
        "nothing of an invalid connection is rendered"
    );
    let missing = lychgate(&["validate", "-f", "/no/such/folder"], "").await;
    assert_eq!(missing.code, 2);
    assert!(missing.errors.contains("/no/such/folder"), "{}", missing.errors);
}

const FOR_ALL: &str = "
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: everywhere, namespace: lychgate-system}
spec:
  namespaceSelector: {}
  detectors: [{type: Email, action: {redact: {}}}]
";

#[tokio::test]
async fn a_rule_for_every_namespace_counts_where_the_operator_is() {
    let folder = folder(&Manifests { more: FOR_ALL, ..Manifests::default() }.to_yaml());
    for (operator, code, expected) in [
        (&[][..], 0, "1 valid connections, 0 errors"),
        (&["--operator-namespace", "lychgate-system"], 0, "1 valid connections, 0 errors"),
        (&["--operator-namespace", "other"], 1, "move the policy to other"),
    ] {
        let validated = on(folder.path(), "validate", operator, "").await;
        assert_eq!(validated.code, code, "{}", validated.output);
        assert!(validated.output.contains(expected), "{}", validated.output);
    }
    let rendered = on(folder.path(), "render", &["--operator-namespace", "lychgate-system"], "").await;
    for expected in
        [r#"\"name\":\"lychgate-system/everywhere\""#, "kubernetes.io/metadata.name: lychgate-system"]
    {
        assert!(rendered.output.contains(expected), "{}", rendered.output);
    }
}

#[tokio::test]
async fn a_connection_is_explained_with_what_holds_for_it_and_why() {
    let folder =
        folder(&Manifests { more: MASKING, token: "explained-token", ..Manifests::default() }.to_yaml());
    let explain = async |arguments: &[&str]| {
        let mut all = vec!["explain", "-f", folder.path().to_str().unwrap()];
        all.extend(arguments);
        lychgate(&all, "").await
    };
    for arguments in [&["server"][..], &["test/server"], &["server", "-n", "test"]] {
        let explained = explain(arguments).await;
        assert_eq!(explained.code, 0, "{}", explained.errors);
        for expected in [
            "McpConnection  test/server",
            "Policies       MaskingRule personal: targetRefs[0] McpConnection server",
            "access[1] groups limited: tools echo",
            "from key token of Secret upstream",
        ] {
            assert!(explained.output.contains(expected), "{}", explained.output);
        }
        assert!(!explained.output.contains("explained-token"), "{}", explained.output);
    }
    for arguments in [&["other"][..], &["server", "-n", "elsewhere"], &["test/server", "-n", "test"]] {
        assert_eq!(explain(arguments).await.code, 2, "{arguments:?}");
    }
    let broken =
        Manifests { more: MASKING, ..Manifests::default() }.to_yaml().replace("type: Email", "type: Mail");
    std::fs::write(folder.path().join("all.yaml"), broken).unwrap();
    let explained = explain(&["server"]).await;
    assert_eq!(explained.code, 1, "{}", explained.output);
    assert!(explained.output.contains("MaskingRule personal (invalid)"), "{}", explained.output);
}

#[tokio::test]
async fn a_suspended_connection_is_valid_and_denies_every_call() {
    let folder = folder(&Manifests { gateway: "suspended: true", ..Manifests::default() }.to_yaml());
    let validated = on(folder.path(), "validate", &[], "").await;
    assert_eq!(validated.code, 0, "{}", validated.output);
    assert!(validated.output.contains("1 valid connections, 0 errors, 2 warnings"), "{}", validated.output);
    let call = json!({"name": "query", "arguments": {}}).to_string();
    let decided = on(folder.path(), "decide", &["--connection", "server", "--user", "alice"], &call).await;
    assert_eq!(decided.code, 1, "{}", decided.errors);
    assert!(decided.output.contains(r#""reason":"Suspended""#), "{}", decided.output);
}

#[tokio::test]
async fn a_decision_is_told_with_its_rules() {
    let folder = folder(&Manifests::default().to_yaml());
    let call = json!({"name": "query", "arguments": {}}).to_string();
    let decide = async |user: &str, groups: &str, input: &str| {
        let more = ["--connection", "server", "--user", user, "--groups", groups];
        let finished = on(folder.path(), "decide", &more, input).await;
        let answer = serde_json::from_str::<Value>(&finished.output).unwrap_or_default();
        (finished.code, answer, finished.errors)
    };
    let (code, answer, _) = decide("alice", "staff", &call).await;
    let expected = json!({
        "decision": "Allow", "rules": ["access[0]"], "reason": null, "effects": [], "statements": [],
        "credentials": ["default"],
    });
    assert_eq!((code, answer), (0, expected));
    let (code, answer, _) = decide("bob", "limited", &call).await;
    let expected = json!({
        "decision": "Deny", "rules": [], "reason": "NoGrant", "effects": [], "statements": [], "sentence": null,
    });
    assert_eq!((code, answer), (1, expected));
    let (code, _, errors) = decide("bob", "limited", "{").await;
    assert_eq!(code, 2);
    assert!(errors.contains("standard input"), "{errors}");
    let unknown = on(folder.path(), "decide", &["--connection", "other"], &call).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.errors.contains("test/server"), "{}", unknown.errors);
}

#[tokio::test]
async fn a_command_is_inspected_without_any_rule() {
    let inspect = async |dialect: &str, text: &str| {
        lychgate(&["inspect", "--language", "SQL", "--dialect", dialect], text).await
    };
    let finished = inspect("postgresql", "select 1;\n delete from \"Orders\" -- all").await;
    let answer: Value = serde_json::from_str(&finished.output).unwrap();
    assert_eq!((finished.code, &answer["effects"]), (0, &json!(["Read", "WriteAll"])), "{}", finished.errors);
    let deleted = &answer["statements"][1];
    assert_eq!(deleted["canonical"], r#"delete from "Orders""#);
    assert_eq!((&deleted["effects"][0]["line"], &deleted["effects"][0]["column"]), (&json!(2), &json!(2)));
    let finished = inspect("postgresql", "select 1 where 'a").await;
    let answer: Value = serde_json::from_str(&finished.output).unwrap();
    assert_eq!((finished.code, &answer["unparseable"]["line"]), (1, &json!(1)), "{}", finished.output);
    let finished = inspect("mumps", "select 1").await;
    assert!(finished.code == 2 && finished.errors.contains("mumps"), "{}", finished.errors);
}

#[tokio::test]
async fn a_message_is_shown_as_the_caller_would_see_it() {
    let folder = folder(&Manifests { more: MASKING, ..Manifests::default() }.to_yaml());
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [
        {"type": "text", "text": "write to alice@example.com about 4111 1111 1111 1111"},
    ]}});
    let more = ["--connection", "server", "--tool", "query", "--user", "alice", "--explain"];
    let masked = on(folder.path(), "mask", &more, &message.to_string()).await;
    assert_eq!(masked.code, 0, "{}", masked.errors);
    let text =
        serde_json::from_str::<Value>(&masked.output).unwrap()["result"]["content"][0]["text"].to_string();
    assert_eq!(text, r#""write to [REDACTED:Email] about **** **** **** 1111""#);
    assert!(
        masked.errors.contains("Email: 1") && masked.errors.contains("CreditCard: 1"),
        "{}",
        masked.errors
    );
    let place = "Email at $.result.content[0].text, bytes 9 to 26";
    assert!(masked.errors.contains(place) && !masked.errors.contains("alice@"), "{}", masked.errors);
}

#[tokio::test]
async fn dev_refuses_what_it_could_not_protect() {
    let folder = folder(&Manifests::default().to_yaml());
    let state = folder.path().join("state");
    let start = async |more: &[&str]| {
        let mut arguments = vec!["dev", folder.path().to_str().unwrap(), "--state", state.to_str().unwrap()];
        arguments.extend(more);
        lychgate(&arguments, "").await
    };
    let open = start(&["--listen", "0.0.0.0:0"]).await;
    assert_eq!(open.code, 2);
    assert!(open.errors.contains("loopback"), "{}", open.errors);
    let elsewhere = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0", "--namespace", "other"];
    let elsewhere = start(&elsewhere).await;
    assert_eq!(elsewhere.code, 2);
    assert!(elsewhere.errors.contains("no connection in namespace other"), "{}", elsewhere.errors);
}
