//! The cluster's own issuer: agents that present a projected token of their service account.
//!
//! The keys stand in the policy document, so that a gateway needs no way to the API server, and no right there,
//! to know its callers. Name and groups are those that the API server itself gives a service account.

use jsonwebtoken::jwk::Jwk;
use lychgate_gateway_policy::Caller;
use lychgate_gateway_policy::config::KubernetesIssuer;
use serde_json::{Map, Value};

use crate::caller::Unauthenticated;
use crate::key_set::KeySet;

/// How the subject of every service account begins; its namespace and name follow.
const SUBJECT_PREFIX: &str = "system:serviceaccount:";
/// The claim in which the API server says whose token it is.
const CLAIM: &str = "kubernetes.io";

/// A cluster whose service accounts are accepted, with the keys of its tokens.
pub struct Cluster {
    /// What is configured.
    pub settings: KubernetesIssuer,
    /// The keys that can be used.
    pub keys: KeySet,
}

impl Cluster {
    /// Takes the settings with those of their keys that can be used.
    #[must_use]
    pub fn new(settings: &KubernetesIssuer) -> Self {
        let keys = KeySet::new(
            settings.keys.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok()),
        );
        if keys.len() < settings.keys.len() {
            let (given, usable) = (settings.keys.len(), keys.len());
            tracing::warn!(
                issuer = settings.issuer,
                given,
                usable,
                "not all keys of the cluster can be used"
            );
        }
        Self { settings: settings.clone(), keys }
    }

    /// The service account that verified claims speak of.
    ///
    /// # Errors
    /// They speak of none: [`Unauthenticated::NotServiceAccount`].
    pub fn caller(&self, claims: &Map<String, Value>) -> Result<Caller, Unauthenticated> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = account(subject).ok_or(Unauthenticated::NotServiceAccount)?;
        if claims.get(CLAIM).is_some_and(|claim| !agrees(claim, namespace, name)) {
            return Err(Unauthenticated::NotServiceAccount);
        }
        Ok(Caller {
            issuer: self.settings.issuer.clone(),
            subject: subject.to_owned(),
            username: subject.to_owned(),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
            kubernetes_usernames: vec![subject.to_owned()],
            anonymous: false,
        })
    }
}

/// Namespace and name of the service account that a subject names.
fn account(subject: &str) -> Option<(&str, &str)> {
    let (namespace, name) = subject.strip_prefix(SUBJECT_PREFIX)?.split_once(':')?;
    let is_name = |text: &str| {
        let legal =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        !text.is_empty() && text.bytes().all(legal)
    };
    (is_name(namespace) && is_name(name)).then_some((namespace, name))
}

fn agrees(claim: &Value, namespace: &str, name: &str) -> bool {
    let text = |value: Option<&Value>, expected: &str| value.and_then(Value::as_str) == Some(expected);
    text(claim.get("namespace"), namespace) && text(claim.pointer("/serviceaccount/name"), name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::Cluster;
    use crate::caller::Unauthenticated;
    use lychgate_gateway_policy::config::KubernetesIssuer;
    use serde_json::json;

    fn cluster() -> Cluster {
        let issuer = "https://kubernetes.default.svc".to_owned();
        Cluster::new(&KubernetesIssuer { issuer, audiences: vec![], keys: vec![json!({"kty": "unknown"})] })
    }

    #[test]
    fn a_service_account_has_the_name_and_the_groups_that_the_api_server_gives_it() {
        let claims = json!({"sub": "system:serviceaccount:agents:billing", "groups": ["admins"],
            "kubernetes.io": {"namespace": "agents", "serviceaccount": {"name": "billing", "uid": "1"}}});
        let caller = cluster().caller(claims.as_object().unwrap()).unwrap();
        assert_eq!(caller.username, "system:serviceaccount:agents:billing");
        let groups = ["system:serviceaccounts", "system:serviceaccounts:agents", "system:authenticated"];
        assert_eq!(caller.groups, groups);
        assert_eq!((caller.issuer.as_str(), caller.anonymous), ("https://kubernetes.default.svc", false));
        assert_eq!(caller.kubernetes_usernames, ["system:serviceaccount:agents:billing"]);
    }

    #[test]
    fn a_token_of_anything_but_a_service_account_is_refused() {
        let account = "system:serviceaccount:agents:billing";
        let of =
            |namespace: &str, name: &str| json!({"namespace": namespace, "serviceaccount": {"name": name}});
        for (claims, accepted) in [
            (json!({"sub": account}), true),
            (json!({"sub": account, "kubernetes.io": of("agents", "billing")}), true),
            (json!({"sub": account, "kubernetes.io": of("other", "billing")}), false),
            (json!({"sub": account, "kubernetes.io": of("agents", "other")}), false),
            (json!({"sub": account, "kubernetes.io": {"namespace": "agents"}}), false),
            (json!({"sub": account, "kubernetes.io": null}), false),
            (json!({"sub": "system:serviceaccount:agents:"}), false),
            (json!({"sub": "system:serviceaccount::billing"}), false),
            (json!({"sub": "system:serviceaccount:agents:billing:more"}), false),
            (json!({"sub": "system:serviceaccount:agents"}), false),
            (json!({"sub": "system:node:agents:billing"}), false),
            (json!({"sub": "alice"}), false),
            (json!({"sub": ["system:serviceaccount:agents:billing"]}), false),
            (json!({}), false),
        ] {
            let caller = cluster().caller(claims.as_object().unwrap());
            let expected = if accepted { None } else { Some(Unauthenticated::NotServiceAccount) };
            assert_eq!(caller.err(), expected, "{claims}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_used_is_no_key() {
        assert!(cluster().keys.is_empty());
    }
}
