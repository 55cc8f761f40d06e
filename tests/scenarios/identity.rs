//! Tokens of a real identity provider, good ones and forged ones.

use hyper::StatusCode;
use serde_json::json;

use crate::support::counterparts::{identity_provider, minted, token};
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::http::Ask;
use crate::support::manifests::Manifests;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn only_a_token_without_any_fault_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    let provider = identity_provider(&keys, &["alice=staff"]).await;
    let dev = Dev::start(&Manifests { issuer: &provider.url, ..Manifests::default() }.to_yaml()).await;
    for (fault, reason) in [
        ("none", None),
        ("groups_as_text", None),
        ("wrong_type", None),
        ("no_subject", Some("NoUsername")),
        ("expired", Some("Expired")),
        ("no_expiry", Some("MalformedToken")),
        ("text_expiry", Some("MalformedToken")),
        ("not_before_future", Some("NotYetValid")),
        ("wrong_issuer", Some("UnknownIssuer")),
        ("issuer_with_slash", Some("UnknownIssuer")),
        ("wrong_audience", Some("Audience")),
        ("audience_prefix", Some("Audience")),
        ("no_audience", Some("Audience")),
        ("unknown_key", Some("UnknownKey")),
        ("foreign_key", Some("Signature")),
        ("embedded_key", Some("UnknownKey")),
        ("key_by_url", Some("UnknownKey")),
        ("critical_header", Some("MalformedToken")),
        ("algorithm_none", Some("Algorithm")),
        ("algorithm_none_mixed_case", Some("Algorithm")),
        ("hs256_with_public_key", Some("Algorithm")),
        ("empty_signature", Some("Signature")),
        ("changed_payload", Some("Signature")),
        ("psychic_signature", Some("UnknownKey")),
    ] {
        let token = minted(&keys, &provider.url, &dev.url, fault, &[]).await;
        let before = dev.entries().len();
        let answer = Ask::post(&dev.url, PING).token(&token).send().await;
        match reason {
            // The server behind it does not exist: that it was tried shows that the token was accepted.
            None => assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{fault}: {}", answer.text),
            Some(reason) => {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{fault}: {}", answer.text);
                let entries = dev.entries();
                assert_eq!(entries[before]["reason"], reason, "{fault}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_the_provider_rotates_in_is_fetched_while_the_old_one_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut provider = identity_provider(&folder.path().join("keys.json"), &["alice=staff"]).await;
    let dev = Dev::start(&Manifests { issuer: &provider.url, ..Manifests::default() }.to_yaml()).await;
    let first = token(&provider.url, "alice", &dev.url).await;
    let accepted = async |token: &str| {
        Ask::post(&dev.url, PING).token(token).send().await.status == StatusCode::BAD_GATEWAY
    };
    assert!(accepted(&first).await);
    provider.process.tell("rotate").await;
    let second = eventually("a token under the new key", async || {
        let token = token(&provider.url, "alice", &dev.url).await;
        (token.split('.').next() != first.split('.').next()).then_some(token)
    })
    .await;
    eventually("the new key to be fetched", async || accepted(&second).await.then_some(())).await;
    assert!(accepted(&first).await, "the provider still publishes the first key");
}

#[tokio::test]
async fn a_provider_that_is_away_is_a_503_and_not_a_wrong_token() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    let provider = identity_provider(&keys, &["alice=staff"]).await;
    let dev = Dev::start(&Manifests { issuer: &provider.url, ..Manifests::default() }.to_yaml()).await;
    let token = token(&provider.url, "alice", &dev.url).await;
    provider.process.kill().await;
    let answer = Ask::post(&dev.url, PING).token(&token).send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_session_belongs_to_the_caller_who_began_it() {
    let server = crate::support::counterparts::everything().await;
    let access = r#"[{groups: [staff, limited], tools: ["*"]}]"#;
    let dev =
        Dev::start(&Manifests { upstream: &server.url, access, ..Manifests::default() }.to_yaml()).await;
    let (alice, bob) = (dev.token("alice"), dev.token("bob"));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let begun = Ask::post(&dev.url, initialize.to_string()).token(&alice).send().await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.text);
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let ask =
        |token: &str, session: &str| Ask::post(&dev.url, list).token(token).header("mcp-session-id", session);
    let own = ask(&alice, &session).send().await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    for (what, ask) in [
        ("another caller", ask(&bob, &session)),
        ("a changed id", ask(&alice, &session.replacen(['A', 'B'], "C", 1).replacen('a', "b", 1))),
        ("an id of the server's own kind", ask(&alice, "ece87092-33de-4898-92f1-fcaefde3e3fd")),
    ] {
        let answer = ask.send().await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, -31_404),
            "{what}: {}",
            answer.text
        );
    }
}
