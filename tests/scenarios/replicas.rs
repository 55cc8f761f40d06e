//! Two and three gateways behind a balancer that sends each request to the next: no client misses what another replica
//! has in its memory.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::approval_server::ApprovalServer;
use crate::support::counterparts::{Server, fixture, identity_provider, logged, many_sided, minted};
use crate::support::eventually;
use crate::support::gateway::{document, folders, write_document};
use crate::support::http::{Answer, Ask, knowing_tasks, tool_call};
use crate::support::replicas::{Replicas, Session, event_ids};

/// Replicas before a server that does what a server may do.
pub struct Stage {
    pub replicas: Replicas,
    log: PathBuf,
    server: Server,
}

impl Stage {
    pub async fn start(count: usize) -> Self {
        let folder = folders();
        let log = folder.path().join("requests.jsonl");
        let server = many_sided(&log).await;
        let mut written = document(&server.url, 1);
        written["serverRequests"] = json!({"sampling": true, "elicitation": true});
        written["upstream"]["callTimeoutMilliseconds"] = json!(600_000);
        write_document(&folder, &written.to_string());
        Self { replicas: Replicas::start(folder, count, &[]).await, log, server }
    }

    /// The session ids under which requests reached the server.
    fn upstream_sessions(&self) -> BTreeSet<String> {
        let id = |request: &Value| request["headers"]["mcp-session-id"].as_str().map(str::to_owned);
        logged(&self.log).iter().filter_map(id).collect()
    }

    /// Waits until the server says that a call of the tool was cancelled.
    async fn cancelled(&self, tool: &str) {
        let line = json!({"event": "cancelled", "tool": tool});
        eventually("the server to hear of it", async || logged(&self.log).contains(&line).then_some(()))
            .await;
    }
}

/// The messages of a stream.
fn messages(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| !data.is_empty());
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_session_is_served_by_every_replica_until_it_ends_at_one_of_them() {
    for count in [2, 3] {
        let stage = Stage::start(count).await;
        let session = Session::begin(&stage.replicas.url).await;
        let mut met = BTreeSet::new();
        for id in 1..=2 * count as u64 {
            let answer = session.call(id, "greet", json!({"name": format!("caller {id}")})).send().await;
            assert_eq!(answer.message()["result"]["content"][0]["text"], format!("Hello, caller {id}!"));
            met.insert(stage.replicas.which(&answer));
            let list = json!({"jsonrpc": "2.0", "id": 100 + id, "method": "prompts/list"});
            let listed = session.post(list).send().await;
            assert!(listed.message()["result"]["prompts"].is_array(), "{}", listed.text);
            met.insert(stage.replicas.which(&listed));
        }
        assert_eq!(met, (0..count).collect(), "the balancer led to all of them");
        assert_eq!(stage.upstream_sessions().len(), 1, "to the server it was one session");

        let ended = session.with_headers(Ask::get(&stage.replicas.url_of(count - 1)).method(Method::DELETE));
        assert_eq!(ended.send().await.status, StatusCode::NO_CONTENT);
        for number in 0..count {
            let gone = session.at(stage.replicas.url_of(number)).call(9, "greet", json!({})).send().await;
            // In the server's own words, since it is the server's session that has ended.
            assert_eq!((gone.status, gone.code()), (StatusCode::NOT_FOUND, -32_600), "at {number}");
        }
        let names: BTreeSet<String> = stage
            .replicas
            .entries()
            .iter()
            .filter(|entry| entry["kind"] == "Request")
            .map(|entry| entry["session"].to_string())
            .collect();
        assert_eq!(names.len(), 1, "the records of all replicas tell of one session: {names:?}");
        assert_eq!(stage.replicas.verify().await.code, 0);
    }
}

#[tokio::test]
async fn a_stream_that_broke_off_goes_on_at_another_replica_after_the_last_event_seen() {
    let mut stage = Stage::start(2).await;
    let here = Session::begin(&stage.replicas.url_of(0)).await;
    let elsewhere = here.at(stage.replicas.url_of(1));

    // A server that closes the stream of a call before its answer: the client fetches that elsewhere.
    let cut = here.call(1, "test_reconnection", json!({})).send().await;
    assert!(messages(&cut.text).is_empty(), "{}", cut.text);
    let rest = elsewhere.stream(event_ids(&cut.text).last().copied()).send().await;
    assert_eq!(messages(&rest.text)[0]["result"]["content"][0]["text"], "The client has come back");

    // A replica that is killed with the session's own stream.
    let mut own = here.stream(None).open().await;
    let changes = async |session: &Session, id| {
        let changed = session.call(id, "test_trigger_tool_change", json!({})).send().await;
        assert_eq!(changed.message()["result"]["content"][0]["text"], "Told everybody who listens");
    };
    changes(&here, 2).await;
    let seen = own.until("tools/list_changed").await;
    stage.replicas.kill(0).await;
    changes(&elsewhere, 3).await;
    let last = *event_ids(&seen).last().unwrap();
    let mut resumed = elsewhere.stream(Some(last)).open().await;
    let missed = resumed.until("tools/list_changed").await;
    assert_eq!(messages(&missed).len(), 1, "what was seen does not come again: {missed}");

    // Behind the balancer the client notices nothing but that it had to ask anew.
    let anywhere = here.at(stage.replicas.url.clone());
    let mut resumed = anywhere.stream(Some(last)).open().await;
    assert!(resumed.until("tools/list_changed").await.contains("list_changed"));
    stage.replicas.restart(0).await;
    let mut resumed = here.stream(Some(last)).open().await;
    assert!(resumed.until("tools/list_changed").await.contains("list_changed"), "nor does a new process");
}

#[tokio::test]
async fn a_task_has_one_handle_at_every_replica_and_is_answered_and_cancelled_at_any() {
    let stage = Stage::start(3).await;
    let url = &stage.replicas.url;
    let begin = async |tool: &str, arguments: Value| {
        let begun =
            knowing_tasks(url, "tools/call", json!({"name": tool, "arguments": arguments})).send().await;
        let result = begun.message()["result"].take();
        assert_eq!(result["resultType"], "task", "{result}");
        result["taskId"].as_str().unwrap().to_owned()
    };
    let handle = begin("confirm_delete", json!({"filename": "a"})).await;
    let mut met = BTreeSet::new();
    let mut get = async |status: &str| {
        eventually(status, async || {
            let told = knowing_tasks(url, "tasks/get", json!({"taskId": handle})).send().await;
            met.insert(stage.replicas.which(&told));
            let result = told.message()["result"].take();
            assert_eq!(result["taskId"], handle, "the same task has the same handle everywhere: {result}");
            (result["status"] == status).then_some(result)
        })
        .await
    };
    for _ in 0..3 {
        get("input_required").await;
    }
    let answers = json!({"confirm": {"action": "accept", "content": {"confirm": true}}});
    let update = json!({"taskId": handle, "inputResponses": answers});
    let updated = knowing_tasks(url, "tasks/update", update).send().await;
    assert_eq!(updated.message()["result"], json!({"resultType": "complete"}), "{}", updated.text);
    let done = get("completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "The answer was true");
    assert_eq!(met, BTreeSet::from([0, 1, 2]));

    let other = begin("slow_compute", json!({"seconds": 600})).await;
    let cancelled =
        knowing_tasks(&stage.replicas.url_of(1), "tasks/cancel", json!({"taskId": other})).send().await;
    assert_eq!(cancelled.message()["result"], json!({"resultType": "complete"}), "{}", cancelled.text);
    stage.cancelled("slow_compute").await;
}

#[tokio::test]
async fn what_a_server_asks_over_a_stream_at_one_replica_is_answered_at_another() {
    let stage = Stage::start(2).await;
    let here = Session::begin(&stage.replicas.url_of(0)).await;
    let elsewhere = here.at(stage.replicas.url_of(1));
    let mut stream = here.call(1, "test_sampling", json!({"prompt": "hi"})).open().await;
    let asked = stream.until("sampling/createMessage").await;
    let question = messages(&asked).into_iter().find(|it| it["method"] == "sampling/createMessage").unwrap();
    let sampled = json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "a sample"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": sampled});
    assert_eq!(elsewhere.post(answer).send().await.status, StatusCode::ACCEPTED);
    let told = stream.rest().await;
    assert!(messages(&told).last().unwrap()["result"].to_string().contains("a sample"), "{told}");
}

#[tokio::test]
async fn a_call_at_one_replica_is_cancelled_at_another() {
    let stage = Stage::start(2).await;
    let here = Session::begin(&stage.replicas.url_of(0)).await;
    let elsewhere = here.at(stage.replicas.url_of(1));
    let slow = here.call(7, "slow_compute", json!({"seconds": 600})).open().await;
    eventually("the call to reach the server", async || {
        let reached = |line: &Value| line["body"].to_string().contains("slow_compute");
        logged(&stage.log).iter().any(reached).then_some(())
    })
    .await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    assert_eq!(elsewhere.post(cancel).send().await.status, StatusCode::ACCEPTED);
    stage.cancelled("slow_compute").await;
    drop(slow);

    // In MCP 2026-07-28 who leaves has cancelled, through a balancer, too.
    let params = json!({"name": "test_streaming_elicitation", "arguments": {}});
    drop(knowing_tasks(&stage.replicas.url, "tools/call", params).open().await);
    assert!(stage.server.process.output().contains("ready"));
}

#[tokio::test]
async fn a_replica_that_ends_is_left_by_its_clients_without_an_error() {
    let mut stage = Stage::start(2).await;
    let session = Session::begin(&stage.replicas.url).await;
    for (number, id) in [(0, 1), (1, 2)] {
        let here = session.at(stage.replicas.url_of(number));
        let slow = here.call(100 + id, "slow_compute", json!({"seconds": 1})).open().await;
        let (code, answer) = tokio::join!(stage.replicas.terminate(number), slow.rest());
        assert_eq!(code, Some(0));
        assert_eq!(messages(&answer)[0]["result"]["content"][0]["text"], "Computed for 1 s");
        let next: Answer = session.call(id, "greet", json!({"name": "next"})).send().await;
        assert_eq!(stage.replicas.which(&next), 1 - number);
        stage.replicas.restart(number).await;
    }
}

/// Replicas behind which calls wait for people, with a token of alice's, and how often a tool was called.
struct Waiting {
    api: ApprovalServer,
    replicas: Replicas,
    token: String,
    log: PathBuf,
    _servers: [Server; 2],
}

impl Waiting {
    async fn start(count: usize) -> Self {
        let folder = folders();
        let (keys, log) = (folder.path().join("keys.json"), folder.path().join("requests.jsonl"));
        let provider = identity_provider(&keys, &[]).await;
        let server = fixture("both", "upstream-token-one", &log).await;
        let mut written = document(&server.url, 1);
        written["identity"] = json!({"oidc": [{
            "issuer": provider.url, "usernameClaim": "sub", "groupsClaim": "groups",
            "kubernetesUsernames": ["oidc:{sub}"], "insecureLoopback": true,
        }]});
        written["access"] = json!([{"users": ["alice"], "tools": ["*"]}]);
        written["approval"] = json!({
            "connectionUid": "uid-c", "connectionGeneration": 3,
            "gateway": "system:serviceaccount:test:lychgate-server",
            "policies": [{
                "namespace": "test", "name": "dba", "uid": "uid-p", "generation": 2, "groups": ["dba"],
                "approvals": 1, "requireReason": true, "requireDigest": false, "denyIsVeto": true,
                "expiresAfterMilliseconds": 600_000, "uses": 1, "validForMilliseconds": 300_000,
                "returnAtOnce": false, "waitMilliseconds": 3000, "maxPendingPerCaller": 5,
            }],
        });
        write_document(&folder, &written.to_string());
        let api = ApprovalServer::start().await;
        let flags = api.flags(folder.path());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let replicas = Replicas::start(folder, count, &flags).await;
        let (keys, resource) = (replicas.folder.path().join("keys.json"), "https://gateway.test/server/mcp");
        let token = minted(&keys, &provider.url, resource, "none", &["--subject", "alice"]).await;
        Self { api, replicas, token, log, _servers: [provider, server] }
    }

    /// A call as clients with sessions make it.
    fn call(&self, url: &str) -> Ask {
        Ask::post(url, tool_call("echo", &json!({"message": "hi"}))).token(&self.token)
    }

    fn made(&self) -> usize {
        logged(&self.log).iter().filter(|request| request["body"].to_string().contains("tools/call")).count()
    }
}

#[tokio::test]
async fn a_call_that_waited_at_a_replica_that_was_killed_is_repeated_at_another_and_made_once() {
    let mut stage = Waiting::start(3).await;
    let url = stage.replicas.url.clone();
    let mut held = stage.call(&stage.replicas.url_of(0)).open().await;
    held.until(":").await;
    stage.replicas.kill(0).await;
    drop(held);
    let mut again = stage.call(&stage.replicas.url_of(1)).open().await;
    again.until(":").await;
    assert_eq!(stage.api.all().len(), 1, "it has joined what waited");
    assert_eq!(stage.made(), 0);
    stage.api.approve();
    drop(again);
    let answer = stage.call(&url).send().await;
    assert_eq!(answer.message()["result"]["structuredContent"]["arguments"]["message"], "hi", "{answer:?}");
    assert_eq!(stage.made(), 1);

    // What was used is used for every replica: the next one asks anew.
    let mut another = stage.call(&stage.replicas.url_of(2)).open().await;
    another.until(":").await;
    assert_eq!(stage.api.all().len(), 2);
    assert_eq!(stage.made(), 1);
}

#[tokio::test]
async fn the_legs_of_a_call_that_waits_are_taken_by_whichever_replica_they_meet() {
    let stage = Waiting::start(3).await;
    let mut params = json!({"name": "echo", "arguments": {"message": "hi"}});
    let mut met = BTreeSet::new();
    for leg in 1..=3 {
        let ask = knowing_tasks(&stage.replicas.url, "tools/call", params.clone()).token(&stage.token);
        let told = ask.send().await;
        met.insert(stage.replicas.which(&told));
        let result = told.message()["result"].take();
        assert_eq!(result["resultType"], "input_required", "leg {leg}: {told:?}");
        params["requestState"] = result["requestState"].clone();
        assert_eq!(stage.api.all().len(), 1, "leg {leg} is of the same call");
    }
    assert_eq!(met.len(), 3);
    stage.api.approve();
    let ask = knowing_tasks(&stage.replicas.url, "tools/call", params).token(&stage.token);
    let answer = ask.send().await;
    assert_eq!(answer.message()["result"]["structuredContent"]["arguments"]["message"], "hi", "{answer:?}");
    assert_eq!(stage.made(), 1);
}
