//! Projected tokens of the gateway's own service account, which a kubelet writes and replaces (KEP-1205).
//!
//! Such a token is good for one audience, so it needs no list of hosts: it opens nothing but the server that it
//! was made for. That holds only while the file is the one that the document speaks of, which a pod that is
//! older than its document need not have; so the audience is compared before a token leaves. Its signature is
//! the server's to check.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::secret::{ReadError, Secret};
use crate::values::Values;

/// Reads the token of the credential `name`, made for `audience`, as it is at this moment, and when it expires, in
/// seconds since 1970.
///
/// # Errors
/// There is none, or it is none that the server could accept: not a JSON Web Token, for another audience, or
/// expired.
pub fn read(values: &Values, name: &str, audience: &str, now: u64) -> Result<(Secret, u64), ReadError> {
    let token = values.token(name)?;
    match expiry(token.expose(), audience, now) {
        Ok(expires) => Ok((token, expires)),
        Err(problem) => Err(ReadError::UnusableToken { credential: name.to_owned(), problem }),
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: Audience,
    exp: u64,
}

/// One audience, or several (RFC 7519, section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// When a token expires, or why it is none that could be sent.
fn expiry(token: &str, audience: &str, now: u64) -> Result<u64, &'static str> {
    let claims = claims(token).ok_or("is not a JSON Web Token with aud and exp")?;
    let only_ours = match &claims.aud {
        Audience::One(one) => one == audience,
        Audience::Several(several) => several.iter().all(|one| one == audience) && !several.is_empty(),
    };
    if !only_ours {
        Err("is not for the audience that the policy names, or not for it alone")
    } else if claims.exp <= now {
        Err("has expired")
    } else {
        Ok(claims.exp)
    }
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use super::{expiry, read};
    use crate::live::Live;
    use crate::secret::{Mounts, ReadError};
    use crate::values::Values;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn only_a_token_for_the_named_audience_alone_and_before_its_end_is_sent() {
        for (claims, usable) in [
            (r#"{"aud":["db"],"exp":101}"#, true),
            (r#"{"aud":"db","exp":101}"#, true),
            (r#"{"aud":["db"],"exp":100}"#, false),
            (r#"{"aud":["db"]}"#, false),
            (r#"{"exp":101}"#, false),
            (r#"{"aud":[],"exp":101}"#, false),
            (r#"{"aud":["other"],"exp":101}"#, false),
            (r#"{"aud":["db","https://kubernetes.default.svc"],"exp":101}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(expiry(&token(claims), "db", 100).is_ok(), usable, "{claims}");
        }
        for text in ["opaque", "a.b", "a.b.c.d", "..", "e30.%%.c2ln"] {
            assert!(expiry(text, "db", 100).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_read_from_the_file_of_its_credential_and_problems_name_the_credential() {
        let folder = tempfile::tempdir().unwrap();
        let values = |tokens| {
            let mounts = Mounts { secrets: "/nowhere".into(), config_maps: "/nowhere".into(), tokens };
            Values::new(mounts, Arc::new(Live::default()))
        };
        let with_tokens = values(Some(folder.path().into()));
        let missing = || ReadError::NoToken { credential: "default".into() };
        assert_eq!(read(&values(None), "default", "db", 0).err(), Some(missing()));
        assert_eq!(read(&with_tokens, "default", "db", 0).err(), Some(missing()));

        std::fs::create_dir(folder.path().join("default")).unwrap();
        let file = folder.path().join("default/token");
        let good = token(r#"{"aud":["db"],"exp":101}"#);
        std::fs::write(&file, &good).unwrap();
        let sent = read(&with_tokens, "default", "db", 100);
        assert_eq!(sent.map(|(token, expires)| (token.expose().to_owned(), expires)), Ok((good, 101)));
        for (text, now) in [("", 100), ("opaque", 100), (&token(r#"{"aud":["db"],"exp":101}"#), 101)] {
            std::fs::write(&file, text).unwrap();
            let error = read(&with_tokens, "default", "db", now).err().unwrap();
            assert!(matches!(error, ReadError::UnusableToken { .. }), "{error:?}");
            let told = error.to_string();
            assert!(told.contains("credential default") && !told.contains("opaque"), "{told}");
        }
    }
}
