//! What callers hear over streams that stay open when a policy changes: of lists that are others for them, of resources
//! that they may still read, and nothing else; how many such streams a caller has, and how long they last.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::counterparts::{Client, Server, many_sided};
use crate::support::dev::{Dev, entries, journal};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, Opened, tool_call};
use crate::support::manifests::Manifests;

/// A gateway before the server that does everything, with two callers.
struct Stage {
    dev: Dev,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start(access: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = many_sided(&folder.path().join("requests.jsonl")).await;
        let manifests = Manifests { upstream: &server.url, access, ..Manifests::default() };
        let dev = Dev::start(&manifests.to_yaml()).await;
        Self { dev, server, _folder: folder }
    }

    fn grant(&self, access: &str) {
        let manifests = Manifests { upstream: &self.server.url, access, ..Manifests::default() };
        self.dev.write(&manifests.to_yaml());
    }

    fn post(&self, user: &str, message: &Value) -> Ask {
        Ask::post(&self.dev.url, message.to_string()).token(&self.dev.token(user))
    }

    async fn begin(&self, user: &str) -> String {
        let begun = self.post(user, &initialize("2025-11-25")).send().await;
        begun.header("mcp-session-id").unwrap().to_owned()
    }

    /// Opens the stream of a new session.
    async fn stream(&self, user: &str) -> Opened {
        let session = self.begin(user).await;
        let stream =
            Ask::get(&self.dev.url).token(&self.dev.token(user)).header("accept", "text/event-stream");
        let stream = stream.header("mcp-session-id", &session).open().await;
        assert_eq!(stream.status, StatusCode::OK);
        stream
    }

    /// Listens as MCP 2026-07-28 does, and waits for the server to say that it does, too.
    async fn listen(&self, user: &str, id: &str, notifications: &Value) -> Opened {
        let mut stream = listen(self.post(user, &listening(id, notifications))).await;
        stream.until("notifications/subscriptions/acknowledged").await;
        stream
    }

    /// Calls a tool of the server in a session of its own.
    async fn call(&self, user: &str, tool: &str, arguments: &Value) {
        let session = self.begin(user).await;
        let call = Ask::post(&self.dev.url, tool_call(tool, arguments)).token(&self.dev.token(user));
        let called = call.header("mcp-session-id", &session).send().await;
        assert!(called.text.contains("Told everybody"), "{}", called.text);
    }
}

fn initialize(revision: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }})
}

fn listening(id: &str, notifications: &Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": "subscriptions/listen",
        "params": {"notifications": notifications, "_meta": meta}})
}

async fn listen(ask: Ask) -> Opened {
    ask.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "subscriptions/listen").open().await
}

const TRIGGERS: &str = "test_trigger_*";

#[tokio::test]
async fn who_may_see_other_tools_is_told_over_each_stream_that_tells_of_them_and_nobody_else_is() {
    let access = |alice: &str| {
        format!(
            r#"[{{users: [alice], tools: ["{TRIGGERS}", {alice}]}}, {{users: [bob], tools: ["*"], prompts: ["*"]}}]"#
        )
    };
    let stage = Stage::start(&access("greet")).await;
    let mut of_session = stage.stream("alice").await;
    let all = json!({"toolsListChanged": true, "promptsListChanged": true});
    let mut listens = stage.listen("alice", "l-1", &all).await;
    let mut to_prompts = stage.listen("alice", "l-2", &json!({"promptsListChanged": true})).await;
    let mut of_bob = stage.stream("bob").await;

    stage.grant(&access("greet, test_simple_text"));
    let told = of_session.until("notifications/tools/list_changed").await;
    assert!(told.contains(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#), "{told}");
    let told = listens.until("notifications/tools/list_changed").await;
    let expected = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"l-1"}}}"#;
    assert!(told.contains(expected), "{told}");
    let own = stage.dev.entries().into_iter().filter(|entry| {
        entry["kind"] == "Event" && entry["message"]["method"] == "notifications/tools/list_changed"
    });
    assert_eq!(own.count(), 2, "both are on the record");

    // What the server tells comes last: by then the gateway's own word would have come.
    stage.call("alice", "test_trigger_prompt_change", &json!({})).await;
    for (whose, stream) in [("alice's for prompts", &mut to_prompts), ("bob's", &mut of_bob)] {
        let told = stream.until("notifications/prompts/list_changed").await;
        assert!(!told.contains("tools/list_changed"), "{whose}: {told}");
    }
    for (whose, stream) in [("alice's own", &mut of_session), ("alice's", &mut listens)] {
        let told = stream.until("notifications/prompts/list_changed").await;
        assert_eq!(told.matches("tools/list_changed").count(), 1, "{whose}: {told}");
        assert_eq!(told.matches("prompts/list_changed").count(), 1, "{whose}: {told}");
    }
    assert_eq!(stage.dev.verify().await.code, 0);
}

#[tokio::test]
async fn unmodified_clients_of_both_eras_hear_that_a_policy_has_changed_their_lists() {
    let access = |tools: &str| format!("[{{users: [alice], tools: [{tools}]}}]");
    let hear = json!({"op": "hear", "method": "notifications/tools/list_changed"});
    let list = json!({"op": "listTools"});
    let listen = json!({"op": "listen", "toolsListChanged": true});
    for (client, operations) in
        [(Client::TypeScript, json!([hear, list])), (Client::TypeScriptModern, json!([listen, hear, list]))]
    {
        let stage = Stage::start(&access("greet")).await;
        let token = stage.dev.token("alice");
        let process = client.start(&stage.dev.url, &token, operations).await;
        eventually("the client to listen", async || {
            let metrics = Ask::get(&format!("{}/metrics", stage.dev.admin)).send().await.text;
            // In the modern era the stream is open once the server has said what it grants.
            let says_so = client == Client::TypeScript || process.output().contains(r#""op":"listen","ok""#);
            (says_so && metrics.contains("lychgate_open_streams 1")).then_some(())
        })
        .await;
        stage.grant(&access("greet, test_simple_text"));
        let listed = eventually("the client to hear and to list anew", async || {
            process.output().lines().find(|line| line.contains(r#""op":"listTools""#)).map(str::to_owned)
        })
        .await;
        assert!(listed.contains("test_simple_text"), "{client:?}: {listed}");
        process.kill().await;
    }
}

#[tokio::test]
async fn of_a_resource_that_is_granted_no_more_nothing_is_heard_and_a_stream_for_nothing_else_ends() {
    let access = |resources: &str| {
        format!(
            r#"[{{users: [alice], tools: ["{TRIGGERS}"]}}, {{users: [alice, bob], resources: [{resources}]}}]"#
        )
    };
    let (one, two) = ("test://static-text", "test://watched-resource");
    let stage = Stage::start(&access(&format!("\"{one}\", \"{two}\""))).await;
    let wanted = json!({"resourceSubscriptions": [one, two]});
    let mut listens = stage.listen("alice", "l-1", &wanted).await;
    let session = stage.begin("alice").await;
    let of_session = |ask: Ask| ask.token(&stage.dev.token("alice")).header("mcp-session-id", &session);
    for uri in [one, two] {
        let subscribe =
            json!({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": {"uri": uri}});
        let subscribed = of_session(Ask::post(&stage.dev.url, subscribe.to_string())).send().await;
        assert!(subscribed.message()["result"].is_object(), "{}", subscribed.text);
    }
    let own = Ask::get(&stage.dev.url).header("accept", "text/event-stream");
    let mut own = of_session(own).open().await;
    let changed = async |uri: &str| {
        stage.call("alice", "test_trigger_resource_change", &json!({"uri": uri})).await;
    };
    let told = |uri: &str| format!(r#""uri":"{uri}""#);
    changed(one).await;
    for stream in [&mut listens, &mut own] {
        stream.until(&told(one)).await;
    }

    stage.grant(&access(&format!("\"{two}\"")));
    eventually("the grant to be gone", async || {
        let read = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": one}});
        let read = stage.post("bob", &read).send().await;
        (read.message()["error"]["code"] == -32_002).then_some(())
    })
    .await;
    changed(one).await;
    changed(two).await;
    for stream in [&mut listens, &mut own] {
        let heard = stream.until(&told(two)).await;
        assert_eq!(heard.matches("notifications/resources/updated").count(), 2, "{heard}");
    }

    stage.grant(&access("\"test://other\""));
    let heard = listens.rest().await;
    let last = heard.lines().rfind(|line| !line.is_empty()).unwrap().strip_prefix("data: ").unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["id"], &last["error"]["code"]), (&json!("l-1"), &json!(-32_602)), "{heard}");
    let is_end = |entry: &Value| entry["kind"] == "Failed" && entry["reason"] == "NoGrant";
    assert!(stage.dev.entries().iter().any(is_end), "the record says why the stream ended");
    let heard = own.until("notifications/resources/list_changed").await;
    assert_eq!(heard.matches("notifications/resources/updated").count(), 2, "{heard}");
}

#[tokio::test]
async fn a_caller_has_so_many_streams_open_and_no_more_and_whoever_closes_one_opens_another() {
    let stage = Stage::start(r#"[{users: [alice, bob], tools: ["*"]}]"#).await;
    let session = stage.begin("alice").await;
    let open = |user: &str, session: &str| {
        let stream = Ask::get(&stage.dev.url).token(&stage.dev.token(user));
        stream.header("accept", "text/event-stream").header("mcp-session-id", session)
    };
    let mut streams = Vec::new();
    for _ in 0..255 {
        streams.push(open("alice", &session).open().await);
    }
    streams.push(stage.listen("alice", "l-1", &json!({"toolsListChanged": true})).await);
    assert!(streams.iter().all(|stream| stream.status == StatusCode::OK));
    let one_more = open("alice", &session).send().await;
    assert_eq!(
        (one_more.status, one_more.code()),
        (StatusCode::TOO_MANY_REQUESTS, -31_429),
        "{}",
        one_more.text
    );
    let one_more = listen(stage.post("alice", &listening("l-2", &json!({"toolsListChanged": true})))).await;
    assert_eq!(one_more.status, StatusCode::TOO_MANY_REQUESTS);
    let refused = stage.dev.entries().into_iter().filter(|entry| entry["reason"] == "TooManyStreams");
    assert_eq!(refused.count(), 2, "each is on the record");
    let of_bob = stage.begin("bob").await;
    assert_eq!(open("bob", &of_bob).open().await.status, StatusCode::OK, "another caller has his own");
    let call =
        Ask::post(&stage.dev.url, tool_call("test_simple_text", &json!({}))).token(&stage.dev.token("alice"));
    let called = call.header("mcp-session-id", &session).send().await;
    assert!(called.text.contains("A simple text"), "calls are no such streams: {}", called.text);

    streams.pop();
    streams.push(
        eventually("room for another", async || {
            let opened = open("alice", &session).open().await;
            (opened.status == StatusCode::OK).then_some(opened)
        })
        .await,
    );
    let ended = open("alice", &session).method(Method::DELETE).send().await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "who has many streams may end his session");
}

#[tokio::test]
async fn what_is_left_of_a_calls_stream_lasts_as_long_as_a_call_may_and_no_longer() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let mut written = document(&server.url, 1);
    written["upstream"]["callTimeoutMilliseconds"] = json!(1500);
    write_document(&folder, &written.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let begun = Ask::post(&gateway.url(), initialize("2025-11-25").to_string()).send().await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let call = tool_call("slow_compute", &json!({"seconds": 600}));
    let called = Ask::post(&gateway.url(), call).header("mcp-session-id", &session).send().await;
    assert_eq!(called.code(), -31_504, "{}", called.text);
    let event = called.text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();

    let resumed = Ask::get(&gateway.url()).header("accept", "text/event-stream");
    let resumed = resumed.header("mcp-session-id", &session).header("last-event-id", event).send().await;
    assert_eq!((resumed.status, resumed.text.as_str()), (StatusCode::OK, ""), "it ends without an answer");
    let recorded = entries(&journal(&gateway.journal_folder()));
    let timeouts = recorded.iter().filter(|entry| entry["reason"] == "UpstreamTimeout").count();
    assert_eq!(timeouts, 2, "the record says so of the call and of what was left of it");
}

#[tokio::test]
async fn a_gateway_that_ends_says_goodbye_to_who_listens() {
    let folder = folders();
    let server = many_sided(&folder.path().join("requests.jsonl")).await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let ask = Ask::post(&gateway.url(), listening("l-1", &json!({"toolsListChanged": true})).to_string());
    let mut stream = listen(ask).await;
    stream.until("notifications/subscriptions/acknowledged").await;
    let (heard, _) = tokio::join!(stream.rest(), gateway.process.terminate());
    let expected = r#"{"jsonrpc":"2.0","id":"l-1","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"l-1"}}}"#;
    assert!(heard.ends_with(&format!("data: {expected}\n\n")), "{heard}");
}
