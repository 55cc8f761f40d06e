//! An OpenID Connect issuer for one machine and one run: discovery, keys, and a token for each persona.
//!
//! It has no log-in and no token endpoint. Its key exists in this process only, so that a token of an
//! earlier run is worth nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::output::CommandError;

/// How long a token is valid.
const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
const KEY_ID: &str = "dev";

pub(super) struct Issuer {
    url: String,
    key: EncodingKey,
    server: JoinHandle<()>,
}

impl Issuer {
    pub(super) async fn start(address: SocketAddr) -> Result<Self, CommandError> {
        let wrong = |error: &dyn std::fmt::Display| CommandError::new(format!("development issuer: {error}"));
        let document = EcdsaKeyPair::generate_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &aws_lc_rs::rand::SystemRandom::new(),
        )
        .map_err(|error| wrong(&error))?;
        let key = EncodingKey::from_ec_der(document.as_ref());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|error| wrong(&error))?;
        public.common.key_id = Some(KEY_ID.to_owned());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| wrong(&format!("{address}: {error}; choose another with --issuer-listen")))?;
        let address = listener.local_addr().map_err(|error| wrong(&error))?;
        let url = format!("http://{address}");
        let documents =
            Arc::new(Documents { discovery: discovery(&url), keys: json!({ "keys": [public] }).to_string() });
        let server = tokio::spawn(serve(listener, documents));
        Ok(Self { url, key, server })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A token for `user`, good for every one of `audiences`.
    pub(super) fn token(
        &self,
        user: &str,
        groups: &[String],
        audiences: &[String],
    ) -> Result<String, CommandError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = json!({
            "iss": self.url,
            "sub": user,
            "aud": audiences,
            "groups": groups,
            "iat": now.as_secs(),
            "exp": now.saturating_add(TOKEN_LIFETIME).as_secs(),
        });
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(KEY_ID.to_owned());
        header.typ = Some("at+jwt".to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|error| CommandError::new(format!("no token for {user}: {error}")))
    }

    pub(super) fn stop(&self) {
        self.server.abort();
    }
}

struct Documents {
    discovery: String,
    keys: String,
}

/// The members that OpenID Connect Discovery 1.0 requires, section 3.
fn discovery(url: &str) -> String {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
    .to_string()
}

async fn serve(listener: tokio::net::TcpListener, documents: Arc<Documents>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let documents = Arc::clone(&documents);
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let documents = Arc::clone(&documents);
            async move { Ok::<_, Infallible>(answer(&documents, request.uri().path())) }
        });
        tokio::spawn(async move {
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection to the development issuer ended with an error");
            }
        });
    }
}

fn answer(documents: &Documents, path: &str) -> Response<Full<Bytes>> {
    let (status, text) = match path {
        "/.well-known/openid-configuration" => (StatusCode::OK, documents.discovery.clone()),
        "/keys" => (StatusCode::OK, documents.keys.clone()),
        _ => (
            StatusCode::NOT_FOUND,
            json!({"error": "the development issuer has no log-in; use the tokens that `lychgate dev` printed"})
                .to_string(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
