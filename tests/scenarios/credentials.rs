//! Credentials while things change: rotated, removed, forbidden for the host.

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
fn write_secret(gateway: &Gateway, key: &str, value: &str) {
    let folder = gateway.folder.path();
    std::fs::write(folder.join("next-value"), value).unwrap();
    std::fs::rename(folder.join("next-value"), folder.join("secrets/upstream").join(key)).unwrap();
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
