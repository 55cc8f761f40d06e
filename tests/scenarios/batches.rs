//! Several messages in one array: MCP 2025-03-26 lets clients send them, and no other revision does.

use std::path::PathBuf;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{Server, everything, hostile, logged, many_sided};
use crate::support::dev::Dev;
use crate::support::http::{Answer, Ask};
use crate::support::manifests::{MASKING, Manifests};

const ACCESS: &str =
    r#"[{users: [alice], tools: [test_simple_text, test_tool_with_progress, greet, misbehave]}]"#;
/// Calls of `greet` wait for one of the group strangers.
const APPROVAL: &str = r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: strangers, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  match: {tools: [greet]}
  approvers: {groups: [strangers]}
"#;

struct Stage {
    dev: Dev,
    log: PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start(server: Server, log: PathBuf, folder: tempfile::TempDir, more: &str) -> Self {
        let manifests = Manifests { upstream: &server.url, access: ACCESS, more, ..Manifests::default() };
        let dev = Dev::start(&manifests.to_yaml()).await;
        Self { dev, log, _server: server, _folder: folder }
    }

    async fn many_sided(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl");
        Self::start(many_sided(&log).await, log, folder, more).await
    }

    /// Begins a session of a revision.
    async fn begin(&self, revision: &str) -> String {
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        let begun =
            Ask::post(&self.dev.url, initialize.to_string()).token(&self.dev.token("alice")).send().await;
        assert!(begun.text.contains(revision), "{}", begun.text);
        begun.header("mcp-session-id").unwrap().to_owned()
    }

    fn post(&self, session: &str, body: impl Into<bytes::Bytes>) -> Ask {
        Ask::post(&self.dev.url, body).token(&self.dev.token("alice")).header("mcp-session-id", session)
    }

    /// The bodies that have reached the server.
    fn reached(&self) -> Vec<String> {
        let bodies =
            logged(&self.log).into_iter().filter_map(|line| line["body"].as_str().map(str::to_owned));
        bodies.filter(|body| !body.is_empty()).collect()
    }
}

/// The messages of an event stream.
fn messages(answer: &Answer) -> Vec<Value> {
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn each_message_of_a_batch_is_carried_out_as_if_it_had_come_alone() {
    let stage = Stage::many_sided(&format!("{MASKING}{APPROVAL}")).await;
    let session = stage.begin("2025-03-26").await;
    let before = stage.reached().len();
    let items = [
        r#"{ "jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_simple_text","x":1e0} }"#,
        r#"{"jsonrpc":"2.0","id":"1","method":"tools/call","params":{"name":"slow_compute"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"test_tool_with_progress","_meta":{"progressToken":"t"},"arguments":{"note":"alice@example.com"}}}"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"no/such"}"#,
        r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"greet","arguments":{"name":"x"}}}"#,
    ];
    let answer = stage.post(&session, format!("[\n{}\n]", items.join(" ,"))).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let messages = messages(&answer);
    let to = |id: Value| messages.iter().find(|message| message["id"] == id).unwrap().clone();
    assert_eq!(to(json!(1))["result"]["content"][0]["text"], "A simple text");
    assert_eq!(to(json!("1"))["error"]["message"], "Unknown tool: slow_compute");
    assert_eq!(to(json!(3))["result"]["content"][0]["text"], "Reported three times");
    let tools = to(json!(4))["result"]["tools"].as_array().unwrap().len();
    assert_eq!(tools, 3, "the list is filtered");
    assert_eq!(to(json!(5))["error"]["code"], -32_601);
    let alone = to(json!(6))["result"].clone();
    assert!(alone["isError"] == true && alone.to_string().contains("in a request of its own"), "{alone}");
    assert_eq!(messages.iter().filter(|message| message["method"] == "notifications/progress").count(), 3);
    assert_eq!(messages.len(), 9, "{}", answer.text);
    assert!(
        !answer.text.contains("id: "),
        "no id could resume what comes of several streams: {}",
        answer.text
    );

    let reached = stage.reached().split_off(before);
    assert_eq!(reached.len(), 4, "{reached:?}");
    for byte_for_byte in [items[0], items[2], items[4]] {
        assert!(reached.iter().any(|body| body == byte_for_byte), "{byte_for_byte} among {reached:?}");
    }
    assert!(!reached.concat().contains("alice@example.com"), "what is masked is masked here, too");
    let entries = stage.dev.entries();
    let asked = entries.iter().filter(|entry| entry["kind"] == "Request" && entry["method"] != "initialize");
    let outcomes: Vec<_> = asked.map(|entry| entry["decision"]["outcome"].as_str().unwrap()).collect();
    let count = |outcome: &str| outcomes.iter().filter(|found| **found == outcome).count();
    assert_eq!((count("Allow"), count("Deny"), count("Ask")), (4, 2, 1), "each has a page of its own");
    assert_eq!(stage.dev.verify().await.code, 0);
}

#[tokio::test]
async fn what_asks_for_no_answer_is_taken_together_or_refused_by_the_status() {
    let stage = Stage::many_sided("").await;
    let session = stage.begin("2025-03-26").await;
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let denied = r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#;
    let answered = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    for (body, status) in [
        (format!("[{told},{told}]"), StatusCode::ACCEPTED),
        (format!("[{told},{denied},{told}]"), StatusCode::BAD_REQUEST),
        // A connection on which the server may ask nothing.
        (format!("[{answered}]"), StatusCode::BAD_REQUEST),
    ] {
        let answer = stage.post(&session, body.clone()).send().await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    let reached = stage.reached().into_iter().filter(|body| body == told);
    assert_eq!(reached.count(), 4, "what may pass has passed");
}

#[tokio::test]
async fn a_batch_passes_in_a_session_of_its_revision_alone_and_only_in_order() {
    let stage = Stage::many_sided("").await;
    let session = stage.begin("2025-03-26").await;
    let before = stage.reached().len();
    let ping = |id: u64| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let good = format!("[{},{}]", ping(1), ping(2));
    let batch = |items: &[String]| format!("[{}]", items.join(","));
    let many: Vec<_> = (0..65).map(ping).collect();
    let initialize = r#"{"jsonrpc":"2.0","id":9,"method":"initialize","params":{}}"#.to_owned();
    let answer = r#"{"jsonrpc":"2.0","id":9,"result":{}}"#.to_owned();
    let mut refused = vec![
        (
            "a header of another revision",
            stage.post(&session, good.clone()).header("mcp-protocol-version", "2025-06-18"),
        ),
        ("no session", Ask::post(&stage.dev.url, good.clone()).token(&stage.dev.token("alice"))),
        ("no message", stage.post(&session, "[]")),
        ("too many", stage.post(&session, batch(&many))),
        ("initialize", stage.post(&session, batch(&[ping(1), initialize]))),
        ("answers beside requests", stage.post(&session, batch(&[ping(1), answer]))),
        ("one id twice", stage.post(&session, batch(&[ping(1), ping(1)]))),
        ("a batch in a batch", stage.post(&session, format!("[{good}]"))),
        ("one bad message", stage.post(&session, batch(&[ping(1), "{}".to_owned()]))),
    ];
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        refused.push((revision, stage.post(&stage.begin(revision).await, good.clone())));
    }
    let begun = stage.reached().len() - before;
    for (what, ask) in refused {
        let answer = ask.send().await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, -32_600),
            "{what}: {}",
            answer.text
        );
    }
    let as_json = stage.post(&session, good.clone()).header("accept", "application/json").send().await;
    assert_eq!(as_json.status, StatusCode::NOT_ACCEPTABLE, "the answers come as a stream");
    assert_eq!(stage.reached().len(), before + begun, "nothing has reached the server");

    let passed = stage.post(&session, good).header("mcp-protocol-version", "2025-03-26").send().await;
    assert_eq!(messages(&passed).len(), 2, "{}", passed.text);
}

#[tokio::test]
async fn the_revision_is_known_also_where_a_server_answers_initialize_over_a_stream() {
    let server = everything().await;
    let folder = tempfile::tempdir().unwrap();
    let access = r#"[{users: [alice], tools: ["*"]}]"#;
    let manifests = Manifests { upstream: &server.url, access, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let stage = Stage { dev, log: folder.path().join("none"), _server: server, _folder: folder };
    let session = stage.begin("2025-03-26").await;
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(stage.post(&session, told).send().await.status, StatusCode::ACCEPTED);
    let call = |id: u64| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "echo", "arguments": {"message": format!("hello {id}")}}})
    };
    let answer = stage.post(&session, json!([call(1), call(2)]).to_string()).send().await;
    let messages = messages(&answer);
    for id in [1, 2] {
        let found = messages.iter().find(|message| message["id"] == id).unwrap();
        assert!(found.to_string().contains(&format!("hello {id}")), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_server_may_send_several_messages_in_one_event_where_the_revision_has_that() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let stage = Stage::start(hostile(&log).await, log, folder, MASKING).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"misbehave","arguments":{"x":"batched_sse"}}}"#;
    let (has, has_not) = (stage.begin("2025-03-26").await, stage.begin("2025-06-18").await);
    let answer = stage.post(&has, call).send().await;
    let messages = messages(&answer);
    assert_eq!(messages.len(), 2, "{}", answer.text);
    assert_eq!(messages[0]["method"], "notifications/message");
    assert!(!answer.text.contains("alice@example.com"), "each is masked: {}", answer.text);
    assert_eq!(messages[1]["id"], 1);
    let refused = stage.post(&has_not, call).send().await;
    assert_eq!(refused.code(), -31_502, "{}", refused.text);
}
