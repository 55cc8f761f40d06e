//! Published servers that speak stdio, behind a bridge: what they are known for works through the gateway within
//! grants, and is masked on its way.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::counterparts::{Client, Server, stdio_server};
use crate::support::dev::Dev;
use crate::support::manifests::{MASKING, Manifests};
use crate::support::process::finish;

const CLIENTS: [Client; 4] = [Client::TypeScript, Client::TypeScriptAuto, Client::Python, Client::PythonAuto];

/// `lychgate dev` before a server, with masking of what goes either way.
async fn serve(server: &Server, access: &str) -> Dev {
    let manifests = Manifests { upstream: &server.url, access, more: MASKING, ..Manifests::default() };
    // Some of these servers start programs for each call, which takes a while on a busy machine.
    Dev::start(&manifests.to_yaml().replace("call: 5s", "call: 30s")).await
}

/// What a client gets for each step, that of the connection left out.
async fn run(client: Client, dev: &Dev, user: &str, steps: Value) -> Vec<Value> {
    let lines = client.run(&dev.url, dev.token(user).trim(), steps).await;
    assert!(lines[0]["error"].is_null(), "{client:?}: {}", lines[0]);
    lines[1..].to_vec()
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"op": "callTool", "name": tool, "arguments": arguments})
}

fn tool_names(line: &Value) -> Vec<&str> {
    let tools = line["ok"]["tools"].as_array().unwrap_or_else(|| panic!("no tools in {line}"));
    let mut names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// The text of a result that is no error.
fn text(line: &Value) -> &str {
    assert_ne!(line["ok"]["isError"], true, "{line}");
    line["ok"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {line}"))
}

#[track_caller]
fn assert_not_sent(line: &Value) {
    let sentence = line["ok"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(line["ok"]["isError"] == true && sentence.starts_with("Not sent: "), "{line}");
}

#[track_caller]
fn assert_unknown(line: &Value, tool: &str) {
    let message = line["error"]["message"].as_str().unwrap_or_else(|| panic!("no error in {line}"));
    assert!(message.contains(&format!("Unknown tool: {tool}")), "{line}");
}

#[tokio::test]
async fn files_are_read_where_a_condition_on_the_path_allows_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (name, content) in
        [("shared/note.txt", "write to ada@example.com"), ("private/note.txt", "nobody shall read this")]
    {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        std::fs::write(root.join(name), content).unwrap();
    }
    let shared = root.join("shared").display().to_string();
    let access = format!(
        r#"[{{users: [alice], tools: [read_text_file, list_directory],
             when: "args.path.startsWith('{shared}/') && !args.path.contains('..')"}}]"#
    );
    let server = stdio_server("filesystem", Some(&root)).await;
    let dev = serve(&server, &access).await;
    let read = |path: String| call("read_text_file", &json!({"path": path}));
    for client in CLIENTS {
        let steps = json!([
            {"op": "listTools"},
            read(format!("{shared}/note.txt")),
            read(format!("{}/private/note.txt", root.display())),
            read(format!("{shared}/../private/note.txt")),
            call("write_file", &json!({"path": format!("{shared}/new.txt"), "content": "x"})),
        ]);
        let lines = run(client, &dev, "alice", steps).await;
        assert_eq!(tool_names(&lines[0]), ["list_directory", "read_text_file"], "{client:?}");
        assert_eq!(text(&lines[1]), "write to [REDACTED:Email]", "{client:?}");
        assert_not_sent(&lines[2]);
        assert_not_sent(&lines[3]);
        assert_unknown(&lines[4], "write_file");
    }
    assert!(!root.join("shared/new.txt").exists(), "nothing was written");
}

#[tokio::test]
async fn a_graph_of_memories_is_filled_without_what_is_masked_and_read_by_whom_a_grant_names() {
    let folder = tempfile::tempdir().unwrap();
    let access = r#"[{users: [alice], tools: [create_entities, read_graph]},
        {groups: [limited], tools: [read_graph, search_nodes]}]"#;
    let server = stdio_server("memory", Some(folder.path())).await;
    let dev = serve(&server, access).await;
    for (index, client) in CLIENTS.into_iter().enumerate() {
        let name = format!("customer {index}");
        let entity = json!({"name": name, "entityType": "person", "observations": ["mail: ada@example.com"]});
        let steps = json!([
            {"op": "listTools"},
            call("create_entities", &json!({"entities": [entity]})),
            call("delete_entities", &json!({"entityNames": [name]})),
        ]);
        let lines = run(client, &dev, "alice", steps).await;
        assert_eq!(tool_names(&lines[0]), ["create_entities", "read_graph"], "{client:?}");
        assert!(text(&lines[1]).contains(&name), "{client:?}: {}", lines[1]);
        assert_unknown(&lines[2], "delete_entities");

        let steps = json!([{"op": "listTools"}, call("search_nodes", &json!({"query": name})),
            call("create_entities", &json!({"entities": [entity]}))]);
        let lines = run(client, &dev, "bob", steps).await;
        assert_eq!(tool_names(&lines[0]), ["read_graph", "search_nodes"], "{client:?}");
        // Clients hold the structured content against the schema of the tool.
        let found = &lines[1]["ok"]["structuredContent"]["entities"];
        assert_eq!(found[0]["observations"], json!(["mail: [REDACTED:Email]"]), "{client:?}: {}", lines[1]);
        assert_unknown(&lines[2], "create_entities");
    }
    let memory = std::fs::read_to_string(folder.path().join("memory.jsonl")).unwrap();
    assert_eq!(memory.lines().count(), CLIENTS.len(), "{memory}");
    assert!(memory.contains("[REDACTED:Email]") && !memory.contains("ada@example.com"), "{memory}");
}

/// A repository with one commit, by an author with an address.
async fn repository(folder: &Path) {
    std::fs::write(folder.join("prices.txt"), "12 EUR\n").unwrap();
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "prices.txt"],
        &["commit", "--quiet", "--message=First prices, ask ada@example.com"],
    ] {
        let mut git = Command::new("git");
        git.current_dir(folder).args(author).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let finished = finish(git, "").await;
        assert_eq!(finished.code, 0, "{}", finished.errors);
    }
}

#[tokio::test]
async fn the_history_of_a_repository_is_read_without_addresses_and_nobody_adds_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    repository(&root).await;
    let access = r#"[{users: [alice], tools: [git_log, git_show, git_status]}]"#;
    let server = stdio_server("git", Some(&root)).await;
    let dev = serve(&server, access).await;
    let path = root.display().to_string();
    for client in [Client::TypeScript, Client::PythonAuto] {
        let steps = json!([
            {"op": "listTools"},
            call("git_log", &json!({"repo_path": path})),
            call("git_show", &json!({"repo_path": path, "revision": "HEAD"})),
            call("git_commit", &json!({"repo_path": path, "message": "more"})),
            call("git_status", &json!({"repo_path": "/"})),
        ]);
        let lines = run(client, &dev, "alice", steps).await;
        assert_eq!(tool_names(&lines[0]), ["git_log", "git_show", "git_status"], "{client:?}");
        for (line, content) in [(&lines[1], "First prices"), (&lines[2], "12 EUR")] {
            let text = text(line);
            assert!(text.contains(content) && text.contains("[REDACTED:Email]"), "{client:?}: {text}");
            assert!(!text.contains("ada@example.com"), "{client:?}: {text}");
        }
        assert_unknown(&lines[3], "git_commit");
        // What the server itself refuses comes as it says it.
        assert!(lines[4].to_string().contains("outside the allowed repository"), "{client:?}: {}", lines[4]);
    }
}

#[tokio::test]
async fn a_server_of_times_answers_for_the_zones_that_a_condition_names() {
    let access = r#"[{users: [alice], tools: [convert_time],
        when: "args.source_timezone in ['Europe/Warsaw', 'Etc/UTC']"}]"#;
    let server = stdio_server("time", None).await;
    let dev = serve(&server, access).await;
    let convert = |from: &str| {
        let arguments = json!({"source_timezone": from, "time": "12:00", "target_timezone": "Asia/Tokyo"});
        call("convert_time", &arguments)
    };
    let steps = json!([{"op": "listTools"}, convert("Etc/UTC"), convert("America/New_York"),
        call("get_current_time", &json!({"timezone": "Etc/UTC"}))]);
    for client in [Client::TypeScriptAuto, Client::Python] {
        let lines = run(client, &dev, "alice", steps.clone()).await;
        assert_eq!(tool_names(&lines[0]), ["convert_time"], "{client:?}");
        assert!(text(&lines[1]).contains("T21:00:00+09:00"), "{client:?}: {}", lines[1]);
        assert_not_sent(&lines[2]);
        assert_unknown(&lines[3], "get_current_time");
    }
}
