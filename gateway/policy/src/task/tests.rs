//! Handles on the way up, ids on the way down, and who may ask about a task.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "values are written where they are passed")]

use serde_json::{Value, json};

use super::{Maker, Relayed, Relaying, Restored, Task, TaskFault, relay};
use crate::access::credentials;
use crate::call::{Call, Operation};
use crate::config::{Closed, Grant, ServerRequests};
use crate::decide::{Decision, decide};
use crate::denial::DenialReason;
use crate::mask::{Audience, Context, Known, mask};
use crate::server::{Screening, screen};
use crate::testing::{caller, config, message, policy, request};
use crate::{Policy, list};

const RELATED: &str = "io.modelcontextprotocol/related-task";

fn task(id: &str) -> Task {
    Task {
        id: id.into(),
        maker: Maker::Tool("query".into()),
        credential: None,
        restored: Restored::default(),
    }
}

/// The handle of a task is its id with `h:` before it; only alice's open.
fn open(handle: &str) -> Option<Task> {
    handle.strip_prefix("h:").map(task)
}

fn seal(task: &Task) -> Option<String> {
    (task.id != "long").then(|| format!("h:{}", task.id))
}

fn call(method: &str, params: &Value) -> Call {
    Call::opening(message(&request(method, &params.to_string())), open).unwrap()
}

fn sent(call: &Call) -> Value {
    serde_json::from_slice::<Value>(call.message().bytes()).unwrap()
}

/// The `_meta` of a client that knows of tasks.
fn modern() -> Value {
    let capabilities = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

#[test]
fn a_handle_goes_up_as_the_servers_id_and_what_is_no_handle_stays_and_is_unknown() {
    let meta = modern();
    let unknown = Operation::UnknownTask { is_declared: true };
    let answers = |id: &str| json!({"a": {"_meta": {RELATED: {"taskId": id}}, "action": "accept"}});
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let own = call(method, &json!({"taskId": "h:t", "inputResponses": answers("h:t"), "_meta": meta}));
        assert_eq!(*own.operation(), Operation::Task { task: task("t") }, "{method}");
        let expected = json!({"taskId": "t", "inputResponses": answers("t"), "_meta": meta});
        assert_eq!(sent(&own)["params"], expected, "{method}");
        let foreign = json!({"taskId": "t", "_meta": meta});
        let foreign_call = call(method, &foreign);
        assert_eq!(*foreign_call.operation(), unknown, "{method}");
        assert_eq!(sent(&foreign_call)["params"], foreign);
    }
    let listened = |ids: Value| call("subscriptions/listen", &json!({"notifications": {"taskIds": ids}}));
    let own = listened(json!(["h:a", "h:b"]));
    assert_eq!(*own.operation(), Operation::Listen { uris: vec![], tasks: vec![task("a"), task("b")] });
    assert_eq!(sent(&own)["params"]["notifications"]["taskIds"], json!(["a", "b"]));
    let mixed = listened(json!(["h:a", "b"]));
    assert_eq!(*mixed.operation(), unknown, "one that is not his is enough");
}

#[test]
fn what_belongs_to_a_task_that_is_not_the_callers_loses_the_mark_and_stays() {
    let answer = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"result":{{"_meta":{{"{RELATED}":{{"taskId":"{id}"}}}},"x":1}}}}"#
        )
    };
    let own = Call::opening(message(&answer("h:t")), open).unwrap();
    assert_eq!(*own.operation(), Operation::Answer);
    assert_eq!(sent(&own)["result"]["_meta"], json!({RELATED: {"taskId": "t"}}));
    let foreign = Call::opening(message(&answer("t")), open).unwrap();
    assert_eq!(sent(&foreign)["result"], json!({"_meta": {}, "x": 1}));
}

#[test]
fn tasks_of_clients_are_not_announced() {
    let params = json!({"capabilities": {"tasks": {"list": {}}, "roots": {}}});
    assert_eq!(sent(&call("initialize", &params))["params"], json!({"capabilities": {"roots": {}}}));
}

fn decided(policy: &Policy, username: &str, call: Call) -> Result<Vec<String>, DenialReason> {
    match decide(policy, &caller(username, &[]), call, &[], 0) {
        Decision::Allow(permit) => Ok(permit.credentials().to_vec()),
        Decision::Ask(_) => panic!("people are asked about a task"),
        Decision::Deny(denial) => Err(denial.reason()),
    }
}

fn grant(tools: &str, when: Option<&str>, credential: Option<&str>) -> Grant {
    Grant {
        users: vec!["alice".into()],
        tools: vec![tools.into()],
        when: when.map(str::to_owned),
        credential: credential.map(str::to_owned),
        ..Grant::default()
    }
}

#[test]
fn a_task_is_asked_about_by_the_rules_of_now_for_what_made_it() {
    let about_arguments = Some("args.table == 'public'");
    for (what, access, expected) in [
        ("the same", vec![grant("query", None, None)], Ok(())),
        ("taken away", vec![grant("other", None, None)], Err(DenialReason::NoGrant)),
        ("nothing left", vec![], Err(DenialReason::NoAccess)),
        ("what was decided of arguments stays", vec![grant("query", about_arguments, None)], Ok(())),
        (
            "what is asked of the caller is asked again",
            vec![grant("query", Some("caller.username == 'bob'"), None)],
            Err(DenialReason::NoGrant),
        ),
        ("the tool is known", vec![grant("*", Some("tool == 'query'"), None)], Ok(())),
        (
            "a condition without an answer denies",
            vec![grant("query", Some("now < timestamp(caller.username)"), None)],
            Err(DenialReason::ConditionError),
        ),
    ] {
        let policy = policy(|config| config.access.clone_from(&access));
        let params = json!({"taskId": "h:t"});
        let polled = decided(&policy, "alice", call("tasks/get", &params)).map(drop);
        assert_eq!(polled, expected, "{what}");
        let params = json!({"notifications": {"taskIds": ["h:t"]}});
        let listened = decided(&policy, "alice", call("subscriptions/listen", &params)).map(drop);
        assert_eq!(listened, expected, "{what}, listening");
    }
    let everything = policy(|_| {});
    let foreign = json!({"taskId": "t"});
    assert_eq!(decided(&everything, "alice", call("tasks/get", &foreign)), Err(DenialReason::UnknownTask));
    assert_eq!(decided(&everything, "bob", call("tasks/get", &foreign)), Err(DenialReason::NoAccess));
    let mut undeclared = json!({"taskId": "t", "_meta": modern()});
    undeclared["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let refused = decided(&everything, "alice", call("tasks/get", &undeclared));
    assert_eq!(refused, Err(DenialReason::TasksUndeclared));
    undeclared["taskId"] = json!("h:t");
    let relayed = decided(&everything, "alice", call("tasks/get", &undeclared));
    assert!(relayed.is_ok(), "of a task of his the server says so: {relayed:?}");
    assert_eq!(
        decided(&everything, "alice", call("tasks/list", &json!({}))),
        Err(DenialReason::UnknownMethod)
    );
}

#[test]
fn what_is_masked_on_the_way_to_a_task_is_still_about_that_task() {
    let known = [Known::new("caller", "a-token-of-the-caller")];
    let responses = json!({"a": {"action": "accept", "content": {"name": "a-token-of-the-caller"}}});
    let params = json!({"taskId": "h:t", "inputResponses": responses, "_meta": modern()});
    let (policy, alice) = (policy(|_| {}), caller("alice", &[]));
    let Decision::Allow(permit) = decide(&policy, &alice, call("tasks/update", &params), &known, 0) else {
        panic!("not allowed")
    };
    let sent: Value = serde_json::from_slice(permit.outbound()).unwrap();
    assert_eq!(sent["params"]["taskId"], "t");
    assert_eq!(sent["params"]["inputResponses"]["a"]["content"]["name"], "[REDACTED:credential]");
}

#[test]
fn approval_and_command_rules_have_decided_when_the_call_was_made() {
    let waits = policy(|config| {
        config.approval = Some(crate::testing::approval(vec![crate::testing::approval_policy("all")]));
    });
    assert!(decided(&waits, "alice", call("tasks/get", &json!({"taskId": "h:t"}))).is_ok());
}

#[test]
fn a_task_is_asked_about_with_the_credential_of_its_call_while_that_may_be_chosen() {
    let with = |chosen: Option<&str>, access: Vec<Grant>| {
        let policy = policy(|config| {
            let mut writer = config.credentials[0].clone();
            writer.name = "writer".into();
            let reader = crate::config::Credential { name: "reader".into(), ..writer.clone() };
            config.credentials = vec![reader, writer];
            config.access = access;
            // Both are alternatives, whoever may choose them.
            for name in ["reader", "writer"] {
                config.access.push(Grant { users: vec!["bob".into()], ..grant("x", None, Some(name)) });
            }
        });
        let task = Task { credential: chosen.map(str::to_owned), ..task("t") };
        let params = json!({"taskId": "h"}).to_string();
        let call = Call::opening(message(&request("tasks/get", &params)), |_| Some(task.clone())).unwrap();
        assert_eq!(credentials(&policy, None), Vec::<String>::new());
        decided(&policy, "alice", call).unwrap()
    };
    let both = || vec![grant("*", None, Some("reader")), grant("query", None, Some("writer"))];
    assert_eq!(with(Some("writer"), both()), ["writer"]);
    assert_eq!(with(Some("reader"), both()), ["reader"]);
    assert_eq!(with(None, both()), ["reader"], "as a call would be made now");
    assert_eq!(with(Some("writer"), vec![grant("*", None, Some("reader"))]), ["reader"], "taken away");
    let none = vec![grant("*", Some("args.x == 1"), Some("writer")), grant("query", None, None)];
    assert_eq!(with(None, none), Vec::<String>::new(), "none was chosen");
}

fn relayed(operation: Option<&Operation>, written: &Value) -> Result<Option<Value>, TaskFault> {
    let (policy, alice) = (policy(|_| {}), caller("alice", &[]));
    let relaying =
        Relaying { policy: &policy, caller: &alice, operation, credential: Some("c"), known: &[], now: 0 };
    let message = message(&written.to_string());
    Ok(match relay(&relaying, &message, seal)? {
        Relayed::Unchanged => Some(written.clone()),
        Relayed::Changed(bytes) | Relayed::About(bytes, _) => Some(serde_json::from_slice(&bytes).unwrap()),
        Relayed::Withheld => None,
    })
}

fn answer(result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": result})
}

#[test]
fn an_id_comes_down_as_a_handle_wherever_it_stands() {
    let tool = Operation::Tool { name: "query".into() };
    let about = Operation::Task { task: task("t") };
    let listen = Operation::Listen { uris: vec![], tasks: vec![task("t"), task("u")] };
    let mark = |id: &str| json!({RELATED: {"taskId": id}, "other": 1});
    let state = |id: &str| {
        json!({
            "taskId": id, "status": "input_required", "result": {"_meta": mark(id)},
            "inputRequests": {"a": {"method": "elicitation/create", "params": {"_meta": mark(id)}}},
        })
    };
    let notification =
        |method: &str, params: Value| json!({"jsonrpc": "2.0", "method": method, "params": params});
    for (what, operation, before, after) in [
        (
            "a call that made one",
            &tool,
            answer(json!({"resultType": "task", "taskId": "t", "status": "working"})),
            answer(json!({"resultType": "task", "taskId": "h:t", "status": "working"})),
        ),
        (
            "the same in 2025-11-25",
            &tool,
            answer(json!({"task": {"taskId": "t", "status": "working"}})),
            answer(json!({"task": {"taskId": "h:t", "status": "working"}})),
        ),
        ("how it does", &about, answer(state("t")), answer(state("h:t"))),
        ("its result", &about, answer(json!({"_meta": mark("t")})), answer(json!({"_meta": mark("h:t")}))),
        ("no task", &tool, answer(json!({"taskId": "t"})), answer(json!({"taskId": "t"}))),
        (
            "a mark of a task that nobody asked about",
            &tool,
            answer(json!({"_meta": mark("t")})),
            answer(json!({"_meta": {"other": 1}})),
        ),
        (
            "word of one",
            &listen,
            notification("notifications/tasks", state("u")),
            notification("notifications/tasks", state("h:u")),
        ),
        (
            "word of one in 2025-11-25",
            &about,
            notification("notifications/tasks/status", json!({"taskId": "t"})),
            notification("notifications/tasks/status", json!({"taskId": "h:t"})),
        ),
        (
            "what is listened to, but for those of others",
            &listen,
            notification(
                "notifications/subscriptions/acknowledged",
                json!({"notifications": {"taskIds": ["t", "x", "u"]}}),
            ),
            notification(
                "notifications/subscriptions/acknowledged",
                json!({"notifications": {"taskIds": ["h:t", "h:u"]}}),
            ),
        ),
    ] {
        assert_eq!(relayed(Some(operation), &before), Ok(Some(after)), "{what}");
    }
}

#[test]
fn a_task_that_cannot_be_given_a_handle_is_a_fault() {
    let tool = Operation::Tool { name: "query".into() };
    let about = Operation::Task { task: task("t") };
    let listing = Operation::Protocol { method: "ping".into() };
    let made = |id: Value| answer(json!({"resultType": "task", "taskId": id}));
    for (operation, written, expected) in [
        (Some(&tool), made(json!(7)), TaskFault::NoId),
        (Some(&tool), made(json!("long")), TaskFault::TooLong),
        (Some(&listing), made(json!("t")), TaskFault::Unexpected),
        (Some(&about), answer(json!({"taskId": "u", "status": "working"})), TaskFault::AnotherTask),
        (None, made(json!("t")), TaskFault::Unexpected),
        (None, answer(json!({"taskId": "t", "status": "working"})), TaskFault::Unexpected),
        (None, answer(json!({"task": {"taskId": "t"}})), TaskFault::Unexpected),
    ] {
        assert_eq!(relayed(operation, &written), Err(expected), "{written}");
    }
}

#[test]
fn word_of_a_task_reaches_who_asked_about_it_while_he_may() {
    let told =
        |id: &str| json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": {"taskId": id}});
    let listen = Operation::Listen { uris: vec![], tasks: vec![task("t")] };
    assert!(relayed(Some(&listen), &told("t")).unwrap().is_some());
    assert_eq!(relayed(Some(&listen), &told("x")), Ok(None), "another's");
    assert_eq!(relayed(None, &told("t")), Ok(None), "in a stream of nobody knows what");
    let (revoked, alice) =
        (policy(|config| config.access = vec![grant("other", None, None)]), caller("alice", &[]));
    let relaying = Relaying {
        policy: &revoked,
        caller: &alice,
        operation: Some(&listen),
        credential: None,
        known: &[],
        now: 0,
    };
    let withheld = relay(&relaying, &message(&told("t").to_string()), seal);
    assert!(matches!(withheld, Ok(Relayed::Withheld)), "the grant is gone");
}

#[test]
fn a_list_of_all_tasks_is_not_announced() {
    let initialize = Operation::Protocol { method: "initialize".into() };
    let before = answer(json!({"capabilities": {"tasks": {"list": {}, "cancel": {}}}}));
    let after = answer(json!({"capabilities": {"tasks": {"cancel": {}}}}));
    assert_eq!(relayed(Some(&initialize), &before), Ok(Some(after)));
}

#[test]
fn what_comes_of_a_task_is_masked_by_the_rules_for_its_tool() {
    let mut config = config();
    config.masking = serde_json::from_value(json!([{
        "name": "agents/people", "directions": ["Response", "Request"], "match": {"tools": ["query"]},
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
    }]))
    .unwrap();
    let (policy, alice) = (crate::compile(config).unwrap(), caller("alice", &[]));
    let masked = |operation: &Operation, written: &Value, direction| {
        let audience = match direction {
            crate::config::Direction::Request => Audience::Upstream(&alice),
            crate::config::Direction::Response => Audience::Caller(&alice),
        };
        let context =
            Context { audience, direction, operation: Some(operation), known: &[], tokens: None, now: 0 };
        let masked = mask(policy.masking(), &context, &message(&written.to_string()));
        serde_json::from_slice::<Value>(masked.bytes()).unwrap()
    };
    let state = |text: &str| {
        json!({
            "taskId": "t", "status": "completed", "ttlMs": 300_000, "pollIntervalMs": 100,
            "createdAt": "2026-01-01T00:00:00Z",
            "result": {"content": [{"type": "text", "text": text}], "nextCursor": "a@example.com"},
            "inputRequests": {"a@example.com": {"method": "elicitation/create", "params": {"message": text}}},
        })
    };
    let of = |tool: &str| Operation::Task { task: Task { maker: Maker::Tool(tool.into()), ..task("t") } };
    let response = crate::config::Direction::Response;
    let (mail, mask) = ("a@example.com", "[REDACTED:Email]");
    assert_eq!(masked(&of("query"), &answer(state(mail)), response), answer(state(mask)));
    assert_eq!(masked(&of("other"), &answer(state(mail)), response), answer(state(mail)));
    let told = |text: &str| json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": state(text)});
    assert_eq!(masked(&of("query"), &told(mail), response), told(mask));
    let update = |text: &str| {
        let responses = json!({"a@example.com": {"action": "accept", "content": {"name": text}}});
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "tasks/update",
            "params": {"taskId": "t", "inputResponses": responses},
        })
    };
    assert_eq!(masked(&of("query"), &update(mail), crate::config::Direction::Request), update(mask));
}

#[test]
fn what_a_task_asks_of_the_client_is_allowed_as_if_it_were_asked_alone() {
    let asking = |state: &Value| {
        let told = json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": state});
        [answer(state.clone()), told].map(|written| message(&written.to_string()))
    };
    let elicits = json!({"inputRequests": {"a": {"method": "elicitation/create"}}});
    let within = json!({"result": {"inputRequests": {"a": {"method": "elicitation/create"}}}});
    let visits = json!({"error": {"code": -32_042, "message": "visit"}});
    let quiet = json!({"status": "completed", "result": {"content": []}, "error": {"code": -32_603}});
    for (state, asks) in [(elicits, true), (within, true), (visits, true), (quiet, false)] {
        for message in asking(&state) {
            let refused = if asks { Screening::Refuse } else { Screening::Relay };
            assert_eq!(screen(&policy(|_| {}), &message), refused, "{state}");
            let allowing = policy(|config| {
                config.server_requests = ServerRequests { elicitation: true, ..ServerRequests::default() };
            });
            assert_eq!(screen(&allowing, &message), Screening::Relay, "{state}");
            let closed = policy(|config| config.closed = Some(Closed::Suspended));
            assert_eq!(screen(&closed, &message), Screening::Refuse, "{state}, closed");
        }
    }
}

#[test]
fn how_long_a_task_lives_is_no_time_to_cache_it() {
    let (policy, alice) = (policy(|_| {}), caller("alice", &[]));
    let filtered = |operation: &Operation, result: Value| {
        let message = message(&answer(result).to_string());
        let bytes = list::filter(&policy, &alice, Some(operation), &message, 0).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["result"]["ttlMs"].clone()
    };
    let tool = Operation::Tool { name: "query".into() };
    let about = Operation::Task { task: task("t") };
    assert_eq!(filtered(&tool, json!({"resultType": "task", "taskId": "t", "ttlMs": 300_000})), 300_000);
    assert_eq!(filtered(&about, json!({"taskId": "t", "ttlMs": 300_000})), 300_000);
    assert_eq!(filtered(&tool, json!({"resultType": "complete", "ttlMs": 300_000})), 60_000);
}
