//! Who is calling: from the `Authorization` header to a verified [`Caller`].
//!
//! A gateway is an OAuth 2.1 resource server as MCP asks. A token counts only when its signature fits a key of
//! a configured issuer, `iss` and `aud` are ours, and its time is now; everything else is one of the
//! [`Unauthenticated`] reasons, which say what to mend and nothing about the token.

mod verified;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use lychgate_gateway_policy::Caller;
use lychgate_gateway_policy::config::{GatewayConfig, OidcIssuer};
use serde_json::{Map, Value};

use self::verified::{Digest, Lifetime, Verified, VerifiedTokens};
use crate::cluster_name;
use crate::issuer::{Issuer, KeyError};
use crate::service_account::Cluster;
use crate::state::now_seconds;

/// The longest token that is looked at, in bytes.
pub const MAXIMUM_TOKEN_BYTES: usize = 16 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY_SECONDS: u64 = 30;
/// The most groups of one caller that count; a token with more is refused rather than cut.
const MAXIMUM_GROUPS: usize = 1024;
/// The algorithms that a token may be signed with (RFC 8725: none of the symmetric ones, and never `none`).
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a request has no caller. The text is what the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There is no token, and callers without one are not served.
    #[error("send a bearer token in the Authorization header")]
    MissingToken,
    /// The header is not `Bearer`, a space, and a token.
    #[error("the Authorization header must be \"Bearer\", a space, and one token")]
    MalformedHeader,
    /// The token is no JSON Web Token, or longer than [`MAXIMUM_TOKEN_BYTES`].
    #[error("the token is not a JSON Web Token")]
    MalformedToken,
    /// The algorithm is not among the allowed ones.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// The token is of a type that is not for resource servers.
    #[error("the token is not an access token")]
    TokenType,
    /// `iss` is none of the configured issuers.
    #[error("the token's issuer is not trusted here")]
    UnknownIssuer,
    /// The issuer has no such key.
    #[error("no key of the issuer fits the token")]
    UnknownKey,
    /// The issuer's keys are not to be had at this moment.
    #[error("the issuer's keys cannot be fetched at this moment; try again")]
    KeysUnavailable,
    /// The signature does not fit.
    #[error("the token's signature does not fit")]
    Signature,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `aud` does not name this connection.
    #[error("the token is for another audience; request one for this resource")]
    Audience,
    /// The claim that holds the user's name is not there, or not text.
    #[error("the token has no claim with a user name")]
    NoUsername,
    /// The issuer says that the e-mail address, which serves as the name, is not verified.
    #[error("the token's e-mail address is not verified")]
    UnverifiedEmail,
    /// There are too many groups for the token (Entra ID leaves them out then), or more than count here.
    #[error("the token does not carry the user's groups because there are too many; limit the groups in it")]
    TooManyGroups,
    /// The groups claim is neither text nor a list of texts.
    #[error("the token's groups claim is not a list of names")]
    MalformedGroups,
    /// The cluster's issuer has signed the token, but for nobody who is a service account.
    #[error("the token is not that of a service account")]
    NotServiceAccount,
}

impl Unauthenticated {
    /// Every reason, for the docs and their test.
    pub const ALL: [Self; 17] = [
        Self::MissingToken,
        Self::MalformedHeader,
        Self::MalformedToken,
        Self::Algorithm,
        Self::TokenType,
        Self::UnknownIssuer,
        Self::UnknownKey,
        Self::KeysUnavailable,
        Self::Signature,
        Self::Expired,
        Self::NotYetValid,
        Self::Audience,
        Self::NoUsername,
        Self::UnverifiedEmail,
        Self::TooManyGroups,
        Self::MalformedGroups,
        Self::NotServiceAccount,
    ];

    /// The stable name, as records and metrics show it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MissingToken => "MissingToken",
            Self::MalformedHeader => "MalformedHeader",
            Self::MalformedToken => "MalformedToken",
            Self::Algorithm => "Algorithm",
            Self::TokenType => "TokenType",
            Self::UnknownIssuer => "UnknownIssuer",
            Self::UnknownKey => "UnknownKey",
            Self::KeysUnavailable => "KeysUnavailable",
            Self::Signature => "Signature",
            Self::Expired => "Expired",
            Self::NotYetValid => "NotYetValid",
            Self::Audience => "Audience",
            Self::NoUsername => "NoUsername",
            Self::UnverifiedEmail => "UnverifiedEmail",
            Self::TooManyGroups => "TooManyGroups",
            Self::MalformedGroups => "MalformedGroups",
            Self::NotServiceAccount => "NotServiceAccount",
        }
    }
}

/// The issuers of a connection, each with its keys, by their name in `iss`.
pub struct Authenticator {
    issuers: HashMap<String, Trusted>,
    resources: Vec<String>,
    anonymous: bool,
    verified: VerifiedTokens,
}

/// An issuer whose tokens are accepted.
pub enum Trusted {
    /// An OpenID Connect issuer, whose keys are fetched.
    Oidc(OidcIssuer, Arc<Issuer>),
    /// The cluster's own, whose keys are at hand.
    Cluster(Cluster),
}

/// A caller, with the token that proves who it is; an anonymous caller has none.
pub struct Authenticated {
    /// Who calls.
    pub caller: Caller,
    /// The token, for naming what is done with it; it never travels on.
    pub token: crate::secret::Secret,
}

impl Authenticator {
    /// Takes the issuers of `config`, each with its keys.
    #[must_use]
    pub fn new(config: &GatewayConfig, issuers: Vec<Trusted>) -> Self {
        let issuers = issuers.into_iter().map(|issuer| (issuer.name().to_owned(), issuer)).collect();
        let (resources, anonymous) = (config.resources.clone(), config.identity.anonymous);
        Self { issuers, resources, anonymous, verified: VerifiedTokens::default() }
    }

    /// Verifies the value of an `Authorization` header.
    ///
    /// # Errors
    /// One of the [`Unauthenticated`] reasons.
    pub async fn authenticate(&self, header: Option<&[u8]>) -> Result<Authenticated, Unauthenticated> {
        let Some(header) = header else {
            return if self.anonymous {
                let token = crate::secret::Secret::new(String::new());
                Ok(Authenticated { caller: Caller::anonymous(), token })
            } else {
                Err(Unauthenticated::MissingToken)
            };
        };
        let token = bearer(header)?;
        let caller = self.verify(token).await?;
        Ok(Authenticated { caller, token: crate::secret::Secret::new(token.to_owned()) })
    }

    async fn verify(&self, token: &str) -> Result<Caller, Unauthenticated> {
        if token.len() > MAXIMUM_TOKEN_BYTES {
            return Err(Unauthenticated::MalformedToken);
        }
        let name = verified::name(token);
        if let Some(name) = &name
            && let Some(caller) = self.known(name).await
        {
            return Ok(caller);
        }
        let (verified, lifetime) = self.verify_anew(token).await?;
        let caller = verified.caller.clone();
        if let Some((name, lifetime)) = name.zip(lifetime) {
            self.verified.keep(name, lifetime, verified, now_seconds(), LEEWAY_SECONDS);
        }
        Ok(caller)
    }

    /// The caller of a token that was verified before, if it would be again: it is still its time, and its issuer
    /// still has the key.
    async fn known(&self, name: &Digest) -> Option<Caller> {
        let verified = self.verified.find(name, now_seconds(), LEEWAY_SECONDS)?;
        let issuer = self.issuers.get(&verified.issuer)?;
        let key = issuer.key(verified.key_id.as_deref(), verified.algorithm).await.ok()?;
        Arc::ptr_eq(&key, &verified.key).then(|| verified.caller.clone())
    }

    /// Verifies a token as if it had never been seen.
    async fn verify_anew(&self, token: &str) -> Result<(Verified, Option<Lifetime>), Unauthenticated> {
        let members = header_members(token).ok_or(Unauthenticated::MalformedToken)?;
        // An extension that must be understood and is not (RFC 7515, section 4.1.11).
        if members.contains_key("crit") {
            return Err(Unauthenticated::MalformedToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            // A name that the library does not know, `none` among them, does not parse.
            if members.contains_key("alg") {
                Unauthenticated::Algorithm
            } else {
                Unauthenticated::MalformedToken
            }
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Unauthenticated::Algorithm);
        }
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(Unauthenticated::TokenType);
        }
        let unverified: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token)
            .map_err(|_| Unauthenticated::MalformedToken)?;
        let issuer = unverified
            .get("iss")
            .and_then(Value::as_str)
            .and_then(|issuer| self.issuers.get(issuer))
            .ok_or(Unauthenticated::UnknownIssuer)?;
        let key = issuer.key(header.kid.as_deref(), header.alg).await?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[issuer.name()]);
        let audiences = issuer.audiences();
        validation.set_audience(if audiences.is_empty() { &self.resources } else { audiences });
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation)
            .map_err(|error| explain(error.kind()))?
            .claims;
        let caller = match issuer {
            Trusted::Oidc(settings, _) => caller_of(settings, &claims),
            Trusted::Cluster(cluster) => cluster.caller(&claims),
        }?;
        let (issuer, key_id, algorithm) = (issuer.name().to_owned(), header.kid, header.alg);
        Ok((Verified { issuer, key_id, algorithm, key, caller }, Lifetime::of(&claims)))
    }
}

impl Trusted {
    fn name(&self) -> &str {
        match self {
            Self::Oidc(settings, _) => &settings.issuer,
            Self::Cluster(cluster) => &cluster.settings.issuer,
        }
    }

    fn audiences(&self) -> &[String] {
        match self {
            Self::Oidc(settings, _) => &settings.audiences,
            Self::Cluster(cluster) => &cluster.settings.audiences,
        }
    }

    async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<DecodingKey>, Unauthenticated> {
        match self {
            Self::Oidc(_, issuer) => issuer.key(id, algorithm).await.map_err(|error| match error {
                KeyError::Unknown => Unauthenticated::UnknownKey,
                KeyError::Unreachable { .. } => Unauthenticated::KeysUnavailable,
            }),
            Self::Cluster(cluster) if cluster.keys.is_empty() => Err(Unauthenticated::KeysUnavailable),
            Self::Cluster(cluster) => cluster.keys.find(id, algorithm).ok_or(Unauthenticated::UnknownKey),
        }
    }
}

fn bearer(header: &[u8]) -> Result<&str, Unauthenticated> {
    let text = std::str::from_utf8(header).map_err(|_| Unauthenticated::MalformedHeader)?;
    let (scheme, token) = text.split_once(' ').ok_or(Unauthenticated::MalformedHeader)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains([' ', ',']) {
        return Err(Unauthenticated::MalformedHeader);
    }
    Ok(token)
}

/// The members of the token's header, as they are written.
fn header_members(token: &str) -> Option<Map<String, Value>> {
    let header = token.split('.').next()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}

/// `at+jwt` (RFC 9068) or plain `JWT`; logout tokens, DPoP proofs and their kin are for others.
fn is_access_token(kind: &str) -> bool {
    ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the library's list of kinds is open")]
fn explain(kind: &jsonwebtoken::errors::ErrorKind) -> Unauthenticated {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::ExpiredSignature => Unauthenticated::Expired,
        ErrorKind::ImmatureSignature => Unauthenticated::NotYetValid,
        ErrorKind::InvalidAudience => Unauthenticated::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Unauthenticated::Audience,
        ErrorKind::InvalidIssuer => Unauthenticated::UnknownIssuer,
        ErrorKind::InvalidSignature => Unauthenticated::Signature,
        ErrorKind::InvalidAlgorithm => Unauthenticated::Algorithm,
        // Whatever else it is, it makes the token unusable.
        _ => Unauthenticated::MalformedToken,
    }
}

fn caller_of(settings: &OidcIssuer, claims: &Map<String, Value>) -> Result<Caller, Unauthenticated> {
    let username = claim(claims, &settings.username_claim)
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .ok_or(Unauthenticated::NoUsername)?;
    let verified = claims.get("email_verified").is_none_or(|verified| *verified == Value::Bool(true));
    if settings.username_claim == "email" && !verified {
        return Err(Unauthenticated::UnverifiedEmail);
    }
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or(username);
    Ok(Caller {
        issuer: settings.issuer.clone(),
        subject: subject.to_owned(),
        username: username.to_owned(),
        groups: groups(settings, claims)?,
        kubernetes_usernames: cluster_name::names(&settings.kubernetes_usernames, claims),
        anonymous: false,
    })
}

fn groups(settings: &OidcIssuer, claims: &Map<String, Value>) -> Result<Vec<String>, Unauthenticated> {
    let Some(value) = claim(claims, &settings.groups_claim) else {
        let left_out = claims
            .get("_claim_names")
            .and_then(Value::as_object)
            .is_some_and(|names| names.contains_key(&settings.groups_claim));
        return if left_out { Err(Unauthenticated::TooManyGroups) } else { Ok(Vec::new()) };
    };
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Unauthenticated::MalformedGroups);
    match value {
        Value::String(group) => Ok(vec![group.clone()]),
        Value::Array(list) if list.len() > MAXIMUM_GROUPS => Err(Unauthenticated::TooManyGroups),
        Value::Array(list) => list.iter().map(text).collect(),
        Value::Null => Ok(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(Unauthenticated::MalformedGroups),
    }
}

/// A claim by its path. A claim whose own name has dots (a URL, say) is found by its whole name first.
pub(crate) fn claim<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Unauthenticated, bearer, caller_of};
    use lychgate_gateway_policy::config::OidcIssuer;
    use serde_json::json;

    fn settings(username: &str, groups: &str) -> OidcIssuer {
        OidcIssuer {
            issuer: "https://idp".into(),
            ca: None,
            audiences: vec![],
            username_claim: username.into(),
            groups_claim: groups.into(),
            kubernetes_usernames: vec![],
            insecure_loopback: false,
        }
    }

    #[test]
    fn a_header_is_bearer_and_one_token() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer  abc", None),
            ("Bearer a, Bearer b", None),
            ("Basic abc", None),
            ("abc", None),
        ] {
            assert_eq!(bearer(header.as_bytes()).ok(), expected, "{header:?}");
        }
    }

    #[test]
    fn name_and_groups_come_from_the_claims_that_are_configured() {
        let claims = json!({
            "sub": "123", "email": "alice@example.com", "email_verified": false,
            "groups": ["a", "b"], "one": "c", "realm": {"roles": ["d"]}, "https://x.example/groups": ["e"],
            "wrong": [1], "_claim_names": {"left_out": "src1"}, "none": null,
        });
        let claims = claims.as_object().unwrap();
        let groups = |claim: &str| caller_of(&settings("sub", claim), claims).map(|caller| caller.groups);
        for (claim, expected) in [
            ("groups", Ok(vec!["a".to_owned(), "b".into()])),
            ("one", Ok(vec!["c".into()])),
            ("realm.roles", Ok(vec!["d".into()])),
            ("https://x.example/groups", Ok(vec!["e".into()])),
            ("absent", Ok(vec![])),
            ("none", Ok(vec![])),
            ("wrong", Err(Unauthenticated::MalformedGroups)),
            ("email_verified", Err(Unauthenticated::MalformedGroups)),
            ("left_out", Err(Unauthenticated::TooManyGroups)),
        ] {
            assert_eq!(groups(claim), expected, "{claim}");
        }
        let name = |claim: &str| caller_of(&settings(claim, "groups"), claims).map(|caller| caller.username);
        assert_eq!(name("sub").as_deref(), Ok("123"));
        assert_eq!(name("absent"), Err(Unauthenticated::NoUsername));
        assert_eq!(name("groups"), Err(Unauthenticated::NoUsername));
        assert_eq!(name("email"), Err(Unauthenticated::UnverifiedEmail));
    }
}
