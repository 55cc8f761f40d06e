//! Credentials while things change: rotated, removed, expired, forbidden for the host.

use base64::Engine as _;
use hyper::StatusCode;
use serde_json::json;

use crate::support::counterparts::{fixture, logged};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};

async fn call(gateway: &Gateway) -> crate::support::http::Answer {
    Ask::post(&gateway.url(), tool_call("echo", &json!({"message": "hi"}))).send().await
}

/// Replaces a mounted file as a kubelet does: as a whole.
fn write_file(gateway: &Gateway, file: &str, value: &str) {
    let folder = gateway.folder.path();
    std::fs::write(folder.join("next-value"), value).unwrap();
    std::fs::rename(folder.join("next-value"), folder.join(file)).unwrap();
}

fn write_secret(gateway: &Gateway, key: &str, value: &str) {
    write_file(gateway, &format!("secrets/upstream/{key}"), value);
}

/// A token as a kubelet projects it; the signature is for the server to check.
fn projected(audience: &str, expiry: u64, number: u32) -> String {
    let part =
        |value: serde_json::Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://kubernetes.default.svc", "aud": [audience], "exp": expiry,
        "sub": "system:serviceaccount:test:gateway", "jti": number});
    format!("{}.{}.signature", part(json!({"alg": "RS256", "kid": "1"})), part(claims))
}

#[tokio::test]
async fn the_next_call_uses_the_new_value_and_the_record_tells_versions_apart() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let mut server = fixture("both", "upstream-token-one", &log).await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    assert_eq!(call(&gateway).await.status, StatusCode::OK);

    server.process.tell("token upstream-token-two").await;
    eventually("the server to want the new token", async || {
        (call(&gateway).await.status == StatusCode::BAD_GATEWAY).then_some(())
    })
    .await;
    write_secret(&gateway, "token", "upstream-token-two\n");
    assert_eq!(call(&gateway).await.status, StatusCode::OK, "the very next call");

    let used: Vec<_> =
        logged(&log).iter().map(|request| request["headers"]["authorization"].clone()).collect();
    assert_eq!(used.first().unwrap(), "Bearer upstream-token-one");
    assert_eq!(used.last().unwrap(), "Bearer upstream-token-two");
    let journal = crate::support::dev::journal(&gateway.journal_folder());
    let versions: std::collections::BTreeSet<String> = crate::support::dev::entries(&journal)
        .into_iter()
        .filter(|entry| entry["kind"] == "Injected")
        .map(|entry| entry["version"].to_string())
        .collect();
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert!(!journal.contains("upstream-token"), "versions, not values");
}

#[tokio::test]
async fn a_credential_that_is_missing_unusable_or_not_for_this_host_is_not_sent() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    for (key, value, reason) in [
        ("lychgate-allowed-hosts", "other.example\n127.0.0.1:1\n", "HostNotAllowed"),
        ("lychgate-allowed-hosts", "", "HostNotAllowed"),
        ("lychgate-allowed-hosts", "127.0.0.1", ""),
        ("token", "", "CredentialUnavailable"),
        ("token", "two\nlines", "CredentialUnavailable"),
        ("token", "upstream-token-one", ""),
    ] {
        write_secret(&gateway, key, value);
        let before = logged(&log).len();
        let answer = call(&gateway).await;
        let journal = crate::support::dev::journal(&gateway.journal_folder());
        let last = journal.lines().rfind(|line| !line.contains(r#""kind":"Head""#)).unwrap();
        if reason.is_empty() {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        } else {
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, -31_502), "{}", answer.text);
            assert!(last.contains(reason), "{last}");
            assert!(
                !answer.text.contains("upstream"),
                "which Secret it is, is nobody's business: {}",
                answer.text
            );
            assert_eq!(logged(&log).len(), before, "nothing was sent");
        }
    }
    std::fs::remove_file(gateway.folder.path().join("secrets/upstream/token")).unwrap();
    assert_eq!(call(&gateway).await.status, StatusCode::BAD_GATEWAY, "a Secret that was removed");
}

#[tokio::test]
async fn a_projected_token_is_sent_while_it_is_for_this_server_and_has_not_expired() {
    const LATER: u64 = 4_000_000_000;
    let folder = folders();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir_all(tokens.join("default")).unwrap();
    let log = folder.path().join("requests.jsonl");
    let (first, second) = (projected("mcp-server", LATER, 1), projected("mcp-server", LATER, 2));
    let mut server = fixture("both", &first, &log).await;
    let mut projecting = document(&server.url, 1);
    projecting["credentials"][0]["from"] = json!({"serviceAccountToken": {"audience": "mcp-server"}});
    write_document(&folder, &projecting.to_string());
    let gateway = Gateway::start(folder, &["--tokens-dir", tokens.to_str().unwrap()]).await;

    for (value, what) in [
        (None, "is not mounted"),
        (Some(projected("another-server", LATER, 1)), "not for the audience"),
        (Some(projected("mcp-server", 1_000_000_000, 1)), "has expired"),
        (Some("opaque".to_owned()), "is not a JSON Web Token"),
    ] {
        if let Some(value) = value {
            write_file(&gateway, "tokens/default/token", &value);
        }
        let answer = call(&gateway).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, -31_502), "{what}");
        assert_eq!(logged(&log).len(), 0, "{what}: nothing was sent");
        eventually(what, async || {
            let output = gateway.process.output();
            let told = |line: &str| line.contains("the token of credential default") && line.contains(what);
            output.lines().any(told).then_some(())
        })
        .await;
    }
    write_file(&gateway, "tokens/default/token", &format!("{first}\n"));
    assert_eq!(call(&gateway).await.status, StatusCode::OK);
    server.process.tell(&format!("token {second}")).await;
    write_file(&gateway, "tokens/default/token", &second);
    eventually("the next token to be accepted", async || {
        (call(&gateway).await.status == StatusCode::OK).then_some(())
    })
    .await;
    let journal = crate::support::dev::journal(&gateway.journal_folder());
    assert!(!journal.contains(&first) && !journal.contains(&second), "versions, not values");
    assert!(!gateway.process.output().contains(".signature"), "no token is in the log");
}
