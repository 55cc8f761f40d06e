//! The canary: secrets are planted everywhere, and everything that leaves is searched for them.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::counterparts::{Client, fixture, identity_provider, logged, token};
use crate::support::dev::Dev;
use crate::support::http::{Ask, tool_call};
use crate::support::manifests::{MASKING, Manifests};
use crate::support::process::{finish, lychgate};

const CREDENTIAL: &str = "canary-credential-5f1d0c9be2a7";
const ACCESS: &str = r#"[{users: [alice], tools: ["*"], resources: ["*"], prompts: ["*"]}, {groups: [limited], tools: [echo]}]"#;

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Everything that a client with `token` gets to see when it tries to make the gateway talk.
async fn provoke(dev: &Dev, token: &str) -> String {
    let mut seen = String::new();
    for client in [Client::TypeScript, Client::TypeScriptModern, Client::Python] {
        let operations = json!([
            {"op": "listTools"},
            {"op": "callTool", "name": "leak", "arguments": {"where": "text"}},
            {"op": "callTool", "name": "leak", "arguments": {"where": "structured"}},
            {"op": "callTool", "name": "leak", "arguments": {"where": "base64"}},
            {"op": "callTool", "name": "leak", "arguments": {"where": "error"}},
            {"op": "callTool", "name": "headers", "arguments": {}},
            {"op": "callTool", "name": "echo", "arguments": {"message": format!("my token is {token}")}},
            {"op": "callTool", "name": token, "arguments": {}},
            {"op": "readResource", "uri": "fixture://customers/leak"},
            {"op": "readResource", "uri": format!("fixture://customers/{token}")},
        ]);
        for line in client.run(&dev.url, token, operations).await {
            seen.push_str(&line.to_string());
            seen.push('\n');
        }
    }
    let initialize = format!(r#"{{"jsonrpc":"2.0","id":"{token}","method":"{token}"}}"#);
    for ask in [
        Ask::post(&dev.url, initialize).token(token),
        Ask::post(&dev.url, format!("{{{token}")).token(token),
        Ask::post(&dev.url, tool_call("echo", &json!({}))).token(&format!("{token}x")),
        Ask::post(&format!("{}?access_token={token}", dev.url), "{}"),
        Ask::post(&format!("{}/{token}", dev.url), "{}").token(token),
        Ask::post(&dev.url, "{}").token(token).header("mcp-session-id", token),
        Ask::post(&dev.url, "{}").token(token).header("origin", &format!("https://{token}")),
        Ask::post(&dev.url, tool_call("echo", &json!({}))).header("authorization", &format!("Basic {token}")),
    ] {
        // What a client sent comes back to that very client at most; it is not searched.
        ask.send().await;
    }
    seen
}

#[tokio::test]
async fn no_credential_and_no_token_of_a_caller_leaves_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", CREDENTIAL, &log).await;
    let provider = identity_provider(&folder.path().join("keys.json"), &["alice=staff", "bob=limited"]).await;
    let manifests = Manifests {
        upstream: &server.url,
        issuer: &provider.url,
        token: CREDENTIAL,
        access: ACCESS,
        more: MASKING,
        ..Manifests::default()
    };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let alice = token(&provider.url, "alice", &dev.url).await;
    let bob = token(&provider.url, "bob", &dev.url).await;
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();

    let seen = provoke(&dev, &alice).await + &provoke(&dev, &bob).await;
    let metrics = Ask::get(&format!("{}/metrics", dev.admin)).send().await.text;
    let manifests_folder = dev.folder.path().join("manifests");
    let mut printed = String::new();
    for verb in ["validate", "render"] {
        let finished = lychgate(&[verb, "-f", manifests_folder.to_str().unwrap()], "").await;
        printed += &(finished.output + &finished.errors);
    }
    let records = dev.records();
    let records = records.to_str().unwrap();
    let listed = lychgate(&["sessions", "list", "--records", records], "").await.output;
    let sessions: Vec<&str> = listed
        .split_whitespace()
        .filter(|word| (word.starts_with("s-") || word.starts_with("t-")) && word.len() == 18)
        .collect();
    assert!(sessions.len() >= 2, "{listed}");
    for session in sessions {
        printed += &lychgate(&["replay", session, "--records", records], "").await.output;
    }
    let requests = logged(&log);
    assert!(requests.len() > 20, "the server was called");
    assert!(
        requests.iter().all(|request| request["headers"]["authorization"] == format!("Bearer {CREDENTIAL}")),
        "every request has the credential and nothing else",
    );
    let upstream = std::fs::read_to_string(&log).unwrap().replace(CREDENTIAL, "");
    let (journal, logs) = (dev.journal(), dev.process.output());
    let dev_tokens = ["alice", "bob"].map(|user| dev.token(user));
    for (place, text) in [
        ("an answer", &seen),
        ("the journal", &journal),
        ("the metrics", &metrics),
        ("what commands print", &printed),
    ] {
        for (what, needle) in [
            ("the credential", CREDENTIAL.to_owned()),
            ("the credential in base64", base64(CREDENTIAL)),
            ("the header in base64", base64(&format!("Bearer {CREDENTIAL}"))),
            ("alice's token", signature(&alice)),
            ("bob's token", signature(&bob)),
        ] {
            assert!(!text.contains(&needle), "{place} shows {what}");
        }
    }
    for needle in [signature(&alice), signature(&bob)] {
        assert!(!upstream.contains(&needle), "a caller's token reached the server");
        assert!(!logs.contains(&needle), "a caller's token is in the log");
    }
    assert!(!logs.contains(CREDENTIAL), "the credential is in the log");
    assert!(dev_tokens.iter().all(|token| !journal.contains(&signature(token))));
    assert!(journal.contains(r#""kind":"Injected""#) && journal.contains("[REDACTED:credential]"));
}

#[tokio::test]
async fn a_running_dev_shows_secrets_to_nobody_else() {
    let dev = Dev::start(&Manifests { token: CREDENTIAL, ..Manifests::default() }.to_yaml()).await;
    let mut command = Command::new("find");
    let state = dev.folder.path().join("state");
    command.arg(&state).args(["-perm", "/077", "-type", "f"]);
    let readable = finish(command, "").await.output;
    assert_eq!(readable, "", "files that others may read");
    let environment = std::fs::read(format!("/proc/{}/environ", dev.process.id())).unwrap();
    let arguments = std::fs::read(format!("/proc/{}/cmdline", dev.process.id())).unwrap();
    for bytes in [environment, arguments] {
        assert!(!String::from_utf8_lossy(&bytes).contains(CREDENTIAL));
    }
    let (code, _) = dev.process.terminate().await;
    assert_eq!(code, Some(0));
    assert!(!state.join("volumes").exists() && !state.join("tokens").exists(), "secrets go with the process");
    let left: Vec<Value> = std::fs::read_dir(&state)
        .unwrap()
        .map(|entry| json!(entry.unwrap().file_name().to_string_lossy()))
        .collect();
    assert!(left.contains(&json!("records")), "records stay: {left:?}");
}
