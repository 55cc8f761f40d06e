//! Calls whose answers come later: the Tasks extension of MCP 2026-07-28, and the experimental tasks of 2025-11-25.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{Server, everything, logged, many_sided};
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::http::{Answer, Ask, knowing_tasks};
use crate::support::manifests::Manifests;

const ACCESS: &str = r#"[{users: [alice, bob], tools: ["*"]}]"#;
const OTHER_ACCESS: &str = r#"[{users: [alice, bob], tools: ["test_simple_text"]}]"#;
/// Masks e-mail addresses in what comes of one tool alone.
const MASKING: &str = r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: greetings, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  directions: [Response]
  match: {tools: [test_tool_with_task]}
  detectors: [{type: Email, action: {redact: {}}}]
"#;
/// Masks e-mail addresses in what goes to one tool alone.
const MASKING_REQUESTS: &str = r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: names, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  directions: [Request]
  match: {tools: [multi_input]}
  detectors: [{type: Email, action: {redact: {}}}]
"#;
const ELICITATION: &str = "serverRequests: {elicitation: true}";
const MAIL: &str = "ada@example.com";

/// A gateway before our own server.
struct Stage {
    dev: Dev,
    upstream: String,
    log: std::path::PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start(connection: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl");
        let server = many_sided(&log).await;
        let upstream = server.url.clone();
        let dev = Dev::start(&manifests(&upstream, ACCESS, connection, more)).await;
        Self { dev, upstream, log, _server: server, _folder: folder }
    }

    fn ask(&self, user: &str, method: &str, params: Value) -> Ask {
        modern(&self.dev.url, &self.dev.token(user), method, params)
    }

    async fn send(&self, user: &str, method: &str, params: Value) -> Answer {
        self.ask(user, method, params).send().await
    }

    /// The handle of a task that a tool makes.
    async fn begin(&self, user: &str, tool: &str, arguments: Value) -> String {
        let answer = self.send(user, "tools/call", json!({"name": tool, "arguments": arguments})).await;
        handle(&answer.message()["result"])
    }

    /// What alice is told of a task that has come to an end, or waits for answers.
    async fn settled(&self, handle: &str) -> Value {
        eventually("the task to settle", async || {
            let told = self.send("alice", "tasks/get", json!({"taskId": handle})).await.message();
            (told["result"]["status"] != "working").then_some(told)
        })
        .await
    }

    /// The parameters of the requests that reached the server with that method of the protocol.
    fn reached(&self, method: &str) -> Vec<Value> {
        let bodies =
            logged(&self.log).into_iter().filter_map(|line| line["body"].as_str().map(str::to_owned));
        let messages = bodies.filter_map(|body| serde_json::from_str::<Value>(&body).ok());
        messages
            .filter(|message| message["method"] == method)
            .map(|message| message["params"].clone())
            .collect()
    }
}

fn manifests(upstream: &str, access: &str, connection: &str, more: &str) -> String {
    Manifests { upstream, access, connection, more, ..Manifests::default() }.to_yaml()
}

/// A request of a client of MCP 2026-07-28 that knows of tasks.
fn modern(url: &str, token: &str, method: &str, params: Value) -> Ask {
    knowing_tasks(url, method, params).token(token)
}

fn handle(result: &Value) -> String {
    assert_eq!(result["resultType"], "task", "{result}");
    result["taskId"].as_str().unwrap().to_owned()
}

fn assert_unknown(answer: &Answer, what: &str) {
    assert_eq!(answer.status, StatusCode::OK, "{what}");
    let error = json!({"code": -32_602, "message": "Unknown task"});
    assert_eq!(answer.message()["error"], error, "{what}");
}

#[tokio::test]
async fn a_task_is_its_callers_alone_and_is_asked_about_by_the_policy_of_now() {
    let stage = Stage::start(ELICITATION, "").await;
    let handle = stage.begin("alice", "confirm_delete", json!({"filename": "a"})).await;
    let get = |user: &'static str, id: &str| stage.send(user, "tasks/get", json!({"taskId": id}));

    let told = stage.settled(&handle).await;
    assert_eq!(told["result"]["taskId"], handle, "the same task has the same handle");
    assert_eq!(told["result"]["status"], "input_required", "{told}");
    let id = stage.reached("tasks/get")[0]["taskId"].as_str().unwrap().to_owned();
    assert_ne!(id, handle, "the client does not see the server's id");

    let asked = stage.reached("tasks/get").len();
    assert_unknown(&get("bob", &handle).await, "of another caller");
    assert_unknown(&get("alice", &handle[..handle.len() - 1]).await, "cut");
    let other = if handle.starts_with('A') { 'B' } else { 'A' };
    assert_unknown(&get("alice", &format!("{other}{}", &handle[1..])).await, "changed");
    assert_unknown(&get("alice", &id).await, "the server's own id");
    assert_unknown(&get("alice", "no-such-task").await, "of nobody");
    for method in ["tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": handle, "inputResponses": {}});
        assert_unknown(&stage.send("bob", method, params).await, method);
        assert!(stage.reached(method).is_empty(), "{method} is not sent on");
    }
    let others = json!({"notifications": {"taskIds": [handle]}});
    assert_unknown(&stage.send("bob", "subscriptions/listen", others).await, "listening");
    let listed = stage.send("alice", "tasks/list", json!({})).await;
    assert_eq!((listed.status, listed.code()), (StatusCode::NOT_FOUND, -32_601));
    assert_eq!(stage.reached("tasks/get").len(), asked, "the server is asked about none of them");

    stage.dev.write(&manifests(&stage.upstream, OTHER_ACCESS, ELICITATION, ""));
    let revoked = eventually("the grant to be gone", async || {
        let answer = get("alice", &handle).await;
        answer.message()["error"].is_object().then_some(answer)
    })
    .await;
    assert_unknown(&revoked, "of a tool that is not granted any more");
    let asked = stage.reached("tasks/get").len();
    assert_unknown(&get("alice", &handle).await, "again");
    assert_eq!(stage.reached("tasks/get").len(), asked);

    let entries = stage.dev.entries();
    for reason in ["UnknownTask", "NoGrant", "UnknownMethod"] {
        assert!(entries.iter().any(|entry| entry["decision"]["reason"] == reason), "{reason}");
    }
    let recorded = |entry: &&Value| entry["method"] == "tasks/get" && entry["target"] == "confirm_delete";
    let first = entries.iter().find(recorded).expect("the record says whose task it is");
    assert_eq!(first["message"]["params"]["taskId"], id, "the record has the server's id");
    assert_eq!(stage.dev.verify().await.code, 0);
}

#[tokio::test]
async fn what_comes_of_a_task_is_masked_by_the_rules_for_its_tool() {
    let stage = Stage::start(ELICITATION, MASKING).await;
    let call = |answers: Value, state: Value| {
        let mut params = json!({"name": "test_tool_with_task", "arguments": {}});
        if state.is_string() {
            params["inputResponses"] = answers;
            params["requestState"] = state;
        }
        stage.send("alice", "tools/call", params)
    };
    let asked = call(Value::Null, Value::Null).await.message();
    let answers = json!({"user_name": {"action": "accept", "content": {"name": MAIL}}});
    let begun = call(answers, asked["result"]["requestState"].clone()).await;
    let handle = handle(&begun.message()["result"]);
    let told = stage.settled(&handle).await;
    assert_eq!(told["result"]["result"]["content"][0]["text"], "Hello, \"[REDACTED:Email]\"!", "{told}");
    assert_eq!(told["result"]["ttlMs"], 300_000, "how long it lives is the server's to say");
    let recorded = stage.dev.journal();
    assert!(!recorded.contains(MAIL), "the record is masked, too");
}

#[tokio::test]
async fn a_task_asks_what_it_may_and_is_answered_with_what_may_be_sent() {
    let stage = Stage::start(ELICITATION, MASKING_REQUESTS).await;
    let task = stage.begin("alice", "multi_input", json!({})).await;
    let told = stage.settled(&task).await;
    let keys: Vec<_> = told["result"]["inputRequests"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["first", "second"]);
    let token = stage.dev.token("alice");
    let answer = |text: &str| json!({"action": "accept", "content": {"name": text}});
    let responses = json!({"first": answer(MAIL), "second": answer(&token)});
    let updated =
        stage.send("alice", "tasks/update", json!({"taskId": task, "inputResponses": responses})).await;
    assert_eq!(updated.message()["result"], json!({"resultType": "complete"}), "{}", updated.text);
    let sent = &stage.reached("tasks/update")[0];
    assert_eq!(sent["inputResponses"]["first"], answer("[REDACTED:Email]"));
    assert!(!sent.to_string().contains(&token), "the caller's token never travels on");
    assert_eq!(stage.settled(&task).await["result"]["status"], "completed");

    let other = stage.begin("alice", "confirm_delete", json!({"filename": "a"})).await;
    stage.dev.write(&manifests(&stage.upstream, ACCESS, "", ""));
    let refused = eventually("the server to be allowed to ask nothing", async || {
        let answer = stage.send("alice", "tasks/get", json!({"taskId": other})).await;
        answer.message()["error"].is_object().then_some(answer)
    })
    .await;
    assert_eq!((refused.status, refused.code()), (StatusCode::BAD_GATEWAY, -31_502));
    let cancelled = stage.send("alice", "tasks/cancel", json!({"taskId": other})).await;
    assert_eq!(cancelled.message()["result"], json!({"resultType": "complete"}));
    assert_eq!(stage.settled(&other).await["result"]["status"], "cancelled");
}

/// The messages of a stream.
fn events(answer: &Answer) -> Vec<Value> {
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn who_listens_hears_of_his_own_tasks_by_their_handles_while_he_may() {
    let stage = Stage::start(ELICITATION, "").await;
    let first = stage.begin("alice", "confirm_delete", json!({"filename": "a"})).await;
    let second = stage.begin("alice", "multi_input", json!({})).await;
    let params = json!({"notifications": {"taskIds": [first, second]}});
    let stream = tokio::spawn(stage.ask("alice", "subscriptions/listen", params).send());
    eventually("the stream to be open", async || {
        let on_stream =
            |entry: &Value| entry["message"]["method"] == "notifications/subscriptions/acknowledged";
        stage.dev.entries().iter().any(on_stream).then_some(())
    })
    .await;

    // A task of a tool that alice may not call any more is not told of, and the stream goes on for the other.
    let access = r#"[{users: [alice], tools: ["multi_input"]}, {users: [bob], tools: ["*"]}]"#;
    stage.dev.write(&manifests(&stage.upstream, access, ELICITATION, ""));
    eventually("the grant to be gone", async || {
        let answer = stage.send("alice", "tasks/get", json!({"taskId": first})).await;
        answer.message()["error"].is_object().then_some(())
    })
    .await;
    let id = stage.reached("subscriptions/listen")[0]["notifications"]["taskIds"][0].clone();
    let direct = modern(&stage.upstream, "unused-upstream-token", "tasks/cancel", json!({"taskId": id}));
    assert_eq!(direct.send().await.status, StatusCode::OK);
    let cancelled = stage.send("alice", "tasks/cancel", json!({"taskId": second})).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    let told_of = |entry: &Value| entry["message"]["params"]["status"] == "cancelled";
    eventually("word of the second task, which comes after that of the first", async || {
        stage.dev.entries().iter().any(told_of).then_some(())
    })
    .await;
    stage.dev.write(&manifests(&stage.upstream, "[{users: [bob], tools: [x]}]", ELICITATION, ""));

    let streamed = events(&stream.await.unwrap());
    let acknowledged = &streamed[0]["params"]["notifications"]["taskIds"];
    assert_eq!(*acknowledged, json!([first, second]));
    let told: Vec<_> = streamed.iter().filter(|event| event["method"] == "notifications/tasks").collect();
    assert!(!told.is_empty());
    for event in told {
        assert_eq!(event["params"]["taskId"], second, "{event}");
    }
}

#[tokio::test]
async fn the_tasks_of_a_legacy_server_are_its_callers_alone_too() {
    let server = everything().await;
    let dev = Dev::start(&manifests(&server.url, ACCESS, ELICITATION, "")).await;
    let begin = async |user: &str| {
        let params = json!({
            "protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"},
            "capabilities": {"elicitation": {}, "tasks": {"list": {}}},
        });
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let begun = Ask::post(&dev.url, initialize.to_string()).token(&dev.token(user)).send().await;
        let session = begun.header("mcp-session-id").unwrap().to_owned();
        (user.to_owned(), session, begun.message())
    };
    let (alice, bob) = (begin("alice").await, begin("bob").await);
    assert_eq!(
        alice.2["result"]["capabilities"]["tasks"],
        json!({"cancel": {}, "requests": {"tools": {"call": {}}}})
    );
    let post = |who: &(String, String, Value), message: Value| {
        Ask::post(&dev.url, message.to_string()).token(&dev.token(&who.0)).header("mcp-session-id", &who.1)
    };
    let ask = |who: &(String, String, Value), method: &str, params: Value| {
        post(who, json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).send()
    };
    post(&alice, json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).send().await;

    let arguments = json!({"topic": "python", "ambiguous": true});
    let call = json!({"name": "simulate-research-query", "arguments": arguments, "task": {"ttl": 60_000}});
    let made = ask(&alice, "tools/call", call).await.message();
    let handle = made["result"]["task"]["taskId"].as_str().unwrap().to_owned();
    let about = || json!({"taskId": handle});
    let told = ask(&alice, "tasks/get", about()).await.message();
    assert_eq!(told["result"]["taskId"], handle, "{told}");
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        assert_unknown(&ask(&bob, method, about()).await, method);
    }
    assert_eq!(ask(&alice, "tasks/list", json!({})).await.code(), -32_601);

    eventually("the task to ask", async || {
        let told = ask(&alice, "tasks/get", about()).await.message();
        (told["result"]["status"] == "input_required").then_some(())
    })
    .await;
    // The question comes in the stream of the result, and is answered beside it.
    let result = tokio::spawn(ask(&alice, "tasks/result", about()));
    let question = eventually("the question", async || {
        let asks = |entry: &Value| entry["message"]["method"] == "elicitation/create";
        dev.entries().into_iter().find(asks).map(|entry| entry["message"].clone())
    })
    .await;
    let answer = json!({
        "jsonrpc": "2.0", "id": question["id"],
        "result": {
            "action": "accept", "content": {"interpretation": "technical"},
            "_meta": {"io.modelcontextprotocol/related-task": {"taskId": handle}},
        },
    });
    assert_eq!(post(&alice, answer).send().await.status, StatusCode::ACCEPTED);
    let streamed = events(&result.await.unwrap());
    let related = "io.modelcontextprotocol/related-task";
    let asked = streamed.iter().find(|event| event["method"] == "elicitation/create").unwrap();
    assert_eq!(asked["params"]["_meta"][related]["taskId"], handle, "{asked}");
    let last = streamed.last().unwrap();
    assert!(last["result"]["content"][0]["text"].as_str().unwrap().contains("technical"), "{last}");
    assert_eq!(last["result"]["_meta"][related]["taskId"], handle);
    assert_eq!(dev.verify().await.code, 0);
}
