//! Tokens that were verified before, so that a client which sends the same one again costs a hash and no signature.
//!
//! What is kept is who the caller is, never the token, which is found by its SHA-256. Nothing is believed for longer
//! than the token itself would be: its time is looked at again, and the issuer must still have the very key that it
//! was verified with. When an issuer's keys are fetched anew, every token is verified anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Algorithm, DecodingKey};
use lychgate_gateway_policy::Caller;
use serde_json::{Map, Value};

/// How many tokens are known at once; more make all of them be verified anew.
const MAXIMUM_TOKENS: usize = 1024;

/// The SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// The tokens that one connection has verified.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<Digest, (Lifetime, Arc<Verified>)>>);

/// What was found of a token.
pub(super) struct Verified {
    pub(super) issuer: String,
    pub(super) key_id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: Arc<DecodingKey>,
    pub(super) caller: Caller,
}

/// When a token is good, in seconds since the Unix epoch (RFC 7519, sections 4.1.4 and 4.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    expires: u64,
    not_before: u64,
}

impl Lifetime {
    /// The lifetime in claims; none where it is not in whole seconds, which is rare enough to be verified each time.
    pub(super) fn of(claims: &Map<String, Value>) -> Option<Self> {
        let not_before = claims.get("nbf").map_or(Some(0), Value::as_u64)?;
        Some(Self { expires: claims.get("exp")?.as_u64()?, not_before })
    }

    /// Whether the token is good at `now`, where clocks may differ by `leeway` seconds.
    fn holds(self, now: u64, leeway: u64) -> bool {
        self.expires.saturating_add(leeway) >= now && self.not_before <= now.saturating_add(leeway)
    }
}

/// The name that a token is found by.
pub(super) fn name(token: &str) -> Option<Digest> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

impl VerifiedTokens {
    /// What was found of the token, if it is good at `now`. Whoever asks looks whether its key is still there.
    pub(super) fn find(&self, name: &Digest, now: u64, leeway: u64) -> Option<Arc<Verified>> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (lifetime, verified) = tokens.get(name)?;
        lifetime.holds(now, leeway).then(|| Arc::clone(verified))
    }

    /// Keeps what was found of a token. Where there is no room, those that have expired go, and else all.
    pub(super) fn keep(&self, name: Digest, lifetime: Lifetime, verified: Verified, now: u64, leeway: u64) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAXIMUM_TOKENS {
            tokens.retain(|_, (lifetime, _)| lifetime.holds(now, leeway));
        }
        if tokens.len() >= MAXIMUM_TOKENS {
            tokens.clear();
        }
        tokens.insert(name, (lifetime, Arc::new(verified)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, DecodingKey};
    use lychgate_gateway_policy::Caller;
    use serde_json::json;

    use super::{Lifetime, MAXIMUM_TOKENS, Verified, VerifiedTokens, name};
    use crate::caller::{Authenticator, Trusted, Unauthenticated};
    use crate::service_account::Cluster;

    fn lifetime(claims: &serde_json::Value) -> Option<Lifetime> {
        Lifetime::of(claims.as_object().unwrap())
    }

    fn until(expires: u64) -> Lifetime {
        lifetime(&json!({"exp": expires, "nbf": 1000})).unwrap()
    }

    fn verified() -> Verified {
        Verified {
            issuer: "https://idp".into(),
            key_id: None,
            algorithm: Algorithm::RS256,
            key: Arc::new(DecodingKey::from_rsa_raw_components(&[1], &[3])),
            caller: Caller::anonymous(),
        }
    }

    #[test]
    fn a_token_is_known_while_it_is_good_by_either_clock_and_no_longer() {
        let tokens = VerifiedTokens::default();
        let this = name("this").unwrap();
        tokens.keep(this, until(2000), verified(), 1500, 30);
        for (now, expected) in
            [(969, false), (970, true), (1500, true), (2000, true), (2030, true), (2031, false)]
        {
            assert_eq!(tokens.find(&this, now, 30).is_some(), expected, "{now}");
        }
        assert!(tokens.find(&name("that").unwrap(), 1500, 30).is_none());
    }

    #[test]
    fn a_lifetime_that_is_not_in_whole_seconds_is_not_kept() {
        for claims in
            [json!({}), json!({"exp": "2000"}), json!({"exp": 2000.5}), json!({"exp": 1, "nbf": "0"})]
        {
            assert_eq!(lifetime(&claims), None, "{claims}");
        }
        assert_eq!(lifetime(&json!({"exp": 7})), Some(Lifetime { expires: 7, not_before: 0 }));
    }

    #[test]
    fn however_many_tokens_there_are_no_more_than_that_are_known() {
        let tokens = VerifiedTokens::default();
        let of = |number: usize| name(&number.to_string()).unwrap();
        for number in 0..MAXIMUM_TOKENS {
            let lifetime = until(if number == 7 { 9000 } else { 2000 });
            tokens.keep(of(number), lifetime, verified(), 1500, 30);
        }
        tokens.keep(of(MAXIMUM_TOKENS), until(9000), verified(), 5000, 30);
        let known =
            || (0..=2 * MAXIMUM_TOKENS).filter(|number| tokens.find(&of(*number), 1500, 30).is_some());
        assert_eq!(known().collect::<Vec<_>>(), [7, MAXIMUM_TOKENS], "those that have expired went first");
        for number in MAXIMUM_TOKENS..=2 * MAXIMUM_TOKENS {
            tokens.keep(of(number), until(9000), verified(), 5000, 30);
        }
        assert!(known().count() <= MAXIMUM_TOKENS);
    }

    /// The cluster with one key, as the only issuer.
    fn authenticator() -> Authenticator {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        // An uncompressed point: a byte that says so, then both coordinates (SEC 1, section 2.3.3).
        let (x, y) = pair.public_key().as_ref().split_at(1).1.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let key = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let settings = json!({"issuer": "https://idp", "keys": [key]});
        let config = json!({
            "apiVersion": "gateway.lychgate.dev/v1alpha1",
            "sequence": 1,
            "connection": {"namespace": "test", "name": "server"},
            "gateway": {"namespace": "test", "name": "gateway"},
            "resources": ["https://gateway.test/server/mcp"],
            "identity": {"kubernetes": settings},
            "upstream": {"url": "https://server", "connectTimeoutMilliseconds": 1, "callTimeoutMilliseconds": 1},
            "limits": {"messageBytes": 65536},
        });
        let cluster = Cluster::new(&serde_json::from_value(settings).unwrap());
        Authenticator::new(&serde_json::from_value(config).unwrap(), vec![Trusted::Cluster(cluster)])
    }

    #[tokio::test]
    async fn a_token_is_verified_anew_when_its_issuer_has_another_key_now() {
        let authenticator = authenticator();
        let now = crate::state::now_seconds();
        let lifetime = lifetime(&json!({"exp": now + 3600})).unwrap();
        let issuer = authenticator.issuers.get("https://idp").unwrap();
        let key = issuer.key(None, Algorithm::ES256).await.unwrap();
        let known = Verified { algorithm: Algorithm::ES256, key, ..verified() };
        authenticator.verified.keep(name("known").unwrap(), lifetime, known, now, 30);
        let stale = Verified { algorithm: Algorithm::ES256, ..verified() };
        authenticator.verified.keep(name("stale").unwrap(), lifetime, stale, now, 30);
        let found = authenticator.authenticate(Some(b"Bearer known")).await;
        assert_eq!(found.map(|found| found.caller), Ok(Caller::anonymous()));
        let refused = authenticator.authenticate(Some(b"Bearer stale")).await.err();
        assert_eq!(refused, Some(Unauthenticated::MalformedToken), "it is no token, if it is looked at");
    }
}
