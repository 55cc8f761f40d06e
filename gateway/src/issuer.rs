//! The keys of an OpenID Connect issuer: discovered, kept, and fetched again when they must be.
//!
//! Keys are fetched at the first token, when a token names a key that is not known (at most once in
//! [`MINIMUM_REFETCH`]), and when they are older than [`MAXIMUM_AGE`]. When the issuer cannot be reached the
//! keys at hand stay in use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http_body_util::{BodyExt as _, Full, Limited};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey};
use openidconnect::core::CoreProviderMetadata;
use openidconnect::{HttpRequest, HttpResponse, IssuerUrl};

use crate::key_set::KeySet;
use crate::outbound::SharedClient;

/// The shortest time between two fetches.
pub const MINIMUM_REFETCH: Duration = Duration::from_secs(5);
/// The age at which keys are fetched again although all tokens name known ones.
pub const MAXIMUM_AGE: Duration = Duration::from_secs(10 * 60);
/// How long discovery and the keys may take together.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest document that is read from an issuer, in bytes.
const MAXIMUM_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Why an issuer's keys are not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Discovery or the key set failed, and no keys are at hand.
    #[error("the keys of {issuer} cannot be fetched: {reason}")]
    Unreachable {
        /// The issuer.
        issuer: String,
        /// What went wrong, for the log.
        reason: String,
    },
    /// The issuer has no such key.
    #[error("no key of the issuer fits the token")]
    Unknown,
}

/// One issuer and what is known of its keys.
pub struct Issuer {
    url: String,
    client: SharedClient,
    keys: ArcSwapOption<Keys>,
    fetching: tokio::sync::Mutex<Option<Instant>>,
}

struct Keys {
    set: KeySet,
    fetched: Instant,
}

impl Issuer {
    /// An issuer of which nothing is fetched yet.
    #[must_use]
    pub fn new(url: String, client: SharedClient) -> Self {
        Self { url, client, keys: ArcSwapOption::empty(), fetching: tokio::sync::Mutex::new(None) }
    }

    /// The key that a token's header asks for.
    ///
    /// # Errors
    /// There is no such key, or no key at all can be had.
    pub async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<DecodingKey>, KeyError> {
        if let Some(keys) = &*self.keys.load()
            && keys.fetched.elapsed() < MAXIMUM_AGE
            && let Some(key) = keys.set.find(id, algorithm)
        {
            return Ok(key);
        }
        let failure = self.refetch().await.err();
        match (&*self.keys.load(), failure) {
            (Some(keys), _) => keys.set.find(id, algorithm).ok_or(KeyError::Unknown),
            (None, reason) => Err(KeyError::Unreachable {
                issuer: self.url.clone(),
                reason: reason.unwrap_or_else(|| "the last attempt failed a moment ago".to_owned()),
            }),
        }
    }

    /// Fetches the keys, unless that was tried a moment ago. Callers that come meanwhile wait for the one fetch.
    async fn refetch(&self) -> Result<(), String> {
        let mut last = self.fetching.lock().await;
        if last.is_some_and(|last| last.elapsed() < MINIMUM_REFETCH) {
            return Ok(());
        }
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.fetch())
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()));
        *last = Some(Instant::now());
        match fetched {
            Ok(set) => {
                tracing::info!(issuer = self.url, keys = set.len(), "issuer keys fetched");
                self.keys.store(Some(Arc::new(Keys { set, fetched: Instant::now() })));
                Ok(())
            }
            Err(reason) => {
                tracing::warn!(issuer = self.url, reason, "issuer keys cannot be fetched");
                Err(reason)
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let issuer = IssuerUrl::new(self.url.clone()).map_err(|error| error.to_string())?;
        let get = |request: HttpRequest| get(Arc::clone(&self.client), request);
        let metadata =
            CoreProviderMetadata::discover_async(issuer, &get).await.map_err(|error| chain(&error))?;
        let text = serde_json::to_string(metadata.jwks()).map_err(|error| error.to_string())?;
        let set: JwkSet = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let usable = KeySet::new(set.keys);
        if usable.is_empty() { Err("the issuer publishes no usable key".to_owned()) } else { Ok(usable) }
    }
}

async fn get(client: SharedClient, request: HttpRequest) -> Result<HttpResponse, FetchError> {
    let (parts, body) = request.into_parts();
    crate::outbound::check(&parts.uri).map_err(FetchError)?;
    let request = http::Request::from_parts(parts, Full::new(body.into()));
    let response = client.request(request).await.map_err(|error| FetchError(chain(&error)))?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MAXIMUM_DOCUMENT_BYTES)
        .collect()
        .await
        .map_err(|error| FetchError(error.to_string()))?;
    Ok(http::Response::from_parts(parts, body.to_bytes().to_vec()))
}

/// A request to an issuer failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct FetchError(String);

/// An error with all of its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
