//! HTTP+SSE, the transport of MCP 2024-11-05, between unmodified clients and servers that speak it.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::counterparts::{
    Client, everything_over_sse, fixture_over_sse, hostile, logged, python_over_sse,
};
use crate::support::dev::{Dev, entries, journal};
use crate::support::event_stream::{EventStream, call};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::Ask;
use crate::support::manifests::{MASKING, Manifests};

const TOKEN: &str = "fixture-token-0123456789";
const ACCESS: &str = r#"[
    {users: [alice], tools: [echo, customers, slow], resources: ["fixture://*"]}, {users: [bob], tools: [echo]}]"#;

fn manifests(upstream: &str, access: &str, connection: &str, more: &str) -> String {
    let manifests = Manifests { upstream, token: TOKEN, access, connection, more, ..Manifests::default() };
    let written = manifests.to_yaml().replace("insecurePlaintext", "transport: SSE, insecurePlaintext");
    written.replace("call: 5s", "call: 10m")
}

/// The document of a gateway's connection to a server of this transport.
fn old_document(upstream: &str, sequence: u64) -> Value {
    let mut written = document(upstream, sequence);
    written["upstream"]["transport"] = json!("SSE");
    written
}

fn failed_with(entries: &[Value], reason: &str) -> bool {
    entries.iter().any(|entry| entry["kind"] == "Failed" && entry["reason"] == reason)
}

#[tokio::test]
async fn unmodified_clients_use_an_old_server_within_their_grants() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture_over_sse(TOKEN, &log).await;
    let dev = Dev::start(&manifests(&server.url, ACCESS, "", MASKING)).await;
    let alice = dev.token("alice");
    let other_path = dev.url.replace("/mcp", "/sse");
    for (client, url, transport) in [
        (Client::TypeScript, &dev.url, "sse"),
        (Client::TypeScript, &other_path, "sse"),
        // POST first, and GET once that is answered with 405.
        (Client::TypeScript, &dev.url, "auto"),
        (Client::Python, &dev.url, "sse"),
        // Asks for 2026-07-28 first, and falls back.
        (Client::PythonAuto, &dev.url, "sse"),
    ] {
        let script = json!([
            {"op": "listTools"},
            {"op": "callTool", "name": "customers", "arguments": {}},
            {"op": "callTool", "name": "confirm", "arguments": {"action": "drop"}},
            {"op": "readResource", "uri": "fixture://customers/1"},
            {"op": "callTool", "name": "echo", "arguments": {"message": "still here"}},
        ]);
        let lines = client.run_with(url, &alice, script, &["--transport", transport]).await;
        let told = format!("{client:?} over {transport} at {url}");
        assert_eq!(lines[0]["ok"]["protocolVersion"], "2025-11-25", "{told}: {}", lines[0]);
        let tools = lines[1]["ok"]["tools"].as_array().unwrap_or_else(|| panic!("{told}: {}", lines[1]));
        let tools: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(tools, ["echo", "customers", "slow"], "{told}");
        for index in [2, 4] {
            let shown = lines[index]["ok"].to_string();
            assert!(shown.contains("REDACTED") && !shown.contains("@example.com"), "{told}: {shown}");
            assert!(shown.contains("1111") && !shown.contains("411111111111"), "{told}: {shown}");
        }
        assert_eq!(lines[3]["error"]["code"], -32_602, "{told}: {}", lines[3]);
        assert!(lines[3]["error"].to_string().contains("Unknown tool: confirm"), "{told}: {}", lines[3]);
        assert!(lines[5]["ok"].to_string().contains("still here"), "{told}: {}", lines[5]);
    }

    let requests = logged(&log);
    for method in ["GET", "POST"] {
        let mut of_method = requests.iter().filter(|request| request["method"] == method).peekable();
        assert!(of_method.peek().is_some());
        for request in of_method {
            assert_eq!(request["headers"]["authorization"], format!("Bearer {TOKEN}"), "{request}");
        }
    }
    let all = requests.iter().map(Value::to_string).collect::<String>();
    assert!(!all.contains("confirm\\\""), "what is denied does not reach the server");
    assert!(!all.contains(alice.trim()), "the caller's token does not travel on");

    let entries = dev.entries();
    let of_call = |entry: &&Value| entry["kind"] == "Request" && entry["target"] == "customers";
    let calls: Vec<&Value> = entries.iter().filter(of_call).collect();
    assert_eq!(calls.len(), 5);
    for made in calls {
        let kinds: Vec<&str> = entries
            .iter()
            .filter(|entry| entry["call"] == made["call"])
            .map(|entry| entry["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["Request", "Injected", "Response", "Ended"]);
        let stream = |entry: &&Value| entry["method"] == "GET" && entry["session"] == made["session"];
        assert_eq!(entries.iter().filter(stream).count(), 1, "one session for the stream and its calls");
    }
    let journal = dev.journal();
    assert!(!journal.contains(TOKEN) && !journal.contains("alice@example.com"));
    assert_eq!(dev.verify().await.code, 0);
}

#[tokio::test]
async fn a_server_in_python_and_the_reference_server_work_with_both_clients() {
    for server in [python_over_sse().await, everything_over_sse().await] {
        let access = r#"[{users: [alice], tools: [echo]}]"#;
        let dev = Dev::start(&manifests(&server.url, access, "", MASKING)).await;
        let echo = json!({"op": "callTool", "name": "echo", "arguments": {"message": "to bob@example.com"}});
        let denied = json!({"op": "callTool", "name": "customers", "arguments": {}});
        for client in [Client::TypeScript, Client::Python] {
            let script = json!([{"op": "listTools"}, echo, denied, {"op": "ping"}]);
            let lines = client.run_with(&dev.url, &dev.token("alice"), script, &["--transport", "sse"]).await;
            let tools = lines[1]["ok"]["tools"].as_array().unwrap();
            assert_eq!((tools.len(), &tools[0]["name"]), (1, &json!("echo")), "{client:?}");
            assert!(lines[2]["ok"].to_string().contains("to [REDACTED:Email]"), "{client:?}: {}", lines[2]);
            assert_eq!(lines[3]["error"]["code"], -32_602, "{client:?}: {}", lines[3]);
            assert!(lines[4]["error"].is_null(), "{client:?}: {}", lines[4]);
        }
        assert_eq!(dev.verify().await.code, 0);
    }
}

#[tokio::test]
async fn what_an_old_server_asks_of_the_client_is_relayed_or_refused_in_its_place() {
    let server = everything_over_sse().await;
    let access = r#"[{users: [alice], tools: ["*"]}]"#;
    let sampling =
        json!({"op": "callTool", "name": "trigger-sampling-request", "arguments": {"prompt": "hi"}});
    let script = json!([sampling, {"op": "received"}, {"op": "ping"}]);
    for allowed in [false, true] {
        let connection = format!("serverRequests: {{sampling: {allowed}}}");
        let dev = Dev::start(&manifests(&server.url, access, &connection, "")).await;
        let more = ["--answer", "sampling", "--transport", "sse"];
        let lines = Client::TypeScript.run_with(&dev.url, &dev.token("alice"), script.clone(), &more).await;
        let asked = lines[2].to_string().contains("sampling/createMessage");
        assert_eq!(asked, allowed, "{}", lines[2]);
        assert_eq!(lines[1].to_string().contains("a sampled answer"), allowed, "{}", lines[1]);
        assert!(lines[3]["error"].is_null(), "{}", lines[3]);
        assert_eq!(dev.verify().await.code, 0);
    }
}

#[tokio::test]
async fn an_endpoint_is_its_callers_alone_and_a_client_of_the_other_transport_is_told_to_fall_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture_over_sse(TOKEN, &log).await;
    let dev = Dev::start(&manifests(&server.url, ACCESS, "", "")).await;
    let (alice, bob) = (dev.token("alice"), dev.token("bob"));
    let stream = EventStream::open(&dev.url, &alice).await;
    let own = EventStream::open(&dev.url, &bob).await;
    assert!(!stream.endpoint.contains("sessionId"), "the server's own endpoint is not to be read");
    let before = logged(&log).len();
    let echo = call(1, "echo", &json!({"message": "hi"}));
    let changed = &stream.endpoint[..stream.endpoint.len() - 2];
    let plain = format!("{}?session=/message?sessionId=1", dev.url);
    for (what, refused) in [
        ("another caller's", own.post_to(&stream.endpoint, &echo).await),
        ("a changed one", stream.post_to(changed, &echo).await),
        ("an address", stream.post_to(&plain, &echo).await),
    ] {
        assert_eq!((refused.status, refused.code()), (StatusCode::NOT_FOUND, -31_404), "{what}");
    }
    for (what, ask) in [
        ("a message without an endpoint", Ask::post(&dev.url, echo.to_string())),
        ("the end of a session", Ask::get(&stream.endpoint).method(Method::DELETE)),
        ("a stream at an endpoint", Ask::get(&stream.endpoint).header("accept", "text/event-stream")),
    ] {
        let refused = ask.token(&alice).send().await;
        assert_eq!((refused.status, refused.code()), (StatusCode::METHOD_NOT_ALLOWED, -31_405), "{what}");
        assert_eq!(refused.header("allow"), Some("GET"), "{what}");
    }
    let unknown = Ask::post(&stream.endpoint, echo.to_string()).send().await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED, "an endpoint proves nothing by itself");
    assert_eq!(logged(&log).len(), before, "nothing reached the server");
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_loses_every_grant_and_the_server_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture_over_sse(TOKEN, &log).await;
    let dev = Dev::start(&manifests(&server.url, ACCESS, "", "")).await;
    let mut stream = EventStream::begin(&dev.url, &dev.token("alice")).await;
    let answer = stream.call(1, "echo", json!({"message": "hi"})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "hi");
    stream.tell(call(2, "slow", &json!({"milliseconds": 600_000}))).await;
    dev.write(&manifests(&server.url, r#"[{users: [alice], tools: [echo]}]"#, "", ""));
    let told = stream.message().await;
    assert_eq!(told["method"], "notifications/tools/list_changed", "the lists are others now");
    assert_eq!(stream.message().await["method"], "notifications/resources/list_changed");

    dev.write(&manifests(&server.url, r#"[{users: [nobody], tools: ["*"]}]"#, "", ""));
    let refused = stream.message().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(-31_403)));
    assert_eq!(stream.event().await, None);
    let later = stream.post(&call(3, "echo", &json!({"message": "hi"}))).await;
    assert_eq!((later.status, later.code()), (StatusCode::FORBIDDEN, -31_403));
    eventually("the server to see that its stream ended", async || {
        logged(&log).iter().any(|line| line["event"] == "session ended").then_some(())
    })
    .await;
    assert!(failed_with(&dev.entries(), "NoAccess"));
    assert_eq!(dev.verify().await.code, 0);
}

#[tokio::test]
async fn a_server_that_names_no_endpoint_or_another_hosts_gets_no_message() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = hostile(&log).await;
    let mut sequence = 0;
    let mut next = |fault: &str| {
        sequence += 1;
        let mut written = old_document(&format!("{}?fault={fault}", server.url), sequence);
        written["upstream"]["callTimeoutMilliseconds"] = json!(1000);
        written.to_string()
    };
    write_document(&folder, &next("endpoint_elsewhere"));
    let gateway = Gateway::start(folder, &[]).await;
    for (fault, reason, status) in [
        ("endpoint_elsewhere", "UpstreamEndpoint", 502),
        ("endpoint_late", "UpstreamEndpoint", 502),
        ("empty_body", "UpstreamEndpoint", 502),
        ("endpoint_never", "UpstreamTimeout", 504),
        ("redirect", "UpstreamRedirect", 502),
        ("unauthorized", "UpstreamRefusedCredential", 502),
        ("not_found", "UpstreamError", 502),
    ] {
        write_document(&gateway.folder, &next(fault));
        let refused = eventually(&format!("{fault} to be answered as {reason}"), async || {
            let answer = Ask::get(&gateway.url()).header("accept", "text/event-stream").send().await;
            let last = entries(&journal(&gateway.journal_folder()))
                .into_iter()
                .rfind(|entry| entry["kind"] == "Failed");
            (last?["reason"] == reason && answer.status.as_u16() == status).then_some(answer)
        })
        .await;
        assert_eq!(refused.code(), -31_000 - i64::from(status), "{fault}");
        assert!(!refused.text.contains("192.0.2.1"), "{fault}: {}", refused.text);
    }
    assert!(logged(&log).iter().all(|request| request["method"] != "POST"));
}

#[tokio::test]
async fn a_call_whose_answer_does_not_come_ends_with_an_error_in_the_stream() {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = hostile(&log).await;
    for (fault, code) in [("stream_silent", -31_504), ("stream_cut", -31_502), ("stream_rubbish", -31_502)] {
        let folder = folders();
        let mut written = old_document(&format!("{}?fault={fault}", server.url), 1);
        written["upstream"]["callTimeoutMilliseconds"] = json!(1000);
        write_document(&folder, &written.to_string());
        let gateway = Gateway::start(folder, &[]).await;
        let mut stream = EventStream::open(&gateway.url(), "").await;
        let refused = stream.call(7, "misbehave", json!({})).await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(7), &json!(code)), "{fault}");
        if fault == "stream_silent" {
            let again = stream.call(8, "misbehave", json!({})).await;
            assert_eq!(again["error"]["code"], code, "the stream goes on");
        } else {
            assert_eq!(stream.event().await, None, "{fault}: the stream ends");
        }
    }
    drop(folder);
}

#[tokio::test]
async fn a_stream_that_names_a_second_endpoint_ends() {
    let folder = folders();
    let server = hostile(&folder.path().join("requests.jsonl")).await;
    write_document(&folder, &old_document(&format!("{}?fault=endpoint_twice", server.url), 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    let mut stream = EventStream::open(&gateway.url(), "").await;
    assert_eq!(stream.event().await, None);
    assert!(failed_with(&entries(&journal(&gateway.journal_folder())), "UpstreamEndpoint"));
}

/// Two gateways with the same keys before one server; of `customers` alone, addresses are masked.
async fn replicas(server: &str) -> [Gateway; 2] {
    let mut written = old_document(server, 1);
    written["upstream"]["callTimeoutMilliseconds"] = json!(600_000);
    written["access"] = json!([{"users": ["anonymous"], "tools": ["echo", "customers", "slow"]}]);
    written["masking"] = json!([{
        "name": "addresses", "directions": ["Response"], "match": {"tools": ["customers"]},
        "detectors": [{"type": "Email", "action": {"redact": {}}}],
    }]);
    let start = async || {
        let folder = folders();
        std::fs::write(folder.path().join("secrets/upstream/token"), TOKEN).unwrap();
        write_document(&folder, &written.to_string());
        Gateway::start(folder, &[]).await
    };
    [start().await, start().await]
}

#[tokio::test]
async fn any_replica_takes_a_message_and_the_answer_is_masked_whoever_took_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture_over_sse(TOKEN, &log).await;
    let [here, elsewhere] = replicas(&server.url).await;
    let mut stream = EventStream::begin(&here.url(), "").await;
    let other = stream.endpoint.replace(&here.address, &elsewhere.address);

    // An answer to a call that is masked must not pass for that to one which is not.
    stream.tell(call(1, "slow", &json!({"milliseconds": 600_000}))).await;
    let taken = stream.post_to(&other, &call(1, "customers", &json!({}))).await;
    assert_eq!((taken.status, taken.text.as_str()), (StatusCode::ACCEPTED, ""));
    let shown = stream.message().await.to_string();
    assert!(shown.contains("REDACTED") && !shown.contains("@example.com"), "{shown}");

    let denied = stream.post_to(&other, &call(2, "confirm", &json!({"action": "drop"}))).await;
    assert_eq!((denied.status, denied.code()), (StatusCode::BAD_REQUEST, -32_602), "{}", denied.text);
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    assert_eq!(stream.post_to(&other, &list).await.status, StatusCode::ACCEPTED);
    let listed = stream.message().await.to_string();
    assert!(listed.contains("customers") && !listed.contains("confirm"), "{listed}");
    stream.tell(call(4, "slow", &json!({"milliseconds": 600_000}))).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}});
    assert_eq!(stream.post_to(&other, &cancel).await.status, StatusCode::ACCEPTED);
    eventually("the server to hear of it", async || {
        logged(&log).iter().any(|line| line["event"] == "cancelled").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_a_gateway_that_ends_stays_until_its_calls_have_their_answers() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture_over_sse(TOKEN, &log).await;
    let [gateway, _] = replicas(&server.url).await;
    let mut stream = EventStream::begin(&gateway.url(), "").await;
    let mut idle = EventStream::begin(&gateway.url(), "").await;
    stream.tell(call(1, "slow", &json!({"milliseconds": 2000}))).await;
    let ending = tokio::spawn(async move { gateway.process.terminate().await });
    assert_eq!(idle.event().await, None, "where no call waits it ends");
    assert_eq!(stream.message().await["result"]["content"][0]["text"], "done after 2000 ms");
    assert_eq!(stream.event().await, None);
    assert_eq!(ending.await.unwrap().0, Some(0));
}
