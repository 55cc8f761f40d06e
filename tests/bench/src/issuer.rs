//! An issuer on loopback, with one RSA key, and the tokens that it signs (RS256).

use std::convert::Infallible;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::outcome::{Outcome, Told};
use crate::server;

/// What tokens are for.
pub(crate) const AUDIENCE: &str = "https://gateway.test/bench/mcp";
/// The group of every caller.
pub(crate) const GROUP: &str = "agents";
/// How long a token is good, in seconds.
const LIFETIME_SECONDS: i64 = 3600;

pub(crate) struct Issuer {
    pub(crate) url: String,
    key: KeyPair,
}

impl Issuer {
    /// Begins to serve, on the runtime that this is called in.
    pub(crate) async fn start() -> Outcome<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048).told("an RSA key")?;
        let listener = server::listen().await?;
        let url = format!("http://{}", listener.local_addr().told("the issuer's address")?);
        let public = key.public_key();
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "bench",
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        });
        let documents = Arc::new((discovery(&url), json!({ "keys": [jwk] })));
        let service = service_fn(move |request: Request<Incoming>| {
            let documents = Arc::clone(&documents);
            async move { Ok::<_, Infallible>(answer(&documents, request.uri().path())) }
        });
        server::serve(listener, service);
        Ok(Self { url, key })
    }

    /// A token for a user. `number` makes it another one.
    pub(crate) fn token(&self, user: &str, number: usize) -> Outcome<String> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let claims = json!({
            "iss": self.url, "aud": [AUDIENCE], "sub": user, "groups": [GROUP, "everybody"],
            "iat": now, "exp": now + LIFETIME_SECONDS, "jti": number.to_string(),
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed =
            format!("{}.{}", part(json!({"typ": "at+jwt", "alg": "RS256", "kid": "bench"})), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .told("signing a token")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn discovery(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn answer(documents: &(Value, Value), path: &str) -> Response<Full<Bytes>> {
    let (discovery, keys) = documents;
    let document = if path == "/keys" { keys } else { discovery };
    server::json_response(document.to_string().into())
}
