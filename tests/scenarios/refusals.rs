//! Requests that no client should send: each with its exact HTTP status and JSON-RPC code, each recorded, none
//! of them seen by the server.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::counterparts::{fixture, logged};
use crate::support::dev::Dev;
use crate::support::http::{Ask, tool_call};
use crate::support::manifests::Manifests;

/// A request with the answer that it must get.
struct Case {
    what: &'static str,
    ask: Ask,
    status: StatusCode,
    code: i64,
    reason: &'static str,
}

fn case(what: &'static str, ask: Ask, status: u16, code: i64, reason: &'static str) -> Case {
    Case { what, ask, status: StatusCode::from_u16(status).unwrap(), code, reason }
}

fn transport_cases(url: &str, alice: &str) -> Vec<Case> {
    let call = || Ask::post(url, tool_call("echo", &json!({}))).token(alice);
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let root = format!("http://{host}");
    vec![
        case("another path", Ask::post(&format!("{root}/other/mcp"), "{}"), 404, -31_404, "NoConnection"),
        case("the root", Ask::get(&root), 404, -31_404, "NoConnection"),
        case("a longer path", Ask::post(&format!("{url}/x"), "{}"), 404, -31_404, "NoConnection"),
        case("another host", call().header("host", "evil.example"), 403, -31_403, "HostRefused"),
        case(
            "another origin",
            call().header("origin", "https://evil.example"),
            403,
            -31_403,
            "OriginRefused",
        ),
        case("the null origin", call().header("origin", "null"), 403, -31_403, "OriginRefused"),
        case("PUT", call().method(Method::PUT), 405, -31_405, "MethodNotAllowed"),
        case("OPTIONS", call().method(Method::OPTIONS), 405, -31_405, "MethodNotAllowed"),
        case("text", call().header("content-type", "text/plain"), 415, -31_415, "UnsupportedMediaType"),
        case("two types", call().also("content-type", "text/plain"), 415, -31_415, "UnsupportedMediaType"),
        case("images only", call().header("accept", "image/png"), 406, -31_406, "NotAcceptable"),
        case(
            "a stream as JSON",
            Ask::get(url).token(alice).header("accept", "application/json"),
            406,
            -31_406,
            "NotAcceptable",
        ),
        case(
            "a token in the URL",
            Ask::post(&format!("{url}?access_token={alice}"), tool_call("echo", &json!({}))),
            400,
            -31_400,
            "TokenInQuery",
        ),
        case("no token", Ask::post(url, "{}"), 401, -31_401, "MissingToken"),
        case(
            "basic",
            Ask::post(url, "{}").header("authorization", "Basic eA=="),
            400,
            -31_400,
            "MalformedHeader",
        ),
        case(
            "two tokens",
            Ask::post(url, "{}").token(alice).also("authorization", "Bearer x"),
            400,
            -31_400,
            "MalformedHeader",
        ),
        case("a short token", Ask::post(url, "{}").token("abc"), 401, -31_401, "MalformedToken"),
        case("a huge token", Ask::post(url, "{}").token(&"a".repeat(20_000)), 401, -31_401, "MalformedToken"),
        case("a foreign session", call().header("mcp-session-id", "abc"), 404, -31_404, "SessionUnknown"),
        case(
            "an unknown revision",
            call().header("mcp-protocol-version", "2020-01-01"),
            400,
            -31_400,
            "RevisionUnsupported",
        ),
    ]
}

fn message_cases(url: &str, alice: &str) -> Vec<Case> {
    let post = |body: &str| Ask::post(url, body.to_owned()).token(alice);
    let malformed = |what, body: &str, code| case(what, post(body), 400, code, "MessageMalformed");
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}1{}}}"#,
        "[".repeat(99),
        "]".repeat(99)
    );
    vec![
        malformed("nothing", "", -32_700),
        malformed("half a message", r#"{"jsonrpc":"2.0","id":1"#, -32_700),
        malformed("two messages", r#"{"jsonrpc":"2.0","method":"a"}{}"#, -32_700),
        malformed("a byte order mark", "\u{feff}{}", -32_700),
        malformed("a member twice", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#, -32_700),
        malformed(
            "an argument twice, once escaped",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\u0061me":"leak"}}"#,
            -32_700,
        ),
        malformed("a lone surrogate", r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, -32_700),
        malformed("too deep", &deep, -32_700),
        malformed("a batch", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32_600),
        malformed("a number", "7", -32_600),
        malformed("no version", r#"{"id":1,"method":"ping"}"#, -32_600),
        malformed("a fraction as id", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32_600),
        malformed("params in a list", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32_600),
        case(
            "a call of nothing",
            post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#),
            200,
            -32_602,
            "TargetMissing",
        ),
        case("too large", post(&"x".repeat(70_000)), 413, -31_413, "MessageTooLarge"),
    ]
}

fn denied_cases(url: &str, alice: &str, bob: &str, mallory: &str) -> Vec<Case> {
    let ask = |token: &str, method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Ask::post(url, message.to_string()).token(token)
    };
    let modern = |method: &str, header: &str| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        ask(bob, method, json!({"_meta": meta}))
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", header)
    };
    vec![
        case("no grant at all", ask(mallory, "tools/list", json!({})), 403, -31_403, "NoAccess"),
        case("no grant, even to begin", ask(mallory, "initialize", json!({})), 403, -31_403, "NoAccess"),
        case("another's tool", ask(bob, "tools/call", json!({"name": "leak"})), 200, -32_602, "NoGrant"),
        case("a tool that is not", ask(bob, "tools/call", json!({"name": "nope"})), 200, -32_602, "NoGrant"),
        case(
            "a resource",
            ask(bob, "resources/read", json!({"uri": "fixture://customers/1"})),
            200,
            -32_002,
            "NoGrant",
        ),
        case("a prompt", ask(bob, "prompts/get", json!({"name": "summarize"})), 200, -32_602, "NoGrant"),
        case("a task", ask(alice, "tasks/get", json!({"taskId": "t"})), 200, -32_602, "UnknownTask"),
        case("a task's end", ask(alice, "tasks/cancel", json!({"taskId": "t"})), 200, -32_602, "UnknownTask"),
        case("a task without an id", ask(alice, "tasks/result", json!({})), 200, -32_602, "TargetMissing"),
        case("an unknown method", ask(alice, "tasks/list", json!({})), 200, -32_601, "UnknownMethod"),
        case("an unknown modern method", modern("tasks/list", "tasks/list"), 404, -32_601, "UnknownMethod"),
        case(
            "a modern revision to come",
            modern("ping", "ping").header("mcp-protocol-version", "2099-01-01"),
            400,
            -32_020,
            "HeaderMismatch",
        ),
        case(
            "a modern answer",
            Ask::post(url, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
                .token(alice)
                .header("mcp-protocol-version", "2026-07-28"),
            400,
            -32_600,
            "UnaskedAnswer",
        ),
        case("headers that disagree", modern("tools/list", "tools/call"), 400, -32_020, "HeaderMismatch"),
        case(
            "an answer that nobody asked for",
            Ask::post(url, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).token(alice),
            400,
            -32_602,
            "NoGrant",
        ),
    ]
}

/// Texts that are no JSON to some reader, or another one to another.
fn text_cases(url: &str, alice: &str) -> Vec<Case> {
    let malformed =
        |what, body: Vec<u8>| case(what, Ask::post(url, body).token(alice), 400, -32_700, "MessageMalformed");
    let text = |what, body: &str| malformed(what, body.as_bytes().to_vec());
    let argued = |what, arguments: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
        );
        malformed(what, body.into_bytes())
    };
    let utf16 =
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let overlong = [br#"{"jsonrpc":"2.0","id":1,"method":"ping","x":""#.as_slice(), b"\xc0\xaf\"}"].concat();
    vec![
        malformed("UTF-16", utf16),
        malformed("a character in more bytes than it needs", overlong),
        text(
            "two messages on two lines",
            "{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"b\"}",
        ),
        text("a message and a NUL", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\0"),
        text("an id twice", r#"{"jsonrpc":"2.0","id":1,"method":"ping","id":2}"#),
        text(
            "params twice, once escaped",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"p\u0061rams":{}}"#,
        ),
        text("a version twice", r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#),
        text("a comment", r#"{"jsonrpc":"2.0",/* hi */"id":1,"method":"ping"}"#),
        text("single quotes", r"{'jsonrpc':'2.0','id':1,'method':'ping'}"),
        text("names without quotes", r#"{jsonrpc:"2.0",id:1,method:"ping"}"#),
        argued("an argument twice", r#"{"sql":"SELECT 1","sql":"DROP TABLE t"}"#),
        argued("an argument twice, deep in a list", r#"{"a":[[{"b":{"c":1,"c":2}}]]}"#),
        argued("an argument twice, once with a surrogate pair", r#"{"\ud83d\ude00":1,"😀":2}"#),
        argued("half a surrogate pair", r#"{"a":"\ud83d"}"#),
        argued("the halves of a pair the wrong way round", r#"{"a":"\ude00\ud83d"}"#),
        argued("half a pair in a name", r#"{"\udc00":1}"#),
        argued("a comma at the end", r#"{"a":1,}"#),
        argued("a number with a zero before", r#"{"a":007}"#),
        argued("a number with a plus", r#"{"a":+1}"#),
        argued("a number that ends in a point", r#"{"a":1.}"#),
        argued("a number in hexadecimal digits", r#"{"a":0x1f}"#),
        argued("no number", r#"{"a":NaN}"#),
        argued("a number without an end", r#"{"a":Infinity}"#),
        argued("an escape that is none", r#"{"a":"\x41"}"#),
        argued("half an escape", r#"{"a":"\u00"}"#),
        argued("a line end in a text", "{\"a\":\"b\nc\"}"),
        argued("a NUL in a text", "{\"a\":\"b\0c\"}"),
        argued("deep objects", &format!("{}1{}", r#"{"a":"#.repeat(70), "}".repeat(70))),
    ]
}

/// JSON that is no message.
fn form_cases(url: &str, alice: &str) -> Vec<Case> {
    let malformed = |what, body: &str| {
        case(what, Ask::post(url, body.to_owned()).token(alice), 400, -32_600, "MessageMalformed")
    };
    vec![
        malformed("an empty list", "[]"),
        malformed("null", "null"),
        malformed("a text", r#""ping""#),
        malformed("an empty object", "{}"),
        malformed("another version", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#),
        malformed("a version that is a number", r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#),
        malformed("a method that is a number", r#"{"jsonrpc":"2.0","id":1,"method":7}"#),
        malformed("an id that is null", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#),
        malformed("an id that is true", r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#),
        malformed("an id that is an object", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#),
        malformed("a huge id", r#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#),
        malformed(
            "a result and an error",
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}"#,
        ),
        malformed("a method and a result", r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#),
        malformed(
            "a batch after its revision",
            r#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#,
        ),
        malformed("params that are a text", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"{}"}"#),
    ]
}

/// Streams that nobody may resume.
fn resumed_cases(url: &str, alice: &str) -> Vec<Case> {
    let resume = |event: &str| {
        Ask::get(url).token(alice).header("accept", "text/event-stream").header("last-event-id", event)
    };
    let refused = |what, ask| case(what, ask, 400, -31_400, "EventUnknown");
    vec![
        refused("an event of nobody", resume("call-0/0")),
        refused("an empty event", resume("")),
        refused("two events", resume("a").also("last-event-id", "b")),
        refused("a huge event", resume(&"A".repeat(8_000))),
    ]
}

/// What MCP 2026-07-28 does not have, or asks for in its headers.
fn modern_cases(url: &str, alice: &str) -> Vec<Case> {
    let ask = |method: &str, params: &str, version: &str| {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":{version}}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{meta}}}}}"#);
        Ask::post(url, body)
            .token(alice)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
    };
    let now = r#""2026-07-28""#;
    let removed = |method: &'static str| {
        case(method, ask(method, r#""uri":"a:1","#, now), 404, -32_601, "UnknownMethod")
    };
    let mismatch = |what, ask| case(what, ask, 400, -32_020, "HeaderMismatch");
    let echo = || ask("tools/call", r#""name":"echo","#, now);
    let nobodys = ask("tasks/get", r#""taskId":"t","#, now).header("mcp-name", "t");
    let task_of_nobody =
        case("a task, and nothing declared of tasks", nobodys, 400, -32_021, "TasksUndeclared");
    let listened = ask("subscriptions/listen", r#""notifications":{"taskIds":["t"]},"#, now);
    let listened = case("to listen for a task likewise", listened, 400, -32_021, "TasksUndeclared");
    vec![
        removed("initialize"),
        removed("ping"),
        removed("logging/setLevel"),
        removed("resources/subscribe"),
        removed("resources/unsubscribe"),
        removed("tasks/list"),
        removed("tasks/result"),
        task_of_nobody,
        listened,
        mismatch("a call without its name", echo()),
        mismatch("a call by another name", echo().header("mcp-name", "leak")),
        mismatch("a call by two names", echo().header("mcp-name", "echo").also("mcp-name", "leak")),
        mismatch("a name in broken base64", echo().header("mcp-name", "=?base64?ZWNobw?=")),
        mismatch("a method in base64", echo().header("mcp-method", "=?base64?dG9vbHMvY2FsbA==?=")),
        mismatch("a method in capitals", ask("tools/list", "", now).header("mcp-method", "TOOLS/LIST")),
        mismatch(
            "an older revision beside",
            ask("tools/list", "", now).header("mcp-protocol-version", "2025-11-25"),
        ),
        mismatch("two revisions", ask("tools/list", "", now).also("mcp-protocol-version", "2026-07-28")),
        case("a revision that is no text", ask("tools/list", "", "7"), 400, -32_602, "HeaderMismatch"),
        case(
            "a revision to come",
            ask("tools/list", "", r#""2099-01-01""#).header("mcp-protocol-version", "2099-01-01"),
            400,
            -32_022,
            "RevisionUnsupported",
        ),
    ]
}

#[tokio::test]
async fn each_bad_request_gets_its_exact_answer_is_recorded_and_never_reaches_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "fixture-token-0123456789", &log).await;
    let manifests = Manifests {
        upstream: &server.url,
        token: "fixture-token-0123456789",
        connection: "limits: {messageBytes: 64Ki}",
        ..Manifests::default()
    };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let (alice, bob, mallory) = (dev.token("alice"), dev.token("bob"), dev.token("mallory"));
    let cases = [
        transport_cases(&dev.url, &alice),
        resumed_cases(&dev.url, &alice),
        modern_cases(&dev.url, &alice),
        message_cases(&dev.url, &alice),
        text_cases(&dev.url, &alice),
        form_cases(&dev.url, &alice),
        denied_cases(&dev.url, &alice, &bob, &mallory),
    ];
    let count: usize = cases.iter().map(Vec::len).sum();
    assert!(count >= 100, "{count} rows: none was lost");
    for case in cases.into_iter().flatten() {
        let before = dev.entries().len();
        let answer = case.ask.send().await;
        assert_eq!(answer.status, case.status, "{}: {}", case.what, answer.text);
        assert_eq!(answer.code(), case.code, "{}: {}", case.what, answer.text);
        assert!(!answer.text.contains(&alice), "{}: the token comes back", case.what);
        let entries = dev.entries();
        let recorded = entries[before..]
            .iter()
            .any(|entry| entry["reason"] == case.reason || entry["decision"]["reason"] == case.reason);
        assert!(recorded, "{} is in the record as {}: {:?}", case.what, case.reason, &entries[before..]);
    }
    assert!(logged(&log).is_empty(), "the server saw nothing: {:?}", logged(&log));
    let verified = dev.verify().await;
    assert_eq!(verified.code, 0, "{}", verified.output);
}

#[tokio::test]
async fn a_challenge_leads_to_the_metadata_and_the_metadata_to_the_issuer() {
    let manifests = Manifests { issuer: "https://idp.example.com", ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    for (ask, expected_error) in [
        (Ask::post(&dev.url, "{}"), None),
        (Ask::get(&dev.url).header("accept", "text/event-stream"), None),
        (Ask::post(&dev.url, "{}").method(Method::DELETE), None),
        (Ask::post(&dev.url, "{}").token("abc"), Some("invalid_token")),
    ] {
        let answer = ask.send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains("error="), expected_error.is_some(), "{challenge}");
        let address = challenge.split(r#"resource_metadata=""#).nth(1).unwrap().split('"').next().unwrap();
        let metadata = Ask::get(address).send().await;
        assert_eq!(metadata.status, StatusCode::OK);
        assert_eq!(metadata.header("access-control-allow-origin"), Some("*"));
        let metadata: Value = serde_json::from_str(&metadata.text).unwrap();
        assert_eq!(metadata["resource"], dev.url);
        let issuers = metadata["authorization_servers"].as_array().unwrap();
        assert!(issuers.contains(&json!("https://idp.example.com")), "{metadata}");
    }
    let root = dev.url.replace("/server/mcp", "/.well-known/oauth-protected-resource");
    assert_eq!(Ask::get(&root).send().await.status, StatusCode::OK, "one connection: also at the root");
}
