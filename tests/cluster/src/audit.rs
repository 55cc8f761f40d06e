//! What the API server was asked, by whom, and with what success: its audit log.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::wait::eventually;

/// A path that nobody serves. The requests to it only mark a place in the log.
const MARK: &str = "/lychgate-tests-audit-mark";
const PATIENCE: Duration = Duration::from_secs(10);

static MARKS: AtomicUsize = AtomicUsize::new(0);

/// How much of each request the API server records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditLevel {
    /// Who did what to which object, with what success.
    #[default]
    Metadata,
    /// The bodies too, Secrets among them.
    RequestResponse,
}

/// A request to the API server.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it came, in RFC 3339 with microseconds.
    pub time: String,
    /// In whose name it was made.
    pub user: String,
    /// The groups of that user.
    pub groups: Vec<String>,
    /// Who made it in that user's name, where it was somebody else.
    pub impersonator: Option<String>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The path and the query.
    pub uri: String,
    /// The API group, empty for the core group and for paths that are no resources.
    pub group: String,
    /// The resource in the plural, such as `configmaps`; empty for paths that are no resources.
    pub resource: String,
    /// Such as `status`; mostly empty.
    pub subresource: String,
    /// Empty for what has none.
    pub namespace: String,
    /// Empty for lists and for names that the server makes up.
    pub name: String,
    /// The HTTP status of the response.
    pub code: u16,
    /// The body of the request, where the level says so and there was one.
    pub request: Option<Value>,
    /// The object in the response, where the level says so.
    pub response: Option<Value>,
}

impl Event {
    /// Whether it would change what is stored: steady state makes no such request. Reviews of tokens and of access
    /// are created too, but stored nowhere; so are tokens.
    #[must_use]
    pub fn writes(&self) -> bool {
        let changes =
            ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str());
        let asks = ["authentication.k8s.io", "authorization.k8s.io"].contains(&self.group.as_str());
        changes && !asks && self.subresource != "token"
    }
}

impl Cluster {
    /// All requests that were answered until now, in the order of their answers; a watch counts from its beginning.
    /// Left out are the control plane's own: those of the API server to itself and of the controllers. To look at
    /// what comes after a certain moment, take the length then and skip as many now.
    ///
    /// # Panics
    ///
    /// Where the log cannot be read.
    pub async fn audit(&self) -> Vec<Event> {
        if self.has_apiserver() {
            self.mark().await;
        }
        parse(&self.audit_text())
    }

    /// Makes a request and waits until it stands in the log, behind everything that was answered before.
    async fn mark(&self) {
        let path = format!("{MARK}/{}", MARKS.fetch_add(1, Ordering::Relaxed));
        let request = http::Request::get(&path).body(Vec::new()).expect("a path of our own making");
        let _not_found = self.admin().request_text(request).await;
        let quoted = format!("{path:?}");
        eventually("the audit log to be written", PATIENCE, async || {
            if self.audit_text().contains(&quoted) {
                Ok(())
            } else {
                Err("the last request is missing".to_owned())
            }
        })
        .await;
    }

    fn audit_text(&self) -> String {
        let path = self.layout().audit_log();
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// The policy for the API server. The first rule that fits a request decides.
pub(crate) fn policy(level: AuditLevel) -> String {
    format!(
        "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:apiserver, system:kube-controller-manager]
  - level: None
    userGroups: [system:serviceaccounts:kube-system]
  - level: {level:?}
"
    )
}

/// A line of the log, as far as it is used here (audit.k8s.io/v1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
    request_object: Option<Value>,
    response_object: Option<Value>,
    request_received_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

fn parse(text: &str) -> Vec<Event> {
    // The line that is being written has no end yet.
    let complete = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
    let mut seen = HashSet::new();
    complete
        .lines()
        .map(|line| serde_json::from_str::<Line>(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .filter(|line| !line.request_uri.starts_with(MARK))
        // A watch has a line for its beginning and one for its end.
        .filter(|line| seen.insert(line.audit_id.clone()))
        .map(event)
        .collect()
}

fn event(line: Line) -> Event {
    let (user, impersonator) = match line.impersonated_user {
        Some(user) => (user, Some(line.user.username)),
        None => (line.user, None),
    };
    Event {
        time: line.request_received_timestamp,
        user: user.username,
        groups: user.groups,
        impersonator,
        verb: line.verb,
        uri: line.request_uri,
        group: line.object_ref.api_group,
        resource: line.object_ref.resource,
        subresource: line.object_ref.subresource,
        namespace: line.object_ref.namespace,
        name: line.object_ref.name,
        code: line.response_status.code,
        request: line.request_object,
        response: line.response_object,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, stage: &str, verb: &str, uri: &str) -> String {
        let user = r#"{"username":"anna","groups":["system:authenticated"]}"#;
        let time = "2026-01-02T03:04:05.000006Z";
        format!(
            r#"{{"auditID":"{id}","stage":"{stage}","verb":"{verb}","requestURI":"{uri}","user":{user},"requestReceivedTimestamp":"{time}"}}"#
        )
    }

    #[test]
    fn a_watch_counts_once_and_neither_marks_nor_half_a_line_count() {
        let log = [
            line("1", "ResponseStarted", "watch", "/api/v1/pods?watch=true"),
            line("2", "ResponseComplete", "get", &format!("{MARK}/7")),
            line("1", "ResponseComplete", "watch", "/api/v1/pods?watch=true"),
            line("3", "ResponseComplete", "get", "/version"),
            r#"{"auditID":"4","sta"#.to_owned(),
        ]
        .join("\n");
        let uris: Vec<String> = parse(&log).into_iter().map(|event| event.uri).collect();
        assert_eq!(uris, ["/api/v1/pods?watch=true", "/version"]);
    }

    #[test]
    fn questions_and_tokens_are_no_writes() {
        let [event] =
            parse(&format!("{}\n", line("1", "ResponseComplete", "create", "/"))).try_into().unwrap();
        assert!(event.writes());
        assert!(!Event { verb: "watch".to_owned(), ..event.clone() }.writes());
        assert!(!Event { group: "authorization.k8s.io".to_owned(), ..event.clone() }.writes());
        assert!(!Event { subresource: "token".to_owned(), ..event }.writes());
    }
}
