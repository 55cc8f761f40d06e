//! Tokens of a real identity provider, good ones and forged ones.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{identity_provider, minted, token};
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};
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

const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
const RESOURCE: &str = "https://gateway.test/server/mcp";
const ACCOUNT: &str = "system:serviceaccount:agents:billing";

/// The document of a connection for the service accounts of namespace `agents`, whose server is not there.
fn for_service_accounts(sequence: u64, keys: &Value, audiences: &Value) -> String {
    let mut document = document("http://127.0.0.1:1/mcp", sequence);
    document["identity"] = json!({"kubernetes": {"issuer": CLUSTER, "audiences": audiences, "keys": keys}});
    document["access"] = json!([{"groups": ["system:serviceaccounts:agents"], "tools": ["echo"]}]);
    document.to_string()
}

/// The public halves of the keys in a file of the identity provider.
fn public_keys(file: &std::path::Path) -> Value {
    let mut keys: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for key in keys["keys"].as_array_mut().unwrap() {
        key.as_object_mut()
            .unwrap()
            .retain(|name, _| ["kty", "n", "e", "kid", "alg", "use"].contains(&name.as_str()));
    }
    keys["keys"].take()
}

#[tokio::test]
async fn a_service_account_calls_with_its_projected_token_and_with_no_other() {
    let folder = folders();
    let keys = folder.path().join("keys.json");
    // It only makes the keys; the gateway never asks it.
    let provider = identity_provider(&keys, &[]).await;
    write_document(&folder, &for_service_accounts(1, &public_keys(&keys), &json!([])));
    let gateway = Gateway::start(folder, &[]).await;
    let claims = |namespace: &str, name: &str| {
        json!({"kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "1"}}})
            .to_string()
    };
    let (own, foreign) = (claims("agents", "billing"), claims("agents", "other"));
    for (what, issuer, audience, fault, subject, claims, reason) in [
        ("its own", CLUSTER, RESOURCE, "wrong_type", ACCOUNT, &own, None),
        ("without the claim", CLUSTER, RESOURCE, "wrong_type", ACCOUNT, &"{}".to_owned(), None),
        ("another account's", CLUSTER, RESOURCE, "none", ACCOUNT, &foreign, Some("NotServiceAccount")),
        ("a node's", CLUSTER, RESOURCE, "none", "system:node:agents", &own, Some("NotServiceAccount")),
        ("expired", CLUSTER, RESOURCE, "expired", ACCOUNT, &own, Some("Expired")),
        ("not valid yet", CLUSTER, RESOURCE, "not_before_future", ACCOUNT, &own, Some("NotYetValid")),
        ("without an end", CLUSTER, RESOURCE, "no_expiry", ACCOUNT, &own, Some("MalformedToken")),
        ("for the API server", CLUSTER, CLUSTER, "none", ACCOUNT, &own, Some("Audience")),
        ("for nobody", CLUSTER, RESOURCE, "no_audience", ACCOUNT, &own, Some("Audience")),
        (
            "of a Secret",
            "kubernetes/serviceaccount",
            RESOURCE,
            "no_expiry",
            ACCOUNT,
            &own,
            Some("UnknownIssuer"),
        ),
        ("of another cluster", CLUSTER, RESOURCE, "unknown_key", ACCOUNT, &own, Some("UnknownKey")),
        ("forged", CLUSTER, RESOURCE, "foreign_key", ACCOUNT, &own, Some("Signature")),
        ("unsigned", CLUSTER, RESOURCE, "algorithm_none", ACCOUNT, &own, Some("Algorithm")),
        ("hashed", CLUSTER, RESOURCE, "hs256_with_public_key", ACCOUNT, &own, Some("Algorithm")),
    ] {
        let token = minted(&keys, issuer, audience, fault, &["--subject", subject, "--claims", claims]).await;
        let call = Ask::post(&gateway.url(), tool_call("echo", &json!({}))).token(&token);
        let answer = call.send().await;
        let journal = crate::support::dev::journal(&gateway.journal_folder());
        match reason {
            // The server behind it does not exist: that it was tried shows that the token was accepted.
            None => assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{what}: {}", answer.text),
            Some(reason) => {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {}", answer.text);
                let entries = crate::support::dev::entries(&journal);
                let last = entries.iter().rfind(|entry| entry["kind"] == "Rejected").unwrap();
                assert_eq!(last["reason"], reason, "{what}: {}", answer.text);
            }
        }
    }
    let journal = crate::support::dev::journal(&gateway.journal_folder());
    assert!(journal.contains(&format!(r#""username":"{ACCOUNT}""#)), "the record names the account");
    let well_known = format!("http://{}/.well-known/oauth-protected-resource/server/mcp", gateway.address);
    let metadata = Ask::get(&well_known).send().await.message();
    assert!(metadata["authorization_servers"].is_null(), "there is none that a client could ask: {metadata}");
    drop(provider);
}

#[tokio::test]
async fn the_clusters_keys_and_audiences_are_those_of_the_document_in_use() {
    let folder = folders();
    let (keys, other) = (folder.path().join("keys.json"), folder.path().join("other.json"));
    let _providers = (identity_provider(&keys, &[]).await, identity_provider(&other, &[]).await);
    write_document(&folder, &for_service_accounts(1, &json!([]), &json!([])));
    let gateway = Gateway::start(folder, &[]).await;
    let for_resource = minted(&keys, CLUSTER, RESOURCE, "none", &["--subject", ACCOUNT]).await;
    let for_audience = minted(&keys, CLUSTER, "lychgate", "none", &["--subject", ACCOUNT]).await;
    let status = async |token: &str| {
        Ask::post(&gateway.url(), tool_call("echo", &json!({}))).token(token).send().await.status
    };
    assert_eq!(
        status(&for_resource).await,
        StatusCode::SERVICE_UNAVAILABLE,
        "no keys: no token can be checked"
    );
    for (sequence, keys, audiences, resource_status, audience_status) in [
        (2, public_keys(&other), json!([]), StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED),
        (3, public_keys(&keys), json!([]), StatusCode::BAD_GATEWAY, StatusCode::UNAUTHORIZED),
        (4, public_keys(&keys), json!(["lychgate"]), StatusCode::UNAUTHORIZED, StatusCode::BAD_GATEWAY),
    ] {
        write_document(&gateway.folder, &for_service_accounts(sequence, &keys, &audiences));
        eventually("the new document to be in use", async || {
            let metrics = Ask::get(&format!("{}/metrics", gateway.admin)).send().await.text;
            metrics.contains(&format!(r#"{{connection="test/server"}} {sequence}"#)).then_some(())
        })
        .await;
        let statuses = (status(&for_resource).await, status(&for_audience).await);
        assert_eq!(statuses, (resource_status, audience_status), "document {sequence}");
    }
}
