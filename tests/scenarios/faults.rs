//! Servers that are missing, slow, or answer rubbish: each a clear error, recorded, leaking nothing.

use hyper::StatusCode;
use serde_json::json;

use crate::support::counterparts::{hostile, logged};
use crate::support::dev::Dev;
use crate::support::http::{Ask, tool_call};
use crate::support::manifests::Manifests;

const ACCESS: &str = r#"[{users: [alice], tools: ["*"]}]"#;

/// What the hostile server must not get through: its own words, addresses and headers.
const INSIDE: [&str; 5] = ["hunter2", "/srv/app", "192.0.2.1", "upstream\"", "4111111111111111"];

#[tokio::test]
async fn each_fault_of_a_server_is_an_error_of_the_gateways_own() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = hostile(&log).await;
    let manifests = Manifests {
        upstream: &server.url,
        access: ACCESS,
        connection: "limits: {messageBytes: 64Ki}",
        more: crate::support::manifests::MASKING,
        ..Manifests::default()
    };
    let yaml = manifests.to_yaml().replace("call: 5s", "call: 1500ms");
    let dev = Dev::start(&yaml).await;
    let alice = dev.token("alice");
    let malformed = (502, -31_502, "UpstreamMalformed");
    for (fault, (status, code, reason)) in [
        ("invalid_json", malformed),
        ("empty_body", malformed),
        ("not_an_object", malformed),
        ("two_values", malformed),
        ("byte_order_mark", malformed),
        ("invalid_utf8", malformed),
        ("lone_surrogate", malformed),
        ("wrong_id", malformed),
        ("no_id", malformed),
        ("result_and_error", malformed),
        ("duplicate_members", malformed),
        ("deep", malformed),
        ("compressed", malformed),
        ("accepted", malformed),
        ("wrong_content_type", malformed),
        ("no_content_type", malformed),
        ("huge", (502, -31_502, "UpstreamTooLarge")),
        ("endless_body", (502, -31_502, "UpstreamTooLarge")),
        ("hang", (504, -31_504, "UpstreamTimeout")),
        ("hang_after_headers", (504, -31_504, "UpstreamTimeout")),
        ("reset", (502, -31_502, "UpstreamBrokeOff")),
        ("close_before_answer", (502, -31_502, "UpstreamBrokeOff")),
        ("close_mid_body", (502, -31_502, "UpstreamBrokeOff")),
        ("redirect", (502, -31_502, "UpstreamRedirect")),
        ("redirect_307", (502, -31_502, "UpstreamRedirect")),
        ("unauthorized", (502, -31_502, "UpstreamRefusedCredential")),
        ("forbidden", (502, -31_502, "UpstreamRefusedCredential")),
        ("not_found", (502, -31_502, "UpstreamError")),
        ("server_error", (502, -31_502, "UpstreamError")),
        ("rate_limited", (502, -31_502, "UpstreamError")),
        // In a stream the status has left before the fault shows.
        ("endless_sse", (200, -31_504, "UpstreamTimeout")),
        ("endless_line", (200, -31_502, "UpstreamMalformed")),
        ("close_mid_sse", (200, -31_502, "UpstreamBrokeOff")),
        ("sse_without_answer", (200, -31_502, "UpstreamMalformed")),
    ] {
        let before = dev.entries().len();
        // As many levels as no message may have, and more bytes than this connection takes.
        let n = if fault == "deep" { 100 } else { 100_000 };
        let call = tool_call("misbehave", &json!({"x": fault, "n": n}));
        let answer = Ask::post(&dev.url, call).token(&alice).send().await;
        assert_eq!(answer.status.as_u16(), status, "{fault}: {}", answer.text);
        assert_eq!(answer.code(), code, "{fault}: {}", answer.text);
        // Who cannot know whether the call was made is told so.
        let is_open = ["UpstreamBrokeOff", "UpstreamTimeout"].contains(&reason);
        assert_eq!(answer.text.contains("do not just repeat it"), is_open, "{fault}: {}", answer.text);
        for inside in INSIDE {
            assert!(!answer.text.contains(inside), "{fault} shows {inside}: {}", answer.text);
        }
        for header in ["set-cookie", "www-authenticate", "location", "x-powered-by", "server"] {
            assert_eq!(answer.header(header), None, "{fault}");
        }
        let entries = dev.entries();
        let recorded = entries[before..].iter().any(|entry| entry["reason"] == reason);
        assert!(recorded, "{fault} is in the record as {reason}: {:?}", &entries[before..]);
    }
    assert!(
        logged(&log).iter().all(|request| request["url"] != "/latest/meta-data/"),
        "no redirect is followed"
    );
    assert_eq!(dev.verify().await.code, 0);
}

#[tokio::test]
async fn headers_of_the_server_stay_behind_and_its_unasked_request_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = hostile(&log).await;
    let manifests = Manifests { upstream: &server.url, access: ACCESS, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let alice = dev.token("alice");
    let call = |fault: &str| Ask::post(&dev.url, tool_call("misbehave", &json!({"x": fault}))).token(&alice);

    let answer = call("set_headers").send().await;
    assert_eq!(answer.status, StatusCode::OK);
    for header in ["set-cookie", "www-authenticate", "proxy-authenticate", "alt-svc", "x-powered-by"] {
        assert_eq!(answer.header(header), None, "{header}");
    }
    let answer = call("unasked_request").send().await;
    assert!(!answer.text.contains("sampling/createMessage"), "{}", answer.text);
    assert_eq!(answer.message()["result"]["content"][0]["text"], "no fault was asked for");
    let refused = crate::support::eventually("the refusal to reach the server", async || {
        logged(&log).into_iter().find_map(|request| {
            let body = request["body"].as_str()?.to_owned();
            body.contains(r#""id":7"#).then_some(body)
        })
    })
    .await;
    assert!(refused.contains("-32601"), "{refused}");
    // In MCP 2026-07-28 nobody could answer it: the stream ends there, and the server is sent nothing.
    let asked = logged(&log).len();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let modern = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "misbehave", "arguments": {"x": "unasked_request"}, "_meta": meta}});
    let answer = Ask::post(&dev.url, modern.to_string())
        .token(&alice)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "misbehave")
        .send()
        .await;
    assert!(!answer.text.contains("sampling/createMessage"), "{}", answer.text);
    assert_eq!(answer.code(), -31_502, "{}", answer.text);
    let refused = dev.entries().iter().any(|entry| entry["reason"] == "ServerRequestRefused");
    assert!(refused, "the record says why");
    assert_eq!(logged(&log).len(), asked + 1, "{:?}", logged(&log));
    let answer = call("server_error_rpc").send().await;
    assert_eq!(
        answer.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "an error in the protocol's own form is relayed"
    );
    assert_eq!(answer.code(), -32_603);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_502_and_a_client_that_leaves_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let manifests = Manifests { access: ACCESS, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let answer = Ask::post(&dev.url, tool_call("x", &json!({}))).token(&dev.token("alice")).send().await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, -31_502), "{}", answer.text);
    assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
    assert!(answer.text.contains("the call was not made"), "{}", answer.text);

    let server = hostile(&log).await;
    dev.write(&Manifests { upstream: &server.url, access: ACCESS, ..Manifests::default() }.to_yaml());
    crate::support::eventually("the new upstream", async || {
        let answer =
            Ask::post(&dev.url, tool_call("misbehave", &json!({}))).token(&dev.token("alice")).send().await;
        answer.status.is_success().then_some(())
    })
    .await;
    let call =
        Ask::post(&dev.url, tool_call("misbehave", &json!({"x": "hang"}))).token(&dev.token("alice")).send();
    let left = tokio::time::timeout(std::time::Duration::from_millis(700), call).await;
    assert!(left.is_err(), "the server hangs");
    crate::support::eventually("the record to tell of the client", async || {
        dev.entries()
            .iter()
            .any(|entry| entry["kind"] == "Ended" && entry["reason"] == "ClientGone")
            .then_some(())
    })
    .await;
    crate::support::eventually("the server to be told", async || {
        logged(&log).iter().any(|line| line["event"] == "closed by the other side").then_some(())
    })
    .await;
}
