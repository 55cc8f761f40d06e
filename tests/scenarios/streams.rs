//! Streams that stay open: what changes meanwhile holds for them too.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::counterparts::{everything, fixture, logged};
use crate::support::dev::{Dev, entries, journal};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Answer, Ask, tool_call};
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
    let post = |message: Value| {
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
        let on_stream =
            |entry: &Value| entry["kind"] == "Event" && entry["message"]["method"] == "notifications/message";
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

/// Begins a session and opens its stream, which no event ever comes over.
async fn open_stream(gateway: &Gateway) -> (String, tokio::task::JoinHandle<Answer>) {
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let begun = Ask::post(&gateway.url(), initialize.to_string()).send().await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let stream = Ask::get(&gateway.url()).header("accept", "text/event-stream");
    (session.clone(), tokio::spawn(stream.header("mcp-session-id", &session).send()))
}

#[tokio::test]
async fn a_connection_that_is_closed_ends_what_is_open_and_under_way_and_lets_nothing_through() {
    let server = everything().await;
    let written = |sequence: u64, closed: Option<&str>| {
        let mut written = document(&server.url, sequence);
        written["upstream"]["callTimeoutMilliseconds"] = json!(600_000);
        if let Some(closed) = closed {
            written["closed"] = json!(closed);
        }
        written.to_string()
    };
    let folder = folders();
    write_document(&folder, &written(1, None));
    let gateway = Gateway::start(folder, &[]).await;
    let recorded = || entries(&journal(&gateway.journal_folder()));
    let sent = || recorded().iter().filter(|entry| entry["kind"] == "Injected").count();

    for (sequence, closed) in (2..).step_by(2).zip(["Suspended", "RequiredPolicyMissing"]) {
        let (session, stream) = open_stream(&gateway).await;
        let ask = |ask: Ask| ask.header("mcp-session-id", &session);
        let slow = tool_call("trigger-long-running-operation", &json!({"duration": 500, "steps": 2}));
        let call = tokio::spawn(ask(Ask::post(&gateway.url(), slow)).send());
        eventually("the stream and the call to be relayed", async || {
            let metrics = Ask::get(&format!("{}/metrics", gateway.admin)).send().await.text;
            metrics.contains("lychgate_open_streams 2").then_some(())
        })
        .await;

        write_document(&gateway.folder, &written(sequence, Some(closed)));
        let (streamed, called) = (stream.await.unwrap(), call.await.unwrap());
        assert!(!streamed.text.contains("data: {"), "no message came over it: {}", streamed.text);
        assert_eq!(called.code(), -31_503, "{}", called.text);
        let failed = recorded().iter().filter(|entry| entry["reason"] == closed).count();
        assert_eq!(failed, 2, "the record says of both why they ended");

        let before = sent();
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        for (what, refused) in [
            ("a call", Ask::post(&gateway.url(), tool_call("echo", &json!({"message": "hi"})))),
            ("a list", Ask::post(&gateway.url(), list)),
            ("a stream", Ask::get(&gateway.url()).header("accept", "text/event-stream")),
            ("the end of a session", Ask::get(&gateway.url()).method(Method::DELETE)),
        ] {
            let answer = ask(refused).send().await;
            assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, -31_503), "{what}");
        }
        assert_eq!(sent(), before, "nothing was sent to the server");

        write_document(&gateway.folder, &written(sequence + 1, None));
        eventually("the connection to be open again", async || {
            let answer = ask(Ask::post(&gateway.url(), list)).send().await;
            (answer.status == StatusCode::OK).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_call_whose_server_has_not_answered_yet_ends_when_its_connection_is_closed() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let mut written = document(&server.url, 1);
    written["upstream"]["callTimeoutMilliseconds"] = json!(600_000);
    write_document(&folder, &written.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let slow = tool_call("slow", &json!({"milliseconds": 500_000}));
    let call = tokio::spawn(Ask::post(&gateway.url(), slow).send());
    eventually("the call to reach the server", async || (logged(&log).len() == 1).then_some(())).await;

    written["sequence"] = json!(2);
    written["closed"] = json!("Suspended");
    write_document(&gateway.folder, &written.to_string());
    assert_eq!(call.await.unwrap().code(), -31_503);
}
