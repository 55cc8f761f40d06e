//! What the operator puts into the Secrets that it creates: keys of gateways and certificates.
//!
//! Each is made once and forgotten: it is neither kept nor read back.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::certificate::Authority;

/// The bytes of a gateway's key.
const KEY_BYTES: usize = 32;

/// The `data` of a Secret. It has no Debug, since it is secret.
pub struct Filled(pub Value);

/// Makes what the keys, separated by commas, ask for.
///
/// # Errors
/// A key that nobody knows how to fill, or a certificate that cannot be made.
pub fn fill(keys: &str, certificate_names: &[String], authority: &Authority) -> Result<Filled, String> {
    let mut data = Map::new();
    let mut put = |key: &str, bytes: &[u8]| {
        data.insert(key.to_owned(), Value::String(STANDARD.encode(bytes)));
    };
    if keys.split(',').any(|key| key.starts_with("tls.")) {
        let leaf = authority.issue(certificate_names)?;
        put("tls.crt", leaf.certificate.as_bytes());
        put("tls.key", leaf.key.as_bytes());
    }
    for key in keys.split(',').filter(|key| !key.starts_with("tls.")) {
        match key {
            "session" | "signing" => {
                let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
                SystemRandom::new()
                    .fill(bytes.as_mut())
                    .map_err(|_| "no randomness is to be had".to_owned())?;
                put(key, bytes.as_ref());
            }
            other => return Err(format!("nobody knows how to fill the key {other}")),
        }
    }
    Ok(Filled(Value::Object(data)))
}
