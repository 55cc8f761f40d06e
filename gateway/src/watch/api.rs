//! The two questions that a gateway has for the API server: how one object is, and what becomes of it.
//!
//! Both go through the gateway's own HTTP client, and read only answers of a bounded length. Token, authorities and
//! namespace are read from their files for each question, as a kubelet has them then.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use url::Url;
use zeroize::Zeroizing;

use super::follow::spread;
use super::object::{self, Kind};
use super::{Subject, WatchSettings};
use crate::issuer::chain;
use crate::outbound::{self, SharedClient};

/// How long a connection to the API server may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take: of a list the whole, of a watch its head.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest text about one object, in bytes: one of 1 MiB with every character escaped, and its metadata.
const MAXIMUM_OBJECT_BYTES: usize = 8 * 1024 * 1024;
/// How much of the text of a refusal is read, in bytes.
const MAXIMUM_REFUSAL_BYTES: usize = 64 * 1024;
/// How long the API server lets one watch last at most; then the object is listed anew.
const LONGEST_WATCH: Duration = Duration::from_secs(30 * 60);

/// The way to the API server.
pub(super) struct Api {
    settings: WatchSettings,
    /// The client that trusts the authorities of this text.
    client: Mutex<Option<(String, SharedClient)>>,
}

impl Api {
    pub(super) fn new(settings: WatchSettings) -> Self {
        Self { settings, client: Mutex::default() }
    }

    /// The object as it is now, if there is one.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(super) async fn list<K: Kind>(&self, subject: &Subject) -> Result<object::Listed<K::Data>, String> {
        let asked = async {
            let response = self.ask(subject, K::PLURAL, None).await?;
            let body = Limited::new(response.into_body(), MAXIMUM_OBJECT_BYTES).collect().await;
            let body = body.map_err(|error| format!("the API server's list: {error}"))?;
            object::listed::<K>(subject, &body.to_bytes())
        };
        in_time(asked).await
    }

    /// What becomes of the object after `version`.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(super) async fn watch<K: Kind>(&self, subject: &Subject, version: &str) -> Result<Lines, String> {
        let response = in_time(self.ask(subject, K::PLURAL, Some(version))).await?;
        Ok(Lines { body: response.into_body(), buffer: Zeroizing::default(), searched: 0 })
    }

    async fn ask(
        &self,
        subject: &Subject,
        plural: &str,
        after: Option<&str>,
    ) -> Result<Response<Incoming>, String> {
        let folder = &self.settings.kubernetes_dir;
        let namespace = read(folder, "namespace")?;
        let token = read(folder, "token")?;
        let mut bearer = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {}", token.trim())))
            .map_err(|_| format!("{} is no token", folder.join("token").display()))?;
        bearer.set_sensitive(true);
        let url = question(&self.settings.kubernetes_url, namespace.trim(), plural, &subject.name, after)?;
        let request = Request::get(url.as_str())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json")
            .body(Full::default())
            .map_err(|error| error.to_string())?;
        outbound::check(request.uri())?;
        let response = self.client()?.request(request).await.map_err(|error| chain(&error))?;
        if response.status() == StatusCode::OK { Ok(response) } else { Err(refusal(response).await) }
    }

    /// A client that trusts the authorities as the file has them now. Watches share its connections.
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

/// The URL of a list of the one object, or of a watch on it. A right on a name is one on exactly these.
fn question(
    base: &str,
    namespace: &str,
    plural: &str,
    name: &str,
    after: Option<&str>,
) -> Result<Url, String> {
    let mut url = Url::parse(base).map_err(|error| error.to_string())?;
    url.set_path(&format!("/api/v1/namespaces/{namespace}/{plural}"));
    let mut query = url.query_pairs_mut();
    query.append_pair("fieldSelector", &format!("metadata.name={name}"));
    if let Some(version) = after {
        query.append_pair("watch", "true").append_pair("allowWatchBookmarks", "true");
        query.append_pair("resourceVersion", version);
        query.append_pair("timeoutSeconds", &spread(LONGEST_WATCH).as_secs().to_string());
    }
    drop(query);
    Ok(url)
}

/// Why the API server does not answer, and what to do about it.
async fn refusal(response: Response<Incoming>) -> String {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAXIMUM_REFUSAL_BYTES).collect().await;
    let words =
        body.ok().and_then(|body| object::words(&body.to_bytes())).unwrap_or_else(|| status.to_string());
    let advice = match status {
        StatusCode::UNAUTHORIZED => {
            "; the token in --kubernetes-dir must be one of this API server, and current"
        }
        StatusCode::FORBIDDEN => "; the gateway's Role must allow list and watch on this very name",
        _ => "",
    };
    format!("the API server refuses: {words}{advice}")
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
pub(super) struct Lines {
    body: Incoming,
    /// What has come and is no whole line yet.
    buffer: Zeroizing<Vec<u8>>,
    /// How much of it holds no line end.
    searched: usize,
}

impl Lines {
    /// The next line; none at the end. What is no whole line at the end has not been said.
    ///
    /// # Errors
    /// The connection broke, or a line is too long: a sentence for the log.
    pub(super) async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
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
