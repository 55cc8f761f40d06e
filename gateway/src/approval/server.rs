//! Approvals at the API server.

use bytes::Bytes;
use http::{Method, StatusCode};
use lychgate_crds::approval::{Approval, ApprovalStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::seen::name;
use super::store::{StoreError, Unproved};
use crate::api_server::{self, Answer, ApiServer, Lines, MAXIMUM_OBJECT_BYTES, Question};

/// The media type of the patches that are sent (RFC 7386).
const MERGE_PATCH: &str = "application/merge-patch+json";
/// How many Approvals are listed at once.
const PAGE: &str = "250";
/// The longest page, in bytes.
const MAXIMUM_PAGE_BYTES: usize = 64 * 1024 * 1024;
/// How long the API server lets one watch last at most, in seconds.
const LONGEST_WATCH_SECONDS: &str = "1500";
/// How the admission policy's name begins and ends; an installation that watches some namespaces puts its own between.
const GUARD: (&str, &str) = ("ValidatingAdmissionPolicy 'approval-votes.", "lychgate.dev' with binding ");
/// The name under which the forged vote stands. Nobody has it.
const FORGER: &str = "lychgate:probe";
/// What a gateway's Role must allow.
const RIGHT: &str = "create, get, list, watch and patch on approvals, and get and patch on approvals/status";

/// A page of a list.
#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    items: Vec<Approval>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(default, rename = "continue")]
    continue_: String,
}

/// A line of a watch.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

/// What a watch tells.
pub(super) enum Told {
    /// An Approval as it is now.
    Is(Box<Approval>),
    /// One that is no more.
    Gone(String),
    /// Nothing has changed.
    Nothing,
}

/// The Approvals of a gateway, all of them.
pub(super) struct Listed {
    pub(super) approvals: Vec<Approval>,
    /// Where a watch goes on.
    pub(super) version: String,
}

/// Makes an Approval.
pub(super) async fn create(api: &ApiServer, approval: &Approval) -> Result<Approval, StoreError> {
    let mut object = serde_json::to_value(approval).map_err(|error| StoreError::Other(error.to_string()))?;
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    let path = path(api, "")?;
    let body = Some(("application/json", Bytes::from(object.to_string())));
    let question = Question { method: Method::POST, path: &path, query: &[], body };
    let answer = api.answer(question, MAXIMUM_OBJECT_BYTES).await.map_err(StoreError::Other)?;
    match answer.status {
        StatusCode::CONFLICT => Err(StoreError::Exists),
        _ => one(&answer),
    }
}

/// The Approval of that name, if there is one.
pub(super) async fn get(api: &ApiServer, name: &str) -> Result<Option<Approval>, StoreError> {
    let path = path(api, &format!("/{name}"))?;
    let answer =
        api.answer(Question::get(&path, &[]), MAXIMUM_OBJECT_BYTES).await.map_err(StoreError::Other)?;
    if answer.status == StatusCode::NOT_FOUND { Ok(None) } else { one(&answer).map(Some) }
}

/// Writes phase, use and conditions of `status`, if `read` is still what the API server has.
pub(super) async fn write(
    api: &ApiServer,
    read: &Approval,
    status: &ApprovalStatus,
) -> Result<Approval, StoreError> {
    let mut written = json!({"phase": status.phase, "conditions": status.conditions});
    if let (Some(consumed), Some(members)) = (&status.consumed, written.as_object_mut()) {
        members.insert("consumed".to_owned(), json!(consumed));
    }
    let (version, uid) = (&read.metadata.resource_version, &read.metadata.uid);
    if version.is_none() || uid.is_none() {
        return Err(StoreError::Other("an Approval without resourceVersion or uid".to_owned()));
    }
    let patch = json!({"metadata": {"resourceVersion": version, "uid": uid}, "status": written});
    let answer = patched(api, &format!("/{}/status", name(read)), &[], &patch).await?;
    match answer.status {
        StatusCode::CONFLICT => Err(StoreError::Conflict),
        _ => one(&answer),
    }
}

/// Proves that the admission policy that keeps votes honest stands before this very Approval: a vote in a name that
/// nobody has, which is only tried, must be refused by it and by nothing else. An Approval that has changed meanwhile
/// proves nothing: if it has ended, the rules of its definition are the first to refuse.
///
/// # Errors
/// It is not, as far as this can tell.
pub(super) async fn prove_guard(api: &ApiServer, approval: &Approval) -> Result<(), Unproved> {
    let vote = json!({
        "decision": "Approve", "reason": "a probe that must be refused", "digest": approval.spec.request.digest,
    });
    let (version, uid) = (&approval.metadata.resource_version, &approval.metadata.uid);
    let patch =
        json!({"metadata": {"resourceVersion": version, "uid": uid}, "spec": {"votes": {FORGER: vote}}});
    let tried = patched(api, &format!("/{}", name(approval)), &[("dryRun", "All")], &patch).await;
    let answer = tried.map_err(|error| Unproved::Unguarded(error.to_string()))?;
    if answer.status == StatusCode::CONFLICT {
        return Err(Unproved::Changed);
    }
    if answer.status.is_success() {
        let words = "a vote in a foreign name was not refused; is the chart's admission policy bound?";
        return Err(Unproved::Unguarded(words.to_owned()));
    }
    let words = api_server::words(&answer.body).unwrap_or_default();
    let is_guard = words.split_once(GUARD.0).is_some_and(|(_, rest)| {
        rest.split_once(GUARD.1).is_some_and(|(between, _)| !between.contains(['\'', ' ']))
    });
    let is_refusal = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::UNPROCESSABLE_ENTITY);
    if is_guard && is_refusal {
        Ok(())
    } else {
        let words = format!("a vote in a foreign name was refused, but not by the admission policy: {words}");
        Err(Unproved::Unguarded(words))
    }
}

/// All Approvals that `gateway`, a user name, has made.
pub(super) async fn list(api: &ApiServer, gateway: &str) -> Result<Listed, String> {
    let path = path(api, "").map_err(|error| error.to_string())?;
    let selector = selector(gateway);
    let mut listed = Listed { approvals: Vec::new(), version: String::new() };
    let mut page = String::new();
    loop {
        let mut query = vec![("fieldSelector", selector.as_str()), ("limit", PAGE)];
        if !page.is_empty() {
            query.push(("continue", &page));
        }
        let answer = api.answer(Question::get(&path, &query), MAXIMUM_PAGE_BYTES).await?;
        if answer.status != StatusCode::OK {
            return Err(api_server::refused(answer.status, api_server::words(&answer.body), RIGHT));
        }
        let List { metadata, items } = serde_json::from_slice(&answer.body)
            .map_err(|error| format!("the API server's list of Approvals: {error}"))?;
        listed.approvals.extend(items);
        listed.version = metadata.resource_version;
        if metadata.continue_.is_empty() {
            return if listed.version.is_empty() {
                Err("the API server's list has no resourceVersion".to_owned())
            } else {
                Ok(listed)
            };
        }
        page = metadata.continue_;
    }
}

/// What becomes of them after `version`, whatever their phase: a watch on one phase would end in DELETED with the old.
pub(super) async fn watch(api: &ApiServer, gateway: &str, version: &str) -> Result<Lines, String> {
    let path = path(api, "").map_err(|error| error.to_string())?;
    let selector = selector(gateway);
    let query = [
        ("fieldSelector", selector.as_str()),
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("resourceVersion", version),
        ("timeoutSeconds", LONGEST_WATCH_SECONDS),
    ];
    let response = api.ask(Question::get(&path, &query)).await?;
    if response.status() == StatusCode::OK {
        Ok(Lines::new(response.into_body()))
    } else {
        Err(api_server::refusal(response, RIGHT).await)
    }
}

/// Reads a line of a watch on the Approvals of `gateway`.
pub(super) fn told(gateway: &str, line: &[u8]) -> Result<Told, String> {
    let Line { kind, object } =
        serde_json::from_slice(line).map_err(|_| "the API server sent what is no event".to_owned())?;
    let approval = |object: Value| {
        let approval: Approval = serde_json::from_value(object)
            .map_err(|error| format!("what the API server sent cannot be read as an Approval: {error}"))?;
        if approval.spec.request.gateway == gateway {
            Ok(approval)
        } else {
            Err("the API server tells of an Approval that was not asked for".to_owned())
        }
    };
    match kind.as_str() {
        "ADDED" | "MODIFIED" => Ok(Told::Is(Box::new(approval(object)?))),
        "DELETED" => approval(object).map(|approval| Told::Gone(name(&approval).to_owned())),
        "BOOKMARK" => Ok(Told::Nothing),
        "ERROR" => {
            let words = api_server::words(object.to_string().as_bytes()).unwrap_or_default();
            Err(format!("the API server ends the watch: {words}"))
        }
        _ => Err("the API server sent an event of a type that is not known".to_owned()),
    }
}

async fn patched(
    api: &ApiServer,
    below: &str,
    query: &[(&str, &str)],
    patch: &Value,
) -> Result<Answer, StoreError> {
    let path = path(api, below)?;
    let body = Some((MERGE_PATCH, Bytes::from(patch.to_string())));
    let question = Question { method: Method::PATCH, path: &path, query, body };
    api.answer(question, MAXIMUM_OBJECT_BYTES).await.map_err(StoreError::Other)
}

fn one(answer: &Answer) -> Result<Approval, StoreError> {
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body)
            .map_err(|error| StoreError::Other(format!("the API server's Approval: {error}")));
    }
    let words = api_server::words(&answer.body);
    Err(StoreError::Other(api_server::refused(answer.status, words, RIGHT)))
}

fn path(api: &ApiServer, below: &str) -> Result<String, StoreError> {
    let namespace = api.namespace().map_err(StoreError::Other)?;
    Ok(format!("/apis/lychgate.dev/v1alpha1/namespaces/{namespace}/approvals{below}"))
}

/// A comma or an equals sign in a value must be escaped (Kubernetes, field selectors); no user name of a service
/// account has one, and a backslash before each does no harm.
fn selector(gateway: &str) -> String {
    let escaped = gateway.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=");
    format!("spec.request.gateway={escaped}")
}
