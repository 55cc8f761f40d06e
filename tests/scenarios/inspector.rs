//! The command line of the MCP Inspector, as published: what people reach for to look at a server shows what its
//! caller may use, and no more.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::counterparts::{everything, fixture, inspector};
use crate::support::dev::Dev;
use crate::support::manifests::{MASKING, Manifests};
use crate::support::process::Finished;

const ACCESS: &str = r#"[
    {users: [alice], tools: [customers, echo], resources: ["fixture://customers/1"]},
    {groups: [limited], tools: [echo]}]"#;

/// The inspector with a home of its own, as alice.
struct Inspector<'a> {
    home: &'a TempDir,
    dev: &'a Dev,
    era: &'a str,
}

impl Inspector<'_> {
    async fn run(&self, user: &str, arguments: &[&str]) -> Finished {
        let era = ["--protocol-era", self.era];
        let arguments: Vec<&str> = era.iter().chain(arguments).copied().collect();
        inspector(self.home.path(), &self.dev.url, self.dev.token(user).trim(), &arguments).await
    }

    /// The result that it prints.
    async fn result(&self, user: &str, arguments: &[&str]) -> Value {
        let finished = self.run(user, arguments).await;
        assert_eq!(finished.code, 0, "{} {arguments:?}: {}", self.era, finished.errors);
        serde_json::from_str(&finished.output).unwrap()
    }
}

fn names<'a>(result: &'a Value, list: &str) -> Vec<&'a str> {
    let items = result[list].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_inspector_sees_in_every_era_what_its_caller_may_use() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let token = "fixture-token-0123456789";
    let server = fixture("both", token, &log).await;
    let manifests =
        Manifests { upstream: &server.url, token, access: ACCESS, more: MASKING, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    for era in ["legacy", "modern", "auto"] {
        let inspector = Inspector { home: &folder, dev: &dev, era };
        let tools = inspector.result("alice", &["--method", "tools/list"]).await;
        assert_eq!(names(&tools, "tools"), ["echo", "customers"], "{era}");
        let tools = inspector.result("bob", &["--method", "tools/list"]).await;
        assert_eq!(names(&tools, "tools"), ["echo"], "{era}");

        let customers = ["--method", "tools/call", "--tool-name", "customers", "--tool-arg", "limit=1"];
        let result = inspector.result("alice", &customers).await;
        let contact = &result["structuredContent"]["customers"][0]["contact"];
        assert_eq!(contact["email"], "[REDACTED:Email]", "{era}: {result}");
        // It looks for the tool in the list first, and so asks for nothing that is not there.
        let hidden = inspector.run("bob", &customers).await;
        assert!(
            hidden.code != 0 && hidden.errors.contains("'customers' not found"),
            "{era}: {}",
            hidden.errors
        );

        let read = |uri| ["--method", "resources/read", "--uri", uri];
        let granted = inspector.result("alice", &read("fixture://customers/1")).await;
        assert!(granted.to_string().contains("[REDACTED:Email]"), "{era}: {granted}");
        let denied = inspector.run("alice", &read("fixture://customers/2")).await;
        assert!(denied.code != 0 && denied.errors.contains("not found"), "{era}: {}", denied.errors);
    }
}

#[tokio::test]
async fn the_inspector_is_told_of_prompts_and_resources_of_the_reference_server_within_grants() {
    let folder = tempfile::tempdir().unwrap();
    let server = everything().await;
    let access = r#"[{users: [alice], prompts: ["simple*"], resources: ["demo://*"]}]"#;
    let manifests = Manifests { upstream: &server.url, access, more: MASKING, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let inspector = Inspector { home: &folder, dev: &dev, era: "legacy" };
    let prompts = inspector.result("alice", &["--method", "prompts/list"]).await;
    assert_eq!(names(&prompts, "prompts"), ["simple-prompt"]);
    let got = inspector.result("alice", &["--method", "prompts/get", "--prompt-name", "simple-prompt"]).await;
    assert!(got["messages"].is_array(), "{got}");
    let resources = inspector.result("alice", &["--method", "resources/list"]).await;
    assert_eq!(names(&resources, "resources").len(), 7);
    let denied = inspector.run("alice", &["--method", "prompts/get", "--prompt-name", "args-prompt"]).await;
    assert!(denied.code != 0 && denied.errors.contains("Unknown prompt: args-prompt"), "{}", denied.errors);
}
