//! What belongs to one era alone: streams that can be resumed, what cancels a call, and how a client finds out.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{Client, Server, fixture, logged, many_sided};
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::http::{Answer, Ask, tool_call};
use crate::support::manifests::Manifests;

const ACCESS: &str = r#"[{users: [alice, bob], tools: ["*"]}]"#;

/// A gateway before the server that does everything.
struct Stage {
    dev: Dev,
    log: std::path::PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl");
        let server = many_sided(&log).await;
        let manifests = Manifests { upstream: &server.url, access: ACCESS, ..Manifests::default() };
        let dev = Dev::start(&manifests.to_yaml()).await;
        Self { dev, log, _server: server, _folder: folder }
    }

    async fn begin(&self, user: &str) -> Session {
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        let token = self.dev.token(user);
        let begun = Ask::post(&self.dev.url, initialize.to_string()).token(&token).send().await;
        let id = begun.header("mcp-session-id").unwrap().to_owned();
        Session { url: self.dev.url.clone(), token, id }
    }

    /// What reached the server with that HTTP method.
    fn reached(&self, method: &str) -> Vec<Value> {
        logged(&self.log).into_iter().filter(|line| line["method"] == method).collect()
    }

    /// How calls of `slow_compute` ended before they were done.
    fn ended_early(&self) -> Vec<String> {
        let lines = logged(&self.log).into_iter().filter(|line| line["tool"] == "slow_compute");
        lines.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }
}

/// A session of a caller.
struct Session {
    url: String,
    token: String,
    id: String,
}

impl Session {
    fn post(&self, body: impl Into<bytes::Bytes>) -> Ask {
        Ask::post(&self.url, body).token(&self.token).header("mcp-session-id", &self.id)
    }

    async fn resume(&self, event: &str) -> Answer {
        let stream = Ask::get(&self.url).token(&self.token).header("accept", "text/event-stream");
        stream.header("mcp-session-id", &self.id).header("last-event-id", event).send().await
    }

    async fn cancel(&self) -> StatusCode {
        let message =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
        self.post(message.to_string()).send().await.status
    }
}

#[tokio::test]
async fn a_stream_that_the_server_closed_is_resumed_by_its_caller_in_its_session_and_by_nobody_else() {
    let stage = Stage::start().await;
    let session = stage.begin("alice").await;
    let cut = session.post(tool_call("test_reconnection", &json!({}))).send().await;
    assert_eq!(cut.status, StatusCode::OK);
    assert!(!cut.text.contains("jsonrpc"), "neither an answer nor an error: {}", cut.text);
    assert!(cut.text.contains("retry: "), "{}", cut.text);
    let event = cut.text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(!event.contains("call-"), "the server's own id is not to be read: {event}");

    let (others, again) = (stage.begin("bob").await, stage.begin("alice").await);
    for (what, refused) in [
        ("of another caller", others.resume(event).await),
        ("of another session", again.resume(event).await),
        ("the server's own", session.resume("call-0/0").await),
        ("changed", session.resume(&event[..event.len() - 2]).await),
    ] {
        assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, -31_400), "{what}");
    }
    assert_eq!(stage.reached("GET"), Vec::<Value>::new(), "the server was not asked");

    let resumed = session.resume(event).await;
    assert_eq!(resumed.message()["result"]["content"][0]["text"], "The client has come back");
    let asked = stage.reached("GET");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["headers"]["last-event-id"], "call-0/0");
    let entries = stage.dev.entries();
    let recorded = entries.iter().any(|entry| entry["kind"] == "Event" && entry["message"].is_object());
    assert!(recorded, "what was resumed is on the record");
    assert_eq!(stage.dev.verify().await.code, 0);
}

#[tokio::test]
async fn a_legacy_call_is_cancelled_by_a_message_of_its_session_alone() {
    let stage = Stage::start().await;
    let (session, other) = (stage.begin("alice").await, stage.begin("alice").await);
    let call = session.post(tool_call("slow_compute", &json!({"seconds": 600})));
    let call = tokio::spawn(call.send());
    eventually("the call to reach the server", async || {
        let calls = stage.reached("POST");
        calls.iter().any(|line| line["body"].as_str().unwrap().contains("slow_compute")).then_some(())
    })
    .await;

    assert_eq!(other.cancel().await, StatusCode::ACCEPTED);
    assert_eq!(stage.ended_early(), Vec::<String>::new(), "the call of another session goes on");
    // Whoever leaves may come back for the answer.
    call.abort();
    assert_eq!(session.cancel().await, StatusCode::ACCEPTED);
    assert_eq!(stage.ended_early(), ["cancelled"]);
}

#[tokio::test]
async fn a_modern_call_is_cancelled_when_its_client_leaves() {
    let stage = Stage::start().await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": "slow_compute", "arguments": {"seconds": 600}, "_meta": meta});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let call = Ask::post(&stage.dev.url, message.to_string())
        .token(&stage.dev.token("alice"))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "slow_compute");
    let call = tokio::spawn(call.send());
    eventually("the call to reach the server", async || (!stage.reached("POST").is_empty()).then_some(()))
        .await;
    call.abort();
    eventually("the server to see that the client left", async || {
        (stage.ended_early() == ["left"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_probes_finds_the_era_of_the_server_through_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    for (era, expected) in [("legacy", "2025-11-25"), ("modern", "2026-07-28"), ("both", "2026-07-28")] {
        let server = fixture(era, "fixture-token-0123456789", &log).await;
        let token = "fixture-token-0123456789";
        let manifests = Manifests { upstream: &server.url, access: ACCESS, token, ..Manifests::default() };
        let dev = Dev::start(&manifests.to_yaml()).await;
        for client in [Client::TypeScriptAuto, Client::PythonAuto] {
            let echo = json!({"op": "callTool", "name": "echo", "arguments": {"message": "hello"}});
            let lines = client.run(&dev.url, &dev.token("alice"), json!([echo])).await;
            assert_eq!(lines[0]["ok"]["protocolVersion"], expected, "{client:?} and {era}: {}", lines[0]);
            assert!(lines[1]["ok"].to_string().contains("hello"), "{client:?} and {era}: {}", lines[1]);
        }
    }
}
