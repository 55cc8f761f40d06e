//! Tools that are held to their pins, on real servers that change what they say of them, and `lychgate pin`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::counterparts::{Client, Server, everything, fixture, logged};
use crate::support::dev::{Dev, entries, journal};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Answer, Ask, tool_call};
use crate::support::manifests::Manifests;
use crate::support::process::lychgate;

const TOKEN: &str = "upstream-token-one";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
/// What a server that has gone bad says of its tool.
const PULLED: &str = "Sends its arguments to somebody else";

/// A gateway in front of a server whose tools can be described anew.
struct Stage {
    gateway: Gateway,
    server: Server,
    written: Value,
    log: PathBuf,
}

impl Stage {
    async fn start(mode: &str, pins: impl AsyncFnOnce(&Server, &TempDir) -> Value) -> Self {
        let folder = folders();
        let log = folder.path().join("requests.jsonl");
        let server = fixture("both", TOKEN, &log).await;
        let mut written = document(&server.url, 1);
        let pins = pins(&server, &folder).await;
        if mode != "Off" {
            written["toolPinning"] = json!({"mode": mode, "pins": pins});
        }
        write_document(&folder, &written.to_string());
        let gateway = Gateway::start(folder, &[]).await;
        gateway.ready().await;
        Self { gateway, server, written, log }
    }

    /// Calls as clients of either era do.
    async fn call(&self, tool: &str, modern: bool) -> Answer {
        let mut body: Value = serde_json::from_str(&tool_call(tool, &json!({"message": "hi"}))).unwrap();
        let ask = |body: &Value| Ask::post(&self.gateway.url(), body.to_string());
        if !modern {
            return ask(&body).send().await;
        }
        body["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let ask = ask(&body).header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/call");
        ask.header("mcp-name", tool).send().await
    }

    /// The tools that a caller is shown.
    async fn shown(&self) -> Vec<String> {
        let listed = Ask::post(&self.gateway.url(), LIST).send().await.message();
        let tools = listed["result"]["tools"].as_array().unwrap().iter();
        tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Describes a tool anew, and waits until the server says so.
    async fn describe(&mut self, tool: &str, description: &str) {
        self.server.process.tell(&format!("describe {tool} {description}")).await;
        eventually("the server to say so", async || {
            let listed = Ask::post(&self.server.url, LIST).token(TOKEN).send().await;
            listed.text.contains(description).then_some(())
        })
        .await;
    }

    /// What the gateway says of a tool.
    async fn standing(&self, tool: &str) -> Value {
        let text = Ask::get(&format!("{}/config", self.gateway.admin)).send().await.text;
        let answer: Value = serde_json::from_str(&text).unwrap();
        let tools = answer["connections"][0]["toolPinning"]["tools"].as_array().unwrap().clone();
        tools.into_iter().find(|found| found["name"] == tool).unwrap_or_default()
    }

    /// How many calls of a tool reached the server.
    fn made(&self, tool: &str) -> usize {
        let is_call = |request: &&Value| {
            let body: Value =
                serde_json::from_str(request["body"].as_str().unwrap_or_default()).unwrap_or_default();
            body["method"] == "tools/call" && body["params"]["name"] == tool
        };
        logged(&self.log).iter().filter(is_call).count()
    }

    /// What the record says that somebody should look at.
    fn flags(&self) -> Vec<Value> {
        let entries = entries(&journal(&self.gateway.journal_folder()));
        let flagged = entries.iter().filter(|entry| entry["kind"] == "Flagged");
        flagged.flat_map(|entry| entry["flags"].as_array().unwrap().clone()).collect()
    }

    /// Puts other pins in place of those that are there.
    async fn pin(&mut self, pins: Value) {
        let sequence = self.written["sequence"].as_u64().unwrap() + 1;
        self.written["sequence"] = json!(sequence);
        self.written["toolPinning"]["pins"] = pins;
        write_document(&self.gateway.folder, &self.written.to_string());
        eventually("the gateway to take it up", async || {
            let text = Ask::get(&format!("{}/config", self.gateway.admin)).send().await.text;
            text.contains(&format!("\"sequence\":{sequence}")).then_some(())
        })
        .await;
    }
}

/// Pins of these tools, as `lychgate pin` prints them.
async fn pins(server: &Server, folder: &Path, tools: &[&str]) -> Value {
    let token = folder.join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let printed = lychgate(&["pin", "--url", &server.url, "--token-file", token.to_str().unwrap()], "").await;
    assert_eq!(printed.code, 0, "{}", printed.errors);
    let printed: Value = serde_yaml::from_str(&printed.output).unwrap();
    let printed = &printed["spec"]["toolPinning"];
    assert_eq!(printed["mode"], "Enforce");
    let pin = |tool: &&str| ((*tool).to_owned(), printed["pins"][*tool].clone());
    Value::Object(tools.iter().map(pin).collect())
}

#[tokio::test]
async fn a_tool_that_changes_after_it_was_pinned_is_neither_shown_nor_called_until_it_is_pinned_anew() {
    let mut stage =
        Stage::start("Enforce", async |server, folder| pins(server, folder.path(), &["echo"]).await).await;
    for modern in [false, true] {
        let answer = stage.call("echo", modern).await;
        assert!(answer.message()["result"].to_string().contains("hi"), "{}", answer.text);
        let unpinned = stage.call("slow", modern).await;
        assert_eq!(unpinned.code(), -32602, "{}", unpinned.text);
        assert!(unpinned.text.contains("Unknown tool: slow"), "{}", unpinned.text);
    }
    assert_eq!(stage.shown().await, ["echo"]);
    assert_eq!(stage.standing("echo").await["standing"], "AsPinned");
    assert_eq!((stage.made("echo"), stage.made("slow")), (2, 0));

    stage.describe("echo", PULLED).await;
    assert_eq!(stage.shown().await, Vec::<String>::new());
    for modern in [false, true] {
        let answer = stage.call("echo", modern).await;
        let result = &answer.message()["result"];
        assert_eq!(result["isError"], true, "{}", answer.text);
        assert!(result.to_string().contains("says something else of this tool now"), "{}", answer.text);
        assert!(!answer.text.contains(PULLED), "{}", answer.text);
    }
    assert_eq!(stage.made("echo"), 2, "nothing more reached the server");
    let changed = stage.standing("echo").await;
    assert_eq!(changed["standing"], "Changed");
    assert_ne!(changed["definition"], changed["pinned"]);
    let flags = stage.flags();
    let of_echo = flags.iter().find(|flag| flag["subject"] == "tool echo").unwrap();
    assert_eq!((&of_echo["reason"], &of_echo["enforced"]), (&json!("ToolChanged"), &json!(true)));
    assert_eq!(of_echo["definition"], changed["definition"]);
    let failed = entries(&journal(&stage.gateway.journal_folder()));
    let failed: Vec<&Value> = failed.iter().filter(|entry| entry["kind"] == "Failed").collect();
    assert_eq!(failed.last().unwrap()["reason"], "ToolChanged");

    stage.pin(json!({"echo": changed["definition"]})).await;
    let answer = stage.call("echo", false).await;
    assert!(answer.message()["result"].to_string().contains("hi"), "{}", answer.text);
    assert_eq!(stage.shown().await, ["echo"]);
    assert_eq!(stage.standing("echo").await["standing"], "AsPinned");

    stage.pin(json!({"echo": changed["definition"], "gone": changed["definition"]})).await;
    let gone = stage.call("gone", false).await;
    assert!(gone.code() == -32602 && gone.text.contains("Unknown tool: gone"), "{}", gone.text);
    assert_eq!(stage.made("gone"), 0, "what the server does not list is not called");
}

#[tokio::test]
async fn a_tool_that_changes_is_told_and_called_all_the_same_where_pins_are_not_enforced() {
    let mut stage =
        Stage::start("Audit", async |server, folder| pins(server, folder.path(), &["echo"]).await).await;
    stage.describe("echo", PULLED).await;
    let answer = stage.call("echo", false).await;
    assert!(answer.message()["result"].to_string().contains("hi"), "{}", answer.text);
    assert_eq!(stage.made("echo"), 1);
    assert_eq!(stage.standing("echo").await["standing"], "Changed");
    let flags = stage.flags();
    let of_echo = flags.iter().find(|flag| flag["subject"] == "tool echo").unwrap();
    assert_eq!((&of_echo["reason"], &of_echo["enforced"]), (&json!("ToolChanged"), &json!(false)));
    let metrics = Ask::get(&format!("{}/metrics", stage.gateway.admin)).send().await.text;
    for series in [
        r#"lychgate_tool_checks_total{connection="test/server",standing="Changed"} 1"#,
        r#"lychgate_flagged{connection="test/server",reason="ToolChanged"} 1"#,
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
    assert!(stage.shown().await.contains(&"slow".to_owned()), "everything is shown");
}

#[tokio::test]
async fn characters_that_nobody_sees_are_told_without_showing_them() {
    let mut stage = Stage::start("Off", async |_, _| Value::Null).await;
    stage.describe("echo", "Echoes.\u{e0049}\u{e0067}\u{200b}").await;
    assert!(stage.shown().await.contains(&"echo".to_owned()));
    let told = json!(["description: U+E0049 at character 8 and 2 more"]);
    assert_eq!(stage.standing("echo").await["hidden"], told);
    let flags = stage.flags();
    assert_eq!(flags.len(), 1, "{flags:?}");
    assert_eq!((&flags[0]["reason"], &flags[0]["hidden"]), (&json!("HiddenCharacters"), &told));
    let metrics = Ask::get(&format!("{}/metrics", stage.gateway.admin)).send().await.text;
    assert!(metrics.contains(r#"lychgate_flagged{connection="test/server",reason="HiddenCharacters"} 1"#));

    let config = Ask::get(&format!("{}/config", stage.gateway.admin)).send().await.text;
    let printed = lychgate(&["pin", "--connection", "server"], &config).await;
    assert_eq!(printed.code, 0, "{}", printed.errors);
    let expected = "hidden characters in tool echo: description: U+E0049 at character 8 and 2 more";
    assert!(printed.errors.contains(expected), "{}", printed.errors);
    for text in [&printed.errors, &printed.output, &config] {
        assert!(!text.contains('\u{e0049}') && !text.contains('\u{200b}'), "{text}");
    }
}

#[tokio::test]
async fn a_server_with_sessions_and_streams_is_pinned_and_used_by_an_unmodified_client() {
    let server = everything().await;
    let printed = lychgate(&["pin", "--url", &server.url], "").await;
    assert_eq!(printed.code, 0, "{}", printed.errors);
    let block: Value = serde_yaml::from_str(&printed.output).unwrap();
    let pinned = &block["spec"]["toolPinning"]["pins"]["echo"];
    let zeros = "0".repeat(64);
    let connection =
        format!(r#"toolPinning: {{mode: Enforce, pins: {{echo: {pinned}, get-sum: "{zeros}"}}}}"#);
    let manifests =
        Manifests { upstream: &server.url, connection: &connection, ..Manifests::default() }.to_yaml();
    let dev = Dev::start(&manifests).await;
    let operations = json!([
        {"op": "listTools"},
        {"op": "callTool", "name": "echo", "arguments": {"message": "hello"}},
        {"op": "callTool", "name": "get-sum", "arguments": {"a": 1, "b": 2}},
    ]);
    let lines = Client::TypeScript.run(&dev.url, &dev.token("alice"), operations).await;
    let tools = lines[1]["ok"]["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1, "{}", lines[1]);
    assert!(lines[2]["ok"].to_string().contains("hello"), "{}", lines[2]);
    assert!(lines[3].to_string().contains("says something else of this tool"), "{}", lines[3]);

    let folder = dev.folder.path().join("manifests");
    let compared = lychgate(
        &["pin", "--url", &server.url, "-f", folder.to_str().unwrap(), "--connection", "server"],
        "",
    )
    .await;
    assert!(compared.errors.lines().any(|line| line == "changed: get-sum"), "{}", compared.errors);
    assert!(compared.errors.lines().any(|line| line.starts_with("new: ")), "{}", compared.errors);
    assert!(!compared.errors.contains("echo"), "{}", compared.errors);
    assert_eq!(compared.output, printed.output, "the same again");
}
