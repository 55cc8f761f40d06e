//! How much a caller may ask for, and what he is told when it is too much.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{logged, many_sided};
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::http::{Answer, Ask, tool_call};
use crate::support::manifests::Manifests;

/// alice and bob may do the same.
const ACCESS: &str = r#"[{users: [alice, bob], tools: ["*"], resources: ["*"]}]"#;
const REQUESTS: usize = 12;

/// A caller with a session of his own.
struct Agent<'a> {
    dev: &'a Dev,
    token: String,
    session: String,
}

impl<'a> Agent<'a> {
    async fn begin(dev: &'a Dev, user: &str) -> Self {
        Self::begin_in("2025-11-25", dev, user).await
    }

    async fn begin_in(revision: &str, dev: &'a Dev, user: &str) -> Self {
        let token = dev.token(user);
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        let begun = Ask::post(&dev.url, initialize.to_string()).token(&token).send().await;
        let session = begun.header("mcp-session-id").unwrap().to_owned();
        Self { dev, token, session }
    }

    fn post(&self, message: impl Into<String>) -> Ask {
        let message: String = message.into();
        Ask::post(&self.dev.url, message).token(&self.token).header("mcp-session-id", &self.session)
    }

    async fn greet(&self) -> Answer {
        self.post(tool_call("greet", &json!({"name": "you"}))).send().await
    }
}

/// Holds what is told to who is over a limit, and gives the seconds that he shall wait.
fn assert_told(answer: &Answer) -> u64 {
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, -31_429), "{}", answer.text);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    let error = &answer.message()["error"];
    assert_eq!(error["data"], json!({"retryAfterSeconds": seconds}), "{}", answer.text);
    assert_eq!(answer.message()["id"], 1, "it answers the call");
    seconds
}

#[tokio::test]
async fn who_is_over_his_limit_is_told_when_to_come_again_and_nobody_else_is_held_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let limits = format!("limits: {{requestsPerMinute: {REQUESTS}}}");
    let manifests =
        Manifests { upstream: &server.url, access: ACCESS, connection: &limits, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;

    // What cannot be read, what is denied and what has no answer counts as well as a call does.
    let (alice, bob) = (Agent::begin(&dev, "alice").await, Agent::begin(&dev, "bob").await);
    assert_eq!(alice.post("{").send().await.status, StatusCode::BAD_REQUEST);
    let denied = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"x"}}"#;
    assert_eq!(alice.post(denied).send().await.code(), -32_602);
    let notified = alice.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).send().await;
    assert_eq!(notified.status, StatusCode::ACCEPTED);
    // A stream of no session, which this server refuses.
    let streamed = Ask::get(&dev.url).token(&alice.token).header("accept", "text/event-stream").send().await;
    assert_ne!(streamed.status, StatusCode::TOO_MANY_REQUESTS);
    let before = logged(&log).len();
    for call in 5..REQUESTS {
        assert_eq!(alice.greet().await.status, StatusCode::OK, "call {call}");
    }
    // A slow machine may have given one or another back meanwhile.
    let mut passed = logged(&log).len() - before;
    let over = eventually("a call that is too much", async || {
        let answer = alice.greet().await;
        if answer.status == StatusCode::OK {
            passed += 1;
        }
        (answer.status != StatusCode::OK).then_some(answer)
    })
    .await;
    let seconds = assert_told(&over);
    let whole = 60_u64.div_ceil(REQUESTS as u64);
    assert!((1..=whole).contains(&seconds), "{seconds}");
    let sentence = over.message()["error"]["message"].as_str().unwrap().to_owned();
    assert!(sentence.contains(&format!("send it again in {seconds} second")), "{sentence}");
    assert_eq!(logged(&log).len() - before, passed, "the server was not asked");
    let gone = Ask::get(&dev.url).token(&alice.token).header("accept", "text/event-stream").send().await;
    assert_eq!(gone.status, StatusCode::TOO_MANY_REQUESTS, "a stream is no way around it");

    assert_eq!(bob.greet().await.status, StatusCode::OK, "another caller has a limit of his own");

    let refused: Vec<Value> =
        dev.entries().into_iter().filter(|entry| entry["reason"] == "TooManyCalls").collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    for entry in refused {
        assert_eq!((&entry["kind"], &entry["status"]), (&json!("Rejected"), &json!(429)));
        assert_eq!(entry["caller"]["username"], "alice");
    }
    let metrics = Ask::get(&format!("{}/metrics", dev.admin)).send().await.text;
    let counted = r#"lychgate_failures_total{connection="test/server",reason="TooManyCalls"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");

    eventually("a call to be free again", async || {
        (alice.greet().await.status == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(dev.verify().await.code, 0);
}

#[tokio::test]
async fn each_message_of_a_batch_is_counted() {
    const ITEMS: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let limits = "limits: {requestsPerMinute: 4}";
    let manifests =
        Manifests { upstream: &server.url, access: ACCESS, connection: limits, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let alice = Agent::begin_in("2025-03-26", &dev, "alice").await;
    let before = logged(&log).len();
    let items: Vec<Value> = (0..ITEMS)
        .map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "greet"}}))
        .collect();
    let answer = alice.post(Value::from(items).to_string()).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let over = answer.text.matches("-31429").count();
    // One is used up; a slow machine may have given one or another back.
    assert!((1..=ITEMS - 3).contains(&over), "{}", answer.text);
    assert_eq!(logged(&log).len() - before, ITEMS - over, "no other reached the server");
}

#[tokio::test]
async fn so_many_calls_are_with_the_server_at_once_and_a_stream_without_end_takes_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let limits = "limits: {concurrentCalls: 1}";
    let manifests =
        Manifests { upstream: &server.url, access: ACCESS, connection: limits, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml().replace("call: 5s", "call: 600s")).await;
    let (alice, bob) = (Agent::begin(&dev, "alice").await, Agent::begin(&dev, "bob").await);

    // Two streams without an end, one of each era.
    let stream = Ask::get(&dev.url).token(&alice.token).header("accept", "text/event-stream");
    let stream = tokio::spawn(stream.header("mcp-session-id", &alice.session).send());
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let listen = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}, "_meta": meta}});
    let listen = Ask::post(&dev.url, listen.to_string())
        .token(&alice.token)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen");
    let listen = tokio::spawn(listen.send());
    eventually("both streams to be open", async || {
        let metrics = Ask::get(&format!("{}/metrics", dev.admin)).send().await.text;
        metrics.contains("lychgate_open_streams 2").then_some(())
    })
    .await;
    assert_eq!(alice.greet().await.status, StatusCode::OK, "they take no place");

    let slow = |id: u64| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "slow_compute", "arguments": {"seconds": 500}}})
        .to_string()
    };
    let are_under_way = async |count: usize| {
        eventually("calls to be counted", async || {
            let metrics = Ask::get(&format!("{}/metrics", dev.admin)).send().await.text;
            metrics.contains(&format!("lychgate_calls_under_way {count}\n")).then_some(())
        })
        .await;
    };
    for round in 0..2 {
        let before = logged(&log).len();
        let call = tokio::spawn(alice.post(slow(70 + round)).send());
        eventually("the call to reach the server", async || (logged(&log).len() > before).then_some(()))
            .await;
        are_under_way(1).await;
        let over = alice.greet().await;
        assert_eq!(assert_told(&over), 1);
        assert!(over.text.contains("when one of them has ended"), "{}", over.text);
        assert_eq!(logged(&log).len(), before + 1, "the server was not asked");
        assert_eq!(bob.greet().await.status, StatusCode::OK, "another caller has places of his own");
        // What must pass beside a call passes: word to the server that it shall end it.
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": 70 + round}});
        assert_eq!(alice.post(cancel.to_string()).send().await.status, StatusCode::ACCEPTED);
        // The place is free when the call has ended, and when its client has left.
        call.abort();
        eventually("the place to be free", async || {
            (alice.greet().await.status == StatusCode::OK).then_some(())
        })
        .await;
        are_under_way(0).await;
    }
    let entries = dev.entries();
    let failed = entries.iter().find(|entry| entry["kind"] == "Failed" && entry["reason"] == "TooManyAtOnce");
    let call = &failed.unwrap()["call"];
    let request = entries.iter().find(|entry| entry["kind"] == "Request" && entry["call"] == *call).unwrap();
    assert_eq!(request["caller"]["username"], "alice");
    stream.abort();
    listen.abort();
    assert_eq!(dev.verify().await.code, 0);
}
