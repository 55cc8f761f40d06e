//! The way to the API server, for the few things that a gateway asks it.
//!
//! Everything goes through the gateway's own HTTP client, and only answers of a bounded length are read. Token,
//! authorities and namespace are read from their files for each question, as a kubelet has them then.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::approval::time::now_milliseconds;
use crate::clock::Clocks;
use crate::issuer::chain;
use crate::outbound::{self, SharedClient};

/// How long a connection to the API server may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take: a whole one, or of a watch its head.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest text about one object, in bytes: one of 1 MiB with every character escaped, and its metadata.
pub(crate) const MAXIMUM_OBJECT_BYTES: usize = 8 * 1024 * 1024;
/// How much of the text of a refusal is read, in bytes.
const MAXIMUM_REFUSAL_BYTES: usize = 64 * 1024;
/// How much of the API server's own words is repeated, in characters.
const MAXIMUM_WORDS: usize = 300;

/// Where the API server is, and by what it knows this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// The folder with `token`, `ca.crt` and `namespace`.
    pub kubernetes_dir: PathBuf,
    /// The URL of the API server.
    pub kubernetes_url: String,
}

/// The URL is not one to send a token to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the API server's URL {0:?} is not an https URL without path and query; name it with --kubernetes-url"
)]
pub struct ApiUrlError(pub String);

impl ApiSettings {
    /// Whether they can be used at all; whether the API server answers is another matter.
    ///
    /// # Errors
    /// The URL cannot be.
    pub fn check(&self) -> Result<(), ApiUrlError> {
        let usable = Url::parse(&self.kubernetes_url).is_ok_and(|url| {
            url.scheme() == "https"
                && url.path() == "/"
                && url.query().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if usable { Ok(()) } else { Err(ApiUrlError(self.kubernetes_url.clone())) }
    }
}

/// The way to the API server.
pub(crate) struct ApiServer {
    settings: ApiSettings,
    /// The client that trusts the authorities of this text.
    client: Mutex<Option<(String, SharedClient)>>,
    /// What its answers say of the time.
    clocks: Clocks,
}

/// A question: what is asked of which URL.
pub(crate) struct Question<'a> {
    /// The method.
    pub(crate) method: Method,
    /// The path after the host.
    pub(crate) path: &'a str,
    /// The query, as names and values.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// What is sent, with its media type.
    pub(crate) body: Option<(&'static str, Bytes)>,
}

impl<'a> Question<'a> {
    /// A GET.
    pub(crate) fn get(path: &'a str, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }
}

/// An answer, read whole.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The text.
    pub(crate) body: Bytes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

impl ApiServer {
    pub(crate) fn new(settings: ApiSettings) -> Self {
        Self { settings, client: Mutex::default(), clocks: Clocks::default() }
    }

    /// What the API server's answers say of the time, the last one above all.
    pub(crate) fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// The namespace that the gateway lives in.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) fn namespace(&self) -> Result<String, String> {
        read(&self.settings.kubernetes_dir, "namespace").map(|text| text.trim().to_owned())
    }

    /// The head of the answer, whatever its status.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Response<Incoming>, String> {
        in_time(self.send(question)).await
    }

    /// The whole answer, whatever its status, of at most `limit` bytes.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn answer(&self, question: Question<'_>, limit: usize) -> Result<Answer, String> {
        in_time(async {
            let response = self.send(question).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), limit).collect().await;
            let body = body.map_err(|error| format!("the API server's answer: {error}"))?;
            Ok(Answer { status, body: body.to_bytes() })
        })
        .await
    }

    async fn send(&self, question: Question<'_>) -> Result<Response<Incoming>, String> {
        let folder = &self.settings.kubernetes_dir;
        let token = read(folder, "token")?;
        let mut bearer = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {}", token.trim())))
            .map_err(|_| format!("{} is no token", folder.join("token").display()))?;
        bearer.set_sensitive(true);
        let mut url = Url::parse(&self.settings.kubernetes_url).map_err(|error| error.to_string())?;
        url.set_path(question.path);
        if !question.query.is_empty() {
            url.query_pairs_mut().extend_pairs(question.query);
        }
        let mut request = Request::builder()
            .method(question.method)
            .uri(url.as_str())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json");
        if let Some((kind, _)) = &question.body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let body = question.body.map(|(_, body)| body).unwrap_or_default();
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        outbound::check(request.uri())?;
        let asked = now_milliseconds();
        let response = self.client()?.request(request).await.map_err(|error| chain(&error))?;
        self.clocks.note(response.headers(), asked, now_milliseconds());
        Ok(response)
    }

    /// A client that trusts the authorities as the file has them now. All questions share its connections.
    fn client(&self) -> Result<SharedClient, String> {
        let bundle = read(&self.settings.kubernetes_dir, "ca.crt")?;
        let mut shared = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, client)) = &*shared
            && *known == *bundle
        {
            return Ok(Arc::clone(client));
        }
        let client = outbound::watching_client(&bundle, CONNECT_TIMEOUT)
            .map_err(|error| format!("{} {error}", self.settings.kubernetes_dir.join("ca.crt").display()))?;
        let client = Arc::new(client);
        *shared = Some((bundle.to_string(), Arc::clone(&client)));
        Ok(client)
    }
}

/// Why the API server does not answer, and what to do about it. `right` is what the gateway's Role must allow.
pub(crate) async fn refusal(response: Response<Incoming>, right: &str) -> String {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAXIMUM_REFUSAL_BYTES).collect().await;
    let words = body.ok().and_then(|body| words(&body.to_bytes()));
    refused(status, words, right)
}

/// The same for an answer that was read already.
pub(crate) fn refused(status: StatusCode, words: Option<String>, right: &str) -> String {
    let words = words.unwrap_or_else(|| status.to_string());
    let advice = match status {
        StatusCode::UNAUTHORIZED => {
            "; the token in --kubernetes-dir must be one of this API server, and current".to_owned()
        }
        StatusCode::FORBIDDEN => format!("; the gateway's Role must allow {right}"),
        _ => String::new(),
    };
    format!("the API server refuses: {words}{advice}")
}

/// What the API server says of a failure, for the log: nothing if it is no Status.
pub(crate) fn words(status: &[u8]) -> Option<String> {
    let Status { code, message } = serde_json::from_slice(status).ok()?;
    let message: String = message.chars().take(MAXIMUM_WORDS).collect();
    (code != 0).then(|| format!("{code}, {message}"))
}

async fn in_time<T>(asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(ANSWER_TIMEOUT, asked)
        .await
        .unwrap_or_else(|_| Err("the API server does not answer in time".to_owned()))
}

fn read(folder: &Path, file: &str) -> Result<Zeroizing<String>, String> {
    let path = folder.join(file);
    std::fs::read_to_string(&path).map(Zeroizing::new).map_err(|error| format!("{}: {error}", path.display()))
}

/// The lines of a watch.
pub(crate) struct Lines {
    body: Incoming,
    /// What has come and is no whole line yet.
    buffer: Zeroizing<Vec<u8>>,
    /// How much of it holds no line end.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, buffer: Zeroizing::default(), searched: 0 }
    }

    /// The next line; none at the end. What is no whole line at the end has not been said.
    ///
    /// # Errors
    /// The connection broke, or a line is too long: a sentence for the log.
    pub(crate) async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        loop {
            if let Some(line) = self.take()? {
                return Ok(Some(line));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| chain(&error))?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    fn take(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n').map(|end| self.searched + end) else {
            self.searched = self.buffer.len();
            return if self.searched > MAXIMUM_OBJECT_BYTES {
                Err(format!("the API server sent a line of more than {MAXIMUM_OBJECT_BYTES} bytes"))
            } else {
                Ok(None)
            };
        };
        let rest = Zeroizing::new(self.buffer.split_off(end + 1));
        self.searched = 0;
        Ok(Some(std::mem::replace(&mut self.buffer, rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiSettings, ApiUrlError, words};

    #[test]
    fn only_an_https_url_without_path_and_query_gets_a_token() {
        let check =
            |url: &str| ApiSettings { kubernetes_dir: "/".into(), kubernetes_url: url.to_owned() }.check();
        for url in ["http://10.96.0.1", "10.96.0.1:443", "https://a/path", "https://a?x", "https://me@a", ""]
        {
            assert_eq!(check(url), Err(ApiUrlError(url.to_owned())), "{url}");
        }
        for url in ["https://10.96.0.1:443", "https://[fd00::1]:6443", "https://kubernetes.default.svc"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn of_the_api_servers_own_words_no_more_is_repeated_than_a_log_line_takes() {
        assert_eq!(words(br#"{"code":403,"message":"forbidden"}"#).as_deref(), Some("403, forbidden"));
        assert_eq!(words(b"<html>"), None);
        assert_eq!(words(b"{}"), None);
        let long = format!(r#"{{"code":500,"message":"{}"}}"#, "x".repeat(1000));
        assert_eq!(words(long.as_bytes()).map(|words| words.len()), Some(305));
    }
}
