//! Signatures of messages, as Standard Webhooks 1.0.0 has them: HMAC-SHA-256 over id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The value of the header `webhook-signature`. `seconds` is the value of `webhook-timestamp`: the time of the
/// attempt, since the Unix epoch.
#[must_use]
pub fn sign(key: &[u8], id: &str, seconds: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::sign;
    use base64::Engine as _;

    /// The vector that the libraries of Standard Webhooks test themselves with.
    #[test]
    fn a_signature_is_what_standard_webhooks_says() {
        let key =
            base64::engine::general_purpose::STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
