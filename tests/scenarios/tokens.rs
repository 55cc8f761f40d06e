//! Tokens in the place of values: an agent hands one from tool to tool, the server gets the value, and nobody between sees
//! it; in both eras, at every replica, and under keys that are replaced.

use std::path::PathBuf;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::support::counterparts::{Server, logged, many_sided};
use crate::support::dev::Dev;
use crate::support::eventually;
use crate::support::gateway::{document, folders, write_document};
use crate::support::http::{Answer, Ask, knowing_tasks};
use crate::support::manifests::Manifests;
use crate::support::process::lychgate;
use crate::support::replicas::{Replicas, Session};

/// A salary, which no detector knows.
const SALARY: &str = "90000-EUR";
const ACCESS: &str = r#"[{users: [alice, bob], tools: ["*"], resources: ["*"], prompts: ["*"]}]"#;
const SERVER_REQUESTS: &str = "serverRequests: {elicitation: true}";

/// What is called `id` in data, and e-mail addresses, are tokens on both connections. Calls of `test_header_mirror` wait for
/// one of the group strangers.
const RULES: &str = r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: tokens, namespace: test}
spec:
  targetRefs: [{kind: McpGateway, name: gateway}]
  detectors:
  - {type: Email, action: {tokenize: {}}}
  fields:
  - {keys: [id], action: {tokenize: {}}}
---
apiVersion: lychgate.dev/v1alpha1
kind: ApprovalPolicy
metadata: {name: strangers, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  match: {tools: [test_header_mirror]}
  approvers: {groups: [strangers]}
  wait: {for: 20s}
"#;

/// A second connection to the same server.
fn other(upstream: &str) -> String {
    format!(
        r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {{name: other, namespace: test}}
spec:
  gatewayRef: {{name: gateway}}
  upstream: {{url: "{upstream}", insecurePlaintext: true}}
  access: {ACCESS}
"#
    )
}

struct Stage {
    dev: Dev,
    log: PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl");
        let server = many_sided(&log).await;
        let more = format!("{RULES}{}", other(&server.url));
        let manifests = Manifests {
            upstream: &server.url,
            access: ACCESS,
            connection: SERVER_REQUESTS,
            more: &more,
            ..Manifests::default()
        };
        Self { dev: Dev::start(&manifests.to_yaml()).await, log, _server: server, _folder: folder }
    }

    /// A caller who speaks MCP 2026-07-28, at a connection.
    fn modern(&self, user: &str, connection: &str) -> Caller {
        let url = self.dev.url.replace("/server/", &format!("/{connection}/"));
        Caller { url, token: self.dev.token(user), session: None }
    }

    /// A caller in a session of his own.
    async fn legacy(&self, user: &str) -> Caller {
        let url = self.dev.url.clone();
        let token = self.dev.token(user);
        let params = json!({
            "protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"},
            "capabilities": {"elicitation": {}},
        });
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let begun = Ask::post(&url, initialize.to_string()).token(&token).send().await;
        let session = Some(begun.header("mcp-session-id").unwrap().to_owned());
        Caller { url, token, session }
    }

    /// The calls of tools that reached the server.
    fn calls(&self) -> Vec<String> {
        let bodies =
            logged(&self.log).into_iter().filter_map(|line| line["body"].as_str().map(str::to_owned));
        bodies.filter(|body| body.contains("tools/call")).collect()
    }

    /// What the record has of calls of a tool: requests, and what came back.
    fn recorded(&self, tool: &str) -> Vec<String> {
        let entries = self.dev.entries();
        let is_request = |entry: &&Value| entry["kind"] == "Request" && entry["target"] == tool;
        let calls: Vec<&Value> = entries.iter().filter(is_request).map(|entry| &entry["call"]).collect();
        entries.iter().filter(|entry| calls.contains(&&entry["call"])).map(Value::to_string).collect()
    }
}

struct Caller {
    url: String,
    token: String,
    session: Option<String>,
}

impl Caller {
    fn ask(&self, method: &str, params: Value) -> Ask {
        let ask = match &self.session {
            None => {
                let uri = params["uri"].as_str().map(str::to_owned);
                let ask = knowing_tasks(&self.url, method, params);
                match uri {
                    Some(uri) => ask.header("mcp-name", &uri),
                    None => ask,
                }
            }
            Some(session) => {
                let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
                Ask::post(&self.url, message.to_string())
                    .header("mcp-session-id", session)
                    .header("mcp-protocol-version", "2025-11-25")
            }
        };
        ask.token(&self.token)
    }

    async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments})).send().await
    }

    async fn greet(&self, name: &str) -> String {
        text(&self.call("greet", json!({"name": name})).await)
    }

    /// What stands for a value in this session.
    async fn token_of(&self, value: &str) -> String {
        let uri = format!("test://template/{value}/data");
        let read = self.ask("resources/read", json!({"uri": uri})).send().await.message();
        let text = read["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{read}"));
        let data: Value = serde_json::from_str(text).unwrap();
        let token = data["id"].as_str().unwrap().to_owned();
        assert!(token.starts_with("[TOKEN:") && token.ends_with(']'), "{token}");
        token
    }
}

/// The text of a result.
fn text(answer: &Answer) -> String {
    let message = answer.message();
    message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[tokio::test]
async fn an_agent_hands_a_token_on_the_server_gets_the_value_and_nobody_between_sees_it_in_either_era() {
    let stage = Stage::start().await;
    for caller in [stage.legacy("alice").await, stage.modern("alice", "server")] {
        let token = caller.token_of(SALARY).await;
        assert_eq!(caller.token_of(SALARY).await, token, "equal values have equal tokens");
        let before = stage.calls().len();
        assert_eq!(caller.greet(&token).await, format!("Hello, {token}!"), "no rule finds it here");
        let nested = |name: &str| json!({"rows": [{"name": name}]}).to_string();
        for (written, sent) in
            [(format!("you with {token}"), format!("you with {SALARY}")), (nested(&token), nested(SALARY))]
        {
            assert_eq!(caller.greet(&written).await, format!("Hello, {written}!"));
            let reached = stage.calls();
            let body: Value = serde_json::from_str(reached.last().unwrap()).unwrap();
            assert_eq!(body["params"]["arguments"]["name"], sent, "{body}");
        }
        assert_eq!(stage.calls().len(), before + 3);

        let uri = format!("test://template/{token}/data");
        let read = caller.ask("resources/read", json!({"uri": uri})).send().await;
        assert_eq!(read.message()["result"]["contents"][0]["uri"], uri, "{}", read.text);
        assert!(read.text.contains("Data for ID: [TOKEN:") && !read.text.contains(SALARY), "{}", read.text);
        let prompt = json!({"name": "test_prompt_with_arguments", "arguments": {"arg1": token, "arg2": "b"}});
        let prompt = caller.ask("prompts/get", prompt).send().await;
        assert!(prompt.text.contains(&format!("arg1='{token}'")), "{}", prompt.text);
    }
    let recorded = stage.recorded("greet");
    assert!(recorded.len() >= 12 && recorded.iter().any(|entry| entry.contains("[TOKEN:")));
    assert!(recorded.iter().all(|entry| !entry.contains(SALARY)), "{recorded:?}");
    let restored = stage.recorded("greet").iter().filter(|entry| entry.contains(r#""restored":1"#)).count();
    assert_eq!(restored, 6, "what came back is counted: {recorded:?}");
    assert_eq!(stage.dev.verify().await.code, 0);
}

#[tokio::test]
async fn a_token_is_refused_to_everybody_else_everywhere_else_and_when_it_is_not_whole() {
    let stage = Stage::start().await;
    let (own, again) = (stage.legacy("alice").await, stage.legacy("alice").await);
    let modern = stage.modern("alice", "server");
    let (token, stateless) = (own.token_of(SALARY).await, modern.token_of(SALARY).await);
    assert_ne!(token, stateless);
    let before = stage.calls().len();
    let others = [
        ("another session", &again, &token),
        ("without a session", &modern, &token),
        ("in a session", &own, &stateless),
        ("another caller", &stage.legacy("bob").await, &token),
        ("another caller", &stage.modern("bob", "server"), &stateless),
        ("another connection", &stage.modern("alice", "other"), &stateless),
    ];
    let expected = "Not sent: params.arguments.name holds a [TOKEN:…] that stands for no value here";
    for (what, caller, token) in others {
        let refused = caller.call("greet", json!({"name": format!("a {token}")})).await;
        assert_eq!(refused.message()["result"]["isError"], true, "{what}: {}", refused.text);
        assert!(text(&refused).starts_with(expected), "{what}: {}", refused.text);
    }
    let forged = format!("{}A]", &token[..token.len() - 2]);
    for forged in [&forged, &token[..token.len() - 1], "[TOKEN:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]"]
    {
        assert!(own.greet(forged).await.starts_with(expected), "{forged}");
    }
    let named = text(&own.call("greet", json!({"name": "a", &token: 1})).await);
    assert!(named.starts_with("Not sent: a name in params.arguments"), "{named}");
    let read =
        own.ask("resources/read", json!({"uri": format!("test://template/{stateless}/data")})).send().await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, -31_400), "{}", read.text);
    assert!(read.text.contains("params.uri holds"), "{}", read.text);
    assert_eq!(stage.calls().len(), before, "the server heard of nothing");
    let denied =
        stage.dev.entries().iter().filter(|entry| entry["decision"]["reason"] == "UnknownToken").count();
    assert_eq!(denied, 11);
    assert_eq!(own.greet(&token).await, format!("Hello, {token}!"), "it is still good where it belongs");
}

#[tokio::test]
async fn answers_to_questions_and_what_becomes_a_task_are_given_values_and_show_none() {
    let stage = Stage::start().await;
    let modern = stage.modern("alice", "server");
    let token = modern.token_of(SALARY).await;
    let given = json!({"user_name": {"action": "accept", "content": {"name": token}}});
    let ask = async |tool: &str| {
        let first = modern.call(tool, json!({})).await.message()["result"].take();
        let params = json!({
            "name": tool, "arguments": {}, "inputResponses": given, "requestState": first["requestState"],
        });
        modern.ask("tools/call", params).send().await
    };
    let answered = ask("test_input_required_result_elicitation").await;
    assert!(text(&answered).contains(&token) && !answered.text.contains(SALARY), "{}", answered.text);
    assert!(stage.calls().last().unwrap().contains(SALARY));

    let begun = ask("test_tool_with_task").await.message();
    let handle = begun["result"]["taskId"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
    let done = eventually("the task to be done", async || {
        let told = modern.ask("tasks/get", json!({"taskId": handle})).send().await;
        assert_eq!(told.message()["result"]["taskId"], handle, "{}", told.text);
        (told.message()["result"]["status"] == "completed").then_some(told)
    })
    .await;
    assert!(done.text.contains(&token) && !done.text.contains(SALARY), "{}", done.text);

    let legacy = stage.legacy("alice").await;
    let mail = legacy.greet("ada@example.com").await;
    let token = mail.strip_prefix("Hello, ").unwrap().strip_suffix('!').unwrap();
    let mut stream = legacy
        .ask("tools/call", json!({"name": "test_elicitation", "arguments": {"message": "Who?"}}))
        .open()
        .await;
    let asked = stream.until("elicitation/create").await;
    let question = asked
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .find(|line| line.contains("elicitation/create"));
    let question: Value = serde_json::from_str(question.unwrap()).unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"response": token}}});
    let session = legacy.session.as_deref().unwrap();
    let posted =
        Ask::post(&legacy.url, answer.to_string()).token(&legacy.token).header("mcp-session-id", session);
    assert_eq!(posted.header("mcp-protocol-version", "2025-11-25").send().await.status, StatusCode::ACCEPTED);
    let told = stream.rest().await;
    assert!(told.contains(token) && !told.contains("ada@example.com"), "{told}");
    let reached = logged(&stage.log);
    assert!(reached.iter().any(|line| {
        line["body"].as_str().is_some_and(|body| body.contains(r#""response":"ada@example.com""#))
    }));
}

#[tokio::test]
async fn people_decide_on_the_token_and_the_server_gets_the_value_with_the_headers_that_repeat_it() {
    let stage = Stage::start().await;
    let caller = stage.modern("alice", "server");
    let token = caller.token_of(SALARY).await;
    let call = || {
        let params = json!({"name": "test_header_mirror", "arguments": {"region": token}});
        caller.ask("tools/call", params).header("mcp-param-region", &token).send()
    };
    let state = stage.dev.folder.path().join("state");
    let state = format!("--dev={}", state.to_str().unwrap());
    let approvals =
        async |arguments: &[&str]| lychgate(&[&["approvals"], arguments, &[&state]].concat(), "").await;
    let waits = tokio::spawn(call());
    let name = eventually("an Approval that waits", async || {
        let listed = approvals(&["list"]).await.output;
        let line = listed.lines().find(|line| line.contains(" Pending "))?.to_owned();
        line.split(' ').next().map(str::to_owned)
    })
    .await;
    let shown = approvals(&["show", &name]).await.output;
    assert!(shown.contains(&token) && !shown.contains(SALARY), "{shown}");
    let voted = approvals(&["approve", &name, "--as", "mallory", "--reason", "INC-42"]).await;
    assert_eq!(voted.code, 0, "{}", voted.errors);
    let answer = waits.await.unwrap();
    assert_eq!(text(&answer), format!("The region is \"{token}\""), "{}", answer.text);
    let reached =
        logged(&stage.log).into_iter().rfind(|line| line["body"].to_string().contains("test_header_mirror"));
    let reached = reached.unwrap();
    assert_eq!(reached["headers"]["mcp-param-region"], SALARY);
    let recorded = stage.recorded("test_header_mirror");
    assert!(recorded.iter().any(|entry| entry.contains(&token)));
    assert!(recorded.iter().all(|entry| !entry.contains(SALARY)), "{recorded:?}");
}

/// What `greet` says of a name at a replica, in a session or without one.
async fn greeted(session: Option<&Session>, replicas: &Replicas, number: usize, name: &str) -> String {
    let arguments = json!({"name": name});
    let url = replicas.url_of(number);
    let answer = match session {
        Some(session) => session.at(url).call(1, "greet", arguments).send().await,
        None => {
            knowing_tasks(&url, "tools/call", json!({"name": "greet", "arguments": arguments})).send().await
        }
    };
    text(&answer)
}

#[tokio::test]
async fn any_replica_turns_a_token_back_also_under_the_next_key_until_the_old_one_is_gone() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let mut written = document(&server.url, 1);
    let rule = json!({
        "name": "tokens", "directions": ["Response"],
        "detectors": [{"type": "Email", "action": {"tokenize": {}}}],
    });
    written["masking"] = json!([rule]);
    write_document(&folder, &written.to_string());
    let mut replicas = Replicas::start(folder, 2, &[]).await;
    let session = Session::begin(&replicas.url_of(0)).await;
    let hello = |name: &str| format!("Hello, {name}!");
    let token_of = async |session: Option<&Session>, replicas: &Replicas| {
        let said = greeted(session, replicas, 0, "ada@example.com").await;
        said.strip_prefix("Hello, ").unwrap().strip_suffix('!').unwrap().to_owned()
    };
    let own = token_of(Some(&session), &replicas).await;
    let stateless = token_of(None, &replicas).await;
    assert_ne!(own, stateless);
    for number in 0..2 {
        assert_eq!(greeted(Some(&session), &replicas, number, &own).await, hello(&own));
        assert_eq!(greeted(None, &replicas, number, &stateless).await, hello(&stateless));
    }
    let keys = replicas.folder.path().join("keys");
    for (file, key) in [("names", 1), ("session", 7), ("session.previous", 1)] {
        std::fs::write(keys.join(file), [key; 32]).unwrap();
    }
    for number in 0..2 {
        replicas.kill(number).await;
        replicas.restart(number).await;
        let back = greeted(Some(&session), &replicas, number, &own).await;
        assert!(
            back.starts_with("Hello, [TOKEN:") && back != hello(&own),
            "it comes back under the new key: {back}"
        );
        assert!(greeted(None, &replicas, number, &stateless).await.starts_with("Hello, [TOKEN:"));
    }
    let reached = logged(&log).into_iter().filter_map(|line| line["body"].as_str().map(str::to_owned));
    let reached: Vec<String> = reached.filter(|body| body.contains("greet")).collect();
    assert_eq!(reached.len(), 10);
    assert!(
        reached.iter().all(|body| body.contains("ada@example.com") && !body.contains("TOKEN")),
        "{reached:?}"
    );

    std::fs::remove_file(keys.join("session.previous")).unwrap();
    replicas.kill(0).await;
    replicas.restart(0).await;
    let refused = greeted(None, &replicas, 0, &stateless).await;
    assert!(refused.starts_with("Not sent: params.arguments.name holds a [TOKEN:…]"), "{refused}");
    assert_eq!(replicas.verify().await.code, 0);
}
