//! The two questions of a watch: how one object is, and what becomes of it.

use std::time::Duration;

use http::StatusCode;

use super::Subject;
use super::follow::spread;
use super::object::{self, Kind};
use crate::api_server::{self, ApiServer, Lines, MAXIMUM_OBJECT_BYTES, Question};

/// How long the API server lets one watch last at most; then the object is listed anew.
const LONGEST_WATCH: Duration = Duration::from_secs(30 * 60);
/// What a gateway needs for both questions.
const RIGHT: &str = "list and watch on this very name";

/// The object as it is now, if there is one.
///
/// # Errors
/// A sentence for the log.
pub(super) async fn list<K: Kind>(
    api: &ApiServer,
    subject: &Subject,
) -> Result<object::Listed<K::Data>, String> {
    let path = path::<K>(api)?;
    let selector = selector(subject);
    let query = [("fieldSelector", selector.as_str())];
    let answer = api.answer(Question::get(&path, &query), MAXIMUM_OBJECT_BYTES).await?;
    if answer.status != StatusCode::OK {
        return Err(api_server::refused(answer.status, api_server::words(&answer.body), RIGHT));
    }
    object::listed::<K>(subject, &answer.body)
}

/// What becomes of the object after `version`.
///
/// # Errors
/// A sentence for the log.
pub(super) async fn watch<K: Kind>(
    api: &ApiServer,
    subject: &Subject,
    version: &str,
) -> Result<Lines, String> {
    let path = path::<K>(api)?;
    let selector = selector(subject);
    let seconds = spread(LONGEST_WATCH).as_secs().to_string();
    let query = [
        ("fieldSelector", selector.as_str()),
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("resourceVersion", version),
        ("timeoutSeconds", &seconds),
    ];
    let response = api.ask(Question::get(&path, &query)).await?;
    if response.status() == StatusCode::OK {
        Ok(Lines::new(response.into_body()))
    } else {
        Err(api_server::refusal(response, RIGHT).await)
    }
}

fn path<K: Kind>(api: &ApiServer) -> Result<String, String> {
    Ok(format!("/api/v1/namespaces/{}/{}", api.namespace()?, K::PLURAL))
}

/// A right on a name is one on exactly these.
fn selector(subject: &Subject) -> String {
    format!("metadata.name={}", subject.name)
}
