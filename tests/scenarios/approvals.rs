//! Calls that wait for people, under `lychgate dev`: unmodified clients, a real server, and votes by the command line.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::counterparts::{Client, dbhub, fixture, fixture_over_sse, logged, many_sided};
use crate::support::dev::Dev;
use crate::support::event_stream::EventStream;
use crate::support::eventually;
use crate::support::http::{Answer, Ask, tool_call};
use crate::support::manifests::Manifests;
use crate::support::process::{Finished, lychgate};

/// Calls of the named tools wait for one of the group strangers, to which mallory belongs.
fn policy(tools: &str, wait: &str, more: &str) -> String {
    format!(
        r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {{name: strangers, namespace: test}}
spec:
  targetRefs: [{{kind: McpConnection, name: server}}]
  match: {{tools: [{tools}]}}
  approvers: {{groups: [strangers]}}
  wait: {wait}
  {more}
"#
    )
}

async fn stage(upstream: &str, token: &str, policy: &str) -> Dev {
    let manifests = Manifests { upstream, token, more: policy, ..Manifests::default() };
    Dev::start(&manifests.to_yaml()).await
}

/// `lychgate approvals` on the state of this `dev`.
async fn approvals(dev: &Dev, arguments: &[&str]) -> Finished {
    let state = dev.folder.path().join("state");
    let dev_flag = format!("--dev={}", state.to_str().unwrap());
    let mut all = vec!["approvals"];
    all.extend(arguments);
    all.push(&dev_flag);
    lychgate(&all, "").await
}

/// The name of the Approval that waits.
async fn waiting(dev: &Dev) -> String {
    eventually("an Approval that waits", async || {
        let listed = approvals(dev, &["list"]).await;
        let line = listed.output.lines().find(|line| line.contains(" Pending "))?.to_owned();
        line.split(' ').next().map(str::to_owned)
    })
    .await
}

/// Votes as mallory, and waits until that is counted.
async fn vote(dev: &Dev, verb: &str, name: &str) {
    let voted = approvals(dev, &[verb, name, "--as", "mallory", "--reason", "INC-42"]).await;
    assert_eq!(voted.code, 0, "{}", voted.errors);
    eventually("the vote to be counted", async || {
        let listed = approvals(dev, &["list", "--all"]).await.output;
        let line = listed.lines().find(|line| line.starts_with(name))?.to_owned();
        (!line.contains(" Pending ")).then_some(())
    })
    .await;
}

/// The calls of tools that reached the server.
fn made(log: &Path) -> usize {
    logged(log).iter().filter(|request| request["body"].to_string().contains("tools/call")).count()
}

fn kinds(dev: &Dev, call: &Value) -> Vec<String> {
    let of_call = dev.entries().into_iter().filter(|entry| entry["call"] == *call);
    of_call.map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

fn says(answer: &Answer, expected: &str) -> bool {
    let result = &answer.message()["result"];
    result["isError"] == true && result["content"][0]["text"].as_str().unwrap().contains(expected)
}

#[tokio::test]
async fn a_statement_runs_on_the_database_once_a_person_has_approved_it_and_once_only() {
    let folder = tempfile::tempdir().unwrap();
    let server = dbhub(folder.path(), "upstream-token-one").await;
    let more = "expiresAfter: 10m";
    let dev = stage(&server.url, "upstream-token-one", &policy("execute_sql", "{for: 20s}", more)).await;
    let alice = dev.token("alice");
    let sql = "SELECT email FROM customers WHERE id = 1";
    let ask = || Ask::post(&dev.url, tool_call("execute_sql", &json!({"sql": sql}))).token(&alice).send();
    let call = tokio::spawn(ask());
    let name = waiting(&dev).await;

    let shown = approvals(&dev, &["show", &name]).await.output;
    assert!(shown.contains(&format!(r#"{{"sql":"{sql}"}}"#)) && shown.contains("alice"), "{shown}");
    for (voter, reason, expected) in [
        ("alice", "mine", "nobody decides on a call of his own"),
        ("bob", "why not", "in none of the groups"),
        ("mallory", "", "a reason is required"),
    ] {
        let refused = approvals(&dev, &["approve", &name, "--as", voter, "--reason", reason]).await;
        assert!(refused.code == 2 && refused.errors.contains(expected), "{voter}: {}", refused.errors);
    }
    vote(&dev, "approve", &name).await;
    let answer = call.await.unwrap();
    assert!(answer.text.starts_with(':'), "the first bytes go out before anybody decides: {}", answer.text);
    assert!(answer.message()["result"].to_string().contains("alice@example.com"), "{}", answer.text);

    let entries = dev.entries();
    let decided =
        entries.iter().find(|entry| entry["kind"] == "Decided" && entry["call"].is_string()).unwrap();
    assert_eq!((&decided["usage"], &decided["phase"]), (&json!(1), &json!("Approved")));
    let vote = json!([{"approver": "mallory", "approves": true, "reason": "INC-42"}]);
    assert_eq!(decided["votes"], vote);
    let order = kinds(&dev, &decided["call"]);
    let place = |kind: &str| order.iter().rposition(|found| found == kind).unwrap();
    assert!(place("Asked") < place("Decided") && place("Decided") < place("Injected"), "{order:?}");
    assert!(place("Injected") < place("Response"), "{order:?}");
    eventually("the Approval to be used", async || {
        let listed = approvals(&dev, &["list", "--all"]).await.output;
        listed.lines().any(|line| line.starts_with(&name) && line.contains("Consumed")).then_some(())
    })
    .await;

    let again = tokio::spawn(ask());
    let second = waiting(&dev).await;
    assert_eq!(second.strip_suffix("-2"), name.strip_suffix("-1"), "the same call has the same digest");
    self::vote(&dev, "deny", &second).await;
    let denied = again.await.unwrap();
    assert!(says(&denied, "denied") && says(&denied, "INC-42"), "{}", denied.text);
    assert_eq!(dev.verify().await.code, 0);
}

#[tokio::test]
async fn a_client_that_is_told_to_come_back_joins_what_it_asked_for_and_nothing_runs_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let dev = stage(&server.url, "upstream-token-one", &policy("echo", "{mode: Return}", "")).await;
    let alice = dev.token("alice");
    let ask = |message: &str| {
        let body = tool_call("echo", &json!({"message": message}));
        Ask::post(&dev.url, body).token(&alice).send()
    };
    for _ in 0..2 {
        let pending = ask("one").await;
        assert!(says(&pending, "waits for approval") && says(&pending, "appr-"), "{}", pending.text);
    }
    let first = waiting(&dev).await;
    assert_eq!(approvals(&dev, &["list"]).await.output.lines().count(), 2, "the second call has joined");
    vote(&dev, "approve", &first).await;
    assert_eq!(made(&log), 0, "nothing runs because somebody approves");
    assert_eq!(ask("one").await.message()["result"]["structuredContent"]["arguments"]["message"], "one");
    assert_eq!(made(&log), 1);

    assert!(says(&ask("two").await, "waits for approval"), "other arguments ask anew");
    let other = waiting(&dev).await;
    assert_ne!(other, first);
    vote(&dev, "deny", &other).await;
    let told = eventually("the outcome to be told", async || {
        let answer = ask("two").await;
        says(&answer, "INC-42").then_some(answer)
    })
    .await;
    assert!(says(&told, "was denied"), "{}", told.text);
    assert!(says(&ask("two").await, "waits for approval"), "who was told may ask anew");
    assert_eq!(made(&log), 1);
}

#[tokio::test]
async fn what_waits_ends_with_its_client_and_with_a_client_that_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let dev = stage(&server.url, "upstream-token-one", &policy("echo", "{for: 30s}", "")).await;
    let alice = dev.token("alice");
    let ask = |message: &str| {
        let body = tool_call("echo", &json!({"message": message}));
        Ask::post(&dev.url, body).token(&alice).send()
    };
    let held = async |expected: &str| {
        eventually(&format!("{expected} calls to be held"), async || {
            let metrics = Ask::get(&format!("{}/metrics", dev.admin)).send().await.text;
            // A call that waits is a second old soon.
            let is_as_old =
                metrics.contains("lychgate_approvals_oldest_held_seconds 0\n") == (expected == "0");
            (is_as_old && metrics.contains(&format!("lychgate_approvals_held {expected}\n"))).then_some(())
        })
        .await;
    };
    let left = tokio::spawn(ask("left"));
    held("1").await;
    left.abort();
    held("0").await;
    let first = waiting(&dev).await;
    vote(&dev, "approve", &first).await;

    let back = tokio::spawn(ask("back"));
    held("1").await;
    let second = waiting(&dev).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    Ask::post(&dev.url, cancel.to_string()).token(&alice).send().await;
    let taken_back = back.await.unwrap();
    assert!(!taken_back.text.contains("data:"), "{}", taken_back.text);
    vote(&dev, "approve", &second).await;
    assert_eq!(made(&log), 0);
    let gone = dev
        .entries()
        .iter()
        .filter(|entry| entry["kind"] == "Ended" && entry["reason"] == "ClientGone")
        .count();
    assert_eq!(gone, 2, "the record says of both that the client has gone");
    // A client that is there again has what was approved.
    assert_eq!(ask("left").await.message()["result"]["structuredContent"]["arguments"]["message"], "left");
}

#[tokio::test]
async fn unmodified_clients_of_both_eras_wait_for_an_approval() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    // One leg of MCP 2026-07-28 is over before anybody decides.
    let dev = stage(&server.url, "upstream-token-one", &policy("echo", "{for: 3s}", "")).await;
    let alice = dev.token("alice");
    for client in [Client::TypeScriptModern, Client::PythonModern] {
        let message = format!("{client:?}");
        let operations = json!([{"op": "callTool", "name": "echo", "arguments": {"message": message}}]);
        let (url, token) = (dev.url.clone(), alice.clone());
        let running = tokio::spawn(async move { client.run(&url, &token, operations).await });
        let name = waiting(&dev).await;
        eventually("a second leg", async || {
            let asked = dev.entries().into_iter().filter(|entry| {
                entry["kind"] == "Asked" && entry["approval"].as_str().unwrap().ends_with(&name)
            });
            (asked.count() > 1).then_some(())
        })
        .await;
        vote(&dev, "approve", &name).await;
        let lines = running.await.unwrap();
        assert!(lines[1].to_string().contains(&message), "{client:?}: {}", lines[1]);
    }
    assert_eq!(made(&log), 2);
    let leaked = logged(&log).iter().any(|request| request["body"].to_string().contains("requestState"));
    assert!(!leaked, "the gateway's own state does not travel on");
}

#[tokio::test]
async fn a_state_that_is_replayed_opens_no_call_and_joins_none_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let dev = stage(&server.url, "upstream-token-one", &policy("echo", "{for: 1s}", "")).await;
    let ask = async |user: &str, message: &str, state: Option<&Value>| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        });
        let mut params = json!({"name": "echo", "arguments": {"message": message}, "_meta": meta});
        if let Some(state) = state {
            params["requestState"] = state.clone();
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let ask = Ask::post(&dev.url, body).token(&dev.token(user));
        let ask = ask.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/call");
        ask.header("mcp-name", "echo").send().await
    };
    let count = async || approvals(&dev, &["list", "--all"]).await.output.matches("appr-").count();
    let told = ask("alice", "one", None).await.message()["result"].clone();
    assert_eq!(told["resultType"], "input_required", "{told}");
    let (state, name) = (&told["requestState"], waiting(&dev).await);
    ask("alice", "one", Some(state)).await;
    assert_eq!(count().await, 1, "the same call of the same caller joins");
    ask("alice", "two", Some(state)).await;
    assert_eq!(count().await, 2, "another call waits for itself");
    ask("bob", "one", Some(state)).await;
    assert_eq!(count().await, 3, "and so does another caller's");
    vote(&dev, "approve", &name).await;
    assert_eq!(made(&log), 0, "an approval alone runs nothing");
    let made_once = ask("alice", "one", Some(state)).await;
    assert!(made_once.message()["result"]["structuredContent"].is_object(), "{}", made_once.text);
    ask("alice", "one", Some(state)).await;
    assert_eq!((made(&log), count().await), (1, 4), "what was used is asked for anew");
}

#[tokio::test]
async fn a_tool_whose_definition_changes_after_it_was_approved_is_not_called() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let mut server = fixture("both", "upstream-token-one", &log).await;
    let dev = stage(&server.url, "upstream-token-one", &policy("\"*\"", "{mode: Return}", "")).await;
    let alice = dev.token("alice");
    let ask =
        |tool: &str| Ask::post(&dev.url, tool_call(tool, &json!({"message": "hi"}))).token(&alice).send();
    assert!(says(&ask("echo").await, "waits for approval"));
    let name = waiting(&dev).await;
    vote(&dev, "approve", &name).await;
    server.process.tell("describe echo Sends its arguments to somebody else").await;
    eventually("the server to say so", async || {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let listed = Ask::post(&dev.url, list).token(&alice).send().await;
        listed.text.contains("somebody else").then_some(())
    })
    .await;
    let changed = ask("echo").await;
    assert!(says(&changed, "has changed since") || says(&changed, "waits for approval"), "{}", changed.text);
    let unknown = ask("no-such-tool").await;
    assert!(says(&unknown, "does not list its tool"), "{}", unknown.text);
    let long = Ask::post(&dev.url, tool_call("echo", &json!({"message": "x".repeat(8192)}))).token(&alice);
    assert!(says(&long.send().await, "8206 characters"));
    assert_eq!(made(&log), 0);
}

/// What an answer told of progress, and how many comments it had.
fn progress(answer: &Answer) -> (Vec<f64>, Vec<String>, usize) {
    let events = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = events.map(|data| serde_json::from_str(data).unwrap()).collect();
    let told = || events.iter().filter(|event| event["method"] == "notifications/progress");
    assert!(told().all(|event| event["params"]["progressToken"] == "p-1"), "{}", answer.text);
    let values = told().map(|event| event["params"]["progress"].as_f64().unwrap()).collect();
    let messages = told().map(|event| event["params"]["message"].as_str().unwrap_or_default().to_owned());
    let comments = answer.text.lines().filter(|line| line.starts_with(':')).count();
    (values, messages.collect(), comments)
}

#[tokio::test]
async fn who_asks_for_progress_hears_of_it_ever_further_and_others_get_comments() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let dev = stage(&server.url, "upstream-token-one", &policy("slow, echo", "{for: 17s}", "")).await;
    let alice = dev.token("alice");
    let ask = |name: &str, arguments: Value, meta: Value| {
        let params = json!({"name": name, "arguments": arguments, "_meta": meta});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        tokio::spawn(Ask::post(&dev.url, body).token(&alice).send())
    };
    // The server tells of its own progress afterwards, which begins with one.
    let made = ask("slow", json!({"milliseconds": 40, "steps": 4}), json!({"progressToken": "p-1"}));
    let name = waiting(&dev).await;
    vote(&dev, "approve", &name).await;
    let (values, messages, comments) = progress(&made.await.unwrap());
    assert!(values.len() == 5 && values.is_sorted_by(|one, next| one < next), "{values:?}");
    assert!(messages[0].ends_with(&name) && messages[0].starts_with("Waiting for approval"), "{messages:?}");
    assert_eq!(comments, 0, "one or the other");

    let pending = ask("echo", json!({"message": "one"}), json!({"progressToken": "p-1"}));
    let silent = ask("echo", json!({"message": "two"}), json!({}));
    let (values, _, comments) = progress(&pending.await.unwrap());
    assert!(values.len() == 2 && values[0] < values[1] && comments == 0, "{values:?} {comments}");
    let (values, _, comments) = progress(&silent.await.unwrap());
    assert_eq!((values, comments), (vec![], 2));
}

#[tokio::test]
async fn a_call_that_waited_for_people_may_go_on_as_a_task_about_which_nobody_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let dev = stage(&server.url, "unused", &policy("slow_compute", "{for: 20s}", "")).await;
    let alice = dev.token("alice");
    let ask = |method: &str, mut params: Value| {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {
                "extensions": {"io.modelcontextprotocol/tasks": {}},
            },
        });
        let name = params["name"].as_str().or(params["taskId"].as_str()).unwrap().to_owned();
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let ask = Ask::post(&dev.url, message.to_string()).token(&alice).header("mcp-method", method);
        ask.header("mcp-protocol-version", "2026-07-28").header("mcp-name", &name).send()
    };
    let call =
        tokio::spawn(ask("tools/call", json!({"name": "slow_compute", "arguments": {"seconds": 0.1}})));
    let name = waiting(&dev).await;
    assert_eq!(made(&log), 0);
    vote(&dev, "approve", &name).await;
    let begun = call.await.unwrap().message();
    assert_eq!(begun["result"]["resultType"], "task", "{begun}");
    let handle = begun["result"]["taskId"].clone();

    let told = eventually("the task to end", async || {
        let told = ask("tasks/get", json!({"taskId": handle})).await.message();
        (told["result"]["status"] == "completed").then_some(told)
    })
    .await;
    assert_eq!(told["result"]["taskId"], handle);
    assert_eq!(told["result"]["result"]["content"][0]["text"], "Computed for 0.1 s");
    assert_eq!(made(&log), 1, "the call was made once");
    let asked = dev.entries().iter().filter(|entry| entry["kind"] == "Asked").count();
    assert_eq!(asked, 1, "nobody was asked about the task");
}

#[tokio::test]
async fn a_call_over_an_event_stream_is_answered_over_it_once_a_person_has_approved_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture_over_sse("upstream-token-one", &log).await;
    let policy = policy("echo", "{for: 30s}", "");
    let manifests = Manifests {
        upstream: &server.url,
        token: "upstream-token-one",
        more: &policy,
        ..Manifests::default()
    };
    let manifests = manifests.to_yaml().replace("insecurePlaintext", "transport: SSE, insecurePlaintext");
    let dev = Dev::start(&manifests).await;
    let mut stream = EventStream::begin(&dev.url, &dev.token("alice")).await;
    let echo = |id: u64, message: &str| {
        let params =
            json!({"name": "echo", "arguments": {"message": message}, "_meta": {"progressToken": id}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    stream.tell(echo(1, "first")).await;
    let told = stream.message().await;
    assert_eq!(told["method"], "notifications/progress", "{told}");
    let name = waiting(&dev).await;
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    stream.tell(ping).await;
    assert_eq!(stream.answer(2).await["result"], json!({}), "what waits holds nothing up");
    assert_eq!(made(&log), 0);
    vote(&dev, "approve", &name).await;
    assert_eq!(stream.answer(1).await["result"]["content"][0]["text"], "first");
    assert_eq!(made(&log), 1);

    stream.tell(echo(3, "second")).await;
    let _progress = stream.message().await;
    vote(&dev, "deny", &waiting(&dev).await).await;
    let refused = stream.answer(3).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");

    // Who leaves has nothing run for him.
    stream.tell(echo(4, "third")).await;
    let _progress = stream.message().await;
    let name = waiting(&dev).await;
    drop(stream);
    eventually("the record to have that the client left", async || {
        let asked = dev.entries().into_iter().rfind(|entry| entry["kind"] == "Asked")?;
        kinds(&dev, &asked["call"]).contains(&"Ended".to_owned()).then_some(())
    })
    .await;
    vote(&dev, "approve", &name).await;
    assert_eq!(made(&log), 1);
    assert_eq!(dev.verify().await.code, 0);
}
