//! Unmodified clients through the gateway, with tokens of a real identity provider: what they may use works as
//! it does directly, what they may not use is not there, and what is personal is masked.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::counterparts::{Client, Server, dbhub, everything, fixture, identity_provider, token};
use crate::support::dev::Dev;
use crate::support::manifests::{MASKING, Manifests};

/// A server behind `lychgate dev`, with an identity provider beside it.
struct Stage {
    _server: Server,
    provider: Server,
    dev: Dev,
}

impl Stage {
    async fn new(folder: &TempDir, server: Server, upstream_token: &str, access: &str) -> Self {
        Self::with(folder, server, upstream_token, access, "").await
    }

    async fn with(
        folder: &TempDir,
        server: Server,
        upstream_token: &str,
        access: &str,
        connection: &str,
    ) -> Self {
        let personas = ["alice=staff", "bob=limited"];
        let provider = identity_provider(&folder.path().join("keys.json"), &personas).await;
        let manifests = Manifests {
            upstream: &server.url,
            issuer: &provider.url,
            token: upstream_token,
            access,
            connection,
            more: MASKING,
            ..Manifests::default()
        };
        let dev = Dev::start(&manifests.to_yaml()).await;
        Self { _server: server, provider, dev }
    }

    async fn token(&self, user: &str) -> String {
        token(&self.provider.url, user, &self.dev.url).await
    }
}

fn tool_names(line: &Value) -> Vec<&str> {
    let tools = line["ok"]["tools"].as_array().unwrap_or_else(|| panic!("no tools in {line}"));
    let mut names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

fn text(line: &Value) -> &str {
    line["ok"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {line}"))
}

const DBHUB_ACCESS: &str = r#"[{users: [alice], tools: ["*"]}, {groups: [limited], tools: [execute_sql]}]"#;

#[tokio::test]
async fn every_client_uses_dbhub_within_its_grants() {
    let folder = tempfile::tempdir().unwrap();
    let server = dbhub(folder.path(), "dbhub-token-0123456789").await;
    let stage = Stage::new(&folder, server, "dbhub-token-0123456789", DBHUB_ACCESS).await;
    let (alice, bob) = (stage.token("alice").await, stage.token("bob").await);
    let query =
        json!({"op": "callTool", "name": "execute_sql", "arguments": {"sql": "select * from customers"}});
    for client in [
        Client::TypeScript,
        Client::TypeScriptModern,
        Client::TypeScriptAuto,
        Client::Python,
        Client::PythonModern,
    ] {
        let lines = client.run(&stage.dev.url, &alice, json!([{"op": "listTools"}, query])).await;
        assert_eq!(tool_names(&lines[1]), ["execute_sql", "search_objects"], "{client:?}");
        let rows = text(&lines[2]);
        assert!(
            rows.contains("[REDACTED:Email]") && !rows.contains("alice@example.com"),
            "{client:?}: {rows}"
        );
        assert!(!rows.contains("4111111111111111") && rows.contains("1111"), "{client:?}: {rows}");
        assert!(!rows.contains("123-45-6789"), "{client:?}: {rows}");

        let refused =
            json!({"op": "callTool", "name": "search_objects", "arguments": {"object_type": "table"}});
        let lines = client.run(&stage.dev.url, &bob, json!([{"op": "listTools"}, refused, query])).await;
        assert_eq!(tool_names(&lines[1]), ["execute_sql"], "{client:?}");
        let message =
            lines[2]["error"]["message"].as_str().unwrap_or_else(|| panic!("{client:?}: {}", lines[2]));
        assert!(message.contains("Unknown tool: search_objects"), "{client:?}: {message}");
        assert!(text(&lines[3]).contains("[REDACTED:Email]"), "{client:?}");
    }
}

#[tokio::test]
async fn the_reference_server_works_with_sessions_streams_and_progress() {
    let folder = tempfile::tempdir().unwrap();
    let access = r#"[{users: [alice], tools: ["*"], resources: ["demo://*"], prompts: ["simple*"]}]"#;
    let stage = Stage::new(&folder, everything().await, "unused-upstream-token", access).await;
    let alice = stage.token("alice").await;
    for client in [Client::TypeScript, Client::Python] {
        let lines = client
            .run(
                &stage.dev.url,
                &alice,
                json!([
                    {"op": "callTool", "name": "echo", "arguments": {"message": "hello alice@example.com"}},
                    {"op": "callTool", "name": "trigger-long-running-operation",
                     "arguments": {"duration": 1, "steps": 2}, "progress": true},
                    {"op": "callTool", "name": "get-structured-content", "arguments": {"location": "New York"}},
                    {"op": "listResources"},
                    {"op": "readResource", "uri": "demo://resource/static/document/features.md"},
                    {"op": "listPrompts"},
                    {"op": "getPrompt", "name": "simple-prompt"},
                    {"op": "getPrompt", "name": "args-prompt", "arguments": {"city": "Oslo"}},
                    {"op": "ping"},
                    {"op": "received"},
                ]),
            )
            .await;
        let ok = |index: usize| {
            let line = &lines[index];
            assert!(line["error"].is_null(), "{client:?}: {line}");
            &line["ok"]
        };
        assert!(ok(1)["content"][0]["text"].as_str().unwrap().contains("[REDACTED:Email]"), "{client:?}");
        assert!(ok(2)["content"][0]["text"].as_str().unwrap().contains("completed"), "{client:?}");
        assert!(ok(3)["structuredContent"].is_object(), "{client:?}: {}", lines[3]);
        assert_eq!(ok(4)["resources"].as_array().unwrap().len(), 7, "{client:?}");
        assert!(ok(5)["contents"][0]["text"].as_str().unwrap().len() > 100, "{client:?}");
        let prompts: Vec<_> =
            ok(6)["prompts"].as_array().unwrap().iter().map(|prompt| &prompt["name"]).collect();
        assert_eq!(prompts, ["simple-prompt"], "{client:?}: what is not granted is not listed");
        assert!(ok(7)["messages"].is_array(), "{client:?}");
        let message = lines[8]["error"]["message"].as_str().unwrap();
        assert!(message.contains("Unknown prompt: args-prompt"), "{client:?}: {message}");
        ok(9);
    }
    let entries = stage.dev.entries();
    let sessions: std::collections::BTreeSet<_> = entries
        .iter()
        .filter(|entry| entry["kind"] == "Request")
        .map(|entry| entry["session"].to_string())
        .collect();
    assert_eq!(sessions.len(), 2, "one session for each client: {sessions:?}");
}

#[tokio::test]
async fn a_server_may_ask_the_client_only_what_the_connection_allows() {
    let folder = tempfile::tempdir().unwrap();
    let access = r#"[{users: [alice], tools: ["*"]}]"#;
    let sampling = json!({"op": "callTool", "name": "trigger-sampling-request", "arguments": {"prompt": "hi"},
        "timeout_milliseconds": 4000});
    let answers = ["--answer", "sampling,elicitation,roots"];
    for (allowed, expected) in [("false", false), ("true", true)] {
        let connection =
            format!("serverRequests: {{sampling: {allowed}, elicitation: {allowed}, roots: {allowed}}}");
        let stage =
            Stage::with(&folder, everything().await, "unused-upstream-token", access, &connection).await;
        let alice = stage.token("alice").await;
        let lines = Client::TypeScript
            .run_with(&stage.dev.url, &alice, json!([sampling, {"op": "received"}]), &answers)
            .await;
        let asked = lines[2].to_string().contains("sampling/createMessage");
        assert_eq!(asked, expected, "{}", lines[2]);
        let succeeded = lines[1]["ok"]["isError"] != json!(true) && lines[1]["error"].is_null();
        assert_eq!(succeeded, expected, "{}", lines[1]);
    }
}

#[tokio::test]
async fn the_fixture_works_in_both_eras_and_structured_content_keeps_its_types() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let access = r#"[{users: [alice], tools: ["*"], resources: ["fixture://*"], prompts: ["*"]}]"#;
    let server = fixture("both", "fixture-token-0123456789", &log).await;
    let stage = Stage::new(&folder, server, "fixture-token-0123456789", access).await;
    let alice = stage.token("alice").await;
    for client in [Client::TypeScript, Client::TypeScriptModern, Client::Python, Client::PythonModern] {
        let lines = client
            .run(
                &stage.dev.url,
                &alice,
                json!([
                    {"op": "listTools"},
                    {"op": "callTool", "name": "customers", "arguments": {"limit": 2}},
                    {"op": "callTool", "name": "slow", "arguments": {"milliseconds": 200, "steps": 2}, "progress": true},
                    {"op": "readResource", "uri": "fixture://customers/1"},
                    {"op": "getPrompt", "name": "summarize", "arguments": {"name": "alice"}},
                ]),
            )
            .await;
        let ok = |index: usize| {
            assert!(lines[index]["error"].is_null(), "{client:?}: {}", lines[index]);
            &lines[index]["ok"]
        };
        // The client itself holds the structured content against the tool's output schema.
        let customers = &ok(2)["structuredContent"];
        assert_eq!(customers["customers"][0]["contact"]["email"], "[REDACTED:Email]", "{client:?}");
        assert_eq!(customers["customers"][0]["ssn"], "[REDACTED:Field]", "{client:?}");
        assert_eq!(customers["total"], 12, "{client:?}");
        let same: Value = serde_json::from_str(text(&lines[2])).unwrap();
        assert_eq!(same, *customers, "{client:?}: the text says what the structured content says");
        ok(3);
        assert!(ok(4)["contents"][0]["text"].as_str().unwrap().contains("[REDACTED:Email]"), "{client:?}");
        assert!(ok(5).to_string().contains("[REDACTED:Email]"), "{client:?}");
    }
}

#[tokio::test]
async fn a_server_that_asks_inside_its_result_is_refused_in_the_modern_revision_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let access = r#"[{users: [alice], tools: ["*"]}]"#;
    let confirm = json!({"op": "callTool", "name": "confirm", "arguments": {"action": "delete"}});
    for (allowed, expected) in [("false", false), ("true", true)] {
        let server = fixture("modern", "fixture-token-0123456789", &log).await;
        let connection = format!("serverRequests: {{elicitation: {allowed}}}");
        let stage = Stage::with(&folder, server, "fixture-token-0123456789", access, &connection).await;
        let alice = stage.token("alice").await;
        let lines = Client::TypeScriptModern
            .run_with(&stage.dev.url, &alice, json!([confirm]), &["--answer", "elicitation"])
            .await;
        let confirmed = lines[1]["ok"]["content"][0]["text"] == "confirmed: delete";
        assert_eq!(confirmed, expected, "{}", lines[1]);
    }
}

#[tokio::test]
async fn rmcp_uses_dbhub_within_its_grants() {
    use rmcp::ServiceExt as _;
    use rmcp::model::CallToolRequestParams;
    use rmcp::transport::StreamableHttpClientTransport;
    use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

    lychgate_gateway::outbound::install_crypto_provider();
    let folder = tempfile::tempdir().unwrap();
    let server = dbhub(folder.path(), "dbhub-token-0123456789").await;
    let stage = Stage::new(&folder, server, "dbhub-token-0123456789", DBHUB_ACCESS).await;
    let config = StreamableHttpClientTransportConfig::with_uri(stage.dev.url.clone())
        .auth_header(stage.token("bob").await);
    let transport = StreamableHttpClientTransport::from_config(config);
    let client = ().serve(transport).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.iter().map(|tool| tool.name.as_ref()).collect::<Vec<_>>(), ["execute_sql"]);
    let arguments = json!({"sql": "select email from customers"}).as_object().unwrap().clone();
    let call = CallToolRequestParams::new("execute_sql").with_arguments(arguments);
    let answer = serde_json::to_value(client.call_tool(call).await.unwrap()).unwrap();
    assert!(answer.to_string().contains("[REDACTED:Email]"), "{answer}");
    let refused = client.call_tool(CallToolRequestParams::new("search_objects")).await.unwrap_err();
    assert!(refused.to_string().contains("Unknown tool: search_objects"), "{refused}");
    client.cancel().await.unwrap();
}
