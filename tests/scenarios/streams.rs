//! Streams that stay open: what changes meanwhile holds for them too.

use hyper::StatusCode;
use serde_json::json;

use crate::support::counterparts::everything;
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::http::Ask;
use crate::support::manifests::{MASKING, Manifests};

const ACCESS: &str = r#"[{users: [alice], tools: ["*"]}]"#;
const NO_ACCESS: &str = r#"[{users: [nobody], tools: ["*"]}]"#;

#[tokio::test]
async fn an_open_stream_is_masked_recorded_and_ends_when_its_caller_loses_every_grant() {
    let server = everything().await;
    let manifests =
        |access| Manifests { upstream: &server.url, access, more: MASKING, ..Manifests::default() }.to_yaml();
    let dev = Dev::start(&manifests(ACCESS)).await;
    let alice = dev.token("alice");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let begun = Ask::post(&dev.url, initialize.to_string()).token(&alice).send().await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let post = |message: serde_json::Value| {
        Ask::post(&dev.url, message.to_string()).token(&alice).header("mcp-session-id", &session)
    };
    let accepted = post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).send().await;
    assert_eq!((accepted.status, accepted.text.as_str()), (StatusCode::ACCEPTED, ""));

    let stream = Ask::get(&dev.url)
        .token(&alice)
        .header("accept", "text/event-stream")
        .header("mcp-session-id", &session);
    let stream = tokio::spawn(stream.send());
    eventually("the stream to be on the record", async || {
        dev.entries().iter().any(|entry| entry["kind"] == "Request" && entry["method"] == "GET").then_some(())
    })
    .await;
    let toggle = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "toggle-simulated-logging", "arguments": {}}});
    assert_eq!(post(toggle).send().await.status, StatusCode::OK);
    eventually("a notification on the stream", async || {
        let on_stream = |entry: &serde_json::Value| {
            entry["kind"] == "Event" && entry["message"]["method"] == "notifications/message"
        };
        dev.entries().iter().any(on_stream).then_some(())
    })
    .await;

    dev.write(&manifests(NO_ACCESS));
    let streamed = stream.await.unwrap();
    assert!(streamed.text.contains("notifications/message"), "{}", streamed.text);
    let entries = dev.entries();
    let ended = entries.iter().any(|entry| entry["kind"] == "Failed" && entry["reason"] == "NoAccess");
    assert!(ended, "the record says why the stream ended");
    assert_eq!(dev.verify().await.code, 0);
}
