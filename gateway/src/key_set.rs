//! The public keys of one issuer, and which of them a token asks for.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// The keys of an issuer that can verify something.
pub struct KeySet(Vec<(Jwk, Arc<DecodingKey>)>);

impl KeySet {
    /// Takes those of `keys` that can be used. Others are for somebody else (RFC 7517, section 5).
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = Jwk>) -> Self {
        Self(keys.into_iter().filter_map(usable).collect())
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with the token's id; for a token without an id, the only key of its algorithm's family.
    #[must_use]
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut fitting = self.0.iter().filter(|(jwk, key)| {
            id.is_none_or(|id| jwk.common.key_id.as_deref() == Some(id)) && key.family() == algorithm.family()
        });
        let (_, first) = fitting.next()?;
        if id.is_none() && fitting.next().is_some() { None } else { Some(Arc::clone(first)) }
    }
}

/// Symmetric keys never come from an issuer's public document, and keys for encryption verify nothing.
fn usable(jwk: Jwk) -> Option<(Jwk, Arc<DecodingKey>)> {
    let signs = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)));
    let asymmetric = !matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_));
    if !signs || !asymmetric {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk, Arc::new(key)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::KeySet;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::Algorithm;
    use serde_json::{Value, json};

    fn key(id: &str, more: &Value) -> Value {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        // An uncompressed point: a byte that says so, then both coordinates (SEC 1, section 2.3.3).
        let (x, y) = pair.public_key().as_ref().split_at(1).1.split_at(32);
        let mut key = json!({"kty": "EC", "crv": "P-256", "kid": id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::new(keys.iter().map(|key| serde_json::from_value(key.clone()).unwrap()))
    }

    #[test]
    fn a_key_is_found_by_its_id_and_without_one_only_where_there_is_no_choice() {
        let (one, two) = (key("1", &json!({"use": "sig"})), key("2", &json!({})));
        let both = set(&[one.clone(), two]);
        assert!(both.find(Some("1"), Algorithm::ES256).is_some());
        assert!(both.find(Some("3"), Algorithm::ES256).is_none());
        assert!(both.find(Some("1"), Algorithm::PS256).is_none(), "the algorithm is not the key's");
        assert!(both.find(None, Algorithm::ES256).is_none());
        assert!(set(&[one]).find(None, Algorithm::ES256).is_some());
    }

    #[test]
    fn keys_that_cannot_verify_a_token_are_left_out() {
        let octets = json!({"kty": "oct", "k": "AAAA", "kid": "3"});
        assert!(set(&[key("1", &json!({"use": "enc"})), octets]).is_empty());
    }
}
