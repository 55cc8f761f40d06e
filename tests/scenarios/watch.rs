//! A gateway that watches, at an API server at which everything goes wrong.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::api_server::{ApiServer, SECRET, Watch, line, secret};
use crate::support::counterparts::{Server, fixture, logged};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};

/// A gateway that watches, and the credentials with which it has called.
struct Stage<'a> {
    gateway: Gateway,
    log: &'a Path,
}

impl<'a> Stage<'a> {
    /// The mounted file holds `upstream-token-one`.
    async fn start(api: &ApiServer, server: &Server, log: &'a Path) -> Self {
        let folder = folders();
        write_document(&folder, &document(&server.url, 1).to_string());
        let flags = api.flags(folder.path());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        Self { gateway: Gateway::start(folder, &flags).await, log }
    }

    /// Calls, and gives the credential that the server has got with it.
    async fn used(&self) -> Option<String> {
        let before = logged(self.log).len();
        Ask::post(&self.gateway.url(), tool_call("echo", &json!({"message": "hi"}))).send().await;
        let requests = logged(self.log);
        let bearer = requests.get(before)?["headers"]["authorization"].as_str()?.to_owned();
        Some(bearer.strip_prefix("Bearer ").unwrap().to_owned())
    }

    async fn until_used(&self, value: &str) {
        eventually(&format!("{value} to be used"), async || (self.used().await? == value).then_some(()))
            .await;
    }

    /// What `/config` says of the watch on the Secret.
    async fn standing(&self) -> Value {
        let config = Ask::get(&format!("{}/config", self.gateway.admin)).send().await.message();
        let watches = config["watches"].as_array().unwrap();
        watches.iter().find(|watch| watch["kind"] == "Secret" && watch["name"] == SECRET).unwrap().clone()
    }

    async fn until_in_sync(&self) {
        eventually("the watch to be in sync", async || {
            (self.standing().await["inSync"] == true).then_some(())
        })
        .await;
    }

    /// Waits for a problem with the watch that says this.
    async fn until_problem(&self, expected: &str) {
        eventually(&format!("a problem that says {expected:?}"), async || {
            let standing = self.standing().await;
            (standing["problem"].as_str()?.contains(expected) && standing["inSync"] == false).then_some(())
        })
        .await;
    }

    fn assert_no_value_in_the_log(&self) {
        let output = self.gateway.process.output();
        for value in ["upstream-token", "seen-token"] {
            assert!(!output.contains(value), "{output}");
            // As it stands in base64 at any place; what is around may differ.
            assert!(!output.contains(&STANDARD.encode(value)[..12]), "{output}");
        }
    }
}

/// What is done to a watch.
type Fault = fn(Watch);

const FAULTS: [(&str, &str, Fault); 10] = [
    ("an end", "ended the watch", drop),
    ("a broken connection", "error reading a body", Watch::cut),
    ("a broken connection within a line", "error reading a body", |watch| {
        let line = line("MODIFIED", &secret("seen-token-cut"));
        watch.send(line[..line.len() / 2].to_owned());
        watch.cut();
    }),
    ("an end within a line", "ended the watch", |watch| {
        watch.send(line("MODIFIED", &secret("seen-token-half")).trim_end().to_owned());
    }),
    ("an expired version", "410, too old", |watch| {
        watch.send(line(
            "ERROR",
            &json!({"kind": "Status", "code": 410, "message": "too old resource version"}),
        ));
    }),
    ("text that is no JSON", "no event", |watch| watch.send("seen-token-garbage\n")),
    ("an object that is no Secret", "cannot be read as a Secret", |watch| {
        watch.send(line("MODIFIED", &json!({"metadata": {"name": SECRET}, "data": "seen-token-text"})));
    }),
    ("a value that is no base64", "cannot be read as a Secret", |watch| {
        watch.send(line(
            "ADDED",
            &json!({"metadata": {"name": SECRET}, "data": {"token": "seen-token-plain"}}),
        ));
    }),
    ("another Secret", "was not asked for", |watch| {
        let mut other = secret("seen-token-other");
        other["metadata"]["name"] = json!("other");
        watch.send(line("MODIFIED", &other));
    }),
    ("a line without an end", "more than 8388608 bytes", |watch| {
        for _ in 0..9 {
            watch.send("x".repeat(1024 * 1024));
        }
        // It stays open.
        std::mem::forget(watch);
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn however_a_watch_ends_what_was_seen_stays_and_what_has_changed_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    for (name, problem, fault) in FAULTS {
        let api = ApiServer::start("seen-token-one").await;
        let stage = Stage::start(&api, &server, &log).await;
        stage.until_in_sync().await;
        let watch = api.watch().await;
        watch.send(line("BOOKMARK", &json!({"metadata": {"resourceVersion": "9"}})));
        watch.send(line("MODIFIED", &secret("seen-token-two")));
        stage.until_used("seen-token-two").await;

        // What comes next is not what was before.
        api.answer(500, "");
        fault(watch);
        stage.until_problem("500").await;
        assert_eq!(stage.used().await.as_deref(), Some("seen-token-two"), "{name}");
        api.set("seen-token-three");
        api.heal();
        stage.until_used("seen-token-three").await;
        stage.until_in_sync().await;
        let output = stage.gateway.process.output();
        assert!(output.contains(problem), "{name}: {output}");
        stage.assert_no_value_in_the_log();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_answers_wrongly_is_told_and_the_files_count_until_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let status =
        |code: u16, message: &str| json!({"kind": "Status", "code": code, "message": message}).to_string();
    let list = |item: &Value| json!({"metadata": {"resourceVersion": "7"}, "items": [item]}).to_string();
    for (code, body, expected) in [
        (401, status(401, "Unauthorized"), "401, Unauthorized; the token in --kubernetes-dir"),
        (
            403,
            status(403, "secrets is forbidden"),
            "403, secrets is forbidden; the gateway's Role must allow",
        ),
        (500, "seen-token-page".to_owned(), "refuses: 500"),
        (302, String::new(), "refuses: 302"),
        (200, "seen-token-page".to_owned(), "list cannot be read as a Secret"),
        (200, json!({"metadata": {}, "items": []}).to_string(), "no resourceVersion"),
        (200, list(&json!({"metadata": {"name": "other"}, "data": {}})), "was not asked for"),
        (200, "x".repeat(9 * 1024 * 1024), "the API server's answer: length limit exceeded"),
    ] {
        let api = ApiServer::start("seen-token-one").await;
        api.answer(code, body);
        let stage = Stage::start(&api, &server, &log).await;
        stage.until_problem(expected).await;
        assert_eq!(stage.used().await.as_deref(), Some("upstream-token-one"), "{expected}");
        api.heal();
        stage.until_used("seen-token-one").await;
        stage.until_in_sync().await;
        assert!(stage.standing().await.get("problem").is_none(), "{expected}");
        stage.assert_no_value_in_the_log();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_ends_each_watch_at_once_is_asked_ever_more_seldom() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    let api = ApiServer::start("seen-token-one").await;
    api.end_watches();
    let stage = Stage::start(&api, &server, &log).await;
    let asked = eventually("six attempts", async || {
        let asked = api.asked();
        (asked.len() >= 12).then_some(asked)
    })
    .await;
    // Half of 250 ms, and twice as much after each: no machine is too slow for that.
    let (first, sixth) = (asked[0], asked[10]);
    assert!(sixth - first >= Duration::from_millis(125 + 250 + 500 + 1000 + 2000), "{asked:?}");
    assert_eq!(stage.used().await.as_deref(), Some("seen-token-one"), "each list was taken up all the same");
    stage.until_problem("the API server has ended the watch").await;
}

#[tokio::test]
async fn a_watch_without_the_files_of_an_account_is_told_and_a_gateway_serves_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = fixture("both", "upstream-token-one", &log).await;
    for (file, text, expected) in [
        ("token", None, "kubernetes/token: No such file"),
        ("namespace", None, "kubernetes/namespace: No such file"),
        ("ca.crt", None, "kubernetes/ca.crt: No such file"),
        ("ca.crt", Some("none"), "ca.crt holds no PEM certificate"),
        ("token", Some("two\nlines"), "token is no token"),
    ] {
        let api = ApiServer::start("seen-token-one").await;
        let folder = folders();
        write_document(&folder, &document(&server.url, 1).to_string());
        let flags = api.flags(folder.path());
        let path = folder.path().join("kubernetes").join(file);
        let good = std::fs::read(&path).unwrap();
        match text {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let stage = Stage { gateway: Gateway::start(folder, &flags).await, log: &log };
        stage.until_problem(expected).await;
        assert_eq!(stage.used().await.as_deref(), Some("upstream-token-one"), "{expected}");
        std::fs::write(&path, good).unwrap();
        stage.until_used("seen-token-one").await;
    }
}
