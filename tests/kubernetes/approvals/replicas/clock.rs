//! A replica whose clock is wrong, ahead or behind by minutes.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::StatusCode;
use lychgate_tests_cluster::Cluster;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::race::{insert, rows};
use super::{DEPLOYMENT, Line, Site, refused, runs};
use crate::approvals::people::{alice, carol};
use crate::support::kubelet::{self, Pod};
use crate::support::process::finish;
use crate::support::workspace;

const SECONDS: i64 = 600;
const DIFFER: &str = "the clocks of this gateway and of its cluster differ by";

/// A replica that goes by a clock of the test's.
pub struct Wrong {
    pub pod: Pod,
    pub line: Arc<Line>,
    folder: TempDir,
}

impl Wrong {
    /// Starts one whose clock is right.
    pub async fn start(cluster: &Cluster, site: &Site) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("clock.so");
        let mut compile = Command::new("cc");
        let source = workspace().join("tests/kubernetes/approvals/replicas/clock.c");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        let compiled = finish(compile, "").await;
        assert_eq!(compiled.code, 0, "{}", compiled.errors);
        let clock = folder.path().join("ahead");
        std::fs::write(&clock, 0_i64.to_ne_bytes()).unwrap();
        let variables = vec![
            ("LD_PRELOAD".to_owned(), library.into_os_string()),
            ("LYCHGATE_TEST_CLOCK".to_owned(), clock.into_os_string()),
        ];
        let pod = kubelet::run_with(cluster, site.namespace, DEPLOYMENT, variables).await;
        let line = site.line(cluster, &pod).await;
        Self { pod, line, folder }
    }

    /// Sets its clock to so many seconds ahead; the process sees it at once.
    fn set(&self, ahead: i64) {
        use std::os::unix::fs::FileExt as _;
        let path: PathBuf = self.folder.path().join("ahead");
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&ahead.to_ne_bytes(), 0).unwrap();
    }

    fn holds(&self, amount: u32) -> tokio::task::JoinHandle<Option<String>> {
        let line = Arc::clone(&self.line);
        tokio::spawn(async move { line.held("execute_sql", &insert(amount).0).await })
    }
}

/// Nothing is made by a clock that is wrong, and everything by one that is right again.
pub async fn check(cluster: &Cluster, site: &Site, wrong: &Wrong, right: &Line) {
    ahead(cluster, site, wrong, right).await;
    behind(cluster, site, wrong).await;
    expired(cluster, site, wrong, right).await;
}

async fn ahead(cluster: &Cluster, site: &Site, wrong: &Wrong, right: &Line) {
    let waiting = site.approvals(cluster, &alice());
    let (arguments, text) = insert(4000);
    let answer = wrong.holds(4000);
    waiting.only(&text).await;
    wrong.set(SECONDS);
    waiting.approve(&text).await;
    refused(&answer.await.unwrap().unwrap(), DIFFER);
    assert!(wrong.pod.process.output().contains("seconds ahead of the API server's"), "the log says it, too");
    let approved = waiting.becomes(&text, "Approved").await;
    assert!(approved["status"]["consumed"].is_null(), "{approved}");
    assert_eq!(rows(&site.server, 4000).await, 0);

    // Nobody is asked what could not be timed. What waits for nobody goes on.
    let (other, its_text) = insert(4001);
    refused(&wrong.line.calls("execute_sql", &other).await, DIFFER);
    assert_eq!(waiting.of(&its_text).await, Vec::<serde_json::Value>::new());
    let list = r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#;
    let (token, session) = (Some(wrong.line.token.as_str()), wrong.line.session.as_deref());
    let (status, _, listed) = wrong.line.agent.post(token, session, list).await;
    assert!(status == StatusCode::OK && listed.contains("execute_sql"), "{listed}");

    // A replica whose clock is right takes the same approval.
    let answer = right.calls("execute_sql", &arguments).await;
    assert!(runs(&answer), "{answer}");
    assert_eq!(rows(&site.server, 4000).await, 1);
    wrong.set(0);
    refused(&wrong.line.calls("execute_sql", &other).await, "waits for approval");
}

async fn behind(cluster: &Cluster, site: &Site, wrong: &Wrong) {
    let waiting = site.approvals(cluster, &alice());
    let (arguments, text) = insert(4002);
    let answer = wrong.holds(4002);
    waiting.only(&text).await;
    wrong.set(-SECONDS);
    waiting.approve(&text).await;
    let answer = answer.await.unwrap().unwrap();
    assert!(answer.contains("the token is not valid yet"), "{answer}");
    let approved = waiting.becomes(&text, "Approved").await;
    assert!(approved["status"]["consumed"].is_null(), "{approved}");
    // The caller's token is of a time that has not come yet.
    let (status, text) = wrong.line.send("application/json", "execute_sql", &arguments).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{text}");
    assert_eq!(rows(&site.server, 4002).await, 0);
    wrong.set(0);
    let answer = wrong.line.calls("execute_sql", &arguments).await;
    assert!(runs(&answer), "{answer}");
    assert_eq!(rows(&site.server, 4002).await, 1);
}

/// What has expired opens nothing, also where the clock says that it has not.
async fn expired(cluster: &Cluster, site: &Site, wrong: &Wrong, right: &Line) {
    let waiting = site.approvals(cluster, &carol());
    let arguments = json!({"object_type": "table", "pattern": "ord%"});
    refused(&right.calls("search_objects", &arguments).await, "waits for approval");
    waiting.approve("ord%").await;
    let over = waiting.becomes("ord%", "Expired").await;
    assert!(over["status"]["consumed"].is_null(), "{over}");
    wrong.set(-SECONDS);
    let (status, text) = wrong.line.send("application/json", "search_objects", &arguments).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{text}");
    wrong.set(0);
    refused(&right.calls("search_objects", &arguments).await, "its approval has expired");
    assert!(waiting.only("ord%").await["status"]["consumed"].is_null());
}
